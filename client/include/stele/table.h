/// @file
/// Table: reads and writes of one table.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stele/model.h"
#include "stele/mutation.h"
#include "stele/options.h"
#include "stele/read_query.h"
#include "stele/row_change.h"
#include "stele/row_reader.h"
#include "stele/schema.h"

namespace stele {

/// A place among a table's rows.
struct RowKeySample {
  std::string row;     ///< a key, perhaps of no row; empty in the last one: the end of the table
  uint64_t bytes = 0;  ///< about: of all rows up to and including `row`, as stored
  uint64_t rows = 0;   ///< about: how many these are
};

/// Cuts a table at its samples into at most `parts` ranges of about the same number of bytes,
/// which together are all rows: one for each of some parallel scans.
std::vector<RowRange> CutRows(const std::vector<RowKeySample>& samples, size_t parts);

/// One table of a cell. Got from Client::OpenTable; a small handle, copied freely, thread-safe.
/// When its client is closed, every call answers Cancelled, "the client is closed".
///
/// What a write's status says:
///
/// | code | meaning |
/// |---|---|
/// | OK | applied, durable, visible to every later read |
/// | Unknown | applied wholly or not at all, by the deadline: connection or answer was lost |
/// | InvalidArgument | names the field, the value's size and the limit; or an option |
/// | NotFound | no such table or family |
/// | ResourceExhausted | overload until the deadline |
/// | DeadlineExceeded, Unavailable | it never reached a server that serves the row |
/// | DataLoss | stored data is damaged |
/// | PermissionDenied | a table of the cell's own, such as _METADATA: it is only read |
/// | Cancelled | the client was closed |
///
/// All but OK and Unknown: certainly no effect, ever (but for AlreadyExists of ReadModifyWrite). A
/// read has no effect; its codes are those above, and DeadlineExceeded and Unavailable may come at
/// any point.
class Table {
 public:
  /// As it was when the table was opened.
  const TableSchema& schema() const;

  /// Changes one row, atomically; returns when it is durable.
  absl::Status Apply(RowMutation mutation, const CallOptions& call = {});
  /// The same with what the builder holds; it is empty afterwards.
  absl::Status Apply(RowMutationBuilder& builder, const CallOptions& call = {}) {
    return Apply(builder.Build(), call);
  }
  /// `done` runs once, by the deadline, on a thread of the client or before the call returns; it
  /// must not block.
  void ApplyAsync(RowMutation mutation, std::function<void(absl::Status)> done,
                  const CallOptions& call = {});
  /// The same with a future; dropping it does not wait.
  std::future<absl::Status> ApplyAsync(RowMutation mutation, const CallOptions& call = {});

  /// Many rows, each atomic by itself; the batch as a whole is not. One status a row, in the order
  /// given. At most 100 000 mutations; rows are grouped by tablet and sent with bounded flow.
  std::vector<absl::Status> ApplyBatch(std::vector<RowMutation> rows, const CallOptions& call = {});
  /// `done` runs once, as that of ApplyAsync.
  void ApplyBatchAsync(std::vector<RowMutation> rows,
                       std::function<void(std::vector<absl::Status>)> done,
                       const CallOptions& call = {});
  /// The same with a future; dropping it does not wait.
  std::future<std::vector<absl::Status>> ApplyBatchAsync(std::vector<RowMutation> rows,
                                                         const CallOptions& call = {});

  /// Changes the newest cells of some columns by their old values, in one step; answers with the
  /// touched columns, one cell each. Its status is a write's, and: FailedPrecondition (the row is
  /// too large to be read: no effect), AlreadyExists (applied, exactly once and durably; only the
  /// answer is missing: it was lost on its way, the call was made again, and the cell keeps no
  /// answers of more than 256 KiB. Read the row for what it holds now).
  absl::StatusOr<Row> ReadModifyWrite(ReadModifyWriteRow change, const CallOptions& call = {});
  /// `done` runs once, as that of ApplyAsync.
  void ReadModifyWriteAsync(ReadModifyWriteRow change,
                            std::function<void(absl::StatusOr<Row>)> done,
                            const CallOptions& call = {});
  /// The same with a future; dropping it does not wait.
  std::future<absl::StatusOr<Row>> ReadModifyWriteAsync(ReadModifyWriteRow change,
                                                        const CallOptions& call = {});

  /// Applies one of two lists of changes, in one step with the check; answers whether the predicate
  /// left a cell of the row. Its status is a write's, and FailedPrecondition as above.
  absl::StatusOr<bool> CheckAndMutate(CheckAndMutateRow change, const CallOptions& call = {});
  /// `done` runs once, as that of ApplyAsync.
  void CheckAndMutateAsync(CheckAndMutateRow change, std::function<void(absl::StatusOr<bool>)> done,
                           const CallOptions& call = {});
  /// The same with a future; dropping it does not wait.
  std::future<absl::StatusOr<bool>> CheckAndMutateAsync(CheckAndMutateRow change,
                                                        const CallOptions& call = {});

  /// The row, with all its cells or those that the query selects (its rows are ignored); empty when
  /// it has none.
  absl::StatusOr<std::optional<Row>> ReadRow(std::string_view key, const ReadQuery& what = {},
                                             const CallOptions& call = {});
  /// `done` runs once, as that of ApplyAsync.
  void ReadRowAsync(std::string_view key, const ReadQuery& what,
                    std::function<void(absl::StatusOr<std::optional<Row>>)> done,
                    const CallOptions& call = {});
  /// The same with a future; dropping it does not wait.
  std::future<absl::StatusOr<std::optional<Row>>> ReadRowAsync(std::string_view key,
                                                               const ReadQuery& what = {},
                                                               const CallOptions& call = {});

  /// Scans. The timeout bounds the wait for each page. A malformed query is the reader's first
  /// answer.
  RowReader ReadRows(const ReadQuery& query, const CallOptions& call = {});
  /// Calls `row` for each, on this thread; false stops the scan.
  absl::Status ReadRows(const ReadQuery& query, const std::function<bool(Row)>& row,
                        const CallOptions& call = {});
  /// Calls `row` for each, in order, one at a time, on threads of the client; false stops the scan.
  /// Then calls `done` once: OK at the end or when stopped, else what went wrong. Neither may
  /// block. A page is asked for when the one before was consumed: one is in memory at most.
  void ReadRowsAsync(const ReadQuery& query, std::function<bool(Row)> row,
                     std::function<void(absl::Status)> done, const CallOptions& call = {});

  /// The tablets' last rows, and keys between them about every `step_bytes` (0: the server's
  /// choice, some MiB), ascending; the last has an empty row and the totals. For cutting work into
  /// parts and for estimates: nothing is read. An empty table has one sample a tablet.
  absl::StatusOr<std::vector<RowKeySample>> SampleRowKeys(uint64_t step_bytes = 0,
                                                          const CallOptions& call = {});
  /// `done` runs once, as that of ApplyAsync.
  void SampleRowKeysAsync(uint64_t step_bytes,
                          std::function<void(absl::StatusOr<std::vector<RowKeySample>>)> done,
                          const CallOptions& call = {});
  /// The same with a future; dropping it does not wait.
  std::future<absl::StatusOr<std::vector<RowKeySample>>> SampleRowKeysAsync(
      uint64_t step_bytes = 0, const CallOptions& call = {});

 private:
  friend class BulkMutator;
  friend class Client;
  struct State;
  explicit Table(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace stele
