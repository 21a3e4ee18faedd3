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

std::optional<PushDown> PushDownOf(const wire::ReadRowsRequest& request, bool filtered) {
  if (!filtered) return std::nullopt;
  return FindPushDown(request.filter, request.selection);
}

Status Dropped() { return absl::CancelledError("nobody waits for the page any more"); }

}  // namespace

ReadTask::ReadTask(std::shared_ptr<storage::TabletStore> tablet,
                   const wire::ReadRowsRequest* request, std::shared_ptr<const RowFilter> filter,
                   ReadTaskParts parts)
    : tablet_(std::move(tablet)),
      request_(*request),
      filter_(std::move(filter)),
      push_down_(PushDownOf(request_, filter_ != nullptr)),
      parts_(std::move(parts)),
      page_bytes_(PageBytes(request_.max_bytes)),
      plan_(PlanAfter(request_.resume_after)) {
  take_parked_ = request_.cursor.scanner_id != 0;
  if (request_.explain) trace_ = std::make_unique<storage::ReadTrace>(parts_.clock);
  response_.resume_after = request_.resume_after;
}

std::vector<RowRange> ReadTask::PlanAfter(const std::string& after) const {
  std::vector<RowRange> plan =
      PlanRows(request_.rows, tablet_->descriptor(), after, request_.reversed);
  if (!push_down_.has_value()) return plan;
  return RowsWithPrefix(std::move(plan), push_down_->row_prefix);
}

uint64_t ReadTask::RowsLeft() const {
  return request_.rows_limit == 0 ? 0 : request_.rows_limit - response_.stats.rows;
}

Status ReadTask::OpenStream() {
  if (take_parked_) {
    take_parked_ = false;
    in_parked_ = true;
    ASSIGN_OR_RETURN(stream_, parts_.parked->Take(request_.tablet, request_.cursor));
  } else {
    storage::ReadOptions options;
    options.selection = selection();
    options.reversed = request_.reversed;
    options.max_row_bytes = UINT64_MAX;  // what comes through the filter is what counts
    ASSIGN_OR_RETURN(stream_.cursor, tablet_->OpenCursor(plan_[next_range_], options));
    stream_.sink = std::make_unique<PageSink>(filter_, request_.sample_seed, kMaxRowReadBytes);
  }
  // A page that has rows already takes in what fits behind them.
  const uint64_t left = page_bytes_ - std::min(page_bytes_, response_.stats.bytes);
  stream_.sink->BeginPage(&response_, left, RowsLeft());
  return OkStatus();
}

storage::ReadBudget ReadTask::MakeBudget(bool may_block) {
  storage::ReadBudget budget;
  budget.may_block = may_block;
  budget.trace = trace_.get();
  // The sink ends the page when it is full; this bounds what the filter may see for one page.
  const wire::ReadStats& stats = response_.stats;
  budget.max_bytes = kMaxExaminedBytes - std::min(kMaxExaminedBytes - 1, stats.bytes_examined);
  budget.max_rows_examined = kMaxExaminedRows - std::min(kMaxExaminedRows - 1, stats.rows_examined);
  budget.max_keys_examined =
      kMaxExaminedCells - std::min(kMaxExaminedCells - 1, stats.cells_examined);
  budget.stop = [this] {
    out_of_time_ = parts_.clock->BootNanos() >= stop_at_ns_ || IsDropped();
    return out_of_time_;
  };
  return budget;
}

bool ReadTask::PageIsFull() const {
  return (stream_.sink != nullptr && stream_.sink->page_is_full()) ||
         response_.stats.bytes >= page_bytes_ || (request_.rows_limit != 0 && RowsLeft() == 0);
}

bool ReadTask::IsSpent() const {
  const wire::ReadStats& stats = response_.stats;
  return out_of_time_ || stats.bytes_examined >= kMaxExaminedBytes ||
         stats.rows_examined >= kMaxExaminedRows || stats.cells_examined >= kMaxExaminedCells;
}

// Clocks are read once more only around the hand-over to the disk pool, which costs far more.
StatusOr<bool> ReadTask::Run(bool may_block) {
  if (may_block) {
    pool_ns_ = parts_.clock->BootNanos();
    if (trace_ == nullptr) trace_ = std::make_unique<storage::ReadTrace>(parts_.clock);
  }
  StatusOr<bool> done = Work(may_block);
  if (done.ok() && !*done) handed_ns_ = parts_.clock->BootNanos();
  return done;
}

StatusOr<bool> ReadTask::Blocked(int64_t tried_ns) {
  if (IsDropped()) return Dropped();
  started_ns_ = tried_ns;
  handed_ns_ = parts_.clock->BootNanos();
  return false;
}

wire::PageTrace ReadTask::Trace(int64_t begun_ns, int64_t ended_ns) const {
  wire::PageTrace trace;
  trace.prepare_ns = (started_ns_ == 0 ? ended_ns : started_ns_) - begun_ns;
  if (started_ns_ != 0) trace.memory_ns = (handed_ns_ == 0 ? ended_ns : handed_ns_) - started_ns_;
  if (handed_ns_ != 0) trace.wait_ns = (pool_ns_ == 0 ? ended_ns : pool_ns_) - handed_ns_;
  if (pool_ns_ != 0) trace.disk_ns = ended_ns - pool_ns_;
  if (trace_ == nullptr) return trace;
  trace.memtables = trace_->memtables;
  trace.memtable_cells = trace_->memtable_cells;
  trace.files_out_of_reach = trace_->files_out_of_reach;
  for (const storage::ReadTrace::File& file : trace_->files) {
    trace.files.push_back({file.name, static_cast<wire::TracedFile::Filter>(file.filter),
                           file.blocks_cached, file.blocks_read, file.bytes_read, file.cells,
                           file.read_ns});
  }
  return trace;
}

StatusOr<bool> ReadTask::Work(bool may_block) {
  if (started_ns_ == 0) started_ns_ = parts_.clock->BootNanos();
  stop_at_ns_ = started_ns_ + (may_block ? kPageTimeNs : kIoThreadTimeNs);
  out_of_time_ = false;
  for (;;) {
    if (IsDropped()) return Dropped();
    if (stream_.cursor == nullptr) {
      response_.done = !take_parked_ && next_range_ >= plan_.size();
      if (response_.done || PageIsFull()) return true;
      RETURN_IF_ERROR(OpenStream());
    }
    auto progress = stream_.cursor->Next(MakeBudget(may_block), stream_.sink.get());
    if (IsWouldBlock(progress.status(), may_block)) return false;
    RETURN_IF_ERROR(progress.status());
    RETURN_IF_ERROR(stream_.sink->error());
    if (out_of_time_ && IsDropped()) return Dropped();
    TakeIn(*progress);
    const bool full = PageIsFull();
    // The io thread's time is over, the page's is not: the pool goes on.
    if (!full && out_of_time_ && !may_block) return false;
    if (progress->in_row) {
      if (full || IsSpent()) return EndInsideRow();
      continue;
    }
    if (full) return true;
    if (progress->done || in_parked_) EndRange();
    if (IsSpent()) return true;
  }
}

void ReadTask::TakeIn(const storage::ReadProgress& progress) {
  response_.stats.rows_examined += progress.rows_examined;
  response_.stats.cells_examined += progress.keys_examined;
  response_.stats.bytes_examined += progress.bytes;
  if (progress.resume_after.empty()) return;
  // A row that was left out was looked at, but is not done.
  if (!stream_.sink->row_was_left_out()) {
    response_.resume_after = progress.resume_after;
  } else if (!response_.rows.empty()) {
    response_.resume_after = response_.rows.back().key;
  }
}

// The page ends inside the row: its state waits for the reader, unless the row was left out.
StatusOr<bool> ReadTask::EndInsideRow() {
  if (stream_.sink->row_was_left_out()) return true;
  if (IsDropped()) return Dropped();
  const uint64_t cells = stream_.sink->row_cells();
  stream_.sink->CutRow();
  ASSIGN_OR_RETURN(const uint64_t id,
                   parts_.parked->Park(request_.tablet, parts_.reader, std::move(stream_)));
  response_.cursor = {id, cells};
  return true;
}

void ReadTask::EndRange() {
  stream_ = RowStream();
  if (in_parked_) {  // the plan goes on behind the row whose rest it was
    in_parked_ = false;
    plan_ = PlanAfter(response_.resume_after);
    return;
  }
  const RowRange& range = plan_[next_range_++];
  if (request_.reversed) {
    if (!range.start.empty() && !range.start_open) response_.resume_after = range.start;
  } else if (!range.end.empty() && !range.end_open) {
    response_.resume_after = range.end;
  }
}

}  // namespace stele::tabletserver
