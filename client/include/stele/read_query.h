/// @file
/// ReadQuery: which rows to read and what of each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "stele/filter.h"
#include "stele/model.h"
#include "stele/prefix_range.h"

namespace stele {

/// Builds what Table::ReadRows takes. Nothing said: the whole table, all cells.
///
///     ReadQuery().Prefix("com.example").Family("anchor").CellsPerColumn(1).Limit(100)
///
/// Rows named several times come once. Checked when it is read with: InvalidArgument. Thread-
/// compatible.
class ReadQuery {
 public:
  /// Everything.
  ReadQuery() = default;
  /// These rows; more may be added.
  explicit ReadQuery(RowSet rows) : rows_(std::move(rows)) {}

  /// One row, 1 .. 4096 bytes.
  ReadQuery& Row(std::string_view key) {
    rows_.keys.emplace_back(key);
    return *this;
  }
  /// [start, end); an empty end is the end of the table.
  ReadQuery& Range(std::string_view start, std::string_view end) {
    return Range(RowRange{std::string(start), false, std::string(end), true});
  }
  /// A range with open or closed ends.
  ReadQuery& Range(RowRange range) {
    rows_.ranges.push_back(std::move(range));
    return *this;
  }
  /// All rows whose keys begin with `prefix`.
  ReadQuery& Prefix(std::string_view prefix) { return Range(PrefixRange(prefix)); }

  /// Cells of the family. Families and columns named add up; none named: all.
  ReadQuery& Family(std::string_view family) {
    selection_.families.emplace_back(family);
    return *this;
  }
  /// Cells of one column.
  ReadQuery& Column(std::string_view family, std::string_view qualifier) {
    selection_.columns.emplace_back(family, qualifier);
    return *this;
  }
  /// Microseconds, start_us <= timestamp < end_us; 0 is open on that side.
  ReadQuery& Timestamps(int64_t start_us, int64_t end_us) {
    selection_.min_timestamp_us = start_us;
    selection_.max_timestamp_us = end_us;
    return *this;
  }
  /// The newest cells of each column; 0: all.
  ReadQuery& CellsPerColumn(int32_t newest) {
    selection_.cells_per_column = newest;
    return *this;
  }
  /// The first cells of each row; 0: all.
  ReadQuery& CellsPerRow(int32_t first) {
    selection_.cells_per_row = first;
    return *this;
  }
  /// Cells that the filter lets through, of those selected by the calls above.
  ReadQuery& Filter(stele::Filter filter) {
    filter_ = std::move(filter);
    return *this;
  }
  /// Rows that have a cell after selection and filter; 0: no limit.
  ReadQuery& Limit(uint64_t rows) {
    limit_ = rows;
    return *this;
  }
  /// Rows in descending key order; Limit takes the last ones. The cells of a row are in the same
  /// order as ever.
  ReadQuery& Reversed(bool reversed = true) {
    reversed_ = reversed;
    return *this;
  }

  /// The rows named.
  const RowSet& rows() const { return rows_; }
  /// What of each row is wanted.
  const ReadSelection& selection() const { return selection_; }
  /// What of the selected cells is wanted; of kind kNone: all.
  const stele::Filter& filter() const { return filter_; }
  /// Rows at most; 0: no limit.
  uint64_t limit() const { return limit_; }
  /// Whether rows come in descending key order.
  bool reversed() const { return reversed_; }

 private:
  RowSet rows_;
  ReadSelection selection_;
  stele::Filter filter_;
  uint64_t limit_ = 0;
  bool reversed_ = false;
};

}  // namespace stele
