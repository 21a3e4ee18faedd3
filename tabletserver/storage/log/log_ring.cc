#include "tabletserver/storage/log/log_ring.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace stele::storage {
namespace {

constexpr uint64_t kCarryFraction = 16;  // of a segment
// Long before the ring is half full the few cold records are carried that keep it from going round:
// a ring that must grow for them costs a segment of disk each time, and recovery reads all of it.
constexpr uint64_t kEarlyFraction = 64;
constexpr size_t kEarlySegments = 3;
constexpr size_t kFewRecords = 64;  // of one tablet, in one segment
constexpr size_t kMaxPlaces = 256;  // more are not looked up one by one
constexpr size_t kFewTablets = 16;  // so many small flushes are worth a shorter ring

}  // namespace

LogRing::LogRing(const CommitLogOptions& options)
    : segment_bytes_(options.segment_bytes), max_segments_(options.max_segments) {}

uint64_t LogRing::Effective(uint64_t capacity) const {
  constexpr uint64_t kOverhead = kLogControlBytes + kLogTailRoomBytes + kLogHeaderBytes;
  return capacity > kOverhead ? capacity - kOverhead : 0;
}

uint64_t LogRing::Cost(uint64_t payload_bytes) const {
  // A header for each piece: the first, those that fill a segment, and the last.
  return payload_bytes + kLogHeaderBytes * (2 + payload_bytes / Effective(segment_bytes_));
}

bool LogRing::CanEverFit(TabletId tablet, uint64_t payload_bytes) const {
  const uint64_t segments = IsSystemTablet(tablet) ? max_segments_ : max_segments_ - 1;
  return Cost(payload_bytes) <= segments * Effective(segment_bytes_);
}

void LogRing::AddFree(uint64_t index, std::unique_ptr<LogSegment> segment, uint64_t lap) {
  MutexLock lock(&mu_);
  next_index_ = std::max(next_index_, index + 1);
  if (segment->capacity() < segment_bytes_) return;  // a smaller one of another configuration
  Segment s;
  s.index = index;
  s.segment = std::move(segment);
  s.lap = lap;
  free_.push_back(std::move(s));
}

void LogRing::SetHead(uint64_t index, std::unique_ptr<LogSegment> segment, LogPosition first) {
  MutexLock lock(&mu_);
  CHECK(live_.empty());
  next_index_ = std::max(next_index_, index + 1);
  Segment s;
  s.index = index;
  s.segment = std::move(segment);
  s.lap = first.lap;
  s.first_offset = first.offset;
  live_.push_back(std::move(s));
}

LogSegment* LogRing::head_segment() {
  MutexLock lock(&mu_);
  return live_.back().segment.get();
}

uint64_t LogRing::head_index() {
  MutexLock lock(&mu_);
  return live_.back().index;
}

void LogRing::SetProgress(uint64_t head_offset, Lsn next_lsn) {
  MutexLock lock(&mu_);
  head_offset_ = head_offset;
  next_lsn_ = next_lsn;
  retired_.clear();
  PruneForgotten();  // no copy is on its way between two groups
}

LogPosition LogRing::TailLocked(LogPosition own) const {
  const Segment& front = live_.front();
  if (front.pins.empty()) return own;  // FreeTail leaves such a front only when it is the head
  return {front.lap, front.first_offset};
}

LogPosition LogRing::Tail(LogPosition own) {
  MutexLock lock(&mu_);
  return TailLocked(own);
}

StatusOr<LogPosition> LogRing::PlanAdvance(LogPosition own) {
  MutexLock lock(&mu_);
  if (free_.empty()) {
    return absl::ResourceExhaustedError("the log ring has no free segment");
  }
  return TailLocked(own);
}

void LogRing::Advance() {
  MutexLock lock(&mu_);
  CHECK(!free_.empty());
  Segment next = std::move(free_.front());
  free_.pop_front();
  if (next.lap != 0) ++wraps_;
  next.lap = live_.back().lap + 1;
  next.first_offset = 0;
  live_.push_back(std::move(next));
  head_offset_ = 0;
  growth_failed_ = false;
  FreeTail();
}

void LogRing::FreeTail() {
  while (live_.size() > 1 && live_.front().pins.empty()) {
    const bool fits = live_.front().segment->capacity() >= segment_bytes_;
    if (fits) {
      free_.push_back(std::move(live_.front()));
    } else {
      retired_.push_back(std::move(live_.front()));
    }
    live_.pop_front();
    growth_failed_ = false;
  }
}

void LogRing::PruneForgotten() {
  auto pinned = [this](TabletId tablet) NO_THREAD_SAFETY_ANALYSIS {
    return std::any_of(live_.begin(), live_.end(),
                       [&](const Segment& s) { return s.pins.count(tablet) != 0; });
  };
  for (TabletId tablet : forgotten_) {
    if (!pinned(tablet)) flushed_.erase(tablet);
  }
  forgotten_.clear();
}

void LogRing::AddPin(TabletId tablet, Lsn original, uint64_t bytes, std::optional<uint32_t> place) {
  MutexLock lock(&mu_);
  if (auto it = flushed_.find(tablet); it != flushed_.end() && original <= it->second) return;
  Pin& pin = live_.back().pins[tablet];
  pin.last = std::max(pin.last, original);
  pin.bytes += bytes;
  if (!pin.few) return;
  pin.few = place.has_value() && pin.places.size() < kFewRecords;
  if (pin.few) {
    pin.places.push_back(*place);
  } else {
    std::vector<uint32_t>().swap(pin.places);
  }
}

void LogRing::DropPins(uint64_t lap, const CarryPlan& carried) {
  MutexLock lock(&mu_);
  for (Segment& s : live_) {
    if (s.lap != lap) continue;
    for (const auto& [tablet, flushed] : carried.pinning) s.pins.erase(tablet);
  }
  FreeTail();
}

// Looks at few pins, whatever the number of tablets.
LogRing::Early LogRing::EarlyLocked() const {
  const Segment& front = live_.front();
  if (live_.size() < kEarlySegments || front.pins.size() > kMaxPlaces) return Early::kNothing;
  uint64_t bytes = 0;
  size_t places = 0;
  bool few = !front.pins.empty();
  for (const auto& [tablet, pin] : front.pins) {
    bytes += pin.bytes + 2 * kLogHeaderBytes;
    places += pin.places.size();
    few = few && pin.few;
  }
  if (bytes > front.segment->capacity() / kEarlyFraction) return Early::kNothing;
  // To walk through a segment would hold up those who write.
  if (few && places <= kMaxPlaces) return Early::kCarry;
  return front.pins.size() <= kFewTablets ? Early::kFlush : Early::kNothing;
}

std::optional<LogRing::CarryPlan> LogRing::PlanCarry() {
  MutexLock lock(&mu_);
  const Segment& front = live_.front();
  if (live_.size() < 2 || front.pins.empty()) return std::nullopt;
  if (!OverHalf() && EarlyLocked() != Early::kCarry) return std::nullopt;
  uint64_t bytes = 0;
  for (const auto& [tablet, pin] : front.pins) bytes += pin.bytes + 2 * kLogHeaderBytes;
  if (bytes > front.segment->capacity() / kCarryFraction) return std::nullopt;
  if (queued_ + bytes > Room(false, false, false)) return std::nullopt;
  CarryPlan plan;
  plan.tail = {front.lap, front.first_offset};
  bool few = front.pins.size() <= kMaxPlaces;
  for (const auto& [tablet, pin] : front.pins) {
    auto flushed = flushed_.find(tablet);
    plan.pinning[tablet] = flushed == flushed_.end() ? 0 : flushed->second;
    few = few && pin.few;
    if (few) plan.places.insert(plan.places.end(), pin.places.begin(), pin.places.end());
  }
  if (!few || plan.places.size() > kMaxPlaces) plan.places.clear();
  return plan;
}

std::vector<LogRing::Live> LogRing::live() {
  MutexLock lock(&mu_);
  std::vector<Live> result;
  for (const Segment& s : live_) result.push_back({s.lap, s.first_offset, s.segment.get()});
  return result;
}

std::vector<TabletId> LogRing::PinningLocked() const {
  std::vector<TabletId> tablets;
  for (const auto& [tablet, pin] : live_.front().pins) tablets.push_back(tablet);
  std::sort(tablets.begin(), tablets.end());
  return tablets;
}

std::vector<TabletId> LogRing::Pinning() {
  MutexLock lock(&mu_);
  return PinningLocked();
}

LogRing::Turn LogRing::turn() {
  MutexLock lock(&mu_);
  return {live_.front().lap, live_.back().lap, unpinned_};
}

std::vector<TabletId> LogRing::Pressure() {
  MutexLock lock(&mu_);
  const bool wanted = OverHalf() || EarlyLocked() == Early::kFlush;
  return wanted ? PinningLocked() : std::vector<TabletId>();
}

bool LogRing::HeadIsDead() const { return live_.size() == 1 && live_.front().pins.empty(); }

// While the disk is full, what there is counts instead of the limit.
bool LogRing::OverHalf() const {
  const size_t limit = growth_failed_ ? live_.size() + free_.size() : max_segments_;
  return live_.size() * 2 > limit;
}

bool LogRing::MayGrow() const {
  return !growth_failed_ && live_.size() + free_.size() < max_segments_;
}

uint64_t LogRing::Room(bool system, bool with_growth, bool after_advance) const {
  uint64_t room = 0, largest = 0;
  auto add = [&](uint64_t effective) {
    room += effective;
    largest = std::max(largest, effective);
  };
  for (const Segment& s : free_) add(Effective(s.segment->capacity()));
  if (with_growth && MayGrow()) {
    const uint64_t more = max_segments_ - live_.size() - free_.size();
    add(Effective(segment_bytes_));
    room += (more - 1) * Effective(segment_bytes_);
  }
  const Segment& head = live_.back();
  const uint64_t capacity = head.segment->capacity();
  uint64_t rest = 0;
  if (after_advance) {
    // Free as soon as the head has moved on.
    if (capacity >= segment_bytes_) add(Effective(capacity));
  } else if (head_offset_ + kLogTailRoomBytes + kLogHeaderBytes < capacity) {
    rest = capacity - head_offset_ - kLogTailRoomBytes - kLogHeaderBytes;
  }
  if (!system) room -= largest;
  return room + rest;
}

bool LogRing::Admit(TabletId tablet, uint64_t cost) {
  MutexLock lock(&mu_);
  const bool system = IsSystemTablet(tablet);
  uint64_t room = Room(system, true, false);
  if (HeadIsDead()) room = std::max(room, Room(system, true, true));
  if (queued_ + cost > room) return false;
  queued_ += cost;
  return true;
}

void LogRing::Leave(uint64_t cost) {
  MutexLock lock(&mu_);
  CHECK_GE(queued_, cost);
  queued_ -= cost;
}

bool LogRing::HasRoomFor(uint64_t cost) {
  MutexLock lock(&mu_);
  return cost <= Room(/*system=*/false, false, false);
}

LogRing::Fit LogRing::FitsNow(TabletId tablet, uint64_t cost) {
  MutexLock lock(&mu_);
  const bool system = IsSystemTablet(tablet);
  if (cost <= Room(system, false, false)) return Fit::kYes;
  if (HeadIsDead() && !free_.empty() && cost <= Room(system, false, true)) {
    return Fit::kAfterAdvance;
  }
  const bool grown =
      cost <= Room(system, true, false) || (HeadIsDead() && cost <= Room(system, true, true));
  if (!grown || !MayGrow()) return Fit::kNo;
  wanted_ = cost;
  return Fit::kAfterGrowth;
}

bool LogRing::WantsGrowth() {
  MutexLock lock(&mu_);
  if (!MayGrow()) return false;
  if (wanted_ > 0) return true;
  if (HeadIsDead()) return false;
  return head_offset_ * 2 > live_.back().segment->capacity() && free_.size() < 2;
}

uint64_t LogRing::NextIndex() {
  MutexLock lock(&mu_);
  return next_index_++;
}

void LogRing::Grown(uint64_t index, std::unique_ptr<LogSegment> segment) {
  MutexLock lock(&mu_);
  wanted_ = 0;
  Segment s;
  s.index = index;
  s.segment = std::move(segment);
  free_.push_back(std::move(s));
}

void LogRing::GrowthFailed() {
  MutexLock lock(&mu_);
  wanted_ = 0;
  growth_failed_ = true;
}

void LogRing::MarkFlushed(TabletId tablet, Lsn lsn) {
  MutexLock lock(&mu_);
  Lsn& flushed = flushed_[tablet];
  flushed = std::max(flushed, std::min(lsn, next_lsn_ - 1));  // says nothing of what is to come
  for (Segment& s : live_) {
    auto it = s.pins.find(tablet);
    if (it != s.pins.end() && it->second.last <= flushed) s.pins.erase(it);
  }
  FreeTail();
  ++unpinned_;
}

void LogRing::Forget(TabletId tablet) {
  MutexLock lock(&mu_);
  // Stays known until the next group is done: a copy of its records may be on its way.
  flushed_[tablet] = next_lsn_ - 1;
  forgotten_.push_back(tablet);
  for (Segment& s : live_) s.pins.erase(tablet);
  FreeTail();
  ++unpinned_;
}

void LogRing::Fill(LogRingStatus* status) {
  MutexLock lock(&mu_);
  status->segments = static_cast<uint32_t>(live_.size() + free_.size());
  status->max_segments = max_segments_;
  status->segment_bytes = segment_bytes_;
  status->next_lsn = next_lsn_;
  status->wraps = wraps_;
  if (live_.empty()) return;
  status->head_segment = live_.back().lap;
  status->tail_segment = live_.front().lap;
  status->head_offset = head_offset_;
  for (size_t i = 0; i + 1 < live_.size(); ++i) status->live_bytes += live_[i].segment->capacity();
  if (!HeadIsDead()) status->live_bytes += head_offset_;
  status->pinning = PinningLocked();
}

}  // namespace stele::storage
