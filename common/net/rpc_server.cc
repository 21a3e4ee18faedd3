#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "common/base/log.h"
#include "common/net/address.h"
#include "common/net/channel.h"
#include "common/net/listener.h"
#include "common/net/status_coding.h"
#include "common/time/clock.h"

namespace stele::net {
namespace {

constexpr int64_t kNanosPerMicro = 1'000;
constexpr int64_t kNanosPerMilli = 1'000'000;
constexpr int64_t kGoawayGraceMs = 1'000;

class ServerConnection;

// A request in flight: passes its answer on to its connection.
class ServerCall : public RpcReply::Taker {
 public:
  ServerCall(std::shared_ptr<ServerConnection> connection, uint32_t id, size_t bytes)
      : id(id), bytes(bytes), connection_(std::move(connection)) {}
  void Take(const Status& status, Buffer body) override;

  const uint32_t id;
  const size_t bytes;
  std::atomic<bool> cancelled{false};
  // Its neighbours among the connection's, whose mutex guards them.
  ServerCall *next = nullptr, *previous = nullptr;

 private:
  std::shared_ptr<ServerConnection> connection_;  // null once answered
};

// What the connections share; outlives them as far as they use it (handlers run until Stop only).
struct ServerShared {
  RpcOptions options;
  RpcHandler handler;
  std::atomic<bool> draining{false};
  std::atomic<bool> stopping{false};
  std::atomic<uint32_t> connections{0};
};

// The connections of one io thread. Lives on that thread.
struct Shard {
  explicit Shard(std::shared_ptr<IoThread> thread)
      : thread(std::move(thread)), tick(this->thread->context()) {}
  const std::shared_ptr<IoThread> thread;
  std::set<std::shared_ptr<ServerConnection>> connections;
  asio::steady_timer tick;
};

class ServerConnection : public Channel {
 public:
  ServerConnection(std::shared_ptr<ServerShared> server, Shard* shard, std::string peer)
      : Channel(shard->thread, server->options),
        server_(std::move(server)),
        shard_(shard),
        peer_(std::move(peer)) {}

  void Serve(asio::ip::tcp::socket socket) { Start(std::move(socket)); }

  // Tells the peer that no further request will be run.
  void GoAway() {
    FrameHeader header;
    header.kind = FrameKind::kGoaway;
    Queue(header, Slice(), Buffer());
  }

  // A client that waits hears from us even while its pings are not read.
  void ShowLife() {
    if (!MayRead() && queued_bytes() == 0) Send(kNoRequest, OkStatus(), Buffer());
  }

  // Nothing in flight and nothing to send.
  bool idle() const { return in_flight_.load() == 0 && queued_bytes() == 0; }

  void CloseIfIdle(int64_t now_ns) {
    const int64_t limit_ms = options_.idle_timeout_ms;
    if (limit_ms <= 0 || !idle()) return;
    if (goaway_ns_ == 0) {
      if (now_ns - last_read_ns() < limit_ms * kNanosPerMilli) return;
      goaway_ns_ = now_ns;
      GoAway();
      return Flush();
    }
    // A request that was on its way meanwhile has been answered that it was not run.
    if (now_ns - goaway_ns_ < std::min(limit_ms, kGoawayGraceMs) * kNanosPerMilli) return;
    Close(absl::UnavailableError("connection closed: idle"));
  }

 protected:
  Status OnFrame(const FrameHeader& header, Buffer body) override;
  bool MayRead() override {
    return in_flight_.load() < options_.max_in_flight_per_connection &&
           in_flight_bytes_.load() < options_.max_input_bytes_per_connection &&
           queued_bytes() <= options_.max_output_bytes_per_connection;
  }
  void OnClosed(const Status& why) override;

 private:
  friend ServerCall;
  void Run(const FrameHeader& header, size_t bytes, RpcRequest request);
  void Cancel(uint32_t request_id);
  // From any thread.
  void Answer(ServerCall* call, const Status& status, Buffer body);
  void Send(uint32_t request_id, Status status, Buffer body);
  bool SentFromHere(const FrameHeader& header, const Buffer& body);

  const std::shared_ptr<ServerShared> server_;
  Shard* const shard_;  // used on its thread only, before Close
  const std::string peer_;
  std::atomic<uint32_t> in_flight_{0};
  std::atomic<uint64_t> in_flight_bytes_{0};
  const std::shared_ptr<std::atomic<bool>> closed_flag_ =
      std::make_shared<std::atomic<bool>>(false);
  Mutex calls_mu_;
  // Those in flight, by the end of their ids, the latest first: ids are mostly counted up.
  static constexpr uint32_t kLists = 64;
  ServerCall*& ListOf(uint32_t id) REQUIRES(calls_mu_) { return calls_[id % kLists]; }
  std::array<ServerCall*, kLists> calls_ GUARDED_BY(calls_mu_) = {};
  int64_t goaway_ns_ = 0;  // when the peer was told to go for being idle; 0: not. Its thread's
};

// In a time that does not depend on where the two differ.
bool SameKey(Slice a, Slice b) {
  if (a.size() != kCellKeyBytes || b.size() != kCellKeyBytes) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < kCellKeyBytes; ++i) {
    difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
}

Status ServerConnection::OnFrame(const FrameHeader& header, Buffer body) {
  if (header.kind == FrameKind::kCancel) {
    Cancel(header.request_id);
    return OkStatus();
  }
  if (header.kind != FrameKind::kRequest) {
    return absl::InvalidArgumentError("connection closed: a server takes requests only");
  }
  if (header.method == kPingMethod) {
    Send(header.request_id, OkStatus(), Buffer());
    return OkStatus();
  }
  const int64_t now_ns = SystemClock()->BootNanos();
  const auto remaining_us = static_cast<int64_t>(DecodeFixed64(body.bytes().data()));
  if (remaining_us < 0) {
    Send(header.request_id, absl::DeadlineExceededError("deadline passed before arrival"), {});
    return OkStatus();
  }
  if (server_->draining.load() || goaway_ns_ != 0) {
    Status status = absl::UnavailableError(goaway_ns_ != 0 ? "the connection was idle for too long"
                                                           : "the server is shutting down");
    status.SetPayload(kNotSentPayload, absl::Cord());
    Send(header.request_id, status, {});
    return OkStatus();
  }
  RpcRequest request;
  request.method = header.method;
  if (remaining_us > 0) {
    const int64_t bounded_us = std::min<int64_t>(remaining_us, int64_t{1} << 50);
    request.deadline_boot_ns = last_read_ns() + bounded_us * kNanosPerMicro;
    if (request.deadline_boot_ns <= now_ns) {
      Send(header.request_id, absl::DeadlineExceededError("deadline passed before it ran"), {});
      return OkStatus();
    }
  }
  const size_t bytes = body.size();
  request.peer = peer_;
  request.body = std::move(body);
  request.body.RemovePrefix(kRequestPrefixBytes);
  if ((header.flags & kRequestHasKey) != 0) {
    if (!SameKey(request.body.bytes().substr(0, kCellKeyBytes), options_.cell_key)) {
      Send(header.request_id, absl::PermissionDeniedError("wrong key of the cell"), {});
      return OkStatus();
    }
    request.from_cell = true;
    request.body.RemovePrefix(kCellKeyBytes);
  }
  if ((header.flags & kRequestHasTerm) != 0) {
    request.term = DecodeFixed64(request.body.bytes().data());
    request.body.RemovePrefix(kTermBytes);
  }
  Run(header, bytes, std::move(request));
  return OkStatus();
}

void ServerConnection::Run(const FrameHeader& header, size_t bytes, RpcRequest request) {
  in_flight_.fetch_add(1);
  in_flight_bytes_.fetch_add(bytes);
  auto call = std::make_shared<ServerCall>(
      std::static_pointer_cast<ServerConnection>(shared_from_this()), header.request_id, bytes);
  request.watch = CallWatch(CallWatch::Flag(call, &call->cancelled), closed_flag_);
  {
    MutexLock lock(&calls_mu_);
    ServerCall*& first = ListOf(call->id);
    call->next = first;
    if (first != nullptr) first->previous = call.get();
    first = call.get();
  }
  server_->handler(std::move(request), RpcReply(std::move(call)));
}

void ServerCall::Take(const Status& status, Buffer body) {
  const std::shared_ptr<ServerConnection> connection = std::move(connection_);
  connection->Answer(this, status, std::move(body));
}

// The answer is queued before the counters go down, so that a connection never looks idle in
// between; the reading that had stopped at a limit must then be asked to go on.
void ServerConnection::Answer(ServerCall* call, const Status& status, Buffer body) {
  {
    MutexLock lock(&calls_mu_);
    (call->previous == nullptr ? ListOf(call->id) : call->previous->next) = call->next;
    if (call->next != nullptr) call->next->previous = call->previous;
  }
  Send(call->id, status, std::move(body));
  const bool was_full = in_flight_.fetch_sub(1) >= options_.max_in_flight_per_connection;
  const bool had_too_much =
      in_flight_bytes_.fetch_sub(call->bytes) >= options_.max_input_bytes_per_connection;
  if (was_full || had_too_much) ScheduleFlush();
}

// A peer that waits for nothing else is answered without its io thread. What others wait for goes
// in one write with this.
bool ServerConnection::SentFromHere(const FrameHeader& header, const Buffer& body) {
  const size_t most = std::min<size_t>(kMostFromHere, options_.max_output_bytes_per_connection / 2);
  if (!SendsFromHere::Current() || body.size() > most ||
      in_flight_.load(std::memory_order_relaxed) != 1) {
    return false;
  }
  uint64_t start;
  if (!ClaimOutput(kFrameHeaderBytes + body.size(), &start)) return false;
  SendClaimed(header, Slice(), body);
  return true;
}

void ServerConnection::Cancel(uint32_t request_id) {
  MutexLock lock(&calls_mu_);
  for (ServerCall* call = ListOf(request_id); call != nullptr; call = call->next) {
    if (call->id == request_id) call->cancelled.store(true, std::memory_order_relaxed);
  }
}

void ServerConnection::Send(uint32_t request_id, Status status, Buffer body) {
  if (body.size() > options_.max_frame_bytes) {
    status = absl::FailedPreconditionError(
        absl::StrCat("answer of ", body.size(), " bytes, limit ", options_.max_frame_bytes));
  }
  FrameHeader header;
  header.kind = status.ok() ? FrameKind::kReply : FrameKind::kError;
  header.request_id = request_id;
  if (!status.ok()) body = Buffer::Copy(EncodeStatus(status));
  if (SentFromHere(header, body)) return;
  (void)Queue(header, Slice(), body);  // a closed connection has nobody to tell
}

void ServerConnection::OnClosed(const Status& why) {
  closed_flag_->store(true, std::memory_order_relaxed);
  server_->connections.fetch_sub(1);
  shard_->connections.erase(std::static_pointer_cast<ServerConnection>(shared_from_this()));
}

class Server : public RpcServer {
 public:
  Server(const RpcOptions& options, RpcHandler handler)
      : shared_(std::make_shared<ServerShared>()) {
    shared_->options = options;
    shared_->handler = std::move(handler);
    for (uint32_t i = 0; i < std::clamp(options.io_threads, 1u, 64u); i++) {
      threads_.push_back(std::make_shared<IoThread>());
      shards_.push_back(std::make_unique<Shard>(threads_.back()));
    }
  }
  ~Server() override { Stop(); }

  Status Start(const std::string& address) {
    auto accepted = [this](size_t thread, asio::ip::tcp::socket socket) {
      OnAccept(thread, std::move(socket));
    };
    ASSIGN_OR_RETURN(listener_, Listener::Create(threads_, address, accepted));
    threads_[0]->Post([this] { listener_->Accept(); });
    for (auto& shard : shards_) {
      shard->thread->Post([this, shard = shard.get()] { Tick(shard); });
    }
    return OkStatus();
  }

  std::string address() const override { return listener_->address(); }
  void Drain() override;
  void Stop() override;

 private:
  void OnAccept(size_t thread, asio::ip::tcp::socket socket);
  void Refuse(asio::ip::tcp::socket socket);
  void Tick(Shard* shard);
  int64_t TickMs() const;
  // Runs fn on every io thread and waits for it.
  void OnEveryThread(const std::function<void(Shard*)>& fn);

  const std::shared_ptr<ServerShared> shared_;
  std::vector<std::shared_ptr<IoThread>> threads_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::shared_ptr<Listener> listener_;
};

// Tells the peer that nothing was run, so that it may go elsewhere at once.
void Server::Refuse(asio::ip::tcp::socket socket) {
  FrameHeader header;
  header.kind = FrameKind::kGoaway;
  header.flags = kGoawayRefused;
  char encoded[kFrameHeaderBytes];
  EncodeFrameHeader(header, Slice(), Slice(), encoded);
  boost::system::error_code ignored;  // the peer sees a lost connection then
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(encoded), ignored);
  socket.shutdown(asio::socket_base::shutdown_send, ignored);
  socket.close(ignored);
}

void Server::OnAccept(size_t thread, asio::ip::tcp::socket socket) {
  if (shared_->connections.load() >= shared_->options.max_connections) {
    return Refuse(std::move(socket));
  }
  boost::system::error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  if (error) return;  // already gone again
  shared_->connections.fetch_add(1);
  Shard* shard = shards_[thread].get();
  auto connection = std::make_shared<ServerConnection>(shared_, shard, EndpointName(endpoint));
  auto start = [this, shard, connection, socket = std::move(socket)]() mutable {
    if (shared_->stopping.load()) return;
    shard->connections.insert(connection);
    connection->Serve(std::move(socket));
    if (shared_->draining.load()) connection->GoAway();
  };
  shard->thread->Post(std::move(start));
}

int64_t Server::TickMs() const {
  int64_t shortest_ms = 1'000;
  for (const int64_t limit_ms :
       {shared_->options.idle_timeout_ms, shared_->options.write_stall_timeout_ms}) {
    if (limit_ms > 0) shortest_ms = std::min(shortest_ms, limit_ms);
  }
  return std::max<int64_t>(shortest_ms / 4, 5);
}

void Server::Tick(Shard* shard) {
  if (shared_->stopping.load()) return;
  const int64_t now_ns = SystemClock()->BootNanos();
  const auto connections = shard->connections;  // closing one takes it out of the set
  for (const auto& connection : connections) {
    connection->CloseIfStalled(now_ns);
    connection->CloseIfIdle(now_ns);
    connection->ShowLife();
  }
  shard->tick.expires_after(std::chrono::milliseconds(TickMs()));
  shard->tick.async_wait([this, shard](const boost::system::error_code& error) {
    if (!error) Tick(shard);
  });
}

void Server::OnEveryThread(const std::function<void(Shard*)>& fn) {
  Mutex mu;
  CondVar done;
  size_t left = shards_.size();
  for (auto& shard : shards_) {
    CHECK(!shard->thread->IsCurrent()) << "Drain or Stop of a server on its own io thread";
    shard->thread->Post([&, shard = shard.get()] {
      fn(shard);
      MutexLock lock(&mu);
      if (--left == 0) done.Signal();
    });
  }
  MutexLock lock(&mu);
  while (left > 0) done.Wait(&mu);
}

void Server::Drain() {
  if (shared_->stopping.load() || shared_->draining.exchange(true)) return;
  OnEveryThread([this](Shard* shard) {
    if (shard == shards_[0].get()) listener_->Close();
    for (const auto& connection : shard->connections) connection->GoAway();
  });
  const int64_t give_up_ns =
      SystemClock()->BootNanos() + shared_->options.drain_timeout_ms * kNanosPerMilli;
  Mutex mu;
  CondVar never;
  for (;;) {
    std::atomic<bool> idle{true};
    OnEveryThread([&](Shard* shard) {
      for (const auto& connection : shard->connections) {
        if (!connection->idle()) idle = false;
      }
    });
    if (idle) return;
    if (SystemClock()->BootNanos() >= give_up_ns) {
      LOG(WARNING) << "drain of " << address() << " gave up with requests in flight";
      return;
    }
    MutexLock lock(&mu);
    never.WaitFor(&mu, std::chrono::milliseconds(5));
  }
}

void Server::Stop() {
  if (shared_->stopping.exchange(true)) return;
  OnEveryThread([this](Shard* shard) {
    if (shard == shards_[0].get() && listener_ != nullptr) listener_->Close();
    shard->tick.cancel();
    const auto connections = shard->connections;
    for (const auto& connection : connections) {
      connection->Close(absl::UnavailableError("the server stops"));
    }
  });
  for (auto& thread : threads_) thread->Join();
}

}  // namespace

StatusOr<std::unique_ptr<RpcServer>> RpcServer::Listen(const std::string& address,
                                                       const RpcOptions& options,
                                                       RpcHandler handler) {
  auto server = std::make_unique<Server>(options, std::move(handler));
  RETURN_IF_ERROR(server->Start(address));
  return std::unique_ptr<RpcServer>(std::move(server));
}

}  // namespace stele::net
