#include "client/session.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/random.h"
#include "common/bytes/crc32c.h"
#include "schema/model/limits.h"

namespace stele::internal {
namespace {

constexpr int64_t kMaxFirstBackoffMs = 1000;
constexpr int64_t kMaxBackoffMs = 60'000;

Status CheckAddress(std::string_view cell) {
  for (const Slice server : absl::StrSplit(FromStd(cell), ',')) {
    const size_t colon = server.rfind(':');
    uint32_t port = 0;
    if (colon == server.npos || colon == 0 || !absl::SimpleAtoi(server.substr(colon + 1), &port) ||
        port == 0 || port > 65535) {
      return absl::InvalidArgumentError(absl::StrCat(
          "cell address \"", FromStd(cell), "\" is not of the form host:port[,host:port]*"));
    }
  }
  return OkStatus();
}

Status CheckOptions(const ClientOptions& options) {
  RETURN_IF_ERROR(CheckRange("timeout_ms", options.timeout_ms, 1, kMaxTimeoutMs));
  RETURN_IF_ERROR(CheckRange("admin_timeout_ms", options.admin_timeout_ms, 1, kMaxTimeoutMs));
  RETURN_IF_ERROR(CheckRange("connect_timeout_ms", options.connect_timeout_ms, 1, kMaxTimeoutMs));
  if (options.silence_timeout_ms != 0) {
    RETURN_IF_ERROR(
        CheckRange("silence_timeout_ms", options.silence_timeout_ms, 500, kMaxTimeoutMs));
  }
  RETURN_IF_ERROR(CheckRange("io_threads", options.io_threads, 1, 64));
  const RetryPolicy& retry = options.retry_policy;
  RETURN_IF_ERROR(
      CheckRange("retry_policy.first_backoff_ms", retry.first_backoff_ms, 1, kMaxFirstBackoffMs));
  RETURN_IF_ERROR(CheckRange("retry_policy.max_backoff_ms", retry.max_backoff_ms,
                             retry.first_backoff_ms, kMaxBackoffMs));
  RETURN_IF_ERROR(CheckRange("retry_policy.budget_percent", retry.budget_percent, 1, 100));
  RETURN_IF_ERROR(CheckRange("retry_policy.budget_burst", retry.budget_burst, 1, 1'000'000));
  RETURN_IF_ERROR(
      CheckRange("retry_policy.budget_per_second", retry.budget_per_second, 1, 1'000'000));
  RETURN_IF_ERROR(
      CheckRange("batch_requests_in_flight", options.batch_requests_in_flight, 1, 1000));
  RETURN_IF_ERROR(
      CheckRange("batch_request_bytes", options.batch_request_bytes, 1, kMaxFrameBytes));
  return CheckRange("scan_page_bytes", options.scan_page_bytes, 1, kMaxFrameBytes);
}

net::RpcOptions RpcOptionsOf(const ClientOptions& options) {
  net::RpcOptions rpc;
  rpc.io_threads = options.io_threads;
  rpc.silence_timeout_ms = options.silence_timeout_ms;
  rpc.max_frame_bytes = kMaxFrameBytes;
  return rpc;
}

routing::CoreOptions CoreOptionsOf(std::string_view cell, const ClientOptions& options) {
  routing::CoreOptions core;
  core.cell_address = std::string(cell);
  core.retry = RetryOf(options, CallOptions());
  core.request_bytes = options.batch_request_bytes;
  core.requests_in_flight = options.batch_requests_in_flight;
  core.page_bytes = options.scan_page_bytes;
  core.client_id = SystemRandom()->Next64() | 1;  // 0 would be none
  return core;
}

}  // namespace

Status CheckCall(const CallOptions& call) {
  RETURN_IF_ERROR(CheckRange("timeout_ms", call.timeout_ms, 0, kMaxTimeoutMs));
  RETURN_IF_ERROR(
      CheckRange("whole_scan_timeout_ms", call.whole_scan_timeout_ms, 0, kMaxTimeoutMs));
  RETURN_IF_ERROR(CheckRange("first_backoff_ms", call.first_backoff_ms, 0, kMaxFirstBackoffMs));
  RETURN_IF_ERROR(CheckRange("max_backoff_ms", call.max_backoff_ms, 0, kMaxBackoffMs));
  if (call.retry <= RetryRule::kExactlyOnce) return OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("retry is ", static_cast<int>(call.retry), ", no RetryRule"));
}

routing::RetryOptions RetryOf(const ClientOptions& client, const CallOptions& call) {
  routing::RetryOptions retry;
  retry.retry = client.retry;
  retry.retry_after_unknown = client.retry_after_unknown;
  if (call.retry != RetryRule::kOfClient) {
    retry.retry = call.retry != RetryRule::kNever;
    retry.retry_after_unknown = call.retry == RetryRule::kExactlyOnce;
  }
  const RetryPolicy& policy = client.retry_policy;
  retry.max_backoff_ms = call.max_backoff_ms > 0 ? call.max_backoff_ms : policy.max_backoff_ms;
  retry.first_backoff_ms =
      call.first_backoff_ms > 0 ? call.first_backoff_ms : policy.first_backoff_ms;
  retry.max_attempts = call.max_attempts;
  retry.budget_percent = policy.budget_percent;
  retry.budget_burst = policy.budget_burst;
  retry.budget_per_second = policy.budget_per_second;
  return retry;
}

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
      calls_(SystemClock()),
      timers_(net::TimerQueue::Create()),
      rpc_(net::RpcClient::Create(RpcOptionsOf(options))),
      core_({rpc_.get(), timers_.get(), SystemClock(), &jitter_}, CoreOptionsOf(cell, options)),
      locator_(&core_) {}

Session::~Session() { Close(); }

ClientMetrics Session::metrics() const {
  ClientMetrics metrics;
  calls_.Fill(&metrics);
  const routing::Traffic& traffic = core_.traffic();
  metrics.requests = traffic.requests.load(std::memory_order_relaxed);
  metrics.retries = traffic.retries.load(std::memory_order_relaxed);
  metrics.request_bytes = traffic.request_bytes.load(std::memory_order_relaxed);
  metrics.response_bytes = traffic.response_bytes.load(std::memory_order_relaxed);
  return metrics;
}

void Session::Close() {
  MutexLock lock(&closing_);
  if (rpc_ == nullptr) return;
  core_.gate()->CloseAndDrain();
  // The threads end before what they call into.
  rpc_.reset();
  timers_.reset();
}

}  // namespace stele::internal
