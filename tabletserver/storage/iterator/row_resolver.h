// RowResolver: the one place that turns the merged stream of internal keys into visible cells.
// Owned by one read; thread-compatible; nothing here outlives a crash.
//
// A cell is visible when, in this order,
//   1. its sequence is at most the snapshot (keys above it are as if absent),
//   2. it is the newest write of its identity (row, family, id, qualifier, timestamp),
//   3. no drop of its row and no row, family or column marker with a larger sequence stands over it
//   (an identity whose
//      newest write is shadowed is gone: its older writes are shadowed too),
//   4. its family is in the schema by name and id,
//   5. the family's GC rule keeps it (gc_policy.h says what that means, and how it stays the same
//      whenever compactions run: garbage_collector.h evaluates the same with the same pieces).
// Then the selection takes from the visible cells: families and columns (either matches), the range
// of timestamps, the first cells_per_column of each column, the first cells_per_row of the row.
//
// The snapshot must be at least the largest sequence of any file in the stream: what compactions
// drop is counted as of then. A row over `max_row_bytes` of returned keys and values is
// FailedPrecondition naming the row. Any error may come after cells of the row went to the sink.
//
// Inside a row it may stop: when the sink wants a pause, when `examine` keys were looked at, or
// when the iterator failed. It then keeps the place as a key and holds no iterator; Resume goes on
// with a new one over the same state, neither repeating nor losing a cell.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "tabletserver/storage/iterator/cell_place.h"
#include "tabletserver/storage/iterator/iterator.h"
#include "tabletserver/storage/iterator/plain_run.h"
#include "tabletserver/storage/iterator/row_sink.h"
#include "tabletserver/storage/iterator/version_history.h"
#include "tabletserver/storage/iterator/visible_families.h"

namespace stele::storage {

struct RowResolverOptions {
  const VisibleFamilies* families = nullptr;  // outlives the resolver
  const DroppedRows* drops = nullptr;         // outlives the resolver; null: none
  Sequence snapshot = kMaxSequence;
  int64_t now_us = 0;  // for max_age; must not go back between reads
  uint64_t max_row_bytes = kMaxRowReadBytes;
  // False: looks at every column of a row and takes the selected ones. The same answer, slower.
  bool seek_to_spans = true;
};

struct ResolvedRow {
  bool emitted = false;           // it had a cell that the selection takes
  bool sink_goes_on = true;       // EndRow's answer
  bool suspended = false;         // it stopped inside the row: Resume
  uint64_t cells = 0, bytes = 0;  // of the row so far
};

// How far ResolveRows may go: it begins no row when one of these is used up.
struct RowsLimits {
  uint64_t rows = UINT64_MAX, rows_examined = UINT64_MAX, bytes = UINT64_MAX;
  Slice end;  // nor one at or behind this key; empty: open
};

// The rows before the last one of a ResolveRows.
struct RowsBefore {
  uint64_t rows = 0, rows_examined = 0, cells = 0, bytes = 0;
  ByteBuffer last_row;  // the last of them; empty when there is none
};

class RowResolver {
 public:
  RowResolver(const RowResolverOptions& options, const ReadSelection& selection);

  // REQUIRES: `it` is valid, stands on the first key that its stream has of a row, and offers every
  // key of the row; nobody has moved it since a SkipRow came before this. Sends the row to the sink
  // and leaves `it` inside the row or behind it.
  Status ResolveRow(Iterator* it, RowSink* sink);

  // This row and, while they are of one cell of the same column, those behind it, with the same
  // answer as ResolveRow and SkipRow by turns. `before` counts all rows but the last, which is what
  // resolved() and row() tell of; it also is the one that was suspended or failed.
  Status ResolveRows(Iterator* it, RowSink* sink, const RowsLimits& limits, RowsBefore* before);

  // Goes on where ResolveRow or Resume was suspended or failed. `it` stands anywhere.
  Status Resume(Iterator* it, RowSink* sink);
  // What these two did.
  const ResolvedRow& resolved() const { return result_; }

  // The row last resolved from its start, by the next Resume.
  void Again();

  // Stops inside a row, at the latest some keys after this many more were looked at.
  void SuspendAfter(uint64_t keys) {
    suspend_at_ = keys_examined_ + std::min(keys, UINT64_MAX - keys_examined_);
  }
  uint64_t keys_examined() const { return keys_examined_; }
  uint64_t memory_bytes() const;

  // Moves `it` to the first key behind the row last resolved. Then look at it->status() if it is
  // not valid. REQUIRES: nobody else has moved it since then.
  void SkipRow(Iterator* it);
  // The row last resolved, or begun and failed.
  Slice row() const { return place_.row(); }

 private:
  // A run of keys inside a row that the selection needs, as what follows esc(row); `end` empty: to
  // the end of the row.
  struct Span {
    std::string start, end;
  };

  // What was last begun with the iterator, and so how Resume gets back there.
  enum class Step : uint8_t {
    kRowMarkers,  // from the row's first key
    kPlace,       // from the first key of the column
    kSkip,        // to the first key >= target_
    kColumn,      // behind (column, at_timestamp_us_, at_tail_)
    kHistory,     // to write history_at_
  };

  void BuildSpans(const ReadSelection& selection);
  // The row's first column, which is the one that the row before had.
  Status ResolveSameColumn(const GcPolicy& gc);
  // The rest of ResolveRows: behind a row, of which this is the column.
  Status ResolvePlainRows(const RowsLimits& limits, RowsBefore* before);
  // The row was entered; nothing of it is emitted.
  Status ResolveEnteredRow();
  // Of the row a cell, or its start alone, went to the sink, and the iterator was moved.
  Status GoOnInRow(const GcPolicy& gc, uint64_t bytes);
  // The row from where its iterator stands.
  Status Go();
  Status FinishRow();
  Status ResolveSpan();
  Status ResolvePlace();
  void BeginColumn();
  Status ResolveColumn(const GcPolicy& gc);
  Status LeaveColumn();
  Status ReadMarkers();
  Status EmitColumn(const GcPolicy& gc);
  Status ReplayColumn(const GcPolicy& gc);
  Status EmitHistory();
  bool TakesPlace() const;
  const VisibleFamilies::Family* FindFamily();
  // False when the rest of the column is not wanted.
  bool WantsMore(int64_t timestamp_us) const;
  Status EmitCell(int64_t timestamp_us, Slice value);
  // The sink wants something else than the next cell; sets suspended_ or what is to be left out.
  void HearSink();
  // To the first key >= target, which lies ahead.
  void SkipTo(Slice target);
  // Every move of the iterator and of place_ goes through these: each key is looked at once.
  void Look() {
    valid_ = it_->Valid();
    if (!valid_) return;
    key_ = it_->key();
    shared_ = place_.SharedBy(key_);
  }
  void Next() {
    it_->Next();
    Look();
  }
  void Seek(Slice target) {
    it_->Seek(target);
    Look();
  }
  Status Enter() {
    RETURN_IF_ERROR(place_.Enter(key_));
    shared_ = CellPlace::Shared::kColumn;
    return OkStatus();
  }
  bool InRow() const { return valid_ && shared_ != CellPlace::Shared::kNothing; }
  bool InColumn() const { return valid_ && shared_ == CellPlace::Shared::kColumn; }
  bool RowIsFull() const {
    return row_done_ || (cells_per_row_ > 0 && result_.cells >= cells_per_row_);
  }

  const RowResolverOptions options_;
  const int64_t min_timestamp_us_, max_timestamp_us_;
  const uint64_t cells_per_column_, cells_per_row_;
  absl::InlinedVector<Span, 1> spans_;
  bool takes_all_ = false;  // that is, all of the row
  CellPlace place_;
  RangeShadow shadow_;
  VersionHistory history_;
  std::string target_;

  const VisibleFamilies::Family* family_ = nullptr;  // of place_, when it has one

  // Where the iterator stands.
  Iterator* it_ = nullptr;
  bool valid_ = false;
  CellPlace::Shared shared_ = CellPlace::Shared::kNothing;  // with place_
  Slice key_;
  bool skipped_ = false;  // SkipRow was the last to look

  // Of the row being resolved.
  RowSink* sink_ = nullptr;
  ResolvedRow result_;
  Step step_ = Step::kSkip;
  size_t span_ = 0;
  bool in_span_ = false;      // span_'s start was sought
  bool row_done_ = false;     // nothing more of the row is wanted
  bool column_done_ = false;  // nor of the column
  bool suspended_ = false;
  uint64_t keys_examined_ = 0, suspend_at_ = UINT64_MAX;

  // Of the column.
  uint64_t column_cells_ = 0;
  int64_t resolved_ = -1;  // the identity that is decided
  uint64_t newer_ = 0;     // visible so far
  int64_t at_timestamp_us_ = 0;
  uint64_t at_tail_ = 0;
  size_t history_at_ = 0;
};

}  // namespace stele::storage
