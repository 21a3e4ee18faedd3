#include "stele/table.h"

#include "client/async_scan.h"
#include "client/page_source.h"
#include "client/routing/batch_op.h"
#include "client/routing/row_op.h"
#include "client/routing/wait.h"
#include "client/table_state.h"

namespace stele {
namespace {

using internal::CallKind;
using internal::Fulfil;
using internal::Record;

// A reader of a query that cannot be run.
class FailedSource : public RowReader::Source {
 public:
  explicit FailedSource(Status status) : status_(std::move(status)) {}
  StatusOr<std::optional<Row>> Next() override { return status_; }
  StatusOr<std::optional<RowPart>> NextPart() override { return status_; }

 private:
  const Status status_;
};

// Keeps the session for a reader that outlives its client, and records the scan.
class SessionSource : public RowReader::Source {
 public:
  SessionSource(std::shared_ptr<internal::Session> session, std::unique_ptr<Source> source)
      : session_(std::move(session)),
        source_(std::move(source)),
        recorded_(session_->calls()->Start(CallKind::kReadRows)) {}
  StatusOr<std::optional<Row>> Next() override {
    StatusOr<std::optional<Row>> next = source_->Next();
    if (!next.ok() || !next->has_value()) recorded_.End(next.status());
    return next;
  }
  StatusOr<std::optional<RowPart>> NextPart() override {
    StatusOr<std::optional<RowPart>> next = source_->NextPart();
    if (!next.ok() || !next->has_value()) recorded_.End(next.status());
    return next;
  }
  ScanProgress progress() const override { return source_->progress(); }
  void Cancel() override { source_->Cancel(); }

 private:
  const std::shared_ptr<internal::Session> session_;  // outlives the others
  const std::unique_ptr<Source> source_;
  internal::CallRecorder::Call recorded_;
};

Status CheckMutations(size_t count) {
  if (count <= kMaxMutationsPerBatch) return OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("batch has ", count, " mutations; the limit is ", kMaxMutationsPerBatch));
}

}  // namespace

const TableSchema& Table::schema() const { return state_->schema; }

Status Table::Apply(RowMutation mutation, const CallOptions& call) {
  const int64_t deadline_ns = state_->session->Deadline(call);
  auto waiter = std::make_shared<routing::Waiter<Status>>();
  const net::SendsFromHere waits;
  ApplyAsync(
      std::move(mutation), [waiter](Status status) { waiter->Set(std::move(status)); }, call);
  return waiter->Wait(state_->session->core(), deadline_ns)
      .value_or(absl::UnknownError("outcome unknown: no answer came by the deadline"));
}

void Table::ApplyAsync(RowMutation mutation, std::function<void(Status)> done,
                       const CallOptions& call) {
  state_->MutateOne(std::move(mutation), call,
                    [recorded = state_->session->calls()->Start(CallKind::kApply),
                     done = std::move(done)](Status status) mutable {
                      recorded.End(status);
                      done(std::move(status));
                    });
}

void Table::State::MutateOne(RowMutation row, const CallOptions& call,
                             absl::AnyInvocable<void(Status)> done) const {
  Status valid = CheckWrite(call);
  // What the server would refuse is not sent.
  if (valid.ok()) valid = CheckMutations(row.mutations.size());
  if (valid.ok()) valid = ValidateRowMutation(row, nullptr);
  if (!valid.ok()) return done(valid);
  wire::MutateRowsRequest request;
  request.table = schema.id;
  request.rows.push_back(std::move(row));
  using Op = routing::RowOp<wire::MutateRowsRequest, wire::MutateRowsResponse>;
  Op::Start(session->core(), session->locator(), wire::Method::kMutateRows, std::move(request),
            session->Terms(call),
            [done = std::move(done)](const StatusOr<wire::MutateRowsResponse>& answer) mutable {
              done(answer.status());
            });
}

std::future<Status> Table::ApplyAsync(RowMutation mutation, const CallOptions& call) {
  std::future<Status> future;
  ApplyAsync(std::move(mutation), Fulfil(&future), call);
  return future;
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
  state_->Mutate(
      std::move(rows),
      [recorded = Record(state_->session.get(), CallKind::kApplyBatch),
       done = std::move(done)](std::vector<Status> statuses) {
        for (const Status& status : statuses) recorded->CountError(status);
        recorded->End(OkStatus());
        done(std::move(statuses));
      },
      call);
}

std::future<std::vector<Status>> Table::ApplyBatchAsync(std::vector<RowMutation> rows,
                                                        const CallOptions& call) {
  std::future<std::vector<Status>> future;
  ApplyBatchAsync(std::move(rows), Fulfil(&future), call);
  return future;
}

void Table::State::Mutate(std::vector<RowMutation> rows,
                          std::function<void(std::vector<Status>)> done,
                          const CallOptions& call) const {
  if (Status s = CheckWrite(call); !s.ok()) return done(std::vector<Status>(rows.size(), s));
  size_t mutations = 0;
  for (const RowMutation& row : rows) mutations += row.mutations.size();
  if (Status s = CheckMutations(mutations); !s.ok()) {
    return done(std::vector<Status>(rows.size(), s));
  }
  routing::BatchOp::Start(session->core(), session->locator(), schema.id, std::move(rows),
                          session->Terms(call), std::move(done));
}

StatusOr<std::optional<Row>> Table::ReadRow(std::string_view key, const ReadQuery& what,
                                            const CallOptions& call) {
  using Answer = StatusOr<std::optional<Row>>;
  const int64_t deadline_ns = state_->session->Deadline(call);
  auto waiter = std::make_shared<routing::Waiter<Answer>>();
  const net::SendsFromHere waits;
  ReadRowAsync(
      key, what, [waiter](Answer row) { waiter->Set(std::move(row)); }, call);
  std::optional<Answer> row = waiter->Wait(state_->session->core(), deadline_ns);
  if (!row.has_value()) return absl::DeadlineExceededError("no answer came by the deadline");
  return *std::move(row);
}

void Table::ReadRowAsync(std::string_view key, const ReadQuery& what,
                         std::function<void(StatusOr<std::optional<Row>>)> done,
                         const CallOptions& call) {
  state_->ReadOne(std::string(key), what, call,
                  [recorded = state_->session->calls()->Start(CallKind::kReadRow),
                   done = std::move(done)](StatusOr<std::optional<Row>> row) mutable {
                    recorded.End(row.status());
                    done(std::move(row));
                  });
}

void Table::State::ReadOne(std::string key, const ReadQuery& what, const CallOptions& call,
                           RowDone done) const {
  if (call.explanation != nullptr) return ExplainOne(std::move(key), what, call, std::move(done));
  Status valid = CheckQuery(what, call);
  if (valid.ok()) valid = ValidateRowKey(key);
  if (!valid.ok()) return done(valid);
  routing::PointReadSpec spec{schema.id, std::move(key), what.selection(), what.filter()};
  if (!spec.filter.empty()) spec.sample_seed = session->core()->jitter()->Below(UINT64_MAX);
  routing::PointRead::Start(session->core(), session->locator(), std::move(spec),
                            session->Terms(call), std::move(done));
}

void Table::State::ExplainOne(std::string key, const ReadQuery& what, const CallOptions& call,
                              RowDone done) const {
  RowSet rows;
  rows.keys.push_back(std::move(key));
  auto scan = Scan(rows, what, 1, call);
  if (!scan.ok()) return done(scan.status());
  // Callbacks of scans are copied, so what they own is shared.
  (*scan)->NextPage(session->Deadline(call), [done = std::make_shared<RowDone>(std::move(done))](
                                                 StatusOr<routing::ScanOp::Page> page) {
    if (!page.ok()) return (*done)(page.status());
    if (page->rows.empty()) return (*done)(std::optional<Row>());
    (*done)(std::optional<Row>(std::move(page->rows.front())));
  });
}

std::future<StatusOr<std::optional<Row>>> Table::ReadRowAsync(std::string_view key,
                                                              const ReadQuery& what,
                                                              const CallOptions& call) {
  std::future<StatusOr<std::optional<Row>>> future;
  ReadRowAsync(key, what, Fulfil(&future), call);
  return future;
}

RowReader Table::ReadRows(const ReadQuery& query, const CallOptions& call) {
  auto scan = state_->Scan(query.rows(), query, query.limit(), call);
  if (!scan.ok()) return RowReader(std::make_unique<FailedSource>(scan.status()));
  return RowReader(std::make_unique<SessionSource>(
      state_->session, std::make_unique<PageSource>(state_->session->core(), *std::move(scan),
                                                    state_->session->TimeoutMs(call),
                                                    state_->session->ScanDeadline(call))));
}

void Table::ReadRowsAsync(const ReadQuery& query, std::function<bool(Row)> row,
                          std::function<void(Status)> done, const CallOptions& call) {
  auto scan = state_->Scan(query.rows(), query, query.limit(), call);
  if (!scan.ok()) return done(scan.status());
  internal::AsyncScan::Start(state_->session, *std::move(scan), std::move(row), std::move(done),
                             call);
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
