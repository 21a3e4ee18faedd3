// Push-down: what of a filter the engine can do by not reading: families, columns and runs of
// columns, a range of timestamps, the first cells of a column or row, a prefix of the row keys.
// Pure.
//
// The promise: the filter gives the same cells over what the engine selects so as over the whole
// row, for every row. Only a first part of each path through the filter is used: nothing moves
// across a limit, an offset, a sample or an interleave, and a limit is used only when all that
// stands before it is pushed down too.
#pragma once

#include <string>

#include "schema/model/filter.h"

namespace stele::tabletserver {

struct PushDownOptions {
  bool enabled = true;  // false: the selection stays, no prefix
};

struct PushDown {
  ReadSelection selection;  // for the engine instead of the request's
  std::string row_prefix;   // rows that do not begin with it yield nothing
};

// `selection` is the request's, whose cells the filter sees. Both are valid.
PushDown FindPushDown(const Filter& filter, const ReadSelection& selection,
                      const PushDownOptions& options = {});

}  // namespace stele::tabletserver
