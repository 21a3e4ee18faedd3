#include "common/net/channel.h"

#include <sys/socket.h>
// After sys/socket.h:
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/base/check.h"
#include "common/time/clock.h"

namespace stele::net {
namespace {

using ErrorCode = boost::system::error_code;

constexpr size_t kInputBytes = 64 * 1024;
constexpr size_t kMaxInlineFrame = kInputBytes / 2;  // larger ones are read into their own memory
constexpr size_t kMaxPieces = 64;                    // of one writev
constexpr int64_t kNanosPerMilli = 1'000'000;

// The first of an array, as many as there are: the kernel looks at each that it is given.
struct OutputBuffers {
  const asio::const_buffer* begin() const { return first; }
  const asio::const_buffer* end() const { return first + count; }
  const asio::const_buffer* first;
  size_t count;
};

Status SocketError(const char* what, const ErrorCode& error) {
  return absl::UnavailableError(absl::StrCat(what, ": ", error.message()));
}

// The connection fails when the peer's machine acknowledges nothing for this long.
void SetUserTimeout(int fd, int64_t timeout_ms) {
  const unsigned value = static_cast<unsigned>(std::clamp<int64_t>(timeout_ms, 0, 3'600'000));
  // Only a faster detection of a dead peer depends on it, so a kernel without it is fine.
  (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, sizeof(value));
}

// Sends what the kernel takes at once; the bytes.
size_t SendNow(int fd, const std::array<Slice, 3>& parts) {
  std::array<iovec, 3> pieces;
  size_t count = 0;
  for (Slice part : parts) {
    if (!part.empty()) pieces[count++] = {const_cast<char*>(part.data()), part.size()};
  }
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = count;
  ssize_t sent;
  do {
    sent = ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? 0 : static_cast<size_t>(sent);
}

}  // namespace

Channel::Channel(std::shared_ptr<IoThread> thread, const RpcOptions& options)
    : options_(options), thread_(std::move(thread)) {}

bool Channel::Queue(const FrameHeader& header, Slice prefix, const Buffer& body) {
  char encoded[kFrameHeaderBytes];
  EncodeFrameHeader(header, prefix, body.bytes(), encoded);
  const size_t bytes = sizeof(encoded) + prefix.size() + body.size();
  MutexLock lock(&mu_);
  if (closed_) return false;
  queued_.Add(Slice(encoded, sizeof(encoded)), prefix, body);
  pending_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  queued_total_ += bytes;
  ScheduleFlushLocked();
  return true;
}

bool Channel::ClaimOutput(size_t bytes, uint64_t* start) {
  MutexLock lock(&mu_);
  if (output_fd_ < 0 || claimed_ || flush_scheduled_.load(std::memory_order_relaxed)) return false;
  // What the IoThread is writing counts until it is written.
  if (pending_bytes_.load(std::memory_order_relaxed) > 0) return false;
  claimed_ = true;
  *start = queued_total_;
  queued_total_ += bytes;
  pending_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  written_total_.fetch_add(bytes, std::memory_order_relaxed);
  return true;
}

// What the kernel does not take, for whatever reason, the IoThread writes, or learns why not.
void Channel::SendClaimed(const FrameHeader& header, Slice prefix, const Buffer& body) {
  char encoded[kFrameHeaderBytes];
  EncodeFrameHeader(header, prefix, body.bytes(), encoded);
  int fd;
  {
    MutexLock lock(&mu_);
    DCHECK(claimed_);
    fd = output_fd_;  // stays open while it is claimed
  }
  const size_t bytes = sizeof(encoded) + prefix.size() + body.size();
  const size_t sent =
      fd < 0 ? 0 : SendNow(fd, {Slice(encoded, sizeof(encoded)), prefix, body.bytes()});
  OutputQueue rest;
  if (sent < bytes) {
    rest.Add(Slice(encoded, sizeof(encoded)), prefix, body);
    rest.Consume(sent);
  }
  MutexLock lock(&mu_);
  claimed_ = false;
  written_total_.fetch_sub(bytes - sent, std::memory_order_relaxed);
  if (closed_) return unclaimed_.Signal();
  pending_bytes_.fetch_sub(sent, std::memory_order_relaxed);
  if (!rest.empty()) {
    rest.MoveFrom(&queued_);
    queued_ = std::move(rest);
  }
  if (!queued_.empty()) ScheduleFlushLocked();
}

uint64_t Channel::queued_total() const {
  MutexLock lock(&mu_);
  return queued_total_;
}

uint64_t Channel::taken_total() const {
  int unacknowledged = 0;
  const bool told = socket_.has_value() && !ended_ &&
                    ioctl(const_cast<asio::ip::tcp::socket&>(*socket_).native_handle(), SIOCOUTQ,
                          &unacknowledged) == 0;
  const uint64_t written = written_total();
  return told ? written - static_cast<uint64_t>(unacknowledged) : written;
}

bool Channel::closed() const {
  MutexLock lock(&mu_);
  return closed_;
}

// One that is scheduled runs BeforeWrite after it has said that it is none any more: whoever saw it
// scheduled put what it has where that looks.
void Channel::ScheduleFlush() {
  if (flush_scheduled_.load(std::memory_order_acquire)) return;
  MutexLock lock(&mu_);
  if (!closed_) ScheduleFlushLocked();
}

// Posts under the lock: after Close, which takes it, nothing is posted any more.
void Channel::ScheduleFlushLocked() {
  if (flush_scheduled_.load(std::memory_order_relaxed)) return;
  flush_scheduled_.store(true, std::memory_order_release);
  thread_->Post([self = shared_from_this()] { self->Flush(); });
}

void Channel::Start(asio::ip::tcp::socket socket) {
  if (ended_) return;
  socket_.emplace(std::move(socket));
  ErrorCode error;
  socket_->set_option(asio::ip::tcp::no_delay(true), error);
  if (!error) socket_->set_option(asio::socket_base::keep_alive(true), error);
  if (!error) socket_->non_blocking(true, error);
  if (error) return Close(SocketError("connection", error));
  if (options_.write_stall_timeout_ms > 0) {
    SetUserTimeout(socket_->native_handle(), options_.write_stall_timeout_ms);
  }
  {
    MutexLock lock(&mu_);
    output_fd_ = socket_->native_handle();
  }
  in_.resize(kInputBytes);
  last_read_ns_ = SystemClock()->BootNanos();
  Flush();
}

void Channel::Close(const Status& why) {
  if (ended_) return;
  ended_ = true;
  {
    MutexLock lock(&mu_);
    closed_ = true;
    output_fd_ = -1;
    while (claimed_) unclaimed_.Wait(&mu_);  // for the crc and the system call of a small frame
    queued_ = OutputQueue();
    pending_bytes_ = 0;
  }
  writing_ = OutputQueue();
  if (socket_.has_value()) {
    ErrorCode ignored;  // the descriptor is given back in any case
    socket_->close(ignored);
  }
  OnClosed(why);
}

void Channel::CloseSoon(const Status& why) {
  thread_->Post([self = shared_from_this(), why] { self->Close(why); });
}

void Channel::TrimOutput() {
  writing_.Trim();
  MutexLock lock(&mu_);
  queued_.Trim();
}

void Channel::CloseIfStalled(int64_t now_ns) {
  const uint64_t written = written_total();
  if (std::exchange(written_at_tick_, written) == written) TrimOutput();
  if (options_.write_stall_timeout_ms <= 0 || writing_.empty()) return;
  if (now_ns - write_progress_ns_ > options_.write_stall_timeout_ms * kNanosPerMilli) {
    Close(absl::UnavailableError("connection closed: the peer does not read"));
  }
}

// The heart: takes in what is there, lets everybody add output, writes it in one go, reads on. It
// returns when it waits for the peer, or for replies that will schedule it again.
void Channel::Flush() {
  while (!ended_ && socket_.has_value()) {
    {
      MutexLock lock(&mu_);
      // What is queued from here on goes with this write.
      flush_scheduled_.store(true, std::memory_order_release);
    }
    bool starved = true;
    if (!reading_) {
      if (Status status = TakeFrames(&starved); !status.ok()) return Close(status);
    }
    BeforeWrite();
    MoveQueued();
    // What came between the two calls above found a flush scheduled and posted none: take it in
    // now; its Queue() posts the flush.
    BeforeWrite();
    Write();
    if (ended_ || reading_ || !MayRead()) return;
    if (starved) return Read();
  }
}

void Channel::MoveQueued() {
  MutexLock lock(&mu_);
  flush_scheduled_.store(false, std::memory_order_release);
  if (queued_.empty() || claimed_) return;  // SendClaimed has a flush follow it
  if (writing_.empty()) write_progress_ns_ = SystemClock()->BootNanos();
  writing_.MoveFrom(&queued_);
}

void Channel::Read() {
  if (in_begin_ == in_end_) {
    in_begin_ = in_end_ = 0;
  } else if (in_.size() - in_end_ < kMaxInlineFrame) {
    std::memmove(in_.data(), in_.data() + in_begin_, in_end_ - in_begin_);
    in_end_ -= in_begin_;
    in_begin_ = 0;
  }
  reading_ = true;
  auto done = [this, self = shared_from_this()](const ErrorCode& error, size_t bytes) {
    reading_ = false;
    if (ended_) return;
    if (error) return Close(SocketError("connection lost", error));
    OnRead(bytes);
  };
  const asio::mutable_buffer next(in_.data() + in_end_, in_.size() - in_end_);
  if (!in_body_) return socket_->async_read_some(next, std::move(done));
  // Inside a large frame its rest goes straight to its place, and what follows it into in_.
  const std::array<asio::mutable_buffer, 2> buffers = {
      asio::mutable_buffer(body_.mutable_data() + body_filled_, body_.size() - body_filled_), next};
  socket_->async_read_some(buffers, std::move(done));
}

void Channel::OnRead(size_t bytes) {
  last_read_ns_ = SystemClock()->BootNanos();
  if (in_body_) {
    const size_t into_body = std::min(bytes, body_.size() - body_filled_);
    body_filled_ += into_body;
    bytes -= into_body;
  }
  in_end_ += bytes;
  Flush();
}

Status Channel::TakeFrames(bool* starved) {
  *starved = false;
  while (!ended_ && MayRead()) {
    if (in_body_) {
      if (body_filled_ < body_.size()) break;
      in_body_ = false;
      RETURN_IF_ERROR(TakeFrame(body_header_, body_decoded_, std::move(body_)));
      body_ = Buffer();
      continue;
    }
    const size_t available = in_end_ - in_begin_;
    const char* at = in_.data() + in_begin_;
    if (available < kFrameHeaderBytes) break;
    FrameHeader header;
    RETURN_IF_ERROR(DecodeFrameHeader(at, options_.max_frame_bytes, &header));
    const size_t whole = kFrameHeaderBytes + header.length;
    if (whole <= available) {
      in_begin_ += whole;
      RETURN_IF_ERROR(
          TakeFrame(at, header, Buffer::Copy(Slice(at + kFrameHeaderBytes, header.length))));
      continue;
    }
    if (whole <= kMaxInlineFrame) break;
    std::memcpy(body_header_, at, kFrameHeaderBytes);
    body_decoded_ = header;
    body_ = Buffer(header.length);  // uninitialised: memory is used as bytes arrive
    body_filled_ = available - kFrameHeaderBytes;
    std::memcpy(body_.mutable_data(), at + kFrameHeaderBytes, body_filled_);
    in_body_ = true;
    in_begin_ = in_end_ = 0;
    break;
  }
  *starved = ended_ || MayRead();
  return OkStatus();
}

Status Channel::TakeFrame(const char* header, const FrameHeader& decoded, Buffer body) {
  if (!FrameCrcMatches(header, body.bytes())) {
    return absl::UnavailableError("connection closed: wrong crc in a frame");
  }
  return OnFrame(decoded, std::move(body));
}

void Channel::Write() {
  while (!ended_ && !waiting_writable_ && !writing_.empty()) {
    Slice pieces[kMaxPieces];
    const size_t count = writing_.Pieces(pieces, kMaxPieces);
    std::array<asio::const_buffer, kMaxPieces> buffers;
    for (size_t i = 0; i < count; i++) buffers[i] = {pieces[i].data(), pieces[i].size()};
    ErrorCode error;
    const size_t bytes = count == 1
                             ? socket_->write_some(buffers[0], error)
                             : socket_->write_some(OutputBuffers{buffers.data(), count}, error);
    if (error == asio::error::would_block || error == asio::error::try_again) {
      return WaitWritable();
    }
    if (error) return Close(SocketError("connection lost", error));
    writing_.Consume(bytes);
    written_total_.fetch_add(bytes, std::memory_order_relaxed);
    write_progress_ns_ = SystemClock()->BootNanos();
    pending_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  }
}

void Channel::WaitWritable() {
  waiting_writable_ = true;
  auto self = shared_from_this();
  socket_->async_wait(asio::socket_base::wait_write, [this, self](const ErrorCode& error) {
    waiting_writable_ = false;
    if (ended_) return;
    if (error) return Close(SocketError("connection lost", error));
    Flush();
  });
}

}  // namespace stele::net
