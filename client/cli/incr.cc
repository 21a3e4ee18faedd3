#include <iostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/cli/one_row.h"
#include "client/cli/verbs.h"
#include "schema/model/conditional.h"

namespace stele::cli {
namespace {

StatusOr<ReadModifyWriteRow> ChangeOf(const Invocation& call) {
  int64_t amount = 1;
  if (call.args.size() > 3 && !absl::SimpleAtoi(call.args[3], &amount)) {
    return absl::InvalidArgumentError(
        absl::StrCat("N \"", Escape(call.args[3]), "\" is no whole number of 64 bits"));
  }
  ASSIGN_OR_RETURN(const ColumnName column, ColumnOfArg(call, 2));
  return ReadModifyWriteBuilder(call.args[1])
      .Increment(column.family, column.qualifier, amount)
      .Build();
}

int Run(const Invocation& call) {
  const StatusOr<Row> row = ChangeOneColumn(call, ChangeOf(call));
  if (!row.ok()) return Fail(call, row.status());
  const StatusOr<int64_t> number = DecodeCounter(row->cells.front().value);
  if (!number.ok()) return Fail(call, number.status());
  *call.env->out << (call.Has("json") ? absl::StrCat("{\"value\":", *number, "}")
                                      : absl::StrCat(*number))
                 << '\n';
  return kOk;
}

}  // namespace

Verb IncrVerb() {
  Verb verb;
  verb.name = "incr";
  verb.arguments = "TABLE ROW FAMILY:QUALIFIER [N]";
  verb.summary = "add to a counter";
  verb.details =
      "A counter is a value of 8 bytes, big-endian and signed; a missing one is 0, and it wraps.\n"
      "N is 1 unless given, a negative one behind `--`. One atomic step, done exactly once. "
      "Prints\n"
      "the new number.";
  verb.example =
      "stele incr notes monday text:readers 5; stele incr notes monday text:readers -- -2";
  verb.min_args = 3;
  verb.max_args = 4;
  verb.reads = true;
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
