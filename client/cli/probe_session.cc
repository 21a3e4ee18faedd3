#include "client/cli/probe_session.h"

#include <algorithm>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "client/cli/bytes_text.h"
#include "common/time/clock.h"

namespace stele::cli {

ProbeSession::ProbeSession(Client* client, std::ostream* out) : client_(client), out_(out) {
  for (uint32_t i = 0; i < kScanThreads; ++i) scan_threads_.emplace_back([this] { ScanLoop(); });
}

ProbeSession::~ProbeSession() {
  {
    MutexLock lock(&mu_);
    while (in_flight_ > 0) changed_.Wait(&mu_);  // each has a deadline
    closing_ = true;
    changed_.SignalAll();
  }
  for (std::thread& thread : scan_threads_) thread.join();
}

void ProbeSession::Submit(std::string_view line) {
  if (line.find_first_not_of(" \t\r") == line.npos) return;
  {
    MutexLock lock(&mu_);
    while (in_flight_ >= kMaxInFlight) changed_.Wait(&mu_);
    ++in_flight_;
  }
  const int64_t invoke_ns = MonotonicNanos();
  ProbeRequest request;
  Status parsed = ParseProbeLine(line, &request);
  if (parsed.ok() && request.kind == ProbeRequest::Kind::kUnbuilt) {
    parsed = absl::UnimplementedError("not built yet");
  }
  if (!parsed.ok()) return Answer(request.id, "fail", CodeName(parsed), invoke_ns);
  StatusOr<Table> table = Open(request.table);
  if (!table.ok()) return Answer(request.id, "fail", CodeName(table.status()), invoke_ns);
  Start(std::move(request), *std::move(table), invoke_ns);
}

StatusOr<Table> ProbeSession::Open(const std::string& name) {
  {
    MutexLock lock(&mu_);
    for (const std::string& gone : gone_tables_) tables_.erase(gone);
    gone_tables_.clear();
  }
  auto it = tables_.find(name);
  if (it != tables_.end()) return it->second;
  ASSIGN_OR_RETURN(Table table, client_->OpenTable(name));
  tables_.emplace(name, table);
  return table;
}

void ProbeSession::NoteIfGone(const std::string& table, const Status& status) {
  if (!IsNotFound(status)) return;
  MutexLock lock(&mu_);
  gone_tables_.insert(table);
}

void ProbeSession::Start(ProbeRequest request, Table table, int64_t invoke_ns) {
  const CallOptions call{.timeout_ms = request.deadline_ms};
  const std::string id = request.id, name = request.table;
  switch (request.kind) {
    case ProbeRequest::Kind::kPut:
    case ProbeRequest::Kind::kDelete:
      return table.ApplyAsync(
          std::move(request.rows[0]),
          [this, id, name, invoke_ns](Status status) {
            NoteIfGone(name, status);
            AnswerWrite(id, status, invoke_ns);
          },
          call);
    case ProbeRequest::Kind::kBatch:
      return table.ApplyBatchAsync(
          std::move(request.rows),
          [this, id, name, invoke_ns](std::vector<Status> statuses) {
            for (const Status& s : statuses) NoteIfGone(name, s);
            std::string letters;
            for (const Status& s : statuses)
              letters += s.ok() ? 'o' : absl::IsUnknown(s) ? 'u' : 'f';
            Answer(id, "ok", letters, invoke_ns);
          },
          call);
    case ProbeRequest::Kind::kGet: {
      ReadQuery what;
      what.Column(request.family, request.qualifier).CellsPerColumn(1);
      return table.ReadRowAsync(
          request.row, what,
          [this, id, name, invoke_ns](StatusOr<std::optional<Row>> row) {
            NoteIfGone(name, row.status());
            if (!row.ok()) return AnswerRead(id, row.status(), invoke_ns);
            const bool absent = !row->has_value() || (*row)->cells.empty();
            AnswerRead(id, absent ? "-" : ToHex((*row)->cells.front().value), invoke_ns);
          },
          call);
    }
    case ProbeRequest::Kind::kScan: {
      MutexLock lock(&mu_);
      scans_.push_back({std::move(request), std::move(table), invoke_ns});
      changed_.SignalAll();
      return;
    }
    case ProbeRequest::Kind::kUnbuilt:
      return Answer(id, "fail", "UNIMPLEMENTED", invoke_ns);
  }
}

void ProbeSession::ScanLoop() {
  while (true) {
    std::optional<Scan> scan;
    {
      MutexLock lock(&mu_);
      while (scans_.empty() && !closing_) changed_.Wait(&mu_);
      if (scans_.empty()) return;
      scan = std::move(scans_.front());
      scans_.pop_front();
    }
    StatusOr<std::string> rows = RunScan(*scan);
    NoteIfGone(scan->request.table, rows.status());
    AnswerRead(scan->request.id, rows, scan->invoke_ns);
  }
}

StatusOr<std::string> ProbeSession::RunScan(Scan& scan) {
  ReadQuery query;
  query.Range(scan.request.start, scan.request.end).Limit(scan.request.limit);
  CallOptions call;
  if (scan.request.deadline_ms > 0) {
    // Time that it waited for a thread counts.
    const int64_t waited_ms = (MonotonicNanos() - scan.invoke_ns) / 1'000'000;
    call.timeout_ms = std::max<int64_t>(1, scan.request.deadline_ms - waited_ms);
    call.whole_scan_timeout_ms = call.timeout_ms;
  }
  std::vector<Row> rows;
  size_t bytes = 0;
  for (StatusOr<Row>& row : scan.table.ReadRows(query, call)) {
    RETURN_IF_ERROR(row.status());
    for (const Cell& cell : row->cells) bytes += cell.qualifier.size() + cell.value.size();
    if (bytes > kMaxScanBytes) {
      return absl::ResourceExhaustedError("the scan's answer is too large for one line");
    }
    rows.push_back(*std::move(row));
  }
  return ProbeRows(rows);
}

void ProbeSession::AnswerWrite(const std::string& id, const Status& status, int64_t invoke_ns) {
  if (status.ok()) return Answer(id, "ok", "-", invoke_ns);
  if (absl::IsUnknown(status)) return Answer(id, "unknown", "-", invoke_ns);
  Answer(id, "fail", CodeName(status), invoke_ns);
}

void ProbeSession::AnswerRead(const std::string& id, const StatusOr<std::string>& value,
                              int64_t invoke_ns) {
  if (value.ok()) return Answer(id, "ok", *value, invoke_ns);
  Answer(id, "fail", CodeName(value.status()), invoke_ns);
}

void ProbeSession::Answer(const std::string& id, const char* outcome, const std::string& value,
                          int64_t invoke_ns) {
  const std::string line =
      absl::StrCat(id, " ", outcome, " ", value, " ", invoke_ns, " ", MonotonicNanos(), "\n");
  MutexLock lock(&mu_);
  *out_ << line << std::flush;
  --in_flight_;
  changed_.SignalAll();
}

}  // namespace stele::cli
