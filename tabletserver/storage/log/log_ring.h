// LogRing: which segments hold which laps, what pins them, and how much room is left. It decides;
// LogWriter writes. Owned by the commit log. Thread-safe, except that head_segment() and what
// PlanAdvance, Advance and live() hand out belong to who has the log's turn.
//
// A tablet pins a live segment from the moment when a record of it that begins there is encoded
// until its LSN is flushed, or a copy of it was made durable nearer to the head. The tail is the
// first pinned segment, or the head. Segments before the tail are free, first freed first reused.
//
// Invariants: laps of live segments are contiguous; a free segment's lap is before every tail
// handed out from then on; user tablets never take the last free segment, so system tablets still
// can. Crash rule: none of its own, all of it is in memory; PlanAdvance gives the tail that must be
// durable before the segment chosen with it is overwritten.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/store/blob_store.h"
#include "tabletserver/storage/log/commit_log.h"
#include "tabletserver/storage/log/log_format.h"

namespace stele::storage {

class LogRing {
 public:
  explicit LogRing(const CommitLogOptions& options);

  // A live segment as who has the log's turn sees it.
  struct Live {
    uint64_t lap;
    uint64_t first_offset;  // of the control record where its chain may be entered
    const LogSegment* segment;
  };
  // The pinned tail segment, when its records are so few that copying them is cheaper than a flush.
  struct CarryPlan {
    LogPosition tail;
    std::unordered_map<TabletId, Lsn> pinning;  // tablet -> LSN up to which it is flushed
    // Where all these records begin, each in one piece; empty: not known, or too many.
    std::vector<uint32_t> places;
  };
  // Whether a record may be written now.
  enum class Fit { kYes, kAfterAdvance, kAfterGrowth, kNo };

  // ---- set-up ----
  // `lap` it last held; 0: none.
  void AddFree(uint64_t index, std::unique_ptr<LogSegment> segment, uint64_t lap) EXCLUDES(mu_);
  void SetHead(uint64_t index, std::unique_ptr<LogSegment> segment, LogPosition first)
      EXCLUDES(mu_);

  // ---- who has the log's turn ----
  LogSegment* head_segment() EXCLUDES(mu_);
  uint64_t head_index() EXCLUDES(mu_);
  void SetProgress(uint64_t head_offset, Lsn next_lsn) EXCLUDES(mu_);
  // The tail for a control record that is about to be written at `own`.
  LogPosition Tail(LogPosition own) EXCLUDES(mu_);
  // As Tail, for the pad that ends the head; ResourceExhausted when there is no segment to go on
  // in.
  StatusOr<LogPosition> PlanAdvance(LogPosition own) EXCLUDES(mu_);
  // Makes the planned segment the head.
  void Advance() EXCLUDES(mu_);
  // A record that begins in the head. `original` is its first LSN; a copy of what is flushed is
  // dead. `place`: its offset, when it is in one piece.
  void AddPin(TabletId tablet, Lsn original, uint64_t bytes, std::optional<uint32_t> place)
      EXCLUDES(mu_);
  void DropPins(uint64_t lap, const CarryPlan& carried) EXCLUDES(mu_);
  std::optional<CarryPlan> PlanCarry() EXCLUDES(mu_);
  std::vector<Live> live() EXCLUDES(mu_);
  // The tablets that pin the tail while the ring is over half full; or while they are few, and have
  // little in it that is too scattered to be carried.
  std::vector<TabletId> Pressure() EXCLUDES(mu_);
  std::vector<TabletId> Pinning() EXCLUDES(mu_);
  // While it stays the same there is nothing new to carry or to ask for.
  struct Turn {
    uint64_t tail = 0, head = 0;  // laps
    uint64_t unpinned = 0;        // how often a tablet may have been unpinned
    bool operator==(const Turn&) const = default;
  };
  Turn turn() EXCLUDES(mu_);

  // ---- admission: cost is what a record may take at most, queued what is admitted, unwritten ----
  uint64_t Cost(uint64_t payload_bytes) const;
  bool CanEverFit(TabletId tablet, uint64_t payload_bytes) const;
  bool Admit(TabletId tablet, uint64_t cost) EXCLUDES(mu_);
  void Leave(uint64_t cost) EXCLUDES(mu_);  // written or failed
  // Whether records of any tablets, of so much cost in all, may be written now. Asks for nothing.
  bool HasRoomFor(uint64_t cost) EXCLUDES(mu_);
  Fit FitsNow(TabletId tablet, uint64_t cost) EXCLUDES(mu_);

  // ---- growth ----
  bool WantsGrowth() EXCLUDES(mu_);
  uint64_t NextIndex() EXCLUDES(mu_);
  void Grown(uint64_t index, std::unique_ptr<LogSegment> segment) EXCLUDES(mu_);
  void GrowthFailed() EXCLUDES(mu_);  // tried again when the ring has moved

  // ---- any thread ----
  void MarkFlushed(TabletId tablet, Lsn lsn) EXCLUDES(mu_);
  void Forget(TabletId tablet) EXCLUDES(mu_);
  void Fill(LogRingStatus* status) EXCLUDES(mu_);

 private:
  struct Pin {
    Lsn last = 0;  // original LSN
    uint64_t bytes = 0;
    bool few = true;  // `places` has all
    std::vector<uint32_t> places;
  };
  struct Segment {
    uint64_t index = 0;
    std::unique_ptr<LogSegment> segment;
    uint64_t lap = 0;
    uint64_t first_offset = 0;
    std::unordered_map<TabletId, Pin> pins;
  };

  uint64_t Effective(uint64_t capacity) const;  // room for records, the waste at its end taken off
  uint64_t Room(bool system, bool with_growth, bool after_advance) const REQUIRES(mu_);
  bool HeadIsDead() const REQUIRES(mu_);
  bool OverHalf() const REQUIRES(mu_);
  // What may be done for a short ring before it is over half full.
  enum class Early { kNothing, kCarry, kFlush };
  Early EarlyLocked() const REQUIRES(mu_);
  bool MayGrow() const REQUIRES(mu_);
  LogPosition TailLocked(LogPosition own) const REQUIRES(mu_);
  std::vector<TabletId> PinningLocked() const REQUIRES(mu_);
  void FreeTail() REQUIRES(mu_);
  void PruneForgotten() REQUIRES(mu_);

  const uint64_t segment_bytes_;
  const uint32_t max_segments_;

  Mutex mu_;
  std::deque<Segment> live_ GUARDED_BY(mu_);  // the last one is the head
  std::deque<Segment> free_ GUARDED_BY(mu_);
  // Too small for this configuration; who has the turn may still read them, until its group is
  // done.
  std::vector<Segment> retired_ GUARDED_BY(mu_);
  uint64_t unpinned_ GUARDED_BY(mu_) = 0;
  uint64_t head_offset_ GUARDED_BY(mu_) = 0;
  Lsn next_lsn_ GUARDED_BY(mu_) = 1;
  uint64_t next_index_ GUARDED_BY(mu_) = 1;
  uint64_t wraps_ GUARDED_BY(mu_) = 0;
  uint64_t queued_ GUARDED_BY(mu_) = 0;
  uint64_t wanted_ GUARDED_BY(mu_) = 0;  // cost of a record that only growth makes fit
  bool growth_failed_ GUARDED_BY(mu_) = false;
  std::unordered_map<TabletId, Lsn> flushed_ GUARDED_BY(mu_);
  std::vector<TabletId> forgotten_ GUARDED_BY(mu_);
};

}  // namespace stele::storage
