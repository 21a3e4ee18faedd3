#include <algorithm>
#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "common/net/address.h"
#include "common/net/channel.h"
#include "common/net/pending_calls.h"
#include "common/net/status_coding.h"
#include "common/time/clock.h"

namespace stele::net {
namespace {

using ErrorCode = boost::system::error_code;
using asio::ip::tcp;

constexpr int64_t kNanosPerMicro = 1'000;
constexpr int64_t kNanosPerMilli = 1'000'000;
constexpr int64_t kTickMs = 20;             // so a call ends at most this long after its deadline
constexpr size_t kCallOverheadBytes = 128;  // what a queued call costs besides its body
constexpr size_t kKeptCalls = 1024;         // room for so many stays when they are sent
constexpr size_t kMaxPrefixBytes = kRequestPrefixBytes + kCellKeyBytes + kTermBytes;

thread_local int sends_from_here = 0;

Status NotSent(Status status) {
  status.SetPayload(kNotSentPayload, absl::Cord());
  return status;
}

// One connection to one address, from its first call to its end; then the next call makes another.
// Calls are submitted from any thread; everything else is on its io thread. Callbacks run there
// without a lock held.
class ClientConnection : public Channel {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void OnTakesNoCalls(const ClientConnection* connection) = 0;
    virtual void OnEnded(const ClientConnection* connection) = 0;
  };

  // `owner` outlives the connection's life on its thread.
  ClientConnection(std::shared_ptr<IoThread> thread, const RpcOptions& options, std::string address,
                   Owner* owner)
      : Channel(std::move(thread), options),
        address_(std::move(address)),
        owner_(owner),
        tick_(this->thread()->context()),
        resolver_(this->thread()->context()),
        connecting_(this->thread()->context()) {}

  const std::string& address() const { return address_; }
  // On the io thread, once.
  void Connect();
  // The call's id. 0: it takes no more calls; `body` and `done` are untouched. ResourceExhausted:
  // too much is queued; likewise. Sends it from here if the thread says so (SendsFromHere) and the
  // connection is free.
  StatusOr<uint32_t> Submit(uint16_t method, Buffer* body, int64_t deadline_ns,
                            RpcClient::Callback* done);
  // From any thread. What is not framed yet ends at once, the server is told of the others.
  void Cancel(uint32_t id);

 protected:
  Status OnFrame(const FrameHeader& header, Buffer body) override;
  bool MayRead() override { return true; }
  void BeforeWrite() override;
  void OnClosed(const Status& why) override;

 private:
  struct PendingCall {
    int64_t deadline_ns = 0;
    RpcClient::Callback done;
    bool framed = false;
    uint64_t frame_start = 0;  // in the bytes of the connection, when framed
  };
  struct QueuedCall {
    uint32_t id = 0;
    uint16_t method = 0;
    Buffer body;
    int64_t remaining_us = 0;  // when it is framed; <= 0: it is not
  };

  void OnResolved(const ErrorCode& error, const tcp::resolver::results_type& found);
  void ConnectTo(const tcp::endpoint& endpoint);
  void OnConnected(const ErrorCode& error);
  void ArmTick();
  void Tick();
  void Ping(int64_t now_ns);
  void CloseIfSilent(int64_t now_ns);
  // Takes the call out; empty when it is not there any more.
  RpcClient::Callback TakeCall(uint32_t id);
  // Of a connection that has ended.
  bool CertainlyNotSent(const PendingCall& call) const {
    return !call.framed || call.frame_start >= written_total();
  }
  void StopTakingCalls();
  void FrameQueued();
  // In place of the queue; false: it has to be queued.
  bool ClaimFor(PendingCall* call, size_t body_bytes) REQUIRES(calls_mu_);
  void MarkFramed(int64_t now_ns) EXCLUDES(calls_mu_);
  // Adds the call's prefix to `prefix`, which has room for it.
  FrameHeader HeaderOf(const QueuedCall& call, char* prefix) const;
  size_t PrefixBytes() const {
    if (options_.cell_key.empty()) return kRequestPrefixBytes;
    return kRequestPrefixBytes + kCellKeyBytes + (options_.term != 0 ? kTermBytes : 0);
  }
  void FrameCancels();

  const std::string address_;
  Owner* const owner_;
  asio::steady_timer tick_;
  tcp::resolver resolver_;
  tcp::socket connecting_;
  std::atomic<bool> tick_armed_{false};  // no more only with calls_mu_ held, and no call there
  bool connected_ = false;
  int64_t connect_deadline_ns_ = 0;
  // Of the ping that nothing has come after: when it was queued, and where it ends in the bytes of
  // the connection; 0: there is none.
  int64_t ping_ns_ = 0;
  uint64_t ping_end_ = 0;
  // When the peer's machine last took some of the bytes up to there, and how many it had.
  int64_t taken_ns_ = 0;
  uint64_t taken_ = 0;
  int64_t ticked_ns_ = 0;
  int64_t waiting_since_ns_ = 0;  // for answers
  std::vector<QueuedCall> framing_;
  bool refused_ = false;  // the server ran and will run nothing of this connection

  Mutex calls_mu_;
  PendingCalls<PendingCall> calls_ GUARDED_BY(calls_mu_);
  std::vector<QueuedCall> queue_ GUARDED_BY(calls_mu_);
  std::vector<uint32_t> cancels_ GUARDED_BY(calls_mu_);
  size_t queue_bytes_ GUARDED_BY(calls_mu_) = 0;
  bool framing_now_ GUARDED_BY(calls_mu_) =
      false;                              // what was queued may be on its way to the output
  std::atomic<bool> taking_calls_{true};  // set with calls_mu_ held
};

StatusOr<uint32_t> ClientConnection::Submit(uint16_t method, Buffer* body, int64_t deadline_ns,
                                            RpcClient::Callback* done) {
  const size_t output_bytes = queued_bytes();
  uint32_t id = 0;
  bool claimed = false;
  QueuedCall queued;
  {
    MutexLock lock(&calls_mu_);
    if (!taking_calls_) return 0;
    if (output_bytes + queue_bytes_ > options_.max_output_bytes_per_connection) {
      return absl::ResourceExhaustedError(
          absl::StrCat("more than ", options_.max_output_bytes_per_connection,
                       " bytes of calls wait to be sent to ", address_));
    }
    PendingCall* call = nullptr;
    std::tie(id, call) = calls_.Add();
    call->deadline_ns = deadline_ns;
    call->done = std::move(*done);
    queued = {id, method, std::move(*body)};
    claimed = SendsFromHere::Current() && ClaimFor(call, queued.body.size());
    if (!claimed) {
      queue_bytes_ += queued.body.size() + kCallOverheadBytes;
      queue_.push_back(std::move(queued));
    }
  }
  if (claimed) {
    // One that is too late already the server answers so.
    queued.remaining_us =
        std::max<int64_t>(1, (deadline_ns - SystemClock()->BootNanos()) / kNanosPerMicro);
    char prefix[kMaxPrefixBytes];
    const FrameHeader header = HeaderOf(queued, prefix);
    SendClaimed(header, Slice(prefix, PrefixBytes()), queued.body);
  } else {
    ScheduleFlush();
  }
  return id;
}

// Not before calls that are queued, and only while the tick looks after those that wait.
bool ClientConnection::ClaimFor(PendingCall* call, size_t body_bytes) {
  if (body_bytes > kMostFromHere || !tick_armed_ || framing_now_ || !queue_.empty() ||
      !cancels_.empty())
    return false;
  const size_t bytes = kFrameHeaderBytes + PrefixBytes() + body_bytes;
  call->framed = ClaimOutput(bytes, &call->frame_start);
  return call->framed;
}

void ClientConnection::Cancel(uint32_t id) {
  {
    MutexLock lock(&calls_mu_);
    if (calls_.Find(id) == nullptr) return;
    cancels_.push_back(id);
  }
  ScheduleFlush();
}

void ClientConnection::BeforeWrite() {
  FrameCancels();
  FrameQueued();
}

// A call that waits to be framed is taken out; of the others the server hears.
void ClientConnection::FrameCancels() {
  std::vector<uint32_t> cancels;
  std::vector<RpcClient::Callback> not_sent;
  {
    MutexLock lock(&calls_mu_);
    cancels.swap(cancels_);
    std::erase_if(cancels, [&](uint32_t id) REQUIRES(calls_mu_) {
      const PendingCall* call = calls_.Find(id);
      if (call == nullptr || call->framed) return call == nullptr;
      not_sent.push_back(calls_.Take(id).done);
      return true;
    });
  }
  for (const uint32_t id : cancels) {
    FrameHeader header;
    header.kind = FrameKind::kCancel;
    header.request_id = id;
    Queue(header, Slice(), Buffer());
  }
  for (RpcClient::Callback& done : not_sent) {
    done(NotSent(absl::CancelledError(absl::StrCat(address_, ": cancelled before it was sent"))));
  }
}

// Frames what was submitted, with the time that is left now.
void ClientConnection::FrameQueued() {
  {
    MutexLock lock(&calls_mu_);
    framing_.swap(queue_);
    queue_bytes_ = 0;
    framing_now_ = !framing_.empty();  // until this is called again, which is soon
  }
  if (framing_.empty()) return;
  const int64_t now_ns = SystemClock()->BootNanos();
  if (!tick_armed_) {
    waiting_since_ns_ = ticked_ns_ = now_ns;
    ArmTick();
  }
  MarkFramed(now_ns);
  for (const QueuedCall& call : framing_) {
    if (call.remaining_us <= 0) continue;
    char prefix[kMaxPrefixBytes];
    const FrameHeader header = HeaderOf(call, prefix);
    Queue(header, Slice(prefix, PrefixBytes()), call.body);
  }
  framing_.clear();
  if (framing_.capacity() > kKeptCalls) std::vector<QueuedCall>().swap(framing_);
}

// Nobody but this thread queues frames, and nobody claims the output meanwhile: so where each will
// stand is known.
void ClientConnection::MarkFramed(int64_t now_ns) {
  uint64_t at = queued_total();
  MutexLock lock(&calls_mu_);
  for (QueuedCall& queued : framing_) {
    PendingCall* call = calls_.Find(queued.id);
    if (call == nullptr) continue;  // timed out while it waited
    queued.remaining_us = (call->deadline_ns - now_ns) / kNanosPerMicro;
    if (queued.remaining_us <= 0) continue;  // the next tick ends it
    call->framed = true;
    call->frame_start = at;
    at += kFrameHeaderBytes + PrefixBytes() + queued.body.size();
  }
}

FrameHeader ClientConnection::HeaderOf(const QueuedCall& call, char* prefix) const {
  FrameHeader header;
  header.kind = FrameKind::kRequest;
  header.method = call.method;
  header.request_id = call.id;
  EncodeFixed64(prefix, static_cast<uint64_t>(call.remaining_us));
  if (!options_.cell_key.empty()) {
    header.flags = kRequestHasKey;
    std::memcpy(prefix + kRequestPrefixBytes, options_.cell_key.data(), kCellKeyBytes);
    if (options_.term != 0) {
      header.flags |= kRequestHasTerm;
      EncodeFixed64(prefix + kRequestPrefixBytes + kCellKeyBytes, options_.term);
    }
  }
  return header;
}

RpcClient::Callback ClientConnection::TakeCall(uint32_t id) {
  MutexLock lock(&calls_mu_);
  if (calls_.Find(id) == nullptr) return nullptr;
  return calls_.Take(id).done;
}

Status ClientConnection::OnFrame(const FrameHeader& header, Buffer body) {
  switch (header.kind) {
    case FrameKind::kReply:
      if (RpcClient::Callback done = TakeCall(header.request_id)) done(std::move(body));
      break;
    case FrameKind::kError: {
      Status status;
      if (!DecodeStatus(body.bytes(), &status) || status.ok()) {
        return absl::UnavailableError("connection closed: malformed error frame");
      }
      if (RpcClient::Callback done = TakeCall(header.request_id)) done(status);
      break;
    }
    case FrameKind::kGoaway:
      StopTakingCalls();
      refused_ = header.flags == kGoawayRefused;
      if (refused_) return absl::UnavailableError("the server takes no more connections");
      break;
    case FrameKind::kRequest:
    case FrameKind::kCancel:
      return absl::UnavailableError("connection closed: a client takes no requests");
  }
  if (taking_calls_.load(std::memory_order_relaxed)) return OkStatus();  // only we change it
  MutexLock lock(&calls_mu_);
  if (!calls_.empty()) return OkStatus();
  return absl::UnavailableError("connection closed: the server goes away");
}

void ClientConnection::StopTakingCalls() {
  {
    MutexLock lock(&calls_mu_);
    if (!taking_calls_) return;
    taking_calls_ = false;
  }
  owner_->OnTakesNoCalls(this);
}

void ClientConnection::OnClosed(const Status& why) {
  StopTakingCalls();
  tick_.cancel();
  resolver_.cancel();
  ErrorCode ignored;  // the descriptor is given back in any case
  connecting_.close(ignored);
  std::vector<PendingCall> calls;
  {
    MutexLock lock(&calls_mu_);
    calls = calls_.TakeIf([](const PendingCall&) { return true; });
    queue_.clear();
    cancels_.clear();
    queue_bytes_ = 0;
  }
  // What the peer sent wrong is no fault of the caller: all are Unavailable.
  const Status error = absl::UnavailableError(absl::StrCat(address_, ": ", why.message()));
  for (PendingCall& call : calls) {
    call.done(refused_ || CertainlyNotSent(call) ? NotSent(error) : error);
  }
  owner_->OnEnded(this);
}

void ClientConnection::Connect() {
  if (ended()) return;
  connect_deadline_ns_ = SystemClock()->BootNanos() + options_.connect_timeout_ms * kNanosPerMilli;
  ArmTick();
  StatusOr<HostPort> parsed = ParseHostPort(address_);
  if (!parsed.ok()) return Close(parsed.status());
  if (auto endpoint = NumericEndpoint(*parsed)) return ConnectTo(*endpoint);
  auto self = std::static_pointer_cast<ClientConnection>(shared_from_this());
  resolver_.async_resolve(parsed->host, std::to_string(parsed->port),
                          [self](const ErrorCode& error, const tcp::resolver::results_type& found) {
                            self->OnResolved(error, found);
                          });
}

void ClientConnection::OnResolved(const ErrorCode& error,
                                  const tcp::resolver::results_type& found) {
  if (ended()) return;
  if (error || found.empty()) {
    return Close(absl::UnavailableError(absl::StrCat("resolve: ", error.message())));
  }
  ConnectTo(found.begin()->endpoint());
}

void ClientConnection::ConnectTo(const tcp::endpoint& endpoint) {
  auto self = std::static_pointer_cast<ClientConnection>(shared_from_this());
  connecting_.async_connect(endpoint, [self](const ErrorCode& error) { self->OnConnected(error); });
}

void ClientConnection::OnConnected(const ErrorCode& error) {
  if (ended()) return;
  if (error) return Close(absl::UnavailableError(absl::StrCat("connect: ", error.message())));
  connected_ = true;
  Start(std::move(connecting_));
}

void ClientConnection::ArmTick() {
  tick_armed_ = true;
  auto self = std::static_pointer_cast<ClientConnection>(shared_from_this());
  tick_.expires_after(std::chrono::milliseconds(kTickMs));
  tick_.async_wait([self](const ErrorCode& error) {
    if (!error && !self->ended()) self->Tick();
  });
}

void ClientConnection::Tick() {
  const int64_t now_ns = SystemClock()->BootNanos();
  std::vector<PendingCall> late;
  {
    MutexLock lock(&calls_mu_);
    late = calls_.TakeIf([now_ns](const PendingCall& call) { return call.deadline_ns <= now_ns; });
  }
  for (PendingCall& call : late) {
    const Status error =
        absl::DeadlineExceededError(absl::StrCat(address_, ": no answer before the deadline"));
    // What is framed goes out yet, when the peer reads again.
    call.done(call.framed ? error : NotSent(error));
  }
  if (ended()) return;
  if (!connected_ && now_ns >= connect_deadline_ns_) {
    return Close(absl::UnavailableError("connect: timed out"));
  }
  CloseIfStalled(now_ns);
  if (!ended()) CloseIfSilent(now_ns);
  if (ended()) return;
  MutexLock lock(&calls_mu_);
  tick_armed_ = false;  // an idle connection does not tick
  if (!connected_ || !calls_.empty() || queued_bytes() > 0) {
    ArmTick();
  } else {
    TrimOutput();
  }
}

void ClientConnection::Ping(int64_t now_ns) {
  FrameHeader header;
  header.kind = FrameKind::kRequest;
  header.method = kPingMethod;
  header.request_id = kNoRequest;
  char no_deadline[kRequestPrefixBytes];
  EncodeFixed64(no_deadline, 0);
  if (!Queue(header, Slice(no_deadline, sizeof(no_deadline)), Buffer())) return;
  ping_ns_ = taken_ns_ = now_ns;
  ping_end_ = queued_total();
  taken_ = taken_total();
}

// Whoever waits and hears nothing asks whether the peer is there, and believes no longer in one
// that does not answer. As long as the peer's machine takes what stands before the question, it is
// only slow; once it has the question, only what comes from the peer counts. If this thread itself
// was held up, what came meanwhile is still to be read.
void ClientConnection::CloseIfSilent(int64_t now_ns) {
  const int64_t limit_ns = options_.silence_timeout_ms * kNanosPerMilli;
  if (limit_ns <= 0 || !connected_) return;
  const int64_t ping_after_ns = limit_ns / 4;
  const bool held_up = now_ns - std::exchange(ticked_ns_, now_ns) > ping_after_ns;
  if (ping_end_ != 0 && last_read_ns() >= ping_ns_) ping_end_ = 0;
  if (ping_end_ == 0) {
    if (now_ns - std::max(last_read_ns(), waiting_since_ns_) >= ping_after_ns) Ping(now_ns);
    return;
  }
  const uint64_t before = std::exchange(taken_, taken_total());
  if (held_up || (before < ping_end_ && taken_ > before)) taken_ns_ = now_ns;
  if (now_ns - taken_ns_ < limit_ns - ping_after_ns) return;
  Close(absl::UnavailableError(
      "connection closed: nothing comes from the peer, no answer to a ping"));
}

class Client : public RpcClient, private ClientConnection::Owner {
 public:
  explicit Client(const RpcOptions& options) : options_(options) {
    for (uint32_t i = 0; i < std::clamp(options.io_threads, 1u, 64u); i++) {
      threads_.push_back(std::make_shared<IoThread>());
    }
  }
  ~Client() override;

  void Call(const std::string& address, uint16_t method, Buffer body, int64_t timeout_ms,
            Callback done) override {
    Start(address, method, std::move(body), timeout_ms, std::move(done));
  }
  Canceller CancellableCall(const std::string& address, uint16_t method, Buffer body,
                            int64_t timeout_ms, Callback done) override;
  StatusOr<Buffer> CallSync(const std::string& address, uint16_t method, Buffer body,
                            int64_t timeout_ms) override;

 private:
  void OnTakesNoCalls(const ClientConnection* connection) override;
  void OnEnded(const ClientConnection* connection) override;
  // Null when the client stops. InvalidArgument for a bad address.
  StatusOr<std::shared_ptr<ClientConnection>> ConnectionTo(const std::string& address);
  // A call under way; no connection: it failed.
  struct Started {
    std::shared_ptr<ClientConnection> connection;
    uint32_t id = 0;
  };
  Started Start(const std::string& address, uint16_t method, Buffer body, int64_t timeout_ms,
                Callback done);
  // Ends a call that was not sent, on an io thread.
  void Fail(const Status& status, Callback done);
  IoThread* CurrentThread() const;  // null when it is none of ours

  const RpcOptions options_;
  std::vector<std::shared_ptr<IoThread>> threads_;
  Mutex mu_;
  // Those that take calls, by address; and all that have not ended.
  std::map<std::string, std::shared_ptr<ClientConnection>> connections_ GUARDED_BY(mu_);
  std::map<const ClientConnection*, std::shared_ptr<ClientConnection>> live_ GUARDED_BY(mu_);
  size_t next_thread_ GUARDED_BY(mu_) = 0;
  bool stopping_ GUARDED_BY(mu_) = false;
};

IoThread* Client::CurrentThread() const {
  for (const auto& thread : threads_) {
    if (thread->IsCurrent()) return thread.get();
  }
  return nullptr;
}

Client::~Client() {
  CHECK(CurrentThread() == nullptr) << "a client destroyed on its own io thread";
  std::vector<std::shared_ptr<ClientConnection>> live;
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    for (const auto& [key, connection] : live_) live.push_back(connection);
  }
  for (const auto& connection : live) {
    connection->CloseSoon(absl::UnavailableError("the client stops"));
  }
  for (const auto& thread : threads_) thread->Join();
}

StatusOr<std::shared_ptr<ClientConnection>> Client::ConnectionTo(const std::string& address) {
  MutexLock lock(&mu_);
  if (stopping_) return std::shared_ptr<ClientConnection>();
  const auto known = connections_.find(address);
  if (known != connections_.end()) return known->second;
  RETURN_IF_ERROR(ParseHostPort(address).status());
  const auto& thread = threads_[next_thread_++ % threads_.size()];
  auto connection = std::make_shared<ClientConnection>(thread, options_, address,
                                                       static_cast<ClientConnection::Owner*>(this));
  connections_[address] = live_[connection.get()] = connection;
  thread->Post([connection] { connection->Connect(); });
  return connection;
}

void Client::OnTakesNoCalls(const ClientConnection* connection) {
  MutexLock lock(&mu_);
  auto found = connections_.find(connection->address());
  if (found != connections_.end() && found->second.get() == connection) connections_.erase(found);
}

void Client::OnEnded(const ClientConnection* connection) {
  MutexLock lock(&mu_);
  live_.erase(connection);
}

void Client::Fail(const Status& status, Callback done) {
  IoThread* current = CurrentThread();
  bool stopping;
  {
    MutexLock lock(&mu_);
    stopping = stopping_;
  }
  if (current != nullptr && stopping) return done(NotSent(status));
  auto run = [status, done = std::move(done)] { done(NotSent(status)); };
  (current != nullptr ? current : threads_.front().get())->Post(std::move(run));
}

Client::Started Client::Start(const std::string& address, uint16_t method, Buffer body,
                              int64_t timeout_ms, Callback done) {
  constexpr int64_t kMaxTimeoutMs = int64_t{1} << 40;
  auto fail = [&](const Status& status) {
    Fail(status, std::move(done));
    return Started();
  };
  if (body.size() + kRequestPrefixBytes + kCellKeyBytes > options_.max_frame_bytes) {
    return fail(absl::InvalidArgumentError(
        absl::StrCat("request of ", body.size(), " bytes, limit ", options_.max_frame_bytes)));
  }
  if (timeout_ms <= 0) return fail(absl::DeadlineExceededError("no time left for the call"));
  const int64_t deadline_ns =
      SystemClock()->BootNanos() + std::min(timeout_ms, kMaxTimeoutMs) * kNanosPerMilli;
  while (true) {
    StatusOr<std::shared_ptr<ClientConnection>> connection = ConnectionTo(address);
    if (!connection.ok()) return fail(connection.status());
    if (*connection == nullptr) return fail(absl::UnavailableError("the client stops"));
    StatusOr<uint32_t> id = (*connection)->Submit(method, &body, deadline_ns, &done);
    if (!id.ok()) return fail(id.status());
    if (*id != 0) return {*std::move(connection), *id};
    // It takes no calls, and has left the map or is about to: the next one is new.
    OnTakesNoCalls(connection->get());
  }
}

RpcClient::Canceller Client::CancellableCall(const std::string& address, uint16_t method,
                                             Buffer body, int64_t timeout_ms, Callback done) {
  const Started started = Start(address, method, std::move(body), timeout_ms, std::move(done));
  if (started.connection == nullptr) return [] {};
  return [connection = std::weak_ptr<Channel>(started.connection), id = started.id] {
    auto channel = connection.lock();
    if (channel != nullptr) static_cast<ClientConnection*>(channel.get())->Cancel(id);
  };
}

StatusOr<Buffer> Client::CallSync(const std::string& address, uint16_t method, Buffer body,
                                  int64_t timeout_ms) {
  CHECK(CurrentThread() == nullptr) << "CallSync on an io thread would wait for itself";
  struct Answer {
    Mutex mu;
    CondVar arrived;
    std::optional<StatusOr<Buffer>> value GUARDED_BY(mu);
  };
  auto answer = std::make_shared<Answer>();
  const SendsFromHere waits;
  Call(address, method, std::move(body), timeout_ms, [answer](StatusOr<Buffer> value) {
    MutexLock lock(&answer->mu);
    answer->value = std::move(value);
    answer->arrived.Signal();
  });
  MutexLock lock(&answer->mu);
  while (!answer->value.has_value()) answer->arrived.Wait(&answer->mu);
  return *std::move(answer->value);
}

}  // namespace

SendsFromHere::SendsFromHere() { ++sends_from_here; }
SendsFromHere::~SendsFromHere() { --sends_from_here; }
bool SendsFromHere::Current() { return sends_from_here > 0; }

std::unique_ptr<RpcClient> RpcClient::Create(const RpcOptions& options) {
  return std::make_unique<Client>(options);
}

}  // namespace stele::net
