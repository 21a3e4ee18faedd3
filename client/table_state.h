// Table::State: what the copies of one table handle share. Not part of the SDK's face. Immutable.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "client/routing/point_read.h"
#include "client/routing/scan_op.h"
#include "client/session.h"
#include "schema/model/filter.h"
#include "stele/table.h"

namespace stele {
namespace internal {

// A promise as a callback.
template <typename T>
std::function<void(T)> Fulfil(std::future<T>* future) {
  auto promise = std::make_shared<std::promise<T>>();
  *future = promise->get_future();
  return [promise = std::move(promise)](T value) { promise->set_value(std::move(value)); };
}

// Callbacks are copied, so what they own is shared.
inline std::shared_ptr<CallRecorder::Call> Record(Session* session, CallKind kind) {
  return std::make_shared<CallRecorder::Call>(session->calls()->Start(kind));
}

}  // namespace internal

struct Table::State {
  const TableSchema schema;
  const std::shared_ptr<internal::Session> session;

  // One status a row, once.
  void Mutate(std::vector<RowMutation> rows, std::function<void(std::vector<Status>)> done,
              const CallOptions& call) const;
  void MutateOne(RowMutation row, const CallOptions& call,
                 absl::AnyInvocable<void(Status)> done) const;
  // What would be refused whatever the row: a table of the cell's own, options that say nothing.
  Status CheckWrite(const CallOptions& call) const {
    RETURN_IF_ERROR(internal::CheckCall(call));
    if (schema.id >= kFirstUserTable) return OkStatus();
    return absl::PermissionDeniedError(
        absl::StrCat("table \"", schema.name, "\" is the cell's own: read-only"));
  }
  // One row, or nothing where it has no cell that is asked for.
  using RowDone = routing::PointRead::Done;
  void ReadOne(std::string key, const ReadQuery& what, const CallOptions& call, RowDone done) const;
  // The same with all that a scan can tell of its way.
  void ExplainOne(std::string key, const ReadQuery& what, const CallOptions& call,
                  RowDone done) const;
  static Status CheckQuery(const ReadQuery& query, const CallOptions& call) {
    RETURN_IF_ERROR(internal::CheckCall(call));
    RETURN_IF_ERROR(ValidateSelection(query.selection()));
    return ValidateFilter(query.filter());
  }
  // InvalidArgument when the query or the options are malformed.
  StatusOr<std::shared_ptr<routing::ScanOp>> Scan(const RowSet& rows, const ReadQuery& query,
                                                  uint64_t limit, const CallOptions& call) const {
    RETURN_IF_ERROR(CheckQuery(query, call));
    ASSIGN_OR_RETURN(routing::RowRanges ranges, routing::RowRanges::Create(rows));
    return routing::ScanOp::Create(session->core(), session->locator(),
                                   {schema.id, std::move(ranges), query.selection(), limit,
                                    query.filter(), session->core()->jitter()->Below(UINT64_MAX),
                                    query.reversed(), session->Retry(call), call.explanation});
  }
};

}  // namespace stele
