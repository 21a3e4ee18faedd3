#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/cli/one_row.h"
#include "client/cli/verbs.h"
#include "schema/model/model.h"

namespace stele::cli {
namespace {

StatusOr<RowMutation> MutationOf(const Invocation& call) {
  int64_t input = 0;
  if (!absl::SimpleAtoi(call.args[3], &input)) {
    return absl::InvalidArgumentError(
        absl::StrCat("N \"", Escape(call.args[3]), "\" is no whole number of 64 bits"));
  }
  ASSIGN_OR_RETURN(const ColumnName column, ColumnOfArg(call, 2));
  RowMutationBuilder builder(call.args[1]);
  builder.AddToAggregate(column.family, column.qualifier,
                         call.Has("ts-us") ? call.Get<int64_t>("ts-us") : 0, input);
  return builder.Build();
}

}  // namespace

Verb AddVerb() {
  Verb verb;
  verb.name = "add";
  verb.arguments = "TABLE ROW FAMILY:QUALIFIER N";
  verb.summary = "add to the sum, minimum or maximum of an aggregate family";
  verb.details =
      "The family was made with aggregate=sum, min or max. N, a negative one behind `--`, is\n"
      "combined with the cell at the timestamp; a missing one becomes N. Nothing is read, and\n"
      "nothing printed. The value is 8 bytes, big-endian and signed. For counters of other\n"
      "families there is `incr`.";
  verb.example = "stele add stats page total:visits 3";
  verb.min_args = verb.max_args = 4;
  verb.options = [](po::options_description* options) {
    options->add_options()("ts-us", po::value<int64_t>(),
                           "timestamp in microseconds, a multiple of 1000 (default 0)");
  };
  verb.run = [](const Invocation& call) { return ApplyToRow(call, MutationOf(call)); };
  return verb;
}

}  // namespace stele::cli
