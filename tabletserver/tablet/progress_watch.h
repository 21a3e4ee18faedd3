// ProgressWatch: whether the data path moves. Each write is counted in when it is queued and out
// when it completes; when some are in and none has come out for longer than the limit, the path is
// stuck and the lease must not be renewed (PROMISES P24, R22). Thread-safe; Begin and End cost one
// atomic each.
#pragma once

#include <atomic>
#include <cstdint>

#include "common/base/status.h"
#include "common/time/clock.h"

namespace stele::tabletserver {

class ProgressWatch {
 public:
  // `clock` outlives the watch. limit_ns: default 5 s, below the lease.
  ProgressWatch(Clock* clock, int64_t limit_ns) : clock_(clock), limit_ns_(limit_ns) {}

  void Begin() { begun_.fetch_add(1, std::memory_order_relaxed); }
  void End() { ended_.fetch_add(1, std::memory_order_release); }

  // DeadlineExceeded when stuck. One caller: it remembers what it saw last.
  Status Check();

  uint64_t in_flight() const {
    const uint64_t ended = ended_.load(std::memory_order_acquire);
    return begun_.load(std::memory_order_relaxed) - ended;
  }

 private:
  Clock* const clock_;
  const int64_t limit_ns_;
  std::atomic<uint64_t> begun_{0};
  std::atomic<uint64_t> ended_{0};
  uint64_t seen_ended_ = 0;
  int64_t unmoved_since_ns_ = 0;  // 0: nothing was in flight when last looked at
};

}  // namespace stele::tabletserver
