#include "client/routing/core.h"

#include <algorithm>

#include "schema/convert/error_payload.h"

namespace stele::routing {
namespace {
// Where nobody serves the tablet yet. Look-ups are shared, a refused connection costs little: who
// comes back soon sees the end of a fail-over or a move soon, and loads nobody.
constexpr int64_t kMaxBackoffUntilServedMs = 250;
}  // namespace

Status Gate::Enter(Pass* pass) {
  uint64_t state = state_.load(std::memory_order_relaxed);
  do {
    if ((state & kClosed) != 0) return absl::CancelledError("the client is closed");
  } while (!state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire,
                                         std::memory_order_relaxed));
  *pass = Pass(this);
  return OkStatus();
}

void Gate::CloseAndDrain() {
  MutexLock lock(&mu_);
  if ((state_.fetch_or(kClosed, std::memory_order_acq_rel) & ~kClosed) == 0) empty_ = true;
  while (!empty_) emptied_.Wait(&mu_);
}

void Gate::Leave() {
  // Only the one who leaves a closed gate last may touch it after this.
  if (state_.fetch_sub(1, std::memory_order_acq_rel) != (kClosed | 1)) return;
  MutexLock lock(&mu_);
  empty_ = true;
  emptied_.SignalAll();
}

void Core::RetryLater(uint32_t attempt, const Status& failure, const CallTerms& terms,
                      std::function<void()> again) {
  traffic_.retries.fetch_add(1, std::memory_order_relaxed);
  // What was never sent loaded no server.
  const bool costs = !failure.GetPayload(net::kNotSentPayload).has_value();
  RetryOptions retry = terms.retry;
  if (!costs || wire::IsNotServed(failure)) {
    retry.max_backoff_ms = std::min(retry.max_backoff_ms, kMaxBackoffUntilServedMs);
  }
  const int64_t delay_ms = BackoffMs(retry, attempt, wire::RetryDelayMs(failure), edges_.jitter);
  RetryAfter(delay_ms, costs, terms, std::move(again));
}

void Core::RetryAfter(int64_t delay_ms, bool costs, const CallTerms& terms,
                      std::function<void()> again) {
  delay_ms = std::min(delay_ms, LeftMs(terms.deadline_ns));
  edges_.timers->RunAfter(delay_ms, [this, costs, terms, again = std::move(again)]() mutable {
    if (!costs || gate_.closed() || LeftMs(terms.deadline_ns) == 0 || budget_.TakeRetry()) {
      return again();
    }
    const int64_t longest_ms = BackoffMs(terms.retry, 31, 0, edges_.jitter);
    RetryAfter(longest_ms, costs, terms, std::move(again));
  });
}

Status NothingSent(Status status) {
  if (!status.ok()) status.SetPayload(net::kNotSentPayload, absl::Cord());
  return status;
}

}  // namespace stele::routing
