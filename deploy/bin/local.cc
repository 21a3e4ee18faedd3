#include <csignal>
#include <cstdlib>
#include <iostream>

#include "client/cli/bytes_text.h"
#include "common/base/log.h"
#include "deploy/bin/local_options.h"
#include "deploy/bin/server_verbs.h"

namespace stele::bin {
namespace {

using deploy::Cell;

int FailedToStart(const cli::Invocation& call, const Status& status) {
  *call.env->err << "stele: " << cli::Escape(ToStd(status.message())) << '\n';
  return static_cast<int>(deploy::ExitCodeForStart(status));
}

// The stop signals wait, in every thread made from now on, until AwaitStop takes them.
void HoldStopSignals(sigset_t* signals) {
  sigemptyset(signals);
  sigaddset(signals, SIGTERM);
  sigaddset(signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, signals, nullptr);
}

void AwaitStop(const sigset_t& signals) {
  int taken = 0;
  while (sigwait(&signals, &taken) != 0) {
  }
  // A second one ends the process as a crash would: nothing acknowledged is lost by it.
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

// A full disk passes: the cell waits for room, instead of ending and being started over and over.
StatusOr<std::unique_ptr<Cell>> StartWhenThereIsRoom(const deploy::CellOptions& options,
                                                     const sigset_t& stop_signals) {
  constexpr timespec kPause{.tv_sec = 3, .tv_nsec = 0};
  while (true) {
    StatusOr<std::unique_ptr<Cell>> cell = Cell::Start(options);
    if (!absl::IsResourceExhausted(cell.status())) return cell;
    LOG(ERROR) << "cannot start yet, waiting for room: "
               << cli::Escape(ToStd(cell.status().message()));
    if (sigtimedwait(&stop_signals, nullptr, &kPause) > 0) return cell;
  }
}

int Run(const cli::Invocation& call) {
  StatusOr<deploy::CellOptions> options = ReadLocalFlags(call);
  if (!options.ok()) return FailedToStart(call, options.status());
  // A role that must not go on ends the process at once, whatever its other threads do: nothing may
  // be acknowledged after it.
  options->on_fatal = [](const Status& status) {
    LOG(ERROR) << "the cell stops: " << cli::Escape(ToStd(status.ToString()));
    std::_Exit(static_cast<int>(deploy::ExitCodeForFatal(status)));
  };
  // Whoever reads our output may go away; the cell stays. (A client verb ends with its reader.)
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  HoldStopSignals(&signals);
  StatusOr<std::unique_ptr<Cell>> cell = StartWhenThereIsRoom(*options, signals);
  if (!cell.ok()) return FailedToStart(call, cell.status());
  const std::string http = (*cell)->http_address();
  *call.env->out << "READY local rpc=" << (*cell)->address()
                 << " http=" << (http.empty() ? "none" : http) << std::endl;
  AwaitStop(signals);
  LOG(INFO) << "draining";
  Status stopped = (*cell)->Stop(/*drain=*/true);
  if (stopped.ok()) return static_cast<int>(deploy::ExitCode::kOk);
  *call.env->err << "stele: " << cli::Escape(ToStd(stopped.message())) << '\n';
  return static_cast<int>(deploy::ExitCodeForFatal(stopped));
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
      "configuration (a flag, the data directory or its format, an address in use).";
  verb.example = "stele local --data .cell/data --memory-limit 512m --ring-limit 256m";
  verb.uses_cell = false;
  verb.options = AddLocalFlags;
  verb.run = Run;
  return verb;
}

}  // namespace stele::bin
