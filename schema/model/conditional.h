// Changes that depend on what a row holds: read-modify-write (its rules are in stele/model.h) and
// check-and-mutate; and the id that makes a retry of any change safe. Plain values and validation,
// as in model.h. Thread-compatible.
//
// What may come of it is stored as plain cells: whoever replays a log needs neither rule nor row.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schema/model/model.h"

namespace stele {

// Names one change of one client, the same at every attempt. Servers remember it with its answer
// for kRequestMemoryMs after its last use, so that an attempt that comes again is not done again.
struct RequestId {
  uint64_t client_id = 0;  // random; 0: no id, every attempt counts
  uint64_t sequence = 0;   // >= 1, never used twice by the client
  // The client waits for no answer below it and sends none of those again: they may be forgotten.
  uint64_t first_incomplete = 0;  // <= sequence
  bool operator==(const RequestId&) const = default;
};
inline constexpr int64_t kRequestMemoryMs = 10 * 60 * 1000;

// InvalidArgument naming the field, the value's size and the limit; NotFound naming the family
// when `schema` is not null and lacks it.
Status ValidateReadModifyWrite(Slice row, const std::vector<ReadModifyWriteRule>& rules,
                               const TableSchema* schema);
Status ValidateCheckAndMutate(Slice row, const std::vector<Mutation>& if_true,
                              const std::vector<Mutation>& if_false, const TableSchema* schema);
Status ValidateRequestId(const RequestId& id);

// The 8 bytes of counters and aggregates.
std::string EncodeCounter(int64_t value);
// InvalidArgument when it has not exactly 8 bytes.
StatusOr<int64_t> DecodeCounter(Slice value);
int64_t WrappingSum(int64_t a, int64_t b);
// REQUIRES: kind is not kNone.
int64_t Combine(Aggregate kind, int64_t state, int64_t input);

// Whether the mutation needs the cells it changes.
bool HasAdditions(const std::vector<Mutation>& mutations);

}  // namespace stele
