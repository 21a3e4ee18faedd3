// Reads log records at given places and in ring order. LogSegmentReader knows one segment and takes
// nothing on trust but its own bytes; LogWalker follows the chain of records over the segments and
// accepts exactly what FORMAT.md, "Replay", allows.
//
// Invariant: nothing that fails a check is ever handed out; an I/O error is a Status, never an end.
// Owned by recovery, the carrying of cold records, and the dump. Thread-compatible.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "common/base/status.h"
#include "common/store/blob_store.h"
#include "tabletserver/storage/log/log_format.h"

namespace stele::storage {

// What stands at a place of the log.
enum class LogOutcome {
  kRecord,      // a good record
  kZeros,       // never written
  kShort,       // the segment's bytes end inside the header or the payload
  kBadHeader,   // magic or header crc wrong
  kBadPayload,  // good header, payload crc wrong
  kStale,       // a good record of another time or place: lap, epoch, LSN, offset or order differ
  kMissing,     // no segment holds the lap
};
const char* LogOutcomeName(LogOutcome outcome);
Status OtherLogVersion(const LogRecordHeader& header);

struct LogReadResult {
  LogOutcome outcome = LogOutcome::kMissing;
  LogRecordHeader header;  // set for kRecord, kBadPayload, kStale
  Slice payload;           // set for kRecord; valid until the reader's next call
  bool has_header() const {
    return outcome == LogOutcome::kRecord || outcome == LogOutcome::kBadPayload ||
           outcome == LogOutcome::kStale;
  }
};

// Reads up to n bytes at offset; short only at the end.
using LogByteSource = std::function<StatusOr<size_t>(uint64_t offset, size_t n, char* buffer)>;
LogByteSource SegmentByteSource(const LogSegment* segment);  // the segment outlives the source

class LogSegmentReader {
 public:
  // Reads so much at once, at least.
  static constexpr size_t kWindowBytes = 1u << 20;
  LogSegmentReader(LogByteSource source, uint64_t capacity, size_t window_bytes = kWindowBytes)
      : source_(std::move(source)), capacity_(capacity), window_bytes_(window_bytes) {}

  // kStale only for a wrong offset or another format version.
  StatusOr<LogReadResult> ReadAt(uint64_t offset);
  // The first good header of this version at its own offset >= from.
  StatusOr<std::optional<LogRecordHeader>> FindHeader(uint64_t from);
  uint64_t capacity() const { return capacity_; }

 private:
  // Up to n bytes at offset, fewer only at the end of the segment.
  StatusOr<Slice> Peek(uint64_t offset, size_t n);

  const LogByteSource source_;
  const uint64_t capacity_;
  const size_t window_bytes_;
  std::string window_;
  uint64_t window_offset_ = 0;
};

// A whole data record, put together from its pieces.
struct LogEntry {
  LogPosition position;  // where it begins
  uint64_t lsn = 0;
  uint64_t original_lsn = 0;  // differs from lsn for a carried copy
  uint64_t tablet = 0;
  Slice payload;  // valid for the call
};
// What a record is, put together, that begins at `begin` with these flags and has this payload;
// `header` is that of any of its pieces.
StatusOr<LogEntry> EntryOf(const LogRecordHeader& header, uint16_t flags, LogPosition begin,
                           Slice payload);

// Where and why a walk ended.
struct LogWalkEnd {
  LogPosition position;
  LogReadResult found;  // payload is not set; kRecord: the walk came past last_lap
  uint64_t epoch = 0;
  uint64_t next_lsn = 1;
  bool closed = false;  // a close record stands right before
  // Of the record whose pieces are not complete; 0: none, or not known.
  uint64_t unfinished_tablet = 0;
};

class LogWalker {
 public:
  // The readers outlive the walker.
  LogWalker(std::map<uint64_t, LogSegmentReader*> by_lap, uint64_t uuid)
      : by_lap_(std::move(by_lap)), uuid_(uuid) {}

  // Follows the chain from the control record at `from` and calls fn for each data record that
  // begins in a lap <= last_lap. An error of fn or of a read ends it with that error, a record of
  // another format version with FailedPrecondition.
  StatusOr<LogWalkEnd> Walk(LogPosition from, uint64_t last_lap,
                            const std::function<Status(const LogEntry&)>& fn);

  // The same from a good record in the middle of a chain, taken as it is. The record that it is a
  // later piece of is dropped.
  StatusOr<LogWalkEnd> WalkOn(const LogRecordHeader& first,
                              const std::function<Status(const LogEntry&)>& fn);

 private:
  StatusOr<LogWalkEnd> Go(uint64_t last_lap, const std::function<Status(const LogEntry&)>& fn);
  StatusOr<LogReadResult> ReadNext();
  bool Acceptable(const LogRecordHeader& header) const;
  bool FollowsInOrder(const LogRecordHeader& header) const;
  Status Take(const LogReadResult& record, const std::function<Status(const LogEntry&)>& fn);
  void TakeControl(const LogRecordHeader& header);

  const std::map<uint64_t, LogSegmentReader*> by_lap_;
  const uint64_t uuid_;
  LogPosition position_;
  bool at_start_ = true;
  bool closed_ = false;
  uint64_t epoch_ = 0;
  uint64_t next_lsn_ = 1;
  bool in_record_ = false;  // between kFirst and kLast
  bool orphan_ = false;     // its beginning lies before the start: dropped
  LogPosition record_start_;
  uint16_t record_flags_ = 0;
  uint64_t record_tablet_ = 0;
  std::string pieces_;
};

}  // namespace stele::storage
