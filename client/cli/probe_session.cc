#include "client/cli/probe_session.h"

#include <algorithm>
#include <chrono>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "client/cli/bytes_text.h"
#include "common/time/clock.h"
#include "schema/model/conditional.h"

namespace stele::cli {
namespace {

constexpr int64_t kNanosPerMilli = 1'000'000;

int64_t LeftMs(int64_t deadline_ns) {
  return std::max<int64_t>(1, (deadline_ns - MonotonicNanos()) / kNanosPerMilli);
}

}  // namespace

ProbeSession::ProbeSession(Client* client, int64_t timeout_ms, std::ostream* out)
    : client_(client), timeout_ms_(timeout_ms), out_(out) {
  threads_.emplace_back([this] { OpenLoop(); });
  threads_.emplace_back([this] { ExpireLoop(); });
  for (uint32_t i = 0; i < kScanThreads; ++i) threads_.emplace_back([this] { ScanLoop(); });
}

ProbeSession::~ProbeSession() {
  {
    MutexLock lock(&mu_);
    while (in_flight_ > 0) answered_.Wait(&mu_);  // each has a deadline
    closing_ = true;
    open_wanted_.SignalAll();
    scan_wanted_.SignalAll();
    queued_.SignalAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

void ProbeSession::Submit(std::string_view line) {
  if (line.find_first_not_of(" \t\r") == line.npos) return;
  {
    MutexLock lock(&mu_);
    while (in_flight_ >= kMaxInFlight) answered_.Wait(&mu_);
    ++in_flight_;
  }
  Pending pending;
  pending.invoke_ns = MonotonicNanos();
  Status parsed = ParseProbeLine(line, &pending.request);
  if (!parsed.ok()) {
    return Answer(pending.request.id, "fail", CodeName(parsed), pending.invoke_ns);
  }
  const int64_t ms = pending.request.deadline_ms;
  pending.deadline_ns = pending.invoke_ns + (ms > 0 ? ms : timeout_ms_) * kNanosPerMilli;
  {
    MutexLock lock(&mu_);
    auto table = tables_.find(pending.request.table);
    if (table == tables_.end()) {
      const int64_t deadline_ns = pending.deadline_ns;
      opens_.emplace(deadline_ns, std::move(pending));
      open_wanted_.Signal();
      queued_.Signal();
      return;
    }
    pending.table = table->second;
  }
  Start(std::move(pending));
}

void ProbeSession::NoteIfGone(const std::string& table, const Status& status) {
  if (!IsNotFound(status)) return;
  MutexLock lock(&mu_);
  tables_.erase(table);
}

void ProbeSession::OpenLoop() {
  while (true) {
    std::string name;
    {
      MutexLock lock(&mu_);
      while (opens_.empty() && !closing_) open_wanted_.Wait(&mu_);
      if (opens_.empty()) return;
      name = opens_.begin()->second.request.table;
    }
    StatusOr<Table> table = client_->OpenTable(name);
    std::vector<Pending> waited;
    {
      MutexLock lock(&mu_);
      if (table.ok()) tables_.insert_or_assign(name, *table);
      for (auto it = opens_.begin(); it != opens_.end();) {
        auto here = it++;
        if (here->second.request.table != name) continue;
        waited.push_back(std::move(here->second));
        opens_.erase(here);
      }
    }
    for (Pending& pending : waited) {
      if (table.ok()) {
        pending.table = *table;
        Start(std::move(pending));
      } else {
        Answer(pending.request.id, "fail", CodeName(table.status()), pending.invoke_ns);
      }
    }
  }
}

void ProbeSession::TakeExpired(int64_t now_ns, Queue* queue, std::vector<Pending>* expired) {
  while (!queue->empty() && queue->begin()->first <= now_ns) {
    expired->push_back(std::move(queue->begin()->second));
    queue->erase(queue->begin());
  }
}

void ProbeSession::ExpireLoop() {
  while (true) {
    std::vector<Pending> expired;
    {
      MutexLock lock(&mu_);
      if (closing_) return;
      const int64_t now_ns = MonotonicNanos();
      TakeExpired(now_ns, &opens_, &expired);
      TakeExpired(now_ns, &scans_, &expired);
      if (expired.empty()) {
        int64_t next_ns = now_ns + 1000 * kNanosPerMilli;
        for (const Queue* queue : {&opens_, &scans_}) {
          if (!queue->empty()) next_ns = std::min(next_ns, queue->begin()->first);
        }
        queued_.WaitFor(&mu_, std::chrono::nanoseconds(next_ns - now_ns));
      }
    }
    for (const Pending& pending : expired) {
      Answer(pending.request.id, "fail", "DEADLINE_EXCEEDED", pending.invoke_ns);
    }
  }
}

void ProbeSession::Start(Pending pending) {
  ProbeRequest& request = pending.request;
  Table& table = *pending.table;
  const int64_t invoke_ns = pending.invoke_ns;
  const CallOptions call{.timeout_ms = LeftMs(pending.deadline_ns)};
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
      const int64_t deadline_ns = pending.deadline_ns;
      scans_.emplace(deadline_ns, std::move(pending));
      scan_wanted_.Signal();
      queued_.Signal();
      return;
    }
    case ProbeRequest::Kind::kModify:
      return StartModify(std::move(pending));
    case ProbeRequest::Kind::kCheck:
      return StartCheck(std::move(pending));
  }
}

void ProbeSession::StartModify(Pending pending) {
  const std::string id = pending.request.id, name = pending.request.table;
  ReadModifyWriteRow& change = pending.request.modify;
  const bool is_number = std::holds_alternative<IncrementValue>(change.rules[0]);
  pending.table->ReadModifyWriteAsync(
      std::move(change),
      [this, id, name, invoke_ns = pending.invoke_ns, is_number](StatusOr<Row> row) {
        NoteIfGone(name, row.status());
        if (!row.ok()) return AnswerWrite(id, row.status(), invoke_ns);
        const std::string& value = row->cells.front().value;
        StatusOr<int64_t> number = DecodeCounter(value);
        Answer(id, "ok", is_number && number.ok() ? absl::StrCat(*number) : ToHex(value),
               invoke_ns);
      },
      {.timeout_ms = LeftMs(pending.deadline_ns)});
}

void ProbeSession::StartCheck(Pending pending) {
  const std::string id = pending.request.id, name = pending.request.table;
  const bool inverse = pending.request.apply_if_false;
  pending.table->CheckAndMutateAsync(
      std::move(pending.request.check),
      [this, id, name, invoke_ns = pending.invoke_ns, inverse](StatusOr<bool> matched) {
        NoteIfGone(name, matched.status());
        if (!matched.ok()) return AnswerWrite(id, matched.status(), invoke_ns);
        Answer(id, "ok", *matched != inverse ? "1" : "0", invoke_ns);
      },
      {.timeout_ms = LeftMs(pending.deadline_ns)});
}

void ProbeSession::ScanLoop() {
  while (true) {
    std::optional<Pending> scan;
    {
      MutexLock lock(&mu_);
      while (scans_.empty() && !closing_) scan_wanted_.Wait(&mu_);
      if (scans_.empty()) return;
      scan = std::move(scans_.begin()->second);
      scans_.erase(scans_.begin());
    }
    StatusOr<std::string> rows = RunScan(*scan);
    NoteIfGone(scan->request.table, rows.status());
    AnswerRead(scan->request.id, rows, scan->invoke_ns);
  }
}

StatusOr<std::string> ProbeSession::RunScan(Pending& scan) {
  ReadQuery query;
  query.Range(scan.request.start, scan.request.end).Limit(scan.request.limit);
  CallOptions call;
  call.timeout_ms = call.whole_scan_timeout_ms = LeftMs(scan.deadline_ns);
  std::vector<Row> rows;
  size_t bytes = 0;
  for (StatusOr<Row>& row : scan.table->ReadRows(query, call)) {
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
  answered_.SignalAll();
}

}  // namespace stele::cli
