// What all servers' processes have in common: stop signals that wait until they are asked for, the
// end by an error, and the flags of engines, masters, web pages and the Locker.
#pragma once

#include <csignal>
#include <functional>
#include <memory>
#include <string>

#include "client/cli/verb.h"
#include "common/base/status.h"
#include "common/net/http.h"
#include "locker/locker.h"
#include "master/placement/balancer.h"
#include "master/reshaper.h"
#include "schema/model/limits.h"
#include "tabletserver/storage/engine.h"

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

// Of --http.
inline constexpr char kHttpMeaning[] =
    "the status pages' address; `none` for no pages. They change nothing, but show keys: on an\n"
    "address that is not loopback's, to whoever reaches it (Prometheus, probes)";

int FailedToStart(const cli::Invocation& call, const Status& status);
int Stopped(const cli::Invocation& call, const Status& status);
// A role that must not go on ends the process at once, whatever its other threads do: nothing may
// be acknowledged after it.
std::function<void(const Status&)> EndProcess(std::string role);

// --memory-limit, --ring-limit, --ring-segment, --disk-reserve.
void AddEngineFlags(cli::po::options_description* options);
// InvalidArgument names the flag. The memory is shared by `engines`.
Status ReadEngineFlags(const cli::Invocation& call, uint32_t engines,
                       storage::EngineOptions* engine);

// Of masters: --metadata-split, --split-load, --split-load-after, --merge-small-after.
void AddReshapeFlags(cli::po::options_description* options);
Status ReadReshapeFlags(const cli::Invocation& call, master::ReshapeOptions* reshape);

// Of masters too: --balance-after, --balance-tolerance, --balance-min-load.
void AddBalanceFlags(cli::po::options_description* options);
Status ReadBalanceFlags(const cli::Invocation& call, master::BalanceOptions* balance);

// --locker, --locker-auth, --session-timeout-ms, --zookeeper-tick-ms.
void AddLockerFlags(cli::po::options_description* options);
StatusOr<std::unique_ptr<Locker>> OpenLocker(const cli::Invocation& call);
int64_t SessionTimeoutMs(const cli::Invocation& call);

// The flag's text; InvalidArgument when it is missing.
StatusOr<std::string> Required(const cli::Invocation& call, const char* flag);
// The cell's key, made by whoever asks first.
StatusOr<std::string> ReadCellKey(Locker* locker);
// Null when --http is `none`.
StatusOr<std::unique_ptr<net::HttpServer>> ListenHttp(
    const cli::Invocation& call, std::function<net::HttpResponse(const net::HttpRequest&)> respond);
// READY ROLE rpc=ADDRESS http=ADDRESS, and to the supervisor; without status pages http=none.
void SayReady(const cli::Invocation& call, const char* role, const std::string& rpc,
              const std::string& http);

// --advertise; "" without it, InvalidArgument when it is no address.
void AddAdvertiseFlag(cli::po::options_description* options);
StatusOr<std::string> AdvertisedAddress(const cli::Invocation& call);

// What every role is told of its other addresses. --listen; `http` may be null.
template <typename Options>
void SetAddresses(const cli::Invocation& call, const net::HttpServer* http, Options* options) {
  options->rpc.max_frame_bytes = kMaxFrameBytes;
  options->rpc_address = call.Get<std::string>("listen");
  options->http_address = http == nullptr ? "" : http->address();
}

}  // namespace stele::bin
