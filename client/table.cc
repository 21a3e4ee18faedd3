#include "stele/table.h"

#include "client/page_source.h"
#include "client/routing/batch_op.h"
#include "client/routing/wait.h"
#include "client/table_state.h"

namespace stele {
namespace {

// A reader of a query that cannot be run.
class FailedSource : public RowReader::Source {
 public:
  explicit FailedSource(Status status) : status_(std::move(status)) {}
  StatusOr<std::optional<Row>> Next() override { return status_; }

 private:
  const Status status_;
};

// Keeps the session for a reader that outlives its client.
class SessionSource : public RowReader::Source {
 public:
  SessionSource(std::shared_ptr<internal::Session> session, std::unique_ptr<Source> source)
      : session_(std::move(session)), source_(std::move(source)) {}
  StatusOr<std::optional<Row>> Next() override { return source_->Next(); }

 private:
  const std::shared_ptr<internal::Session> session_;  // outlives source_
  const std::unique_ptr<Source> source_;
};

}  // namespace

const TableSchema& Table::schema() const { return state_->schema; }

Status Table::Apply(RowMutation mutation, const CallOptions& call) {
  std::vector<RowMutation> rows;
  rows.push_back(std::move(mutation));
  return ApplyBatch(std::move(rows), call).front();
}

void Table::ApplyAsync(RowMutation mutation, std::function<void(Status)> done,
                       const CallOptions& call) {
  std::vector<RowMutation> rows;
  rows.push_back(std::move(mutation));
  ApplyBatchAsync(
      std::move(rows),
      [done = std::move(done)](std::vector<Status> statuses) { done(std::move(statuses[0])); },
      call);
}

std::vector<Status> Table::ApplyBatch(std::vector<RowMutation> rows, const CallOptions& call) {
  const size_t count = rows.size();
  const int64_t deadline_ns = state_->session->Deadline(call);
  auto waiter = std::make_shared<routing::Waiter<std::vector<Status>>>();
  ApplyBatchAsync(
      std::move(rows), [waiter](std::vector<Status> statuses) { waiter->Set(std::move(statuses)); },
      call);
  std::optional<std::vector<Status>> statuses = waiter->Wait(state_->session->core(), deadline_ns);
  if (statuses.has_value()) return *std::move(statuses);
  return std::vector<Status>(count,
                             absl::UnknownError("outcome unknown: no answer came by the deadline"));
}

void Table::ApplyBatchAsync(std::vector<RowMutation> rows,
                            std::function<void(std::vector<Status>)> done,
                            const CallOptions& call) {
  if (state_->schema.id < kFirstUserTable) {
    return done(std::vector<Status>(
        rows.size(), absl::PermissionDeniedError(absl::StrCat("table \"", state_->schema.name,
                                                              "\" is the cell's own: read-only"))));
  }
  size_t mutations = 0;
  for (const RowMutation& row : rows) mutations += row.mutations.size();
  if (mutations > kMaxMutationsPerBatch) {
    return done(std::vector<Status>(
        rows.size(),
        absl::InvalidArgumentError(absl::StrCat(
            "batch has ", mutations, " mutations; the limit is ", kMaxMutationsPerBatch))));
  }
  routing::BatchOp::Start(state_->session->core(), state_->session->locator(), state_->schema.id,
                          std::move(rows), state_->session->Deadline(call), std::move(done));
}

StatusOr<std::optional<Row>> Table::ReadRow(std::string_view key, const ReadQuery& what,
                                            const CallOptions& call) {
  using Answer = StatusOr<std::optional<Row>>;
  const int64_t deadline_ns = state_->session->Deadline(call);
  auto waiter = std::make_shared<routing::Waiter<Answer>>();
  ReadRowAsync(
      key, what, [waiter](Answer row) { waiter->Set(std::move(row)); }, call);
  std::optional<Answer> row = waiter->Wait(state_->session->core(), deadline_ns);
  if (!row.has_value()) return absl::DeadlineExceededError("no answer came by the deadline");
  return *std::move(row);
}

void Table::ReadRowAsync(std::string_view key, const ReadQuery& what,
                         std::function<void(StatusOr<std::optional<Row>>)> done,
                         const CallOptions& call) {
  RowSet rows;
  rows.keys.emplace_back(key);
  auto scan = state_->Scan(rows, what, 1);
  if (!scan.ok()) return done(scan.status());
  (*scan)->NextPage(state_->session->Deadline(call),
                    [done = std::move(done)](StatusOr<routing::ScanOp::Page> page) {
                      if (!page.ok()) return done(page.status());
                      if (page->rows.empty()) return done(std::optional<Row>());
                      done(std::optional<Row>(std::move(page->rows.front())));
                    });
}

RowReader Table::ReadRows(const ReadQuery& query, const CallOptions& call) {
  auto scan = state_->Scan(query.rows(), query, query.limit());
  if (!scan.ok()) return RowReader(std::make_unique<FailedSource>(scan.status()));
  const int64_t scan_deadline_ns =
      call.whole_scan_timeout_ms > 0
          ? state_->session->core()->DeadlineAfterMs(call.whole_scan_timeout_ms)
          : INT64_MAX;
  return RowReader(std::make_unique<SessionSource>(
      state_->session,
      std::make_unique<PageSource>(state_->session->core(), *std::move(scan),
                                   state_->session->TimeoutMs(call), scan_deadline_ns)));
}

Status Table::ReadRows(const ReadQuery& query, const std::function<bool(Row)>& row,
                       const CallOptions& call) {
  for (StatusOr<Row>& next : ReadRows(query, call)) {
    if (!next.ok()) return next.status();
    if (!row(*std::move(next))) break;
  }
  return OkStatus();
}

}  // namespace stele
