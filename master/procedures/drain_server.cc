#include "master/procedures/drain_server.h"

#include <set>

namespace stele::master {
namespace {

struct Placement {
  std::vector<ServerLoad> able;       // servers that take tablets
  std::vector<PlacedTablet> leaving;  // tablets of live servers that drain
  WeighedCell others;                 // able servers, and what they have
};

Placement ViewPlacement(const ProcedureContext& context, const std::string& also) {
  Placement view;
  std::set<std::string> draining;
  std::map<std::string, size_t> able;
  for (const auto& [id, server] : context.servers->servers()) {
    if (id == also || IsDraining(*context.catalog, server)) {
      draining.insert(id);
    } else if (server.report_status.ok()) {
      able[id] = view.able.size();
      view.able.push_back({id, 0});
      view.others.servers.push_back(id);
    }
  }
  for (const auto& [id, location] : context.tablets->all()) {
    if (location.assignment == TabletAssignment::kClosing) continue;
    // Those of gone servers get new owners anyway.
    if (context.servers->Find(location.server_id, location.incarnation) == nullptr) continue;
    if (draining.contains(location.server_id)) view.leaving.push_back({id, location.server_id});
    auto at = able.find(location.server_id);
    if (at == able.end()) continue;
    ++view.able[at->second].tablets;
    WeighedTablet& tablet = view.others.tablets.emplace_back();
    tablet.tablet = id;
    tablet.server_id = location.server_id;
    tablet.system = location.tablet.table < kFirstUserTable;
  }
  return view;
}

}  // namespace

bool IsDraining(const Catalog& catalog, const LiveServer& server) {
  return server.leaving || catalog.drained().contains(server.node.server_id);
}

Status CheckDrain(const ProcedureContext& context, const std::string& server_id) {
  if (context.catalog->drained().contains(server_id)) return OkStatus();
  if (!context.servers->servers().contains(server_id)) {
    return absl::NotFoundError(absl::StrCat("there is no live server \"", server_id, "\""));
  }
  if (ViewPlacement(context, server_id).able.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("no other server could take the tablets of ", server_id));
  }
  return OkStatus();
}

Status BeginDrain(const ProcedureContext& context, const std::string& server_id) {
  RETURN_IF_ERROR(CheckDrain(context, server_id));
  RETURN_IF_ERROR(FaultPoint(context.faults, "drain_server.before_mark"));
  RETURN_IF_ERROR(context.catalog->PutDrained(server_id));
  return FaultPoint(context.faults, "drain_server.after_mark");
}

Status EndDrain(const ProcedureContext& context, const std::string& server_id) {
  if (!context.catalog->drained().contains(server_id)) {
    if (context.servers->servers().contains(server_id)) return OkStatus();
    return absl::NotFoundError(absl::StrCat("there is no server \"", server_id, "\""));
  }
  RETURN_IF_ERROR(FaultPoint(context.faults, "drain_server.before_unmark"));
  return context.catalog->EraseDrained(server_id);
}

std::vector<PlannedMove> PlanDrains(const ProcedureContext& context, const std::string& also) {
  Placement view = ViewPlacement(context, also);
  if (view.leaving.empty()) return {};
  std::vector<PlannedMove> plan = PlanDrain(view.leaving, std::move(view.able));
  for (PlannedMove& move : plan) move.reason = absl::StrCat(move.from, " drains");
  return plan;
}

WeighedCell ViewForBalance(const ProcedureContext& context) {
  return ViewPlacement(context, "").others;
}

std::string DescribeMove(const PlannedMove& move) {
  if (move.to.empty()) {
    return absl::StrCat("tablet ", move.tablet, " waits at ", move.from,
                        " for a server that can take it");
  }
  return absl::StrCat("move tablet ", move.tablet, " from ", move.from, " to ", move.to,
                      move.reason.empty() ? "" : ": ", move.reason);
}

}  // namespace stele::master
