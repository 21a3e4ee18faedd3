#include <iostream>
#include <optional>

#include "client/cli/compare_and_set.h"
#include "client/cli/one_row.h"
#include "client/cli/value_flags.h"
#include "client/cli/verbs.h"
#include "schema/model/conditional.h"
#include "schema/model/filter.h"

namespace stele::cli {
namespace {

StatusOr<CompareAndSet> ChangeOf(const Invocation& call) {
  const bool absent = call.Has("absent");
  std::optional<std::string> expected;
  if (!absent) {
    if (call.args.size() < 4) return absl::InvalidArgumentError("give EXPECTED or --absent");
    ASSIGN_OR_RETURN(expected, DecodeWord(call, call.args[3], "EXPECTED"));
  } else if (call.args.size() > 4) {
    return absl::InvalidArgumentError("--absent does not go with EXPECTED");
  }
  ASSIGN_OR_RETURN(std::string value, ValueOfArgs(call, absent ? 3 : 4, "NEW"));
  ASSIGN_OR_RETURN(const ColumnName column, ColumnOfArg(call, 2));
  CompareAndSet cas =
      MakeCompareAndSet(call.args[1], column.family, column.qualifier, expected, std::move(value));
  RETURN_IF_ERROR(
      ValidateCheckAndMutate(cas.change.row, cas.change.if_true, cas.change.if_false, nullptr));
  if (Status s = ValidateFilter(cas.change.predicate); !s.ok()) {
    return WithContext(s, "EXPECTED is looked for by a filter");
  }
  return cas;
}

int Run(const Invocation& call) {
  StatusOr<CompareAndSet> cas = ChangeOf(call);
  if (!cas.ok()) return Fail(call, cas.status());
  std::shared_ptr<Client> client;
  StatusOr<Table> table = OpenTable(call, call.args[0], &client);
  if (!table.ok()) return Fail(call, table.status());
  const StatusOr<bool> answer = table->CheckAndMutate(std::move(cas->change));
  if (!answer.ok()) return Fail(call, answer.status());
  const bool matched = *answer == cas->matched_answer;
  if (call.Has("json")) {
    *call.env->out << (matched ? "{\"matched\":true}\n" : "{\"matched\":false}\n");
  } else {
    *call.env->out << (matched ? "1\n" : "0\n");
  }
  return matched ? kOk : kNotMatched;
}

}  // namespace

Verb CasVerb() {
  Verb verb;
  verb.name = "cas";
  verb.arguments = "TABLE ROW FAMILY:QUALIFIER [EXPECTED] [NEW]";
  verb.summary = "set a value if it is the expected one";
  verb.details =
      "Compares the newest value of the column with EXPECTED and sets NEW when they are equal: "
      "one\n"
      "atomic step, done exactly once. Prints 1 when NEW was set; else 0, and the exit code is 6.\n"
      "With --absent there is no EXPECTED: the column must have no cell. --value-file stands for "
      "NEW.\nEXPECTED has at most about 10,000 bytes.";
  verb.example = "stele cas notes monday tag:state open done";
  verb.min_args = 3;
  verb.max_args = 5;
  verb.reads = true;
  verb.options = [](po::options_description* options) {
    AddValueFlags(options);
    options->add_options()("absent", "the column is expected to have no cell");
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
