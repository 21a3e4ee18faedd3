#include "tabletserver/rpc/slow_requests.h"

#include <algorithm>
#include <utility>

namespace stele::tabletserver {
namespace {

constexpr int64_t kMinuteNs = 60'000'000'000;

bool IsSlower(const SlowRequest& a, const SlowRequest& b) { return a.total_ns > b.total_ns; }

}  // namespace

const char* NameOf(SlowRequest::Kind kind) {
  switch (kind) {
    case SlowRequest::Kind::kRead:
      return "read";
    case SlowRequest::Kind::kScan:
      return "scan";
    case SlowRequest::Kind::kWrite:
      return "write";
    case SlowRequest::Kind::kConditional:
      return "conditional change";
  }
  return "";
}

void SlowRequests::Turn(int64_t minute) {
  if (!minutes_.empty() && minutes_.back().number >= minute) return;
  minutes_.push_back({minute, {}});
  while (minutes_.front().number + static_cast<int64_t>(kMinutes) <= minute) minutes_.pop_front();
  for (auto& least : least_ns_) least.store(-1, std::memory_order_relaxed);
  minute_ends_ns_.store((minute + 1) * kMinuteNs, std::memory_order_relaxed);
}

void SlowRequests::Add(SlowRequest request, int64_t now_ns) {
  request.row.resize(std::min(request.row.size(), kMaxRowBytes));
  // Those that took longest to read.
  auto& files = request.trace.files;
  std::stable_sort(files.begin(), files.end(),
                   [](const auto& a, const auto& b) { return a.read_ns > b.read_ns; });
  files.resize(std::min(files.size(), kMaxFiles));
  const auto kind = static_cast<size_t>(request.kind);
  MutexLock lock(&mu_);
  Turn(now_ns / kMinuteNs);
  std::vector<SlowRequest>& slowest = minutes_.back().slowest[kind];
  const auto place = std::upper_bound(slowest.begin(), slowest.end(), request, IsSlower);
  if (place - slowest.begin() >= static_cast<ptrdiff_t>(kKept)) return;
  slowest.insert(place, std::move(request));
  if (slowest.size() > kKept) slowest.pop_back();
  if (slowest.size() == kKept) {
    least_ns_[kind].store(slowest.back().total_ns, std::memory_order_relaxed);
  }
}

std::vector<SlowRequest> SlowRequests::Report(int64_t now_ns) const {
  std::vector<SlowRequest> report;
  MutexLock lock(&mu_);
  for (const Minute& minute : minutes_) {
    if (minute.number + static_cast<int64_t>(kMinutes) <= now_ns / kMinuteNs) continue;
    for (const auto& slowest : minute.slowest) {
      report.insert(report.end(), slowest.begin(), slowest.end());
    }
  }
  std::stable_sort(report.begin(), report.end(), IsSlower);
  return report;
}

}  // namespace stele::tabletserver
