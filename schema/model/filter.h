// What the inside knows of filters besides the public value of stele/filter.h: names, sizes,
// validation. DATA_MODEL's table says what each kind means; tabletserver/filter evaluates it,
// stele/filter_text.h reads and prints it. Pure functions, thread-safe.
#pragma once

#include <cstddef>

#include "common/base/status.h"
#include "schema/model/model.h"
#include "stele/filter.h"

namespace stele {

// The name of DATA_MODEL's table: "row_key_regex".
const char* FilterKindName(Filter::Kind kind);

// InvalidArgument unless the filter keeps every rule of the table and every limit: its size as
// FilterBytes counts it, its depth, the steps that one cell can take through it. A regex that RE2
// refuses is "Error in field '<name>' : <why>". kNone is valid: no filter.
Status ValidateFilter(const Filter& filter);

// The size that kMaxFilterBytes limits. A filter counts its kind, 1; each string its length and
// the varint of that; each bound 1 and, when set, its string; each number its varint (timestamps
// and probability 8); children the varint of their number and themselves.
size_t FilterBytes(const Filter& filter);
// The same without the children.
size_t FilterNodeBytes(const Filter& filter);

}  // namespace stele
