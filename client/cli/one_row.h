// What the verbs that change one row share: a column's name among the arguments, the change itself.
// Used by one thread.
#pragma once

#include <cstddef>

#include "client/cli/bytes_text.h"
#include "client/cli/verb.h"
#include "stele/row_change.h"

namespace stele::cli {

// Argument `place`, which must be FAMILY:QUALIFIER; the qualifier may be empty. InvalidArgument.
StatusOr<ColumnName> ColumnOfArg(const Invocation& call, size_t place);

// Applies the mutation in the table of argument 0; the exit code. What is wrong with it in itself
// is told before the cell is asked.
int ApplyToRow(const Invocation& call, StatusOr<RowMutation> mutation);

// Makes the change in the table of argument 0 and gives the one cell it answers with, in its row.
StatusOr<Row> ChangeOneColumn(const Invocation& call, StatusOr<ReadModifyWriteRow> change);

}  // namespace stele::cli
