#include "client/cli/bytes_text.h"
#include "client/cli/one_row.h"
#include "client/cli/query_flags.h"
#include "client/cli/verbs.h"
#include "schema/model/model.h"

namespace stele::cli {
namespace {

StatusOr<RowMutation> MutationOf(const Invocation& call) {
  RowMutationBuilder builder(call.args[1]);
  ASSIGN_OR_RETURN(const int64_t from, TimeOfFlag(call, "from"));
  ASSIGN_OR_RETURN(const int64_t to, TimeOfFlag(call, "to"));
  const bool times = call.Has("from") || call.Has("to");
  const ColumnName column = ParseColumn(call.args.size() > 2 ? call.args[2] : "");
  if (times && !column.has_qualifier) {
    return absl::InvalidArgumentError("--from and --to need FAMILY:QUALIFIER");
  }
  if (call.args.size() == 2) {
    builder.DeleteRow();
  } else if (!column.has_qualifier) {
    builder.DeleteFamily(column.family);
  } else {
    builder.DeleteColumn(column.family, column.qualifier, from, to);
  }
  return builder.Build();
}

}  // namespace

Verb DeleteVerb() {
  Verb verb;
  verb.name = "delete";
  verb.arguments = "TABLE ROW [FAMILY[:QUALIFIER]]";
  verb.summary = "delete a row, a family of it, or a column of it";
  verb.details = "Deletes what exists now. Deleting what is not there is no error.";
  verb.example = "stele delete webtable org.example/ anchor:com.example/";
  verb.min_args = 2;
  verb.max_args = 3;
  verb.options = [](po::options_description* options) {
    auto add = options->add_options();
    add("from", po::value<std::string>(),
        "of a column: only cells from this time on, RFC 3339 or microseconds");
    add("to", po::value<std::string>(), "of a column: only cells before this time");
  };
  verb.run = [](const Invocation& call) { return ApplyToRow(call, MutationOf(call)); };
  return verb;
}

}  // namespace stele::cli
