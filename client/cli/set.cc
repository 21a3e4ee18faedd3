#include "client/cli/one_row.h"
#include "client/cli/value_flags.h"
#include "client/cli/verbs.h"
#include "schema/model/model.h"

namespace stele::cli {
namespace {

StatusOr<RowMutation> MutationOf(const Invocation& call) {
  ASSIGN_OR_RETURN(const std::string value, ValueOfArgs(call, 3, "VALUE"));
  ASSIGN_OR_RETURN(const ColumnName column, ColumnOfArg(call, 2));
  RowMutationBuilder builder(call.args[1]);
  builder.SetAt(column.family, column.qualifier,
                call.Has("ts-us") ? call.Get<int64_t>("ts-us") : kServerTime, value);
  return builder.Build();
}

}  // namespace

Verb SetVerb() {
  Verb verb;
  verb.name = "set";
  verb.arguments = "TABLE ROW FAMILY:QUALIFIER [VALUE]";
  verb.summary = "write one cell";
  verb.details =
      "The server chooses the time unless --ts-us gives it. After `--` words that begin with a "
      "dash\n"
      "are arguments. Nothing is printed when it is done.";
  verb.example = "stele set webtable org.example/ title: 'An example'";
  verb.min_args = 3;
  verb.max_args = 4;
  verb.options = [](po::options_description* options) {
    options->add_options()("ts-us", po::value<int64_t>(),
                           "timestamp in microseconds, a multiple of 1000");
    AddValueFlags(options);
  };
  verb.run = [](const Invocation& call) { return ApplyToRow(call, MutationOf(call)); };
  return verb;
}

}  // namespace stele::cli
