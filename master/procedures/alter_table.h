// Alter a table: see STATES.md. Bound to the master thread.
#pragma once

#include "master/procedures/procedure.h"
#include "schema/convert/messages.h"

namespace stele::master {

// The schema after the request's changes, in order, all or none; its version is one higher. Pure.
// NotFound (family), AlreadyExists (family), FailedPrecondition (deletion protection, as it was
// before the request, and a family to drop), InvalidArgument.
StatusOr<TableSchema> AlteredSchema(const TableSchema& schema,
                                    const wire::AlterTableRequest& request);

// The one step that matters: the new schema is in the record. The reconciler brings every tablet to
// it. NotFound, Unavailable (being created), and those of AlteredSchema.
StatusOr<TableRecord> BeginAlterTable(const ProcedureContext& context,
                                      const wire::AlterTableRequest& request);

// Whether every tablet has at least this version.
bool AllTabletsHaveVersion(const ProcedureContext& context, TableId table, uint64_t version);

}  // namespace stele::master
