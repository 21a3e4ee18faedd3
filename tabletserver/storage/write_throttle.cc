#include "tabletserver/storage/write_throttle.h"

#include <algorithm>
#include <limits>

#include "absl/strings/numbers.h"
#include "tabletserver/storage/engine.h"

namespace stele::storage {
namespace {
constexpr double kFullBytesPerSecond = 256e6;
constexpr double kLeastBytesPerSecond = 1e6;
constexpr int64_t kSlackNs = 20'000'000;
constexpr int64_t kRejectDelayMs = 100;
constexpr int64_t kLongestDelayMs = 1000;
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
  if (pressure < kThrottleFrom) return OkStatus();
  const double rate = AdmittedBytesPerSecond(pressure);
  const int64_t now = clock_->BootNanos();
  MutexLock lock(&mu_);
  if (rate <= 0) {
    stalled_ms_ += kRejectDelayMs;
    return RetryLaterError("no memory or log space left for writes", kRejectDelayMs);
  }
  paid_until_ns_ = std::max(paid_until_ns_, now);
  if (paid_until_ns_ > now + kSlackNs) {
    int64_t delay = std::clamp<int64_t>((paid_until_ns_ - now) / 1'000'000, 1, kLongestDelayMs);
    stalled_ms_ += static_cast<uint64_t>(delay);
    return RetryLaterError("writes are slowed down while memory is flushed", delay);
  }
  paid_until_ns_ += static_cast<int64_t>(static_cast<double>(bytes) * 1e9 / rate);
  return OkStatus();
}

uint64_t WriteThrottle::stalled_ms() const {
  MutexLock lock(&mu_);
  return stalled_ms_;
}

}  // namespace stele::storage
