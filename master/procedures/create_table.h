// Create a table: see STATES.md. Bound to the master thread.
#pragma once

#include "master/procedures/procedure.h"
#include "schema/convert/messages.h"

namespace stele::master {

// Step 1: checks the request, allocates ids and writes the record: from here on the table will be.
// AlreadyExists, InvalidArgument.
StatusOr<TableRecord> BeginCreateTable(const ProcedureContext& context,
                                       const wire::CreateTableRequest& request);

// The next steps. True: the table serves. REQUIRES: catalog and directory are loaded.
StatusOr<bool> AdvanceCreateTable(const ProcedureContext& context, const TableRecord& record);

}  // namespace stele::master
