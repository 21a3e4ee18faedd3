#include "deploy/cell/cell.h"

#include <atomic>
#include <utility>

#include "absl/strings/numbers.h"
#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/net/http.h"
#include "deploy/cell/status_pages.h"
#include "deploy/cell/store_owner.h"
#include "locker/cell_key.h"
#include "locker/embedded/embedded_locker.h"
#include "locker/server_node.h"
#include "master/master.h"
#include "schema/model/limits.h"
#include "tabletserver/rpc/tablet_server.h"

namespace stele::deploy {
namespace {

using master::Master;
using tabletserver::TabletServer;

constexpr uint32_t kMaxTabletServers = 64;
constexpr int64_t kMinSessionTimeoutMs = 500;
// What a frame has beside the values of the largest legal request.
constexpr uint32_t kFrameBytes = kMaxFrameBytes;

std::string ServerId(uint32_t index) { return absl::StrCat("ts-", index + 1); }

// The host of "host:port", with a free port.
std::string FreePortOf(const std::string& address) {
  return address.substr(0, address.rfind(':')) + ":0";
}

Status CheckOptions(const CellOptions& options) {
  if (options.store == nullptr && options.data_dir.empty()) {
    return absl::InvalidArgumentError("data_dir is empty");
  }
  if (options.tablet_servers < 1 || options.tablet_servers > kMaxTabletServers) {
    return absl::InvalidArgumentError(absl::StrCat("tablet_servers is ", options.tablet_servers,
                                                   "; limits 1 .. ", kMaxTabletServers));
  }
  if (options.session_timeout_ms < kMinSessionTimeoutMs) {
    return absl::InvalidArgumentError(absl::StrCat(
        "session_timeout_ms is ", options.session_timeout_ms, "; at least ", kMinSessionTimeoutMs));
  }
  return OkStatus();
}

// Nothing is to be made or changed on the disk when an address cannot be had.
Status CheckAddresses(const CellOptions& options) {
  auto refuse = [](net::RpcRequest, net::RpcReply reply) {
    reply.Error(absl::UnavailableError("the cell is starting"));
  };
  RETURN_IF_ERROR(net::RpcServer::Listen(options.rpc_address, options.rpc, refuse).status());
  if (options.http_address.empty()) return OkStatus();
  auto empty = [](const net::HttpRequest&) { return net::HttpResponse(); };
  auto http = net::HttpServer::Listen(options.http_address,
                                      net::HttpOptionsFor(options.http_address), empty);
  return WithContext(http.status(), "status pages");
}

class CellImpl : public Cell {
 public:
  explicit CellImpl(const CellOptions& options) : options_(options) {
    if (options_.clock == nullptr) options_.clock = SystemClock();
    options_.rpc.max_frame_bytes = kFrameBytes;
  }
  ~CellImpl() override { Stop(/*drain=*/false).IgnoreError(); }

  Status Start();
  Status Stop(bool drain) override;
  std::string address() const override { return master_->address(); }
  std::string http_address() const override { return http_ == nullptr ? "" : http_->address(); }
  std::shared_ptr<const master::CellView> view() const override { return master_->view(); }
  std::vector<wire::ServerStatusResponse> server_status() const override;
  void Retune(const master::ReshapeOptions& reshape,
              const master::BalanceOptions& balance) override {
    master_->Retune(reshape, balance);
  }
  void Retune(const storage::EngineTuning& tuning) override {
    for (const auto& server : servers_) server->Retune(tuning);
  }

 private:
  Status OpenStore();
  Status OpenLocker();
  Status ListenHttp();
  Status StartServers();
  Status StartMaster();
  StatusOr<uint32_t> RaiseServerCount(LockerSession* session);
  Status LowerServerCount(LockerSession* session);
  StatusOr<std::unique_ptr<TabletServer>> StartServer(uint32_t index);
  net::HttpResponse Respond(const net::HttpRequest& request);
  void Fatal(const Status& status);

  CellOptions options_;
  std::atomic<bool> fatal_{false};
  bool stopped_ = false;
  std::unique_ptr<BlobStore> own_store_;
  BlobStore* store_ = nullptr;
  std::unique_ptr<Locker> locker_;
  std::unique_ptr<net::HttpServer> http_;
  std::vector<std::unique_ptr<TabletServer>> servers_;
  std::unique_ptr<Master> master_;
  std::atomic<bool> started_{false};
};

void CellImpl::Fatal(const Status& status) {
  if (fatal_.exchange(true)) return;
  if (options_.on_fatal) options_.on_fatal(status);
}

Status CellImpl::OpenStore() {
  store_ = options_.store;
  if (store_ != nullptr) return OkStatus();
  Fs* fs = options_.fs != nullptr ? options_.fs : PosixFs();
  auto store = OpenPosixStore(fs, options_.data_dir, options_.create);
  // The marker alone was read: the directory is not what it should be, no data is known damaged.
  if (IsCorrupt(store.status())) {
    return absl::FailedPreconditionError(store.status().message());
  }
  RETURN_IF_ERROR(store.status());
  own_store_ = *std::move(store);
  store_ = own_store_.get();
  RETURN_IF_ERROR(CheckForOneProcess(store_));
  return OkStatus();
}

Status CellImpl::OpenLocker() {
  auto locker =
      OpenEmbeddedLocker(store_, options_.clock, {options_.session_timeout_ms * 1'000'000});
  if (locker.status().code() == absl::StatusCode::kUnavailable) {
    return absl::UnavailableError(
        absl::StrCat("data directory ", options_.data_dir, " is in use by another process"));
  }
  RETURN_IF_ERROR(locker.status());
  locker_ = *std::move(locker);
  ASSIGN_OR_RETURN(std::unique_ptr<LockerSession> session, locker_->OpenSession("cell-key"));
  ASSIGN_OR_RETURN(options_.rpc.cell_key, CellKey(session.get()));
  return OkStatus();
}

Status CellImpl::ListenHttp() {
  if (options_.http_address.empty()) return OkStatus();
  auto http =
      net::HttpServer::Listen(options_.http_address, net::HttpOptionsFor(options_.http_address),
                              [this](const net::HttpRequest& request) { return Respond(request); });
  if (!http.ok()) return WithContext(http.status(), "status pages");
  http_ = *std::move(http);
  return OkStatus();
}

net::HttpResponse CellImpl::Respond(const net::HttpRequest& request) {
  CellSnapshot snapshot;
  snapshot.waiting = "the cell is starting";
  if (options_.options != nullptr) snapshot.options = options_.options->list();
  if (started_.load(std::memory_order_acquire)) {
    snapshot.view = master_->view();
    snapshot.load = master_->load();
    snapshot.servers = server_status();
    for (const auto& server : servers_) snapshot.times[server->server_id()] = server->times();
    snapshot.insight = [this](const std::string& id) -> StatusOr<tabletserver::ServerInsight> {
      for (const auto& server : servers_) {
        if (server->server_id() == id) return server->insight();
      }
      return absl::NotFoundError("no such server");
    };
    snapshot.events = [this](const wire::ListEventsRequest& query) {
      return master_->events(query);
    };
  }
  return RenderStatusPage(request, snapshot);
}

std::vector<wire::ServerStatusResponse> CellImpl::server_status() const {
  std::vector<wire::ServerStatusResponse> status;
  for (const auto& server : servers_) status.push_back(server->status());
  return status;
}

StatusOr<std::unique_ptr<TabletServer>> CellImpl::StartServer(uint32_t index) {
  tabletserver::TabletServerOptions options;
  options.server_id = ServerId(index);
  options.rpc_address = FreePortOf(options_.rpc_address);
  options.http_address = http_address();
  options.rpc = options_.rpc;
  options.engine = options_.engine;
  options.disk_threads = options_.disk_threads;
  options.rpc.io_threads = options_.io_threads;
  options.disk_stall_timeout_ms = options_.session_timeout_ms / 2;
  tabletserver::TabletServerEnv env;
  env.store = store_;
  env.clock = options_.clock;
  env.locker = locker_.get();
  env.faults = options_.faults;
  env.options = options_.options;
  env.on_fatal = [this](const Status& status) { Fatal(status); };
  return TabletServer::Start(options, env);
}

// Servers whose logs may hold something: raised before a further server can write its first record,
// lowered when those that are gone were recovered. Returns what it was.
StatusOr<uint32_t> CellImpl::RaiseServerCount(LockerSession* session) {
  auto node = session->Get(kServerIdsPath);
  uint32_t before = 0;
  if (node.ok() && !absl::SimpleAtoi(node->value, &before)) {
    return CorruptError(absl::StrCat(kServerIdsPath, " is not a number"));
  }
  if (!node.ok() && !IsNotFound(node.status())) return node.status();
  const uint32_t most = std::max(before, options_.tablet_servers);
  if (most != before) {
    RETURN_IF_ERROR(
        session->Set(kServerIdsPath, absl::StrCat(most), node.ok() ? node->version : 0).status());
  }
  return before;
}

Status CellImpl::LowerServerCount(LockerSession* session) {
  ASSIGN_OR_RETURN(const LockerValue node, session->Get(kServerIdsPath));
  return session->Set(kServerIdsPath, absl::StrCat(options_.tablet_servers), node.version).status();
}

Status CellImpl::StartServers() {
  ASSIGN_OR_RETURN(std::unique_ptr<LockerSession> session, locker_->OpenSession("cell"));
  ASSIGN_OR_RETURN(const uint32_t before, RaiseServerCount(session.get()));
  for (uint32_t i = options_.tablet_servers; i < before; ++i) {
    ASSIGN_OR_RETURN(std::unique_ptr<TabletServer> gone, StartServer(i));
    RETURN_IF_ERROR(gone->Stop(/*drain=*/true));
    LOG(INFO) << ServerId(i) << " is gone; its log is recovered";
  }
  if (before > options_.tablet_servers) RETURN_IF_ERROR(LowerServerCount(session.get()));
  for (uint32_t i = 0; i < options_.tablet_servers; ++i) {
    ASSIGN_OR_RETURN(std::unique_ptr<TabletServer> server, StartServer(i));
    servers_.push_back(std::move(server));
  }
  return OkStatus();
}

Status CellImpl::StartMaster() {
  master::MasterOptions options;
  options.cell_name = options_.name;
  options.rpc_address = options_.rpc_address;
  options.http_address = http_address();
  options.rpc = options_.rpc;
  options.garbage_collection_interval_ms = options_.garbage_collection_interval_ms;
  options.reshape = options_.reshape;
  options.balance = options_.balance;
  options.max_events = options_.max_events;
  master::MasterEnv env;
  env.locker = locker_.get();
  env.clock = options_.clock;
  env.faults = options_.faults;
  env.options = options_.options;
  // Those that are to be here recover their own log when they come; the others were recovered by
  // StartServers.
  env.log_recovered = [count = options_.tablet_servers](const std::string& server_id) {
    for (uint32_t i = 0; i < count; ++i) {
      if (server_id == ServerId(i)) return false;
    }
    return true;
  };
  env.on_fatal = [this](const Status& status) { Fatal(status); };
  ASSIGN_OR_RETURN(master_, Master::Start(options, env));
  started_.store(true, std::memory_order_release);
  return master_->WaitUntilSettled(options_.start_timeout_ms);
}

Status CellImpl::Start() {
  RETURN_IF_ERROR(CheckOptions(options_));
  RETURN_IF_ERROR(CheckAddresses(options_));
  RETURN_IF_ERROR(OpenStore());
  RETURN_IF_ERROR(OpenLocker());
  RETURN_IF_ERROR(ListenHttp());
  RETURN_IF_ERROR(StartServers());
  return StartMaster();
}

Status CellImpl::Stop(bool drain) {
  if (stopped_) return OkStatus();
  stopped_ = true;
  if (http_ != nullptr) http_->Stop();
  if (master_ != nullptr) master_->Stop();
  Status result;
  for (auto& server : servers_) {
    Status stopped = server->Stop(drain);
    if (result.ok()) result = WithContext(stopped, server->server_id());
  }
  servers_.clear();
  master_.reset();
  locker_.reset();
  return result;
}

}  // namespace

StatusOr<std::unique_ptr<Cell>> Cell::Start(const CellOptions& options) {
  auto cell = std::make_unique<CellImpl>(options);
  RETURN_IF_ERROR(cell->Start());
  return cell;
}

}  // namespace stele::deploy
