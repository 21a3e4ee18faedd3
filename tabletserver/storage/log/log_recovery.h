// Recovery of the ring: which segment holds which lap, where replay begins, where the log was cut,
// and whether what stands at the cut is a torn tail or damage (FORMAT.md, "Replay").
//
// ScanLog checks every live record before ReplayLog hands out the first one. Neither writes.
// Owned by CommitLog until Start. Thread-compatible.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common/store/blob_store.h"
#include "tabletserver/storage/log/commit_log.h"
#include "tabletserver/storage/log/log_reader.h"

namespace stele::storage {

struct ScannedSegment {
  uint64_t index = 0;
  std::unique_ptr<LogSegment> segment;
  uint64_t lap = 0;  // 0: no good segment header, or an overtaken one
  LogRecordHeader header;
  LogControl control;
};

// A run of records without a gap: from the tail, or from a record behind damage.
struct LogStretch {
  std::optional<LogRecordHeader> first;  // none: the control record at the tail
  LogPosition end;
};

struct LogScan {
  std::vector<ScannedSegment> segments;  // by index
  bool empty = true;                     // nothing was ever durable: a new ring
  uint64_t uuid = 0;
  LogPosition tail;
  LogPosition cut{1, 0};  // the writer goes on here; offset 0: a new lap is due
  LogOutcome cut_reason = LogOutcome::kMissing;
  uint64_t epoch = 0;  // of the last good record
  Lsn next_lsn = 1;
  bool closed = false;  // ended by a close record
  // Only for a damaged log: what is readable, and what is not. The writer then begins a new lap.
  std::vector<LogStretch> stretches;
  std::vector<LogGap> gaps;

  ScannedSegment* FindLap(uint64_t lap);
  uint64_t bytes() const;  // from the tail to the cut
};

// Opens and checks all segments. `uuid` is the identity for a new ring. Errors: DataLoss for
// damage, FailedPrecondition (another ring's segment, another format version), I/O.
StatusOr<LogScan> ScanLog(LogStore* store, uint64_t uuid);

// As ScanLog, but a damaged log is read around its damage (log_salvage.h), which is then in `gaps`.
StatusOr<LogScan> ScanDamagedLog(LogStore* store, uint64_t uuid);

// Calls fn for each record from tail to cut. DataLoss when the log no longer reads as it was
// scanned.
Status ReplayLog(LogScan* scan, const std::function<Status(const RecoveredRecord&)>& fn);

}  // namespace stele::storage
