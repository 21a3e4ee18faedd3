// CommitLog: the circular commit log of one tablet server (FORMAT.md beside this file). A ring of
// preallocated, pre-written segments; one thread at a time has the turn: it writes what is queued,
// syncs once, checks the lease, applies the group to the memtables in log order and completes the
// callers. That is the log thread, or a caller who waits and finds it idle (LogTurn).
//
// Crash rule: a record whose completion ran with OK is found by Recover after any crash. A record
// that failed or never completed may be found or not. Nothing after a failed write or sync is ever
// acknowledged: the log is poisoned, on_fatal runs once. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/fault/fault.h"
#include "common/store/blob_store.h"
#include "common/time/clock.h"
#include "schema/model/model.h"

namespace stele::storage {

using Lsn = uint64_t;

struct CommitLogOptions {
  uint64_t segment_bytes = 64u << 20;     // 1 KiB .. 1 GiB
  uint32_t initial_segments = 2;          // >= 2
  uint32_t max_segments = 16;             // the ring's limit
  uint32_t max_group_bytes = 4u << 20;    // one write
  uint64_t max_queued_bytes = 64u << 20;  // beyond: Append fails with ResourceExhausted
  bool sync = true;                       // false only behind a flag named --unsafe-...
  bool give_turns = true;                 // false: the log thread commits all (LogTurn)
  // Identity given to a new ring; an existing ring keeps its own. It should be random: who knows it
  // can write values that look like log records (and make recovery see damage where there is none).
  uint64_t new_log_uuid = 0;
};

// What a segment that is made now needs. Only syncs gain by space that was written before.
inline LogStore::Space SpaceOf(const CommitLogOptions& options) {
  return options.sync ? LogStore::Space::kWritten : LogStore::Space::kReserved;
}

// One record: opaque to the log. The payload is owned by the log from Append to completion.
struct LogRecord {
  TabletId tablet = 0;
  std::string payload;
  // Runs on the thread that has the turn, in log order, after the sync and the lease check, before
  // `done`; puts the cells into the memtable. The payload is the record's own, valid for the call.
  std::function<void(Lsn, Slice payload)> apply;
  // Runs there, too, exactly once. OK: durable and applied. Error: see the crash rule.
  std::function<void(const Status&)> done;
  // When it is true as the record's turn comes, the record is refused (ResourceExhausted): it was
  // made from one that was refused. Null: never. Set by `done` of another record.
  std::shared_ptr<const std::atomic<bool>> refused;
};

struct CommitLogHooks {
  // Called after each sync and before anything of the group is applied or acknowledged; not OK
  // (lease over) is fatal.
  std::function<Status()> lease_check;
  // The log cannot go on (write or sync failed, lease lost). Called once.
  std::function<void(const Status&)> on_fatal;
  // `pinning` hold the tail of a ring that is over half full, or that a few small flushes would
  // keep short, or whose tail does not read any more: flush them soon. Called from the log
  // thread; must not block.
  std::function<void(std::vector<TabletId> pinning)> on_pressure;
  Clock* clock = nullptr;  // times the syncs, outlives the log; null: the machine's
};

struct LogRingStatus {
  uint64_t epoch = 0;
  uint32_t segments = 0;
  uint32_t max_segments = 0;
  uint64_t segment_bytes = 0;
  uint64_t head_segment = 0, tail_segment = 0;  // positions in ring order (ever increasing)
  uint64_t head_offset = 0;
  uint64_t live_bytes = 0;  // not yet reclaimable
  Lsn next_lsn = 0;
  uint64_t wraps = 0;         // segments reused
  uint64_t queued_bytes = 0;  // not yet durable; with next_lsn standing still: a stuck disk
  std::vector<TabletId> pinning;
  uint64_t syncs = 0;       // groups written and synced since the start
  uint64_t slow_syncs = 0;  // those of them that took longer than a second
};

// A stretch of the log that does not read although it was durable (P26). What Recover hands over
// leaves it out.
struct LogGap {
  struct Part {
    uint64_t segment = 0, lap = 0, offset = 0, bytes = 0;
  };
  std::string report;            // segment, lap, offset, LSNs, epoch: where and what
  uint64_t epoch = 0;            // of the records before it
  uint64_t lap = 0, offset = 0;  // its first byte
  std::vector<Part> parts;       // its bytes, as far as there are any
  // Records with LSN first_lsn .. end_lsn - 1 may have been in it; 0: the bound is not known.
  Lsn first_lsn = 0, end_lsn = 0;
  std::map<Lsn, TabletId> known;  // those of them whose headers are good, and so tell the tablet

  bool bounded() const { return first_lsn != 0 && end_lsn != 0; }
};

// What Recover hands over, in log order.
struct RecoveredRecord {
  Lsn lsn = 0;
  TabletId tablet = 0;
  Slice payload;
  // The LSN under which the record was first completed. Smaller than `lsn` for a copy that the log
  // made to free its tail: the record may come a second time, and after newer ones of its tablet.
  // The payload's own sequence numbers tell.
  Lsn original_lsn = 0;
};

class CommitLog;

// The turn of a caller who waits for its record and may commit it, with whatever else is queued, on
// its own thread: two changes of threads less. Append gives it, its end uses it; by then the caller
// holds no lock that a completion may take. Bound to one thread.
class LogTurn {
 public:
  LogTurn() = default;
  ~LogTurn();
  LogTurn(const LogTurn&) = delete;
  LogTurn& operator=(const LogTurn&) = delete;
  void Give(CommitLog* log) { log_ = log; }

 private:
  CommitLog* log_ = nullptr;
};

class CommitLog {
 public:
  virtual ~CommitLog() = default;  // stops: completes nothing new, joins the thread

  // Takes over `store` and scans the ring. Replays nothing by itself: call Recover, make the
  // records durable elsewhere, then Start. Damage that newer records follow is told by damage();
  // DataLoss only for a ring that cannot be told apart from another one.
  static StatusOr<std::unique_ptr<CommitLog>> Open(std::unique_ptr<LogStore> store,
                                                   const CommitLogOptions& options,
                                                   CommitLogHooks hooks, FaultInjector* faults);

  // Calls fn for every record found, in LSN order; an error of fn stops it. Only before Start; may
  // be called again.
  virtual Status Recover(const std::function<Status(const RecoveredRecord&)>& fn) = 0;

  // About how many bytes Recover reads. Only before Start.
  virtual uint64_t recovered_bytes() const = 0;

  // What Recover leaves out; empty: nothing. Whoever calls Start has found out whom it concerns,
  // and keeps the bytes: Start forgets them as it forgets the records.
  virtual const std::vector<LogGap>& damage() const = 0;
  // Calls fn with the bytes of the part, in order. Only before Start.
  virtual Status ReadDamage(const LogGap::Part& part, const std::function<Status(Slice)>& fn) = 0;

  // Begins the new epoch (its first record is durable when this returns), forgets the recovered
  // records, starts the log thread.
  virtual Status Start() = 0;

  // Queues a record; never blocks on the disk. Records of one caller keep their order. When it
  // returns an error nothing is queued and neither callback runs: ResourceExhausted (queue or ring
  // full, try later) or the fatal status. `turn`, of a caller that will wait, may be given the
  // turn: never while groups of several records say that the sync is worth sharing.
  virtual Status Append(LogRecord record, LogTurn* turn = nullptr) = 0;

  // Everything of `tablet` up to and including `lsn` is durable in SSTables and its manifest: the
  // tail may advance. LSNs are those of the records' first completion (apply); calls may come in
  // any order.
  virtual void MarkFlushed(TabletId tablet, Lsn lsn) = 0;
  // The tablet left this server, all of it flushed: it pins nothing any more.
  virtual void Forget(TabletId tablet) = 0;

  virtual LogRingStatus status() const = 0;

  // Refuses new records, completes the queued ones, writes a clean-close record, joins.
  virtual Status Close() = 0;

 private:
  friend LogTurn;
  // Commits one group and gives the turn back.
  virtual void UseTurn() = 0;
};

inline LogTurn::~LogTurn() {
  if (log_ != nullptr) log_->UseTurn();
}

}  // namespace stele::storage
