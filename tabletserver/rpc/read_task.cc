#include "tabletserver/rpc/read_task.h"

#include <algorithm>
#include <utility>

#include "schema/model/limits.h"
#include "tabletserver/rpc/row_plan.h"

namespace stele::tabletserver {
namespace {

uint64_t PageBytes(uint64_t asked) {
  return asked == 0 ? ReadTask::kDefaultPageBytes : std::min(asked, ReadTask::kMaxPageBytes);
}

bool IsWouldBlock(const Status& status, bool may_block) {
  return !may_block && status.code() == absl::StatusCode::kUnavailable;
}

}  // namespace

// Collects rows into the page. Stops before a row that does not fit behind others, and notes a row
// that is too large for a page of its own.
class ReadTask::PageSink : public storage::RowSink {
 public:
  PageSink(uint64_t max_bytes, bool page_has_rows, std::vector<Row>* rows)
      : max_bytes_(max_bytes), page_has_rows_(page_has_rows), rows_(rows) {}

  void StartRow(Slice row) override {
    row_.key.assign(row.data(), row.size());
    row_.cells.clear();
    row_bytes_ = row.size();
    in_row_ = true;
  }
  void AddCell(Slice family, Slice qualifier, int64_t timestamp_us, Slice value) override {
    row_bytes_ += family.size() + qualifier.size() + value.size() + sizeof(timestamp_us);
    if (row_bytes_ > max_bytes_) {  // it will be read again as a large row, or on the next page
      row_.cells.clear();
      return;
    }
    row_.cells.push_back(
        {std::string(family), std::string(qualifier), timestamp_us, std::string(value)});
  }
  bool EndRow() override {
    in_row_ = false;
    if (row_bytes_ == row_.key.size()) return true;  // no cell of it was selected
    if (row_bytes_ > max_bytes_) {
      large_row_ = row_.key;
      return false;
    }
    if (page_has_rows_ && bytes_ + row_bytes_ > max_bytes_) {
      full_ = true;
      return false;
    }
    page_has_rows_ = true;
    bytes_ += row_bytes_;
    last_row_ = row_.key;
    cells_ += row_.cells.size();
    rows_->push_back(std::move(row_));
    row_ = Row();
    return true;
  }

  // The engine ended its page inside a row.
  void NoteUnfinishedRow() {
    if (in_row_) large_row_ = row_.key;
  }
  bool full() const { return full_; }
  const std::string& large_row() const { return large_row_; }
  const std::string& last_row() const { return last_row_; }
  uint64_t bytes() const { return bytes_; }
  uint64_t cells() const { return cells_; }

 private:
  const uint64_t max_bytes_;
  bool page_has_rows_;
  std::vector<Row>* const rows_;
  Row row_;
  bool in_row_ = false;
  bool full_ = false;
  uint64_t row_bytes_ = 0, bytes_ = 0, cells_ = 0;
  std::string last_row_;
  std::string large_row_;
};

namespace {

// Takes one row whole, up to the limit of what may be read.
class WholeRowSink : public storage::RowSink {
 public:
  void StartRow(Slice row) override {
    row_->key.assign(row.data(), row.size());
    bytes_ = row.size();
  }
  void AddCell(Slice family, Slice qualifier, int64_t timestamp_us, Slice value) override {
    bytes_ += family.size() + qualifier.size() + value.size() + sizeof(timestamp_us);
    if (bytes_ > kMaxRowReadBytes) {
      row_->cells.clear();
      return;
    }
    row_->cells.push_back(
        {std::string(family), std::string(qualifier), timestamp_us, std::string(value)});
  }
  bool EndRow() override { return false; }

  std::shared_ptr<Row> row() const { return row_; }
  uint64_t bytes() const { return bytes_; }

 private:
  const std::shared_ptr<Row> row_ = std::make_shared<Row>();
  uint64_t bytes_ = 0;
};

}  // namespace

ReadTask::ReadTask(std::shared_ptr<storage::TabletStore> tablet, wire::ReadRowsRequest request,
                   PinnedRows* pinned)
    : tablet_(std::move(tablet)),
      request_(std::move(request)),
      pinned_(pinned),
      page_bytes_(PageBytes(request_.max_bytes)),
      plan_(PlanRows(request_.rows, tablet_->descriptor(), request_.resume_after)) {
  response_.resume_after = request_.resume_after;
}

uint64_t ReadTask::RowsLeft() const {
  return request_.rows_limit == 0 ? 0 : request_.rows_limit - response_.stats.rows;
}

StatusOr<bool> ReadTask::Run(bool may_block) {
  if (request_.cursor.scanner_id != 0) {
    RETURN_IF_ERROR(pinned_->ReadPart(request_.tablet, request_.cursor, page_bytes_, &response_));
    return true;
  }
  while (next_range_ < plan_.size()) {
    if (request_.rows_limit != 0 && RowsLeft() == 0) return true;
    auto ended = Step(may_block);
    if (IsWouldBlock(ended.status(), may_block)) return false;
    if (!ended.ok()) return ended.status();
    if (*ended) return true;
  }
  response_.done = true;
  return true;
}

StatusOr<bool> ReadTask::Step(bool may_block) {
  RowRange& range = plan_[next_range_];
  storage::ReadOptions options;
  options.rows_limit = RowsLeft();
  options.max_bytes = page_bytes_ - std::min(page_bytes_ - 1, response_.stats.bytes);
  options.selection = request_.selection;
  options.may_block = may_block;
  const size_t rows_before = response_.rows.size();
  PageSink sink(page_bytes_, rows_before != 0, &response_.rows);
  auto progress = IsPoint(range) ? tablet_->ReadRow(range.start, options, &sink)
                                 : tablet_->Read(range, options, &sink);
  // What the sink finished counts, whatever happened after it.
  response_.stats.rows += response_.rows.size() - rows_before;
  response_.stats.cells += sink.cells();
  response_.stats.bytes += sink.bytes();
  if (!sink.last_row().empty()) {
    response_.resume_after = sink.last_row();
    range.start = sink.last_row();
    range.start_open = true;
  }
  if (!progress.ok()) return progress.status();
  sink.NoteUnfinishedRow();
  if (!sink.large_row().empty()) {
    if (!response_.rows.empty()) return true;  // a page of its own, next time
    if (!may_block) return absl::UnavailableError("a large row is read on the disk pool");
    RETURN_IF_ERROR(ReadLargeRow(sink.large_row()));
    return true;
  }
  if (sink.full()) return true;
  if (!progress->done) {
    if (progress->resume_after > response_.resume_after) {
      response_.resume_after = progress->resume_after;
    }
    return true;
  }
  ++next_range_;
  return next_range_ < plan_.size() && response_.stats.bytes >= page_bytes_;
}

Status ReadTask::ReadLargeRow(const std::string& row) {
  storage::ReadOptions options;
  options.rows_limit = 1;
  options.max_bytes = 2 * kMaxRowReadBytes;
  options.selection = request_.selection;
  options.fill_cache = false;
  WholeRowSink sink;
  RETURN_IF_ERROR(tablet_->ReadRow(row, options, &sink).status());
  if (sink.bytes() > kMaxRowReadBytes) {
    return absl::FailedPreconditionError(
        absl::StrCat("row \"", row, "\" has more than ", kMaxRowReadBytes,
                     " bytes and cannot be read whole; select fewer cells of it"));
  }
  if (sink.row()->cells.empty()) {  // deleted meanwhile
    response_.resume_after = row;
    return OkStatus();
  }
  ASSIGN_OR_RETURN(const uint64_t id, pinned_->Pin(request_.tablet, sink.row(), sink.bytes()));
  return pinned_->ReadPart(request_.tablet, {id, 0}, page_bytes_, &response_);
}

}  // namespace stele::tabletserver
