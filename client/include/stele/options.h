/// @file
/// Options of a client and of one call. Value types.
#pragma once

#include <cstdint>
#include <memory>

#include "stele/read_explanation.h"

namespace stele {

/// How attempts are made again: when and how often. The deadline of the call always ends them.
struct RetryPolicy {
  /// Back-off before the first repeat, doubled with each; the wait is evenly random up to it (full
  /// jitter), and at least the delay that an overloaded server asked for. 1 .. 1000.
  int64_t first_backoff_ms = 10;
  int64_t max_backoff_ms = 1000;    ///< it grows no further; first_backoff_ms .. 60 000
  uint32_t budget_percent = 10;     ///< repeats that each 100 calls earn; 1 .. 100
  uint32_t budget_burst = 500;      ///< repeats saved up at most, and at the start; 1 .. 1 000 000
  uint32_t budget_per_second = 20;  ///< earned whatever the load; 1 .. 1 000 000
};

/// Of a whole client; given to Client::Connect.
struct ClientOptions {
  int64_t timeout_ms = 30'000;  ///< of a data call (of one page, for a scan); 1 .. 86 400 000
  int64_t admin_timeout_ms = 120'000;  ///< of an Admin call; 1 .. 86 400 000
  int64_t connect_timeout_ms = 5'000;  ///< of the first contact with the cell
  /// Calls to a server of which nothing at all is heard for so long, not even that it is there, end
  /// as if their connection had broken, and are made again as below. Calls may take longer than
  /// this: a server says that it is there while it works. 500 .. 86 400 000; 0: never.
  int64_t silence_timeout_ms = 2'000;
  uint32_t io_threads = 1;  ///< of this client; 1 .. 64

  /// Attempts that certainly had no effect are made again, with exponential back-off and full
  /// jitter, until the deadline; at most about a tenth of the calls are retries.
  bool retry = true;
  /// Changes whose outcome is not known (the connection broke, the time ran out) are made again
  /// too, for up to 8 minutes: each carries an id by which the cell does it exactly once. Off, they
  /// end with the code Unknown.
  bool retry_after_unknown = true;
  RetryPolicy retry_policy;  ///< when and how often

  uint64_t batch_request_bytes = 2u << 20;  ///< of one request of a batch
  uint32_t batch_requests_in_flight = 8;    ///< of one batch; 1 .. 1000
  uint64_t scan_page_bytes = 1u << 20;  ///< a scan holds two pages, or two rows if they are larger
};

/// Which failed attempts of a call are made again. Of a read, which has no effect, the last two
/// are the same.
enum class RetryRule : uint8_t {
  kOfClient,     ///< as ClientOptions::retry and retry_after_unknown say
  kNever,        ///< none: one attempt, whatever becomes of it
  kNoEffect,     ///< those that certainly had no effect; an unknown outcome ends the call, Unknown
  kExactlyOnce,  ///< those of unknown outcome too, by the change's id, which is done exactly once
};

/// Of one call. A field outside its range: the call answers InvalidArgument and nothing is sent.
struct CallOptions {
  int64_t timeout_ms = 0;  ///< until its deadline, milliseconds, 0 .. 86 400 000; 0: the client's
  /// Of all pages of a scan together, 0 .. 86 400 000; 0: none.
  int64_t whole_scan_timeout_ms = 0;
  RetryRule retry = RetryRule::kOfClient;  ///< which failed attempts are made again
  /// Attempts at most, of each row of a batch, each page of a scan; 0: until the deadline.
  uint32_t max_attempts = 0;
  int64_t first_backoff_ms = 0;  ///< as RetryPolicy's, 0 .. 1000; 0: the client's
  int64_t max_backoff_ms = 0;    ///< as RetryPolicy's, 0 .. 60 000; 0: the client's
  /// Of a read: what it did is added, for who asks why it took so long; to be looked at when the
  /// read is over. Null: nothing is told, and nothing costs.
  std::shared_ptr<ReadExplanation> explanation = nullptr;
};

}  // namespace stele
