/// @file
/// What a client counts about itself.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace stele {

/// How long calls took, in microseconds. Quantiles are off by at most an eighth of themselves.
struct LatencySummary {
  uint64_t count = 0;   ///< calls that ended
  int64_t mean_us = 0;  ///< of them
  int64_t p50_us = 0;   ///< half of them took at most so long
  int64_t p90_us = 0;   ///< nine tenths
  int64_t p99_us = 0;   ///< 99 of 100
  int64_t max_us = 0;   ///< the longest
};

/// One kind of call.
struct CallMetrics {
  /// "Apply", "ApplyBatch", "ReadModifyWrite", "CheckAndMutate", "ReadRow", "ReadRows",
  /// "SampleRowKeys" or "Admin".
  std::string call;
  uint64_t started = 0;   ///< in all
  int64_t in_flight = 0;  ///< started and not ended; of ReadRows: readers that are open
  /// Calls that ended otherwise than OK, by code; of ApplyBatch: rows.
  std::vector<std::pair<absl::StatusCode, uint64_t>> errors;
  LatencySummary latency;  ///< from the start to the last answer; with retries
};

/// Since the client was made. Each number is one that it really had, not all at one moment.
struct ClientMetrics {
  std::vector<CallMetrics> calls;  ///< one of each kind
  uint64_t requests = 0;           ///< sent to servers, look-ups of tablets included
  uint64_t retries = 0;            ///< attempts made again after a failure
  uint64_t request_bytes = 0;      ///< of their bodies
  uint64_t response_bytes = 0;     ///< of the answers' bodies
};

}  // namespace stele
