#include "master/master.h"

#include <iostream>

#include "common/base/log.h"
#include "deploy/bin/server_process.h"
#include "deploy/bin/server_verbs.h"
#include "deploy/cell/status_pages.h"

namespace stele::bin {
namespace {

using cli::po::value;
using master::Master;

struct Process {
  std::unique_ptr<Locker> locker;
  std::unique_ptr<net::HttpServer> http;
  std::atomic<Master*> active{nullptr};
  std::unique_ptr<Master> master;
};

void AddFlags(cli::po::options_description* options) {
  auto add = options->add_options();
  add("name", value<std::string>()->default_value("stele"), "the cell's name, for people");
  add("listen", value<std::string>()->default_value("127.0.0.1:7600"),
      "the address that clients and servers are told; port 0 takes a free one");
  add("http", value<std::string>()->default_value("127.0.0.1:7601"), kHttpMeaning);
  AddReshapeFlags(options);
  AddBalanceFlags(options);
  AddAdvertiseFlag(options);
  AddLockerFlags(options);
}

net::HttpResponse Respond(const Process& process, const net::HttpRequest& request) {
  deploy::CellSnapshot snapshot;
  snapshot.waiting = "this master stands by";
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
  master::MasterOptions options;
  options.cell_name = call.Get<std::string>("name");
  RETURN_IF_ERROR(ReadReshapeFlags(call, &options.reshape));
  RETURN_IF_ERROR(ReadBalanceFlags(call, &options.balance));
  ASSIGN_OR_RETURN(options.advertised_address, AdvertisedAddress(call));
  ASSIGN_OR_RETURN(process->locker, OpenLocker(call));
  ASSIGN_OR_RETURN(options.rpc.cell_key, ReadCellKey(process->locker.get()));
  auto respond = [process](const net::HttpRequest& request) { return Respond(*process, request); };
  ASSIGN_OR_RETURN(process->http, ListenHttp(call, respond));
  SetAddresses(call, process->http.get(), &options);
  options.stand_by = true;
  master::MasterEnv env;
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
      "0 stopped, 10 it lost its lock, 13 bad configuration (a flag, an address in use), 15 no\n"
      "ZooKeeper answers.";
  verb.example = "stele master --locker zk://127.0.0.1:2181/cell --listen 127.0.0.1:7600";
  verb.uses_cell = false;
  verb.options = AddFlags;
  verb.run = Run;
  return verb;
}

}  // namespace stele::bin
