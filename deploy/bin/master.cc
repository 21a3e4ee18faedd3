#include "master/master.h"

#include <iostream>

#include "common/base/log.h"
#include "deploy/bin/live_options.h"
#include "deploy/bin/role_settings.h"
#include "deploy/bin/server_process.h"
#include "deploy/bin/server_verbs.h"
#include "deploy/cell/status_pages.h"

namespace stele::bin {
namespace {

using master::Master;

struct Process {
  std::unique_ptr<config::Settings> settings;
  std::unique_ptr<LiveOptions> live;
  std::unique_ptr<Locker> locker;
  std::unique_ptr<net::HttpServer> http;
  std::atomic<Master*> active{nullptr};
  std::unique_ptr<Master> master;
};

net::HttpResponse Respond(const Process& process, const net::HttpRequest& request) {
  deploy::CellSnapshot snapshot;
  snapshot.waiting = "this master stands by";
  snapshot.options = process.live->List();
  if (Master* master = process.active.load(); master != nullptr) {
    snapshot.view = master->view();
    snapshot.load = master->load();
    snapshot.events = [master](const wire::ListEventsRequest& query) {
      return master->events(query);
    };
  }
  return deploy::RenderStatusPage(request, snapshot);
}

Status Start(const cli::Invocation& call, StopSignals* signals, Process* process) {
  ASSIGN_OR_RETURN(process->settings, ReadSettings(call, config::Role::kMaster));
  const config::Settings& settings = *process->settings;
  process->live = std::make_unique<LiveOptions>(process->settings.get(), call.env->clock);
  master::MasterOptions options;
  RETURN_IF_ERROR(ReadMaster(settings, &options));
  RETURN_IF_ERROR(CheckReachable(settings));
  ASSIGN_OR_RETURN(process->locker, OpenLocker(settings));
  ASSIGN_OR_RETURN(options.rpc.cell_key, ReadCellKey(process->locker.get()));
  auto respond = [process](const net::HttpRequest& request) { return Respond(*process, request); };
  ASSIGN_OR_RETURN(process->http, ListenHttp(settings, respond));
  SetAddresses(settings, process->http.get(), &options);
  options.stand_by = true;
  master::MasterEnv env;
  env.options = process->live->door();
  env.locker = process->locker.get();
  env.clock = SystemClock();
  env.faults = call.env->faults;
  env.on_fatal = EndProcess("master");
  env.on_standby = [out = call.env->out](const std::string& address) {
    *out << "STANDBY master rpc=" << address << std::endl;
    Notify("READY=1\nSTATUS=stands by");
  };
  env.stop_waiting = [signals] { return signals->Came(); };
  ASSIGN_OR_RETURN(process->master, Master::Start(options, env));
  process->active = process->master.get();
  process->live->Attach(
      {[master = process->master.get()](const auto& reshape, const auto& balance) {
         master->Retune(reshape, balance);
       },
       nullptr, nullptr});
  return OkStatus();
}

int Run(const cli::Invocation& call) {
  StopSignals signals;
  Process process;
  Status started = Start(call, &signals, &process);
  if (!started.ok()) return signals.taken() ? 0 : FailedToStart(call, started);
  SayReady(call, "master", process.master->address(),
           process.http == nullptr ? "" : process.http->address());
  signals.Await();
  Notify("STOPPING=1");
  if (process.http != nullptr) process.http->Stop();
  process.live->Detach();
  process.master->Stop();
  return 0;
}

}  // namespace

cli::Verb MasterVerb() {
  cli::Verb verb;
  verb.name = "master";
  verb.summary = "run a master of a cell of several processes";
  verb.details =
      "Prints `STANDBY master rpc=ADDRESS` when another master is active and it waits to take "
      "over,\n"
      "and `READY master rpc=ADDRESS http=ADDRESS` when it is the active one. Its own exit codes:\n"
      "0 stopped, 10 it lost its lock, 13 bad configuration, 15 no ZooKeeper answers, 16 another "
      "has\n"
      "an address, or a name does not resolve. It is to be started again after all but 13.\n" +
      std::string(config::kPrecedence);
  verb.example = "stele master --locker zk://127.0.0.1:2181/cell --listen 127.0.0.1:7600";
  verb.uses_cell = false;
  verb.options = [](cli::po::options_description* flags) {
    AddRoleFlags(config::Role::kMaster, flags);
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::bin
