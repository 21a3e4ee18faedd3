// LogWriter: turns records into bytes of the ring, one write and one sync at a time. Synchronous
// and without a thread of its own: who has the log's turn drives it, and so can a test. Bound to
// one thread at a time.
//
// Invariants: a write ends inside one segment and is synced before the next begins (FORMAT.md, rule
// 1); LSNs are handed out in the order of the records; a segment is overwritten only after a tail
// past its lap is durable and the lease was checked.
// Crash rule: what WriteGroup returned OK for is durable. After any error the writer is dead: the
// records up to attempted() may be on disk, the others are not.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/fault/fault.h"
#include "tabletserver/storage/log/commit_log.h"
#include "tabletserver/storage/log/log_recovery.h"
#include "tabletserver/storage/log/log_ring.h"

namespace stele::storage {

// A record on its way to the disk.
struct PendingRecord {
  LogRecord record;
  uint32_t crc = 0;  // Crc32c(payload), computed by the thread that submitted it
  uint64_t cost = 0;
  Lsn lsn = 0;           // set by the writer
  Lsn original_lsn = 0;  // not 0: a copy; the payload begins with it
};

class LogWriter {
 public:
  // All outlive the writer; `faults` may be null.
  LogWriter(const CommitLogOptions& options, LogRing* ring, std::function<Status()> lease_check,
            FaultInjector* faults);

  // Begins the store's epoch at the scan's cut: its first record is durable when this returns, and
  // what was recovered is forgotten. Moves the scan's segments into the ring.
  Status Begin(LogStore* store, LogScan* scan);

  // Writes and syncs. ResourceExhausted inside is a bug of admission and as fatal as the rest.
  Status WriteGroup(absl::Span<PendingRecord> group);
  size_t attempted() const { return attempted_; }

  // Leaves the rest of the head unused and begins the next segment (together with the next group).
  Status SkipRestOfHead();

  // Copies the records that still pin the tail to the head, when they are few. True: the tail moved
  // on. A tail that does not read is reported and left to a flush (false).
  StatusOr<bool> CarryTail();
  // CarryTail has found it so: what it holds is safe only when its tablets are flushed.
  bool TailIsUnreadable() const {
    return unreadable_lap_ != 0 && unreadable_lap_ == ring_->turn().tail;
  }

  // The last record of a clean end. Left out when the ring has no room for it.
  Status WriteClose();

  Lsn next_lsn() const { return next_lsn_; }

 private:
  Status BeginAtCut(LogStore* store, LogScan* scan);
  Status BeginNextLap(LogStore* store, LogScan* scan, bool forget_all);
  Status FillUp(LogStore* store, LogScan* scan);
  void HandOver(LogScan* scan, size_t head, LogPosition first);

  Status Append(PendingRecord* record);
  Status AppendPieces(PendingRecord* record);
  // Returns `running_crc` (0 at first) extended by the payload.
  uint32_t Encode(LogRecordHeader header, Slice payload, uint32_t running_crc);
  void EncodeControl(LogRecordType type, uint16_t flags, LogPosition tail, uint64_t index,
                     uint64_t capacity);
  void EncodeHeadControl(LogRecordType type, uint16_t flags, LogPosition tail);
  Status Advance(bool inside_record);
  Status Flush();
  Status WriteInSteps(LogSegment* segment);
  StatusOr<std::vector<PendingRecord>> ReadTail(const LogRing::CarryPlan& plan);
  // The records that stand where the plan says, without what lies between them.
  Status ReadPlaces(const LogRing::CarryPlan& plan, const LogRing::Live& tail,
                    const std::function<Status(const LogEntry&)>& fn);

  uint64_t offset() const { return write_offset_ + buffer_.size(); }
  LogPosition position() const { return {lap_, offset()}; }
  uint64_t data_limit() const { return capacity_ - kLogTailRoomBytes; }
  Status Dead(Status status);

  const CommitLogOptions options_;
  LogRing* const ring_;
  const std::function<Status()> lease_check_;
  FaultInjector* const faults_;

  uint64_t uuid_ = 0;
  uint64_t epoch_ = 0;
  uint64_t lap_ = 0;
  uint64_t capacity_ = 0;      // of the head
  uint64_t write_offset_ = 0;  // in the head: everything before it is durable
  std::string buffer_;         // what stands from there on, not yet written
  Lsn next_lsn_ = 1;
  size_t encoded_ = 0;  // records of the group whose bytes are, at least in part, in buffer_
  size_t attempted_ = 0;
  uint64_t unreadable_lap_ = 0;  // the tail that CarryTail has given up
  Status dead_;
};

}  // namespace stele::storage
