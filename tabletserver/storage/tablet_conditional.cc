// Changes that depend on what their row holds: read-modify-write, check-and-mutate, additions to
// aggregate families; and plain writes of rows that such changes are working on.
#include <algorithm>

#include "common/base/check.h"
#include "tabletserver/storage/tablet_reader.h"
#include "tabletserver/storage/tablet_store.h"
#include "tabletserver/storage/write_record.h"

namespace stele::storage {
namespace {

constexpr size_t kMaxLockedRows = 100'000;
constexpr int64_t kBusyDelayMs = 20;

Status Closing(TabletId tablet) {
  return absl::UnavailableError(absl::StrCat("tablet ", tablet, " is closing"));
}

// REQUIRES: with an OK status there is a plan.
StatusOr<ChangeOutcome> OutcomeOf(const Status& status, const StatusOr<RowChange::Plan>& plan) {
  if (!status.ok()) return status;
  return plan->outcome;
}

class State : public RowState {
 public:
  using ReadFn = absl::FunctionRef<Status(const ReadSelection&, RowSink*)>;
  explicit State(ReadFn read) : read_(read) {}
  Status Read(const ReadSelection& selection, RowSink* sink) override {
    return read_(selection, sink);
  }

 private:
  const ReadFn read_;
};

}  // namespace

// A conditional change: what survives a crash after each step. The names are those of the fault
// points.
//
//  1. Validate all of it (both lists of a check-and-mutate), admit it, and lock the row: from here
//     on every write of the row waits in the row's queue for its turn. Nothing survives.
//  2. The first change waits until plain writes that were queued before it are applied; it waits
//     without a thread. Later ones need not: they find the queued cells of the row (LockedRow).
//  3. row.before_read: read the row: memtables, files, and what is queued. It would block: the disk
//     pool does it. Decide what to write.
//  4. row.before_queue: under the write mutex queue the result as plain cells, one record, and show
//     it to the row's next change. From here on it goes as Write goes, steps 3 to 7, and shares the
//     sync of whatever is queued with it. Nothing of it is shown or answered before its own sync.
//  5. A change that writes nothing is answered when what it saw is durable: after the row's last
//     queued record, or at once when there is none, and the lease is read.
//
// When the log refuses a record, all later ones of the row that are in the log are refused too, and
// changes that were decided but not queued are decided anew: no effect is built on one that was
// refused.
Status TabletStoreImpl::ReadModifyWrite(Slice row, const std::vector<ReadModifyWriteRule>& rules,
                                        const ChangeContext& context,
                                        std::function<void(StatusOr<Row>)> done) {
  auto v = version();
  RETURN_IF_ERROR(ValidateReadModifyWrite(row, rules, v->schema.get()));
  auto change = NewReadModifyWrite(rules);
  change->row = std::string(row);
  change->schema = v->schema;
  change->done = [done = std::move(done)](const StatusOr<ChangeOutcome>& outcome) {
    if (!outcome.ok()) return done(outcome.status());
    if (outcome->kind == ChangeKind::kRow) return done(*outcome->row);
    if (outcome->kind == ChangeKind::kForgotRow) {
      return done(absl::AlreadyExistsError(
          absl::StrCat("the read-modify-write was done, once; its answer had more than ",
                       kMaxRememberedRowBytes, " bytes and cannot be given again: read the row")));
    }
    done(absl::InvalidArgumentError("the request id was used for another kind of change"));
  };
  return BeginChange(std::move(change), context);
}

Status TabletStoreImpl::CheckAndMutate(Slice row, std::shared_ptr<RowPredicate> predicate,
                                       std::vector<Mutation> if_true,
                                       std::vector<Mutation> if_false, const ChangeContext& context,
                                       std::function<void(StatusOr<bool>)> done) {
  auto v = version();
  RETURN_IF_ERROR(ValidateCheckAndMutate(row, if_true, if_false, v->schema.get()));
  auto change = NewCheckAndMutate(std::move(predicate), std::move(if_true), std::move(if_false));
  change->row = std::string(row);
  change->schema = v->schema;
  change->done = [done = std::move(done)](const StatusOr<ChangeOutcome>& outcome) {
    if (!outcome.ok()) return done(outcome.status());
    if (outcome->kind == ChangeKind::kMatched) return done(true);
    if (outcome->kind == ChangeKind::kNotMatched) return done(false);
    done(absl::InvalidArgumentError("the request id was used for another kind of change"));
  };
  return BeginChange(std::move(change), context);
}

Status TabletStoreImpl::BeginChange(std::unique_ptr<RowChange> change,
                                    const ChangeContext& context) {
  if (!tablet_.Contains(change->row)) {
    return absl::OutOfRangeError(absl::StrCat("the row is not in tablet ", tablet_.id));
  }
  change->id = context.id;
  change->deadline_boot_ns = context.deadline_boot_ns;
  ASSIGN_OR_RETURN(const bool is_new, Begin(context.id, &change->done));
  if (!is_new) return OkStatus();
  Status status = Admit(change->bytes());
  if (status.ok()) status = Enqueue(std::move(change));
  if (!status.ok() && context.id.client_id != 0) requests_.Finish(context.id, status);
  return status;
}

Status TabletStoreImpl::Enqueue(std::unique_ptr<RowChange> change) {
  std::shared_ptr<LockedRow> row;
  bool run = false;
  {
    MutexLock lock(&write_mu_);
    if (closing_ || fenced_) return Closing(tablet_.id);
    row = FindLocked(change->row);
    if (row == nullptr) {
      if (locked_rows_.size() >= kMaxLockedRows) {
        return RetryLaterError("too many rows are locked", kBusyDelayMs);
      }
      row = std::make_shared<LockedRow>(change->row);
      locked_rows_[row->key] = row;
    }
    RETURN_IF_ERROR(EnqueueLocked(row, std::move(change), &run));
  }
  if (run) RunRow(row, /*may_block=*/false);
  return OkStatus();
}

std::shared_ptr<LockedRow> TabletStoreImpl::FindLocked(const std::string& row) {
  if (locked_rows_.empty()) return nullptr;
  auto found = locked_rows_.find(row);
  return found == locked_rows_.end() ? nullptr : found->second;
}

Status TabletStoreImpl::EnqueueLocked(const std::shared_ptr<LockedRow>& row,
                                      std::unique_ptr<RowChange> change, bool* run) {
  const uint64_t bytes = change->bytes();
  const bool full = row->waiting.size() >= LockedRow::kMaxWaiting ||
                    row->waiting_bytes + bytes > LockedRow::kMaxWaitingBytes;
  if (full && !row->waiting.empty()) {
    return RetryLaterError(absl::StrCat(row->waiting.size(), " changes wait for the row"),
                           kBusyDelayMs);
  }
  row->waiting.push_back(std::move(change));
  row->waiting_bytes += bytes;
  *run = !std::exchange(row->running, true);
  return OkStatus();
}

// Takes one change after the other until there is none, or until the log has to do something first.
void TabletStoreImpl::RunRow(const std::shared_ptr<LockedRow>& row, bool may_block) {
  while (true) {
    Turn turn;
    if (!TakeTurn(row, &turn)) return;
    StatusOr<RowChange::Plan> plan = Decide(turn, may_block);
    if (may_block || !absl::IsUnavailable(plan.status())) {
      CarryOut(row, std::move(turn), std::move(plan));
      continue;
    }
    // It would block, or the tablet is closed: then the next try finds that out.
    {
      MutexLock lock(&write_mu_);
      row->waiting_bytes += turn.change->bytes();
      row->waiting.push_front(std::move(turn.change));
    }
    return RunRowElsewhere(row);
  }
}

void TabletStoreImpl::RunRowElsewhere(const std::shared_ptr<LockedRow>& row) {
  auto run = [self = shared_from_this(), row] { self->RunRow(row, /*may_block=*/true); };
  if (!core_->env.run_blocking) return run();
  Status taken = core_->env.run_blocking(run);
  if (!taken.ok()) FailWaiting(row, RetryLaterError(taken.message(), kBusyDelayMs));
}

bool TabletStoreImpl::TakeTurn(const std::shared_ptr<LockedRow>& row, Turn* turn) {
  while (true) {
    bool closing = false;
    {
      MutexLock lock(&write_mu_);
      closing = closing_ || fenced_;
      if (!closing) {
        if (!IsReady(row)) return false;
        turn->change = std::move(row->waiting.front());
        row->waiting.pop_front();
        row->waiting_bytes -= turn->change->bytes();
        turn->older = row->older;
        turn->newer = row->newer;
        turn->refused = row->refused;
        turn->drops = drops_;
        if (turn->change->Reads()) turn->now_us = timestamps_.Now(row->key);
      }
    }
    if (closing) {
      FailWaiting(row, Closing(tablet_.id));
      return false;
    }
    const int64_t deadline_ns = turn->change->deadline_boot_ns;
    if (deadline_ns == 0 || core_->env.clock->BootNanos() < deadline_ns) return true;
    FinishChange(*turn->change,
                 absl::DeadlineExceededError("the deadline passed before the row was free"));
  }
}

// False: there is nothing to do now, or it is the log's turn, which calls again.
bool TabletStoreImpl::IsReady(const std::shared_ptr<LockedRow>& row) {
  if (row->waiting.empty()) {
    row->running = false;
    Unlock(row.get());
    return false;
  }
  if (*row->refused) {
    row->waits_for_log = row->in_log > 0;
    if (row->waits_for_log) return false;
    row->older = row->newer = nullptr;
    row->refused = std::make_shared<std::atomic<bool>>(false);
  }
  if (row->settled) return true;
  const Sequence last = stripe_last_[std::hash<std::string>()(row->key) % kRowStripes];
  watched_ = true;  // else who ends the record might not look
  if (queued_ > 0 && visible_sequence_.load(std::memory_order_acquire) < last) {
    parked_.emplace(last, row);
    return false;
  }
  row->settled = true;
  return true;
}

StatusOr<RowChange::Plan> TabletStoreImpl::Decide(const Turn& turn, bool may_block) {
  auto read = [&](const ReadSelection& selection, RowSink* sink) {
    return ReadLocked(turn, selection, may_block, sink);
  };
  if (turn.change->Reads()) RETURN_IF_ERROR(Point("row.before_read"));
  State state(read);
  return turn.change->Decide(&state, turn.now_us);
}

// The row as it is behind everything queued: no other write of it comes between, so no sequence of
// it is too high.
Status TabletStoreImpl::ReadLocked(const Turn& turn, const ReadSelection& selection, bool may_block,
                                   RowSink* sink) {
  if (reads_stopped_) return Closing(tablet_.id);
  RETURN_IF_ERROR(ValidateSelection(selection));
  std::shared_ptr<const TabletVersion> seen = version();
  if (turn.older != nullptr || turn.newer != nullptr) {
    auto with_queued = std::make_shared<TabletVersion>(*seen);
    for (const auto& queued : {turn.older, turn.newer}) {
      if (queued != nullptr) with_queued->frozen.push_back(queued);
    }
    seen = std::move(with_queued);
  }
  RowRange range;
  range.start = range.end = turn.change->row;
  range.end_open = false;
  ReadOptions options;
  options.selection = selection;
  ReadBudget budget;
  budget.max_keys_examined = UINT64_MAX;
  budget.may_block = may_block;
  TabletReader reader(tablet_, range, options);
  return reader.Run({std::move(seen), kMaxSequence, core_->NowMicros()}, budget, sink).status();
}

void TabletStoreImpl::CarryOut(const std::shared_ptr<LockedRow>& row, Turn turn,
                               StatusOr<RowChange::Plan> plan) {
  const bool writes = plan.ok() && !plan->mutations.empty();
  Status status = writes ? Point("row.before_queue") : plan.status();
  const int64_t deadline_ns = turn.change->deadline_boot_ns;
  if (status.ok() && writes && deadline_ns != 0 && core_->env.clock->BootNanos() >= deadline_ns) {
    status = absl::DeadlineExceededError("the deadline passed while the row was read");
  }
  std::shared_ptr<RowChange> change;
  {
    MutexLock lock(&write_mu_);
    // Decided from what will never be, or perhaps from rows that were dropped meanwhile.
    if (*turn.refused || turn.drops != drops_) {
      row->waiting_bytes += turn.change->bytes();
      row->waiting.push_front(std::move(turn.change));
      return;
    }
    change = std::move(turn.change);
    if (writes && status.ok()) {
      auto record = std::make_shared<Record>();
      record->id = change->id;
      record->outcome = plan->outcome;
      record->server_time_us = plan->server_time_us;
      record->done = change->done;
      record->row = row;
      const RowMutation mutation{change->row, std::move(plan->mutations)};
      status = QueueRecord(mutation, *change->schema, std::move(record));
      if (status.ok()) return;
    }
    if (row->in_log > 0) {
      row->answers.emplace_back(row->last_queued, [self = shared_from_this(), change, status,
                                                   plan = std::move(plan)](const Status& logged) {
        StatusOr<ChangeOutcome> outcome = OutcomeOf(status, plan);
        // This change had no effect, whatever became of that record.
        if (!logged.ok()) outcome = absl::UnavailableError(logged.message());
        self->FinishChange(*change, outcome);
      });
      return;
    }
  }
  if (status.ok()) status = MayAnswer();
  FinishChange(*change, OutcomeOf(status, plan));
}

// Shows the record's cells to the next change of the row.
void TabletStoreImpl::KeepQueued(LockedRow* row, Slice payload, Sequence last) {
  const Sequence visible = visible_sequence_.load(std::memory_order_acquire);
  if (row->newer != nullptr && row->newer->cells.memory_bytes() > LockedRow::kCellsBytes &&
      (row->older == nullptr || row->older_last <= visible)) {
    row->older = std::move(row->newer);
    row->older_last = row->newer_last;
  }
  if (row->newer == nullptr) {
    row->newer = std::make_shared<TabletMemtable>(&core_->memtable_memory);
  }
  WriteHeader header;
  Status status = DecodeWrite(payload, &header, [&](Slice key, Slice value) {
    row->newer->cells.Add(key, value);
    return OkStatus();
  });
  CHECK_OK(status);  // this process encoded it
  row->newer->ChargeGrowth();
  row->newer_last = row->last_queued = last;
  ++row->in_log;
}

void TabletStoreImpl::FinishChange(const RowChange& change,
                                   const StatusOr<ChangeOutcome>& outcome) {
  if (change.id.client_id != 0) requests_.Finish(change.id, outcome);
  change.done(outcome);
}

void TabletStoreImpl::FailWaiting(const std::shared_ptr<LockedRow>& row, const Status& status) {
  std::deque<std::unique_ptr<RowChange>> waiting;
  {
    MutexLock lock(&write_mu_);
    waiting.swap(row->waiting);
    row->waiting_bytes = 0;
    row->running = false;
    Unlock(row.get());
  }
  for (const auto& change : waiting) FinishChange(*change, status);
}

void TabletStoreImpl::Unlock(LockedRow* row) {
  if (row->running || row->in_log > 0) return;
  auto found = locked_rows_.find(row->key);
  if (found != locked_rows_.end() && found->second.get() == row) locked_rows_.erase(found);
}

}  // namespace stele::storage
