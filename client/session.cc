#include "client/session.h"

#include "absl/strings/numbers.h"
#include "common/bytes/crc32c.h"
#include "schema/model/limits.h"

namespace stele::internal {
namespace {

constexpr int64_t kMaxTimeoutMs = 86'400'000;

Status CheckAddress(std::string_view cell) {
  const size_t colon = cell.rfind(':');
  uint32_t port = 0;
  if (colon == cell.npos || colon == 0 ||
      !absl::SimpleAtoi(FromStd(cell.substr(colon + 1)), &port) || port == 0 || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("cell address \"", FromStd(cell), "\" is not of the form host:port"));
  }
  return OkStatus();
}

Status CheckRange(Slice option, int64_t value, int64_t min, int64_t max) {
  if (value >= min && value <= max) return OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(option, " is ", value, "; it must be ", min, " .. ", max));
}

Status CheckOptions(const ClientOptions& options) {
  RETURN_IF_ERROR(CheckRange("timeout_ms", options.timeout_ms, 1, kMaxTimeoutMs));
  RETURN_IF_ERROR(CheckRange("admin_timeout_ms", options.admin_timeout_ms, 1, kMaxTimeoutMs));
  RETURN_IF_ERROR(CheckRange("connect_timeout_ms", options.connect_timeout_ms, 1, kMaxTimeoutMs));
  RETURN_IF_ERROR(CheckRange("io_threads", options.io_threads, 1, 64));
  RETURN_IF_ERROR(
      CheckRange("batch_requests_in_flight", options.batch_requests_in_flight, 1, 1000));
  RETURN_IF_ERROR(CheckRange("batch_request_bytes",
                             static_cast<int64_t>(options.batch_request_bytes), 1, kMaxFrameBytes));
  return CheckRange("scan_page_bytes", static_cast<int64_t>(options.scan_page_bytes), 1,
                    kMaxFrameBytes);
}

net::RpcOptions RpcOptionsOf(const ClientOptions& options) {
  net::RpcOptions rpc;
  rpc.io_threads = options.io_threads;
  rpc.max_frame_bytes = kMaxFrameBytes;
  return rpc;
}

routing::CoreOptions CoreOptionsOf(std::string_view cell, const ClientOptions& options) {
  routing::CoreOptions core;
  core.cell_address = std::string(cell);
  core.retry.retry = options.retry;
  core.retry.retry_after_unknown = options.retry_after_unknown;
  core.request_bytes = options.batch_request_bytes;
  core.requests_in_flight = options.batch_requests_in_flight;
  core.page_bytes = options.scan_page_bytes;
  return core;
}

}  // namespace

StatusOr<std::shared_ptr<Session>> Session::Create(std::string_view cell,
                                                   const ClientOptions& options) {
  RETURN_IF_ERROR(CheckAddress(cell));
  RETURN_IF_ERROR(CheckOptions(options));
  return std::shared_ptr<Session>(new Session(cell, options));
}

Session::Session(std::string_view cell, const ClientOptions& options)
    : options_(options),
      jitter_(static_cast<uint64_t>(SystemClock()->BootNanos()) ^
              (uint64_t{Crc32c(FromStd(cell))} << 32)),
      timers_(net::TimerQueue::Create()),
      rpc_(net::RpcClient::Create(RpcOptionsOf(options))),
      core_({rpc_.get(), timers_.get(), SystemClock(), &jitter_}, CoreOptionsOf(cell, options)),
      locator_(&core_) {}

Session::~Session() { Close(); }

void Session::Close() {
  MutexLock lock(&closing_);
  if (rpc_ == nullptr) return;
  core_.gate()->CloseAndDrain();
  // The threads end before what they call into.
  rpc_.reset();
  timers_.reset();
}

}  // namespace stele::internal
