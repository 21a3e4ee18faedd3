// CheckHistory: whether the history of each row could be that of one copy of the row on which every
// call took effect at one moment between its begin and its end (linearizability), with
//
//   - no id lost that an append acknowledged, none twice, none out of nothing, none of an append
//     that certainly failed;
//   - all lists of ids prefixes of one order;
//   - the count of ids right in every answer: a change of a row is whole;
//   - every sum made of all acknowledged adds and some of unknown outcome.
//
// Exact and of n log n: since every id is there once, the longest list is the order of the appends,
// and it is enough to let each take effect as early as those before it allow. Sums stand for the
// order of adds in the same way; those of unknown outcome fill the gaps, the earliest first. A row
// whose history does not end with a read that begins after all appends ended says too little and
// is an error, too. Pure.
#pragma once

#include <string>
#include <vector>

#include "tests/history/history.h"

namespace stele {

// One sentence for each violation; bounded for each row.
std::vector<std::string> CheckHistory(const std::vector<Operation>& operations);

}  // namespace stele
