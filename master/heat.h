// Heat: how many requests a second each tablet gets, by what its server counts from one report to
// the next, and since when that is more than a limit. A tablet that was opened anew begins anew.
// What was tried against it and failed is kept, so that it can be told. Bound to the master thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "master/procedures/table_view.h"

namespace stele::master {

class Heat {
 public:
  explicit Heat(uint64_t limit_per_s) : limit_per_s_(limit_per_s) {}

  // From the next look on.
  void SetLimit(uint64_t per_s) { limit_per_s_ = per_s; }
  // What the tablet's server says of it now.
  void Look(const TabletView& view);
  // Those that were not looked at since the last call are forgotten.
  void EndRound();

  uint64_t PerSecond(TabletId tablet) const;
  // For how long it has been above the limit, by the reports; -1: it is not.
  int64_t HotForNs(TabletId tablet) const;

  // A split was ordered; what came of it. After a failure none is tried again until `not_before`.
  void NoteOrder(TabletId tablet);
  bool Ordered(TabletId tablet) const;
  void NoteFailure(TabletId tablet, std::string why, int64_t not_before_ns);
  bool MayTry(TabletId tablet, int64_t now_ns) const;
  // Why a hot tablet is not split; "": it is not hot, or nothing was tried.
  std::string Why(TabletId tablet) const;

 private:
  struct Entry {
    uint64_t requests = 0;
    int64_t reported_ns = 0;
    Epoch epoch = 0;
    uint64_t per_second = 0;
    int64_t hot_since_ns = 0;  // 0: it is not
    bool ordered = false;
    std::string why;
    int64_t not_before_ns = 0;
    bool seen = true;
  };
  const Entry* Find(TabletId tablet) const;

  uint64_t limit_per_s_;
  std::map<TabletId, Entry> entries_;
};

}  // namespace stele::master
