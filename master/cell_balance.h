// The balance of a running cell: what servers report is measured, and what is due is moved. See
// placement/balancer.h for when and what. Bound to the master thread.
#pragma once

#include "master/placement/balancer.h"
#include "master/tablet_moves.h"

namespace stele::master {

// After every pass: the owners' reports.
void MeasureLoads(const ProcedureContext& context, LoadMeter* meter);

// When all tablets serve: it pauses while a server is silent, or drains and still has tablets, or
// tablets are on their way.
void BalanceByItself(const ProcedureContext& context, int64_t now_ns, Balancer* balancer,
                     TabletMoves* moves);

}  // namespace stele::master
