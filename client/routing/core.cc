#include "client/routing/core.h"

#include <algorithm>

#include "schema/convert/error_payload.h"

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

void Core::RetryLater(uint32_t attempt, const Status& failure, int64_t deadline_ns,
                      std::function<void()> again) {
  traffic_.retries.fetch_add(1, std::memory_order_relaxed);
  // What was never sent loaded no server.
  const bool costs = !failure.GetPayload(net::kNotSentPayload).has_value();
  const int64_t delay_ms =
      BackoffMs(options_.retry, attempt, wire::RetryDelayMs(failure), edges_.jitter);
  RetryAfter(delay_ms, costs, deadline_ns, std::move(again));
}

void Core::RetryAfter(int64_t delay_ms, bool costs, int64_t deadline_ns,
                      std::function<void()> again) {
  delay_ms = std::min(delay_ms, LeftMs(deadline_ns));
  edges_.timers->RunAfter(delay_ms, [this, costs, deadline_ns, again = std::move(again)]() mutable {
    if (!costs || gate_.closed() || LeftMs(deadline_ns) == 0 || budget_.TakeRetry()) {
      return again();
    }
    const int64_t longest_ms = BackoffMs(options_.retry, 31, 0, edges_.jitter);
    RetryAfter(longest_ms, costs, deadline_ns, std::move(again));
  });
}

Status NothingSent(Status status) {
  if (!status.ok()) status.SetPayload(net::kNotSentPayload, absl::Cord());
  return status;
}

}  // namespace stele::routing
