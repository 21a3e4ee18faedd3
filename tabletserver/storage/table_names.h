// TableNames: names and ids for new SSTables, never used before by anyone. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "schema/model/model.h"
#include "tabletserver/storage/compaction/table_output.h"

namespace stele::storage {

inline constexpr char kTablesPrefix[] = "tables";

class TableNames {
 public:
  // `log_epoch` is new at every start of the server (LogStore::epoch).
  TableNames(Slice server_id, uint64_t log_epoch);
  TableFileName Next(const TabletDescriptor& tablet, Epoch epoch);

 private:
  const uint64_t server_;
  const uint64_t log_epoch_;
  std::atomic<uint32_t> counter_{0};
};

}  // namespace stele::storage
