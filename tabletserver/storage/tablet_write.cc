// The write path of a tablet, from the caller's thread to the log.
#include <algorithm>

#include "common/base/check.h"
#include "schema/model/cell_key.h"
#include "tabletserver/storage/tablet_store.h"
#include "tabletserver/storage/write_record.h"

namespace stele::storage {
namespace {

constexpr int64_t kRingFullDelayMs = 20;
constexpr int64_t kHeldRowsDelayMs = 10;
constexpr int64_t kPausedDelayMs = 10;
constexpr int64_t kLongestSyncWaitMs = 60'000;

bool WantsServerTime(const RowMutation& mutation) {
  return std::any_of(mutation.mutations.begin(), mutation.mutations.end(), [](const Mutation& m) {
    const SetCell* set = std::get_if<SetCell>(&m);
    return set != nullptr && set->timestamp_us == kServerTime;
  });
}

// A full ring becomes an error that says when to come back.
Status WithDelay(const Status& status) {
  if (!absl::IsResourceExhausted(status) || RetryDelayMs(status) != 0) return status;
  return RetryLaterError(status.message(), kRingFullDelayMs);
}

}  // namespace

// Write: what survives a crash after each step. The names are those of the fault points.
//
//  1. Validate against range, limits and the version's schema; admit (memory, ring, files). An
//  error
//     here is definite: nothing was queued.
//  2. Under the write mutex: give the sequences, one per mutation of the list, and the server's
//     timestamp; encode; queue in the log. Same order in sequences and in the log. An error is
//     still definite; the sequences are given to the next writer.
//  3. log.before_append, log.after_append: the log thread, or a caller who waits and has the log's
//     turn, writes a group of records. After a crash the record may be found or not: the caller has
//     heard nothing (unknown).
//  4. log.before_sync, log.after_sync: one sync for the group. From here on the record is found by
//     recovery. A failed sync poisons the log: nothing is acknowledged any more.
//  5. log.before_ack: the lease is read after the sync. Over: this server has been or will be
//     recovered by another one, which finds the record; here it is neither shown nor acknowledged.
//  6. Apply: that thread adds the cells to the active memtable, then moves the visible sequence
//     past the whole record. Readers see all of it or nothing.
//  7. done(OK), unless the tablet was found to have another owner meanwhile.
Status TabletStoreImpl::Write(const RowMutation& mutation, const ChangeContext& context,
                              std::function<void(const Status&)> done) {
  auto record = std::make_shared<Record>();
  record->id = context.id;
  record->done = [done = std::move(done)](const StatusOr<ChangeOutcome>& outcome) {
    done(outcome.status());
  };
  if (!tablet_.Contains(mutation.row) && !mutation.row.empty()) {
    return absl::OutOfRangeError(absl::StrCat("the row is not in tablet ", tablet_.id));
  }
  ASSIGN_OR_RETURN(const bool is_new, Begin(context.id, &record->done));
  if (!is_new) return OkStatus();
  Status status = WriteNew(mutation, context, std::move(record));
  if (!status.ok() && context.id.client_id != 0) requests_.Finish(context.id, status);
  return status;
}

StatusOr<bool> TabletStoreImpl::Begin(const RequestId& id, ChangeDone* done) {
  if (id.client_id == 0) return true;
  RETURN_IF_ERROR(ValidateRequestId(id));
  ChangeOutcome outcome;
  ASSIGN_OR_RETURN(const RequestMemory::Begun begun, requests_.Begin(id, done, &outcome));
  if (begun == RequestMemory::Begun::kNew) return true;
  if (begun == RequestMemory::Begun::kRemembered) {
    RETURN_IF_ERROR(MayAnswer());
    (*done)(outcome);
  }
  return false;
}

Status TabletStoreImpl::MayAnswer() {
  if (reads_stopped_ || fenced_) {
    return absl::UnavailableError(absl::StrCat("tablet ", tablet_.id, " is closed"));
  }
  return core_->CheckLease();
}

Status TabletStoreImpl::WriteNew(const RowMutation& mutation, const ChangeContext& context,
                                 std::shared_ptr<Record> record) {
  auto v = version();
  RETURN_IF_ERROR(ValidateRowMutation(mutation, v->schema.get()));  // 1
  RETURN_IF_ERROR(Admit(mutation.row.size() + SizeOf(mutation.mutations)));
  auto as_change = [&] {
    auto change = NewWrite(mutation.mutations);
    change->row = mutation.row;
    change->schema = v->schema;
    change->id = context.id;
    change->deadline_boot_ns = context.deadline_boot_ns;
    change->done = std::move(record->done);
    return change;
  };
  if (HasAdditions(mutation.mutations)) return Enqueue(as_change());
  bool run = false;
  std::shared_ptr<LockedRow> row;
  LogTurn turn;  // used when the lock is free again
  {
    MutexLock lock(&write_mu_);
    row = FindLocked(mutation.row);
    if (row == nullptr || (!row->running && !*row->refused)) {
      record->row = row;
      return QueueRecord(mutation, *v->schema, std::move(record),
                         context.waits ? &turn : nullptr);  // 2 .. 7
    }
    RETURN_IF_ERROR(EnqueueLocked(row, as_change(), &run));
  }
  if (run) RunRow(row, /*may_block=*/false);
  return OkStatus();
}

Status TabletStoreImpl::Admit(uint64_t bytes) {
  RETURN_IF_ERROR(core_->CheckUsable());
  // The tree and the catalog go on: without them no table could be dropped to make room, and no
  // tablet be given to a server that has some.
  if (IsSystemTablet(tablet_.id)) return OkStatus();
  // All that is in memory is written once more, and again when a crash cuts that off: what was
  // written stays for its grace. Meanwhile the ring may take its next segments.
  const int64_t unflushed = std::max<int64_t>(0, core_->memtable_memory.used());
  const uint64_t growth = 2 * core_->options.log.segment_bytes;
  RETURN_IF_ERROR(core_->disk.AdmitWrite(2 * static_cast<uint64_t>(unflushed) + growth));
  // Too many files for a reader to merge: compaction must catch up.
  const double allowed = 3.0 * core_->options.merge_max_files;
  double of_files = 0;
  if (most_files_ > allowed) {
    of_files = kThrottleFrom + (1 - kThrottleFrom) * (most_files_ - allowed) / allowed;
  }
  const double pressure = std::max(std::min(of_files, 0.99), core_->WritePressure());
  Status status = core_->throttle.Admit(bytes, pressure);
  if (!status.ok() && core_->wake_maintenance) core_->wake_maintenance();
  return status;
}

Status TabletStoreImpl::QueueRecord(const RowMutation& mutation, const TableSchema& schema,
                                    std::shared_ptr<Record> record, LogTurn* turn) {
  if (closing_ || fenced_) {
    return absl::UnavailableError(absl::StrCat("tablet ", tablet_.id, " is closing"));
  }
  if (held_ && held_->Covers(mutation.row)) {
    return RetryLaterError("the row's range is being dropped", kHeldRowsDelayMs);
  }
  if (paused_) {
    return RetryLaterError(absl::StrCat("tablet ", tablet_.id, " is being split or merged"),
                           kPausedDelayMs);
  }
  WriteHeader header;
  header.epoch = epoch_;
  header.base_sequence = next_sequence_;
  header.mutations = mutation.mutations.size();
  header.id = record->id;
  header.kind = record->outcome.kind;
  header.server_timestamp_us = record->server_time_us;
  if (WantsServerTime(mutation)) header.server_timestamp_us = timestamps_.Next(mutation.row);
  if (header.base_sequence > kMaxSequence - header.mutations - 1) {
    return absl::FailedPreconditionError("the tablet has used up its sequences");
  }
  record->last_sequence = header.last_sequence();
  auto self = shared_from_this();
  LogRecord logged;
  logged.tablet = tablet_.id;
  logged.payload = EncodeWrite(mutation, schema, header);
  logged.apply = [self, record](Lsn lsn, Slice payload) { self->Apply(lsn, payload, *record); };
  logged.done = [self, record](const Status& status) { self->Done(*record, status); };
  LockedRow* row = record->row.get();
  std::string copy;
  if (row != nullptr) {
    logged.refused = record->refused = row->refused;
    copy = logged.payload;
  }
  const uint64_t bytes = logged.payload.size();
  ++queued_;  // first: the record may have ended before Append returns
  Status status = core_->log->Append(std::move(logged), turn);
  if (!status.ok()) {
    --queued_;
    if (core_->wake_maintenance) core_->wake_maintenance();
    return WithDelay(status);
  }
  if (row != nullptr) KeepQueued(row, copy, header.last_sequence());
  next_sequence_ = header.last_sequence() + 1;
  stripe_last_[std::hash<std::string>()(mutation.row) % kRowStripes] = header.last_sequence();
  ++writes_;
  bytes_written_ += bytes;
  return OkStatus();
}

void TabletStoreImpl::Apply(Lsn lsn, Slice payload, const Record& record) {
  MutexLock lock(&apply_mu_);
  TabletMemtable* memtable = active_;
  WriteHeader header;
  Status status = DecodeWrite(payload, &header, [&](Slice key, Slice value) {
    memtable->cells.Add(key, value);
    return OkStatus();
  });
  CHECK_OK(status);  // this process encoded it
  CHECK_GT(header.base_sequence, visible_sequence_.load(std::memory_order_relaxed));
  // Before the memtable can be frozen: its flush takes what is durable by now into the manifest.
  if (record.id.client_id != 0) requests_.Durable(record.id, record.outcome);
  memtable->ChargeGrowth();
  if (memtable->first_lsn == 0) memtable->first_lsn = lsn;
  memtable->last_lsn = lsn;
  memtable->last_sequence = header.last_sequence();
  memtable->max_server_timestamp_us =
      std::max<int64_t>(memtable->max_server_timestamp_us, header.server_timestamp_us);
  visible_sequence_.store(header.last_sequence(), std::memory_order_release);
  if (memtable->cells.memory_bytes() >= core_->options.memtable_bytes && core_->wake_maintenance) {
    core_->wake_maintenance();
  }
}

// The log says Unknown of what may be on the disk; any other error is definite.
void TabletStoreImpl::Done(const Record& record, const Status& logged) {
  // Before the log looks at its next record: it may have been made from this one.
  if (!logged.ok() && record.refused != nullptr) *record.refused = true;
  const Status answer = Answer(logged);
  StatusOr<ChangeOutcome> outcome = record.outcome;
  if (!answer.ok()) outcome = answer;
  if (record.id.client_id != 0) requests_.Finish(record.id, outcome);
  record.done(outcome);
  Finished(record, answer);
}

Status TabletStoreImpl::Answer(const Status& logged) {
  if (!logged.ok() || !fenced_) return WithDelay(logged);
  // The new owner may have recovered the log before the record was in it. Nobody here will flush
  // it: it must not pin the log.
  core_->log->Forget(tablet_.id);
  return absl::UnknownError(
      absl::StrCat("tablet ", tablet_.id, " has another owner; the write may be lost"));
}

void TabletStoreImpl::Finished(const Record& record, const Status& answer) {
  CHECK_GT(queued_.fetch_sub(1), 0u);
  // Most: the log thread ends record after record, and would wait for those who queue the next.
  if (record.row == nullptr && !watched_) return;
  std::vector<std::shared_ptr<LockedRow>> go_on;
  std::vector<std::function<void(const Status&)>> answers;
  {
    MutexLock lock(&write_mu_);
    if (queued_ == 0 && (closing_ || paused_)) drained_.SignalAll();
    const Sequence visible = visible_sequence_.load(std::memory_order_acquire);
    while (!parked_.empty() && (parked_.begin()->first <= visible || queued_ == 0)) {
      go_on.push_back(std::move(parked_.begin()->second));
      parked_.erase(parked_.begin());
    }
    watched_ = closing_ || paused_ || !parked_.empty();
    if (LockedRow* row = record.row.get(); row != nullptr) {
      while (!row->answers.empty() && row->answers.front().first <= record.last_sequence) {
        answers.push_back(std::move(row->answers.front().second));
        row->answers.pop_front();
      }
      if (--row->in_log == 0) {
        if (std::exchange(row->waits_for_log, false)) go_on.push_back(record.row);
        Unlock(row);
      }
    }
  }
  for (const auto& tell : answers) tell(answer);
  for (const auto& row : go_on) RunRowElsewhere(row);
}

void TabletStoreImpl::StopWrites() {
  MutexLock lock(&write_mu_);
  closing_ = true;
  watched_ = true;
  // Ends: the log answers every record it took, with an error when it cannot go on.
  while (queued_ > 0) drained_.Wait(&write_mu_);
}

void TabletStoreImpl::PauseWrites() {
  MutexLock lock(&write_mu_);
  paused_ = true;
  watched_ = true;
  while (queued_ > 0) drained_.Wait(&write_mu_);
}

void TabletStoreImpl::ResumeWrites() {
  MutexLock lock(&write_mu_);
  paused_ = false;
}

Status TabletStoreImpl::WriteSync(const RowMutation& mutation) {
  struct Waiter {
    Mutex mu;
    CondVar changed;
    bool done GUARDED_BY(mu) = false;
    Status status GUARDED_BY(mu);
  };
  auto waiter = std::make_shared<Waiter>();
  const bool may_wait = core_->options.maintenance_threads > 0;
  int64_t waited_ms = 0;
  while (true) {
    Status status = Write(mutation, {.waits = true}, [waiter](const Status& outcome) {
      MutexLock lock(&waiter->mu);
      waiter->status = outcome;
      waiter->done = true;
      waiter->changed.SignalAll();
    });
    MutexLock lock(&waiter->mu);
    if (status.ok()) {
      while (!waiter->done) waiter->changed.Wait(&waiter->mu);
      status = waiter->status;
      waiter->done = false;
    }
    if (status.ok()) return status;
    const int64_t delay_ms = RetryDelayMs(status);
    if (!may_wait || delay_ms == 0 || waited_ms >= kLongestSyncWaitMs) return status;
    waiter->changed.WaitFor(&waiter->mu, std::chrono::milliseconds(delay_ms));
    waited_ms += delay_ms;
  }
}

}  // namespace stele::storage
