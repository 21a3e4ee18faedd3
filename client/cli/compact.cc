#include "client/cli/verbs.h"

namespace stele::cli {

Verb CompactVerb() {
  Verb verb;
  verb.name = "compact";
  verb.arguments = "TABLE";
  verb.summary = "merge the SSTables of each tablet of a table into one a locality group";
  verb.details =
      "Deleted cells and cells that the families' rules let go are dropped. Returns when it is "
      "done.";
  verb.example = "stele compact webtable";
  verb.min_args = verb.max_args = 1;
  verb.run = [](const Invocation& call) {
    StatusOr<std::shared_ptr<Client>> client = ConnectCell(call);
    if (!client.ok()) return Fail(call, client.status());
    Status done = (*client)->admin().CompactTable(call.args[0]);
    return done.ok() ? static_cast<int>(kOk) : Fail(call, done);
  };
  return verb;
}

}  // namespace stele::cli
