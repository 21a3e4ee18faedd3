// WriteRecord: the payload of one mutation in the commit log (FORMAT.md beside this file). It holds
// whole cells, so replay needs neither the schema nor the clock of the moment of writing. Pure
// functions over bytes; the decoder trusts nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/functional/function_ref.h"
#include "schema/model/conditional.h"
#include "tabletserver/storage/manifest/remembered_request.h"

namespace stele::storage {

struct WriteHeader {
  Epoch epoch = 0;             // of the owner who wrote
  Sequence base_sequence = 0;  // mutation i of the list has base_sequence + i
  uint64_t mutations = 0;      // >= 1
  int64_t server_timestamp_us =
      0;         // chosen for the cells that asked for the server's time; 0: none
  RequestId id;  // without a client: the caller gave none
  ChangeKind kind = ChangeKind::kWrite;  // what the request came to; told with an id only

  Sequence last_sequence() const { return base_sequence + mutations - 1; }
};

// REQUIRES: ValidateRowMutation(mutation, &schema) was OK. `header.mutations` is set from the list.
std::string EncodeWrite(const RowMutation& mutation, const TableSchema& schema,
                        const WriteHeader& header);

// The header alone. DataLoss for damage, FailedPrecondition for a newer version.
StatusOr<WriteHeader> DecodeWriteHeader(Slice payload);

// The cells that the record sets, as a row in the order of the data model: the answer of a
// read-modify-write. REQUIRES: it sets each cell once.
StatusOr<Row> DecodeWrittenRow(Slice payload);

// Calls fn with each (cell key, value) in the order of the list; the slices live for the call.
Status DecodeWrite(Slice payload, WriteHeader* header,
                   absl::FunctionRef<Status(Slice key, Slice value)> fn);

}  // namespace stele::storage
