// Table: reads and writes of one table. Got from Client::OpenTable; a small handle, copied freely,
// thread-safe. Must not outlive its client.
//
// What a write's status says:
//   OK        applied, durable, visible to every later read
//   Unknown   applied wholly or not at all, it is not known which (the connection broke, or the
//             deadline passed while the server had it); it cannot newly appear later than the
//             call's deadline
//   others    certainly no effect, ever: InvalidArgument (a size or a timestamp; the message names
//             the field, the value's size and the limit), NotFound (table or family),
//             ResourceExhausted (overload until the deadline), DeadlineExceeded or Unavailable (it
//             never reached a server that serves the row), DataLoss (stored data is damaged),
//             PermissionDenied (a table of the cell's own, such as _METADATA: it is only read)
// A read has no effect; its codes are those above and DeadlineExceeded, Unavailable at any point.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "client/mutation.h"
#include "client/options.h"
#include "client/read_query.h"
#include "client/row_reader.h"
#include "common/base/status.h"
#include "schema/model/model.h"

namespace stele {

class Table {
 public:
  // As it was when the table was opened.
  const TableSchema& schema() const;

  // One row, atomically.
  Status Apply(RowMutation mutation, const CallOptions& call = {});
  Status Apply(RowMutationBuilder& builder, const CallOptions& call = {}) {
    return Apply(builder.Build(), call);
  }
  // `done` runs once, by the deadline, on a thread of the client or before the call returns; it
  // must not block.
  void ApplyAsync(RowMutation mutation, std::function<void(Status)> done,
                  const CallOptions& call = {});

  // Many rows, each atomic by itself; the batch as a whole is not. One status a row, in the order
  // given. At most 100 000 mutations; rows are grouped by tablet and sent with bounded flow.
  std::vector<Status> ApplyBatch(std::vector<RowMutation> rows, const CallOptions& call = {});
  void ApplyBatchAsync(std::vector<RowMutation> rows, std::function<void(std::vector<Status>)> done,
                       const CallOptions& call = {});

  // The row, with all its cells or those that the query selects (its rows are ignored); empty when
  // it has none.
  StatusOr<std::optional<Row>> ReadRow(std::string_view key, const ReadQuery& what = {},
                                       const CallOptions& call = {});
  void ReadRowAsync(std::string_view key, const ReadQuery& what,
                    std::function<void(StatusOr<std::optional<Row>>)> done,
                    const CallOptions& call = {});

  // The timeout bounds the wait for each page. A malformed query is the reader's first answer.
  RowReader ReadRows(const ReadQuery& query, const CallOptions& call = {});
  // Calls `row` for each; false stops the scan.
  Status ReadRows(const ReadQuery& query, const std::function<bool(Row)>& row,
                  const CallOptions& call = {});

 private:
  friend class Client;
  struct State;
  explicit Table(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace stele
