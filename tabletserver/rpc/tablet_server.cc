#include "tabletserver/rpc/tablet_server.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "common/base/log.h"
#include "common/net/timer.h"
#include "common/pool/in_parallel.h"
#include "common/pool/work_pool.h"
#include "locker/server_node.h"
#include "schema/convert/codec.h"
#include "schema/convert/error_payload.h"
#include "schema/convert/permission.h"
#include "schema/wire/method.h"
#include "tabletserver/rpc/admission.h"
#include "tabletserver/rpc/data_service.h"
#include "tabletserver/rpc/master_terms.h"
#include "tabletserver/rpc/parked_reads.h"
#include "tabletserver/rpc/request_times.h"
#include "tabletserver/rpc/server_status.h"
#include "tabletserver/rpc/slow_requests.h"
#include "tabletserver/rpc/tablet_service.h"
#include "tabletserver/tablet/progress_watch.h"
#include "tabletserver/tablet/tablet_map.h"

namespace stele::tabletserver {
namespace {

constexpr uint32_t kTabletThreads = 8;  // they wait for the disk; a drain moves 16 at a time
constexpr uint32_t kSystemThreads = 2;
constexpr uint32_t kFlushThreads = 8;  // the disk takes their syncs together
constexpr uint32_t kMaintenanceRequestThreads = 2;
constexpr size_t kMaxQueuedAdminRequests = 20'000;
constexpr size_t kMaxServerIdBytes = 64;
constexpr int kIncarnationShift = 32;
constexpr uint32_t kRecoveryThreads = 2;
constexpr std::chrono::milliseconds kLockPause{100};
constexpr std::chrono::milliseconds kLeavePause{20};
constexpr int64_t kLeaveStallMs = 5'000;  // without a tablet that goes or is flushed
// What the recovery of its log and the opening of its tablets elsewhere take, about.
constexpr int64_t kReopenMsPerTablet = 10;

Status CheckOptions(const TabletServerOptions& options) {
  auto legal = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  const std::string& id = options.server_id;
  if (id.empty() || id.size() > kMaxServerIdBytes || !std::all_of(id.begin(), id.end(), legal)) {
    return absl::InvalidArgumentError(
        absl::StrCat("server id \"", id, "\" is not of [A-Za-z0-9._-]{1,64}"));
  }
  if (options.disk_threads < 1 || options.disk_threads > 256) {
    return absl::InvalidArgumentError("disk_threads is not in 1 .. 256");
  }
  return OkStatus();
}

class Server : public TabletServer {
 public:
  Server(const TabletServerOptions& options, const TabletServerEnv& env)
      : options_(options),
        env_(env),
        progress_(env.clock, options.disk_stall_timeout_ms * 1'000'000),
        admission_(options.max_in_flight_bytes) {}
  ~Server() override { Stop(/*drain=*/false).IgnoreError(); }

  Status Start();
  Status Stop(bool drain) override;
  void Leave(int64_t timeout_ms) override;
  void Retune(const storage::EngineTuning& tuning) override { engine_->Retune(tuning); }

  const std::string& server_id() const override { return options_.server_id; }
  std::string address() const override {
    return options_.advertised_address.empty() ? rpc_->address() : options_.advertised_address;
  }
  uint64_t incarnation() const override { return incarnation_; }
  wire::ServerStatusResponse status() const override;
  ServerInsight insight() const override;
  std::vector<wire::TabletReport> tablets() const override { return tablets_->Report(); }
  std::vector<wire::TableTimes> times() const override { return times_.Report(); }

 private:
  Status TakeLock(const std::string& path);
  Status HoldLease();
  Status RecoverLog(const std::string& server_id, uint64_t incarnation, bool system_only);
  Status OpenEngine();
  Status Listen();
  Status Appear();
  void Handle(net::RpcRequest&& request, net::RpcReply&& reply);
  void MutateRows(net::RpcRequest&& request, net::RpcReply&& reply);
  void Fatal(const Status& status);
  void Restart(net::RpcReply reply);
  void DescribeProcess(net::RpcReply reply);
  void SetOption(const net::RpcRequest& request, net::RpcReply reply);
  bool OthersAreThere();
  void FlushAhead();
  uint64_t FlushedCells() const;

  const TabletServerOptions options_;
  const TabletServerEnv env_;
  std::atomic<bool> fatal_{false};
  std::atomic<bool> serving_{false};
  std::atomic<bool> leaving_{false};
  bool stopped_ = false;

  // In the order of their construction in Start; Stop goes backwards.
  std::unique_ptr<LockerSession> session_;
  uint64_t incarnation_ = 0;
  ProgressWatch progress_;
  std::unique_ptr<Lease> lease_;
  Admission admission_;
  MasterTerms terms_;
  RequestTimes times_;
  SlowRequests slow_;
  std::unique_ptr<ParkedReads> parked_;
  std::unique_ptr<net::TimerQueue> timers_;
  std::unique_ptr<DataService> data_;
  std::unique_ptr<TabletService> admin_;
  std::unique_ptr<storage::Engine> engine_;
  std::unique_ptr<TabletMap> tablets_;
  std::unique_ptr<WorkPool> disk_pool_;
  std::unique_ptr<WorkPool> tablet_pool_;
  std::unique_ptr<WorkPool> system_disk_pool_;
  std::unique_ptr<WorkPool> system_pool_;
  std::unique_ptr<WorkPool> flush_pool_;
  std::unique_ptr<WorkPool> maintenance_pool_;
  std::unique_ptr<WorkPool> recovery_pool_;
  std::unique_ptr<net::RpcServer> rpc_;
};

void Server::Fatal(const Status& status) {
  if (fatal_.exchange(true)) return;
  LOG(ERROR) << options_.server_id << " cannot go on: " << status.ToString();
  if (env_.on_fatal) env_.on_fatal(status);
}

// The session of a process that was killed lives on for its timeout.
Status Server::TakeLock(const std::string& path) {
  const int64_t deadline = env_.clock->BootNanos() + options_.lock_wait_ms * 1'000'000;
  Mutex mu;
  CondVar pause;
  MutexLock lock(&mu);
  while (true) {
    StatusOr<uint64_t> taken = session_->TryLock(path, options_.server_id);
    if (taken.ok()) incarnation_ = *taken;
    const bool give_up =
        env_.clock->BootNanos() >= deadline || (env_.stop_waiting && env_.stop_waiting());
    if (!absl::IsUnavailable(taken.status()) || give_up) return taken.status();
    pause.WaitFor(&mu, kLockPause);
  }
}

Status Server::HoldLease() {
  ASSIGN_OR_RETURN(session_, env_.locker->OpenSession(options_.server_id));
  const std::string path = absl::StrCat(kServerLocksPath, "/", options_.server_id);
  RETURN_IF_ERROR(TakeLock(path));
  Lease::Hooks hooks;
  hooks.progress = [this] { return progress_.Check(); };
  hooks.on_lost = [this](const Status& status) { Fatal(status); };
  lease_ = std::make_unique<Lease>(session_.get(), path, incarnation_, env_.clock, options_.lease,
                                   std::move(hooks));
  return lease_->Start();
}

Status Server::OpenEngine() {
  storage::EngineEnv env;
  env.store = env_.store;
  env.clock = env_.clock;
  env.faults = env_.faults;
  env.server_id = options_.server_id;
  if (options_.log_of_incarnation) {
    env.server_id = LogName(options_.server_id, incarnation_);
    // Before there is a log: what the master does not find there it takes for recovered.
    const std::string path = absl::StrCat(kLogsPath, "/", env.server_id);
    Status known = session_->Create(path, "");
    if (!absl::IsAlreadyExists(known)) RETURN_IF_ERROR(known);
  }
  env.lease_check = [this] { return lease_->Check(); };
  env.on_fatal = [this](const Status& status) { Fatal(status); };
  env.run_blocking = [this](std::function<void()> work) {
    return disk_pool_->Submit(std::move(work));  // there before the first request
  };
  ASSIGN_OR_RETURN(engine_, storage::Engine::Open(options_.engine, env));
  tablets_ = std::make_unique<TabletMap>(engine_.get(), env_.store);
  return OkStatus();
}

// Whoever has its lock may still acknowledge what it writes to its log. The master has made sure
// that the lock is gone; this asks again, at the place where the harm would be done.
Status Server::RecoverLog(const std::string& server_id, uint64_t incarnation, bool system_only) {
  if (!options_.log_of_incarnation) {
    return absl::UnimplementedError("the servers of this cell recover their logs themselves");
  }
  const std::string path = absl::StrCat(kServerLocksPath, "/", server_id);
  StatusOr<LockerValue> held = session_->Get(path);
  if (held.ok() && held->version == incarnation) {
    return absl::FailedPreconditionError(
        absl::StrCat(server_id, " of incarnation ", incarnation, " still holds its lock"));
  }
  if (!held.ok() && !IsNotFound(held.status())) return held.status();
  return engine_->RecoverLog(LogName(server_id, incarnation), system_only);
}

Status Server::Listen() {
  timers_ = net::TimerQueue::Create();
  parked_ = std::make_unique<ParkedReads>(
      env_.clock, timers_.get(),
      ParkedReadsOptions{(incarnation_ << kIncarnationShift) + 1,
                         options_.max_parked_reads_per_connection, options_.max_parked_read_bytes,
                         options_.parked_read_ttl_ms * 1'000'000});
  disk_pool_ = std::make_unique<WorkPool>("disk", options_.disk_threads, options_.max_queued_reads);
  tablet_pool_ = std::make_unique<WorkPool>("tablet", kTabletThreads, kMaxQueuedAdminRequests);
  system_disk_pool_ =
      std::make_unique<WorkPool>("system disk", kSystemThreads, options_.max_queued_reads);
  system_pool_ = std::make_unique<WorkPool>("system", kSystemThreads, kMaxQueuedAdminRequests);
  flush_pool_ = std::make_unique<WorkPool>("flush", kFlushThreads, kMaxQueuedAdminRequests);
  maintenance_pool_ = std::make_unique<WorkPool>("maintenance", kMaintenanceRequestThreads,
                                                 kMaxQueuedAdminRequests);
  recovery_pool_ =
      std::make_unique<WorkPool>("recovery", kRecoveryThreads, kMaxQueuedAdminRequests);
  data_ = std::make_unique<DataService>(DataService::Parts{
      tablets_.get(), &admission_, parked_.get(), disk_pool_.get(), system_disk_pool_.get(),
      &progress_, env_.clock, &times_, &slow_, [this] { return lease_->Check(); }});
  admin_ = std::make_unique<TabletService>(TabletService::Parts{
      tablets_.get(), engine_.get(), env_.store, tablet_pool_.get(), system_pool_.get(),
      flush_pool_.get(), maintenance_pool_.get(), recovery_pool_.get(), options_.server_id,
      incarnation_, &times_, [this] { return status(); }, [this] { return leaving_.load(); },
      [this](const std::string& id, uint64_t incarnation, bool system_only) {
        return RecoverLog(id, incarnation, system_only);
      }});
  ASSIGN_OR_RETURN(rpc_,
                   net::RpcServer::Listen(options_.rpc_address, options_.rpc,
                                          [this](net::RpcRequest&& request, net::RpcReply&& reply) {
                                            Handle(std::move(request), std::move(reply));
                                          }));
  TabletLocation self;
  self.server_id = options_.server_id;
  self.incarnation = incarnation_;
  self.address = address();
  tablets_->SetSelf(std::move(self));  // nothing is answered before Appear
  return OkStatus();
}

Status Server::Appear() {
  const ServerNode node{options_.server_id, incarnation_, address(), options_.http_address};
  serving_ = true;
  return session_
      ->CreateEphemeral(absl::StrCat(kServersPath, "/", options_.server_id), EncodeServerNode(node))
      .status();
}

Status Server::Start() {
  RETURN_IF_ERROR(CheckOptions(options_));
  Status started = HoldLease();
  if (started.ok()) started = OpenEngine();
  if (started.ok()) started = Listen();
  if (started.ok()) started = Appear();
  return WithContext(started, options_.server_id);
}

void Server::Handle(net::RpcRequest&& request, net::RpcReply&& reply) {
  if (fatal_.load(std::memory_order_acquire) || !serving_.load(std::memory_order_acquire)) {
    return reply.Error(wire::NotServedError(options_.server_id + " does not serve", nullptr));
  }
  if (Status no = wire::CheckPermission(request); !no.ok()) return reply.Error(no);
  const auto method = static_cast<wire::Method>(request.method);
  if (Status past = terms_.Check(request.term); !past.ok()) return reply.Error(past);
  switch (method) {
    case wire::Method::kMutateRows:
      return MutateRows(std::move(request), std::move(reply));
    case wire::Method::kReadRows:
      return data_->ReadRows(std::move(request), std::move(reply));
    case wire::Method::kReadModifyWriteRow:
      return data_->ReadModifyWriteRow(std::move(request), std::move(reply));
    case wire::Method::kCheckAndMutateRow:
      return data_->CheckAndMutateRow(std::move(request), std::move(reply));
    case wire::Method::kRestartServer:
      return Restart(std::move(reply));
    case wire::Method::kDescribeProcess:
      return DescribeProcess(std::move(reply));
    case wire::Method::kSetServerOption:
      return SetOption(request, std::move(reply));
    default:
      return admin_->Handle(method, std::move(request), std::move(reply));
  }
}

void Server::MutateRows(net::RpcRequest&& request, net::RpcReply&& reply) {
  if (request.term == 0) return data_->MutateRows(std::move(request), std::move(reply));
  StatusOr<MasterTerms::Write> write = terms_.BeginWrite(request.term);
  if (!write.ok()) return reply.Error(write.status());
  auto answer = std::make_shared<net::RpcReply>(std::move(reply));
  data_->MutateRows(std::move(request),
                    net::RpcReply([answer, write = *std::move(write)](const Status& status,
                                                                      net::Buffer body) mutable {
                      write.reset();
                      status.ok() ? answer->Ok(std::move(body)) : answer->Error(status);
                    }));
}

void Server::Restart(net::RpcReply reply) {
  if (!env_.on_restart) {
    return reply.Error(absl::FailedPreconditionError(
        options_.server_id + " is part of a larger process, which nobody would start again"));
  }
  LOG(INFO) << "an operator asks for a restart";
  reply.Send(wire::Encode(wire::Empty()));
  env_.on_restart();
}

void Server::DescribeProcess(net::RpcReply reply) {
  wire::DescribeProcessResponse answer;
  answer.id = options_.server_id;
  answer.state = leaving_ ? "draining" : "serving";
  answer.wall_us = env_.clock->WallMicros();
  answer.lease_left_ms = (lease_->deadline_boot_ns() - env_.clock->BootNanos()) / 1'000'000;
  answer.session_timeout_ms = session_->session_timeout_ns() / 1'000'000;
  if (env_.options != nullptr) env_.options->Describe(&answer);
  reply.Send(wire::Encode(answer));
}

void Server::SetOption(const net::RpcRequest& request, net::RpcReply reply) {
  wire::SetOptionRequest message;
  if (Status bad = wire::Decode(request.body, &message); !bad.ok()) return reply.Error(bad);
  if (env_.options == nullptr) {
    return reply.Error(absl::FailedPreconditionError(options_.server_id +
                                                     " has no options that could be changed"));
  }
  StatusOr<std::string> done = env_.options->set(message);
  if (!done.ok()) return reply.Error(done.status());
  reply.Send(wire::Encode(wire::TabletOrderResponse{{*std::move(done)}}));
}

wire::ServerStatusResponse Server::status() const {
  const storage::EngineStats stats = engine_->stats();
  wire::ServerStatusResponse response = DescribeEngine(stats);
  response.server_id = options_.server_id;
  response.incarnation = incarnation_;
  response.address = rpc_ == nullptr ? "" : address();
  response.http_address = options_.http_address;
  response.state = fatal_ ? "failed" : serving_ && !leaving_ ? "serving" : "draining";
  response.tablets = tablets_->size();
  auto add = [&](const char* name, int64_t value) { response.numbers.push_back({name, value}); };
  add("requests.in_flight", static_cast<int64_t>(admission_.in_flight()));
  add("requests.in_flight_bytes", static_cast<int64_t>(admission_.in_flight_bytes()));
  add("requests.refused", static_cast<int64_t>(admission_.refused()));
  add("writes.in_flight", static_cast<int64_t>(progress_.in_flight()));
  add("reads.queued_for_disk", static_cast<int64_t>(disk_pool_->queued()));
  add("memory.parked_reads", static_cast<int64_t>(parked_->bytes()));
  add("reads.parked", static_cast<int64_t>(parked_->size()));
  add("reads.dropped", static_cast<int64_t>(data_->dropped_reads()));
  // What its death would cost besides the sorting of its log.
  add("recovery.notice_ms", session_->session_timeout_ns() / 1'000'000);
  add("recovery.open_ms", static_cast<int64_t>(tablets_->size()) * kReopenMsPerTablet);
  add("lease.remaining_ms", (lease_->deadline_boot_ns() - env_.clock->BootNanos()) / 1'000'000);
  return response;
}

ServerInsight Server::insight() const {
  ServerInsight insight;
  insight.engine = engine_->stats();
  insight.waiting = engine_->waiting();
  insight.tablets = tablets_->Report();
  std::sort(insight.tablets.begin(), insight.tablets.end(), [](const auto& a, const auto& b) {
    return std::make_pair(a.tablet.table, Slice(a.tablet.start_row)) <
           std::make_pair(b.tablet.table, Slice(b.tablet.start_row));
  });
  RequestsInFlight& requests = insight.in_flight;
  requests.requests = admission_.in_flight();
  requests.bytes = admission_.in_flight_bytes();
  requests.limit_bytes = admission_.limit_bytes();
  requests.changes = static_cast<uint64_t>(progress_.in_flight());
  requests.queued_for_disk = disk_pool_->queued();
  requests.parked = parked_->size();
  requests.parked_bytes = parked_->bytes();
  requests.refused = admission_.refused();
  requests.dropped_reads = data_->dropped_reads();
  insight.slow = slow_.Report(env_.clock->BootNanos());
  return insight;
}

// A Locker that does not answer tells nothing.
bool Server::OthersAreThere() {
  auto servers = session_->Children(kServersPath);
  return !servers.ok() || servers->size() > 1;
}

void Server::Leave(int64_t timeout_ms) {
  leaving_ = true;
  const int64_t deadline = env_.clock->BootNanos() + timeout_ms * 1'000'000;
  int64_t progress_ns = env_.clock->BootNanos();
  int64_t asked_ns = 0;
  size_t left = tablets_->size();
  uint64_t flushed = FlushedCells();
  Mutex mu;
  CondVar pause;
  MutexLock lock(&mu);
  while (left > 0 && !fatal_) {
    const int64_t now = env_.clock->BootNanos();
    const bool stalled = now - progress_ns > kLeaveStallMs * 1'000'000;
    if (now >= deadline || stalled) {
      LOG(WARNING) << options_.server_id << " leaves with " << left << " tablets";
      return;
    }
    if (now - asked_ns > std::chrono::nanoseconds(kLockPause).count()) {
      if (!OthersAreThere()) return;
      asked_ns = now;
    }
    pause.WaitFor(&mu, kLeavePause);
    const size_t before = std::exchange(left, tablets_->size());
    const uint64_t flushed_before = std::exchange(flushed, FlushedCells());
    if (left < before || flushed != flushed_before) progress_ns = env_.clock->BootNanos();
  }
}

// Another number when a flush has come further: several large ones at once may take long to leave.
uint64_t Server::FlushedCells() const {
  const storage::EngineStats stats = engine_->stats();
  uint64_t cells = stats.flushes;
  for (const storage::RunningJob& job : stats.running) {
    if (job.kind == "flush") cells += job.done_cells;
  }
  return cells;
}

// While it still serves: what the end of the engine has to flush, nobody is served meanwhile.
void Server::FlushAhead() {
  if (fatal_ || engine_ == nullptr) return;
  const auto stores = engine_->tablets();
  const size_t threads = options_.engine.maintenance_threads == 0 ? 1 : kFlushThreads;
  InParallel(threads, stores.size(), [&](size_t i) {
    stores[i]->Flush().IgnoreError();  // the end of the engine says what goes wrong
    return !fatal_;
  });
}

Status Server::Stop(bool drain) {
  if (stopped_) return OkStatus();
  stopped_ = true;
  leaving_ = leaving_ || drain;  // nothing more is given to it
  if (drain) FlushAhead();
  serving_ = !drain && serving_;
  if (rpc_ != nullptr && drain) rpc_->Drain();
  if (rpc_ != nullptr) rpc_->Stop();
  for (auto* pool :
       {disk_pool_.get(), system_disk_pool_.get(), tablet_pool_.get(), system_pool_.get(),
        flush_pool_.get(), maintenance_pool_.get(), recovery_pool_.get()}) {
    if (pool != nullptr) pool->Stop();
  }
  timers_.reset();
  Status closed = OkStatus();
  if (engine_ != nullptr && drain && !fatal_) closed = engine_->Close();
  // The engine's callbacks use the services and the lease: it goes first.
  tablets_.reset();
  engine_.reset();
  if (lease_ != nullptr) lease_->Stop();
  session_.reset();
  return closed;
}

}  // namespace

StatusOr<std::unique_ptr<TabletServer>> TabletServer::Start(const TabletServerOptions& options,
                                                            const TabletServerEnv& env) {
  auto server = std::make_unique<Server>(options, env);
  RETURN_IF_ERROR(server->Start());
  return server;
}

}  // namespace stele::tabletserver
