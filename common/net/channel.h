// Channel: one TCP connection as a stream of frames; the server's and the client's connections are
// derived from it. Internal to this folder; only .cc files include it.
//
// Lives on one IoThread: every method runs there but Queue, ClaimOutput, SendClaimed, queued_bytes,
// closed and CloseSoon, which are thread-safe. All frames of one read are handed to OnFrame before
// anything they queued is written, in one writev. Asynchronous operations share its ownership;
// Close ends them. Invariant: after Close nothing is posted to the thread any more.
#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/mutex.h"
#include "common/net/frame.h"
#include "common/net/io_thread.h"
#include "common/net/output_queue.h"

namespace stele::net {

inline constexpr size_t kMostFromHere = 64 * 1024;  // a larger body takes longer than the hand-over

class Channel : public std::enable_shared_from_this<Channel> {
 public:
  Channel(std::shared_ptr<IoThread> thread, const RpcOptions& options);
  virtual ~Channel() = default;

  // Puts a frame into the next write. False: the channel is closed, nothing was queued.
  bool Queue(const FrameHeader& header, Slice prefix, const Buffer& body);
  // For a thread that will wait for the answer: takes the output for itself, for one frame of
  // `bytes`, if nothing is to be written nor being written. SendClaimed must follow, soon: it sends
  // that frame and gives the output back. `start`: where the frame stands in the connection's
  // bytes.
  bool ClaimOutput(size_t bytes, uint64_t* start);
  void SendClaimed(const FrameHeader& header, Slice prefix, const Buffer& body);
  // Queued or being written.
  size_t queued_bytes() const { return pending_bytes_.load(std::memory_order_relaxed); }
  bool closed() const;

  void Close(const Status& why);
  void CloseSoon(const Status& why);  // from any thread that knows the IoThread runs
  // For timeouts; every some milliseconds. Gives memory back when nothing was written since.
  void CloseIfStalled(int64_t now_ns);

 protected:
  // `body` is whole and its crc is right. An error closes the channel.
  virtual Status OnFrame(const FrameHeader& header, Buffer body) = 0;
  // Whether to take in another frame now. After a false one Flush asks again.
  virtual bool MayRead() = 0;
  // Frames may be queued now that are part of the coming write.
  virtual void BeforeWrite() {}
  // Once, at the end of Close.
  virtual void OnClosed(const Status& why) = 0;

  void Start(asio::ip::tcp::socket socket);
  void Flush();
  // Has Flush run soon on the thread, once however often it is asked. Thread-safe.
  void ScheduleFlush();
  // Nothing is to be written for a while.
  void TrimOutput();
  const std::shared_ptr<IoThread>& thread() const { return thread_; }
  bool ended() const { return ended_; }
  // Bytes ever queued, and ever handed to the kernel: those of a claimed frame from its claim on,
  // until it turns out that they were not.
  uint64_t queued_total() const;
  uint64_t written_total() const { return written_total_.load(std::memory_order_relaxed); }
  int64_t last_read_ns() const { return last_read_ns_; }
  // Of those, how many the peer's machine has taken; what it does not tell counts as taken, and for
  // a moment what is claimed.
  uint64_t taken_total() const;

  const RpcOptions options_;

 private:
  void Read();
  void OnRead(size_t bytes);
  // Hands over what is complete in the input while MayRead; `starved`: nothing complete is left.
  Status TakeFrames(bool* starved);
  // `decoded` is what the header says.
  Status TakeFrame(const char* header, const FrameHeader& decoded, Buffer body);
  void MoveQueued();
  void Write();
  void WaitWritable();
  void ScheduleFlushLocked() REQUIRES(mu_);

  const std::shared_ptr<IoThread> thread_;
  std::optional<asio::ip::tcp::socket> socket_;
  bool ended_ = false;  // Close ran

  // Input: bytes [begin, end) of in_, or, inside a large frame, its body.
  std::vector<char> in_;
  size_t in_begin_ = 0, in_end_ = 0;
  bool in_body_ = false;
  char body_header_[kFrameHeaderBytes];
  FrameHeader body_decoded_;
  Buffer body_;
  size_t body_filled_ = 0;
  bool reading_ = false;
  int64_t last_read_ns_ = 0;

  // Output being written.
  OutputQueue writing_;
  bool waiting_writable_ = false;
  std::atomic<uint64_t> written_total_{0};
  uint64_t written_at_tick_ = 0;
  int64_t write_progress_ns_ = 0;  // or since when there has been anything to write

  mutable Mutex mu_;
  OutputQueue queued_ GUARDED_BY(mu_);
  uint64_t queued_total_ GUARDED_BY(mu_) = 0;
  bool closed_ GUARDED_BY(mu_) = false;
  // Of the output, while it is there to be written to from other threads; -1: it is not.
  int output_fd_ GUARDED_BY(mu_) = -1;
  bool claimed_ GUARDED_BY(mu_) = false;  // then the IoThread leaves the queue as it is
  CondVar unclaimed_;                     // for Close
  std::atomic<size_t> pending_bytes_{0};
  std::atomic<bool> flush_scheduled_{false};  // set with mu_ held
};

}  // namespace stele::net
