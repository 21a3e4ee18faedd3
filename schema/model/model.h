// The data model inside: the public values of stele/model.h and stele/schema.h, what only servers
// know of it (tablets, epochs, sequences), and the validation of all. Pure functions;
// thread-compatible value types.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "schema/model/limits.h"
#include "stele/model.h"
#include "stele/schema.h"

namespace stele {

using TabletId = uint64_t;  // never reused
// Ids below are of the system's first tablets. Those that its tables get later by splits have the
// bit, so that an id alone tells whom the log, the disk and a server's threads serve first.
inline constexpr TabletId kFirstUserTablet = 16;
inline constexpr TabletId kSystemTabletBit = TabletId{1} << 40;
constexpr bool IsSystemTablet(TabletId tablet) {
  return tablet < kFirstUserTablet || (tablet & kSystemTabletBit) != 0;
}

using Epoch = uint64_t;
using Sequence = uint64_t;  // per tablet, continues across owners; orders equal timestamps

// A tablet: the rows of `table` in (start_row, end_row]; an empty end_row is +infinity, an empty
// start_row the beginning.
struct TabletDescriptor {
  TabletId id = 0;
  TableId table = 0;
  std::string start_row;  // exclusive
  std::string end_row;    // inclusive
  bool Contains(Slice row) const {
    return row > Slice(start_row) && (end_row.empty() || row <= Slice(end_row));
  }
  bool operator==(const TabletDescriptor&) const = default;
};

// Validation: InvalidArgument naming the field, the value's size and the limit.
Status ValidateTableName(Slice name);
Status ValidateFamilyName(Slice name);
Status ValidateRowKey(Slice row);
Status ValidateGcRule(const GcRule& rule);
Status ValidateSchema(const TableSchema& schema);
// Structure, limits and timestamps; families against `schema` when it is not null (NotFound naming
// the family).
Status ValidateRowMutation(const RowMutation& mutation, const TableSchema* schema);
Status ValidateRowSet(const RowSet& rows);
Status ValidateSelection(const ReadSelection& selection);

}  // namespace stele
