#include <signal.h>
#include <unistd.h>

#include <iostream>

#include "common/base/log.h"
#include "common/store/blob_store.h"
#include "common/store/fs.h"
#include "deploy/bin/live_options.h"
#include "deploy/bin/role_settings.h"
#include "deploy/bin/server_process.h"
#include "deploy/bin/server_verbs.h"
#include "deploy/cell/status_pages.h"
#include "deploy/cell/store_owner.h"
#include "tabletserver/rpc/tablet_server.h"
#include "tabletserver/tablet/exit_code.h"

namespace stele::bin {
namespace {

using tabletserver::TabletServer;

constexpr int kStoreTries = 20;

struct Process {
  std::unique_ptr<config::Settings> settings;
  std::unique_ptr<LiveOptions> live;
  std::unique_ptr<Locker> locker;
  std::unique_ptr<BlobStore> store;
  std::unique_ptr<net::HttpServer> http;
  std::atomic<TabletServer*> serving{nullptr};
  std::atomic<bool> restart{false};
  std::unique_ptr<TabletServer> server;
};

// Its numbers, for people and programs; the cell's pages are the masters'.
net::HttpResponse Respond(const Process& process, const net::HttpRequest& request) {
  deploy::CellSnapshot snapshot;
  snapshot.options = process.live->List();
  if (TabletServer* server = process.serving.load(); server != nullptr) {
    snapshot.servers.push_back(server->status());
    snapshot.times[server->server_id()] = server->times();
    snapshot.insight = [server](const std::string&) { return server->insight(); };
  } else {
    snapshot.waiting = "this tablet server is starting";
  }
  return deploy::RenderStatusPage(request, snapshot);
}

Status Start(const cli::Invocation& call, StopSignals* signals, Process* process) {
  ASSIGN_OR_RETURN(process->settings, ReadSettings(call, config::Role::kTabletServer));
  const config::Settings& settings = *process->settings;
  process->live = std::make_unique<LiveOptions>(process->settings.get(), call.env->clock);
  tabletserver::TabletServerOptions options;
  RETURN_IF_ERROR(settings.Required("id").status());
  ASSIGN_OR_RETURN(const std::string data_dir, settings.Required("data-dir"));
  RETURN_IF_ERROR(ReadTabletServer(settings, &options));
  RETURN_IF_ERROR(CheckReachable(settings));
  ASSIGN_OR_RETURN(process->locker, OpenLocker(settings));
  auto store = OpenPosixStore(PosixFs(), data_dir, /*create=*/true);
  // Several servers that are started at once make the directory one after the other.
  for (int i = 0; i < kStoreTries && absl::IsUnavailable(store.status()); ++i) {
    if (signals->Came(/*wait_s=*/1)) return store.status();
    store = OpenPosixStore(PosixFs(), data_dir, /*create=*/true);
  }
  // The marker alone was read: the directory is not what it should be, no data is known damaged.
  if (IsCorrupt(store.status())) return absl::FailedPreconditionError(store.status().message());
  RETURN_IF_ERROR(store.status());
  process->store = *std::move(store);
  ASSIGN_OR_RETURN(options.rpc.cell_key, ReadCellKey(process->locker.get()));
  ASSIGN_OR_RETURN(const bool has_data, CellHasData(process->locker.get()));
  RETURN_IF_ERROR(deploy::ClaimForProcesses(process->store.get(), options.rpc.cell_key, has_data));
  auto respond = [process](const net::HttpRequest& request) { return Respond(*process, request); };
  ASSIGN_OR_RETURN(process->http, ListenHttp(settings, respond));
  SetAddresses(settings, process->http.get(), &options);
  options.log_of_incarnation = true;
  tabletserver::TabletServerEnv env;
  env.options = process->live->door();
  env.store = process->store.get();
  env.clock = SystemClock();
  env.locker = process->locker.get();
  env.faults = call.env->faults;
  env.on_fatal = EndProcess("tablet server");
  env.on_restart = [process] {
    process->restart = true;
    kill(getpid(), SIGTERM);
  };
  env.stop_waiting = [signals] { return signals->Came(); };
  ASSIGN_OR_RETURN(process->server, TabletServer::Start(options, env));
  process->serving = process->server.get();
  process->live->Attach({nullptr,
                         [server = process->server.get()](const storage::EngineTuning& tuning) {
                           server->Retune(tuning);
                         },
                         [store = process->store.get()] { return store->TotalBytes(); }});
  return OkStatus();
}

int Run(const cli::Invocation& call) {
  StopSignals signals;
  Process process;
  Status started = Start(call, &signals, &process);
  if (!started.ok()) return signals.taken() ? 0 : FailedToStart(call, started);
  SayReady(call, "tabletserver", process.server->address(),
           process.http == nullptr ? "" : process.http->address());
  signals.Await();
  LOG(INFO) << "draining";
  const int64_t leave_ms = process.settings->Millis("leave-timeout-ms");
  NotifyLeaving(leave_ms);
  if (leave_ms > 0) process.server->Leave(leave_ms);
  if (process.http != nullptr) process.http->Stop();
  process.live->Detach();
  const int code = Stopped(call, process.server->Stop(/*drain=*/true));
  return code == 0 && process.restart ? static_cast<int>(tabletserver::ExitCode::kRestart) : code;
}

}  // namespace

cli::Verb TabletServerVerb() {
  cli::Verb verb;
  verb.name = "tabletserver";
  verb.summary = "run a tablet server of a cell of several processes";
  verb.details =
      "Prints `READY tabletserver rpc=ADDRESS http=ADDRESS` when the cell may give it tablets. "
      "What\n"
      "an earlier process of the same --id logged is recovered by whoever the master chooses.\n"
      "SIGTERM and SIGINT give its tablets to other servers, drain and end it; a second one ends\n"
      "it at once. Its own exit codes: 0 drained, 10 fenced, 11 storage error, 12 storage "
      "stalled,\n"
      "13 bad configuration (an option, the data directory or its format), 14 drained for `stele\n"
      "admin rolling-restart`, 15 no ZooKeeper answers, 16 another has an address or the --id, or "
      "a\n"
      "name does not resolve. Its supervisor is to start it again after all of them but 13.\n" +
      std::string(config::kPrecedence);
  verb.example =
      "stele tabletserver --id ts-1 --locker zk://127.0.0.1:2181/cell --data-dir /srv/cell";
  verb.uses_cell = false;
  verb.options = [](cli::po::options_description* flags) {
    AddRoleFlags(config::Role::kTabletServer, flags);
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::bin
