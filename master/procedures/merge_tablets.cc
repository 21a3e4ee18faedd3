#include "master/procedures/merge_tablets.h"

#include "common/base/log.h"

namespace stele::master {
namespace {

wire::MergeTabletsRequest RequestFor(const TabletView& left, const TabletView& right) {
  return {left.location.tablet.id, left.location.epoch, right.location.tablet.id,
          right.location.epoch, right.report->tablet.start_row};
}

uint64_t BytesOf(const TabletView& view) {
  return view.report->counters.bytes + view.report->counters.memtable_bytes;
}

Status Finish(const ProcedureContext& context, const TabletView& left, const TabletView& right) {
  if (!right.serving) return OkStatus();
  const TabletId right_id = right.location.tablet.id;
  // An unwritten split of the right one is registered first.
  const bool taken_over = right.report->tablet.start_row < right.expected_start;
  if (taken_over) {
    RETURN_IF_ERROR(FaultPoint(context.faults, "merge_tablets.before_forget"));
    RETURN_IF_ERROR(WithContext(
        context.reshapes->ForgetMerged(right.server->node, RequestFor(left, right)), "merge"));
    RETURN_IF_ERROR(FaultPoint(context.faults, "merge_tablets.after_forget"));
    TabletLocation whole = right.location;
    whole.tablet.start_row = right.report->tablet.start_row;
    RETURN_IF_ERROR(context.tablets->Put({whole}));
    RETURN_IF_ERROR(context.tablets->Remove({left.location}));
    LOG(INFO) << "tablet " << left.location.tablet.id << " is merged into " << right_id;
    return FaultPoint(context.faults, "merge_tablets.after_row");
  }
  const bool sealed = left.report != nullptr && left.report->merged_into == right_id;
  if (sealed && right.starts_right()) {
    context.reshapes->Merge(right.server->node, RequestFor(left, right));
  }
  return OkStatus();
}

}  // namespace

Status BeginMergeTablets(const ProcedureContext& context, const TabletView& left,
                         const TabletView& right) {
  const TabletId left_id = left.location.tablet.id, right_id = right.location.tablet.id;
  if (left.location.tablet.table != right.location.tablet.table ||
      left.location.tablet.end_row.empty() ||  // the end of the rows, not their beginning
      left.location.tablet.end_row != right.expected_start) {
    return absl::FailedPreconditionError(
        absl::StrCat("tablets ", left_id, " and ", right_id, " are no neighbours"));
  }
  if (!MayReshape(left_id)) {
    return absl::FailedPreconditionError("the root tablet is never merged");
  }
  const TableId table = left.location.tablet.table;
  const TableRecord* record = context.catalog->FindTable(table);
  if (table >= kFirstUserTable && (record == nullptr || record->dropping)) {
    return absl::UnavailableError("rows of the table are being dropped");
  }
  for (const TabletView* view : {&left, &right}) {
    const TabletId id = view->location.tablet.id;
    if (!view->serving || !view->starts_right() || !context.reshapes->Ready(id)) {
      return absl::UnavailableError(absl::StrCat("tablet ", id, " does not serve, or is changing"));
    }
  }
  if (left.location.server_id != right.location.server_id) {
    return absl::FailedPreconditionError(
        absl::StrCat("tablets ", left_id, " and ", right_id, " are on two servers"));
  }
  context.reshapes->Merge(right.server->node, RequestFor(left, right));
  return OkStatus();
}

Status FinishMerges(const ProcedureContext& context, TableId table) {
  const std::vector<TabletView> views = ViewTable(context, table);
  for (size_t i = 1; i < views.size(); ++i) {
    RETURN_IF_ERROR(Finish(context, views[i - 1], views[i]));
  }
  return OkStatus();
}

Status FinishMergesOfUsers(const ProcedureContext& context) {
  for (TableId table : UserTables(context)) RETURN_IF_ERROR(FinishMerges(context, table));
  return OkStatus();
}

std::vector<size_t> FindSmallNeighbours(const std::vector<TabletView>& views, uint64_t max_bytes) {
  std::vector<size_t> pairs;
  for (size_t i = 0; i + 1 < views.size(); ++i) {
    const TabletView& left = views[i];
    const TabletView& right = views[i + 1];
    if (!MayReshape(left.location.tablet.id) || !left.serving || !right.serving) continue;
    if (BytesOf(left) + BytesOf(right) <= max_bytes) pairs.push_back(i);
  }
  return pairs;
}

}  // namespace stele::master
