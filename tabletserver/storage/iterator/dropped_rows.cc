#include "tabletserver/storage/iterator/dropped_rows.h"

#include <algorithm>

namespace stele::storage {

DroppedRows::DroppedRows(std::vector<RowDrop> drops) : all_(std::move(drops)) {
  std::vector<std::string> bounds;
  for (const RowDrop& drop : all_) {
    bounds.push_back(drop.start);
    if (!drop.end.empty()) bounds.push_back(drop.end);
    latest_ = std::max(latest_, drop.sequence);
  }
  std::sort(bounds.begin(), bounds.end());
  bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
  for (std::string& bound : bounds) {
    Sequence newest = 0;
    for (const RowDrop& drop : all_) {
      if (drop.Covers(bound)) newest = std::max(newest, drop.sequence);
    }
    runs_.push_back({std::move(bound), newest});
  }
}

Sequence DroppedRows::At(Slice row) const {
  auto after = std::upper_bound(runs_.begin(), runs_.end(), row,
                                [](Slice r, const Run& run) { return r < Slice(run.start); });
  return after == runs_.begin() ? 0 : std::prev(after)->sequence;
}

}  // namespace stele::storage
