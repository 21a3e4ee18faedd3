// Drop a table: see STATES.md. Bound to the master thread.
#pragma once

#include "master/procedures/procedure.h"
#include "schema/convert/messages.h"

namespace stele::master {

// Step 1: the record says dropping: the name leads nowhere any more. NotFound, FailedPrecondition
// (deletion protection), Unavailable (it is being created).
StatusOr<TableRecord> BeginDropTable(const ProcedureContext& context,
                                     const wire::TableNameRequest& request);

// The next steps. True: nothing of it is left but files for GC. REQUIRES: catalog and directory are
// loaded.
StatusOr<bool> AdvanceDropTable(const ProcedureContext& context, const TableRecord& record);

}  // namespace stele::master
