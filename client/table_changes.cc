// Conditional changes of one row.
#include "client/routing/row_op.h"
#include "client/routing/wait.h"
#include "client/table_state.h"
#include "schema/model/conditional.h"
#include "schema/model/filter.h"
#include "stele/table.h"

namespace stele {
namespace {

// What the server would refuse is not sent.
Status CheckTable(const TableSchema& schema) {
  if (schema.id >= kFirstUserTable) return OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("table \"", schema.name, "\" is the cell's own: read-only"));
}

template <typename T>
StatusOr<T> WaitFor(routing::Core* core, int64_t deadline_ns,
                    routing::Waiter<StatusOr<T>>* waiter) {
  std::optional<StatusOr<T>> answer = waiter->Wait(core, deadline_ns);
  if (answer.has_value()) return *std::move(answer);
  return absl::UnknownError("outcome unknown: no answer came by the deadline");
}

}  // namespace

void Table::ReadModifyWriteAsync(ReadModifyWriteRow change, std::function<void(StatusOr<Row>)> done,
                                 const CallOptions& call) {
  Status valid = CheckTable(state_->schema);
  if (valid.ok()) valid = ValidateReadModifyWrite(change.row, change.rules, nullptr);
  if (!valid.ok()) return done(valid);
  wire::ReadModifyWriteRowRequest request;
  request.table = state_->schema.id;
  request.row = std::move(change.row);
  request.rules = std::move(change.rules);
  using Op = routing::RowOp<wire::ReadModifyWriteRowRequest, wire::ReadModifyWriteRowResponse>;
  Op::Start(state_->session->core(), state_->session->locator(), wire::Method::kReadModifyWriteRow,
            std::move(request), state_->session->Deadline(call),
            [done = std::move(done)](StatusOr<wire::ReadModifyWriteRowResponse> answer) {
              if (!answer.ok()) return done(answer.status());
              done(std::move(answer->row));
            });
}

StatusOr<Row> Table::ReadModifyWrite(ReadModifyWriteRow change, const CallOptions& call) {
  const int64_t deadline_ns = state_->session->Deadline(call);
  auto waiter = std::make_shared<routing::Waiter<StatusOr<Row>>>();
  ReadModifyWriteAsync(
      std::move(change), [waiter](StatusOr<Row> row) { waiter->Set(std::move(row)); }, call);
  return WaitFor(state_->session->core(), deadline_ns, waiter.get());
}

void Table::CheckAndMutateAsync(CheckAndMutateRow change, std::function<void(StatusOr<bool>)> done,
                                const CallOptions& call) {
  Status valid = CheckTable(state_->schema);
  if (valid.ok()) {
    valid = ValidateCheckAndMutate(change.row, change.if_true, change.if_false, nullptr);
  }
  if (valid.ok() && !change.predicate.empty()) valid = ValidateFilter(change.predicate);
  if (!valid.ok()) return done(valid);
  wire::CheckAndMutateRowRequest request;
  request.table = state_->schema.id;
  request.row = std::move(change.row);
  request.predicate = std::move(change.predicate);
  request.if_true = std::move(change.if_true);
  request.if_false = std::move(change.if_false);
  using Op = routing::RowOp<wire::CheckAndMutateRowRequest, wire::CheckAndMutateRowResponse>;
  Op::Start(state_->session->core(), state_->session->locator(), wire::Method::kCheckAndMutateRow,
            std::move(request), state_->session->Deadline(call),
            [done = std::move(done)](StatusOr<wire::CheckAndMutateRowResponse> answer) {
              if (!answer.ok()) return done(answer.status());
              done(answer->matched);
            });
}

StatusOr<bool> Table::CheckAndMutate(CheckAndMutateRow change, const CallOptions& call) {
  const int64_t deadline_ns = state_->session->Deadline(call);
  auto waiter = std::make_shared<routing::Waiter<StatusOr<bool>>>();
  CheckAndMutateAsync(
      std::move(change), [waiter](StatusOr<bool> matched) { waiter->Set(std::move(matched)); },
      call);
  return WaitFor(state_->session->core(), deadline_ns, waiter.get());
}

}  // namespace stele
