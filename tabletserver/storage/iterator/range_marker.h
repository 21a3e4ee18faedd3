// Column markers over a part of the timestamps, and what they shadow. Value types,
// thread-compatible.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "schema/model/model.h"

namespace stele::storage {

// Shadows the cells of its column with start_us <= timestamp < end_us and a smaller sequence.
struct RangeMarker {
  Sequence sequence = 0;
  int64_t start_us = 0;
  int64_t end_us = INT64_MAX;
};

// Answers "the newest marker over this timestamp" for timestamps that only descend, as they do in a
// column, in O(log markers) each.
class RangeShadow {
 public:
  void Reset(const std::vector<RangeMarker>& markers) {
    waiting_.clear();
    reached_.clear();
    if (markers.empty()) return;
    waiting_.assign(markers.begin(), markers.end());
    std::sort(waiting_.begin(), waiting_.end(),
              [](const RangeMarker& a, const RangeMarker& b) { return a.end_us < b.end_us; });
  }
  // The sequence of the newest marker over `timestamp_us`, 0 for none.
  Sequence At(int64_t timestamp_us) {
    while (!waiting_.empty() && waiting_.back().end_us > timestamp_us) {
      reached_.push_back(waiting_.back());
      std::push_heap(reached_.begin(), reached_.end(), OlderFirst);
      waiting_.pop_back();
    }
    while (!reached_.empty() && reached_.front().start_us > timestamp_us) {
      std::pop_heap(reached_.begin(), reached_.end(), OlderFirst);
      reached_.pop_back();
    }
    return reached_.empty() ? 0 : reached_.front().sequence;
  }

 private:
  static bool OlderFirst(const RangeMarker& a, const RangeMarker& b) {
    return a.sequence < b.sequence;
  }
  std::vector<RangeMarker> waiting_;  // by end, the next one last
  std::vector<RangeMarker>
      reached_;  // heap, newest first; left ones go when they come to the front
};

}  // namespace stele::storage
