#include "client/routing/retry_policy.h"

#include <algorithm>

#include "common/net/rpc.h"
#include "schema/convert/error_payload.h"

namespace stele::routing {
namespace {

constexpr int64_t kToken = 100;

}  // namespace

Fate FateOfCall(const Status& status) {
  if (status.GetPayload(net::kNotSentPayload).has_value() || wire::IsNotServed(status)) {
    return Fate::kNoEffect;
  }
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kUnimplemented:
      return Fate::kFinal;
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kOutOfRange:  // the row is not in this tablet any more
      return Fate::kNoEffect;
    default:
      return Fate::kUnknown;
  }
}

Fate FateOfRow(const Status& status, bool outcome_unknown) {
  if (outcome_unknown || status.code() == absl::StatusCode::kUnknown) return Fate::kUnknown;
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kAborted:
      return Fate::kNoEffect;
    default:
      return Fate::kFinal;
  }
}

bool ReadIsRetriable(const Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kUnknown:
      return true;
    default:
      return false;
  }
}

bool LocationIsSuspect(const Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kAborted:
      return true;
    default:
      return false;
  }
}

bool MayTryAgain(const RetryOptions& options, uint32_t made) {
  return options.retry && (options.max_attempts == 0 || made < options.max_attempts);
}

int64_t BackoffMs(const RetryOptions& options, uint32_t attempt, int64_t server_delay_ms,
                  Jitter* jitter) {
  int64_t ceiling = options.first_backoff_ms;
  for (uint32_t i = 0; i < attempt && ceiling < options.max_backoff_ms; ++i) ceiling *= 2;
  ceiling = std::max<int64_t>(1, std::min(ceiling, options.max_backoff_ms));
  const int64_t own = 1 + static_cast<int64_t>(jitter->Below(static_cast<uint64_t>(ceiling)));
  if (server_delay_ms <= 0) return own;
  // Spread those that were told the same delay.
  return server_delay_ms + own;
}

RetryBudget::RetryBudget(const RetryOptions& options, Clock* clock)
    : options_(options),
      clock_(clock),
      tokens_(int64_t{options.budget_burst} * kToken),
      refilled_ns_(clock->BootNanos()) {}

void RetryBudget::OnCall() {
  const int64_t most = int64_t{options_.budget_burst} * kToken;
  MutexLock lock(&mu_);
  if (tokens_ == most) return;  // whatever time has passed
  Refill();
  tokens_ = std::min(tokens_ + options_.budget_percent, most);
}

bool RetryBudget::TakeRetry() {
  MutexLock lock(&mu_);
  Refill();
  if (tokens_ < kToken) return false;
  tokens_ -= kToken;
  return true;
}

void RetryBudget::Refill() {
  const int64_t step_ns = 1'000'000'000 / (int64_t{options_.budget_per_second} * kToken);
  const int64_t steps = (clock_->BootNanos() - refilled_ns_) / step_ns;
  if (steps <= 0) return;
  refilled_ns_ += steps * step_ns;
  tokens_ = std::min(tokens_ + steps, int64_t{options_.budget_burst} * kToken);
}

}  // namespace stele::routing
