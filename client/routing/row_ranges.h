// The rows that a read still has to look at: a row set brought to sorted, disjoint runs, shortened
// from the front, or by a reversed read from the back, as pages arrive. Thread-compatible.
//
// Internally each run is [start, end): "just after key k" is k followed by a zero byte, so a bound
// may be one byte longer than a legal key; Clip gives legal ranges back.
#pragma once

#include <string>
#include <vector>

#include "common/base/status.h"
#include "schema/model/model.h"

namespace stele::routing {

class RowRanges {
 public:
  // InvalidArgument as ValidateRowSet. Keys and ranges both empty: the whole table.
  static StatusOr<RowRanges> Create(const RowSet& rows);

  bool empty() const { return first_ == runs_.size(); }
  // The first row that may still be wanted. REQUIRES !empty().
  const std::string& front() const { return runs_[first_].start; }
  // Everything up to and including `row` is done.
  void DropThrough(const std::string& row);
  // Everything before `bound` is done; an empty bound is the end of the table.
  void DropBefore(const std::string& bound);
  // The last row that may still be wanted: none that is legal is larger. REQUIRES !empty().
  std::string LastRow() const;
  // All that may still be wanted is before it; empty: there is no end. REQUIRES !empty().
  const std::string& end() const { return runs_.back().end; }
  // `bound` and everything behind it is done; an empty bound is the beginning of the table.
  void DropFrom(const std::string& bound);
  struct Part {
    RowSet rows;
    std::string until;  // exclusive: all that is wanted before it is in `rows`; empty: everything
  };
  // What is wanted of the tablet, as a request says it: its first `max_entries` runs.
  Part Clip(const TabletDescriptor& tablet, size_t max_entries) const;
  // Its last `max_entries` runs: all that is wanted from `until` on, inclusive, is in `rows`.
  Part ClipFromBack(const TabletDescriptor& tablet, size_t max_entries) const;

 private:
  struct Run {
    std::string start;
    std::string end;  // exclusive; empty: no end
  };
  static void AddTo(const Run& run, RowSet* rows);

  std::vector<Run> runs_;
  size_t first_ = 0;  // those before it are done
};

}  // namespace stele::routing
