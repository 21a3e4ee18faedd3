#include "master/procedures/drop_rows.h"

#include <utility>

#include "stele/prefix_range.h"

namespace stele::master {
namespace {

// Of a range with its start and without its end.
bool Meets(const RowRange& range, const TabletDescriptor& tablet) {
  if (!tablet.end_row.empty() && range.start > tablet.end_row) return false;
  // The least row of the tablet is above its start row.
  return range.end.empty() || tablet.start_row + '\0' < range.end || tablet.start_row.empty();
}

}  // namespace

StatusOr<TableRecord> BeginDropRows(const ProcedureContext& context,
                                    const wire::DropRowRangeRequest& request) {
  if (request.all != request.prefix.empty()) {
    return absl::InvalidArgumentError(request.all ? "row key prefix: all rows are named as well"
                                                  : "row key prefix is empty");
  }
  const TableRecord* found = context.catalog->FindTable(request.table);
  if (found == nullptr || found->state == TableState::kDropping) {
    return absl::NotFoundError(absl::StrCat("table \"", request.table, "\" does not exist"));
  }
  if (found->state == TableState::kCreating) {
    return absl::UnavailableError(absl::StrCat("table \"", request.table, "\" is being created"));
  }
  if (request.all && found->schema.deletion_protection) {
    return absl::FailedPreconditionError(
        absl::StrCat("table \"", request.table,
                     "\" has deletion protection; turn it off before it is truncated"));
  }
  if (found->dropping) {
    return absl::UnavailableError(
        absl::StrCat("other rows of table \"", request.table, "\" are being dropped"));
  }
  TableRecord record = *found;
  ++record.last_drop_order;
  record.dropping = PrefixRange(request.prefix);
  RETURN_IF_ERROR(FaultPoint(context.faults, "drop_range.before_record"));
  RETURN_IF_ERROR(context.catalog->Put(record));
  RETURN_IF_ERROR(FaultPoint(context.faults, "drop_range.after_record"));
  return record;
}

StatusOr<bool> AdvanceDropRows(const ProcedureContext& context, const TableRecord& record) {
  // A merge joins what two tablets have done, so it is over before either does this.
  for (const TabletLocation& location : context.tablets->TabletsOf(record.schema.id)) {
    if (!context.servers->IsServing(location)) return false;
    if (context.reshapes->UnderWay(location.tablet.id)) return false;
  }
  // Step 2: a tablet that is not served now will be; a move or a split takes what it did with it.
  bool all_done = true;
  for (const TabletLocation& location : context.tablets->TabletsOf(record.schema.id)) {
    if (!Meets(*record.dropping, location.tablet)) continue;
    const LiveServer* owner = context.servers->Find(location.server_id, location.incarnation);
    if (owner == nullptr || !context.servers->IsServing(location)) {
      all_done = false;
      continue;
    }
    const wire::TabletReport& report = owner->tablets.at(location.tablet.id);
    if (report.last_drop_order >= record.last_drop_order) continue;
    all_done = false;
    context.control->DropRows(owner->node, {location.tablet.id, location.epoch, *record.dropping,
                                            record.last_drop_order});
  }
  if (!all_done) return false;
  // Step 3: the next one may come.
  TableRecord done = record;
  done.dropping.reset();
  RETURN_IF_ERROR(FaultPoint(context.faults, "drop_range.before_done"));
  RETURN_IF_ERROR(context.catalog->Put(done));
  RETURN_IF_ERROR(FaultPoint(context.faults, "drop_range.after_done"));
  return true;
}

}  // namespace stele::master
