#include "master/master.h"

#include <atomic>
#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "common/base/log.h"
#include "common/base/mutex.h"
#include "locker/server_node.h"
#include "master/cell_balance.h"
#include "master/events/cell_changes.h"
#include "master/events/order_text.h"
#include "master/option_orders.h"
#include "master/pending_answers.h"
#include "master/procedures/alter_table.h"
#include "master/procedures/create_table.h"
#include "master/procedures/drop_rows.h"
#include "master/procedures/drop_table.h"
#include "master/query_service.h"
#include "master/reshaper.h"
#include "master/server_orders.h"
#include "master/tablet_orders.h"
#include "schema/convert/codec.h"
#include "schema/convert/error_payload.h"
#include "schema/convert/permission.h"
#include "schema/wire/method.h"

namespace stele::master {
namespace {

constexpr size_t kMaxQueuedCommands = 1000;
constexpr int64_t kRetryDelayMs = 500;
constexpr int64_t kStandbyPauseMs = 200;
constexpr uint64_t kMaxEpochTakenForTerm = uint64_t{1} << 23;
constexpr int64_t kSaveEventsWithinNs = 5'000'000'000;
constexpr int64_t kGarbageCollectionTimeoutMs = 600'000;

template <typename Message>
wire::Event OrderBy(const net::RpcRequest& request, const Message& message) {
  wire::Event event = OrderEvent(static_cast<wire::Method>(request.method), message);
  event.actor = request.peer;
  return event;
}

class MasterImpl : public Master {
 public:
  MasterImpl(const MasterOptions& options, const MasterEnv& env)
      : options_(options),
        env_(env),
        client_(net::RpcClient::Create(options.rpc)),
        query_(client_.get()),
        events_(env.clock, options.max_events),
        load_(std::make_shared<LoadWatch>(env.clock)),
        pending_(env.clock) {}
  ~MasterImpl() override { Stop(); }

  Status Start();
  std::string address() const override {
    return options_.advertised_address.empty() ? rpc_->address() : options_.advertised_address;
  }
  std::shared_ptr<const CellView> view() const override {
    MutexLock lock(&mu_);
    return view_;
  }
  StatusOr<wire::ListEventsResponse> events(const wire::ListEventsRequest& query) const override {
    return events_.List(query);
  }
  std::shared_ptr<const LoadWatch> load() const override { return load_; }
  void Retune(const ReshapeOptions& reshape, const BalanceOptions& balance) override;
  Status WaitUntilSettled(int64_t timeout_ms) override;
  void Stop() override;

 private:
  using Command = std::function<void()>;
  // What one master has in its term; made when the lock is taken.
  struct Term {
    Term(MasterImpl* m, LockerSession* session, uint64_t number)
        : client(net::RpcClient::Create(WithTerm(m->options_.rpc, number))),
          revision(number),
          access(client.get(), m->options_.call_timeout_ms),
          catalog(&access, &revision),
          tablets(session, &access, &revision),
          servers(session, client.get(), m->env_.clock, m->options_.report_timeout_ms),
          control(client.get(), m->env_.clock, [wake = m->wake_] { wake->Kick(); }),
          reshapes(client.get(), m->env_.clock, [wake = m->wake_] { wake->Kick(); }),
          recoveries(
              session, client.get(), &servers, m->env_.clock, [wake = m->wake_] { wake->Kick(); },
              m->env_.faults),
          reconciler({&servers, &tablets, &catalog, &control, &reshapes, m->env_.clock,
                      m->env_.faults, m->env_.log_recovered ? nullptr : &recoveries,
                      m->env_.log_recovered}),
          reshaper(m->options_.reshape, m->env_.clock),
          balancer(m->options_.balance) {}
    static net::RpcOptions WithTerm(net::RpcOptions options, uint64_t number) {
      options.term = number;
      return options;
    }
    std::unique_ptr<net::RpcClient> client;  // servers that know a later master refuse it
    Revision revision;
    TabletAccess access;
    Catalog catalog;
    TabletDirectory tablets;
    ServerList servers;
    TabletControl control, reshapes;
    LogRecoveries recoveries;
    Reconciler reconciler;
    Reshaper reshaper;
    TabletMoves moves;
    Balancer balancer;
  };
  // Outlives the master in the callbacks of calls that are still under way.
  struct Wake {
    Mutex mu;
    CondVar changed;
    bool kicked GUARDED_BY(mu) = false;
    std::atomic<bool> watching{false};
    void Kick() {
      MutexLock lock(&mu);
      kicked = true;
      changed.SignalAll();
    }
  };

  Status StandBy();
  Status TakeLock();
  StatusOr<uint64_t> NextTerm();
  Status Listen();
  void Run();
  void Pass();
  void RunCommands();
  void AdvanceProcedures();
  StatusOr<bool> Advance(const TableRecord& record);
  void Reshape();
  void MoveTablets();
  void CollectGarbage();
  void Publish(const Status& pass, bool all_serving);
  bool WaitForWork();
  void WatchServers();
  bool Busy();
  ProcedureContext Context();

  void Handle(net::RpcRequest request, net::RpcReply reply);
  void Enqueue(net::RpcReply reply, std::function<void(net::RpcReply)> work);
  template <typename Message>
  using BeginChange = StatusOr<TableRecord> (*)(const ProcedureContext&, const Message&);
  using AnswerChange = bool (MasterImpl::*)(const TableRecord& record, net::RpcReply* reply);
  template <typename Message>
  void ChangeTable(const net::RpcRequest& request, net::RpcReply reply, BeginChange<Message> begin,
                   AnswerChange answer);
  void Refuse(net::RpcReply reply, const wire::Event& order, const Status& why);
  void ListEvents(const net::RpcRequest& request, net::RpcReply reply);
  void TellChanges(std::shared_ptr<const CellView> view);
  void SaveEvents();
  void TellMaintenance(const net::RpcRequest& request);
  bool AnswerRowsDropped(const TableRecord& record, net::RpcReply* reply);
  void OrderTablets(const net::RpcRequest& request, net::RpcReply reply);
  void OrderServers(const net::RpcRequest& request, net::RpcReply reply);
  void DescribeProcess(net::RpcReply reply);
  void SetOption(const net::RpcRequest& request, net::RpcReply reply);
  void BeginOrder(wire::Method method, const wire::TabletOrderRequest& message,
                  const wire::Event& event, int64_t deadline, net::RpcReply reply);
  bool AnswerCreated(const TableRecord& record, net::RpcReply* reply);
  bool AnswerAltered(const TableRecord& record, net::RpcReply* reply);
  bool AnswerDropped(const TableRecord& record, net::RpcReply* reply);
  void Fatal(const Status& status);

  const MasterOptions options_;
  const MasterEnv env_;
  const std::shared_ptr<Wake> wake_ = std::make_shared<Wake>();
  std::atomic<bool> stopping_{false};
  std::atomic<bool> fatal_{false};
  std::atomic<bool> active_{false};
  bool stopped_ = false;

  std::unique_ptr<LockerSession> session_;
  uint64_t epoch_ = 0;
  std::unique_ptr<Lease> lease_;
  std::unique_ptr<net::RpcClient> client_;
  QueryService query_;
  std::unique_ptr<Term> term_;  // bound to thread_
  EventLog events_;
  const std::shared_ptr<LoadWatch> load_;
  std::shared_ptr<const CellView> told_;  // bound to thread_; what events were told of; may be null
  PendingAnswers pending_;                // bound to thread_
  bool all_serving_ = false;              // bound to thread_
  bool moving_ = false;                   // bound to thread_
  int64_t collected_boot_ns_ = 0;
  int64_t events_saved_boot_ns_ = 0;
  std::unique_ptr<net::RpcServer> rpc_;
  std::thread thread_;

  mutable Mutex mu_;
  CondVar published_;
  std::shared_ptr<const CellView> view_ GUARDED_BY(mu_) = std::make_shared<CellView>();
  std::deque<Command> commands_ GUARDED_BY(mu_);
};

void MasterImpl::Fatal(const Status& status) {
  if (fatal_.exchange(true)) return;
  LOG(ERROR) << "master cannot go on: " << status.ToString();
  wake_->Kick();
  if (env_.on_fatal) env_.on_fatal(status);
}

// Until the lock is ours. A session that is lost, or that ZooKeeper does not know any more, is made
// anew: it has held nothing yet.
Status MasterImpl::StandBy() {
  Mutex mu;
  CondVar pause;
  bool told = false;
  MutexLock lock(&mu);
  while (true) {
    Status taken = TakeLock();
    // AlreadyExists: a killed process of the same address is not forgotten yet.
    const bool again = absl::IsUnavailable(taken) || absl::IsAborted(taken) ||
                       absl::IsAlreadyExists(taken) || absl::IsUnknown(taken);
    if (taken.ok() || !again || !options_.stand_by) return taken;
    if (!std::exchange(told, true) && env_.on_standby) env_.on_standby(address());
    if (env_.stop_waiting && env_.stop_waiting()) return absl::CancelledError("told to stop");
    pause.WaitFor(&mu, std::chrono::milliseconds(kStandbyPauseMs));
  }
}

Status MasterImpl::TakeLock() {
  if (session_ == nullptr) {
    ASSIGN_OR_RETURN(session_, env_.locker->OpenSession("master"));
    // Clients that know only the Locker find all masters there.
    StatusOr<uint64_t> known =
        session_->CreateEphemeral(absl::StrCat(kMastersPath, "/", address()), address());
    if (!known.ok()) session_.reset();
    RETURN_IF_ERROR(known.status());
  }
  // To look costs the Locker less than to try.
  StatusOr<LockerValue> held = session_->Get(kMasterLockPath);
  if (held.ok()) {
    return absl::UnavailableError(absl::StrCat("the cell has a master at ", held->value));
  }
  StatusOr<uint64_t> taken = IsNotFound(held.status())
                                 ? session_->TryLock(kMasterLockPath, address())
                                 : StatusOr<uint64_t>(held.status());
  if (!taken.ok()) session_.reset();
  RETURN_IF_ERROR(taken.status());
  epoch_ = *taken;
  lease_ = std::make_unique<Lease>(
      session_.get(), kMasterLockPath, epoch_, env_.clock, options_.lease,
      Lease::Hooks{nullptr, [this](const Status& status) { Fatal(status); }});
  return lease_->Start();
}

// Terms are numbered by ones: they stand in the timestamps of system rows, where the epochs of a
// Locker need not fit. Raised under the lock: each is of one master.
StatusOr<uint64_t> MasterImpl::NextTerm() {
  auto stored = session_->Get(kMasterTermPath);
  if (!stored.ok() && !IsNotFound(stored.status())) return stored.status();
  uint64_t last = 0;
  if (stored.ok() && !absl::SimpleAtoi(stored->value, &last)) {
    return CorruptError(absl::StrCat(kMasterTermPath, " is not a number"));
  }
  // Cells from before there were terms have used their small epochs.
  if (!stored.ok() && epoch_ < kMaxEpochTakenForTerm) last = epoch_;
  RETURN_IF_ERROR(
      session_->Set(kMasterTermPath, absl::StrCat(last + 1), stored.ok() ? stored->version : 0)
          .status());
  return last + 1;
}

Status MasterImpl::Listen() {
  ASSIGN_OR_RETURN(rpc_,
                   net::RpcServer::Listen(options_.rpc_address, options_.rpc,
                                          [this](net::RpcRequest request, net::RpcReply reply) {
                                            Handle(std::move(request), std::move(reply));
                                          }));
  return OkStatus();
}

Status MasterImpl::Start() {
  RETURN_IF_ERROR(WithContext(Listen(), "master"));
  RETURN_IF_ERROR(WithContext(StandBy(), "master"));
  StatusOr<uint64_t> term = NextTerm();
  if (!term.ok()) return WithContext(term.status(), "master");
  term_ = std::make_unique<Term>(this, session_.get(), *term);
  LOG(INFO) << "master " << address() << " is active in term " << *term;
  events_.Begin(*term);
  wire::Event active;
  active.kind = kMasterEvent;
  active.text = absl::StrCat("master ", address(), " is active in term ", *term);
  events_.Add(std::move(active));
  active_ = true;
  thread_ = std::thread([this] { Run(); });
  return OkStatus();
}

void MasterImpl::Stop() {
  if (stopped_) return;
  stopped_ = true;
  if (rpc_ != nullptr) rpc_->Stop();
  stopping_ = true;
  wake_->Kick();
  if (thread_.joinable()) thread_.join();
  client_.reset();  // ends calls under way before what they report to
  if (term_ != nullptr) term_->client.reset();
  if (lease_ != nullptr) lease_->Stop();
  term_.reset();
  session_.reset();
}

Status MasterImpl::WaitUntilSettled(int64_t timeout_ms) {
  const int64_t deadline = env_.clock->BootNanos() + timeout_ms * 1'000'000;
  MutexLock lock(&mu_);
  while (!view_->settled) {
    if (fatal_) return FencedError("the master has lost its lock");
    if (env_.clock->BootNanos() >= deadline) {
      for (const wire::TabletSummary& tablet : view_->status.tablets) {
        if (tablet.state == "serving") continue;
        return absl::DeadlineExceededError(absl::StrCat("tablet ", tablet.location.tablet.id,
                                                        " is ", tablet.state, ": ", tablet.reason,
                                                        " ", view_->trouble));
      }
      return absl::DeadlineExceededError(absl::StrCat("the cell does not serve: ", view_->trouble));
    }
    published_.WaitFor(&mu_, std::chrono::milliseconds(options_.busy_pass_interval_ms));
  }
  return OkStatus();
}

ProcedureContext MasterImpl::Context() {
  return {&term_->catalog, &term_->tablets,  &term_->servers,
          &term_->control, &term_->reshapes, env_.faults};
}

void MasterImpl::Run() {
  WatchServers();
  do {
    Pass();
  } while (WaitForWork());
  if (!fatal_) SaveEvents();  // what the last pass told
}

// A hint only: without it the next pass would see the change.
void MasterImpl::WatchServers() {
  if (wake_->watching.exchange(true)) return;
  auto wake = wake_;
  Status watched = session_->Watch(kServersPath, [wake] {
    wake->watching = false;
    wake->Kick();
  });
  if (!watched.ok()) {
    LOG(WARNING) << "master: no watch on servers: " << watched.ToString();
  }
}

bool MasterImpl::Busy() {
  if (!all_serving_ || moving_ || !pending_.empty()) return true;
  MutexLock lock(&mu_);
  return !commands_.empty();
}

bool MasterImpl::WaitForWork() {
  const int64_t wait_ms = Busy() ? options_.busy_pass_interval_ms : options_.pass_interval_ms;
  const int64_t deadline = env_.clock->BootNanos() + wait_ms * 1'000'000;
  bool kicked = false;
  {
    MutexLock lock(&wake_->mu);
    while (!wake_->kicked && !stopping_ && !fatal_) {
      const int64_t left = deadline - env_.clock->BootNanos();
      if (left <= 0) break;
      wake_->changed.WaitFor(&wake_->mu, std::chrono::nanoseconds(left));
    }
    kicked = std::exchange(wake_->kicked, false);
  }
  if (kicked && !stopping_) WatchServers();
  return !stopping_ && !fatal_;
}

void MasterImpl::Pass() {
  if (Status lease = lease_->Check(); !lease.ok()) return;
  auto pass = term_->reconciler.RunPass();
  if (!pass.ok()) {
    LOG(WARNING) << "master pass: " << pass.status().ToString();
  }
  all_serving_ = pass.ok() && *pass;
  if (term_->catalog.loaded() && term_->tablets.tablets_loaded()) {
    RunCommands();
    AdvanceProcedures();
    Reshape();
    MoveTablets();
  }
  Publish(pass.status(), all_serving_);
  pending_.PollAll();
  SaveEvents();
  CollectGarbage();
}

void MasterImpl::RunCommands() {
  std::deque<Command> commands;
  {
    MutexLock lock(&mu_);
    commands.swap(commands_);
  }
  while (!commands.empty() && term_->catalog.loaded()) {
    commands.front()();
    commands.pop_front();
  }
  if (commands.empty()) return;
  // The catalog must be read again first; the next pass does.
  MutexLock lock(&mu_);
  for (auto it = commands.rbegin(); it != commands.rend(); ++it) {
    commands_.push_front(std::move(*it));
  }
}

StatusOr<bool> MasterImpl::Advance(const TableRecord& record) {
  switch (record.state) {
    case TableState::kCreating:
      return AdvanceCreateTable(Context(), record);
    case TableState::kServing:
      return AdvanceDropRows(Context(), record);
    case TableState::kDropping:
      return AdvanceDropTable(Context(), record);
  }
  return absl::InternalError("unknown state");
}

void MasterImpl::AdvanceProcedures() {
  std::vector<TableRecord> unfinished;
  for (const auto& [name, record] : term_->catalog.tables()) {
    if (record.state != TableState::kServing || record.dropping) unfinished.push_back(record);
  }
  for (const TableRecord& record : unfinished) {
    if (!term_->catalog.loaded() || !term_->tablets.tablets_loaded()) return;
    auto done = Advance(record);
    if (!done.ok()) {
      LOG(WARNING) << "table " << record.schema.name << " " << TableStateName(record.state) << ": "
                   << done.status().ToString();
    }
    if (!done.ok() || !*done) all_serving_ = false;
  }
}

void MasterImpl::MoveTablets() {
  const int64_t now_ns = env_.clock->BootNanos();
  const bool loaded = term_->catalog.loaded() && term_->tablets.tablets_loaded();
  if (!loaded || !all_serving_) term_->balancer.Pause(now_ns);
  if (!loaded) return;
  MeasureLoads(Context(), &term_->balancer.meter());
  if (all_serving_) BalanceByItself(Context(), now_ns, &term_->balancer, &term_->moves);
  term_->moves.Advance(Context());
  moving_ = !term_->moves.empty();
}

void MasterImpl::Reshape() {
  if (!all_serving_) return;
  if (Status status = term_->reshaper.Advance(Context()); !status.ok()) {
    LOG(WARNING) << "splits and merges by themselves: " << status.ToString();
  }
}

// One server does it for the cell: all see the same store.
void MasterImpl::CollectGarbage() {
  const int64_t interval_ns = options_.garbage_collection_interval_ms * 1'000'000;
  const int64_t now = env_.clock->BootNanos();
  if (collected_boot_ns_ == 0) collected_boot_ns_ = now;
  if (interval_ns == 0 || !all_serving_ || now - collected_boot_ns_ < interval_ns) return;
  collected_boot_ns_ = now;
  auto body = wire::Encode(wire::Empty());
  if (!body.ok() || term_->servers.servers().empty()) return;
  term_->client->Call(term_->servers.servers().begin()->second.node.address,
                      static_cast<uint16_t>(wire::Method::kCollectGarbage), *std::move(body),
                      kGarbageCollectionTimeoutMs, [](StatusOr<net::Buffer> answer) {
                        if (!answer.ok()) {
                          LOG(WARNING) << "file GC: " << answer.status().ToString();
                        }
                      });
}

void MasterImpl::Publish(const Status& pass, bool all_serving) {
  auto next = std::make_shared<CellView>(
      DescribeCell({options_.cell_name, address(), options_.http_address, epoch_, &term_->servers,
                    &term_->tablets, &term_->catalog, &term_->reconciler,
                    env_.log_recovered ? nullptr : &term_->recoveries, &term_->moves,
                    &term_->reshaper, &term_->reshapes, env_.clock->BootNanos()}));
  next->all_serving = all_serving;
  next->trouble = pass.ok() ? "" : std::string(pass.message());
  next->status.trouble = next->trouble;
  const int64_t now = env_.clock->BootNanos();
  next->locker = {kMasterLockPath, session_->session_timeout_ns() / 1'000'000,
                  (lease_->deadline_boot_ns() - now) / 1'000'000, now};
  TellChanges(next);
  load_->Look(term_->client.get(), next->status);
  MutexLock lock(&mu_);
  view_ = std::move(next);
  published_.SignalAll();
}

// Against the last look that saw everything.
void MasterImpl::TellChanges(std::shared_ptr<const CellView> view) {
  if (!view->ready) return;
  if (told_ == nullptr) {
    // What the master before has told is not known, but what it left is.
    auto past = std::make_shared<CellView>();
    past->status = LastSeen(term_->tablets.found(), view->status);
    term_->tablets.ForgetFound();
    told_ = std::move(past);
  }
  std::map<TabletId, std::string> why_moved;
  for (PlannedMove& move : term_->moves.moves()) why_moved[move.tablet] = std::move(move.reason);
  for (wire::Event& event : FindChanges(told_->status, view->status, why_moved)) {
    events_.Add(std::move(event));
  }
  told_ = std::move(view);
}

// Before all serve the catalog has more important work, for a while.
void MasterImpl::SaveEvents() {
  const int64_t now = env_.clock->BootNanos();
  if (!term_->catalog.loaded()) return;
  if (!events_.loaded()) {
    auto past = term_->catalog.ReadEvents();
    if (!past.ok()) {
      LOG(WARNING) << "events: " << past.status().ToString();
      return;
    }
    events_.Load(*past);
  }
  const bool due = all_serving_ || stopping_ || now - events_saved_boot_ns_ >= kSaveEventsWithinNs;
  if (!due) return;
  events_saved_boot_ns_ = now;
  if (Status saved = events_.Sync(&term_->catalog); !saved.ok()) {
    LOG(WARNING) << saved.ToString();
  }
}

// Flushes and compactions are passed on by the query service, which refuses what is malformed.
void MasterImpl::TellMaintenance(const net::RpcRequest& request) {
  wire::TableNameRequest table;
  wire::TabletOrderRequest tablets;
  const auto method = static_cast<wire::Method>(request.method);
  if (method == wire::Method::kFlushTable || method == wire::Method::kCompactTable) {
    if (wire::Decode(request.body, &table).ok())
      events_.Add(OrderBy(request, table), /*once=*/true);
  } else if (wire::Decode(request.body, &tablets).ok() && !tablets.dry_run) {
    events_.Add(OrderBy(request, tablets), /*once=*/true);
  }
}

void MasterImpl::ListEvents(const net::RpcRequest& request, net::RpcReply reply) {
  wire::ListEventsRequest message;
  if (Status bad = wire::Decode(request.body, &message); !bad.ok()) return reply.Error(bad);
  auto list = events_.List(message);
  if (!list.ok()) return reply.Error(list.status());
  reply.Send(wire::Encode(*list));
}

void MasterImpl::DescribeProcess(net::RpcReply reply) {
  wire::DescribeProcessResponse answer;
  answer.id = address();
  answer.state = fatal_ ? "failed" : active_ ? "active" : "standby";
  answer.wall_us = env_.clock->WallMicros();
  if (active_) {
    answer.lease_left_ms = (lease_->deadline_boot_ns() - env_.clock->BootNanos()) / 1'000'000;
    answer.session_timeout_ms = view()->locker.session_timeout_ms;
  }
  if (env_.options != nullptr) env_.options->Describe(&answer);
  reply.Send(wire::Encode(answer));
}

void MasterImpl::SetOption(const net::RpcRequest& request, net::RpcReply reply) {
  wire::SetOptionRequest message;
  if (Status bad = wire::Decode(request.body, &message); !bad.ok()) return reply.Error(bad);
  message.actor = request.peer;
  wire::Event order = OrderBy(request, message);
  order.text += WhoElseChanges(env_.options, message);
  Enqueue(std::move(reply),
          [this, message = std::move(message), order = std::move(order)](net::RpcReply waiting) {
            events_.Add(order);
            auto done = CarryOutOptionOrder({env_.options, &term_->servers.servers(),
                                             term_->client.get(), options_.report_timeout_ms},
                                            message);
            if (!done.ok()) return Refuse(std::move(waiting), order, done.status());
            waiting.Send(wire::Encode(*done));
          });
}

void MasterImpl::Retune(const ReshapeOptions& reshape, const BalanceOptions& balance) {
  MutexLock lock(&mu_);
  commands_.push_back([this, reshape, balance] {
    term_->reshaper.Retune(reshape);
    term_->balancer.Retune(balance);
  });
}

void MasterImpl::Handle(net::RpcRequest request, net::RpcReply reply) {
  if (static_cast<wire::Method>(request.method) == wire::Method::kDescribeProcess) {
    // One that stands by answers, too.
    if (Status no = wire::CheckPermission(request); !no.ok()) return reply.Error(no);
    return DescribeProcess(std::move(reply));
  }
  if (fatal_ || !active_) {
    Status no =
        absl::UnavailableError(fatal_ ? "this master has lost its lock" : "this master stands by");
    no.SetPayload(net::kNotSentPayload, absl::Cord());  // nothing was done: the active one is asked
    return reply.Error(no);
  }
  if (Status no = wire::CheckPermission(request); !no.ok()) return reply.Error(no);
  switch (static_cast<wire::Method>(request.method)) {
    case wire::Method::kCreateTable:
      return ChangeTable(request, std::move(reply), &BeginCreateTable, &MasterImpl::AnswerCreated);
    case wire::Method::kAlterTable:
      return ChangeTable(request, std::move(reply), &BeginAlterTable, &MasterImpl::AnswerAltered);
    case wire::Method::kDropTable:
      return ChangeTable(request, std::move(reply), &BeginDropTable, &MasterImpl::AnswerDropped);
    case wire::Method::kDropRowRange:
      return ChangeTable(request, std::move(reply), &BeginDropRows, &MasterImpl::AnswerRowsDropped);
    case wire::Method::kSplit:
    case wire::Method::kMove:
    case wire::Method::kMerge:
      return OrderTablets(request, std::move(reply));
    case wire::Method::kDrain:
    case wire::Method::kUndrain:
    case wire::Method::kBalance:
      return OrderServers(request, std::move(reply));
    case wire::Method::kSetOption:
      return SetOption(request, std::move(reply));
    case wire::Method::kListEvents:
      return ListEvents(request, std::move(reply));
    case wire::Method::kFlushTable:
    case wire::Method::kCompactTable:
    case wire::Method::kFlushTablets:
    case wire::Method::kCompactTablets:
      TellMaintenance(request);
      return query_.Handle(*view(), request, std::move(reply));
    default:
      return query_.Handle(*view(), request, std::move(reply));
  }
}

void MasterImpl::Enqueue(net::RpcReply reply, std::function<void(net::RpcReply)> work) {
  auto shared = std::make_shared<net::RpcReply>(std::move(reply));
  {
    MutexLock lock(&mu_);
    if (commands_.size() >= kMaxQueuedCommands) {
      return shared->Error(wire::OverloadedError("too many table changes wait", kRetryDelayMs));
    }
    commands_.push_back([shared, work = std::move(work)] { work(std::move(*shared)); });
  }
  wake_->Kick();
}

template <typename Message>
void MasterImpl::ChangeTable(const net::RpcRequest& request, net::RpcReply reply,
                             BeginChange<Message> begin, AnswerChange answer) {
  Message message;
  if (Status bad = wire::Decode(request.body, &message); !bad.ok()) return reply.Error(bad);
  wire::Event order = OrderBy(request, message);
  Enqueue(std::move(reply), [this, message = std::move(message), begin, answer,
                             order = std::move(order),
                             deadline = request.deadline_boot_ns](net::RpcReply waiting) {
    events_.Add(order);
    auto record = begin(Context(), message);
    if (!record.ok()) return Refuse(std::move(waiting), order, record.status());
    pending_.Add(std::move(waiting), deadline, [this, record = *record, answer](auto* reply) {
      return (this->*answer)(record, reply);
    });
  });
}

// Once the view shows what it is refused for: who asks next sees it.
void MasterImpl::Refuse(net::RpcReply reply, const wire::Event& order, const Status& why) {
  events_.Add(RefusedEvent(order, why), /*once=*/true);
  pending_.Add(std::move(reply), /*deadline_boot_ns=*/0, [why](net::RpcReply* answer) {
    answer->Error(why);
    return true;
  });
}

bool MasterImpl::AnswerCreated(const TableRecord& record, net::RpcReply* reply) {
  const TableRecord* now = term_->catalog.FindTable(record.schema.name);
  if (!term_->catalog.loaded() || now == nullptr) return false;
  if (now->state == TableState::kCreating) return false;
  reply->Send(wire::Encode(wire::TableResponse{now->schema}));
  return true;
}

bool MasterImpl::AnswerAltered(const TableRecord& record, net::RpcReply* reply) {
  if (!AllTabletsHaveVersion(Context(), record.schema.id, record.schema.version)) return false;
  reply->Send(wire::Encode(wire::TableResponse{record.schema}));
  return true;
}

bool MasterImpl::AnswerRowsDropped(const TableRecord& record, net::RpcReply* reply) {
  if (!term_->catalog.loaded()) return false;
  // A table that is dropped, perhaps with another of its name since, has none of the rows either.
  const TableRecord* now = term_->catalog.FindTable(record.schema.name);
  const bool same = now != nullptr && now->schema.id == record.schema.id;
  if (same && now->dropping && now->last_drop_order == record.last_drop_order) return false;
  reply->Send(wire::Encode(wire::Empty()));
  return true;
}

bool MasterImpl::AnswerDropped(const TableRecord& record, net::RpcReply* reply) {
  if (!term_->catalog.loaded()) return false;
  const TableRecord* now = term_->catalog.FindTable(record.schema.name);
  if (now != nullptr && now->schema.id == record.schema.id) return false;
  reply->Send(wire::Encode(wire::Empty()));
  return true;
}

void MasterImpl::OrderTablets(const net::RpcRequest& request, net::RpcReply reply) {
  wire::TabletOrderRequest message;
  if (Status bad = wire::Decode(request.body, &message); !bad.ok()) return reply.Error(bad);
  const auto method = static_cast<wire::Method>(request.method);
  wire::Event order = OrderBy(request, message);
  Enqueue(std::move(reply), [this, method, message = std::move(message), order = std::move(order),
                             deadline = request.deadline_boot_ns](net::RpcReply waiting) {
    BeginOrder(method, message, order, deadline, std::move(waiting));
  });
}

// Answered once the view shows it; what is left is done pass by pass.
void MasterImpl::OrderServers(const net::RpcRequest& request, net::RpcReply reply) {
  wire::TabletOrderRequest message;
  if (Status bad = wire::Decode(request.body, &message); !bad.ok()) return reply.Error(bad);
  const auto method = static_cast<wire::Method>(request.method);
  wire::Event order = OrderBy(request, message);
  Enqueue(std::move(reply), [this, method, message = std::move(message),
                             order = std::move(order)](net::RpcReply waiting) {
    if (!message.dry_run) events_.Add(order, /*once=*/true);
    auto left = CarryOutServerOrder(Context(), method, message, &term_->moves, &term_->balancer);
    if (!left.ok()) return Refuse(std::move(waiting), order, left.status());
    pending_.Add(std::move(waiting), /*deadline_boot_ns=*/0, [left = *left](net::RpcReply* answer) {
      answer->Send(wire::Encode(left));
      return true;
    });
  });
}

void MasterImpl::BeginOrder(wire::Method method, const wire::TabletOrderRequest& message,
                            const wire::Event& event, int64_t deadline, net::RpcReply reply) {
  if (!message.dry_run) events_.Add(event);
  auto steps = method == wire::Method::kSplit  ? PlanSplit(Context(), message)
               : method == wire::Method::kMove ? PlanMove(Context(), message)
                                               : PlanMerge(Context(), message);
  if (!steps.ok()) return Refuse(std::move(reply), event, steps.status());
  auto order = std::make_shared<TabletOrder>(*std::move(steps));
  if (message.dry_run) return reply.Send(wire::Encode(order->Describe()));
  pending_.Add(std::move(reply), deadline, [this, order, event](net::RpcReply* answer) {
    if (!term_->catalog.loaded() || !term_->tablets.tablets_loaded()) return false;
    auto done = order->Advance();
    if (done.ok() && !*done) return false;
    if (done.ok()) {
      answer->Send(wire::Encode(order->Describe()));
    } else {
      events_.Add(RefusedEvent(event, done.status()));
      answer->Error(done.status());
    }
    return true;
  });
}

}  // namespace

StatusOr<std::unique_ptr<Master>> Master::Start(const MasterOptions& options,
                                                const MasterEnv& env) {
  auto master = std::make_unique<MasterImpl>(options, env);
  RETURN_IF_ERROR(master->Start());
  return master;
}

}  // namespace stele::master
