// The rows that one read visits in one tablet: keys and ranges merged, in order, each row once.
// Pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "schema/model/model.h"

namespace stele::tabletserver {

// True when the range is one row: [r, r].
bool IsPoint(const RowRange& range);

// The rows of `rows` (nothing in it: all) that lie in `tablet` and after `resume_after` (empty:
// from the start), as disjoint, non-empty ranges in order. An empty end is the tablet's end, and
// only the last range's. Reversed: those before `resume_after`, the last range first.
std::vector<RowRange> PlanRows(const RowSet& rows, const TabletDescriptor& tablet,
                               Slice resume_after, bool reversed = false);

// Of the ranges, in their order, the rows that begin with `prefix`.
std::vector<RowRange> RowsWithPrefix(std::vector<RowRange> ranges, const std::string& prefix);

// A row that is asked for after `resume_after` (reversed: before it) and lies before the tablet's
// first; nothing when all begin inside. Nothing in `rows` means the tablet's rows, whatever they
// are. (What lies behind the tablet's last row is not asked of it: that row never changes while the
// tablet lives.)
std::optional<std::string> FirstRowOutside(const RowSet& rows, const TabletDescriptor& tablet,
                                           Slice resume_after, bool reversed = false);

}  // namespace stele::tabletserver
