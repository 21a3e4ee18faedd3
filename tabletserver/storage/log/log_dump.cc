#include "tabletserver/storage/log/log_dump.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

namespace stele::storage {
namespace {

using Sink = std::function<void(const std::string&)>;

struct DumpedSegment {
  std::unique_ptr<LogSegmentReader> reader;
  bool has_header = false;
  LogRecordHeader header;
  LogPosition tail;  // the largest one told in it
};

std::string Describe(const LogReadResult& r) {
  const LogRecordHeader& h = r.header;
  std::string line = absl::StrCat("  ", h.offset, ": ", LogRecordTypeName(h.type), " epoch ",
                                  h.epoch, " lap ", h.lap, " lsn ", h.lsn);
  LogControl control;
  if (h.is_control() && DecodeLogControl(r.payload, &control)) {
    absl::StrAppend(&line, " tail ", control.tail.lap, "/", control.tail.offset, " segment ",
                    control.segment_index);
  } else {
    absl::StrAppend(&line, " tablet ", h.tablet, " bytes ", h.length);
  }
  absl::StrAppend(&line, " written from ", h.write_offset);
  if ((h.flags & kLogFlagCarried) != 0) absl::StrAppend(&line, " carried");
  if ((h.flags & kLogFlagContinues) != 0) absl::StrAppend(&line, " continues");
  if ((h.flags & kLogFlagUnsynced) != 0) absl::StrAppend(&line, " unsynced");
  return line;
}

// Follows one segment from its header; `end` is where it stops, `outcome` why (kRecord: a pad).
struct SegmentEnd {
  uint64_t offset = 0;
  LogOutcome outcome = LogOutcome::kRecord;
  uint64_t epoch = 0;
  uint64_t records = 0;
};
StatusOr<SegmentEnd> FollowSegment(DumpedSegment* s, const LogDumpOptions& options,
                                   const Sink& sink) {
  SegmentEnd end;
  while (true) {
    ASSIGN_OR_RETURN(LogReadResult r, s->reader->ReadAt(end.offset));
    end.outcome = r.outcome;
    if (r.outcome == LogOutcome::kStale && r.header.version != kLogVersion && end.offset == 0) {
      return OtherLogVersion(r.header);
    }
    if (r.outcome == LogOutcome::kRecord && s->has_header &&
        (r.header.lap != s->header.lap || r.header.uuid != s->header.uuid ||
         r.header.epoch < end.epoch)) {
      end.outcome = LogOutcome::kStale;
    }
    if (end.outcome != LogOutcome::kRecord) return end;
    if (end.offset == 0) {
      if (r.header.type != LogRecordType::kSegment) {
        end.outcome = LogOutcome::kBadHeader;
        return end;
      }
      s->has_header = true;
      s->header = r.header;
    }
    LogControl control;
    if (r.header.is_control() && DecodeLogControl(r.payload, &control)) {
      s->tail = std::max(s->tail, control.tail);
    }
    if (options.records) sink(Describe(r));
    ++end.records;
    end.epoch = r.header.epoch;
    end.offset += kLogHeaderBytes + r.header.length;
    if (r.header.type == LogRecordType::kPad) return end;
  }
}

// A later record of the same lap whose write began after the end: what lies between is damaged.
StatusOr<bool> LaterWriteFollows(DumpedSegment* s, const SegmentEnd& end) {
  if (end.outcome == LogOutcome::kRecord) return false;
  uint64_t offset = end.offset;
  while (true) {
    ASSIGN_OR_RETURN(std::optional<LogRecordHeader> h, s->reader->FindHeader(offset));
    if (!h.has_value()) return false;
    const bool ours = !s->has_header || (h->lap == s->header.lap && h->uuid == s->header.uuid &&
                                         h->epoch >= end.epoch);
    if (ours && h->write_offset > end.offset && (h->flags & kLogFlagUnsynced) == 0) return true;
    offset = h->offset + kLogHeaderBytes;
  }
}

// *damage: what is wrong with the segment's bytes.
Status DumpSegment(const std::string& name, DumpedSegment* s, const LogDumpOptions& options,
                   const Sink& sink, Status* damage) {
  sink(absl::StrCat(name, ": ", s->reader->capacity(), " bytes"));
  ASSIGN_OR_RETURN(SegmentEnd end, FollowSegment(s, options, sink));
  ASSIGN_OR_RETURN(bool follows, LaterWriteFollows(s, end));
  const char* const why = end.outcome == LogOutcome::kRecord ? "pad" : LogOutcomeName(end.outcome);
  sink(absl::StrCat("  ", end.records, " records up to offset ", end.offset, ", then ", why));
  const bool torn = end.outcome == LogOutcome::kBadPayload;
  if (!follows && !torn) return OkStatus();
  *damage = CorruptError(absl::StrCat(
      name, " is damaged at offset ", end.offset, ": ", why,
      follows ? ", and later writes follow" : ", perhaps the torn end of the last write"));
  sink(absl::StrCat("  DAMAGE: ", damage->message()));
  return OkStatus();
}

// From the tail to the end, as recovery would go.
Status DumpRing(std::vector<DumpedSegment>* segments, const Sink& sink) {
  std::map<uint64_t, LogSegmentReader*> by_lap;
  LogPosition tail;
  uint64_t uuid = 0;
  for (DumpedSegment& s : *segments) {
    if (!s.has_header) continue;
    by_lap[s.header.lap] = s.reader.get();
    tail = std::max(tail, s.tail);
    uuid = s.header.uuid;
  }
  if (by_lap.empty()) {
    sink("ring: nothing in it");
    return OkStatus();
  }
  uint64_t records = 0, bytes = 0;
  std::map<uint64_t, uint64_t> tablets;
  LogWalker walker(std::move(by_lap), uuid);
  ASSIGN_OR_RETURN(LogWalkEnd end, walker.Walk(tail, UINT64_MAX, [&](const LogEntry& entry) {
    ++records;
    ++tablets[entry.tablet];
    bytes += entry.payload.size();
    return OkStatus();
  }));
  sink(absl::StrCat("ring: tail lap ", tail.lap, " offset ", tail.offset, ", end lap ",
                    end.position.lap, " offset ", end.position.offset, " (",
                    end.closed ? "closed" : LogOutcomeName(end.found.outcome), "), ", records,
                    " records of ", tablets.size(), " tablets, ", bytes, " bytes, next lsn ",
                    end.next_lsn));
  return OkStatus();
}

}  // namespace

Status DumpLog(const std::vector<LogDumpInput>& inputs, const LogDumpOptions& options,
               const Sink& sink) {
  std::vector<DumpedSegment> segments;
  Status first_damage;
  for (const LogDumpInput& input : inputs) {
    DumpedSegment s;
    s.reader = std::make_unique<LogSegmentReader>(input.source, input.capacity);
    Status damage;
    RETURN_IF_ERROR(WithContext(DumpSegment(input.name, &s, options, sink, &damage), input.name));
    if (first_damage.ok()) first_damage = damage;
    segments.push_back(std::move(s));
  }
  RETURN_IF_ERROR(DumpRing(&segments, sink));
  return first_damage;
}

Status DumpLogFiles(Fs* fs, const std::vector<std::string>& paths, const LogDumpOptions& options,
                    const Sink& sink) {
  std::vector<LogDumpInput> inputs;
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(std::unique_ptr<FsFile> opened, fs->Open(path, Fs::Mode::kRead));
    std::shared_ptr<FsFile> file = std::move(opened);
    LogDumpInput input;
    input.name = path;
    ASSIGN_OR_RETURN(input.capacity, file->Size());
    input.source = [file](uint64_t offset, size_t n, char* buffer) {
      return file->ReadAt(offset, n, buffer);
    };
    inputs.push_back(std::move(input));
  }
  return DumpLog(inputs, options, sink);
}

}  // namespace stele::storage
