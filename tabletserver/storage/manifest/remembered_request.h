// RememberedRequest: what a change with an id came to, kept so that an attempt that comes again is
// answered and not done again (PROMISES P12). Written in log records and manifests. Plain values.
#pragma once

#include <cstdint>
#include <vector>

#include "schema/model/model.h"

namespace stele::storage {

// The numbers are those of the formats.
enum class ChangeKind : uint8_t {
  kWrite = 0,
  kNotMatched = 1,  // check-and-mutate
  kMatched = 2,
  kRow = 3,        // read-modify-write, with the row that it answered
  kForgotRow = 4,  // the same; the row is larger than kMaxRememberedRowBytes
};

inline constexpr size_t kMaxRememberedRowBytes = 256 * 1024;

struct RememberedRequest {
  uint64_t sequence = 0;
  ChangeKind kind = ChangeKind::kWrite;
  Row row;             // of kRow
  uint64_t count = 1;  // of kWrite: so many sequences in a row; else 1
  bool operator==(const RememberedRequest&) const = default;
};

struct RememberedClient {
  uint64_t client_id = 0;
  uint64_t first_incomplete = 0;            // below it nothing is done any more
  std::vector<RememberedRequest> requests;  // ascending, none twice
  bool operator==(const RememberedClient&) const = default;
};

// What either knows, for a tablet that takes over the rows of both. Each: clients and sequences
// ascending, as the result.
std::vector<RememberedClient> JoinedRequests(const std::vector<RememberedClient>& a,
                                             const std::vector<RememberedClient>& b);

}  // namespace stele::storage
