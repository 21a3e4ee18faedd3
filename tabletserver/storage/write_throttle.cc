#include "tabletserver/storage/write_throttle.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "tabletserver/storage/engine.h"

namespace stele::storage {
namespace {
constexpr double kFullBytesPerSecond = 256e6;
constexpr double kLeastBytesPerSecond = 1e6;
constexpr double kSlackSeconds = 0.02;
constexpr int64_t kRejectDelayMs = 100;
}  // namespace

double AdmittedBytesPerSecond(double pressure) {
  if (pressure < kThrottleFrom) return std::numeric_limits<double>::infinity();
  if (pressure >= 1) return 0;
  const double left = (1 - pressure) / (1 - kThrottleFrom);
  return kLeastBytesPerSecond + (kFullBytesPerSecond - kLeastBytesPerSecond) * left * left;
}

Status RetryLaterError(Slice why, int64_t delay_ms) {
  Status status =
      absl::ResourceExhaustedError(absl::StrCat(why, "; try again in ", delay_ms, " ms"));
  status.SetPayload(kRetryDelayMsPayload, absl::Cord(absl::StrCat(delay_ms)));
  return status;
}

int64_t RetryDelayMs(const Status& status) {
  auto payload = status.GetPayload(kRetryDelayMsPayload);
  int64_t delay = 0;
  if (!payload || !absl::SimpleAtoi(std::string(*payload), &delay)) return 0;
  return delay;
}

Status WriteThrottle::Admit(uint64_t bytes, double pressure) {
  if (pressure < kThrottleFrom) {
    if (!in_debt_.load(std::memory_order_relaxed)) return OkStatus();
    MutexLock lock(&mu_);
    debt_bytes_ = 0;
    in_debt_.store(false, std::memory_order_relaxed);
    return OkStatus();
  }
  const double rate = AdmittedBytesPerSecond(pressure);
  const int64_t now = clock_->BootNanos();
  MutexLock lock(&mu_);
  const double seconds = static_cast<double>(now - std::exchange(melted_at_ns_, now)) / 1e9;
  if (rate <= 0) {
    stalled_ms_ += kRejectDelayMs;
    return RetryLaterError("no memory or log space left for writes", kRejectDelayMs);
  }
  const double most = rate * kLongestThrottleWaitMs / 1000;
  debt_bytes_ = std::clamp(debt_bytes_ - seconds * rate, 0.0, most);
  if (debt_bytes_ > rate * kSlackSeconds) {
    const auto delay = std::max<int64_t>(1, std::llround(std::ceil(debt_bytes_ / rate * 1000)));
    stalled_ms_ += static_cast<uint64_t>(delay);
    return RetryLaterError("writes are slowed down while memory is flushed", delay);
  }
  debt_bytes_ = std::min(debt_bytes_ + static_cast<double>(bytes), most);
  in_debt_.store(true, std::memory_order_relaxed);
  return OkStatus();
}

uint64_t WriteThrottle::stalled_ms() const {
  MutexLock lock(&mu_);
  return stalled_ms_;
}

}  // namespace stele::storage
