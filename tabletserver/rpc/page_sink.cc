#include "tabletserver/rpc/page_sink.h"

#include <utility>

#include "absl/strings/escaping.h"

namespace stele::tabletserver {

PageSink::PageSink(std::shared_ptr<const RowFilter> filter, uint64_t sample_seed,
                   uint64_t max_row_bytes)
    : max_row_bytes_(max_row_bytes) {
  if (filter != nullptr) run_.emplace(std::move(filter), sample_seed);
}

void PageSink::BeginPage(wire::ReadRowsResponse* page, uint64_t max_bytes, uint64_t rows_limit) {
  page_ = page;
  max_bytes_ = max_bytes;
  rows_limit_ = rows_limit;
  page_bytes_ = page_rows_ = part_cells_ = part_bytes_ = 0;
  has_part_ = full_ = left_out_ = false;
}

void PageSink::StartRow(Slice row) {
  wants_ = Wants::kMore;
  if (!again_) {
    key_.assign(row.data(), row.size());
    pass_ = 0;
    row_cells_ = row_bytes_ = part_cells_ = part_bytes_ = 0;
    has_part_ = false;
    if (run_.has_value()) run_->StartRow(row);
  }
  again_ = false;
  if (!run_.has_value()) return;
  run_->StartPass(pass_);
  if (run_->RowDone()) wants_ = Wants::kNextRow;
}

void PageSink::AddCell(Slice family, Slice qualifier, int64_t timestamp_us, Slice value) {
  wants_ = Wants::kMore;
  const CellView cell{family, qualifier, timestamp_us, value, Slice()};
  if (!run_.has_value()) {
    AddCell(cell);
  } else {
    run_->AddCell(cell, this);
    if (run_->RowDone()) wants_ = Wants::kNextRow;
  }
  if (!error_.ok()) {
    wants_ = Wants::kNextRow;
  } else if (full_ && wants_ == Wants::kMore) {
    wants_ = Wants::kPause;
  }
}

void PageSink::StartPart() {
  has_part_ = true;
  page_->rows.emplace_back().key = key_;
  part_bytes_ = key_.size();
  page_bytes_ += key_.size();
}

void PageSink::AddCell(const CellView& cell) {
  if (left_out_ || !error_.ok()) return;
  const uint64_t bytes =
      cell.family.size() + cell.qualifier.size() + cell.value.size() + sizeof(cell.timestamp_us);
  row_bytes_ += bytes;
  if (row_bytes_ > max_row_bytes_) {
    error_ = absl::FailedPreconditionError(absl::StrCat("row \"", absl::CHexEscape(key_),
                                                        "\" is larger than ", max_row_bytes_,
                                                        " bytes and cannot be read whole; select"
                                                        " fewer cells of it"));
    return;
  }
  if (!has_part_) StartPart();
  part_bytes_ += bytes;
  page_bytes_ += bytes;
  if (page_bytes_ > max_bytes_ && page_->stats.rows > 0) {
    page_->rows.pop_back();
    page_bytes_ -= part_bytes_;
    left_out_ = full_ = true;
    return;
  }
  page_->rows.back().cells.push_back({std::string(cell.family), std::string(cell.qualifier),
                                      cell.timestamp_us, std::string(cell.value),
                                      std::string(cell.label)});
  ++row_cells_;
  ++part_cells_;
  if (page_bytes_ >= max_bytes_) full_ = true;
}

void PageSink::CutRow() {
  if (!has_part_) StartPart();
  page_->stats.cells += part_cells_;
  page_->stats.bytes += part_bytes_;
}

bool PageSink::EndRow() {
  wants_ = Wants::kMore;
  if (!error_.ok() || left_out_) return false;
  if (run_.has_value() && pass_ + 1 < run_->passes()) {
    ++pass_;
    again_ = true;
    wants_ = Wants::kAgain;
    return true;
  }
  if (row_cells_ == 0) return true;  // nothing of it came through the filter
  if (!has_part_) StartPart();       // the end of a row whose cells are all given
  ++page_rows_;
  ++page_->stats.rows;
  page_->stats.cells += part_cells_;
  page_->stats.bytes += part_bytes_;
  row_cells_ = row_bytes_ = 0;
  has_part_ = false;
  return !full_ && (rows_limit_ == 0 || page_rows_ < rows_limit_);
}

}  // namespace stele::tabletserver
