// Merges several sorted iterators into one. Two inputs may hold the same key only with the same
// value (a row marker of several locality groups, a log replayed twice): it comes out once. The
// error of any input ends the merge with that status: a merge that went on without one input would
// show an older state. Thread-compatible.
#pragma once

#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "tabletserver/storage/iterator/iterator.h"

namespace stele::storage {

// Owns the inputs.
std::unique_ptr<Iterator> NewMergingIterator(std::vector<std::unique_ptr<Iterator>> inputs);
// The same of inputs that were placed by a Seek to one target: the merge stands where that leaves
// it. Takes them out of the span.
std::unique_ptr<Iterator> MergePlaced(absl::Span<std::unique_ptr<Iterator>> inputs);

}  // namespace stele::storage
