// WriteThrottle: gradual back-pressure on writers, a slope instead of a cliff. Pressure is a share:
// 0.6 and below is free, between 0.6 and 1 the admitted rate falls smoothly, from 1 on nothing is
// admitted. What is over the rate is refused with the delay after which it fits; it never blocks,
// because io threads call it. Thread-safe.
//
// The debt is bytes that were admitted ahead of the rate. It melts at the rate of the pressure that
// there is, not of the pressure under which it was made, and never grows beyond what that rate
// works off in kLongestThrottleWaitMs: no writer waits longer for what others wrote.
#pragma once

#include <atomic>
#include <cstdint>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/time/clock.h"

namespace stele::storage {

inline constexpr double kThrottleFrom = 0.6;
inline constexpr int64_t kLongestThrottleWaitMs = 1000;

// Bytes a second that may be written under `pressure`; 0: none, infinity below kThrottleFrom.
double AdmittedBytesPerSecond(double pressure);

// ResourceExhausted with the payload kRetryDelayMsPayload (engine.h).
Status RetryLaterError(Slice why, int64_t delay_ms);
// The delay in such an error; 0 when it has none.
int64_t RetryDelayMs(const Status& status);

class WriteThrottle {
 public:
  explicit WriteThrottle(Clock* clock) : clock_(clock) {}

  // OK, or ResourceExhausted with a delay.
  Status Admit(uint64_t bytes, double pressure) EXCLUDES(mu_);
  // Sum of the delays that were asked for.
  uint64_t stalled_ms() const EXCLUDES(mu_);

 private:
  Clock* const clock_;
  mutable Mutex mu_;
  double debt_bytes_ GUARDED_BY(mu_) = 0;
  std::atomic<bool> in_debt_{false};  // changes with mu_: most writers find nobody in debt
  int64_t melted_at_ns_ GUARDED_BY(mu_) = 0;
  uint64_t stalled_ms_ GUARDED_BY(mu_) = 0;
};

}  // namespace stele::storage
