// A bare TCP connection for tests that speak the frame format by hand, or nonsense. Test only.
// Bound to one thread; every wait ends after kWaitMs.
#pragma once

#include <string>

#include "common/net/frame.h"

namespace stele::net {

class RawConnection {
 public:
  static constexpr int kWaitMs = 10'000;
  explicit RawConnection(const std::string& address);  // CHECKs that it connects
  explicit RawConnection(int fd) : fd_(fd) {}
  ~RawConnection();
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  void SetReceiveBuffer(int bytes);
  // The destructor sends a reset: no port waits for late packets.
  void ResetOnClose();
  // False: the peer has closed, or takes nothing for `wait_ms`.
  bool Write(Slice bytes, int wait_ms = kWaitMs);
  // As much as there is, at least one byte; empty: the peer has closed.
  std::string Read(size_t max);
  // Reads until the peer closes; false when it does not.
  bool WaitClosed();
  // The next frame; false when the peer closes before its end.
  bool ReadFrame(FrameHeader* header, std::string* body);

 private:
  bool WaitFor(short events, int wait_ms);
  int fd_ = -1;
};

// A listening socket on a free port that accepts by hand.
class RawListener {
 public:
  explicit RawListener(int backlog);
  ~RawListener();
  RawListener(const RawListener&) = delete;
  RawListener& operator=(const RawListener&) = delete;
  std::string address() const { return address_; }
  int Accept();  // a descriptor for RawConnection; CHECKs that one comes

 private:
  int fd_ = -1;
  std::string address_;
};

// A request frame as a client sends it.
std::string RequestFrame(uint32_t id, uint16_t method, Slice message, int64_t remaining_us = 0);
// Any frame without a prefix.
std::string PlainFrame(FrameKind kind, uint32_t id, Slice body, uint16_t flags = 0);

}  // namespace stele::net
