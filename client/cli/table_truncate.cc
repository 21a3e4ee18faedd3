#include "client/cli/row_drop.h"
#include "client/cli/verbs.h"

namespace stele::cli {

Verb TableTruncateVerb() {
  Verb verb;
  verb.name = "table truncate";
  verb.arguments = "TABLE";
  verb.summary = "delete all rows of a table";
  verb.details =
      "Done when it returns, however large the table is. Schema and tablets stay. A table under\n"
      "deletion protection is refused.";
  verb.example = "stele table truncate scratch --yes";
  verb.min_args = verb.max_args = 1;
  verb.reads = true;
  verb.options = AddDropFlags;
  verb.run = [](const Invocation& call) { return RunDropRows(call, ""); };
  return verb;
}

}  // namespace stele::cli
