#include "tabletserver/storage/log/log_recovery.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "common/base/check.h"
#include "tabletserver/storage/log/log_salvage.h"

namespace stele::storage {
namespace {

using Readers = std::vector<std::unique_ptr<LogSegmentReader>>;  // parallel to LogScan::segments

Readers MakeReaders(const LogScan& scan) {
  Readers readers;
  for (const ScannedSegment& s : scan.segments) {
    readers.push_back(std::make_unique<LogSegmentReader>(SegmentByteSource(s.segment.get()),
                                                         s.segment->capacity()));
  }
  return readers;
}

std::map<uint64_t, LogSegmentReader*> ByLap(const LogScan& scan, const Readers& readers) {
  std::map<uint64_t, LogSegmentReader*> by_lap;
  for (size_t i = 0; i < readers.size(); ++i) {
    if (scan.segments[i].lap != 0) by_lap[scan.segments[i].lap] = readers[i].get();
  }
  return by_lap;
}

Status OpenSegments(LogStore* store, LogScan* scan) {
  ASSIGN_OR_RETURN(std::vector<LogStore::SegmentInfo> infos, store->List());
  for (const LogStore::SegmentInfo& info : infos) {
    ScannedSegment s;
    s.index = info.index;
    ASSIGN_OR_RETURN(s.segment, store->Open(info.index));
    scan->segments.push_back(std::move(s));
  }
  return OkStatus();
}

Status ReadSegmentHeaders(const Readers& readers, LogScan* scan) {
  for (size_t i = 0; i < readers.size(); ++i) {
    ScannedSegment& s = scan->segments[i];
    ASSIGN_OR_RETURN(LogReadResult r, readers[i]->ReadAt(0));
    if (r.has_header() && r.header.version != kLogVersion) return OtherLogVersion(r.header);
    if (r.outcome != LogOutcome::kRecord || r.header.type != LogRecordType::kSegment) continue;
    CHECK(DecodeLogControl(r.payload, &s.control));    // ReadAt has checked it
    if (s.control.segment_index != s.index) continue;  // not written to this segment
    s.header = r.header;
    s.lap = r.header.lap;
  }
  return OkStatus();
}

// Of two segments with the same lap the later epoch counts: the other one was torn when it was
// begun, and the lap begun again.
Status DropOvertakenLaps(LogScan* scan) {
  std::map<uint64_t, ScannedSegment*> by_lap;
  for (ScannedSegment& s : scan->segments) {
    if (s.lap == 0) continue;
    auto [it, fresh] = by_lap.emplace(s.lap, &s);
    if (fresh) continue;
    if (it->second->header.epoch == s.header.epoch) {
      return CorruptError(absl::StrCat("log segments ", it->second->index, " and ", s.index,
                                       " both hold lap ", s.lap, " of epoch ", s.header.epoch));
    }
    ScannedSegment* const older = it->second->header.epoch < s.header.epoch ? it->second : &s;
    if (older == it->second) it->second = &s;
    older->lap = 0;
  }
  return OkStatus();
}

Status CheckIdentity(uint64_t uuid, LogScan* scan) {
  scan->uuid = uuid;
  uint64_t newest = 0;
  for (const ScannedSegment& s : scan->segments) {
    if (s.lap <= newest) continue;
    newest = s.lap;
    scan->uuid = s.header.uuid;
  }
  for (const ScannedSegment& s : scan->segments) {
    if (s.lap != 0 && s.header.uuid != scan->uuid) {
      return absl::FailedPreconditionError(absl::StrCat(
          "log segment ", s.index, " belongs to the log ", s.header.uuid, ", not to ", scan->uuid));
    }
  }
  return OkStatus();
}

// The largest tail that any good control record of the newest lap, or any segment header, tells.
Status FindTail(const Readers& readers, LogScan* scan) {
  size_t newest = readers.size();
  for (size_t i = 0; i < readers.size(); ++i) {
    const ScannedSegment& s = scan->segments[i];
    if (s.lap == 0) continue;
    scan->empty = false;
    scan->tail = std::max(scan->tail, s.control.tail);
    if (newest == readers.size() || s.lap > scan->segments[newest].lap) newest = i;
  }
  if (scan->empty) return OkStatus();
  LogSegmentReader* const reader = readers[newest].get();
  for (uint64_t offset = 0; offset < reader->capacity();) {
    ASSIGN_OR_RETURN(std::optional<LogRecordHeader> header, reader->FindHeader(offset));
    if (!header.has_value()) break;
    ASSIGN_OR_RETURN(LogReadResult r, reader->ReadAt(header->offset));
    offset = header->offset + kLogHeaderBytes;
    if (r.outcome != LogOutcome::kRecord) continue;
    offset += header->length;
    LogControl control;
    if (!header->is_control() || header->uuid != scan->uuid ||
        header->lap != scan->segments[newest].lap) {
      continue;
    }
    CHECK(DecodeLogControl(r.payload, &control));
    scan->tail = std::max(scan->tail, control.tail);
  }
  return OkStatus();
}

// A live segment with fewer bytes than it was begun with has lost some: no torn write does that.
Status CheckLengths(const LogScan& scan) {
  for (const ScannedSegment& s : scan.segments) {
    if (s.lap == 0 || s.lap < scan.tail.lap || s.segment->capacity() >= s.control.capacity)
      continue;
    Status status = CorruptError(absl::StrCat(
        "damaged log: segment ", s.index, " lap ", s.lap, " offset ", s.segment->capacity(),
        ": the segment was cut short, it had ", s.control.capacity, " bytes, tablet any"));
    return status;
  }
  return OkStatus();
}

struct Proof {
  size_t segment = 0;
  LogRecordHeader header;
};

// A good record whose write began after `place` in the same or a later epoch: everything before
// that write was durable, so what is wrong at `place` is damage.
StatusOr<std::optional<Proof>> FindLaterWrite(const LogScan& scan, const Readers& readers,
                                              LogPosition place, uint64_t epoch) {
  for (size_t i = 0; i < readers.size(); ++i) {
    const uint64_t lap = scan.segments[i].lap;
    if (!scan.empty && lap >= scan.tail.lap && lap < place.lap) continue;  // all of it was good
    uint64_t offset = !scan.empty && lap == place.lap ? place.offset : 0;
    while (true) {
      ASSIGN_OR_RETURN(std::optional<LogRecordHeader> h, readers[i]->FindHeader(offset));
      if (!h.has_value()) break;
      // What a whole record holds is its caller's, whatever it looks like.
      ASSIGN_OR_RETURN(LogReadResult r, readers[i]->ReadAt(h->offset));
      offset = h->offset + kLogHeaderBytes;
      if (r.outcome == LogOutcome::kRecord) offset += h->length;
      const bool ours = scan.empty || (h->uuid == scan.uuid && h->epoch >= epoch);
      const bool proves = (h->flags & kLogFlagUnsynced) == 0;
      if (ours && proves && LogPosition{h->lap, h->write_offset} > place) {
        return std::make_optional(Proof{i, *h});
      }
    }
  }
  return std::optional<Proof>();
}

// The segment that holds (or, with its header damaged, seems to hold) the lap.
StatusOr<std::string> NameSegment(const LogScan& scan, const Readers& readers, uint64_t lap) {
  for (const ScannedSegment& s : scan.segments) {
    if (s.lap == lap) return absl::StrCat(s.index);
  }
  for (size_t i = 0; i < readers.size(); ++i) {
    uint64_t offset = 0;
    while (scan.segments[i].lap == 0) {
      ASSIGN_OR_RETURN(std::optional<LogRecordHeader> h, readers[i]->FindHeader(offset));
      if (!h.has_value()) break;
      if (h->uuid == scan.uuid && h->lap == lap) return absl::StrCat(scan.segments[i].index);
      offset = h->offset + kLogHeaderBytes;
    }
  }
  return std::string("(none)");
}

// The DataLoss, or the error met while the segment was looked for.
Status DamageError(const LogScan& scan, const Readers& readers, const LogWalkEnd& end,
                   const Proof& proof) {
  ASSIGN_OR_RETURN(std::string segment, NameSegment(scan, readers, end.position.lap));
  const bool named = end.found.outcome == LogOutcome::kBadPayload && end.found.header.tablet != 0;
  const std::string tablets = named ? absl::StrCat(end.found.header.tablet) : "any";
  Status status = CorruptError(absl::StrCat(
      "damaged log: segment ", segment, " lap ", end.position.lap, " offset ", end.position.offset,
      ": ", LogOutcomeName(end.found.outcome), " where LSN ", end.next_lsn, " of epoch ", end.epoch,
      " was due, tablet ", tablets, "; a later write stands in segment ",
      scan.segments[proof.segment].index, " lap ", proof.header.lap, " offset ",
      proof.header.offset, " (LSN ", proof.header.lsn, ", epoch ", proof.header.epoch, ")"));
  return status;
}

}  // namespace

uint64_t LogScan::bytes() const {
  uint64_t sum = 0;
  for (const ScannedSegment& segment : segments) {
    if (empty || segment.lap == 0 || segment.lap < tail.lap || segment.lap > cut.lap) continue;
    const uint64_t begin = segment.lap == tail.lap ? tail.offset : 0;
    const uint64_t end = segment.lap == cut.lap ? cut.offset : segment.segment->capacity();
    sum += end > begin ? end - begin : 0;
  }
  return sum;
}

ScannedSegment* LogScan::FindLap(uint64_t lap) {
  for (ScannedSegment& s : segments) {
    if (lap != 0 && s.lap == lap) return &s;
  }
  return nullptr;
}

namespace {

Status CheckEpoch(const LogStore& store, const LogScan& scan) {
  if (store.epoch() > scan.epoch) return OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the log holds records of epoch ", scan.epoch,
                                                    ", its store was opened under epoch ",
                                                    store.epoch()));
}

// The segments and what their headers say.
Status ReadRing(LogStore* store, uint64_t uuid, LogScan* scan) {
  RETURN_IF_ERROR(OpenSegments(store, scan));
  RETURN_IF_ERROR(ReadSegmentHeaders(MakeReaders(*scan), scan));
  RETURN_IF_ERROR(CheckIdentity(uuid, scan));
  return DropOvertakenLaps(scan);
}

// From the tail to the cut. DataLoss for damage.
Status CheckRing(LogScan* scan) {
  const Readers readers = MakeReaders(*scan);
  RETURN_IF_ERROR(FindTail(readers, scan));
  RETURN_IF_ERROR(CheckLengths(*scan));
  LogWalkEnd end;
  end.position = scan->cut;
  if (!scan->empty) {
    LogWalker walker(ByLap(*scan, readers), scan->uuid);
    ASSIGN_OR_RETURN(
        end, walker.Walk(scan->tail, UINT64_MAX, [](const LogEntry&) { return OkStatus(); }));
  }
  ASSIGN_OR_RETURN(std::optional<Proof> proof,
                   FindLaterWrite(*scan, readers, end.position, end.epoch));
  if (proof.has_value()) return DamageError(*scan, readers, end, *proof);
  if (end.position == scan->tail) {
    return CorruptError(absl::StrCat("the log's tail, lap ", end.position.lap, " offset ",
                                     end.position.offset,
                                     ", does not read: ", LogOutcomeName(end.found.outcome)));
  }
  scan->cut = end.position;
  scan->cut_reason = end.found.outcome;
  scan->epoch = end.epoch;
  scan->next_lsn = end.next_lsn;
  scan->closed = end.closed;
  return OkStatus();
}

}  // namespace

StatusOr<LogScan> ScanLog(LogStore* store, uint64_t uuid) {
  LogScan scan;
  RETURN_IF_ERROR(ReadRing(store, uuid, &scan));
  RETURN_IF_ERROR(CheckRing(&scan));
  RETURN_IF_ERROR(CheckEpoch(*store, scan));
  return scan;
}

StatusOr<LogScan> ScanDamagedLog(LogStore* store, uint64_t uuid) {
  LogScan scan;
  RETURN_IF_ERROR(ReadRing(store, uuid, &scan));
  const Status whole = CheckRing(&scan);
  if (IsCorrupt(whole)) {
    RETURN_IF_ERROR(SalvageLog(whole, &scan));
  } else {
    RETURN_IF_ERROR(whole);
  }
  RETURN_IF_ERROR(CheckEpoch(*store, scan));
  return scan;
}

Status ReplayLog(LogScan* scan, const std::function<Status(const RecoveredRecord&)>& fn) {
  if (scan->empty) return OkStatus();
  const Readers readers = MakeReaders(*scan);
  LogWalker walker(ByLap(*scan, readers), scan->uuid);
  Lsn previous = 0;
  const auto deliver = [&](const LogEntry& entry) {
    CHECK_GT(entry.lsn, previous);
    previous = entry.lsn;
    return fn({entry.lsn, entry.tablet, entry.payload, entry.original_lsn});
  };
  const std::vector<LogStretch> whole = {{std::nullopt, scan->cut}};
  for (const LogStretch& stretch : scan->stretches.empty() ? whole : scan->stretches) {
    ASSIGN_OR_RETURN(LogWalkEnd end, stretch.first ? walker.WalkOn(*stretch.first, deliver)
                                                   : walker.Walk(scan->tail, UINT64_MAX, deliver));
    if (end.position != stretch.end) {
      return CorruptError(absl::StrCat("the log was good up to lap ", stretch.end.lap, " offset ",
                                       stretch.end.offset, " and now reads to lap ",
                                       end.position.lap, " offset ", end.position.offset));
    }
  }
  return OkStatus();
}

}  // namespace stele::storage
