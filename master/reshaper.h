// Reshaper: which tablets split and merge by themselves. Looked at on each pass in which all
// tablets serve:
//
//   - a tablet that has outgrown its table's split_bytes (METADATA: ReshapeOptions) is split near
//     the middle of its bytes;
//   - a tablet that gets many requests for a while (ReshapeOptions) is split where they halve. Not
//     inside a row: one that has nearly all of them stays, and WhyHot tells;
//   - neighbours that together have less than a quarter of it, for a while, are merged: halves of a
//     split tablet are far from it, and two that get more than half of those requests are left
//     alone. One that is elsewhere is moved first.
//
// What it remembers is only since when something is so: the next master begins to wait anew. Bound
// to the master thread; one a term.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "common/time/clock.h"
#include "master/heat.h"
#include "master/procedures/table_view.h"

namespace stele::master {

struct ReshapeOptions {
  // A METADATA tablet of this size names some 100,000 tablets; 0: never split.
  uint64_t metadata_split_bytes = 16u << 20;
  int64_t merge_small_after_ms = 3'600'000;  // 0: never
  // Pages and changed rows a second; 0: never split by load.
  uint64_t split_load_per_s = 20'000;
  int64_t split_load_after_ms = 60'000;
};

class Reshaper {
 public:
  Reshaper(const ReshapeOptions& options, Clock* clock)
      : options_(options), clock_(clock), heat_(options.split_load_per_s) {}

  // From the next pass on; what is small or hot stays so since when it is.
  void Retune(const ReshapeOptions& options);
  // Orders what is due. An error leaves the rest to the next pass.
  Status Advance(const ProcedureContext& context);
  // Why a tablet that is hot is not split; "": it is not, or is about to be.
  std::string WhyHot(TabletId tablet) const { return heat_.Why(tablet); }

 private:
  // Since when these two, left and right, are small neighbours.
  using Ages = std::map<std::pair<TabletId, TabletId>, int64_t>;
  Status SplitHotTablets(const ProcedureContext& context);
  Status SplitHot(const ProcedureContext& context, const TabletView& view);
  bool AreWarm(const TabletView& left, const TabletView& right) const;
  Status MergeSmallTablets(const ProcedureContext& context);
  Status MergeSmall(const ProcedureContext& context, TableId table, uint64_t split_bytes,
                    Ages* small);

  ReshapeOptions options_;
  Clock* const clock_;
  Heat heat_;
  Ages small_since_ns_;
};

}  // namespace stele::master
