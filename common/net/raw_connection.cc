#include "common/net/raw_connection.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/numbers.h"
#include "common/base/check.h"

namespace stele::net {

RawConnection::RawConnection(const std::string& address) {
  const size_t colon = address.rfind(':');
  uint32_t port = 0;
  CHECK(colon != std::string::npos && absl::SimpleAtoi(address.substr(colon + 1), &port));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  CHECK_EQ(inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr), 1);
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK_GE(fd_, 0);
  int connected = connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to));
  // A signal (a fuzzer's alarm) cuts the call off, not the connecting.
  while (connected != 0 && (errno == EINTR || errno == EALREADY)) {
    connected = connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to));
  }
  CHECK(connected == 0 || errno == EISCONN) << " connect: errno " << errno;
}

RawConnection::~RawConnection() { close(fd_); }

void RawConnection::ResetOnClose() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  CHECK_EQ(setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
}

void RawConnection::SetReceiveBuffer(int bytes) {
  CHECK_EQ(setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)), 0);
}

bool RawConnection::WaitFor(short events, int wait_ms) {
  pollfd waiting{fd_, events, 0};
  int ready = poll(&waiting, 1, wait_ms);
  while (ready < 0 && errno == EINTR) ready = poll(&waiting, 1, wait_ms);
  return ready == 1;
}

bool RawConnection::Write(Slice bytes, int wait_ms) {
  while (!bytes.empty()) {
    if (!WaitFor(POLLOUT, wait_ms)) return false;
    const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

std::string RawConnection::Read(size_t max) {
  std::string out(max, '\0');
  if (!WaitFor(POLLIN, kWaitMs)) return "";
  const ssize_t n = recv(fd_, out.data(), max, 0);
  out.resize(n < 0 ? 0 : static_cast<size_t>(n));
  return out;
}

bool RawConnection::WaitClosed() {
  char dropped[4096];
  for (;;) {
    if (!WaitFor(POLLIN, kWaitMs)) return false;
    if (recv(fd_, dropped, sizeof(dropped), 0) <= 0) return true;
  }
}

bool RawConnection::ReadFrame(FrameHeader* header, std::string* body) {
  std::string frame;
  size_t whole = kFrameHeaderBytes;
  while (frame.size() < whole) {
    const std::string more = Read(whole - frame.size());
    if (more.empty()) return false;
    frame += more;
    if (frame.size() == kFrameHeaderBytes) {
      CHECK_OK(DecodeFrameHeader(frame.data(), UINT32_MAX, header));
      whole += header->length;
    }
  }
  *body = frame.substr(kFrameHeaderBytes);
  CHECK(FrameCrcMatches(frame.data(), *body));
  return true;
}

RawListener::RawListener(int backlog) {
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK_GE(fd_, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(at);
  CHECK_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&at), length), 0);
  CHECK_EQ(listen(fd_, backlog), 0);
  CHECK_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &length), 0);
  address_ = absl::StrCat("127.0.0.1:", ntohs(at.sin_port));
}

RawListener::~RawListener() { close(fd_); }

int RawListener::Accept() {
  pollfd waiting{fd_, POLLIN, 0};
  CHECK_EQ(poll(&waiting, 1, RawConnection::kWaitMs), 1);
  const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
  CHECK_GE(fd, 0);
  return fd;
}

std::string PlainFrame(FrameKind kind, uint32_t id, Slice body, uint16_t flags) {
  FrameHeader header;
  header.kind = kind;
  header.request_id = id;
  header.flags = flags;
  char encoded[kFrameHeaderBytes];
  EncodeFrameHeader(header, Slice(), body, encoded);
  return absl::StrCat(Slice(encoded, sizeof(encoded)), body);
}

std::string RequestFrame(uint32_t id, uint16_t method, Slice message, int64_t remaining_us) {
  FrameHeader header;
  header.request_id = id;
  header.method = method;
  char prefix[kRequestPrefixBytes];
  EncodeFixed64(prefix, static_cast<uint64_t>(remaining_us));
  char encoded[kFrameHeaderBytes];
  EncodeFrameHeader(header, Slice(prefix, sizeof(prefix)), message, encoded);
  return absl::StrCat(Slice(encoded, sizeof(encoded)), Slice(prefix, sizeof(prefix)), message);
}

}  // namespace stele::net
