#include <iostream>
#include <string>

#include "client/cli/probe_session.h"
#include "client/cli/verbs.h"

namespace stele::cli {
namespace {

int Run(const Invocation& call) {
  ClientOptions options;
  options.retry = !call.Has("no-retry");
  // A checker of histories must see each write at most once.
  options.retry_after_unknown = false;
  if (call.Has("timeout-ms")) options.timeout_ms = call.Get<int64_t>("timeout-ms");
  options.admin_timeout_ms = options.timeout_ms;
  StatusOr<std::shared_ptr<Client>> client = ConnectCell(call, options);
  if (!client.ok()) return Fail(call, client.status());
  ProbeSession session(client->get(), options.timeout_ms, call.env->out);
  std::string line;
  while (std::getline(*call.env->in, line)) session.Submit(line);
  return kOk;
}

}  // namespace

Verb ProbeVerb() {
  Verb verb;
  verb.name = "probe";
  verb.summary = "run requests from standard input, for outside test programs";
  verb.details =
      "One request a line, many at once; answers come as they are ready:\n"
      "  ID ok|fail|unknown VALUE T_INVOKE_NS T_DONE_NS     (CLOCK_MONOTONIC)\n"
      "Requests (ROW FAM QUAL VALUE START END in hex, _ is the empty string, - means absent; a "
      "last\n"
      "word deadline_ms=N is allowed on each):\n"
      "  ID put TABLE ROW FAM QUAL VALUE [ts_us=N]     ID get TABLE ROW FAM QUAL\n"
      "  ID del TABLE ROW [FAM [QUAL]]                 ID batch TABLE (ROW FAM QUAL VALUE)...\n"
      "  ID scan TABLE START END LIMIT                 (LIMIT 0: none; _ is an open bound)\n"
      "  ID append TABLE ROW FAM QUAL VALUE            (answers the new value)\n"
      "  ID incr TABLE ROW FAM QUAL N                  (answers the new number, decimal)\n"
      "  ID cas TABLE ROW FAM QUAL EXPECTED NEW        (1: it was EXPECTED and is NEW now; else "
      "0)\n"
      "fail is certain: no effect; VALUE is the status code's name. A batch's VALUE has one letter "
      "a row: o ok, f fail, u unknown. A write "
      "of\n"
      "unknown outcome is reported, never repeated.";
  verb.example = "echo '1 put t 726f77 66 71 76616c7565' | stele probe --cell 127.0.0.1:7600";
  verb.options = [](po::options_description* options) {
    options->add_options()("no-retry", "every request is one attempt");
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
