#include "master/server_orders.h"

#include <set>

namespace stele::master {
namespace {

wire::TabletOrderResponse Describe(const std::vector<PlannedMove>& moves) {
  wire::TabletOrderResponse response;
  for (const PlannedMove& move : moves) response.steps.push_back(DescribeMove(move));
  return response;
}

StatusOr<wire::TabletOrderResponse> Drain(const ProcedureContext& context,
                                          const wire::TabletOrderRequest& request,
                                          TabletMoves* moves) {
  const std::string& server = request.server;
  RETURN_IF_ERROR(request.dry_run ? CheckDrain(context, server) : BeginDrain(context, server));
  std::vector<PlannedMove> left;
  std::set<TabletId> on_their_way;
  for (const PlannedMove& move : moves->moves()) {
    if (move.from != server) continue;
    left.push_back(move);
    on_their_way.insert(move.tablet);
  }
  for (const PlannedMove& move : PlanDrains(context, server)) {
    if (!request.dry_run) moves->Add(move);
    if (move.from == server && !on_their_way.contains(move.tablet)) left.push_back(move);
  }
  return Describe(left);
}

StatusOr<wire::TabletOrderResponse> Undrain(const ProcedureContext& context,
                                            const wire::TabletOrderRequest& request,
                                            TabletMoves* moves) {
  if (!request.dry_run) {
    RETURN_IF_ERROR(EndDrain(context, request.server));
    moves->GiveUpFrom(request.server);
    return wire::TabletOrderResponse();
  }
  wire::TabletOrderResponse response;
  if (context.catalog->drained().contains(request.server)) {
    response.steps.push_back(absl::StrCat("let ", request.server, " be given tablets again"));
  }
  return response;
}

StatusOr<wire::TabletOrderResponse> Balance(const ProcedureContext& context,
                                            const wire::TabletOrderRequest& request,
                                            TabletMoves* moves, Balancer* balancer) {
  // What moves already is not where the plan would see it.
  if (!moves->empty()) return Describe(moves->moves());
  const std::vector<PlannedMove> plan = balancer->Plan(ViewForBalance(context));
  if (!request.dry_run) {
    balancer->Begin(plan);
    for (const PlannedMove& move : plan) moves->Add(move);
  }
  return Describe(plan);
}

}  // namespace

StatusOr<wire::TabletOrderResponse> CarryOutServerOrder(const ProcedureContext& context,
                                                        wire::Method method,
                                                        const wire::TabletOrderRequest& request,
                                                        TabletMoves* moves, Balancer* balancer) {
  switch (method) {
    case wire::Method::kDrain:
      return Drain(context, request, moves);
    case wire::Method::kUndrain:
      return Undrain(context, request, moves);
    default:
      return Balance(context, request, moves, balancer);
  }
}

}  // namespace stele::master
