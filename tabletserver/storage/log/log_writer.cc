#include "tabletserver/storage/log/log_writer.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/bytes/coding.h"
#include "common/bytes/crc32c.h"

namespace stele::storage {
namespace {

constexpr size_t kKeepBufferBytes = 8u << 20;

}  // namespace

LogWriter::LogWriter(const CommitLogOptions& options, LogRing* ring,
                     std::function<Status()> lease_check, FaultInjector* faults)
    : options_(options), ring_(ring), lease_check_(std::move(lease_check)), faults_(faults) {}

Status LogWriter::Dead(Status status) {
  if (!status.ok() && dead_.ok()) dead_ = status;
  return status;
}

// ---- beginning an epoch ----

Status LogWriter::Begin(LogStore* store, LogScan* scan) {
  uuid_ = scan->uuid;
  epoch_ = store->epoch();
  next_lsn_ = scan->next_lsn;
  RETURN_IF_ERROR(Dead(FillUp(store, scan)));
  RETURN_IF_ERROR(Dead(FaultPoint(faults_, "log.epoch_bump")));
  const bool new_lap = scan->cut.offset == 0;
  RETURN_IF_ERROR(Dead(new_lap ? BeginNextLap(store, scan, false) : BeginAtCut(store, scan)));
  ring_->SetProgress(offset(), next_lsn_);
  return OkStatus();
}

// The segments that a ring needs at least, before anything is written.
Status LogWriter::FillUp(LogStore* store, LogScan* scan) {
  uint32_t usable = 0;
  uint64_t index = 1;
  for (const ScannedSegment& s : scan->segments) {
    usable += s.segment->capacity() >= options_.segment_bytes ? 1 : 0;
    index = std::max(index, s.index + 1);
  }
  for (; usable < options_.initial_segments; ++usable, ++index) {
    StatusOr<std::unique_ptr<LogSegment>> segment =
        store->Create(index, options_.segment_bytes, SpaceOf(options_));
    if (!segment.ok()) {
      if (usable < 2 || !absl::IsResourceExhausted(segment.status())) return segment.status();
      LOG(WARNING) << "log: going on with " << usable << " segments: " << segment.status();
      break;
    }
    ScannedSegment s;
    s.index = index;
    s.segment = *std::move(segment);
    scan->segments.push_back(std::move(s));
  }
  return OkStatus();
}

Status LogWriter::BeginAtCut(LogStore* store, LogScan* scan) {
  ScannedSegment* const head = scan->FindLap(scan->cut.lap);
  CHECK(head != nullptr);
  LogSegment* const segment = head->segment.get();
  lap_ = scan->cut.lap;
  capacity_ = segment->capacity();
  write_offset_ = scan->cut.offset;
  const uint64_t room = capacity_ - write_offset_;
  if (room < kLogControlBytes) {  // no chain written by this code ends there
    return CorruptError(absl::StrCat("log segment ", head->index, " ends at ", write_offset_,
                                     " without room for a pad"));
  }
  // What a killed process left may be in the page cache only; rule 1 needs it durable before the
  // next write.
  RETURN_IF_ERROR(segment->Sync());
  const bool pad = room < 2 * kLogControlBytes;
  EncodeControl(pad ? LogRecordType::kPad : LogRecordType::kEpoch, 0,
                LogPosition{lap_, write_offset_}, head->index, capacity_);
  RETURN_IF_ERROR(segment->Write(write_offset_, {Slice(buffer_)}, true));
  write_offset_ += buffer_.size();
  buffer_.clear();
  if (pad) return BeginNextLap(store, scan, true);
  HandOver(scan, static_cast<size_t>(head - scan->segments.data()), scan->cut);
  return OkStatus();
}

// Begins the lap after the last one found. With forget_all a durable pad says that nothing of the
// old laps is needed; else only what is before the old tail, or was never in the ring, may be
// overwritten, and the pad that ends the last lap may still be in the page cache only.
Status LogWriter::BeginNextLap(LogStore* store, LogScan* scan, bool forget_all) {
  lap_ = forget_all ? scan->cut.lap + 1 : scan->cut.lap;
  size_t chosen = scan->segments.size();
  for (size_t i = 0; i < scan->segments.size(); ++i) {
    const ScannedSegment& s = scan->segments[i];
    if (s.segment->capacity() < options_.segment_bytes) continue;
    const bool replayed = s.lap >= scan->tail.lap && s.lap < lap_ && s.lap != 0;
    if (replayed && (!forget_all || s.lap == lap_ - 1)) continue;
    if (chosen == scan->segments.size() || s.lap < scan->segments[chosen].lap) chosen = i;
  }
  if (chosen == scan->segments.size()) {
    const uint64_t index = scan->segments.back().index + 1;
    ASSIGN_OR_RETURN(std::unique_ptr<LogSegment> created,
                     store->Create(index, options_.segment_bytes, SpaceOf(options_)));
    ScannedSegment s;
    s.index = index;
    s.segment = std::move(created);
    scan->segments.push_back(std::move(s));
  }
  if (ScannedSegment* last = scan->FindLap(lap_ - 1); last != nullptr) {
    RETURN_IF_ERROR(last->segment->Sync());
  }
  ScannedSegment& head = scan->segments[chosen];
  capacity_ = head.segment->capacity();
  write_offset_ = 0;
  EncodeControl(LogRecordType::kSegment, 0, LogPosition{lap_, write_offset_}, head.index,
                capacity_);
  RETURN_IF_ERROR(head.segment->Write(0, {Slice(buffer_)}, true));
  write_offset_ = buffer_.size();
  buffer_.clear();
  HandOver(scan, chosen, {lap_, 0});
  return OkStatus();
}

void LogWriter::HandOver(LogScan* scan, size_t head, LogPosition first) {
  ring_->SetHead(scan->segments[head].index, std::move(scan->segments[head].segment), first);
  for (ScannedSegment& s : scan->segments) {
    if (s.segment != nullptr) ring_->AddFree(s.index, std::move(s.segment), s.lap);
  }
  scan->segments.clear();
}

// ---- encoding ----

// The crc is taken of the copy that goes to the disk.
uint32_t LogWriter::Encode(LogRecordHeader header, Slice payload, uint32_t running_crc) {
  const size_t at = buffer_.size();
  header.flags |= options_.sync ? 0 : kLogFlagUnsynced;
  header.uuid = uuid_;
  header.epoch = epoch_;
  header.lap = lap_;
  header.offset = static_cast<uint32_t>(offset());
  header.write_offset = static_cast<uint32_t>(write_offset_);
  header.length = static_cast<uint32_t>(payload.size());
  buffer_.resize(at + kLogHeaderBytes);
  buffer_.append(payload.data(), payload.size());
  CHECK_LE(offset(), capacity_);
  const Slice copy = Slice(buffer_).substr(at + kLogHeaderBytes);
  const uint32_t crc = Crc32c(copy);
  header.payload_crc = LogPayloadCrc(crc, header);
  EncodeLogHeader(header, buffer_.data() + at);
  return running_crc == 0 ? crc : ExtendCrc32c(running_crc, copy);
}

void LogWriter::EncodeControl(LogRecordType type, uint16_t flags, LogPosition tail, uint64_t index,
                              uint64_t capacity) {
  LogControl control;
  control.tail = tail;
  control.capacity = static_cast<uint32_t>(capacity);
  control.segment_index = index;
  char payload[kLogControlPayloadBytes];
  EncodeLogControl(control, payload);
  LogRecordHeader header;
  header.type = type;
  header.flags = flags;
  header.lsn = next_lsn_;
  Encode(header, Slice(payload, sizeof(payload)), 0);
}

void LogWriter::EncodeHeadControl(LogRecordType type, uint16_t flags, LogPosition tail) {
  EncodeControl(type, flags, tail, ring_->head_index(), capacity_);
}

Status LogWriter::Append(PendingRecord* record) {
  record->lsn = next_lsn_;
  ++encoded_;
  RETURN_IF_ERROR(AppendPieces(record));
  ++next_lsn_;
  return OkStatus();
}

Status LogWriter::AppendPieces(PendingRecord* record) {
  const Slice payload = record->record.payload;
  LogRecordHeader header;
  header.flags = record->original_lsn != 0 ? kLogFlagCarried : 0;
  header.lsn = next_lsn_;
  header.tablet = record->record.tablet;
  size_t done = 0;
  bool begun = false;
  uint32_t crc = 0;  // over the bytes as they go out
  while (!begun || done < payload.size()) {
    const uint64_t room = data_limit() > offset() ? data_limit() - offset() : 0;
    const size_t rest = payload.size() - done;
    if (room < kLogHeaderBytes + std::min<size_t>(rest, 1)) {
      RETURN_IF_ERROR(Advance(begun));
      continue;
    }
    const size_t n = std::min<size_t>(rest, room - kLogHeaderBytes);
    const bool ends = n == rest;
    header.type = begun ? (ends ? LogRecordType::kLast : LogRecordType::kMiddle)
                        : (ends ? LogRecordType::kFull : LogRecordType::kFirst);
    if (!begun) {
      const Lsn original = record->original_lsn != 0 ? record->original_lsn : record->lsn;
      const auto place = ends ? std::make_optional(static_cast<uint32_t>(offset())) : std::nullopt;
      ring_->AddPin(header.tablet, original, kLogHeaderBytes + payload.size(), place);
    }
    crc = Encode(header, payload.substr(done, n), crc);
    begun = true;
    done += n;
  }
  if (crc != record->crc) {
    return CorruptError(absl::StrCat("the payload of a record of tablet ", header.tablet,
                                     " changed while it was queued for the log"));
  }
  return OkStatus();
}

// ---- writing ----

Status LogWriter::Advance(bool inside_record) {
  const LogPosition pad = position();
  ASSIGN_OR_RETURN(LogPosition tail, ring_->PlanAdvance(pad));
  const uint16_t flags = inside_record ? kLogFlagContinues : 0;
  EncodeHeadControl(LogRecordType::kPad, flags, tail);
  RETURN_IF_ERROR(Flush());
  RETURN_IF_ERROR(FaultPoint(faults_, "log.wrap_before_reuse"));
  RETURN_IF_ERROR(lease_check_());
  ring_->Advance();
  ++lap_;
  capacity_ = ring_->head_segment()->capacity();
  write_offset_ = 0;
  EncodeHeadControl(LogRecordType::kSegment, flags, ring_->Tail({lap_, 0}));
  return OkStatus();
}

Status LogWriter::Flush() {
  if (buffer_.empty()) return OkStatus();
  RETURN_IF_ERROR(FaultPoint(faults_, "log.before_append"));
  LogSegment* const segment = ring_->head_segment();
  attempted_ = encoded_;
  if (faults_ != nullptr) {
    RETURN_IF_ERROR(WriteInSteps(segment));
  } else {
    RETURN_IF_ERROR(segment->Write(write_offset_, {Slice(buffer_)}, options_.sync));
  }
  write_offset_ += buffer_.size();
  buffer_.clear();
  if (buffer_.capacity() > kKeepBufferBytes) std::string().swap(buffer_);
  return OkStatus();
}

// The same with the fault points between its steps.
Status LogWriter::WriteInSteps(LogSegment* segment) {
  const Slice bytes = buffer_;
  const size_t half = bytes.size() / 2;
  RETURN_IF_ERROR(segment->Write(write_offset_, {bytes.substr(0, half)}, false));
  RETURN_IF_ERROR(FaultPoint(faults_, "log.mid_append"));
  RETURN_IF_ERROR(segment->Write(write_offset_ + half, {bytes.substr(half)}, false));
  RETURN_IF_ERROR(FaultPoint(faults_, "log.after_append"));
  RETURN_IF_ERROR(FaultPoint(faults_, "log.before_sync"));
  if (options_.sync) RETURN_IF_ERROR(segment->Sync());
  return FaultPoint(faults_, "log.after_sync");
}

Status LogWriter::WriteGroup(absl::Span<PendingRecord> group) {
  RETURN_IF_ERROR(dead_);
  encoded_ = attempted_ = 0;
  for (PendingRecord& record : group) RETURN_IF_ERROR(Dead(Append(&record)));
  RETURN_IF_ERROR(Dead(Flush()));
  ring_->SetProgress(offset(), next_lsn_);
  return OkStatus();
}

Status LogWriter::SkipRestOfHead() {
  RETURN_IF_ERROR(dead_);
  encoded_ = attempted_ = 0;
  RETURN_IF_ERROR(Dead(Advance(false)));
  ring_->SetProgress(offset(), next_lsn_);
  return OkStatus();
}

Status LogWriter::WriteClose() {
  RETURN_IF_ERROR(dead_);
  encoded_ = attempted_ = 0;
  if (offset() + 2 * kLogControlBytes > capacity_) {
    if (!ring_->PlanAdvance(position()).ok()) return Dead(Flush());
    RETURN_IF_ERROR(Dead(Advance(false)));
  }
  RETURN_IF_ERROR(Dead(Flush()));  // a write of its own: it proves all that is before it
  EncodeHeadControl(LogRecordType::kClose, 0, ring_->Tail(position()));
  return Dead(Flush());
}

// ---- cold records ----

Status LogWriter::ReadPlaces(const LogRing::CarryPlan& plan, const LogRing::Live& tail,
                             const std::function<Status(const LogEntry&)>& fn) {
  constexpr size_t kWindow = 16 << 10;
  LogSegmentReader reader(SegmentByteSource(tail.segment), tail.segment->capacity(), kWindow);
  std::vector<uint32_t> places = plan.places;
  std::sort(places.begin(), places.end());  // as they were written
  for (const uint32_t place : places) {
    ASSIGN_OR_RETURN(const LogReadResult found, reader.ReadAt(place));
    const LogRecordHeader& header = found.header;
    if (found.outcome != LogOutcome::kRecord || header.type != LogRecordType::kFull ||
        header.uuid != uuid_ || header.epoch != epoch_ || header.lap != tail.lap) {
      return CorruptError(absl::StrCat("log lap ", tail.lap, " offset ", place, ": ",
                                       LogOutcomeName(found.outcome)));
    }
    ASSIGN_OR_RETURN(const LogEntry entry,
                     EntryOf(header, header.flags, header.position(), found.payload));
    RETURN_IF_ERROR(fn(entry));
  }
  return OkStatus();
}

StatusOr<std::vector<PendingRecord>> LogWriter::ReadTail(const LogRing::CarryPlan& plan) {
  const std::vector<LogRing::Live> live = ring_->live();
  std::vector<std::unique_ptr<LogSegmentReader>> readers;
  std::map<uint64_t, LogSegmentReader*> by_lap;
  std::vector<PendingRecord> copies;
  auto copy = [&](const LogEntry& entry) {
    auto pin = plan.pinning.find(entry.tablet);
    if (pin == plan.pinning.end() || entry.original_lsn <= pin->second) return OkStatus();
    PendingRecord record;
    record.record.tablet = entry.tablet;
    record.original_lsn = entry.original_lsn;
    PutFixed64(&record.record.payload, entry.original_lsn);
    record.record.payload.append(entry.payload.data(), entry.payload.size());
    record.crc = Crc32c(record.record.payload);
    copies.push_back(std::move(record));
    return OkStatus();
  };
  // Somebody else may have freed it meanwhile.
  if (live.front().lap != plan.tail.lap) return copies;
  if (!plan.places.empty()) {
    RETURN_IF_ERROR(ReadPlaces(plan, live.front(), copy));
    return copies;
  }
  for (const LogRing::Live& one : live) {
    readers.push_back(std::make_unique<LogSegmentReader>(SegmentByteSource(one.segment),
                                                         one.segment->capacity()));
    by_lap[one.lap] = readers.back().get();
  }
  LogWalker walker(std::move(by_lap), uuid_);
  ASSIGN_OR_RETURN(LogWalkEnd end, walker.Walk(plan.tail, plan.tail.lap, copy));
  if (end.position.lap <= plan.tail.lap) {
    return CorruptError(absl::StrCat("log lap ", end.position.lap, " offset ", end.position.offset,
                                     ": ", LogOutcomeName(end.found.outcome)));
  }
  return copies;
}

StatusOr<bool> LogWriter::CarryTail() {
  RETURN_IF_ERROR(dead_);
  std::optional<LogRing::CarryPlan> plan = ring_->PlanCarry();
  if (!plan.has_value() || plan->tail.lap == unreadable_lap_) return false;
  StatusOr<std::vector<PendingRecord>> copies = ReadTail(*plan);
  if (!copies.ok()) {
    // The memtables still have these records, so a flush saves them.
    LOG(ERROR) << "log: cannot carry the tail's records to the head: " << copies.status();
    unreadable_lap_ = plan->tail.lap;
    return false;
  }
  RETURN_IF_ERROR(WriteGroup(absl::MakeSpan(*copies)));
  ring_->DropPins(plan->tail.lap, *plan);
  return true;
}

}  // namespace stele::storage
