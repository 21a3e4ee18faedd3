// Conditional changes of one row.
#include "client/routing/row_op.h"
#include "client/routing/wait.h"
#include "client/table_state.h"
#include "schema/model/conditional.h"
#include "schema/model/filter.h"
#include "stele/table.h"

namespace stele {
namespace {

using internal::CallKind;

template <typename T>
StatusOr<T> WaitFor(routing::Core* core, int64_t deadline_ns,
                    routing::Waiter<StatusOr<T>>* waiter) {
  std::optional<StatusOr<T>> answer = waiter->Wait(core, deadline_ns);
  if (answer.has_value()) return *std::move(answer);
  return absl::UnknownError("outcome unknown: no answer came by the deadline");
}

// `done`, with the answer's status counted.
template <typename T>
std::function<void(StatusOr<T>)> Recorded(internal::Session* session, CallKind kind,
                                          std::function<void(StatusOr<T>)> done) {
  return [recorded = internal::Record(session, kind), done = std::move(done)](StatusOr<T> answer) {
    recorded->End(answer.status());
    done(std::move(answer));
  };
}

Status Check(const CheckAndMutateRow& change) {
  RETURN_IF_ERROR(ValidateCheckAndMutate(change.row, change.if_true, change.if_false, nullptr));
  return change.predicate.empty() ? OkStatus() : ValidateFilter(change.predicate);
}

}  // namespace

void Table::ReadModifyWriteAsync(ReadModifyWriteRow change, std::function<void(StatusOr<Row>)> done,
                                 const CallOptions& call) {
  internal::Session* session = state_->session.get();
  done = Recorded(session, CallKind::kReadModifyWrite, std::move(done));
  Status valid = state_->CheckWrite(call);
  if (valid.ok()) valid = ValidateReadModifyWrite(change.row, change.rules, nullptr);
  if (!valid.ok()) return done(valid);
  wire::ReadModifyWriteRowRequest request;
  request.table = state_->schema.id;
  request.row = std::move(change.row);
  request.rules = std::move(change.rules);
  using Op = routing::RowOp<wire::ReadModifyWriteRowRequest, wire::ReadModifyWriteRowResponse>;
  Op::Start(session->core(), session->locator(), wire::Method::kReadModifyWriteRow,
            std::move(request), session->Terms(call),
            [done = std::move(done)](StatusOr<wire::ReadModifyWriteRowResponse> answer) {
              if (!answer.ok()) return done(answer.status());
              done(std::move(answer->row));
            });
}

std::future<StatusOr<Row>> Table::ReadModifyWriteAsync(ReadModifyWriteRow change,
                                                       const CallOptions& call) {
  std::future<StatusOr<Row>> future;
  ReadModifyWriteAsync(std::move(change), internal::Fulfil(&future), call);
  return future;
}

StatusOr<Row> Table::ReadModifyWrite(ReadModifyWriteRow change, const CallOptions& call) {
  const int64_t deadline_ns = state_->session->Deadline(call);
  auto waiter = std::make_shared<routing::Waiter<StatusOr<Row>>>();
  const net::SendsFromHere waits;
  ReadModifyWriteAsync(
      std::move(change), [waiter](StatusOr<Row> row) { waiter->Set(std::move(row)); }, call);
  return WaitFor(state_->session->core(), deadline_ns, waiter.get());
}

void Table::CheckAndMutateAsync(CheckAndMutateRow change, std::function<void(StatusOr<bool>)> done,
                                const CallOptions& call) {
  internal::Session* session = state_->session.get();
  done = Recorded(session, CallKind::kCheckAndMutate, std::move(done));
  Status valid = state_->CheckWrite(call);
  if (valid.ok()) valid = Check(change);
  if (!valid.ok()) return done(valid);
  wire::CheckAndMutateRowRequest request;
  request.table = state_->schema.id;
  request.row = std::move(change.row);
  request.predicate = std::move(change.predicate);
  request.if_true = std::move(change.if_true);
  request.if_false = std::move(change.if_false);
  using Op = routing::RowOp<wire::CheckAndMutateRowRequest, wire::CheckAndMutateRowResponse>;
  Op::Start(session->core(), session->locator(), wire::Method::kCheckAndMutateRow,
            std::move(request), session->Terms(call),
            [done = std::move(done)](StatusOr<wire::CheckAndMutateRowResponse> answer) {
              if (!answer.ok()) return done(answer.status());
              done(answer->matched);
            });
}

std::future<StatusOr<bool>> Table::CheckAndMutateAsync(CheckAndMutateRow change,
                                                       const CallOptions& call) {
  std::future<StatusOr<bool>> future;
  CheckAndMutateAsync(std::move(change), internal::Fulfil(&future), call);
  return future;
}

StatusOr<bool> Table::CheckAndMutate(CheckAndMutateRow change, const CallOptions& call) {
  const int64_t deadline_ns = state_->session->Deadline(call);
  auto waiter = std::make_shared<routing::Waiter<StatusOr<bool>>>();
  const net::SendsFromHere waits;
  CheckAndMutateAsync(
      std::move(change), [waiter](StatusOr<bool> matched) { waiter->Set(std::move(matched)); },
      call);
  return WaitFor(state_->session->core(), deadline_ns, waiter.get());
}

}  // namespace stele
