// Drop all rows of a table, or those with a prefix: see STATES.md. Bound to the master thread.
#pragma once

#include "master/procedures/procedure.h"
#include "schema/convert/messages.h"

namespace stele::master {

// Step 1: the record holds the order: from here on the rows will go. NotFound, InvalidArgument (no
// prefix), FailedPrecondition (all rows of a table with deletion protection), Unavailable (the
// table is being created, or other rows of it are being dropped).
StatusOr<TableRecord> BeginDropRows(const ProcedureContext& context,
                                    const wire::DropRowRangeRequest& request);

// The next steps. True: every tablet has dropped the rows, durably. REQUIRES: the record has rows
// to drop; catalog and directory are loaded.
StatusOr<bool> AdvanceDropRows(const ProcedureContext& context, const TableRecord& record);

}  // namespace stele::master
