/// @file
/// BulkMutator: writes many rows with few requests, in the background, in bounded memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stele/model.h"
#include "stele/mutation.h"
#include "stele/options.h"
#include "stele/table.h"

namespace stele {

/// Of a BulkMutator.
struct BulkOptions {
  /// Bytes of keys and values that were added and not yet answered; 1 .. 16 GiB. A single row that
  /// is larger goes alone.
  uint64_t max_outstanding_bytes = 64u << 20;
  uint64_t max_outstanding_rows = 100'000;  ///< added and not yet answered; 1 .. 10 000 000
  uint64_t batch_bytes = 2u << 20;          ///< a batch goes when it has so many; 1 .. 64 MiB
  uint64_t batch_rows = 2'000;              ///< or so many rows; 1 .. 100 000
  uint32_t batches_in_flight = 4;           ///< at most at once; 1 .. 1000
  int64_t linger_ms = 50;  ///< or when its first row has waited so long; 0 .. 60 000
  CallOptions call;        ///< of each batch; its timeout bounds how long a row stays unanswered
  /// Runs once for each row that was not certainly applied, with its status as Table::Apply gives
  /// it. On threads of the client, perhaps on several at once, before Flush returns; must not
  /// block, so it may call TryAdd but not Add. Setting it keeps a copy of each outstanding row.
  std::function<void(const RowMutation&, const absl::Status&)> on_failure;
};

/// Counts since the BulkMutator was made.
struct BulkStats {
  uint64_t rows_added = 0;         ///< taken by Add or TryAdd
  uint64_t rows_applied = 0;       ///< answered OK
  uint64_t rows_failed = 0;        ///< certainly without effect
  uint64_t rows_unknown = 0;       ///< answered Unknown
  uint64_t batches = 0;            ///< sent
  uint64_t waits = 0;              ///< times Add had to wait for room
  uint64_t outstanding_rows = 0;   ///< now
  uint64_t outstanding_bytes = 0;  ///< now
};

/// Writes rows in background batches. Rows are independent and may be applied in any order, also
/// two changes of the same row: where order matters, Flush between them. Thread-safe.
///
///     auto bulk = stele::BulkMutator::Create(table, {});
///     for (...) if (auto s = (*bulk)->Add(RowMutationBuilder(key).Set("f", "q", v)); !s.ok()) ...
///     absl::Status done = (*bulk)->Flush();
class BulkMutator {
 public:
  /// InvalidArgument when an option is outside its range.
  static absl::StatusOr<std::unique_ptr<BulkMutator>> Create(const Table& table,
                                                             const BulkOptions& options);
  /// Flushes: waits until every row is answered.
  ~BulkMutator();
  BulkMutator(const BulkMutator&) = delete;
  BulkMutator& operator=(const BulkMutator&) = delete;

  /// Takes the row; waits while the bounds are reached, at most a batch's timeout for each batch
  /// before it. FailedPrecondition after Close, Cancelled when the client is closed: not taken.
  absl::Status Add(RowMutation row);
  /// Takes what the builder holds; it is empty afterwards.
  absl::Status Add(RowMutationBuilder& builder) { return Add(builder.Build()); }
  /// The same.
  absl::Status Add(RowMutationBuilder&& builder) { return Add(builder.Build()); }
  /// Takes the row if there is room at once; else ResourceExhausted, and `row` is unchanged.
  absl::Status TryAdd(RowMutation&& row);

  /// Sends what waits and returns when no row is outstanding: when every row added before, and by
  /// other threads meanwhile, was answered. OK when all rows since the last Flush were applied,
  /// else the first failure among them.
  absl::Status Flush();
  /// Flushes and takes no more rows. May be called again.
  absl::Status Close();

  /// Counts up to now.
  BulkStats stats() const;

 private:
  class Impl;
  explicit BulkMutator(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  const std::shared_ptr<Impl> impl_;
};

}  // namespace stele
