#include "master/reconciler.h"

#include <set>
#include <utility>

#include "common/base/log.h"
#include "master/procedures/drain_server.h"
#include "master/procedures/merge_tablets.h"
#include "master/procedures/split_tablet.h"

namespace stele::master {
namespace {

constexpr int kOpenAttemptsBeforeBroken = 3;

bool OfSystem(const TabletLocation& location) { return location.tablet.table < kFirstUserTable; }

LogRecoveries::Part PartFor(const TabletLocation& location) {
  return OfSystem(location) ? LogRecoveries::Part::kSystem : LogRecoveries::Part::kAll;
}

}  // namespace

void Reconciler::Note(TabletId tablet, const char* state, std::string reason,
                      std::string next_step) {
  TabletProgress& progress = progress_[tablet];
  if (progress.state != state) progress.since_boot_ns = parts_.clock->BootNanos();
  progress.state = state;
  progress.reason = std::move(reason);
  progress.next_step = std::move(next_step);
}

bool Reconciler::NeedsOwner(const TabletLocation& location) {
  const TabletId id = location.tablet.id;
  if (location.server_id.empty()) return true;
  const auto& servers = parts_.servers->servers();
  if (parts_.servers->Find(location.server_id, location.incarnation) == nullptr) {
    const std::string why = WhyLogIsNotRecovered(location);
    if (why.empty()) return true;
    Note(id, "unassigned", absl::StrCat("its owner ", location.server_id, " is gone"), why);
    return false;
  }
  return !ServerToAvoid(location).empty() && servers.size() > 1;
}

std::string Reconciler::WhyLogIsNotRecovered(const TabletLocation& location) const {
  if (parts_.recoveries != nullptr) {
    return parts_.recoveries->WhyNotRecovered(location.server_id, location.incarnation,
                                              PartFor(location));
  }
  // A new incarnation has recovered its log before it appeared.
  const bool recovered = parts_.servers->servers().contains(location.server_id) ||
                         parts_.log_recovered(location.server_id);
  return recovered ? "" : "waiting until the owner is back or its log is recovered";
}

// An owner that failed to open the tablet several times.
std::string Reconciler::ServerToAvoid(const TabletLocation& location) const {
  auto failure = parts_.control->LastFailure(location.tablet.id);
  if (!failure.has_value() || failure->count < kOpenAttemptsBeforeBroken) return "";
  const bool due = parts_.clock->BootNanos() >= failure->not_before_boot_ns;
  return due ? location.server_id : "";
}

// Those that drain only when there are no others: to be served comes first. The catalog is not
// known before the system's own tablets serve; those may have to move once more.
std::vector<const ServerNode*> Reconciler::ServersForTablets() const {
  std::vector<const ServerNode*> able, draining;
  for (const auto& [id, server] : parts_.servers->servers()) {
    if (!server.report_status.ok()) continue;
    (IsDraining(*parts_.catalog, server) ? draining : able).push_back(&server.node);
  }
  return able.empty() ? draining : able;
}

Status Reconciler::AssignAll(const std::vector<TabletLocation>& homeless) {
  const std::vector<const ServerNode*> nodes = ServersForTablets();
  std::vector<ServerLoad> loads;
  std::map<std::pair<std::string, uint64_t>, size_t> index;
  for (const ServerNode* node : nodes) {
    index[{node->server_id, node->incarnation}] = loads.size();
    loads.push_back({node->server_id, 0});
  }
  for (const auto& [tablet, location] : parts_.tablets->all()) {
    auto at = index.find({location.server_id, location.incarnation});
    if (at != index.end()) ++loads[at->second].tablets;
  }
  std::vector<TabletLocation> assigned;
  for (const TabletLocation& location : homeless) {
    if (nodes.empty()) {
      Note(location.tablet.id, "unassigned", "no tablet server is alive", "waiting for a server");
      continue;
    }
    const std::string avoid = ServerToAvoid(location);
    size_t chosen = nodes.size();
    for (size_t i = 0; i < nodes.size(); ++i) {  // it stays where it was, if that can be
      if (nodes[i]->server_id == location.server_id && location.server_id != avoid) chosen = i;
    }
    if (chosen == nodes.size()) {
      chosen = ChooseServer(location.tablet.id, loads, parts_.tablets->all().size(), avoid);
    }
    ++loads[chosen].tablets;
    TabletLocation& next = assigned.emplace_back(location);
    next.server_id = nodes[chosen]->server_id;
    next.incarnation = nodes[chosen]->incarnation;
    next.address = nodes[chosen]->address;
    ++next.epoch;
    if (next.assignment == TabletAssignment::kUnassigned) {
      next.assignment = TabletAssignment::kAssigned;
    }
  }
  if (assigned.empty()) return OkStatus();
  RETURN_IF_ERROR(FaultPoint(parts_.faults, "assign_tablets.before_rows"));
  RETURN_IF_ERROR(parts_.tablets->Put(assigned));
  return FaultPoint(parts_.faults, "assign_tablets.after_rows");
}

bool Reconciler::OthersLetGo(const TabletLocation& location) {
  bool free = true;
  for (const ServerList::Holder& holder : parts_.servers->HoldersOf(location.tablet.id)) {
    if (holder.server->node.server_id == location.server_id) continue;
    free = false;
    parts_.control->Close(holder.server->node,
                          {location.tablet.id, location.epoch, /*flush=*/true, location});
    Note(location.tablet.id, "opening", absl::StrCat("still at ", holder.server->node.server_id),
         "closing it there");
  }
  if (!free || parts_.recoveries == nullptr) return free;
  // Who had it last may have died, or be silent, before it told or flushed.
  std::string why = parts_.recoveries->WhyNotAllRecovered(PartFor(location));
  for (const auto& [id, server] : parts_.servers->servers()) {
    if (why.empty() && !server.report_status.ok() && id != location.server_id) {
      why = absl::StrCat(id, " does not report what it has");
    }
  }
  if (why.empty()) return true;
  Note(location.tablet.id, "opening", why, "waiting");
  return false;
}

void Reconciler::OrderOpen(const TabletLocation& location, const LiveServer& owner) {
  wire::OpenTabletRequest request;
  request.tablet = location.tablet.id;
  request.epoch = location.epoch;
  if (location.assignment == TabletAssignment::kCreating) {
    request.create.emplace();
    request.create->descriptor = location.tablet;
    if (location.tablet.table == kMetadataTable) {
      request.create->schema = MetadataSchema();
    } else if (location.tablet.table == kCatalogTable) {
      request.create->schema = CatalogSchema();
    } else {
      const TableRecord* record = parts_.catalog->FindTable(location.tablet.table);
      if (record == nullptr) {
        return Note(location.tablet.id, "unassigned", "its table is not in the catalog", "none");
      }
      request.create->schema = record->schema;
    }
  }
  auto failure = parts_.control->LastFailure(location.tablet.id);
  const bool broken = failure.has_value() && failure->count >= kOpenAttemptsBeforeBroken;
  Note(location.tablet.id, broken ? "broken" : "opening",
       failure.has_value() ? std::string(failure->error.message()) : "being opened",
       failure.has_value()
           ? absl::StrCat("attempt ", failure->count + 1, " at ", location.server_id)
           : absl::StrCat("waiting for ", location.server_id));
  parts_.control->Open(owner.node, request);
}

void Reconciler::CheckSchema(const TabletLocation& location, const LiveServer& owner) {
  if (OfSystem(location)) return;
  const TableRecord* record = parts_.catalog->FindTable(location.tablet.table);
  if (record == nullptr) return;
  if (owner.tablets.at(location.tablet.id).schema_version >= record->schema.version) return;
  parts_.control->Alter(owner.node, {location.tablet.id, location.epoch, record->schema});
}

// Its rows are another tablet's, or will be at once (FinishMerges): it is not opened again.
bool Reconciler::IsMerged(const TabletLocation& location) {
  for (const ServerList::Holder& holder : parts_.servers->HoldersOf(location.tablet.id)) {
    if (holder.report->merged_into == 0) continue;
    Note(location.tablet.id, "closing",
         absl::StrCat("merged into tablet ", holder.report->merged_into), "taking it away");
    return true;
  }
  return false;
}

bool Reconciler::CheckOpen(const TabletLocation& location) {
  const LiveServer* owner = parts_.servers->Find(location.server_id, location.incarnation);
  if (owner == nullptr) return false;  // NeedsOwner said why
  const TabletId id = location.tablet.id;
  if (parts_.servers->IsServing(location)) {
    Note(id, "serving", "", "");
    CheckSchema(location, *owner);
    return true;
  }
  if (IsMerged(location)) return false;
  if (!owner->report_status.ok()) {
    Note(id, "unassigned",
         absl::StrCat(location.server_id, " does not report: ", owner->report_status.message()),
         "waiting until it reports or its lock is gone");
    return false;
  }
  if (OthersLetGo(location)) OrderOpen(location, *owner);
  return false;
}

StatusOr<bool> Reconciler::Bring(const std::vector<TabletLocation>& tablets) {
  std::vector<TabletLocation> homeless;
  for (const TabletLocation& location : tablets) {
    if (location.assignment == TabletAssignment::kClosing) continue;
    if (NeedsOwner(location)) homeless.push_back(location);
  }
  if (!homeless.empty()) RETURN_IF_ERROR(AssignAll(homeless));
  bool all = true;
  for (const TabletLocation& old : tablets) {
    const TabletLocation* location = parts_.tablets->Find(old.tablet.id);
    if (location == nullptr) continue;
    if (location->assignment == TabletAssignment::kClosing) {
      Note(old.tablet.id, "closing", "its table is being dropped", "deleting it");
      continue;
    }
    all = CheckOpen(*location) && all;
  }
  return all;
}

Status Reconciler::MarkMade(const std::vector<TabletLocation>& tablets) {
  std::vector<TabletLocation> made;
  for (const TabletLocation& location : tablets) {
    if (location.assignment != TabletAssignment::kCreating) continue;
    made.push_back(location);
    made.back().assignment = TabletAssignment::kAssigned;
  }
  if (made.empty()) return OkStatus();
  RETURN_IF_ERROR(FaultPoint(parts_.faults, "system_tablets.before_assigned"));
  RETURN_IF_ERROR(parts_.tablets->Put(made));
  return FaultPoint(parts_.faults, "system_tablets.after_assigned");
}

Status Reconciler::MakeFirstMetadataTablet() {
  if (parts_.tablets->TabletsOf(kMetadataTable).size() > 1) return OkStatus();  // the root is one
  TabletLocation location;
  location.tablet = FirstMetadataTabletDescriptor();
  location.assignment = TabletAssignment::kCreating;
  LOG(INFO) << "new cell: making the first METADATA tablet";
  RETURN_IF_ERROR(FaultPoint(parts_.faults, "system_tablets.before_first"));
  RETURN_IF_ERROR(parts_.tablets->Put({location}));
  return FaultPoint(parts_.faults, "system_tablets.after_first");
}

ProcedureContext Reconciler::Context() const {
  return {parts_.catalog, parts_.tablets,  parts_.servers,
          parts_.control, parts_.reshapes, parts_.faults};
}

Status Reconciler::BringSystem(bool* all_serving) {
  *all_serving = false;
  TabletDirectory* tablets = parts_.tablets;
  if (!tablets->locker_loaded()) RETURN_IF_ERROR(tablets->LoadFromLocker());
  ASSIGN_OR_RETURN(const bool root, Bring({*tablets->Find(kRootTablet)}));
  if (!root) return OkStatus();
  RETURN_IF_ERROR(MarkMade({*tablets->Find(kRootTablet)}));
  if (!tablets->metadata_loaded()) RETURN_IF_ERROR(tablets->LoadMetadataTablets());
  RETURN_IF_ERROR(MakeFirstMetadataTablet());
  // Before any row is looked for where it no longer is.
  RETURN_IF_ERROR(RegisterSplits(Context(), kMetadataTable));
  RETURN_IF_ERROR(FinishMerges(Context(), kMetadataTable));
  std::vector<TabletLocation> metadata = tablets->TabletsOf(kMetadataTable);
  metadata.push_back(*tablets->Find(kCatalogTablet));
  ASSIGN_OR_RETURN(const bool serving, Bring(metadata));
  if (!serving) return OkStatus();
  metadata = tablets->TabletsOf(kMetadataTable);
  metadata.push_back(*tablets->Find(kCatalogTablet));
  RETURN_IF_ERROR(MarkMade(metadata));
  if (!tablets->tablets_loaded()) RETURN_IF_ERROR(tablets->LoadTablets());
  parts_.catalog->SetLocation(*tablets->Find(kCatalogTablet));
  if (!parts_.catalog->loaded()) RETURN_IF_ERROR(parts_.catalog->Load());
  *all_serving = true;
  return OkStatus();
}

// What a server holds although it belongs to nobody: its table was dropped. (What belongs to
// another server is closed when that one is to open it.)
void Reconciler::CloseStrays() {
  for (const auto& [id, server] : parts_.servers->servers()) {
    for (const auto& [tablet, report] : server.tablets) {
      if (parts_.tablets->Find(tablet) != nullptr) continue;
      parts_.control->Close(server.node, {tablet, report.epoch, /*flush=*/false});
    }
  }
}

Status Reconciler::RefreshServers() {
  const uint64_t opened = parts_.control->Ended(), reshaped = parts_.reshapes->Ended();
  RETURN_IF_ERROR(parts_.servers->Refresh());
  parts_.control->Seen(opened);
  parts_.reshapes->Seen(reshaped);
  std::set<std::string> alive;
  for (const auto& [id, server] : parts_.servers->servers()) alive.insert(server.node.address);
  parts_.control->AbandonOrdersToOthers(alive);
  parts_.reshapes->AbandonOrdersToOthers(alive);
  return parts_.recoveries == nullptr ? OkStatus() : parts_.recoveries->Refresh(!SystemServes());
}

bool Reconciler::SystemServes() const {
  const TabletDirectory& tablets = *parts_.tablets;
  if (!tablets.locker_loaded() || !tablets.metadata_loaded()) return false;
  for (TableId table : {kMetadataTable, kCatalogTable}) {
    for (const TabletLocation& location : tablets.TabletsOf(table)) {
      if (!parts_.servers->IsServing(location)) return false;
    }
  }
  return true;
}

StatusOr<bool> Reconciler::RunPass() {
  RETURN_IF_ERROR(RefreshServers());
  bool system = false;
  RETURN_IF_ERROR(BringSystem(&system));
  if (!system) return false;
  RETURN_IF_ERROR(RegisterSplitsOfUsers(Context()));
  RETURN_IF_ERROR(FinishMergesOfUsers(Context()));
  std::vector<TabletLocation> users;
  for (const auto& [id, location] : parts_.tablets->all()) {
    if (!OfSystem(location)) users.push_back(location);
  }
  ASSIGN_OR_RETURN(const bool serving, Bring(users));
  CloseStrays();
  std::erase_if(progress_,
                [&](const auto& entry) { return parts_.tablets->Find(entry.first) == nullptr; });
  return serving;
}

}  // namespace stele::master
