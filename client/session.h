// Session: what all handles of one client share: threads, connections, the routing core with its
// caches, the options. Owned by the client and its handles together, so that a handle that outlives
// the client gets an answer, "the client is closed", rather than a dangling pointer.
//
// Thread-safe. Close lets no new operation in, waits for those inside, then ends the threads; after
// it the routing core answers every operation with Cancelled before it touches the network.
// Invariant: destroyed only when closed, so the last owner may be anyone, on any thread.
#pragma once

#include <algorithm>
#include <memory>
#include <string_view>
#include <type_traits>

#include "client/call_recorder.h"
#include "client/routing/core.h"
#include "client/routing/jitter.h"
#include "client/routing/locator.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/net/rpc.h"
#include "common/net/timer.h"
#include "stele/options.h"

namespace stele::internal {

inline constexpr int64_t kMaxTimeoutMs = 86'400'000;

// InvalidArgument, naming the option, unless min <= value <= max.
template <typename T>
Status CheckRange(Slice option, T value, std::type_identity_t<T> min, std::type_identity_t<T> max) {
  if (value >= min && value <= max) return OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(option, " is ", value, "; it must be ", min, " .. ", max));
}

// InvalidArgument, naming the field, when one is outside its range.
Status CheckCall(const CallOptions& call);
// What repeats of a call go by: the client's options where the call has none of its own.
routing::RetryOptions RetryOf(const ClientOptions& client, const CallOptions& call);

class Session {
 public:
  // Nobody is called yet. InvalidArgument: not an address, or an option outside its range.
  static StatusOr<std::shared_ptr<Session>> Create(std::string_view cell,
                                                   const ClientOptions& options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void Close();

  const ClientOptions& options() const { return options_; }
  routing::Core* core() { return &core_; }
  routing::Locator* locator() { return &locator_; }
  CallRecorder* calls() { return &calls_; }
  ClientMetrics metrics() const;

  int64_t TimeoutMs(const CallOptions& call) const {
    return call.timeout_ms > 0 ? std::min(call.timeout_ms, kMaxTimeoutMs) : options_.timeout_ms;
  }
  int64_t Deadline(const CallOptions& call) const { return core_.DeadlineAfterMs(TimeoutMs(call)); }
  routing::RetryOptions Retry(const CallOptions& call) const { return RetryOf(options_, call); }
  routing::CallTerms Terms(const CallOptions& call) const { return {Deadline(call), Retry(call)}; }
  // Of all pages of a scan together; INT64_MAX: none.
  int64_t ScanDeadline(const CallOptions& call) const {
    if (call.whole_scan_timeout_ms <= 0) return INT64_MAX;
    return core_.DeadlineAfterMs(std::min(call.whole_scan_timeout_ms, kMaxTimeoutMs));
  }

 private:
  Session(std::string_view cell, const ClientOptions& options);

  const ClientOptions options_;
  routing::SeededJitter jitter_;
  CallRecorder calls_;
  Mutex closing_;
  std::unique_ptr<net::TimerQueue> timers_;  // null once closed
  std::unique_ptr<net::RpcClient> rpc_;      // null once closed
  routing::Core core_;
  routing::Locator locator_;
};

}  // namespace stele::internal
