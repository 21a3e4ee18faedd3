#include "master/procedures/split_tablet.h"

#include <utility>

#include "common/base/log.h"

namespace stele::master {
namespace {

// The child that the parent's server names, where it is.
TabletLocation ChildOf(const TabletView& parent) {
  TabletLocation child = parent.location;
  child.tablet.id = parent.report->split_child;
  child.tablet.start_row = parent.report->split_start_row;
  child.tablet.end_row = parent.report->tablet.start_row;
  // The parent may have been given to another server, or its table dropped, since.
  child.epoch = parent.report->epoch;
  child.server_id = parent.server->node.server_id;
  child.incarnation = parent.server->node.incarnation;
  child.address = parent.server->node.address;
  if (child.assignment == TabletAssignment::kClosing) {
    ++child.epoch;
  } else {
    child.assignment = TabletAssignment::kAssigned;
  }
  return child;
}

Status Register(const ProcedureContext& context, const TabletView& view) {
  if (!view.is_open()) return OkStatus();
  const wire::TabletReport& report = *view.report;
  std::string expected = view.expected_start;
  if (report.tablet.start_row > expected) {
    const bool named = report.split_child != 0 && report.split_start_row == expected &&
                       context.tablets->Find(report.split_child) == nullptr;
    if (!named) {
      LOG(ERROR) << "tablet " << report.tablet.id << ": nobody has the rows before it";
      return OkStatus();
    }
    RETURN_IF_ERROR(FaultPoint(context.faults, "split_tablet.before_row"));
    RETURN_IF_ERROR(context.tablets->Put({ChildOf(view)}));
    RETURN_IF_ERROR(FaultPoint(context.faults, "split_tablet.after_row"));
    LOG(INFO) << "tablet " << report.tablet.id << " was split; its lower part is tablet "
              << report.split_child;
    expected = report.tablet.start_row;
  }
  // Rows before it that are still another's are a merge that is not finished (merge_tablets.h).
  if (report.tablet.start_row != expected) return OkStatus();
  if (view.location.tablet.start_row == expected) return OkStatus();
  TabletLocation parent = view.location;
  parent.tablet.start_row = expected;
  RETURN_IF_ERROR(context.tablets->Put({parent}));
  return FaultPoint(context.faults, "split_tablet.after_parent");
}

}  // namespace

StatusOr<TabletId> BeginSplitTablet(const ProcedureContext& context, const TabletView& tablet,
                                    const std::string& at, bool by_load) {
  const TabletDescriptor& parent = tablet.location.tablet;
  const TabletId id = parent.id;
  if (!MayReshape(id)) {
    return absl::FailedPreconditionError(
        absl::StrCat(id == kRootTablet ? "the root tablet" : "the catalog", " never splits"));
  }
  if (!tablet.serving || !tablet.starts_right() || !context.reshapes->Ready(id)) {
    return absl::UnavailableError(absl::StrCat("tablet ", id, " does not serve, or is changing"));
  }
  if (at.size() > kMaxEndRowBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the split row has ", at.size(), " bytes; limit ", kMaxEndRowBytes));
  }
  ASSIGN_OR_RETURN(TabletId child, context.catalog->NewTabletIds(1));
  if (parent.table < kFirstUserTable) child |= kSystemTabletBit;
  context.reshapes->Split(tablet.server->node,
                          {id, tablet.location.epoch, tablet.expected_start, child, at, by_load});
  return child;
}

Status RegisterSplits(const ProcedureContext& context, TableId table) {
  for (const TabletView& view : ViewTable(context, table)) {
    RETURN_IF_ERROR(Register(context, view));
  }
  return OkStatus();
}

Status RegisterSplitsOfUsers(const ProcedureContext& context) {
  for (TableId table : UserTables(context)) RETURN_IF_ERROR(RegisterSplits(context, table));
  return OkStatus();
}

namespace {

Status SplitLarge(const ProcedureContext& context, TableId table, uint64_t split_bytes) {
  if (split_bytes == 0) return OkStatus();
  const std::vector<TabletView> views = ViewTable(context, table);
  for (size_t i = 0; i < views.size(); ++i) {
    const TabletView& view = views[i];
    if (!view.serving || view.report->counters.bytes <= split_bytes) continue;
    // What a neighbour is about to be merged into does not change its range.
    if (i > 0 && !views[i - 1].serving) continue;
    const TabletId id = view.location.tablet.id;
    if (!MayReshape(id) || !view.starts_right() || !context.reshapes->Ready(id)) continue;
    RETURN_IF_ERROR(BeginSplitTablet(context, view, "").status());
  }
  return OkStatus();
}

}  // namespace

Status SplitLargeTablets(const ProcedureContext& context, uint64_t metadata_split_bytes) {
  RETURN_IF_ERROR(SplitLarge(context, kMetadataTable, metadata_split_bytes));
  for (const auto& [name, record] : context.catalog->tables()) {
    if (record.state != TableState::kServing) continue;
    RETURN_IF_ERROR(SplitLarge(context, record.schema.id, record.schema.split_bytes));
  }
  return OkStatus();
}

}  // namespace stele::master
