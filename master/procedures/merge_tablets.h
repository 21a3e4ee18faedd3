// Merge two neighbours: see STATES.md. Bound to the master thread.
#pragma once

#include "master/procedures/table_view.h"

namespace stele::master {

// Orders the owner of both to give the rows of `left` to `right`. Unavailable (one of them does not
// serve, or is being changed), FailedPrecondition (they are no neighbours, on two servers, or one
// is the root).
Status BeginMergeTablets(const ProcedureContext& context, const TabletView& left,
                         const TabletView& right);

// Goes on with merges that were committed: orders the right tablet's owner to take the rows over
// and, when it has them, takes the left tablet away. On every pass: of METADATA once the root
// serves, of users' tables once METADATA does.
Status FinishMerges(const ProcedureContext& context, TableId table);
Status FinishMergesOfUsers(const ProcedureContext& context);

// Pairs of neighbours of the table that together have at most `max_bytes` each, as indices of their
// left ones, ascending; a tablet may be in two.
std::vector<size_t> FindSmallNeighbours(const std::vector<TabletView>& views, uint64_t max_bytes);

}  // namespace stele::master
