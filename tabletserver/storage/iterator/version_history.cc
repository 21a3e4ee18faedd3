#include "tabletserver/storage/iterator/version_history.h"

#include <algorithm>
#include <map>
#include <set>

namespace stele::storage {
namespace {

// One step of the replay: the write of this index, or the marker.
struct Step {
  Sequence sequence;
  const RangeMarker* marker;  // null: a write
  size_t write;
};

std::vector<Step> InOrder(const std::vector<VersionHistory::Version>& writes,
                          const std::vector<RangeMarker>& markers) {
  std::vector<Step> steps;
  steps.reserve(writes.size() + markers.size());
  for (size_t i = 0; i < writes.size(); ++i) steps.push_back({writes[i].sequence, nullptr, i});
  for (const RangeMarker& m : markers) steps.push_back({m.sequence, &m, 0});
  std::sort(steps.begin(), steps.end(),
            [](const Step& a, const Step& b) { return a.sequence < b.sequence; });
  return steps;
}

}  // namespace

void VersionHistory::Reset(const GcPolicy* policy) {
  policy_ = policy;
  writes_.clear();
}

void VersionHistory::Replay(const std::vector<RangeMarker>& markers) {
  const std::vector<int32_t>& limits = policy_->version_limits();
  live_.assign(writes_.size(), false);
  surplus_.assign(writes_.size() * limits.size(), false);
  std::map<int64_t, size_t> live;                         // timestamp -> write
  std::vector<std::set<int64_t>> counted(limits.size());  // per limit: live and not surplus
  for (const Step& step : InOrder(writes_, markers)) {
    if (step.marker != nullptr) {
      const int64_t start = step.marker->start_us, end = step.marker->end_us;
      live.erase(live.lower_bound(start), live.lower_bound(end));
      for (auto& times : counted) times.erase(times.lower_bound(start), times.lower_bound(end));
      continue;
    }
    live[writes_[step.write].timestamp_us] = step.write;
    for (size_t l = 0; l < limits.size(); ++l) {
      counted[l].insert(writes_[step.write].timestamp_us);
      if (counted[l].size() <= static_cast<size_t>(limits[l])) continue;
      surplus_[live[*counted[l].begin()] * limits.size() + l] = true;
      counted[l].erase(counted[l].begin());
    }
  }
  for (const auto& entry : live) live_[entry.second] = true;
}

bool VersionHistory::IsSurplus(size_t i, int32_t limit) const {
  const std::vector<int32_t>& limits = policy_->version_limits();
  const auto at = std::lower_bound(limits.begin(), limits.end(), limit) - limits.begin();
  return surplus_[i * limits.size() + static_cast<size_t>(at)];
}

bool VersionHistory::IsGarbage(size_t i, int64_t now_us) const {
  return policy_->IsGarbage(now_us - writes_[i].timestamp_us,
                            [this, i](int32_t limit) { return IsSurplus(i, limit); });
}

bool VersionHistory::SurvivorsSpeakForThemselves(int64_t now_us) const {
  uint64_t newer = 0;
  for (size_t i = 0; i < writes_.size(); ++i) {
    if (!live_[i] || IsGarbage(i, now_us)) continue;
    for (int32_t limit : policy_->version_limits()) {
      if (IsSurplus(i, limit) != (newer >= static_cast<uint64_t>(limit))) return false;
    }
    ++newer;
  }
  return true;
}

}  // namespace stele::storage
