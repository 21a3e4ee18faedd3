#include "master/placement/load_meter.h"

#include <cmath>

namespace stele::master {

void LoadMeter::Look(TabletId tablet, const TabletCount& count, int64_t at_ns) {
  auto [it, added] = entries_.try_emplace(tablet);
  Entry& entry = it->second;
  const bool anew = added || count.epoch != entry.count.epoch ||
                    count.requests < entry.count.requests || count.bytes < entry.count.bytes;
  const int64_t passed_ns = at_ns - entry.at_ns;
  if (!anew && passed_ns < kShortestNs) return;
  if (!anew) {
    const double units = static_cast<double>(count.requests - entry.count.requests) +
                         static_cast<double>(count.bytes - entry.count.bytes) / kBytesPerUnit;
    const double seconds = static_cast<double>(passed_ns) / 1e9;
    const double kept =
        std::exp(-static_cast<double>(passed_ns) / static_cast<double>(smoothing_ns_));
    entry.sum = entry.sum * kept + units / seconds * (1 - kept);
    entry.weight = entry.weight * kept + (1 - kept);
  }
  entry.count = count;
  entry.at_ns = at_ns;
}

double LoadMeter::PerSecond(TabletId tablet) const {
  auto found = entries_.find(tablet);
  if (found == entries_.end() || found->second.weight <= 0) return 0;
  return found->second.sum / found->second.weight;
}

}  // namespace stele::master
