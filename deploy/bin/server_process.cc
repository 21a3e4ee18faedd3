#include "deploy/bin/server_process.h"

#include <cstdlib>
#include <fstream>
#include <iostream>

#include "client/cli/bytes_text.h"
#include "common/base/log.h"
#include "common/net/notify.h"
#include "locker/cell_key.h"
#include "locker/server_node.h"
#include "locker/zk/zk_locker.h"
#include "schema/metadata/metadata.h"
#include "tabletserver/tablet/exit_code.h"

namespace stele::bin {
namespace {
constexpr int64_t kFlushMs = 90'000;  // for what is in memory after the tablets have gone
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

void NotifyLeaving(int64_t leave_ms) {
  const int64_t within_us = (leave_ms + kFlushMs) * 1'000;
  Notify(
      absl::StrCat("STOPPING=1\nSTATUS=gives its tablets away\nEXTEND_TIMEOUT_USEC=", within_us));
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

StatusOr<std::unique_ptr<Locker>> OpenLocker(const config::Settings& settings) {
  ZkLockerOptions options;
  ASSIGN_OR_RETURN(options.address, settings.Required("locker"));
  options.session_timeout_ns = settings.Millis("session-timeout-ms") * 1'000'000;
  options.tick_ns = settings.Millis("zookeeper-tick-ms") * 1'000'000;
  if (settings.Has("locker-auth")) {
    std::ifstream in(settings.Text("locker-auth"));
    if (!std::getline(in, options.credentials) || options.credentials.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(settings.Describe("locker-auth"), " does not read"));
    }
  }
  return OpenZkLocker(options, SystemClock());
}

StatusOr<std::string> ReadCellKey(Locker* locker) {
  ASSIGN_OR_RETURN(auto session, locker->OpenSession("cell-key"));
  return CellKey(session.get());
}

StatusOr<bool> CellHasData(Locker* locker) {
  ASSIGN_OR_RETURN(auto session, locker->OpenSession("cell-data"));
  const auto root = session->Get(kRootPath);
  if (IsNotFound(root.status())) return false;
  RETURN_IF_ERROR(root.status());
  ASSIGN_OR_RETURN(const TabletLocation location, DecodeTabletLocation(root->value));
  return location.assignment != TabletAssignment::kCreating;
}

void SayReady(const cli::Invocation& call, const char* role, const std::string& rpc,
              const std::string& http) {
  *call.env->out << "READY " << role << " rpc=" << rpc << " http=" << (http.empty() ? "none" : http)
                 << std::endl;
  Notify(absl::StrCat("READY=1\nSTATUS=serves at ", rpc));
}

StatusOr<std::unique_ptr<net::HttpServer>> ListenHttp(
    const config::Settings& settings,
    std::function<net::HttpResponse(const net::HttpRequest&)> respond) {
  const std::string address = settings.Text("http");
  if (address == "none") return std::unique_ptr<net::HttpServer>();
  auto http = net::HttpServer::Listen(address, net::HttpOptionsFor(address), std::move(respond));
  if (!http.ok()) return WithContext(http.status(), "status pages");
  return http;
}

}  // namespace stele::bin
