// What all servers' processes have in common: stop signals that wait until they are asked for, the
// end by an error, addresses, web pages and the Locker.
#pragma once

#include <csignal>
#include <functional>
#include <memory>
#include <string>

#include "client/cli/verb.h"
#include "common/base/status.h"
#include "common/net/http.h"
#include "deploy/config/settings.h"
#include "locker/locker.h"
#include "schema/model/limits.h"

namespace stele::bin {

// SIGTERM and SIGINT wait, in every thread made after this object, until they are asked for. A
// second one after Await ends the process as a crash would: nothing acknowledged is lost by it.
// SIGPIPE is ignored: whoever reads our output may go away. One a process.
class StopSignals {
 public:
  StopSignals();
  void Await();               // until one comes
  bool Came(int wait_s = 0);  // takes it
  bool taken() const { return taken_; }

 private:
  sigset_t signals_;
  bool taken_ = false;
};

// Tells the supervisor that started this process (systemd, Type=notify) how it goes.
void Notify(const std::string& state);

// That it gives its tablets away, for `leave_ms` at most, and then flushes: the supervisor is to
// wait for that, however short it would wait by itself.
void NotifyLeaving(int64_t leave_ms);

int FailedToStart(const cli::Invocation& call, const Status& status);
int Stopped(const cli::Invocation& call, const Status& status);
// A role that must not go on ends the process at once, whatever its other threads do: nothing may
// be acknowledged after it.
std::function<void(const Status&)> EndProcess(std::string role);

// The Locker that --locker, --locker-auth, --session-timeout-ms and --zookeeper-tick-ms tell.
StatusOr<std::unique_ptr<Locker>> OpenLocker(const config::Settings& settings);
// The cell's key, made by whoever asks first.
StatusOr<std::string> ReadCellKey(Locker* locker);
// Whether the cell's root tablet was made: then there is a directory that holds it.
StatusOr<bool> CellHasData(Locker* locker);
// Null when --http is `none`.
StatusOr<std::unique_ptr<net::HttpServer>> ListenHttp(
    const config::Settings& settings,
    std::function<net::HttpResponse(const net::HttpRequest&)> respond);
// READY ROLE rpc=ADDRESS http=ADDRESS, and to the supervisor; without status pages http=none.
void SayReady(const cli::Invocation& call, const char* role, const std::string& rpc,
              const std::string& http);

// What every role is told of its other addresses. --listen; `http` may be null.
template <typename Options>
void SetAddresses(const config::Settings& settings, const net::HttpServer* http, Options* options) {
  options->rpc.max_frame_bytes = kMaxFrameBytes;
  options->rpc_address = settings.Text("listen");
  options->http_address = http == nullptr ? "" : http->address();
}

}  // namespace stele::bin
