#include "client/routing/core.h"

#include <algorithm>

namespace stele::routing {

Status Gate::Enter(Pass* pass) {
  MutexLock lock(&mu_);
  if (closed()) return absl::CancelledError("the client is closed");
  ++inside_;
  *pass = Pass(this);
  return OkStatus();
}

void Gate::CloseAndDrain() {
  MutexLock lock(&mu_);
  closed_ = true;
  while (inside_ > 0) empty_.Wait(&mu_);
}

void Gate::Leave() {
  MutexLock lock(&mu_);
  if (--inside_ == 0) empty_.SignalAll();
}

void Core::RetryLater(uint32_t attempt, int64_t server_delay_ms, int64_t deadline_ns,
                      std::function<void()> again) {
  WaitForBudget(BackoffMs(options_.retry, attempt, server_delay_ms, edges_.jitter), deadline_ns,
                std::move(again));
}

void Core::WaitForBudget(int64_t delay_ms, int64_t deadline_ns, std::function<void()> again) {
  delay_ms = std::min(delay_ms, LeftMs(deadline_ns));
  edges_.timers->RunAfter(delay_ms, [this, deadline_ns, again = std::move(again)]() mutable {
    if (gate_.closed() || LeftMs(deadline_ns) == 0 || budget_.TakeRetry()) return again();
    WaitForBudget(BackoffMs(options_.retry, 31, 0, edges_.jitter), deadline_ns, std::move(again));
  });
}

}  // namespace stele::routing
