// TabletAccess: how the master reads and writes rows of system tablets: through their servers' RPC,
// like any client, at a location it knows. Blocking; not from an io thread. Thread-compatible.
#pragma once

#include <string>
#include <vector>

#include "common/net/rpc.h"
#include "schema/convert/messages.h"
#include "schema/metadata/metadata.h"

namespace stele::master {

class TabletAccess {
 public:
  // `client` outlives it. call_timeout_ms: of one RPC.
  TabletAccess(net::RpcClient* client, int64_t call_timeout_ms)
      : client_(client), call_timeout_ms_(call_timeout_ms) {}

  // All rows of the range that are in the tablet, the newest cell of each column.
  StatusOr<std::vector<Row>> ReadAll(const TabletLocation& tablet, const RowRange& range);

  // All rows, in bounded batches. After an error each row may or may not be written.
  Status Write(const TabletLocation& tablet, const std::vector<RowMutation>& rows);

 private:
  Status WriteBatch(const TabletLocation& tablet, wire::MutateRowsRequest request);

  net::RpcClient* const client_;
  const int64_t call_timeout_ms_;
};

}  // namespace stele::master
