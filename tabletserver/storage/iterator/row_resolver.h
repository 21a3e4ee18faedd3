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
#pragma once

#include <string>
#include <vector>

#include "tabletserver/storage/iterator/cell_place.h"
#include "tabletserver/storage/iterator/iterator.h"
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
};

struct ResolvedRow {
  bool emitted = false;      // it had a cell that the selection takes
  bool sink_goes_on = true;  // EndRow's answer
  uint64_t cells = 0, bytes = 0;
};

class RowResolver {
 public:
  RowResolver(const RowResolverOptions& options, const ReadSelection& selection);

  // REQUIRES: `it` is valid, stands on the first key that its stream has of a row, and offers every
  // key of the row. Sends the row to the sink and leaves `it` inside the row or behind it.
  StatusOr<ResolvedRow> ResolveRow(Iterator* it, RowSink* sink);

  // Moves `it` to the first key behind the row last resolved. Then look at it->status() if it is
  // not valid.
  void SkipRow(Iterator* it);
  // The row last resolved, or begun and failed.
  Slice row() const { return place_.row(); }

 private:
  // A run of keys inside a row that the selection needs, as what follows esc(row); `end` empty: to
  // the end of the row.
  struct Span {
    std::string start, end;
  };

  void BuildSpans(const ReadSelection& selection);
  Status ResolveSpan(const Span& span);
  Status ResolvePlace();
  Status ReadMarkers();
  Status EmitColumn(const GcPolicy& gc);
  Status EmitColumnByHistory(const GcPolicy& gc);
  // False when the rest of the column is not wanted.
  bool WantsMore(int64_t timestamp_us) const;
  Status EmitCell(int64_t timestamp_us, Slice value);
  // To the first key >= target, which lies ahead.
  void SkipTo(Slice target);
  bool InRow() const { return it_->Valid() && place_.SameRow(it_->key()); }
  bool InColumn() const { return it_->Valid() && place_.SameColumn(it_->key()); }
  bool RowIsFull() const { return cells_per_row_ > 0 && result_.cells >= cells_per_row_; }

  const RowResolverOptions options_;
  const int64_t min_timestamp_us_, max_timestamp_us_;
  const uint64_t cells_per_column_, cells_per_row_;
  std::vector<Span> spans_;
  CellPlace place_;
  RangeShadow shadow_;
  VersionHistory history_;
  std::string target_;

  // Of the row being resolved.
  Iterator* it_ = nullptr;
  RowSink* sink_ = nullptr;
  ResolvedRow result_;
  uint64_t column_cells_ = 0;
};

}  // namespace stele::storage
