#include "deploy/bin/server_process.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "absl/strings/numbers.h"
#include "client/cli/bytes_text.h"
#include "common/base/log.h"
#include "common/net/notify.h"
#include "locker/cell_key.h"
#include "locker/zk/zk_locker.h"
#include "tabletserver/tablet/exit_code.h"

namespace stele::bin {
namespace {

using cli::po::value;

constexpr uint64_t kMiB = 1u << 20;
constexpr uint64_t kProcessBytes = 64 * kMiB;  // code, threads, connections
constexpr uint64_t kMinEngineBytes = 64 * kMiB;
constexpr int64_t kMinSessionTimeoutMs = 500;

StatusOr<uint64_t> Bytes(const cli::Invocation& call, const char* flag, uint64_t min,
                         uint64_t max) {
  StatusOr<uint64_t> bytes = cli::ParseBytes(call.Get<std::string>(flag));
  if (!bytes.ok()) return WithContext(bytes.status(), absl::StrCat("--", flag));
  if (*bytes < min || *bytes > max) {
    return absl::InvalidArgumentError(
        absl::StrCat("--", flag, " is ", *bytes, " bytes; it must be ", min, " .. ", max));
  }
  return bytes;
}

// The engines' shares of the process's limit. What they do not charge (the allocator's waste,
// requests being decoded) needs room too, so they get a part of it only.
Status ShareMemory(uint64_t limit, uint32_t engines, storage::EngineOptions* engine) {
  engine->memory_limit_bytes = (limit - kProcessBytes) / 100 * 70 / engines;
  if (engine->memory_limit_bytes < kMinEngineBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("--memory-limit leaves ", engine->memory_limit_bytes,
                     " bytes for each tablet server; it needs ", kMinEngineBytes));
  }
  engine->block_cache_bytes = engine->memory_limit_bytes / 4;
  engine->filter_cache_bytes = engine->memory_limit_bytes / 16;
  engine->memtable_bytes = std::min(32 * kMiB, engine->memory_limit_bytes / 16);
  engine->log.max_queued_bytes = std::min(64 * kMiB, engine->memory_limit_bytes / 8);
  return OkStatus();
}

}  // namespace

StopSignals::StopSignals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

void StopSignals::Await() {
  int which = 0;
  while (!taken_ && sigwait(&signals_, &which) != 0) {
  }
  taken_ = true;
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
}

bool StopSignals::Came(int wait_s) {
  const timespec wait{.tv_sec = wait_s, .tv_nsec = 0};
  if (!taken_) taken_ = sigtimedwait(&signals_, nullptr, &wait) > 0;
  return taken_;
}

void Notify(const std::string& state) {
  const char* socket = std::getenv("NOTIFY_SOCKET");
  if (socket == nullptr) return;
  const Status told = net::NotifySupervisor(socket, state);
  if (!told.ok()) {
    LOG(WARNING) << cli::Escape(ToStd(told.message()));
  }
}

int FailedToStart(const cli::Invocation& call, const Status& status) {
  *call.env->err << "stele: " << cli::Escape(ToStd(status.message())) << '\n';
  if (IsLockerAway(status)) return static_cast<int>(tabletserver::ExitCode::kLockerAway);
  return static_cast<int>(tabletserver::ExitCodeForStart(status));
}

int Stopped(const cli::Invocation& call, const Status& status) {
  if (!status.ok()) *call.env->err << "stele: " << cli::Escape(ToStd(status.message())) << '\n';
  return static_cast<int>(tabletserver::ExitCodeForFatal(status));
}

std::function<void(const Status&)> EndProcess(std::string role) {
  return [role = std::move(role)](const Status& status) {
    LOG(ERROR) << "the " << role << " stops: " << cli::Escape(ToStd(status.ToString()));
    std::_Exit(static_cast<int>(tabletserver::ExitCodeForFatal(status)));
  };
}

void AddEngineFlags(cli::po::options_description* options) {
  auto add = options->add_options();
  add("memory-limit", value<std::string>()->default_value("1g"),
      "resident memory of the whole process");
  add("ring-limit", value<std::string>()->default_value("1g"),
      "commit log of each tablet server at most");
  add("ring-segment", value<std::string>()->default_value("64m"), "one segment of it");
  add("disk-reserve", value<std::string>(),
      "below so many free bytes writes are refused; default: 1 % of the disk, at least 1g, but no\n"
      "more than a tenth of it");
}

Status ReadEngineFlags(const cli::Invocation& call, uint32_t engines,
                       storage::EngineOptions* engine) {
  ASSIGN_OR_RETURN(uint64_t memory, Bytes(call, "memory-limit", 2 * kProcessBytes, UINT64_MAX));
  RETURN_IF_ERROR(ShareMemory(memory, engines, engine));
  if (call.Has("disk-reserve")) {
    ASSIGN_OR_RETURN(engine->disk_reserve_bytes, Bytes(call, "disk-reserve", 1, UINT64_MAX));
  }
  ASSIGN_OR_RETURN(uint64_t segment, Bytes(call, "ring-segment", 1024, 1024 * kMiB));
  ASSIGN_OR_RETURN(uint64_t ring, Bytes(call, "ring-limit", 2 * segment, segment * 65'536));
  engine->log.segment_bytes = segment;
  engine->log.max_segments = static_cast<uint32_t>(ring / segment);
  return OkStatus();
}

void AddReshapeFlags(cli::po::options_description* options) {
  auto add = options->add_options();
  add("metadata-split", value<std::string>()->default_value("16m"),
      "size at which a tablet of METADATA splits; 0: never");
  add("split-load", value<uint64_t>()->default_value(20'000),
      "pages and changed rows a second above which a tablet is hot; 0: no split by load");
  add("split-load-after", value<std::string>()->default_value("1m"),
      "a tablet that is hot for so long splits where its requests halve");
  add("merge-small-after", value<std::string>()->default_value("1h"),
      "neighbours that for so long have less than a quarter of their table's split size are\n"
      "merged; 0s: never");
}

Status ReadReshapeFlags(const cli::Invocation& call, master::ReshapeOptions* reshape) {
  ASSIGN_OR_RETURN(reshape->metadata_split_bytes, Bytes(call, "metadata-split", 0, UINT64_MAX));
  reshape->split_load_per_s = call.Get<uint64_t>("split-load");
  for (auto [flag, out] : {std::pair("merge-small-after", &reshape->merge_small_after_ms),
                           std::pair("split-load-after", &reshape->split_load_after_ms)}) {
    auto after = cli::ParseDurationUs(call.Get<std::string>(flag));
    if (!after.ok()) return WithContext(after.status(), absl::StrCat("--", flag));
    *out = *after / 1'000;
  }
  return OkStatus();
}

void AddBalanceFlags(cli::po::options_description* options) {
  auto add = options->add_options();
  add("balance-after", value<std::string>()->default_value("5m"),
      "tablets move by themselves when for so long a server has had too many of them or too much\n"
      "load, 1s ..; 0s: only when `stele admin balance` says so");
  add("balance-tolerance", value<uint64_t>()->default_value(25),
      "a server has too much load when it has so many percent more than the average, 5 .. 1000");
  add("balance-min-load", value<uint64_t>()->default_value(100),
      "and so many requests a second more, 1 .. (4 KiB count like one more request)");
}

Status ReadBalanceFlags(const cli::Invocation& call, master::BalanceOptions* balance) {
  auto after = cli::ParseDurationUs(call.Get<std::string>("balance-after"));
  if (!after.ok()) return WithContext(after.status(), "--balance-after");
  balance->after_ms = *after / 1'000;
  if (*after != 0 && balance->after_ms < 1'000) {
    return absl::InvalidArgumentError("--balance-after is at least 1s, or 0s");
  }
  balance->tolerance_percent = call.Get<uint64_t>("balance-tolerance");
  if (balance->tolerance_percent < 5 || balance->tolerance_percent > 1000) {
    return absl::InvalidArgumentError("--balance-tolerance is 5 .. 1000");
  }
  balance->min_load_per_s = call.Get<uint64_t>("balance-min-load");
  if (balance->min_load_per_s < 1) {
    return absl::InvalidArgumentError("--balance-min-load is at least 1");
  }
  return OkStatus();
}

void AddLockerFlags(cli::po::options_description* options) {
  auto add = options->add_options();
  add("locker", value<std::string>(), "the cell's address: zk://host:port[,host:port]*[/chroot]");
  add("locker-auth", value<std::string>(),
      "file with user:password; what is made in ZooKeeper is then only for who has it");
  add("session-timeout-ms", value<int64_t>()->default_value(10'000),
      "time after which a silent server counts as gone, 500 .. (ZooKeeper has limits of its own)");
  add("zookeeper-tick-ms", value<int64_t>()->default_value(0),
      "ZooKeeper's tickTime: leases may then last longer; 0: not known");
}

StatusOr<std::unique_ptr<Locker>> OpenLocker(const cli::Invocation& call) {
  ZkLockerOptions options;
  ASSIGN_OR_RETURN(options.address, Required(call, "locker"));
  const int64_t timeout_ms = SessionTimeoutMs(call);
  if (timeout_ms < kMinSessionTimeoutMs) {
    return absl::InvalidArgumentError(
        absl::StrCat("--session-timeout-ms is at least ", kMinSessionTimeoutMs));
  }
  options.session_timeout_ns = timeout_ms * 1'000'000;
  options.tick_ns = call.Get<int64_t>("zookeeper-tick-ms") * 1'000'000;
  if (call.Has("locker-auth")) {
    const std::string file = call.Get<std::string>("locker-auth");
    std::ifstream in(file);
    if (!std::getline(in, options.credentials) || options.credentials.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("--locker-auth ", file, " does not read"));
    }
  }
  return OpenZkLocker(options, SystemClock());
}

int64_t SessionTimeoutMs(const cli::Invocation& call) {
  return call.Get<int64_t>("session-timeout-ms");
}

StatusOr<std::string> Required(const cli::Invocation& call, const char* flag) {
  if (!call.Has(flag)) return absl::InvalidArgumentError(absl::StrCat("--", flag, " is missing"));
  return call.Get<std::string>(flag);
}

StatusOr<std::string> ReadCellKey(Locker* locker) {
  ASSIGN_OR_RETURN(auto session, locker->OpenSession("cell-key"));
  return CellKey(session.get());
}

void AddAdvertiseFlag(cli::po::options_description* options) {
  options->add_options()(
      "advertise", value<std::string>(),
      "host:port at which clients, masters and servers reach this process, where that is not the\n"
      "address it listens on: behind NAT or a proxy, in a container, listening on 0.0.0.0");
}

StatusOr<std::string> AdvertisedAddress(const cli::Invocation& call) {
  if (!call.Has("advertise")) return std::string();
  const std::string address = call.Get<std::string>("advertise");
  const size_t colon = address.rfind(':');
  const std::string host = address.substr(0, colon);
  const bool in_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  uint32_t port = 0;
  if (colon == std::string::npos || host.empty() || host.find('/') != std::string::npos ||
      (host.find(':') != std::string::npos && !in_brackets) ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) || port == 0 || port > 65'535) {
    return absl::InvalidArgumentError(
        absl::StrCat("--advertise ", address, " is not of the form host:port"));
  }
  return address;
}

void SayReady(const cli::Invocation& call, const char* role, const std::string& rpc,
              const std::string& http) {
  *call.env->out << "READY " << role << " rpc=" << rpc << " http=" << (http.empty() ? "none" : http)
                 << std::endl;
  Notify(absl::StrCat("READY=1\nSTATUS=serves at ", rpc));
}

StatusOr<std::unique_ptr<net::HttpServer>> ListenHttp(
    const cli::Invocation& call,
    std::function<net::HttpResponse(const net::HttpRequest&)> respond) {
  const std::string address = call.Get<std::string>("http");
  if (address == "none") return std::unique_ptr<net::HttpServer>();
  auto http = net::HttpServer::Listen(address, net::HttpOptionsFor(address), std::move(respond));
  if (!http.ok()) return WithContext(http.status(), "status pages");
  return http;
}

}  // namespace stele::bin
