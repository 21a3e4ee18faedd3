#include "client/cli/one_row.h"

#include "absl/strings/str_cat.h"
#include "schema/model/conditional.h"
#include "schema/model/model.h"

namespace stele::cli {

StatusOr<ColumnName> ColumnOfArg(const Invocation& call, size_t place) {
  const std::string& word = call.args[place];
  ColumnName column = ParseColumn(word);
  if (column.has_qualifier) return column;
  return absl::InvalidArgumentError(absl::StrCat("\"", Escape(word),
                                                 "\" is not FAMILY:QUALIFIER; `", Escape(word),
                                                 ":` is the column with the empty qualifier"));
}

int ApplyToRow(const Invocation& call, StatusOr<RowMutation> mutation) {
  if (!mutation.ok()) return Fail(call, mutation.status());
  if (Status s = ValidateRowMutation(*mutation, nullptr); !s.ok()) return Fail(call, s);
  std::shared_ptr<Client> client;
  StatusOr<Table> table = OpenTable(call, call.args[0], &client);
  if (!table.ok()) return Fail(call, table.status());
  if (Status s = table->Apply(*std::move(mutation)); !s.ok()) return Fail(call, s);
  return kOk;
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
