// RowFilter: a validated Filter compiled to a graph through which the cells of a row flow one by
// one; RowFilterRun: the state of one row on its way through. Nothing is buffered: a row may have
// any number of cells of any size. RowFilter is immutable and thread-safe, a run is bound to one
// thread at a time and may be kept between pages of a large row (it holds no borrowed bytes).
//
// The order of the output is that of the input cells; the copies of one input cell come in the
// order of the branches of the interleaves.
//
// A condition has to know whether its predicate yields a cell before it lets a cell through, so a
// row is fed passes() times from one state of the row: earlier passes decide predicates and give
// out nothing, the last one gives out the cells. Without conditions on cells there is one pass.
//
//   run.StartRow(key);
//   for (int pass = 0; pass < filter->passes(); ++pass) {
//     run.StartPass(pass);
//     for (each cell of the row, while !run.RowDone()) run.AddCell(cell, &output);
//   }
//
// FilterRow does that for a row that can be read several times. REQUIRES: each pass is fed the same
// cells, families ascending, qualifiers ascending, timestamps descending.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "schema/model/filter.h"

namespace stele::tabletserver {

// A cell on its way; the bytes belong to the caller and live for the call.
struct CellView {
  Slice family;
  Slice qualifier;
  int64_t timestamp_us = 0;
  Slice value;
  Slice label;  // empty: none
};

class FilterOutput {
 public:
  virtual ~FilterOutput() = default;
  virtual void AddCell(const CellView& cell) = 0;
};

namespace internal {
class FilterProgram;
}  // namespace internal

class RowFilter {
 public:
  // InvalidArgument as ValidateFilter says. kNone lets everything through.
  static StatusOr<std::shared_ptr<const RowFilter>> Compile(const Filter& filter);
  ~RowFilter();

  // How often each row is to be fed; at least 1.
  int passes() const;
  const internal::FilterProgram& program() const { return *program_; }

 private:
  explicit RowFilter(std::unique_ptr<const internal::FilterProgram> program);
  const std::unique_ptr<const internal::FilterProgram> program_;
};

class RowFilterRun {
 public:
  // `sample_seed` decides, together with its key, whether row_sample takes a row: the same for all
  // pages and retries of one scan.
  RowFilterRun(std::shared_ptr<const RowFilter> filter, uint64_t sample_seed);
  ~RowFilterRun();
  RowFilterRun(RowFilterRun&&) noexcept;

  int passes() const;  // of its filter
  void StartRow(Slice key);
  // REQUIRES: pass is 0 after StartRow, else one more than the last.
  void StartPass(int pass);
  // Gives the copies of the cell that come out to `output`, in the last pass only.
  void AddCell(const CellView& cell, FilterOutput* output);
  // No further cell of this pass can make a difference: skip the rest of it. May be true before
  // the first cell, in all passes when the row's key decides.
  bool RowDone();
  // After AddCell: no further cell of this column, in this pass, can make a difference. Skipping
  // them changes nothing, nor does feeding them.
  bool ColumnDone();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A row that can be read several times from one state.
class RepeatableRow {
 public:
  virtual ~RepeatableRow() = default;
  // Calls `take` with each cell in order until it answers false.
  virtual Status Read(const std::function<bool(const CellView&)>& take) = 0;
};

// All passes over the row; what comes out goes to `output`. Errors are those of row->Read.
Status FilterRow(RowFilterRun* run, Slice key, RepeatableRow* row, FilterOutput* output);
// Whether the filter yields a cell; reads no further than the first one.
StatusOr<bool> FilterYieldsCell(RowFilterRun* run, Slice key, RepeatableRow* row);

// Whether the row_sample that stands at `position` of a filter (in the order of its parts, from 0)
// takes the row. Uniform, independent between rows, seeds and positions.
bool RowIsSampled(Slice row, uint64_t seed, uint32_t position, double probability);

}  // namespace stele::tabletserver
