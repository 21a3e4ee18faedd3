// Where a tablet is cut in two: the row behind which about half of its bytes lie, taken from the
// first rows of its files' blocks, so that nothing is read. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schema/model/model.h"

namespace stele::storage {

// A block, by the row it begins in.
struct WeighedRow {
  std::string row;
  uint64_t bytes = 0;
};

// A row strictly inside the tablet's range, at most kMaxEndRowBytes long; the rows up to and
// including it are the lower half. `last_row` is the largest row with data, or above it.
// FailedPrecondition when nothing can be cut: there is no data, or it is all in one row.
StatusOr<std::string> ChooseSplitRow(const TabletDescriptor& tablet, std::vector<WeighedRow> blocks,
                                     const std::string& last_row);

}  // namespace stele::storage
