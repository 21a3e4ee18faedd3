#include <iostream>

#include "client/cli/bytes_text.h"
#include "common/store/fs.h"
#include "deploy/bin/server_verbs.h"
#include "tabletserver/storage/log/log_dump.h"

namespace stele::bin {
namespace {

int Run(const cli::Invocation& call) {
  storage::LogDumpOptions options;
  options.records = !call.Has("summary");
  std::ostream& out = *call.env->out;
  Status sound = storage::DumpLogFiles(PosixFs(), call.args, options,
                                       [&](const std::string& line) { out << line << '\n'; });
  if (sound.ok()) return cli::kOk;
  out.flush();
  return cli::Fail(call, sound);
}

}  // namespace

cli::Verb DebugLogVerb() {
  cli::Verb verb;
  verb.name = "debug log";
  verb.arguments = "FILE...";
  verb.summary = "show and check commit log segments, offline";
  verb.details =
      "A line a record, without payloads. Given all segments of a ring it follows the ring as\n"
      "recovery does. Damage is exit code 1 and names the first damaged segment and offset.";
  verb.example = "stele debug log .cell/data/logs/*@log/*.seg";
  verb.min_args = 1;
  verb.max_args = 10'000;
  verb.uses_cell = false;
  verb.options = [](cli::po::options_description* options) {
    options->add_options()("summary", "only what is wrong, and the summary");
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::bin
