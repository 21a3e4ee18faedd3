#include "tabletserver/storage/log/log_salvage.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "tabletserver/storage/log/log_reader.h"

namespace stele::storage {
namespace {

// Calls fn for each good header, with its record or with kBadPayload, until it returns false. What
// a record holds is its caller's, whatever it looks like.
Status ForEachHeader(LogSegmentReader* reader, uint64_t from, uint64_t uuid,
                     const std::function<bool(const LogReadResult&)>& fn) {
  uint64_t offset = from;
  while (true) {
    ASSIGN_OR_RETURN(std::optional<LogRecordHeader> h, reader->FindHeader(offset));
    if (!h.has_value()) return OkStatus();
    ASSIGN_OR_RETURN(LogReadResult r, reader->ReadAt(h->offset));
    offset = h->offset + kLogHeaderBytes;
    if (r.outcome == LogOutcome::kRecord || h->uuid == uuid) offset += h->length;
    if (h->uuid == uuid && !fn(r)) return OkStatus();
  }
}

bool IsPiece(const LogRecordHeader& h) {
  return h.type == LogRecordType::kMiddle || h.type == LogRecordType::kLast;
}

class Salvage {
 public:
  explicit Salvage(LogScan* scan) : scan_(scan) {
    for (const ScannedSegment& s : scan->segments) {
      readers_.push_back(std::make_unique<LogSegmentReader>(SegmentByteSource(s.segment.get()),
                                                            s.segment->capacity()));
    }
  }

  Status Run(const Status& damage);

 private:
  struct Held {  // by one segment: of its newest lap
    uint64_t lap = 0, epoch = 0;
  };
  // What stands behind a place.
  struct Ahead {
    bool proof = false;                   // that the place was durable
    std::optional<LogRecordHeader> next;  // the first record that may go on there
    std::map<Lsn, TabletId> known;        // records before it with a good header only
  };

  Status FindUuid();
  Status Survey();
  Status AssignLaps();
  StatusOr<Ahead> Look(const LogWalkEnd& end) const;
  LogGap MakeGap(const LogWalkEnd& end, const Ahead& ahead) const;
  void CloseGap(const LogWalkEnd& end, const Ahead& ahead, LogGap* gap) const;
  bool EndWasCutShort(const LogWalkEnd& end) const;
  bool TailIsBad(const LogWalkEnd& end) const {
    return scan_->stretches.size() == 1 && end.position == scan_->tail;
  }
  const ScannedSegment* Holding(uint64_t lap) const;

  LogScan* const scan_;
  std::vector<std::unique_ptr<LogSegmentReader>> readers_;  // parallel to scan_->segments
  std::vector<Held> held_;                                  // the same
  std::map<uint64_t, LogSegmentReader*> by_lap_;
  LogPosition tail_;  // the largest told by any good control record
  uint64_t last_lap_ = 0;
  uint64_t last_epoch_ = 0;
  Lsn last_lsn_ = 0;
};

// Without a single good segment header any record tells the ring.
Status Salvage::FindUuid() {
  if (!scan_->empty) return OkStatus();
  uint64_t newest = 0;
  for (auto& reader : readers_) {
    for (uint64_t offset = 0;;) {
      ASSIGN_OR_RETURN(std::optional<LogRecordHeader> h, reader->FindHeader(offset));
      if (!h.has_value()) break;
      if (h->lap > newest) scan_->uuid = h->uuid;
      newest = std::max(newest, h->lap);
      offset = h->offset + kLogHeaderBytes + h->length;
    }
  }
  return OkStatus();
}

Status Salvage::Survey() {
  for (auto& reader : readers_) {
    Held held;
    RETURN_IF_ERROR(ForEachHeader(reader.get(), 0, scan_->uuid, [&](const LogReadResult& r) {
      const LogRecordHeader& h = r.header;
      last_epoch_ = std::max(last_epoch_, h.epoch);
      last_lsn_ = std::max(last_lsn_, h.lsn);
      if (h.lap > held.lap) held = {h.lap, h.epoch};
      if (h.lap == held.lap) held.epoch = std::max(held.epoch, h.epoch);
      LogControl control;
      if (h.is_control() && DecodeLogControl(r.payload, &control)) {
        tail_ = std::max(tail_, control.tail);
      }
      return true;
    }));
    last_lap_ = std::max(last_lap_, held.lap);
    held_.push_back(held);
  }
  return OkStatus();
}

// A segment whose header does not read holds the newest lap of which it has a record.
Status Salvage::AssignLaps() {
  std::map<uint64_t, size_t> best;
  for (size_t i = 0; i < held_.size(); ++i) {
    if (held_[i].lap == 0) continue;
    auto [it, fresh] = best.emplace(held_[i].lap, i);
    if (fresh) continue;
    const uint64_t epoch = held_[it->second].epoch;
    if (epoch == held_[i].epoch) {
      return CorruptError(absl::StrCat("log segments ", scan_->segments[it->second].index, " and ",
                                       scan_->segments[i].index, " both hold lap ", held_[i].lap,
                                       " of epoch ", epoch));
    }
    if (epoch < held_[i].epoch) it->second = i;
  }
  for (size_t i = 0; i < held_.size(); ++i) {
    auto found = best.find(held_[i].lap);
    scan_->segments[i].lap = found != best.end() && found->second == i ? held_[i].lap : 0;
  }
  for (const auto& [lap, i] : best) by_lap_[lap] = readers_[i].get();
  return OkStatus();
}

const ScannedSegment* Salvage::Holding(uint64_t lap) const {
  return lap == 0 ? nullptr : scan_->FindLap(lap);
}

StatusOr<Salvage::Ahead> Salvage::Look(const LogWalkEnd& end) const {
  const bool bad_tail = TailIsBad(end);
  Ahead ahead;
  for (auto it = by_lap_.lower_bound(end.position.lap); it != by_lap_.end(); ++it) {
    const uint64_t lap = it->first;
    const uint64_t from = lap == end.position.lap ? end.position.offset : 0;
    Status status = ForEachHeader(it->second, from, scan_->uuid, [&](const LogReadResult& r) {
      const LogRecordHeader& h = r.header;
      if (h.lap != lap) return true;
      if (!bad_tail && (h.epoch < end.epoch || h.lsn < end.next_lsn)) return true;
      if ((h.flags & kLogFlagUnsynced) == 0 && LogPosition{lap, h.write_offset} > end.position) {
        ahead.proof = true;
      }
      const bool in_place = (h.offset == 0) == (h.type == LogRecordType::kSegment);
      if (!ahead.next.has_value()) {
        if (r.outcome == LogOutcome::kRecord && in_place) {
          ahead.next = h;
        } else if (!h.is_control()) {
          ahead.known[h.lsn] = h.tablet;
        }
      }
      return !ahead.proof || !ahead.next.has_value();
    });
    RETURN_IF_ERROR(status);
    if (ahead.proof && ahead.next.has_value()) break;
  }
  return ahead;
}

LogGap Salvage::MakeGap(const LogWalkEnd& end, const Ahead& ahead) const {
  LogGap gap;
  gap.lap = end.position.lap;
  gap.offset = end.position.offset;
  gap.epoch = end.epoch;
  gap.known = ahead.known;
  if (!TailIsBad(end)) {
    gap.first_lsn = end.next_lsn;
    if (end.unfinished_tablet != 0) gap.known[end.next_lsn] = end.unfinished_tablet;
  }
  const LogPosition until = ahead.next ? ahead.next->position() : LogPosition{UINT64_MAX, 0};
  for (auto it = by_lap_.lower_bound(gap.lap); it != by_lap_.end() && it->first <= until.lap;
       ++it) {
    const ScannedSegment* s = Holding(it->first);
    CHECK(s != nullptr);
    const uint64_t from = it->first == gap.lap ? gap.offset : 0;
    const uint64_t to = it->first == until.lap ? until.offset : s->segment->capacity();
    if (to > from) gap.parts.push_back({s->index, it->first, from, to - from});
  }
  // A segment that tells nothing may have held a lap that is missing.
  uint64_t laps = 0;
  for (auto it = by_lap_.lower_bound(gap.lap); it != by_lap_.end() && it->first <= until.lap; ++it)
    ++laps;
  if (laps < std::min(until.lap, last_lap_) - gap.lap + 1) {
    for (const ScannedSegment& s : scan_->segments) {
      if (s.lap == 0) gap.parts.push_back({s.index, 0, 0, s.segment->capacity()});
    }
  }
  CloseGap(end, ahead, &gap);
  return gap;
}

void Salvage::CloseGap(const LogWalkEnd& end, const Ahead& ahead, LogGap* gap) const {
  if (ahead.next.has_value()) {
    const LogRecordHeader& next = *ahead.next;
    // The record that goes on there has lost its beginning.
    const bool halved = IsPiece(next) || (next.flags & kLogFlagContinues) != 0;
    if (IsPiece(next)) gap->known[next.lsn] = next.tablet;
    gap->end_lsn = next.lsn + (halved ? 1 : 0);
  }
  const ScannedSegment* s = Holding(gap->lap);
  gap->report = absl::StrCat(
      "damaged log: segment ", s == nullptr ? "(none)" : absl::StrCat(s->index), " lap ", gap->lap,
      " offset ", gap->offset, ": ", LogOutcomeName(end.found.outcome), " where ",
      gap->first_lsn == 0 ? "the tail" : absl::StrCat("LSN ", gap->first_lsn), " of epoch ",
      gap->epoch, " was due");
  if (!ahead.next.has_value()) {
    absl::StrAppend(&gap->report, "; nothing reads behind it");
    return;
  }
  absl::StrAppend(&gap->report, "; reads again at lap ", ahead.next->lap, " offset ",
                  ahead.next->offset, " with LSN ", gap->end_lsn);
  for (const auto& [lsn, tablet] : gap->known) {
    absl::StrAppend(&gap->report, "; LSN ", lsn, " is of tablet ", tablet);
  }
}

// No torn write makes a segment shorter than it was begun with.
bool Salvage::EndWasCutShort(const LogWalkEnd& end) const {
  const ScannedSegment* s = Holding(end.position.lap);
  return s != nullptr && s->segment->capacity() < s->control.capacity;
}

Status Salvage::Run(const Status& damage) {
  RETURN_IF_ERROR(FindUuid());
  RETURN_IF_ERROR(Survey());
  if (last_lap_ == 0) return damage;
  RETURN_IF_ERROR(AssignLaps());
  scan_->empty = false;
  scan_->tail = tail_ != LogPosition{} ? tail_ : LogPosition{by_lap_.begin()->first, 0};
  LogWalker walker(by_lap_, scan_->uuid);
  const auto nothing = [](const LogEntry&) { return OkStatus(); };
  ASSIGN_OR_RETURN(LogWalkEnd end, walker.Walk(scan_->tail, UINT64_MAX, nothing));
  scan_->stretches.push_back({std::nullopt, end.position});
  while (true) {
    ASSIGN_OR_RETURN(Ahead ahead, Look(end));
    if (!ahead.proof) {
      if (TailIsBad(end) || EndWasCutShort(end)) scan_->gaps.push_back(MakeGap(end, Ahead()));
      break;
    }
    scan_->gaps.push_back(MakeGap(end, ahead));
    if (!ahead.next.has_value()) break;
    ASSIGN_OR_RETURN(end, walker.WalkOn(*ahead.next, nothing));
    if (end.position <= ahead.next->position()) {
      return CorruptError("a record of the log reads and then does not");
    }
    scan_->stretches.push_back({ahead.next, end.position});
  }
  scan_->cut = {last_lap_ + 1, 0};
  scan_->cut_reason = end.found.outcome;
  scan_->epoch = last_epoch_;
  scan_->next_lsn = std::max(end.next_lsn, last_lsn_ + 1);
  scan_->closed = false;
  return OkStatus();
}

}  // namespace

Status SalvageLog(const Status& damage, LogScan* scan) { return Salvage(scan).Run(damage); }

}  // namespace stele::storage
