#include "master/reshaper.h"

#include <utility>

#include "common/base/log.h"
#include "master/procedures/drain_server.h"
#include "master/procedures/merge_tablets.h"
#include "master/procedures/move_tablet.h"
#include "master/procedures/split_tablet.h"

namespace stele::master {
namespace {

// Halves of a split tablet are far from being merged again.
constexpr uint64_t kMergeBelowShare = 4;
constexpr size_t kMaxMergesAtOnce = 8;  // of one table
constexpr int64_t kRetryHotAfter = 10;  // times the wait before the first split

// The left one comes to the right one's server before they are merged.
Status MergeOrMove(const ProcedureContext& context, const TabletView& left,
                   const TabletView& right) {
  if (right.server == nullptr || IsDraining(*context.catalog, *right.server)) return OkStatus();
  const std::string& server = right.location.server_id;
  return left.location.server_id == server ? BeginMergeTablets(context, left, right)
                                           : BeginMoveTablet(context, left, server);
}

}  // namespace

void Reshaper::Retune(const ReshapeOptions& options) {
  options_ = options;
  heat_.SetLimit(options.split_load_per_s);
}

Status Reshaper::Advance(const ProcedureContext& context) {
  RETURN_IF_ERROR(SplitLargeTablets(context, options_.metadata_split_bytes));
  if (options_.split_load_per_s != 0) RETURN_IF_ERROR(SplitHotTablets(context));
  return options_.merge_small_after_ms == 0 ? OkStatus() : MergeSmallTablets(context);
}

Status Reshaper::SplitHotTablets(const ProcedureContext& context) {
  std::vector<TableId> tables = {kMetadataTable};
  for (const auto& [name, record] : context.catalog->tables()) {
    if (record.state == TableState::kServing) tables.push_back(record.schema.id);
  }
  Status first_error;
  for (TableId table : tables) {
    const std::vector<TabletView> views = ViewTable(context, table);
    for (size_t i = 0; i < views.size(); ++i) {
      const TabletView& view = views[i];
      if (!view.serving || !MayReshape(view.location.tablet.id)) continue;
      heat_.Look(view);
      // What a neighbour is about to be merged into does not change its range.
      if (i > 0 && !views[i - 1].serving) continue;
      if (first_error.ok()) first_error = SplitHot(context, view);
    }
  }
  heat_.EndRound();
  return first_error;
}

Status Reshaper::SplitHot(const ProcedureContext& context, const TabletView& view) {
  const TabletId id = view.location.tablet.id;
  const int64_t now = clock_->BootNanos(), after_ns = options_.split_load_after_ms * 1'000'000;
  if (heat_.Ordered(id)) {
    if (context.reshapes->UnderWay(id)) return OkStatus();
    // A tablet that was split is another to its server, and begins anew.
    auto failure = context.reshapes->LastFailure(id);
    context.reshapes->ForgetFailure(id);
    heat_.NoteFailure(id, failure.has_value() ? std::string(failure->error.message()) : "",
                      now + kRetryHotAfter * after_ns);
    return OkStatus();
  }
  const int64_t hot_ns = heat_.HotForNs(id);
  if (hot_ns < 0 || hot_ns < after_ns || !heat_.MayTry(id, now)) return OkStatus();
  if (!view.starts_right() || !context.reshapes->Ready(id)) return OkStatus();
  LOG(INFO) << "tablet " << id << " gets " << heat_.PerSecond(id) << " requests a second";
  RETURN_IF_ERROR(BeginSplitTablet(context, view, "", /*by_load=*/true).status());
  heat_.NoteOrder(id);
  return OkStatus();
}

bool Reshaper::AreWarm(const TabletView& left, const TabletView& right) const {
  const uint64_t both =
      heat_.PerSecond(left.location.tablet.id) + heat_.PerSecond(right.location.tablet.id);
  return options_.split_load_per_s != 0 && both >= options_.split_load_per_s / 2;
}

Status Reshaper::MergeSmallTablets(const ProcedureContext& context) {
  Ages small;
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
                            Ages* small) {
  const uint64_t max_bytes = split_bytes / kMergeBelowShare;
  if (max_bytes == 0) return OkStatus();
  const int64_t now = clock_->BootNanos();
  const std::vector<TabletView> views = ViewTable(context, table);
  size_t begun = 0, free = 0;  // the first that is in no pair of this pass
  for (size_t left : FindSmallNeighbours(views, max_bytes)) {
    if (AreWarm(views[left], views[left + 1])) continue;
    const std::pair ids(views[left].location.tablet.id, views[left + 1].location.tablet.id);
    auto known = small_since_ns_.find(ids);
    const int64_t since = known == small_since_ns_.end() ? now : known->second;
    (*small)[ids] = since;
    if (now - since < options_.merge_small_after_ms * 1'000'000) continue;
    if (left < free || begun >= kMaxMergesAtOnce) continue;
    free = left + 2;
    ++begun;
    Status status = MergeOrMove(context, views[left], views[left + 1]);
    if (!status.ok() && status.code() != absl::StatusCode::kUnavailable) return status;
  }
  return OkStatus();
}

}  // namespace stele::master
