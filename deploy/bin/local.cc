#include <iostream>

#include "client/cli/bytes_text.h"
#include "common/base/log.h"
#include "common/store/fs.h"
#include "deploy/bin/live_options.h"
#include "deploy/bin/role_settings.h"
#include "deploy/bin/server_process.h"
#include "deploy/bin/server_verbs.h"

namespace stele::bin {
namespace {

using deploy::Cell;

constexpr int kPauseSeconds = 3;

// A full disk passes: the cell waits for room, instead of ending and being started over and over.
StatusOr<std::unique_ptr<Cell>> StartWhenThereIsRoom(const deploy::CellOptions& options,
                                                     StopSignals* signals) {
  while (true) {
    StatusOr<std::unique_ptr<Cell>> cell = Cell::Start(options);
    if (!absl::IsResourceExhausted(cell.status())) return cell;
    LOG(ERROR) << "cannot start yet, waiting for room: "
               << cli::Escape(ToStd(cell.status().message()));
    Notify("STATUS=waits for room on the disk");
    if (signals->Came(kPauseSeconds)) return cell;
  }
}

int Run(const cli::Invocation& call) {
  auto settings = ReadSettings(call, config::Role::kLocal);
  if (!settings.ok()) return FailedToStart(call, settings.status());
  deploy::CellOptions options;
  Status read = ReadLocal(**settings, &options);
  if (!read.ok()) return FailedToStart(call, read);
  LiveOptions live(settings->get(), call.env->clock);
  options.options = live.door();
  options.faults = call.env->faults;
  options.on_fatal = EndProcess("cell");
  StopSignals signals;
  StatusOr<std::unique_ptr<Cell>> cell = StartWhenThereIsRoom(options, &signals);
  if (!cell.ok()) return FailedToStart(call, cell.status());
  live.Attach(
      {[&cell](const auto& reshape, const auto& balance) { (*cell)->Retune(reshape, balance); },
       [&cell](const storage::EngineTuning& tuning) { (*cell)->Retune(tuning); },
       [dir = options.data_dir] { return PosixFs()->TotalBytes(dir); }});
  SayReady(call, "local", (*cell)->address(), (*cell)->http_address());
  signals.Await();
  LOG(INFO) << "draining";
  Notify("STOPPING=1\nSTATUS=drains");
  live.Detach();
  return Stopped(call, (*cell)->Stop(/*drain=*/true));
}

}  // namespace

cli::Verb LocalVerb() {
  cli::Verb verb;
  verb.name = "local";
  verb.summary = "run a whole cell in this process";
  verb.details =
      "Prints `READY local rpc=ADDRESS http=ADDRESS` when every tablet serves. SIGTERM and SIGINT\n"
      "drain and end it; a second one ends it at once, which loses nothing acknowledged.\n"
      "Its own exit codes: 0 drained, 10 fenced, 11 storage error, 12 storage stalled, 13 bad\n"
      "configuration (an option, the data directory or its format), 16 another has the data "
      "directory\n"
      "or an address, or a name does not resolve: it is to be started again.\n" +
      std::string(config::kPrecedence);
  verb.example = "stele local --data .cell/data --memory-limit 512m --ring-limit 256m";
  verb.uses_cell = false;
  verb.options = [](cli::po::options_description* flags) {
    AddRoleFlags(config::Role::kLocal, flags);
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::bin
