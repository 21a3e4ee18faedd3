#include "master/procedures/drop_table.h"

#include <utility>

namespace stele::master {
namespace {

// Whoever is alive may delete the manifests: it is a compare-and-swap in the shared store.
const LiveServer* AnyServer(const ServerList& servers) {
  for (const auto& [id, server] : servers.servers()) {
    if (server.report_status.ok()) return &server;
  }
  return nullptr;
}

// Asks every holder to let go. True: nobody holds any of them, and everybody was heard.
bool CloseAll(const ProcedureContext& context, const std::vector<TabletLocation>& tablets) {
  for (const auto& [id, server] : context.servers->servers()) {
    if (!server.report_status.ok()) return false;
  }
  bool all_closed = true;
  for (const TabletLocation& location : tablets) {
    for (const ServerList::Holder& holder : context.servers->HoldersOf(location.tablet.id)) {
      all_closed = false;
      context.control->Close(holder.server->node,
                             {location.tablet.id, location.epoch, /*flush=*/false});
    }
    all_closed = all_closed && !context.control->UnderWay(location.tablet.id);
  }
  return all_closed;
}

}  // namespace

StatusOr<TableRecord> BeginDropTable(const ProcedureContext& context,
                                     const wire::TableNameRequest& request) {
  const std::string& name = request.table;
  const TableRecord* found = context.catalog->FindTable(name);
  if (found == nullptr) {
    return absl::NotFoundError(absl::StrCat("table \"", name, "\" does not exist"));
  }
  // Until it is gone its name is taken.
  if (found->state == TableState::kDropping) {
    return absl::UnavailableError(absl::StrCat("table \"", name, "\" is being dropped"));
  }
  if (found->state == TableState::kCreating) {
    return absl::UnavailableError(absl::StrCat("table \"", name, "\" is being created"));
  }
  if (found->schema.deletion_protection) {
    return absl::FailedPreconditionError(absl::StrCat(
        "table \"", name, "\" has deletion protection; turn it off before it is dropped"));
  }
  TableRecord record = *found;
  record.state = TableState::kDropping;
  RETURN_IF_ERROR(FaultPoint(context.faults, "drop_table.before_record"));
  RETURN_IF_ERROR(context.catalog->Put(record));
  RETURN_IF_ERROR(FaultPoint(context.faults, "drop_table.after_record"));
  return record;
}

StatusOr<bool> AdvanceDropTable(const ProcedureContext& context, const TableRecord& record) {
  const std::vector<TabletLocation> tablets = context.tablets->TabletsOf(record.schema.id);
  // Step 2: no owner opens them again. The epoch rises, so that a delayed open does nothing.
  std::vector<TabletLocation> closing;
  for (const TabletLocation& location : tablets) {
    if (location.assignment == TabletAssignment::kClosing) continue;
    TabletLocation& next = closing.emplace_back(location);
    next.assignment = TabletAssignment::kClosing;
    ++next.epoch;
  }
  if (!closing.empty()) {
    RETURN_IF_ERROR(context.tablets->Put(closing));
    RETURN_IF_ERROR(FaultPoint(context.faults, "drop_table.after_closing"));
    return false;
  }
  // Step 3: the owners let go, without writing what is to vanish.
  if (!CloseAll(context, tablets)) return false;
  if (!tablets.empty()) {
    // Step 4: the manifests go, so the files are garbage.
    const LiveServer* server = AnyServer(*context.servers);
    if (server == nullptr) return false;
    RETURN_IF_ERROR(FaultPoint(context.faults, "drop_table.before_manifests"));
    RETURN_IF_ERROR(context.control->DropAll(server->node, tablets));
    RETURN_IF_ERROR(FaultPoint(context.faults, "drop_table.after_manifests"));
    // Step 5: the rows go.
    RETURN_IF_ERROR(context.tablets->Remove(tablets));
    RETURN_IF_ERROR(FaultPoint(context.faults, "drop_table.after_rows"));
  }
  // Step 6: the name is free.
  RETURN_IF_ERROR(FaultPoint(context.faults, "drop_table.before_erase"));
  RETURN_IF_ERROR(context.catalog->Erase(record.schema.name));
  RETURN_IF_ERROR(FaultPoint(context.faults, "drop_table.after_erase"));
  return true;
}

}  // namespace stele::master
