// DroppedRows: the runs of rows that were dropped from a tablet as a whole, and what of a row each
// hides. A drop hides what the tablet held when it was ordered: every key of its rows with a
// smaller sequence, markers included, and nothing that was written later.
//
// Made from the manifest's list when that changes, shared by the reads, flushes and compactions of
// a version. Immutable, thread-safe. Crash rule: the manifest's.
#pragma once

#include <string>
#include <vector>

#include "schema/model/model.h"

namespace stele::storage {

// Rows in [start, end); an empty `end` is +infinity.
struct RowDrop {
  std::string start, end;
  Sequence sequence = 0;
  bool Covers(Slice row) const { return row >= Slice(start) && (end.empty() || row < Slice(end)); }
  bool operator==(const RowDrop&) const = default;
};

class DroppedRows {
 public:
  DroppedRows() = default;
  explicit DroppedRows(std::vector<RowDrop> drops);

  bool empty() const { return all_.empty(); }
  const std::vector<RowDrop>& all() const { return all_; }
  // Of the newest drop; 0: there is none.
  Sequence latest() const { return latest_; }
  // Keys of the row with a smaller sequence are hidden; 0: none is.
  Sequence At(Slice row) const;

 private:
  // From `start` up to the next one's the newest drop is `sequence`; 0: none.
  struct Run {
    std::string start;
    Sequence sequence;
  };
  std::vector<RowDrop> all_;
  std::vector<Run> runs_;  // ascending
  Sequence latest_ = 0;
};

}  // namespace stele::storage
