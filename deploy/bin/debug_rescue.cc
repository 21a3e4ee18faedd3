#include <iostream>

#include "common/store/fs.h"
#include "common/time/clock.h"
#include "deploy/bin/server_verbs.h"
#include "tabletserver/storage/rescue.h"

namespace stele::bin {
namespace {

Status Rescue(const cli::Invocation& call) {
  std::ostream& out = *call.env->out;
  const auto say = [&](const std::string& line) { out << line << '\n'; };
  ASSIGN_OR_RETURN(std::unique_ptr<BlobStore> store,
                   OpenPosixStore(PosixFs(), call.args[0], /*create=*/false));
  if (!call.Has("apply")) return storage::ListRescue(store.get(), say);
  const auto tablet = call.Get<uint64_t>("apply");
  if (!call.Has("yes")) {
    RETURN_IF_ERROR(storage::ListRescue(store.get(), say));
    return absl::InvalidArgumentError(absl::StrCat(
        "to let tablet ", tablet, " go on without what its reports above call missing, add --yes"));
  }
  storage::EngineEnv env;
  env.store = store.get();
  env.clock = call.env->clock;
  env.server_id = call.Get<std::string>("server");
  return storage::ApplyRescue(storage::EngineOptions(), env, tablet, say);
}

int Run(const cli::Invocation& call) {
  Status done = Rescue(call);
  if (done.ok()) return cli::kOk;
  call.env->out->flush();
  return cli::Fail(call, done);
}

}  // namespace

cli::Verb DebugRescueVerb() {
  cli::Verb verb;
  verb.name = "debug rescue";
  verb.arguments = "DATA";
  verb.summary = "show the tablets that damage has set aside, and put back what was kept of them";
  verb.details =
      "Offline: the cell must be down. Without a flag it shows each tablet, what may be missing "
      "of\n"
      "it, and the rescue files with the records that could be read. With --apply and --yes these\n"
      "records go into the tablet, and it may be opened again; what is missing stays missing. A\n"
      "damaged manifest has to be put back from a copy first. The bytes that did not read are\n"
      "kept as rescue/log-SERVER/... below the store's blobs; nothing there is ever deleted.";
  verb.example = "stele debug rescue .cell/data --apply 16 --yes";
  verb.min_args = verb.max_args = 1;
  verb.uses_cell = false;
  verb.options = [](cli::po::options_description* options) {
    options->add_options()("apply", cli::po::value<uint64_t>(), "the tablet to put back");
    options->add_options()("yes", "the loss that its reports tell is accepted");
    options->add_options()("server", cli::po::value<std::string>()->default_value("ts-1"),
                           "the tablet server whose log is held meanwhile");
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::bin
