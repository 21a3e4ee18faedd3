#include "tabletserver/storage/split_row.h"

#include <algorithm>

#include "schema/metadata/metadata.h"

namespace stele::storage {
namespace {

// Any prefix of a row sorts before it, so that the rows before it still go to the lower half.
std::string Shortened(const std::string& row) { return row.substr(0, kMaxEndRowBytes); }

}  // namespace

StatusOr<std::string> ChooseSplitRow(const TabletDescriptor& tablet, std::vector<WeighedRow> blocks,
                                     const std::string& last_row) {
  std::sort(blocks.begin(), blocks.end(),
            [](const WeighedRow& a, const WeighedRow& b) { return a.row < b.row; });
  uint64_t total = 0;
  for (const WeighedRow& block : blocks) total += block.bytes;
  const std::string* best = nullptr;
  uint64_t best_distance = 0;
  uint64_t before = 0;  // bytes of the blocks that begin before this row
  for (const WeighedRow& block : blocks) {
    const uint64_t distance = before * 2 > total ? before * 2 - total : total - before * 2;
    before += block.bytes;
    const std::string row = Shortened(block.row);
    const bool inside = row > tablet.start_row && row < last_row &&
                        (tablet.end_row.empty() || row < tablet.end_row);
    if (!inside || (best != nullptr && distance >= best_distance)) continue;
    best = &block.row;
    best_distance = distance;
  }
  if (best == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("tablet ", tablet.id, " has no two rows with data to split between"));
  }
  return Shortened(*best);
}

}  // namespace stele::storage
