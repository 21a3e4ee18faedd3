#include "client/routing/scan_explainer.h"

#include <utility>

namespace stele::routing {
namespace {

int64_t Micros(int64_t nanos) { return nanos / 1'000; }

const char* NameOf(wire::TracedFile::Filter filter) {
  switch (filter) {
    case wire::TracedFile::Filter::kNotAsked:
      return "not asked";
    case wire::TracedFile::Filter::kMayHold:
      return "may hold";
    case wire::TracedFile::Filter::kHoldsNot:
      return "holds not";
  }
  return "";
}

void Take(const wire::PageTrace& trace, ReadExplanation::Attempt* attempt) {
  attempt->traced = true;
  attempt->prepare_us = Micros(trace.prepare_ns);
  attempt->memory_us = Micros(trace.memory_ns);
  attempt->wait_us = Micros(trace.wait_ns);
  attempt->disk_us = Micros(trace.disk_ns);
  attempt->memtables = trace.memtables;
  attempt->memtable_cells = trace.memtable_cells;
  attempt->files_out_of_reach = trace.files_out_of_reach;
  for (const wire::TracedFile& file : trace.files) {
    attempt->files.push_back({file.name, NameOf(file.filter), file.blocks_cached, file.blocks_read,
                              file.bytes_read, file.cells, Micros(file.read_ns)});
  }
}

}  // namespace

void ScanExplainer::LookUpBegins(TableId table, const std::string& row) {
  known_ = locator_->KnownPath(table, row);
  begun_ns_ = core_->NowNanos();
}

void ScanExplainer::LookUpEnds(TableId table, const std::string& row, const Status& status) {
  found_ns_ = core_->NowNanos();
  // Of a scan's later tablets that were known already nothing is to be told.
  const bool new_place = to_->steps.empty() || known_.empty() || !known_.back().cached;
  if (new_place && to_->steps.size() < ReadExplanation::kMaxAttempts) {
    for (ReadExplanation::Step& step : locator_->KnownPath(table, row)) {
      step.cached = false;
      for (const ReadExplanation::Step& before : known_) {
        step.cached |= before.what == step.what && before.cached && before.tablet == step.tablet;
      }
      to_->steps.push_back(std::move(step));
    }
  }
  if (status.ok()) return;
  if (ReadExplanation::Attempt* attempt = NewAttempt(); attempt != nullptr) {
    attempt->status = status;
    attempt->locate_us = Micros(found_ns_ - begun_ns_);
  }
}

void ScanExplainer::RequestLeaves() { sent_ns_ = core_->NowNanos(); }

ReadExplanation::Attempt* ScanExplainer::NewAttempt() {
  if (to_->attempts.size() < ReadExplanation::kMaxAttempts) return &to_->attempts.emplace_back();
  ++to_->attempts_left_out;
  return nullptr;
}

void ScanExplainer::AnswerCame(const TabletLocation& from,
                               const StatusOr<wire::ReadRowsResponse>& answer) {
  ReadExplanation::Attempt* const attempt = NewAttempt();
  if (attempt == nullptr) return;
  attempt->tablet = from.tablet.id;
  attempt->server = from.server_id;
  attempt->address = from.address;
  attempt->locate_us = Micros(found_ns_ - begun_ns_);
  attempt->total_us = Micros(core_->NowNanos() - sent_ns_);
  begun_ns_ = found_ns_ = 0;  // the next part of a row is where this one was
  attempt->status = answer.status();
  if (!answer.ok()) return;
  const wire::ReadStats& stats = answer->stats;
  attempt->rows = stats.rows;
  attempt->cells = stats.cells;
  attempt->bytes = stats.bytes;
  attempt->rows_examined = stats.rows_examined;
  attempt->cells_examined = stats.cells_examined;
  if (answer->trace.has_value()) Take(*answer->trace, attempt);
}

}  // namespace stele::routing
