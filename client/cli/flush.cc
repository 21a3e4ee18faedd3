#include "client/cli/verbs.h"

namespace stele::cli {

Verb FlushVerb() {
  Verb verb;
  verb.name = "flush";
  verb.arguments = "TABLE";
  verb.summary = "write what is in memory of a table to SSTables";
  verb.details = "Returns when it is done. Acknowledged writes are durable without it.";
  verb.example = "stele flush webtable";
  verb.min_args = verb.max_args = 1;
  verb.run = [](const Invocation& call) {
    StatusOr<std::shared_ptr<Client>> client = ConnectCell(call);
    if (!client.ok()) return Fail(call, client.status());
    Status done = (*client)->admin().FlushTable(call.args[0]);
    return done.ok() ? static_cast<int>(kOk) : Fail(call, done);
  };
  return verb;
}

}  // namespace stele::cli
