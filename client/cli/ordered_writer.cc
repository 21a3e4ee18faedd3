#include "client/cli/ordered_writer.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "client/cli/bytes_text.h"
#include "schema/model/limits.h"

namespace stele::cli {
namespace {

constexpr size_t kMutationOverhead = 32;

uint64_t BytesOf(const RowMutation& row) {
  uint64_t bytes = row.row.size();
  for (const Mutation& mutation : row.mutations) {
    bytes += kMutationOverhead;
    if (const auto* set = std::get_if<SetCell>(&mutation)) {
      bytes += set->qualifier.size() + set->value.size();
    }
  }
  return bytes;
}

// What it writes; a cell of an aggregate is removed before.
size_t CellsOf(const RowMutation& row) {
  return static_cast<size_t>(
      std::count_if(row.mutations.begin(), row.mutations.end(), [](const Mutation& mutation) {
        return !std::holds_alternative<DeleteFromColumn>(mutation);
      }));
}

// The change itself is wrong: trying it again, or another row, has nothing to do with it.
bool IsRowsFault(const Status& status) {
  return status.code() == absl::StatusCode::kInvalidArgument ||
         status.code() == absl::StatusCode::kFailedPrecondition;
}

}  // namespace

OrderedWriter::OrderedWriter(const Table& table, Options options, Counts counts,
                             InputPosition begin, OnReject reject)
    : table_(table),
      options_(options),
      reject_(std::move(reject)),
      counts_(counts),
      reached_(begin),
      settled_(std::move(begin)) {}

OrderedWriter::~OrderedWriter() {
  for (Flight& flight : flights_) {
    MutexLock lock(&flight.answer->mu);
    while (!flight.answer->done) flight.answer->done_changed.Wait(&flight.answer->mu);
  }
}

bool OrderedWriter::Full(const RowMutation& next, uint64_t bytes) const {
  if (batch_.rows.empty() && batch_.rejected.empty()) return false;
  return batch_.bytes + bytes > options_.batch_bytes || batch_.rows.size() >= options_.batch_rows ||
         batch_.mutations + next.mutations.size() > kMaxMutationsPerBatch;
}

bool OrderedWriter::InFlight(const std::string& key) const {
  return std::any_of(flights_.begin(), flights_.end(),
                     [&](const Flight& flight) { return flight.batch.index.count(key) > 0; });
}

Status OrderedWriter::Add(RowMutation row, uint64_t line) {
  RETURN_IF_ERROR(failure_);
  const uint64_t bytes = BytesOf(row);
  const size_t cells = CellsOf(row);
  if (Full(row, bytes)) {
    RETURN_IF_ERROR(Send());
  }
  while (InFlight(row.row)) {
    RETURN_IF_ERROR(SettleFront());
  }
  batch_.bytes += bytes;
  batch_.mutations += row.mutations.size();
  const auto [found, fresh] = batch_.index.emplace(row.row, batch_.rows.size());
  if (fresh) {
    batch_.records.push_back({row.row, {}, cells});
    if (line > 0) batch_.records.back().lines.push_back(line);
    batch_.rows.push_back(std::move(row));
    return OkStatus();
  }
  Record& record = batch_.records[found->second];
  if (line > 0) record.lines.push_back(line);
  record.cells += cells;
  auto& mutations = batch_.rows[found->second].mutations;
  mutations.insert(mutations.end(), std::make_move_iterator(row.mutations.begin()),
                   std::make_move_iterator(row.mutations.end()));
  return OkStatus();
}

Status OrderedWriter::Reject(uint64_t line, std::string reason, std::string_view what) {
  RETURN_IF_ERROR(failure_);
  if (batch_.bytes > options_.batch_bytes) {
    RETURN_IF_ERROR(Send());
  }
  batch_.bytes += reason.size() + what.size();
  batch_.rejected.push_back({line, std::move(reason), std::string(what)});
  return OkStatus();
}

Status OrderedWriter::Send() {
  batch_.end = reached_;
  Flight flight{std::move(batch_), std::make_shared<Answer>()};
  batch_ = Batch();
  std::vector<RowMutation> rows = std::move(flight.batch.rows);
  flight.batch.rows.clear();
  std::shared_ptr<Answer> answer = flight.answer;
  flights_.push_back(std::move(flight));
  if (rows.empty()) {
    MutexLock lock(&answer->mu);
    answer->done = true;
  } else {
    table_.ApplyBatchAsync(std::move(rows), [answer](std::vector<Status> statuses) {
      MutexLock lock(&answer->mu);
      answer->statuses = std::move(statuses);
      answer->done = true;
      answer->done_changed.SignalAll();
    });
  }
  while (flights_.size() >= options_.batches_in_flight) {
    RETURN_IF_ERROR(SettleFront());
  }
  return OkStatus();
}

void OrderedWriter::Settle(Batch& batch, const std::vector<Status>& statuses) {
  Counts counts = counts_;
  for (size_t i = 0; i < statuses.size(); ++i) {
    const Record& record = batch.records[i];
    if (statuses[i].ok()) {
      counts.rows += record.lines.size();
      counts.cells += record.cells;
      continue;
    }
    if (!IsRowsFault(statuses[i])) {
      failure_ = WithContext(statuses[i], absl::StrCat("row \"", Escape(record.key), "\""));
      return;
    }
    for (uint64_t line : record.lines) {
      batch.rejected.push_back(
          {line, std::string(statuses[i].message()), "row " + Escape(record.key)});
    }
  }
  std::stable_sort(batch.rejected.begin(), batch.rejected.end(),
                   [](const Rejected& a, const Rejected& b) { return a.line < b.line; });
  for (const Rejected& rejected : batch.rejected) {
    reject_(rejected.line, rejected.reason, rejected.what);
  }
  counts.rejected += batch.rejected.size();
  counts_ = counts;
  settled_ = std::move(batch.end);
}

Status OrderedWriter::SettleFront() {
  Flight& flight = flights_.front();
  std::vector<Status> statuses;
  {
    MutexLock lock(&flight.answer->mu);
    while (!flight.answer->done) flight.answer->done_changed.Wait(&flight.answer->mu);
    statuses = std::move(flight.answer->statuses);
  }
  // What follows a failure is written again after it, so it does not count.
  if (failure_.ok()) Settle(flight.batch, statuses);
  flights_.pop_front();
  return failure_;
}

Status OrderedWriter::Drain() {
  RETURN_IF_ERROR(failure_);
  RETURN_IF_ERROR(Send());
  while (!flights_.empty()) {
    RETURN_IF_ERROR(SettleFront());
  }
  return OkStatus();
}

}  // namespace stele::cli
