// Core: what every operation of one client shares: the doors to the outside (network, timers, time,
// chance), the options, the retry budget, and the gate that lets the client end cleanly. Also the
// two small tools of asynchronous calls: Call (one typed RPC) and FireBy (a callback with a
// deadline).
//
// Deadlines are points of Clock::BootNanos. Owned by the client, outlives its operations: each
// holds a Gate::Pass while it runs. Thread-safe.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/routing/jitter.h"
#include "client/routing/request_ids.h"
#include "client/routing/retry_policy.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/net/rpc.h"
#include "common/net/timer.h"
#include "common/time/clock.h"
#include "schema/convert/codec.h"

namespace stele::routing {

struct Edges {
  net::RpcClient* rpc = nullptr;
  net::TimerQueue* timers = nullptr;
  Clock* clock = nullptr;
  Jitter* jitter = nullptr;
};

struct CoreOptions {
  std::string cell_address;  // host:port[,host:port]* of the cell's masters
  RetryOptions retry;
  int64_t attempt_timeout_ms = 5000;  // of one attempt that may be made again
  uint32_t prefetch_locations = 32;   // METADATA rows of one look-up; 1 .. 10 000
  size_t max_cached_locations = 100'000;
  uint64_t request_bytes = 2u << 20;  // of one MutateRows, unless one row alone is larger
  uint32_t requests_in_flight = 8;    // of one batch
  uint64_t page_bytes = 1u << 20;     // of one ReadRows
  uint64_t client_id = 0;             // of this client's changes; random; 0: they have no ids
};

// Counts the operations under way; closed, it lets no new one in.
class Gate {
 public:
  class Pass {
   public:
    Pass() = default;
    explicit Pass(Gate* gate) : gate_(gate) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&& other) noexcept {
      std::swap(gate_, other.gate_);
      return *this;
    }
    ~Pass() {
      if (gate_ != nullptr) gate_->Leave();
    }

   private:
    Gate* gate_ = nullptr;
  };

  Status Enter(Pass* pass);  // Cancelled when closed
  void CloseAndDrain();      // waits for those inside; each has a deadline of its own
  bool closed() const { return (state_.load(std::memory_order_relaxed) & kClosed) != 0; }

 private:
  static constexpr uint64_t kClosed = uint64_t{1} << 63;
  void Leave();

  std::atomic<uint64_t> state_{0};  // how many are inside, and kClosed
  Mutex mu_;
  CondVar emptied_;
  bool empty_ GUARDED_BY(mu_) = false;  // once closed: the last one has left
};

// What goes over the network, counted. Thread-safe.
struct Traffic {
  std::atomic<uint64_t> requests{0};
  std::atomic<uint64_t> retries{0};
  std::atomic<uint64_t> request_bytes{0};   // of bodies
  std::atomic<uint64_t> response_bytes{0};  // of bodies
};

class Core {
 public:
  Core(const Edges& edges, const CoreOptions& options)
      : edges_(edges),
        options_(options),
        budget_(options.retry, edges.clock),
        ids_(options.client_id) {}

  net::RpcClient* rpc() const { return edges_.rpc; }
  Clock* clock() const { return edges_.clock; }
  Jitter* jitter() const { return edges_.jitter; }
  net::TimerQueue* timers() const { return edges_.timers; }
  const CoreOptions& options() const { return options_; }
  RetryBudget* budget() { return &budget_; }
  RequestIds* ids() { return &ids_; }
  Gate* gate() { return &gate_; }
  Traffic* traffic() { return &traffic_; }
  const Traffic& traffic() const { return traffic_; }

  int64_t DeadlineAfterMs(int64_t ms) const { return edges_.clock->BootNanos() + ms * 1'000'000; }
  int64_t NowNanos() const { return edges_.clock->BootNanos(); }
  // For one attempt of a change. One that may be made again is not waited for until the end, so
  // that a connection that died in silence costs no more than this.
  int64_t AttemptMs(const CallTerms& terms, bool has_id) const {
    const int64_t left_ms = std::max<int64_t>(1, LeftMs(terms.deadline_ns));
    const bool repeats = has_id && terms.retry.retry && terms.retry.retry_after_unknown;
    return repeats ? std::min(left_ms, options_.attempt_timeout_ms) : left_ms;
  }
  // Whether a change of unknown outcome may be sent again: it has an id, and servers still know it.
  bool MayRepeatUnknown(const RetryOptions& retry, uint64_t sequence, int64_t first_sent_ns) const {
    return retry.retry_after_unknown && sequence != 0 &&
           NowNanos() - first_sent_ns < kRequestMemoryMs * 1'000'000 * 8 / 10;
  }
  // Milliseconds left, rounded up; <= 0 when it has passed.
  int64_t LeftMs(int64_t deadline_ns) const {
    const int64_t left = deadline_ns - edges_.clock->BootNanos();
    return left <= 0 ? 0 : (left + 999'999) / 1'000'000;
  }
  // Runs `again` once after the back-off that `failure` asks for, which stays short where nobody
  // serves the tablet; if the failed attempt reached a server, not before the retry budget allows
  // it; at the deadline anyway.
  void RetryLater(uint32_t attempt, const Status& failure, const CallTerms& terms,
                  std::function<void()> again);

 private:
  void RetryAfter(int64_t delay_ms, bool costs, const CallTerms& terms,
                  std::function<void()> again);

  const Edges edges_;
  const CoreOptions options_;
  RetryBudget budget_;
  RequestIds ids_;
  Gate gate_;
  Traffic traffic_;
};

// Marks the failure of a look-up that is shared by many: the caller's own attempt was not sent, and
// trying again costs it no retry.
Status NothingSent(Status status);

// The request as bytes, counted as one that goes out.
template <typename Request>
StatusOr<net::Buffer> EncodeCounted(Core* core, const Request& request) {
  StatusOr<net::Buffer> body = wire::Encode(request);
  // It will be as large the next time.
  if (!body.ok()) return absl::InvalidArgumentError(body.status().message());
  core->traffic()->requests.fetch_add(1, std::memory_order_relaxed);
  core->traffic()->request_bytes.fetch_add(body->size(), std::memory_order_relaxed);
  return body;
}
// What the answer says, which is counted as one that came in; or its error.
template <typename Response>
StatusOr<Response> DecodeCounted(Core* core, const StatusOr<net::Buffer>& answer) {
  if (!answer.ok()) return answer.status();
  core->traffic()->response_bytes.fetch_add(answer->size(), std::memory_order_relaxed);
  StatusOr<Response> response = Response();
  if (Status bad = wire::Decode(*answer, &*response); !bad.ok()) return bad;
  return response;
}
// What takes in the answer to a call.
template <typename Response>
net::RpcClient::Callback Decoding(Core* core, std::function<void(StatusOr<Response>)> done) {
  return [core, done = std::move(done)](const StatusOr<net::Buffer>& answer) {
    done(DecodeCounted<Response>(core, answer));
  };
}

// One RPC. `done` runs exactly once, perhaps before this returns; never with a lock of the caller's
// unless the caller holds it here.
template <typename Response, typename Request>
void Call(Core* core, const std::string& address, wire::Method method, const Request& request,
          int64_t timeout_ms, std::function<void(StatusOr<Response>)> done) {
  StatusOr<net::Buffer> body = EncodeCounted(core, request);
  if (!body.ok()) return done(body.status());
  core->rpc()->Call(address, static_cast<uint16_t>(method), *std::move(body), timeout_ms,
                    Decoding<Response>(core, std::move(done)));
}
// The same; the result ends it early (net::RpcClient::CancellableCall).
template <typename Response, typename Request>
net::RpcClient::Canceller CancellableCall(Core* core, const std::string& address,
                                          wire::Method method, const Request& request,
                                          int64_t timeout_ms,
                                          std::function<void(StatusOr<Response>)> done) {
  StatusOr<net::Buffer> body = EncodeCounted(core, request);
  if (!body.ok()) {
    done(body.status());
    return [] {};
  }
  return core->rpc()->CancellableCall(address, static_cast<uint16_t>(method), *std::move(body),
                                      timeout_ms, Decoding<Response>(core, std::move(done)));
}

// A callback for an answer that may come late: the first of the answer and the deadline calls
// `done`, once.
template <typename T>
std::function<void(StatusOr<T>)> FireBy(Core* core, int64_t deadline_ns, const std::string& what,
                                        std::function<void(StatusOr<T>)> done) {
  struct State {
    std::atomic<bool> fired{false};
    std::function<void(StatusOr<T>)> done;
  };
  auto state = std::make_shared<State>();
  state->done = std::move(done);
  net::TimerQueue* timers = core->timers();
  const auto timer = timers->RunAfter(core->LeftMs(deadline_ns), [state, what] {
    if (state->fired.exchange(true)) return;
    state->done(absl::DeadlineExceededError(absl::StrCat(what, ": deadline exceeded")));
  });
  return [state, timers, timer](StatusOr<T> answer) {
    if (state->fired.exchange(true)) return;
    timers->Cancel(timer);
    state->done(std::move(answer));
  };
}

}  // namespace stele::routing
