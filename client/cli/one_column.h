// What the verbs that change one column share: its name among the arguments, and a
// read-modify-write of it. Used by one thread.
#pragma once

#include <cstddef>

#include "client/cli/bytes_text.h"
#include "client/cli/verb.h"
#include "stele/row_change.h"

namespace stele::cli {

// Argument `place`, which must be FAMILY:QUALIFIER; the qualifier may be empty. InvalidArgument.
StatusOr<ColumnName> ColumnOfArg(const Invocation& call, size_t place);

// Makes the change in the table of argument 0 and gives the one cell it answers with, in its row.
// What is wrong with `change` in itself is told before the cell is asked.
StatusOr<Row> ChangeOneColumn(const Invocation& call, StatusOr<ReadModifyWriteRow> change);

}  // namespace stele::cli
