// Split a tablet: see STATES.md. Bound to the master thread.
#pragma once

#include "master/procedures/table_view.h"

namespace stele::master {

// Orders the owner to give the rows up to and including `at` (empty: about half of the bytes or,
// `by_load`, of the requests) to a new tablet, whose id is returned. Unavailable (it does not
// serve, or is being changed), InvalidArgument, FailedPrecondition (the root, the catalog).
StatusOr<TabletId> BeginSplitTablet(const ProcedureContext& context, const TabletView& tablet,
                                    const std::string& at, bool by_load = false);

// Writes down what servers say of splits that they committed: the rows of children, and where their
// parents start now. On every pass, before anything is concluded from a child that has no row: of
// METADATA once the root serves, of users' tables once METADATA does.
Status RegisterSplits(const ProcedureContext& context, TableId table);
Status RegisterSplitsOfUsers(const ProcedureContext& context);

// Orders splits of tablets that have outgrown their table's split_bytes, of METADATA
// `metadata_split_bytes`; 0: never.
Status SplitLargeTablets(const ProcedureContext& context, uint64_t metadata_split_bytes);

}  // namespace stele::master
