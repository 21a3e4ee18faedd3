// TableRecord: all that the catalog says about one table, in one cell of one row, so that each step
// of a table's life is one atomic write. The record is the journal of its table's procedure: a
// record that is not serving is work to be finished by whoever is master (procedures/STATES.md).
// Value type; coding is versioned.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "schema/model/model.h"

namespace stele::master {

enum class TableState : uint8_t {
  kCreating = 0,
  kServing = 1,
  kDropping = 2,
};
const char* TableStateName(TableState state);

struct TableRecord {
  TableSchema schema;
  TableState state = TableState::kCreating;
  // kCreating: the tablets to make, ids from first_tablet on, in key order; split keys ascending.
  TabletId first_tablet = 0;
  std::vector<std::string> split_keys;
  // Orders to drop rows are numbered; the rows of the last one stand here until every tablet has
  // carried it out.
  uint64_t last_drop_order = 0;
  std::optional<RowRange> dropping;
  bool operator==(const TableRecord&) const = default;
};

// The tablets that a new table begins with.
std::vector<TabletDescriptor> InitialTablets(const TableRecord& record);

StatusOr<std::string> EncodeTableRecord(const TableRecord& record);
// DataLoss when malformed, FailedPrecondition when of a newer format.
StatusOr<TableRecord> DecodeTableRecord(Slice encoded);

}  // namespace stele::master
