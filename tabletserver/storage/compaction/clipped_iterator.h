// The part of a sorted stream of cells whose rows lie in (start, end]; an empty bound is open.
// Files that a split shares are read through it. Thread-compatible.
#pragma once

#include <memory>

#include "tabletserver/storage/iterator/iterator.h"

namespace stele::storage {

// Returns `input` itself when both bounds are open.
std::unique_ptr<Iterator> NewClippedIterator(std::unique_ptr<Iterator> input, Slice start,
                                             Slice end);

}  // namespace stele::storage
