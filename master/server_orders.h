// What an operator asks for servers: drain, undrain, balance. The order is written down or begun;
// the answer is what is left to be done, so who asks again until nothing is left has waited for the
// end, whoever is master then. Bound to the master thread.
#pragma once

#include "master/placement/balancer.h"
#include "master/tablet_moves.h"
#include "schema/convert/reshape_messages.h"
#include "schema/wire/method.h"

namespace stele::master {

// A dry run changes nothing and answers what would be done. NotFound (server), FailedPrecondition.
// REQUIRES: method is kDrain, kUndrain or kBalance.
StatusOr<wire::TabletOrderResponse> CarryOutServerOrder(const ProcedureContext& context,
                                                        wire::Method method,
                                                        const wire::TabletOrderRequest& request,
                                                        TabletMoves* moves, Balancer* balancer);

}  // namespace stele::master
