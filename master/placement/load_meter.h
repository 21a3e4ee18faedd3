// LoadMeter: what each tablet asks of its server, a second, smoothed over time: one for each page
// and each changed row, and one more for every kBytesPerUnit of them. From the counters that
// servers report. A tablet that was opened anew counts from zero but keeps what was measured
// before; one that is not reported for a while, too. Thread-compatible.
#pragma once

#include <cstdint>
#include <map>

#include "schema/model/model.h"

namespace stele::master {

struct TabletCount {
  Epoch epoch = 0;
  uint64_t requests = 0, bytes = 0;  // since it was opened under the epoch
};

class LoadMeter {
 public:
  static constexpr double kBytesPerUnit = 4096;

  // What is older than the time counts for less than what is younger.
  explicit LoadMeter(int64_t smoothing_ns) : smoothing_ns_(smoothing_ns) {}

  // For what comes from now on.
  void SetSmoothing(int64_t smoothing_ns) { smoothing_ns_ = smoothing_ns; }
  // Reports that follow each other faster than kShortestNs are taken together.
  void Look(TabletId tablet, const TabletCount& count, int64_t at_ns);
  // Only these go on being known.
  template <typename Map>
  void Keep(const Map& tablets) {
    std::erase_if(entries_, [&](const auto& entry) { return !tablets.contains(entry.first); });
  }

  // 0: nothing was measured yet.
  double PerSecond(TabletId tablet) const;

 private:
  static constexpr int64_t kShortestNs = 200'000'000;
  struct Entry {
    TabletCount count;
    int64_t at_ns = 0;
    double sum = 0, weight = 0;  // their quotient is the load
  };

  int64_t smoothing_ns_;
  std::map<TabletId, Entry> entries_;
};

}  // namespace stele::master
