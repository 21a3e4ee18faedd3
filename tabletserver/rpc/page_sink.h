// PageSink: takes the cells of rows from the engine through the filter into the page of an answer,
// and says when the page is full. A row that does not fit behind others is left to the next page; a
// row that does not fit into a page of its own is cut, and goes on in the next page with the same
// sink. Memory is that of one page and one cell. Bound to one thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "schema/convert/messages.h"
#include "tabletserver/filter/row_filter.h"
#include "tabletserver/storage/iterator/row_sink.h"

namespace stele::tabletserver {

class PageSink : public storage::RowSink, private FilterOutput {
 public:
  // A null filter lets everything through. What comes out of one row over `max_row_bytes` is an
  // error.
  PageSink(std::shared_ptr<const RowFilter> filter, uint64_t sample_seed, uint64_t max_row_bytes);

  // The page that cells go to from now on; rows_limit counts its whole rows, 0: none.
  void BeginPage(wire::ReadRowsResponse* page, uint64_t max_bytes, uint64_t rows_limit);

  void StartRow(Slice row) override;
  void AddCell(Slice family, Slice qualifier, int64_t timestamp_us, Slice value) override;
  bool EndRow() override;

  // Nothing more goes into this page.
  bool page_is_full() const { return full_; }
  // The row that was begun does not fit behind the others: it was taken out of the page.
  bool row_was_left_out() const { return left_out_; }
  // The page ends inside the row: its part on this page, perhaps without a cell, is counted.
  void CutRow();
  // Of the row that is not at its end: cells that came out, on this page and earlier ones.
  uint64_t row_cells() const { return row_cells_; }
  // FailedPrecondition naming the row.
  const Status& error() const { return error_; }

 private:
  void AddCell(const CellView& cell) override;
  void StartPart();

  const uint64_t max_row_bytes_;
  std::optional<RowFilterRun> run_;
  int pass_ = 0;
  bool again_ = false;  // the next StartRow is of the same row

  wire::ReadRowsResponse* page_ = nullptr;
  uint64_t max_bytes_ = 0, rows_limit_ = 0;
  uint64_t page_bytes_ = 0, page_rows_ = 0;  // since BeginPage

  // Of the row.
  std::string key_;
  bool has_part_ = false;  // page_->rows.back() is of it
  uint64_t row_cells_ = 0, row_bytes_ = 0;
  uint64_t part_cells_ = 0, part_bytes_ = 0;  // on this page
  bool full_ = false, left_out_ = false;
  Status error_;
};

}  // namespace stele::tabletserver
