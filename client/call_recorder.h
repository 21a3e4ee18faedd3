// CallRecorder: counts and times the calls of one client by kind; the numbers behind
// Client::metrics(). Owned by the session. Thread-safe; recording is a few relaxed atomic
// operations.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <utility>

#include "common/base/status.h"
#include "common/obs/metrics.h"
#include "common/time/clock.h"
#include "stele/metrics.h"

namespace stele::internal {

enum class CallKind {
  kApply,
  kApplyBatch,
  kReadModifyWrite,
  kCheckAndMutate,
  kReadRow,
  kReadRows,
  kSampleRowKeys,
  kAdmin
};
inline constexpr size_t kCallKinds = 8;

class CallRecorder {
 public:
  explicit CallRecorder(Clock* clock) : clock_(clock) {}  // outlives it

  // A call under way. Ends once, with the last of its statuses; CountError tells of others.
  class Call {
   public:
    Call(CallRecorder* recorder, CallKind kind);
    Call(Call&& other) noexcept
        : recorder_(std::exchange(other.recorder_, nullptr)),
          kind_(other.kind_),
          start_ns_(other.start_ns_) {}
    Call& operator=(Call&&) = delete;
    ~Call() { End(OkStatus()); }
    void CountError(const Status& status);
    void End(const Status& status);

   private:
    CallRecorder* recorder_;  // null: ended
    CallKind kind_;
    int64_t start_ns_;
  };
  Call Start(CallKind kind) { return Call(this, kind); }

  void Fill(ClientMetrics* metrics) const;

 private:
  static constexpr size_t kCodes = 17;  // of absl::StatusCode
  struct Kind {
    std::atomic<uint64_t> started{0};
    std::atomic<int64_t> in_flight{0};
    std::array<std::atomic<uint64_t>, kCodes> errors{};
    obs::Histogram latency_us;
  };

  Kind& Of(CallKind kind) { return kinds_[static_cast<size_t>(kind)]; }

  Clock* const clock_;
  std::array<Kind, kCallKinds> kinds_;
};

}  // namespace stele::internal
