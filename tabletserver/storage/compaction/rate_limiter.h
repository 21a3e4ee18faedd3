// RateLimiter: the I/O budget of all maintenance of one server, in bytes a second. A token bucket
// that holds at most a fifth of a second. Time comes from the Clock; a waiter sleeps on a condition
// variable, so Stop wakes it at once. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/time/clock.h"

namespace stele::storage {

class RateLimiter {
 public:
  // bytes_per_second 0: no limit. The clock outlives the limiter.
  RateLimiter(Clock* clock, uint64_t bytes_per_second);

  // From now on; who waits already waits as it was told.
  void SetRate(uint64_t bytes_per_second) { bytes_per_second_ = bytes_per_second; }
  // Takes `bytes` from the budget and returns the nanoseconds to wait before using them.
  int64_t Reserve(uint64_t bytes) EXCLUDES(mu_);
  // Reserve and wait. Cancelled once stopped.
  Status Acquire(uint64_t bytes) EXCLUDES(mu_);
  // Wakes and fails every waiter, for ever.
  void Stop() EXCLUDES(mu_);

 private:
  Clock* const clock_;
  std::atomic<uint64_t> bytes_per_second_;
  Mutex mu_;
  CondVar stopped_changed_;
  int64_t paid_until_ns_ GUARDED_BY(mu_) = 0;  // the budget up to this moment is spent
  bool stopped_ GUARDED_BY(mu_) = false;
};

}  // namespace stele::storage
