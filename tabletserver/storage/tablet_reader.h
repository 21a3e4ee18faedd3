// TabletReader: one read of one tablet, row by row, that can stop anywhere and go on. The read path
// itself: TabletStoreImpl::Read uses one for a single call, a ReadCursor keeps one over many.
// Thread-compatible; nothing here outlives a crash.
//
// A row is one state that it really had: version and visible sequence are taken together, hold for
// the rows of one Run, and stay pinned only when Run ends inside a row. The iterators, and with
// them the blocks, never outlive a Run.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/bytes/byte_buffer.h"
#include "tabletserver/storage/engine.h"
#include "tabletserver/storage/iterator/iterator.h"
#include "tabletserver/storage/iterator/row_resolver.h"
#include "tabletserver/storage/tablet_version.h"

namespace stele::storage {

// A state of the tablet: what the version holds up to the sequence, looked at then.
struct TabletSnapshot {
  std::shared_ptr<const TabletVersion> version;
  Sequence sequence = 0;
  int64_t now_us = 0;
};

class TabletReader {
 public:
  // `range`, `row` and `options` outlive the reader.
  TabletReader(const TabletDescriptor& tablet, const RowRange& range, const ReadOptions& options);
  // Of this row, which is the tablet's.
  TabletReader(Slice row, const ReadOptions& options);

  // As ReadCursor::Next. `now` is the tablet's state for the rows that begin in this call; inside a
  // row it is not looked at, and the call ends with that row.
  StatusOr<ReadProgress> Run(TabletSnapshot now, const ReadBudget& budget, RowSink* sink);

  bool in_row() const { return in_row_; }
  // Of the row that it is in; null between rows.
  const TabletVersion* pinned() const { return kept_.version.get(); }
  uint64_t memory_bytes() const;

 private:
  uint64_t page_cache_left_ = 0;  // of the call's, for its iterators
  // Keys [first, end); an empty end is +infinity.
  struct KeyRange {
    Slice first, end;
    bool empty() const { return !end.empty() && first >= end; }
  };
  // The keys before damage, or behind it.
  struct Cut {
    std::string first, end;
    KeyRange keys() const { return {first, end}; }
  };

  KeyRange left() const { return {left_first_.bytes(), left_end_.bytes()}; }
  void TakeRow(Slice row);
  void TakeRange(const RowRange& range, const TabletDescriptor& tablet);
  // Of the rows up to and including this one nothing is left; reversed: from this one on.
  void LeaveBehind(Slice row);
  bool IsOneRow() const { return !only_row_.empty(); }
  bool NeedsGroup(const TableSchema& schema, Slice group) const;
  std::string OnlyColumn(const TableSchema& schema) const;
  // The damage of the first damaged file that is met; `cut` is what is left before its rows.
  Status CutBeforeDamage(const TabletVersion& version, std::optional<Cut>* cut) const;
  Status OpenCells(const TabletSnapshot& at, const KeyRange& keys, const ReadBudget& budget);
  Status Begin(TabletSnapshot now, std::optional<Cut>* cut, Status* damage);
  Status Walk(const KeyRange& keys, const ReadBudget& budget, RowSink* sink);
  // Puts cells_ on the first key of the next row, when there is one.
  Status FindRow(const KeyRange& keys, bool* found);
  Status FindRowBefore(const KeyRange& keys, bool* found);
  // The row that cells_ stands on or the rest of the one it was in.
  Status ResolveRow(const KeyRange& keys, const ReadBudget& budget, RowSink* sink, bool* goes_on);
  // The row that cells_ stands on, which is behind all others, and what may come with it.
  Status ResolveRows(const KeyRange& keys, const ReadBudget& budget, RowSink* sink);
  bool HasRoom(const ReadBudget& budget) const;
  bool MayGoOn(const ReadBudget& budget) const;
  void SetExamineLimit(const ReadBudget& budget);

  const Slice only_row_;  // that may be read; empty: any number may
  const ReadOptions& options_;
  // What is left; nothing once the only row is done.
  bool nothing_left_ = false;
  ByteBuffer left_first_, left_end_;

  // Inside a row.
  bool in_row_ = false;
  TabletSnapshot kept_;
  std::optional<RowResolver> resolver_;
  uint64_t counted_cells_ = 0, counted_bytes_ = 0;  // of the row, in earlier progress

  // Of one Run.
  std::unique_ptr<Iterator> cells_;
  std::vector<Iterator*> parts_;    // of cells_; for reversed reads
  bool fresh_ = false;              // cells_ has not been placed
  bool cells_are_bounded_ = false;  // they end before keys.end
  ReadProgress progress_;           // but resume_after: last_row_
  ByteBuffer last_row_;             // that was finished
  uint64_t keys_before_ = 0;
};

}  // namespace stele::storage
