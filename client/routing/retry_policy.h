// When a failed attempt is made again, and after how long: pure decisions, and the budget that
// keeps retries from feeding an overload (PROMISES P33).
//
// Three fates of an attempt that did not succeed:
//   kFinal    the answer is the answer: nothing happened, and trying again would not help
//   kNoEffect certainly nothing happened (not sent, refused, wrong server): always tried again
//   kUnknown  it may have happened (lost connection, time-out): a read is tried again; a change
//             when it has an id, for the server does it once (RequestIds)
#pragma once

#include <cstdint>

#include "client/routing/jitter.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/time/clock.h"
#include "schema/model/model.h"

namespace stele::routing {

struct RetryOptions {
  bool retry = true;                // false: each call is one attempt
  bool retry_after_unknown = true;  // changes that have ids
  int64_t first_backoff_ms = 10;    // 1 .. 1000, doubles each time
  int64_t max_backoff_ms = 1000;    // first_backoff_ms .. 60 000
  uint32_t max_attempts = 0;        // of one call; 0: until its deadline
  uint32_t budget_percent = 10;     // retries per 100 calls; 1 .. 100
  uint32_t budget_burst = 500;      // retries saved up at most, and at the start
  uint32_t budget_per_second = 20;  // granted whatever the load, so that a quiet client goes on
};

// What one call goes by: the client's options, or its own.
struct CallTerms {
  int64_t deadline_ns = 0;
  RetryOptions retry;
};

enum class Fate { kFinal, kNoEffect, kUnknown };

// Of an attempt whose RPC failed as a whole.
Fate FateOfCall(const Status& status);
// Of one row that the server answered for with an error.
Fate FateOfRow(const Status& status, bool outcome_unknown);
// A read or look-up has no effect: whether it is worth another attempt.
bool ReadIsRetriable(const Status& status);
// Whether the failure says that the tablet may be elsewhere by now.
bool LocationIsSuspect(const Status& status);

// Whether another attempt is allowed after `made` of them.
bool MayTryAgain(const RetryOptions& options, uint32_t made);

// Full jitter: evenly in [1, min(max, first * 2^attempt)], at least the server's own wish.
// attempt counts from 0.
int64_t BackoffMs(const RetryOptions& options, uint32_t attempt, int64_t server_delay_ms,
                  Jitter* jitter);

// Thread-safe.
class RetryBudget {
 public:
  RetryBudget(const RetryOptions& options, Clock* clock);  // clock outlives it
  void OnCall();     // a first attempt earns a part of a retry
  bool TakeRetry();  // false: none left; wait, do not send

 private:
  void Refill() REQUIRES(mu_);

  const RetryOptions options_;
  Clock* const clock_;
  Mutex mu_;
  // In hundredths of a retry.
  int64_t tokens_ GUARDED_BY(mu_);
  int64_t refilled_ns_ GUARDED_BY(mu_);
};

}  // namespace stele::routing
