// Filter: which cells of a row a read returns, as a plain recursive value. Input: the cells of one
// row in order; output: cells in order, each with at most one label. DATA_MODEL's table says what
// each kind means; tabletserver/filter evaluates it, filter_text.h reads and prints it.
//
// A Filter of kind kNone is no filter at all: as a request's filter it lets everything through, as
// a branch of a condition it is a missing branch; anywhere else it is an error. Immutable once
// built, by convention; thread-compatible value type.
//
// Regular expressions are RE2 over Latin-1 and match the whole: `.` is any byte but newline, `\C`
// any byte.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "schema/model/model.h"

namespace stele {

struct Filter {
  // The numbers are on the wire: append only.
  enum class Kind : uint8_t {
    kNone = 0,
    kPassAll,               // flag
    kBlockAll,              // flag
    kSink,                  // flag: the cells go straight to the output, none to the parent
    kStripValue,            // flag
    kChain,                 // children, one after the other
    kInterleave,            // children, each on a copy; merged in order, duplicates kept
    kCondition,             // children: predicate, true filter, false filter (kNone: missing)
    kRowKeyRegex,           // bytes
    kRowSample,             // probability
    kFamilyNameRegex,       // bytes
    kColumnQualifierRegex,  // bytes
    kValueRegex,            // bytes
    kColumnRange,           // family, start, end (of qualifiers)
    kValueRange,            // start, end
    kTimestampRange,        // start_us, end_us
    kCellsPerRowOffset,     // count
    kCellsPerRowLimit,      // count
    kCellsPerColumnLimit,   // count
    kApplyLabel,            // bytes
    kValueBitmask,          // bytes
  };

  Kind kind = Kind::kNone;
  bool flag = true;
  std::string bytes;  // a regex, a label or a mask
  std::string family;
  Bound start, end;
  int64_t start_us = 0;  // inclusive; 0 open
  int64_t end_us = 0;    // exclusive; 0 open
  int32_t count = 0;
  double probability = 0;
  std::vector<Filter> children;

  bool empty() const { return kind == Kind::kNone; }
  bool operator==(const Filter&) const = default;

  // Builders; none of them validates.
  static Filter PassAll() { return Of(Kind::kPassAll); }
  static Filter BlockAll() { return Of(Kind::kBlockAll); }
  static Filter Sink() { return Of(Kind::kSink); }
  static Filter StripValue() { return Of(Kind::kStripValue); }
  static Filter Chain(std::vector<Filter> f) { return Of(Kind::kChain, std::move(f)); }
  static Filter Interleave(std::vector<Filter> f) { return Of(Kind::kInterleave, std::move(f)); }
  static Filter Condition(Filter predicate, Filter on_true, Filter on_false);
  static Filter RowKeyRegex(Slice regex) { return Of(Kind::kRowKeyRegex, regex); }
  static Filter RowSample(double probability);
  static Filter FamilyNameRegex(Slice regex) { return Of(Kind::kFamilyNameRegex, regex); }
  static Filter QualifierRegex(Slice regex) { return Of(Kind::kColumnQualifierRegex, regex); }
  static Filter ValueRegex(Slice regex) { return Of(Kind::kValueRegex, regex); }
  static Filter ColumnRange(Slice family, Bound start, Bound end);
  static Filter ValueRange(Bound start, Bound end);
  static Filter TimestampRange(int64_t start_us, int64_t end_us);
  static Filter CellsPerRowOffset(int32_t n) { return Of(Kind::kCellsPerRowOffset, n); }
  static Filter CellsPerRowLimit(int32_t n) { return Of(Kind::kCellsPerRowLimit, n); }
  static Filter CellsPerColumnLimit(int32_t n) { return Of(Kind::kCellsPerColumnLimit, n); }
  static Filter ApplyLabel(Slice label) { return Of(Kind::kApplyLabel, label); }
  static Filter ValueBitmask(Slice mask) { return Of(Kind::kValueBitmask, mask); }

 private:
  static Filter Of(Kind kind) {
    Filter f;
    f.kind = kind;
    return f;
  }
  static Filter Of(Kind kind, std::vector<Filter> children);
  static Filter Of(Kind kind, Slice bytes);
  static Filter Of(Kind kind, int32_t count);
};

// The name of DATA_MODEL's table: "row_key_regex".
const char* FilterKindName(Filter::Kind kind);

// InvalidArgument unless the filter keeps every rule of the table and every limit: its size as
// FilterBytes counts it, its depth, the steps that one cell can take through it. A regex that RE2
// refuses is "Error in field '<name>' : <why>". kNone is valid: no filter.
Status ValidateFilter(const Filter& filter);

// The size that kMaxFilterBytes limits. A filter counts its kind, 1; each string its length and
// the varint of that; each bound 1 and, when set, its string; each number its varint (timestamps
// and probability 8); children the varint of their number and themselves.
size_t FilterBytes(const Filter& filter);
// The same without the children.
size_t FilterNodeBytes(const Filter& filter);

}  // namespace stele
