#include "client/cli/one_column.h"

#include "absl/strings/str_cat.h"
#include "schema/model/conditional.h"

namespace stele::cli {

StatusOr<ColumnName> ColumnOfArg(const Invocation& call, size_t place) {
  const std::string& word = call.args[place];
  ColumnName column = ParseColumn(word);
  if (column.has_qualifier) return column;
  return absl::InvalidArgumentError(absl::StrCat("\"", Escape(word),
                                                 "\" is not FAMILY:QUALIFIER; `", Escape(word),
                                                 ":` is the column with the empty qualifier"));
}

StatusOr<Row> ChangeOneColumn(const Invocation& call, StatusOr<ReadModifyWriteRow> change) {
  RETURN_IF_ERROR(change.status());
  RETURN_IF_ERROR(ValidateReadModifyWrite(change->row, change->rules, nullptr));
  std::shared_ptr<Client> client;
  ASSIGN_OR_RETURN(Table table, OpenTable(call, call.args[0], &client));
  ASSIGN_OR_RETURN(Row row, table.ReadModifyWrite(*std::move(change)));
  if (row.cells.size() != 1) return absl::InternalError("the answer is not one cell");
  return row;
}

}  // namespace stele::cli
