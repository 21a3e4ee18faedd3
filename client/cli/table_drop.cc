#include "client/cli/verbs.h"

namespace stele::cli {

Verb TableDropVerb() {
  Verb verb;
  verb.name = "table drop";
  verb.arguments = "TABLE";
  verb.summary = "delete a table with all its data";
  verb.details = "A table under deletion protection is refused; `table alter` takes it off.";
  verb.example = "stele table drop scratch";
  verb.min_args = verb.max_args = 1;
  verb.run = [](const Invocation& call) {
    StatusOr<std::shared_ptr<Client>> client = ConnectCell(call);
    if (!client.ok()) return Fail(call, client.status());
    Status done = (*client)->admin().DropTable(call.args[0]);
    return done.ok() ? static_cast<int>(kOk) : Fail(call, done);
  };
  return verb;
}

}  // namespace stele::cli
