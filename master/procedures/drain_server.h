// Drain a server: what is to move where, and what a balance is decided on: what is written and
// reported; STATES.md has the steps. Bound to the master thread.
#pragma once

#include <string>
#include <vector>

#include "master/placement/load_balance.h"
#include "master/placement/placement.h"
#include "master/procedures/procedure.h"

namespace stele::master {

// No tablets are given to it: an operator drains it, or it says that it is leaving.
bool IsDraining(const Catalog& catalog, const LiveServer& server);

// NotFound: no such server lives. FailedPrecondition: no other could take its tablets. OK when it
// is drained already.
Status CheckDrain(const ProcedureContext& context, const std::string& server_id);
// The same, and writes down that it is drained, from now on and whoever is master.
Status BeginDrain(const ProcedureContext& context, const std::string& server_id);
// From now on it is given tablets again; those it had come back only by a balance. NotFound: it is
// neither alive nor drained.
Status EndDrain(const ProcedureContext& context, const std::string& server_id);

// Where the tablets go that draining servers have; `also` (may be empty) as if it drained too.
std::vector<PlannedMove> PlanDrains(const ProcedureContext& context, const std::string& also);
// The servers that do not drain, and what they have; without loads.
WeighedCell ViewForBalance(const ProcedureContext& context);

// "move tablet 17 from ts-1 to ts-2: ts-1 drains".
std::string DescribeMove(const PlannedMove& move);

}  // namespace stele::master
