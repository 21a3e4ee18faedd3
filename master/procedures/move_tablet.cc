#include "master/procedures/move_tablet.h"

namespace stele::master {

Status BeginMoveTablet(const ProcedureContext& context, const TabletView& tablet,
                       const std::string& server_id) {
  if (tablet.location.server_id == server_id) return OkStatus();
  const TabletId id = tablet.location.tablet.id;
  auto server = context.servers->servers().find(server_id);
  if (server == context.servers->servers().end()) {
    return absl::NotFoundError(absl::StrCat("there is no live server ", server_id));
  }
  if (!server->second.report_status.ok()) {
    return absl::UnavailableError(absl::StrCat("server ", server_id, " does not report"));
  }
  if (!tablet.serving || !tablet.starts_right() || !context.reshapes->Ready(id)) {
    return absl::UnavailableError(absl::StrCat("tablet ", id, " does not serve, or is changing"));
  }
  TabletLocation next = tablet.location;
  next.server_id = server_id;
  next.incarnation = server->second.node.incarnation;
  next.address = server->second.node.address;
  ++next.epoch;
  RETURN_IF_ERROR(FaultPoint(context.faults, "move_tablet.before_row"));
  RETURN_IF_ERROR(context.tablets->Put({next}));
  return FaultPoint(context.faults, "move_tablet.after_row");
}

}  // namespace stele::master
