// LockedRow: one row that conditional changes are working on: the queue of its changes, and the
// cells that are queued in the log and not yet in the memtable, so that the next change reads them
// at once instead of waiting for their sync. Exists while it has a change waiting or a record in
// the log; kept in the tablet's table of locked rows.
//
// Invariants: changes are decided and queued one at a time, in the order of arrival (`running`).
// While a row is locked, every write to it goes through here. `older` and `newer` hold the cells of
// every record of the row that is not applied, and perhaps some that are.
// Shared fate: a record that the log refuses takes with it all later records of the row that are in
// the log (`refused`), for they may have been decided from its cells.
//
// Guarded by the tablet's write mutex, but that the two tables of cells may be read without it by
// whoever is `running`.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "tabletserver/storage/row_change.h"
#include "tabletserver/storage/tablet_version.h"

namespace stele::storage {

struct LockedRow {
  static constexpr size_t kMaxWaiting = 10'000;            // changes
  static constexpr uint64_t kMaxWaitingBytes = 16u << 20;  // of them
  static constexpr size_t kCellsBytes = 256 * 1024;        // of one table of queued cells

  explicit LockedRow(std::string row_key) : key(std::move(row_key)) {}

  const std::string key;
  std::deque<std::unique_ptr<RowChange>> waiting;
  uint64_t waiting_bytes = 0;
  bool running = false;  // somebody takes the next of `waiting`, or is called to
  // Plain writes from before the lock are applied: memtable and queued cells together are the row.
  bool settled = false;
  uint64_t in_log = 0;  // records
  Sequence last_queued = 0;
  std::shared_ptr<TabletMemtable> older, newer;  // queued cells
  Sequence older_last = 0, newer_last = 0;       // sequences in them
  std::shared_ptr<std::atomic<bool>> refused = std::make_shared<std::atomic<bool>>(false);
  bool waits_for_log = false;  // `running` goes on when in_log is 0
  // Answers of changes that wrote nothing but saw what is not durable yet: they follow the record
  // with this last sequence.
  std::deque<std::pair<Sequence, std::function<void(const Status&)>>> answers;
};

}  // namespace stele::storage
