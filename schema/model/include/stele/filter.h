/// @file
/// Filter: which cells of a row a read returns. stele/filter_text.h makes one of text.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stele/model.h"

namespace stele {

/// Which cells of a row a read returns: a tree of plain values, put together from the builders
/// below, `&` (one after the other) and `|` (each on a copy, the outputs merged in order).
///
///     (Filter::Family("contents") & Filter::Versions(1)) | Filter::QualifierRegex("com\\..*")
///
/// Input: the cells of one row in order; output: cells in order, each with at most one label. A row
/// of which no cell is left does not come. Checked when it is read with; InvalidArgument names the
/// part and the rule: at most 20 480 bytes encoded and 20 deep. Immutable once built, by
/// convention; thread-compatible value type.
///
/// Regular expressions are RE2 over Latin-1 and match the whole: `.` is any byte but newline, `\C`
/// any byte.
///
/// A filter of kind kNone is no filter at all: as a read's filter it lets everything through, as a
/// branch of a condition it is a missing branch; anywhere else it is an error.
struct Filter {
  /// What a filter is made of; in brackets the fields that count. The numbers are on the wire:
  /// append only.
  enum class Kind : uint8_t {
    kNone = 0,              ///< no filter
    kPassAll,               ///< (flag) everything
    kBlockAll,              ///< (flag) nothing
    kSink,                  ///< (flag) straight to the output, none to the parent
    kStripValue,            ///< (flag) values become empty
    kChain,                 ///< (children) one after the other
    kInterleave,            ///< (children) each on a copy; merged in order, duplicates kept
    kCondition,             ///< (children) predicate, true filter, false filter (kNone: missing)
    kRowKeyRegex,           ///< (bytes) the whole row or nothing
    kRowSample,             ///< (probability) the whole row or nothing
    kFamilyNameRegex,       ///< (bytes) cells by family
    kColumnQualifierRegex,  ///< (bytes) cells by qualifier
    kValueRegex,            ///< (bytes) cells by value
    kColumnRange,           ///< (family, start, end) cells by qualifier
    kValueRange,            ///< (start, end) cells by value
    kTimestampRange,        ///< (start_us, end_us) cells by timestamp
    kCellsPerRowOffset,     ///< (count) all but the first cells of a row
    kCellsPerRowLimit,      ///< (count) the first cells of a row
    kCellsPerColumnLimit,   ///< (count) the newest cells of each column
    kApplyLabel,            ///< (bytes) marks the cells
    kValueBitmask,          ///< (bytes) values of that length that have all its bits
  };

  Kind kind = Kind::kNone;       ///< decides which of the fields below count
  bool flag = true;              ///< must be true
  std::string bytes;             ///< a regex, a label or a mask
  std::string family;            ///< of a column range
  Bound start;                   ///< of a range of qualifiers or values
  Bound end;                     ///< of a range of qualifiers or values
  int64_t start_us = 0;          ///< inclusive; 0 open
  int64_t end_us = 0;            ///< exclusive; 0 open
  int32_t count = 0;             ///< cells
  double probability = 0;        ///< inside (0, 1)
  std::vector<Filter> children;  ///< of a chain, an interleave or a condition

  /// Whether it is no filter at all.
  bool empty() const { return kind == Kind::kNone; }
  bool operator==(const Filter&) const = default;  ///< by all fields

  /// All cells.
  static Filter PassAll() { return Of(Kind::kPassAll); }
  /// No cells.
  static Filter BlockAll() { return Of(Kind::kBlockAll); }
  /// All cells, straight to the output past all outer filters; not inside a condition.
  static Filter Sink() { return Of(Kind::kSink); }
  /// All cells, with empty values.
  static Filter StripValue() { return Of(Kind::kStripValue); }
  /// Each on the output of the one before; at least two.
  static Filter Chain(std::vector<Filter> f) { return Of(Kind::kChain, std::move(f)); }
  /// The same: Chain(Family("x"), Versions(1)).
  template <std::same_as<Filter>... More>
  static Filter Chain(Filter first, Filter second, More... more) {
    return Chain(std::vector<Filter>{std::move(first), std::move(second), std::move(more)...});
  }
  /// Each on a copy of the input, outputs merged in order, duplicates kept; at least two.
  static Filter Interleave(std::vector<Filter> f) { return Of(Kind::kInterleave, std::move(f)); }
  /// The same: Interleave(Family("x"), Family("y")).
  template <std::same_as<Filter>... More>
  static Filter Interleave(Filter first, Filter second, More... more) {
    return Interleave(std::vector<Filter>{std::move(first), std::move(second), std::move(more)...});
  }
  /// When `predicate` yields a cell, `on_true` of the row, else `on_false`; Filter() as a branch
  /// yields nothing, but one of the two must be there.
  static Filter Condition(Filter predicate, Filter on_true, Filter on_false);
  /// Rows whose whole key matches.
  static Filter RowKeyRegex(std::string_view regex) { return Of(Kind::kRowKeyRegex, regex); }
  /// Each row with that probability, inside (0, 1).
  static Filter RowSample(double probability);
  /// Cells of families whose whole name matches.
  static Filter FamilyNameRegex(std::string_view regex) {
    return Of(Kind::kFamilyNameRegex, regex);
  }
  /// Cells whose whole qualifier matches; "" matches the empty one.
  static Filter QualifierRegex(std::string_view regex) {
    return Of(Kind::kColumnQualifierRegex, regex);
  }
  /// Cells whose whole value matches; "" matches the empty one.
  static Filter ValueRegex(std::string_view regex) { return Of(Kind::kValueRegex, regex); }
  /// Cells of `family` whose qualifiers are in the range.
  static Filter ColumnRange(std::string_view family, Bound start, Bound end);
  /// Cells whose values are in the range.
  static Filter ValueRange(Bound start, Bound end);
  /// Cells with start_us <= timestamp < end_us, microseconds; 0 is open on that side.
  static Filter TimestampRange(int64_t start_us, int64_t end_us);
  /// All but the first n cells of the row; n >= 0.
  static Filter CellsPerRowOffset(int32_t n) { return Of(Kind::kCellsPerRowOffset, n); }
  /// The first n cells of the row; n >= 1.
  static Filter CellsPerRowLimit(int32_t n) { return Of(Kind::kCellsPerRowLimit, n); }
  /// The newest n cells of each column; n >= 1.
  static Filter CellsPerColumnLimit(int32_t n) { return Of(Kind::kCellsPerColumnLimit, n); }
  /// Marks the cells: Cell::label. `[a-z0-9\-]{1,15}`; at most one on any path.
  static Filter ApplyLabel(std::string_view label) { return Of(Kind::kApplyLabel, label); }
  /// Cells whose value is as long as the mask and has all its bits; the mask is not empty.
  static Filter ValueBitmask(std::string_view mask) { return Of(Kind::kValueBitmask, mask); }

  /// Cells of exactly this family.
  static Filter Family(std::string_view family) { return ColumnRange(family, {}, {}); }
  /// Cells of exactly this column.
  static Filter Column(std::string_view family, std::string_view qualifier) {
    return ColumnRange(family, Bound::Closed(qualifier), Bound::Closed(qualifier));
  }
  /// The newest n cells of each column; n >= 1.
  static Filter Versions(int32_t n) { return CellsPerColumnLimit(n); }

  /// A chain of both; chains on either side are joined.
  friend Filter operator&(Filter a, Filter b) {
    return Join(Kind::kChain, std::move(a), std::move(b));
  }
  /// An interleave of both; interleaves on either side are joined.
  friend Filter operator|(Filter a, Filter b) {
    return Join(Kind::kInterleave, std::move(a), std::move(b));
  }

 private:
  static Filter Of(Kind kind) {
    Filter f;
    f.kind = kind;
    return f;
  }
  static Filter Of(Kind kind, std::vector<Filter> children);
  static Filter Of(Kind kind, std::string_view bytes);
  static Filter Of(Kind kind, int32_t count);
  static Filter Join(Kind kind, Filter a, Filter b);
};

}  // namespace stele
