// GcPolicy: one family's garbage collection rule, made ready to be asked about cells.
//
// What the rules mean, so that no answer depends on when a compaction ran:
//   max_age(a)        holds for a cell with now - timestamp > a. A cell exactly `a` old is kept.
//   max_versions(n)   is applied as if after every single mutation: when a write gives a column
//                     over n versions, the oldest timestamps beyond n become surplus, and surplus
//                     they stay until that identity is written again. So the removal of a newer
//                     version by DeleteFromColumn never brings an older one back, whether or not it
//                     has been dropped from disk by then. Surplus versions are not counted.
//   union, intersection   any, all.
// Without a DeleteFromColumn over a part of the timestamps this is "the n newest are kept".
//
// Guaranteed: reads before and after any compaction agree, provided that now_us does not go back
// and the rule is not changed. A dropped version may have been counted for a larger n than the one
// that made it garbage. But what counts for n counts for every larger n, and where a larger n has
// no room left no smaller one has: a version that the dropped one would have pushed out is older
// and surplus wherever that one was, hence garbage too. After a change of the rule, cells that the
// old rule had hidden and that no compaction dropped are judged by the new rule.
//
// now_us is the engine's wall clock held where it was while the clock is set back, by a day at
// most; a larger step is taken for the repair of a wrong clock and followed, or every new cell
// would be too old at once. Over a restart it goes on from the manifest's gc_now_us, which each
// flush, compaction and opening stores, and else every ten minutes while a family has a max_age. So
// with a clock that went back during a restart, what the last ten minutes of answers had hidden may
// be seen again, until the clock is there; what was hidden before, or dropped, is not.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "schema/model/model.h"

namespace stele::storage {

class GcPolicy {
 public:
  // The rule must be valid (ValidateGcRule).
  explicit GcPolicy(GcRule rule) : rule_(std::move(rule)) {
    CollectLimits(rule_);
    std::sort(limits_.begin(), limits_.end());
    limits_.erase(std::unique(limits_.begin(), limits_.end()), limits_.end());
    judges_age_ = JudgesAge(rule_);
  }

  bool keeps_all() const { return rule_.kind == GcRule::Kind::kNone; }
  bool judges_age() const { return judges_age_; }
  // The different n of max_versions(n), ascending.
  const std::vector<int32_t>& version_limits() const { return limits_; }

  // surplus(n) says whether max_versions(n) holds for the cell; age may be negative.
  template <typename Surplus>
  bool IsGarbage(int64_t age_us, const Surplus& surplus) const {
    return Holds(rule_, age_us, surplus);
  }
  // The same for the first version of a column, which no number of versions makes garbage.
  bool IsFirstGarbage(int64_t age_us) const { return judges_age_ && IsGarbageAt(age_us, 0); }
  // The same for a cell that `newer` counted versions of its column stand before.
  bool IsGarbageAt(int64_t age_us, uint64_t newer) const {
    return !keeps_all() &&
           IsGarbage(age_us, [newer](int32_t n) { return newer >= static_cast<uint64_t>(n); });
  }

 private:
  void CollectLimits(const GcRule& rule) {
    if (rule.kind == GcRule::Kind::kMaxVersions) limits_.push_back(rule.max_versions);
    for (const GcRule& inner : rule.rules) CollectLimits(inner);
  }

  static bool JudgesAge(const GcRule& rule) {
    return rule.kind == GcRule::Kind::kMaxAge ||
           std::any_of(rule.rules.begin(), rule.rules.end(), JudgesAge);
  }

  template <typename Surplus>
  static bool Holds(const GcRule& rule, int64_t age_us, const Surplus& surplus) {
    auto holds = [&](const GcRule& inner) { return Holds(inner, age_us, surplus); };
    switch (rule.kind) {
      case GcRule::Kind::kNone:
        return false;
      case GcRule::Kind::kMaxVersions:
        return surplus(rule.max_versions);
      case GcRule::Kind::kMaxAge:
        return age_us > rule.max_age_us;
      case GcRule::Kind::kUnion:
        return std::any_of(rule.rules.begin(), rule.rules.end(), holds);
      case GcRule::Kind::kIntersection:
        return !rule.rules.empty() && std::all_of(rule.rules.begin(), rule.rules.end(), holds);
    }
    return false;
  }

  GcRule rule_;
  std::vector<int32_t> limits_;
  bool judges_age_ = false;
};

}  // namespace stele::storage
