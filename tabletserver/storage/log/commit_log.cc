#include "tabletserver/storage/log/commit_log.h"

#include <atomic>
#include <thread>
#include <utility>

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/bytes/crc32c.h"
#include "tabletserver/storage/log/log_recovery.h"
#include "tabletserver/storage/log/log_ring.h"
#include "tabletserver/storage/log/log_writer.h"

namespace stele::storage {
namespace {

constexpr uint64_t kDamageChunkBytes = 1u << 20;
constexpr size_t kKeptCapacity = 4096;  // records for which a group keeps its memory
constexpr int64_t kSlowSyncNs = 1'000'000'000;

Status CheckOptions(const CommitLogOptions& o) {
  if (o.segment_bytes < kMinLogSegmentBytes || o.segment_bytes > kMaxLogSegmentBytes) {
    return absl::InvalidArgumentError(absl::StrCat("log segment_bytes ", o.segment_bytes,
                                                   " is not in ", kMinLogSegmentBytes, "..",
                                                   kMaxLogSegmentBytes));
  }
  if (o.initial_segments < 2 || o.max_segments < o.initial_segments) {
    return absl::InvalidArgumentError(absl::StrCat("log initial_segments ", o.initial_segments,
                                                   ", max_segments ", o.max_segments,
                                                   ": 2 <= initial <= max is needed"));
  }
  return OkStatus();
}

Status StoppedError(const Status& why) {
  return absl::UnavailableError(absl::StrCat("the log has stopped: ", why.ToString()));
}

bool IsRefused(const LogRecord& record) { return record.refused != nullptr && *record.refused; }

Status RefusedError(const LogRecord& record) {
  return absl::ResourceExhaustedError(IsRefused(record)
                                          ? "the log refused a record that this one was made from"
                                          : "the log's ring is full and cannot grow");
}

// One thread at a time has the turn (at_work_) to take a step: the log thread or a caller with a
// LogTurn. Another thread grows the ring. The queue is theirs and the submitters' (mu_); the ring
// has a lock of its own, taken last.
class CommitLogImpl final : public CommitLog {
 public:
  CommitLogImpl(std::unique_ptr<LogStore> store, const CommitLogOptions& options,
                CommitLogHooks hooks, FaultInjector* faults, LogScan scan)
      : options_(options),
        hooks_(std::move(hooks)),
        faults_(faults),
        store_(std::move(store)),
        damage_(scan.gaps),
        scan_(std::move(scan)),
        ring_(options),
        writer_(options, &ring_, hooks_.lease_check, faults) {}
  ~CommitLogImpl() override { Stop(Mode::kAbandoning); }

  Status Recover(const std::function<Status(const RecoveredRecord&)>& fn) override;
  uint64_t recovered_bytes() const override { return scan_.bytes(); }
  const std::vector<LogGap>& damage() const override { return damage_; }
  Status ReadDamage(const LogGap::Part& part, const std::function<Status(Slice)>& fn) override;
  Status Start() override;
  Status Append(LogRecord record, LogTurn* turn) override;
  void MarkFlushed(TabletId tablet, Lsn lsn) override { ring_.MarkFlushed(tablet, lsn); }
  void Forget(TabletId tablet) override { ring_.Forget(tablet); }
  LogRingStatus status() const override;
  Status Close() override;

 private:
  enum class Mode { kOpened, kRunning, kClosing, kAbandoning };
  enum class Step { kWait, kCommit, kSkipRestOfHead, kRefuse, kPressure, kClose, kAbandon };
  using Group = std::vector<PendingRecord>;

  void UseTurn() override EXCLUDES(mu_);
  bool MayGiveTurn() const REQUIRES(mu_);
  void EndTurn(size_t committed) REQUIRES(mu_);
  void Stop(Mode how) EXCLUDES(mu_);
  void LogLoop() EXCLUDES(mu_);
  void GrowLoop() EXCLUDES(mu_);
  Step NextStep(Group* group) REQUIRES(mu_);
  bool TakeAll(Group* group) REQUIRES(mu_);
  void TakeFirst(Group* group) REQUIRES(mu_);
  Step WhyNotFitting(LogRing::Fit fit, Group* group) REQUIRES(mu_);
  Status CommitGroup(Group* group) EXCLUDES(mu_);
  Status WriteTimed(Group* group) EXCLUDES(mu_);
  void Acknowledge(const Group& group, Lsn synced);
  Status RelievePressure(bool forced);
  void AfterGroup() EXCLUDES(mu_);
  void Fail(const Status& why, const Group& group, size_t attempted) EXCLUDES(mu_);
  Group TakeQueue() EXCLUDES(mu_);
  void Drop(const Group& queue, const Status& why);

  const CommitLogOptions options_;
  const CommitLogHooks hooks_;
  FaultInjector* const faults_;
  // The opener's until Start, then the growing thread's. Outlives the segments of scan and ring.
  const std::unique_ptr<LogStore> store_;
  const std::vector<LogGap> damage_;
  LogScan scan_;  // until Start
  mutable LogRing ring_;
  LogWriter writer_;         // of who has the turn, as the next two
  Group lent_group_;         // of a caller who has it
  LogRing::Turn last_turn_;  // where the ring was when pressure was last looked for
  std::atomic<uint64_t> syncs_{0}, slow_syncs_{0};
  std::thread log_thread_;
  std::thread grow_thread_;

  mutable Mutex mu_;
  CondVar work_;  // for the log thread
  CondVar grow_;  // for the growing thread
  Mode mode_ GUARDED_BY(mu_) = Mode::kOpened;
  Status fatal_ GUARDED_BY(mu_);
  Group queue_ GUARDED_BY(mu_);
  bool at_work_ GUARDED_BY(mu_) = false;   // somebody has the turn
  size_t last_group_ GUARDED_BY(mu_) = 0;  // records in it
  size_t taken_ GUARDED_BY(mu_) = 0;       // of the queue's records the first so many are gone
  uint64_t queued_bytes_ GUARDED_BY(mu_) = 0, queued_cost_ GUARDED_BY(mu_) = 0;
  bool pressure_due_ GUARDED_BY(mu_) = false;
  bool refused_ GUARDED_BY(mu_) = false;   // an Append for want of room
  bool relieved_ GUARDED_BY(mu_) = false;  // the last step relieved pressure: records come next
  bool grow_due_ GUARDED_BY(mu_) = false;
  bool stop_growing_ GUARDED_BY(mu_) = false;
};

Status CommitLogImpl::Recover(const std::function<Status(const RecoveredRecord&)>& fn) {
  {
    MutexLock lock(&mu_);
    if (mode_ != Mode::kOpened) return absl::FailedPreconditionError("the log has started");
  }
  return ReplayLog(&scan_, fn);
}

Status CommitLogImpl::ReadDamage(const LogGap::Part& part, const std::function<Status(Slice)>& fn) {
  {
    MutexLock lock(&mu_);
    if (mode_ != Mode::kOpened) return absl::FailedPreconditionError("the log has started");
  }
  for (const ScannedSegment& s : scan_.segments) {
    if (s.index != part.segment) continue;
    std::string chunk;
    for (uint64_t done = 0; done < part.bytes; done += chunk.size()) {
      chunk.resize(std::min<uint64_t>(part.bytes - done, kDamageChunkBytes));
      ASSIGN_OR_RETURN(size_t got, s.segment->Read(part.offset + done, chunk.size(), chunk.data()));
      if (got == 0) break;  // the segment was cut short
      chunk.resize(got);
      RETURN_IF_ERROR(fn(chunk));
    }
  }
  return OkStatus();
}

Status CommitLogImpl::Start() {
  MutexLock lock(&mu_);
  if (mode_ != Mode::kOpened) return absl::FailedPreconditionError("the log has started");
  RETURN_IF_ERROR(fatal_);
  fatal_ = WithContext(writer_.Begin(store_.get(), &scan_), "beginning a log epoch");
  RETURN_IF_ERROR(fatal_);
  mode_ = Mode::kRunning;
  at_work_ = true;  // the log thread begins with the turn
  log_thread_ = std::thread([this] { LogLoop(); });
  grow_thread_ = std::thread([this] { GrowLoop(); });
  return OkStatus();
}

Status CommitLogImpl::Append(LogRecord record, LogTurn* turn) {
  const size_t bytes = record.payload.size();
  if (!ring_.CanEverFit(record.tablet, bytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a record of ", bytes, " bytes cannot fit the log's ring of ",
                     options_.max_segments, " segments of ", options_.segment_bytes, " bytes"));
  }
  PendingRecord pending;
  pending.crc = Crc32c(record.payload);
  pending.cost = ring_.Cost(bytes);
  const TabletId tablet = record.tablet;
  pending.record = std::move(record);

  MutexLock lock(&mu_);
  if (!fatal_.ok()) return StoppedError(fatal_);
  if (mode_ != Mode::kRunning) return absl::UnavailableError("the log is not running");
  if (!queue_.empty() && queued_bytes_ + bytes > options_.max_queued_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the log's queue holds ", queued_bytes_, " bytes"));
  }
  if (!ring_.Admit(tablet, pending.cost)) {
    refused_ = true;
    work_.Signal();
    return absl::ResourceExhaustedError("the log's ring is full until tablets are flushed");
  }
  queued_bytes_ += bytes;
  queued_cost_ += pending.cost;
  queue_.push_back(std::move(pending));
  if (at_work_) return OkStatus();  // who is looks at the queue before it ends
  if (turn != nullptr && MayGiveTurn()) {
    at_work_ = true;
    turn->Give(this);
  } else {
    work_.Signal();
  }
  return OkStatus();
}

// Whoever commits alone what others would have joined takes half of their throughput.
bool CommitLogImpl::MayGiveTurn() const {
  return options_.give_turns && mode_ == Mode::kRunning && (!options_.sync || last_group_ <= 1) &&
         !refused_ && !pressure_due_;
}

void CommitLogImpl::EndTurn(size_t committed) {
  at_work_ = false;
  if (committed > 0) last_group_ = committed;
}

// What is more than a group that fits is the log thread's. With the turn given back the log may
// end: nothing of it, nor of its records, is touched after that.
void CommitLogImpl::UseTurn() {
  bool commit;
  {
    MutexLock lock(&mu_);
    commit = mode_ != Mode::kAbandoning && TakeAll(&lent_group_);
  }
  if (commit && CommitGroup(&lent_group_).ok()) AfterGroup();
  const size_t committed = lent_group_.size();
  lent_group_.clear();
  if (lent_group_.capacity() > kKeptCapacity) Group().swap(lent_group_);
  MutexLock lock(&mu_);
  EndTurn(committed);
  if (!queue_.empty() || refused_ || pressure_due_ || mode_ != Mode::kRunning || !fatal_.ok()) {
    work_.Signal();
  }
}

LogRingStatus CommitLogImpl::status() const {
  LogRingStatus status;
  ring_.Fill(&status);
  status.epoch = store_->epoch();
  status.syncs = syncs_.load(std::memory_order_relaxed);
  status.slow_syncs = slow_syncs_.load(std::memory_order_relaxed);
  MutexLock lock(&mu_);
  status.queued_bytes = queued_bytes_;
  return status;
}

Status CommitLogImpl::Close() {
  Stop(Mode::kClosing);
  MutexLock lock(&mu_);
  return fatal_;
}

void CommitLogImpl::Stop(Mode how) {
  {
    MutexLock lock(&mu_);
    if (mode_ == Mode::kOpened || mode_ == Mode::kRunning) mode_ = how;
    work_.SignalAll();
  }
  if (log_thread_.joinable()) log_thread_.join();
  {
    MutexLock lock(&mu_);
    stop_growing_ = true;
    grow_.SignalAll();
  }
  if (grow_thread_.joinable()) grow_thread_.join();
}

// ---- who has the turn ----
// 1 log.before_append: nothing of the group is on disk. 2 log.mid_append, log.after_append,
// log.before_sync: a crash may leave any part of it; nobody was told. 3 log.after_sync: all of it
// is durable. 4 The lease is checked, then the group is applied: reads see it. 5 log.before_ack,
// then the callers learn of it.
Status CommitLogImpl::CommitGroup(Group* group) {
  Status status = WriteTimed(group);
  uint64_t cost = 0;
  for (const PendingRecord& r : *group) cost += r.cost;
  ring_.Leave(cost);
  if (status.ok()) status = WithContext(hooks_.lease_check(), "after a log sync");
  if (!status.ok()) {
    Fail(status, *group, writer_.attempted());
    return status;
  }
  for (const PendingRecord& r : *group) {
    if (r.record.apply) r.record.apply(r.lsn, r.record.payload);
  }
  status = FaultPoint(faults_, "log.before_ack");
  if (!status.ok()) {
    Fail(status, *group, group->size());
    return status;
  }
  Acknowledge(*group, writer_.next_lsn() - 1);
  return OkStatus();
}

Status CommitLogImpl::WriteTimed(Group* group) {
  const int64_t start_ns = hooks_.clock->BootNanos();
  Status status = writer_.WriteGroup(absl::MakeSpan(*group));
  const int64_t took_ns = hooks_.clock->BootNanos() - start_ns;
  syncs_.fetch_add(1, std::memory_order_relaxed);
  if (took_ns > kSlowSyncNs) {
    slow_syncs_.fetch_add(1, std::memory_order_relaxed);
    LOG(WARNING) << "log: a write and sync took " << took_ns / 1'000'000 << " ms";
  }
  return status;
}

// The only place that tells a caller that its record is durable.
void CommitLogImpl::Acknowledge(const Group& group, Lsn synced) {
  for (const PendingRecord& r : group) {
    CHECK_LE(r.lsn, synced);
    if (r.record.done) r.record.done(OkStatus());
  }
}

void CommitLogImpl::LogLoop() {
  Status status;
  Group group;
  size_t committed = 0;
  while (status.ok()) {
    group.clear();
    if (group.capacity() > kKeptCapacity) Group().swap(group);
    Step step = Step::kWait;
    bool forced = false;
    {
      MutexLock lock(&mu_);
      EndTurn(std::exchange(committed, 0));
      while (at_work_ || (fatal_.ok() && (step = NextStep(&group)) == Step::kWait)) {
        work_.Wait(&mu_);
      }
      if (!fatal_.ok()) return;  // another's turn failed, and is over
      at_work_ = true;
      if (step == Step::kPressure) forced = std::exchange(refused_, false);
    }
    switch (step) {
      case Step::kWait:
        break;
      case Step::kCommit:
        committed = group.size();
        status = CommitGroup(&group);
        if (status.ok()) AfterGroup();
        continue;
      case Step::kRefuse:
        for (const PendingRecord& r : group) {
          ring_.Leave(r.cost);
          if (r.record.done) r.record.done(RefusedError(r.record));
        }
        continue;
      case Step::kSkipRestOfHead:
        status = writer_.SkipRestOfHead();
        break;
      case Step::kPressure:
        status = RelievePressure(forced);
        break;
      case Step::kClose:
        status = writer_.WriteClose();
        if (status.ok()) return;
        break;
      case Step::kAbandon:
        Drop(TakeQueue(), absl::UnavailableError("the log was abandoned"));
        return;
    }
    if (!status.ok()) Fail(status, {}, 0);
  }
}

CommitLogImpl::Step CommitLogImpl::NextStep(Group* group) {
  if (mode_ == Mode::kAbandoning) return Step::kAbandon;
  if ((refused_ || pressure_due_) && (queue_.empty() || !relieved_)) {
    pressure_due_ = false;
    relieved_ = true;
    return Step::kPressure;
  }
  relieved_ = false;
  if (queue_.empty()) return mode_ == Mode::kClosing ? Step::kClose : Step::kWait;
  if (TakeAll(group)) return Step::kCommit;
  uint64_t cost = 0, bytes = 0;
  LogRing::Fit fit = LogRing::Fit::kYes;
  while (!queue_.empty()) {
    const PendingRecord& front = queue_[taken_];
    const size_t size = front.record.payload.size();
    if (!group->empty() && bytes + size > options_.max_group_bytes) break;
    if (IsRefused(front.record)) {
      fit = LogRing::Fit::kNo;
      break;
    }
    fit = ring_.FitsNow(front.record.tablet, cost + front.cost);
    if (fit != LogRing::Fit::kYes) break;
    cost += front.cost;
    bytes += size;
    TakeFirst(group);
  }
  return group->empty() ? WhyNotFitting(fit, group) : Step::kCommit;
}

// The whole queue as one group, if nothing speaks against any of its records: those who queue more
// meanwhile hardly have to wait.
bool CommitLogImpl::TakeAll(Group* group) {
  if (taken_ > 0 || queued_bytes_ > options_.max_group_bytes) return false;
  for (const PendingRecord& r : queue_) {
    if (IsRefused(r.record)) return false;
  }
  if (!ring_.HasRoomFor(queued_cost_)) return false;
  group->swap(queue_);
  queued_bytes_ = queued_cost_ = 0;
  return true;
}

void CommitLogImpl::TakeFirst(Group* group) {
  PendingRecord& first = queue_[taken_++];
  queued_bytes_ -= first.record.payload.size();
  queued_cost_ -= first.cost;
  group->push_back(std::move(first));
  if (taken_ * 2 >= queue_.size()) {
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ = 0;
  }
}

CommitLogImpl::Step CommitLogImpl::WhyNotFitting(LogRing::Fit fit, Group* group) {
  switch (fit) {
    case LogRing::Fit::kAfterAdvance:
      return Step::kSkipRestOfHead;
    case LogRing::Fit::kAfterGrowth:  // the growing thread answers in any case
      grow_due_ = true;
      grow_.Signal();
      return Step::kWait;
    case LogRing::Fit::kYes:
    case LogRing::Fit::kNo:
      break;
  }
  TakeFirst(group);
  return Step::kRefuse;
}

// Asks for growth and relief when the ring has moved, not after every group.
void CommitLogImpl::AfterGroup() {
  const LogRing::Turn turn = ring_.turn();
  const bool moved = std::exchange(last_turn_, turn) != turn;
  const bool grow = ring_.WantsGrowth();
  if (!moved && !grow) return;
  MutexLock lock(&mu_);
  pressure_due_ = pressure_due_ || moved;
  if (grow) {
    grow_due_ = true;
    grow_.Signal();
  }
}

// Cold records are carried to the head; only then are the tail's tablets asked for a flush.
Status CommitLogImpl::RelievePressure(bool forced) {
  while (true) {
    ASSIGN_OR_RETURN(bool carried, writer_.CarryTail());
    if (!carried) break;
  }
  const bool all = forced || writer_.TailIsUnreadable();
  std::vector<TabletId> pinning = all ? ring_.Pinning() : ring_.Pressure();
  if (!pinning.empty() && hooks_.on_pressure) hooks_.on_pressure(std::move(pinning));
  return OkStatus();
}

void CommitLogImpl::Fail(const Status& why, const Group& group, size_t attempted) {
  LOG(ERROR) << "log: stopped: " << why;
  {
    MutexLock lock(&mu_);
    fatal_ = why;
  }
  if (hooks_.on_fatal) hooks_.on_fatal(why);
  const Status unknown = absl::UnknownError(
      absl::StrCat("the log has stopped with the record perhaps on disk: ", why.ToString()));
  const Status not_written = StoppedError(why);
  for (size_t i = 0; i < group.size(); ++i) {
    if (group[i].record.done) group[i].record.done(i < attempted ? unknown : not_written);
  }
  Drop(TakeQueue(), not_written);
}

CommitLogImpl::Group CommitLogImpl::TakeQueue() {
  MutexLock lock(&mu_);
  Group rest;
  while (!queue_.empty()) TakeFirst(&rest);
  return rest;
}

void CommitLogImpl::Drop(const Group& queue, const Status& why) {
  for (const PendingRecord& r : queue) {
    ring_.Leave(r.cost);
    if (r.record.done) r.record.done(why);
  }
}

// ---- the growing thread: creating a segment writes all of it, too long to wait for a sync ----
void CommitLogImpl::GrowLoop() {
  while (true) {
    {
      MutexLock lock(&mu_);
      while (!stop_growing_ && !grow_due_) grow_.Wait(&mu_);
      if (stop_growing_) return;
      grow_due_ = false;
    }
    if (ring_.WantsGrowth()) {
      const uint64_t index = ring_.NextIndex();
      StatusOr<std::unique_ptr<LogSegment>> segment =
          store_->Create(index, options_.segment_bytes, SpaceOf(options_));
      if (segment.ok()) {
        ring_.Grown(index, *std::move(segment));
      } else {
        LOG(WARNING) << "log: the ring cannot grow: " << segment.status();
        ring_.GrowthFailed();
      }
    }
    MutexLock lock(&mu_);
    work_.Signal();
  }
}

}  // namespace

StatusOr<std::unique_ptr<CommitLog>> CommitLog::Open(std::unique_ptr<LogStore> store,
                                                     const CommitLogOptions& options,
                                                     CommitLogHooks hooks, FaultInjector* faults) {
  RETURN_IF_ERROR(CheckOptions(options));
  if (!hooks.lease_check) hooks.lease_check = [] { return OkStatus(); };
  if (hooks.clock == nullptr) hooks.clock = SystemClock();
  ASSIGN_OR_RETURN(LogScan scan, ScanDamagedLog(store.get(), options.new_log_uuid));
  if (!scan.empty) {
    LOG(INFO) << "log: LSNs up to " << scan.next_lsn - 1 << ", tail in lap " << scan.tail.lap
              << ", cut in lap " << scan.cut.lap << " at " << scan.cut.offset << " ("
              << (scan.closed ? "closed" : LogOutcomeName(scan.cut_reason)) << ")";
  }
  return std::unique_ptr<CommitLog>(std::make_unique<CommitLogImpl>(
      std::move(store), options, std::move(hooks), faults, std::move(scan)));
}

}  // namespace stele::storage
