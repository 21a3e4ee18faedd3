/// @file
/// PrefixRange: the rows of a prefix. Pure.
#pragma once

#include <string_view>

#include "stele/model.h"

namespace stele {

/// The rows whose keys begin with `prefix`; all when it is empty.
RowRange PrefixRange(std::string_view prefix);

}  // namespace stele
