#include "master/procedures/move_tablet.h"

namespace stele::master {

StatusOr<TabletLocation> PlanMoveTablet(const ProcedureContext& context, const TabletView& tablet,
                                        const std::string& server_id) {
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
  return next;
}

Status WriteMoves(const ProcedureContext& context, const std::vector<TabletLocation>& moves) {
  RETURN_IF_ERROR(FaultPoint(context.faults, "move_tablet.before_row"));
  RETURN_IF_ERROR(context.tablets->Put(moves));
  return FaultPoint(context.faults, "move_tablet.after_row");
}

Status BeginMoveTablet(const ProcedureContext& context, const TabletView& tablet,
                       const std::string& server_id) {
  if (tablet.location.server_id == server_id) return OkStatus();
  ASSIGN_OR_RETURN(const TabletLocation next, PlanMoveTablet(context, tablet, server_id));
  return WriteMoves(context, {next});
}

// True: it is flushed. An order that was not taken is given again.
StatusOr<bool> TabletMove::Flush(const ProcedureContext& context, const TabletView& view) {
  if (!flushing_) {
    if (!context.reshapes->Ready(tablet_)) return false;
    context.reshapes->Flush(view.server->node, tablet_);
    flushing_ = true;
    return false;
  }
  if (context.reshapes->UnderWay(tablet_)) return false;
  flushing_ = false;
  auto failure = context.reshapes->LastFailure(tablet_);
  if (!failure.has_value()) return true;  // what came earlier is forgotten with a success
  if (failure->error.code() == absl::StatusCode::kUnavailable) return false;
  return failure->error;
}

StatusOr<bool> TabletMove::Advance(const ProcedureContext& context) {
  std::optional<TabletLocation> write;
  ASSIGN_OR_RETURN(const bool done, Advance(context, &write));
  if (!write.has_value()) return done;
  RETURN_IF_ERROR(WriteMoves(context, {*write}));
  Written();
  return false;
}

StatusOr<bool> TabletMove::Advance(const ProcedureContext& context,
                                   std::optional<TabletLocation>* write) {
  ASSIGN_OR_RETURN(const TabletView view, ViewTablet(context, tablet_));
  const bool there = view.location.server_id == server_id_;
  if (there && view.serving) return true;
  if (written_) {
    if (there) return false;
    return absl::AbortedError(
        absl::StrCat("tablet ", tablet_, " was given to ", view.location.server_id, " instead"));
  }
  if (!view.serving) return false;
  if (!flushed_) {
    ASSIGN_OR_RETURN(flushed_, Flush(context, view));
    if (!flushed_) return false;
  }
  auto next = PlanMoveTablet(context, view, server_id_);
  if (next.status().code() == absl::StatusCode::kUnavailable) return false;
  RETURN_IF_ERROR(next.status());
  *write = *std::move(next);
  return false;
}

}  // namespace stele::master
