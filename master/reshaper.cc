#include "master/reshaper.h"

#include <utility>

#include "master/procedures/drain_server.h"
#include "master/procedures/merge_tablets.h"
#include "master/procedures/move_tablet.h"
#include "master/procedures/split_tablet.h"

namespace stele::master {
namespace {

// Halves of a split tablet are far from being merged again.
constexpr uint64_t kMergeBelowShare = 4;
constexpr size_t kMaxMergesAtOnce = 8;  // of one table

// The left one comes to the right one's server before they are merged.
Status MergeOrMove(const ProcedureContext& context, const TabletView& left,
                   const TabletView& right) {
  if (right.server == nullptr || IsDraining(*context.catalog, *right.server)) return OkStatus();
  const std::string& server = right.location.server_id;
  return left.location.server_id == server ? BeginMergeTablets(context, left, right)
                                           : BeginMoveTablet(context, left, server);
}

}  // namespace

Status Reshaper::Advance(const ProcedureContext& context) {
  RETURN_IF_ERROR(SplitLargeTablets(context, options_.metadata_split_bytes));
  return options_.merge_small_after_ms == 0 ? OkStatus() : MergeSmallTablets(context);
}

Status Reshaper::MergeSmallTablets(const ProcedureContext& context) {
  std::map<TabletId, int64_t> small;
  RETURN_IF_ERROR(MergeSmall(context, kMetadataTable, options_.metadata_split_bytes, &small));
  for (const auto& [name, record] : context.catalog->tables()) {
    if (record.state != TableState::kServing || record.dropping) continue;
    RETURN_IF_ERROR(MergeSmall(context, record.schema.id, record.schema.split_bytes, &small));
  }
  small_since_ns_ = std::move(small);
  return OkStatus();
}

// A table that has just lost rows may get new ones, and one that was cut beforehand waits for its
// first: neighbours must have been small for a while.
Status Reshaper::MergeSmall(const ProcedureContext& context, TableId table, uint64_t split_bytes,
                            std::map<TabletId, int64_t>* small) {
  const uint64_t max_bytes = split_bytes / kMergeBelowShare;
  if (max_bytes == 0) return OkStatus();
  const int64_t now = clock_->BootNanos();
  const std::vector<TabletView> views = ViewTable(context, table);
  size_t begun = 0;
  for (size_t left : FindSmallNeighbours(views, max_bytes)) {
    const TabletId id = views[left].location.tablet.id;
    auto since = small_since_ns_.find(id);
    (*small)[id] = since == small_since_ns_.end() ? now : since->second;
    if (now - (*small)[id] < options_.merge_small_after_ms * 1'000'000) continue;
    if (begun++ >= kMaxMergesAtOnce) continue;
    Status status = MergeOrMove(context, views[left], views[left + 1]);
    if (!status.ok() && status.code() != absl::StatusCode::kUnavailable) return status;
  }
  return OkStatus();
}

}  // namespace stele::master
