#include "client/call_recorder.h"

#include <algorithm>

namespace stele::internal {
namespace {

constexpr const char* kNames[kCallKinds] = {"Apply",          "ApplyBatch", "ReadModifyWrite",
                                            "CheckAndMutate", "ReadRow",    "ReadRows",
                                            "SampleRowKeys",  "Admin"};

LatencySummary Summary(const obs::Histogram& latency) {
  LatencySummary summary;
  summary.count = latency.count();
  if (summary.count == 0) return summary;
  summary.mean_us = static_cast<int64_t>(latency.sum() / summary.count);
  summary.max_us = static_cast<int64_t>(latency.max());
  auto quantile = [&](double q) {
    return std::min(static_cast<int64_t>(latency.Quantile(q)), summary.max_us);
  };
  summary.p50_us = quantile(0.5);
  summary.p90_us = quantile(0.9);
  summary.p99_us = quantile(0.99);
  return summary;
}

}  // namespace

CallRecorder::Call::Call(CallRecorder* recorder, CallKind kind)
    : recorder_(recorder), kind_(kind), start_ns_(recorder->clock_->BootNanos()) {
  Kind& counts = recorder->Of(kind);
  counts.started.fetch_add(1, std::memory_order_relaxed);
  counts.in_flight.fetch_add(1, std::memory_order_relaxed);
}

void CallRecorder::Call::CountError(const Status& status) {
  if (recorder_ == nullptr || status.ok()) return;
  const size_t code = std::min(static_cast<size_t>(status.code()), kCodes - 1);
  recorder_->Of(kind_).errors[code].fetch_add(1, std::memory_order_relaxed);
}

void CallRecorder::Call::End(const Status& status) {
  if (recorder_ == nullptr) return;
  CountError(status);
  Kind& counts = recorder_->Of(kind_);
  const int64_t took_ns = recorder_->clock_->BootNanos() - start_ns_;
  counts.latency_us.Add(static_cast<uint64_t>(std::max<int64_t>(0, took_ns / 1000)));
  counts.in_flight.fetch_sub(1, std::memory_order_relaxed);
  recorder_ = nullptr;
}

void CallRecorder::Fill(ClientMetrics* metrics) const {
  for (size_t i = 0; i < kCallKinds; ++i) {
    const Kind& counts = kinds_[i];
    CallMetrics& out = metrics->calls.emplace_back();
    out.call = kNames[i];
    out.started = counts.started.load(std::memory_order_relaxed);
    out.in_flight = counts.in_flight.load(std::memory_order_relaxed);
    for (size_t code = 0; code < kCodes; ++code) {
      const uint64_t n = counts.errors[code].load(std::memory_order_relaxed);
      if (n > 0) out.errors.emplace_back(static_cast<absl::StatusCode>(code), n);
    }
    out.latency = Summary(counts.latency_us);
  }
}

}  // namespace stele::internal
