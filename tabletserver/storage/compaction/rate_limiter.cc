#include "tabletserver/storage/compaction/rate_limiter.h"

#include <algorithm>

namespace stele::storage {
namespace {
constexpr int64_t kBurstNs = 200'000'000;
constexpr int64_t kLongestWaitNs = 100'000'000;  // then the clock is read again
}  // namespace

RateLimiter::RateLimiter(Clock* clock, uint64_t bytes_per_second)
    : clock_(clock), bytes_per_second_(bytes_per_second) {}

int64_t RateLimiter::Reserve(uint64_t bytes) {
  const uint64_t rate = bytes_per_second_;
  if (rate == 0) return 0;
  const int64_t now = clock_->BootNanos();
  const auto cost =
      static_cast<int64_t>(static_cast<double>(bytes) * 1e9 / static_cast<double>(rate));
  MutexLock lock(&mu_);
  paid_until_ns_ = std::max(paid_until_ns_, now - kBurstNs) + cost;
  return std::max<int64_t>(0, paid_until_ns_ - now);
}

Status RateLimiter::Acquire(uint64_t bytes) {
  const int64_t wait = Reserve(bytes);
  const int64_t until = clock_->BootNanos() + wait;
  MutexLock lock(&mu_);
  while (!stopped_) {
    int64_t left = until - clock_->BootNanos();
    if (wait == 0 || left <= 0) return OkStatus();
    stopped_changed_.WaitFor(&mu_, std::chrono::nanoseconds(std::min(left, kLongestWaitNs)));
  }
  return absl::CancelledError("maintenance is stopping");
}

void RateLimiter::Stop() {
  MutexLock lock(&mu_);
  stopped_ = true;
  stopped_changed_.SignalAll();
}

}  // namespace stele::storage
