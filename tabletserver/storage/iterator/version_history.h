// VersionHistory: replays the writes and range deletes of one column in the order of their
// sequences, to know which versions are surplus (GcPolicy says what that means). Needed only where
// a DeleteFromColumn over a part of the timestamps meets a rule that counts versions; everywhere
// else the place among the newer versions decides. Holds timestamps and sequences, never values.
// Thread-compatible.
#pragma once

#include <cstdint>
#include <vector>

#include "tabletserver/storage/iterator/gc_policy.h"
#include "tabletserver/storage/iterator/range_marker.h"

namespace stele::storage {

class VersionHistory {
 public:
  struct Version {
    int64_t timestamp_us = 0;
    Sequence sequence = 0;
    bool operator==(const Version&) const = default;
  };

  // Starts a column. What a marker over the whole column, its family or its row shadows must not be
  // added.
  void Reset(const GcPolicy* policy);
  void AddWrite(const Version& version) { writes_.push_back(version); }
  // Every version added up to here is replayed; `markers` in any order.
  void Replay(const std::vector<RangeMarker>& markers);

  // In the order of keys (as AddWrite was called):
  const std::vector<Version>& writes() const { return writes_; }
  // Whether write i is neither rewritten nor deleted.
  bool IsLive(size_t i) const { return live_[i]; }
  // Whether the rule hides the live write i.
  bool IsGarbage(size_t i, int64_t now_us) const;

  // Whether the live writes that are not garbage, with nothing else left of the column, would be
  // judged as they are now, for ever: then markers and hidden writes may go.
  bool SurvivorsSpeakForThemselves(int64_t now_us) const;

 private:
  bool IsSurplus(size_t i, int32_t limit) const;

  const GcPolicy* policy_ = nullptr;
  std::vector<Version> writes_;
  std::vector<bool> live_;
  std::vector<bool> surplus_;  // one for each limit of the policy, for each write
};

}  // namespace stele::storage
