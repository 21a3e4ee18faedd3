#include <iostream>

#include "client/cli/one_row.h"
#include "client/cli/row_text.h"
#include "client/cli/transfer.h"
#include "client/cli/value_flags.h"
#include "client/cli/verbs.h"

namespace stele::cli {
namespace {

StatusOr<ReadModifyWriteRow> ChangeOf(const Invocation& call) {
  ASSIGN_OR_RETURN(const std::string value, ValueOfArgs(call, 3, "VALUE"));
  ASSIGN_OR_RETURN(const ColumnName column, ColumnOfArg(call, 2));
  return ReadModifyWriteBuilder(call.args[1])
      .Append(column.family, column.qualifier, value)
      .Build();
}

int Run(const Invocation& call) {
  RowFormat format;
  format.form = call.Has("json") ? RowForm::kJson : RowForm::kText;
  const StatusOr<TextEncoding> encoding =
      EncodingOfFlags(call, call.Has("json") ? TextEncoding::kRaw : TextEncoding::kEscaped);
  if (!encoding.ok()) return Fail(call, encoding.status());
  format.encoding = *encoding;
  const StatusOr<Row> row = ChangeOneColumn(call, ChangeOf(call));
  if (!row.ok()) return Fail(call, row.status());
  std::string text;
  AppendRow(*row, format, &text);
  *call.env->out << text;
  return kOk;
}

}  // namespace

Verb AppendVerb() {
  Verb verb;
  verb.name = "append";
  verb.arguments = "TABLE ROW FAMILY:QUALIFIER [VALUE]";
  verb.summary = "add bytes to the end of a value";
  verb.details =
      "The newest cell of the column counts; a missing one is empty. One atomic step, done "
      "exactly\n"
      "once. Prints the new cell, as `read` does; --hex and --base64 hold for it too.";
  verb.example = "stele append notes monday text:body ', and send them'";
  verb.min_args = 3;
  verb.max_args = 4;
  verb.reads = true;
  verb.options = AddValueFlags;
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
