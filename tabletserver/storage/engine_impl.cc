#include "tabletserver/storage/engine_impl.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/pool/in_parallel.h"
#include "tabletserver/storage/damage_mark.h"
#include "tabletserver/storage/log_recovery.h"
#include "tabletserver/storage/manifest/reshape.h"
#include "tabletserver/storage/manifest/row_drops.h"

namespace stele::storage {
namespace {

// Tablets flushed at once when all are closed: each waits for its own syncs, which the disk takes
// together.
constexpr size_t kClosers = 8;

const char* WhyOf(const MaintenanceTask& task) {
  switch (task.priority) {
    case MaintenancePriority::kMajor:
      return task.weight == 0 ? "ages are to be written down" : "garbage and delete markers";
    case MaintenancePriority::kMerge:
      return "many files";
    case MaintenancePriority::kMemoryPressure:
      return "memory is short";
    case MaintenancePriority::kFlushSize:
      return "a full memtable";
    case MaintenancePriority::kFlushLogTail:
      return "the log's tail waits for it";
  }
  return "";
}

}  // namespace

StatusOr<std::unique_ptr<Engine>> Engine::Open(const EngineOptions& options, const EngineEnv& env) {
  CHECK(env.store != nullptr && env.clock != nullptr);
  if (options.merge_min_files < 2 || options.merge_max_files < options.merge_min_files) {
    return absl::InvalidArgumentError(absl::StrCat("merge_min_files ", options.merge_min_files,
                                                   " and merge_max_files ", options.merge_max_files,
                                                   ": 2 <= min <= max"));
  }
  StatusOr<std::unique_ptr<LogStore>> log = env.store->OpenLog(env.server_id);
  if (!log.ok()) return WithContext(log.status(), absl::StrCat("log of server ", env.server_id));
  auto core = std::make_shared<EngineCore>(options, env, (*log)->epoch());
  auto engine = std::make_unique<EngineImpl>(core);
  RETURN_IF_ERROR(engine->Start(*std::move(log)));
  return std::unique_ptr<Engine>(std::move(engine));
}

EngineImpl::EngineImpl(std::shared_ptr<EngineCore> core)
    : core_(std::move(core)), collector_(core_.get()) {}

// Start: what survives a crash after each step: see LogRecovery::Run, then
//  4. recovery.before_open: all that the log held is in files and manifests.
//  5. The log begins its new epoch with a durable record, and forgets the old ones.
//  6. recovery.after_open: tablets may be opened.
Status EngineImpl::Start(std::unique_ptr<LogStore> log_store) {
  CommitLogHooks hooks;
  EngineCore* core = core_.get();  // the log lives in the core
  hooks.lease_check = [core] { return core->CheckLease(); };
  hooks.on_fatal = [core](const Status& status) { core->Fatal(status); };
  hooks.on_pressure = [core](const std::vector<TabletId>& pinning) {
    core->log_wants.Ask(pinning, core->log->status().next_lsn);
    core->wake_maintenance();
  };
  hooks.clock = core_->env.clock;
  CommitLogOptions options = core_->options.log;
  RandomSource* const random = core_->env.random != nullptr ? core_->env.random : SystemRandom();
  while (options.new_log_uuid == 0) options.new_log_uuid = random->Next64();
  ASSIGN_OR_RETURN(core_->log, CommitLog::Open(std::move(log_store), options, std::move(hooks),
                                               core_->env.faults));
  core_->disk.Look();
  LogRecovery recovery(core);
  RETURN_IF_ERROR(recovery.Run());
  RETURN_IF_ERROR(FaultPoint(core_->env.faults, "recovery.before_open"));
  RETURN_IF_ERROR(core_->CheckLease());
  scheduler_ = std::make_shared<MaintenanceScheduler>(
      core_->env.clock, core_->options.maintenance_threads, [this] { return MaintenanceTasks(); });
  // Weak: a tablet that somebody still holds keeps the core, and this, when the engine is gone.
  core_->wake_maintenance = [weak = std::weak_ptr<MaintenanceScheduler>(scheduler_)] {
    if (auto scheduler = weak.lock()) scheduler->Wake();
  };
  RETURN_IF_ERROR(core_->log->Start());
  return FaultPoint(core_->env.faults, "recovery.after_open");
}

EngineImpl::~EngineImpl() {
  {
    MutexLock lock(&mu_);
    closed_ = true;
  }
  StopJobs();
  if (core_->log != nullptr) {
    Status status = core_->log->Close();
    if (!status.ok()) {
      LOG(WARNING) << "closing the log: " << status.ToString();
    }
  }
}

void EngineImpl::StopJobs() {
  core_->stopping = true;
  core_->limiter.Stop();
  if (scheduler_ != nullptr) scheduler_->Stop();
}

StatusOr<std::unique_ptr<EngineImpl::Busy>> EngineImpl::Busy::Claim(EngineImpl* engine,
                                                                    TabletId tablet) {
  MutexLock lock(&engine->mu_);
  if (engine->closed_) return absl::UnavailableError("the engine is closed");
  if (!engine->busy_.insert(tablet).second) {
    return absl::UnavailableError(
        absl::StrCat("tablet ", tablet, " is being opened, closed, split or merged already"));
  }
  return std::make_unique<Busy>(engine, tablet);
}

EngineImpl::Busy::~Busy() {
  MutexLock lock(&engine_->mu_);
  engine_->busy_.erase(tablet_);
}

Status EngineImpl::CreateTablet(const TabletDescriptor& tablet, const TableSchema& schema,
                                Epoch epoch) {
  RETURN_IF_ERROR(ValidateSchema(schema));
  if (tablet.table != schema.id) {
    return absl::InvalidArgumentError(absl::StrCat("tablet ", tablet.id, " of table ", tablet.table,
                                                   " with the schema of table ", schema.id));
  }
  Manifest manifest;
  manifest.tablet = tablet;
  manifest.schema = schema;
  manifest.epoch = epoch;
  RETURN_IF_ERROR(core_->CheckLease());
  return core_->Judge(CreateManifest(core_->env.store, manifest));
}

StatusOr<std::shared_ptr<TabletStore>> EngineImpl::OpenTablet(TabletId tablet, Epoch epoch) {
  ASSIGN_OR_RETURN(std::unique_ptr<Busy> busy, Busy::Claim(this, tablet));
  ASSIGN_OR_RETURN(StorePtr store, OpenBusy(tablet, epoch));
  return std::shared_ptr<TabletStore>(std::move(store));
}

StatusOr<EngineImpl::StorePtr> EngineImpl::OpenBusy(TabletId tablet, Epoch epoch) {
  {
    MutexLock lock(&mu_);
    if (auto found = open_.find(tablet); found != open_.end()) {
      return absl::AlreadyExistsError(absl::StrCat("tablet ", tablet, " is open"));
    }
  }
  RETURN_IF_ERROR(SettleLeftover(tablet));
  ASSIGN_OR_RETURN(StoredManifest stored, ReadOwnable(tablet, epoch));
  RETURN_IF_ERROR(core_->Judge(CheckNotDamaged(core_->env.store, tablet)));
  if (stored.manifest.merged_into != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("tablet ", tablet, " was merged into tablet ", stored.manifest.merged_into));
  }
  RETURN_IF_ERROR(Point(IsSystemTablet(tablet) ? "open.system_tablet" : "open.user_tablet"));
  RETURN_IF_ERROR(core_->CheckLease());
  // Also under the same epoch: it moves the cell's version, so whoever held it before is fenced.
  Manifest next = stored.manifest;
  next.epoch = epoch;
  // Nothing of the tablet is outside files now, and later writes are above all drops.
  if (!next.drops.empty()) {
    next.flushed_sequence = std::max(next.flushed_sequence, next.drops.back().sequence);
    SettleRowDrops(&next);
  }
  core_->RaiseNow(next.gc_now_us);
  next.gc_now_us = core_->NowMicros();
  RETURN_IF_ERROR(core_->Judge(ReplaceManifest(core_->env.store, &stored, next)));
  // From here on nobody else can commit it.
  if (SplitIsPending(next)) RETURN_IF_ERROR(DropUncommitted(next));
  ASSIGN_OR_RETURN(StorePtr store, TabletStoreImpl::Open(core_, std::move(stored)));
  MutexLock lock(&mu_);
  open_[tablet] = store;
  return store;
}

StatusOr<StoredManifest> EngineImpl::ReadOwnable(TabletId tablet, Epoch epoch) {
  StatusOr<StoredManifest> stored = ReadManifest(core_->env.store, tablet);
  RETURN_IF_ERROR(core_->Judge(stored.status()));
  if (epoch < stored->manifest.epoch) {
    return FencedError(absl::StrCat("tablet ", tablet, " is owned under epoch ",
                                    stored->manifest.epoch, ", not ", epoch));
  }
  return stored;
}

Status EngineImpl::SettleLeftover(TabletId tablet) {
  StorePtr store;
  {
    MutexLock lock(&mu_);
    auto found = leftover_.find(tablet);
    if (found == leftover_.end()) return OkStatus();
    store = found->second;
  }
  Status status = store->HasUnflushed() ? store->Flush() : OkStatus();
  if (!status.ok() && !store->fenced()) return status;
  ForgetLeftover(tablet, /*only_settled=*/false);
  return OkStatus();
}

void EngineImpl::ForgetLeftover(TabletId tablet, bool only_settled) {
  StorePtr store;
  {
    MutexLock lock(&mu_);
    auto found = leftover_.find(tablet);
    if (found == leftover_.end()) return;
    if (only_settled && !found->second->fenced() && found->second->HasUnflushed()) return;
    store = std::move(found->second);
    leftover_.erase(found);
  }
  store->Detach();
  core_->log->Forget(tablet);
}

Status EngineImpl::CloseTablet(TabletId tablet, bool flush) {
  ASSIGN_OR_RETURN(std::unique_ptr<Busy> busy, Busy::Claim(this, tablet));
  return CloseBusy(tablet, flush);
}

Status EngineImpl::CloseBusy(TabletId tablet, bool flush) {
  StorePtr store;
  {
    MutexLock lock(&mu_);
    auto found = open_.find(tablet);
    if (found == open_.end()) {
      return absl::NotFoundError(absl::StrCat("tablet ", tablet, " is not open"));
    }
    store = found->second;
  }
  // The first flush, while writes go on, leaves little for the second, when they wait.
  Status status = flush ? store->Flush() : OkStatus();
  store->StopWrites();
  if (flush && status.ok()) status = store->Flush();
  store->StopReads();
  const bool left = store->HasUnflushed() && !store->fenced();
  {
    MutexLock lock(&mu_);
    open_.erase(tablet);
    if (left) leftover_[tablet] = store;
  }
  if (!left) {
    store->Detach();
    core_->log->Forget(tablet);
  }
  return IsFenced(status) ? OkStatus() : status;
}

Status EngineImpl::DropTablet(TabletId tablet, Epoch epoch) {
  ASSIGN_OR_RETURN(std::unique_ptr<Busy> busy, Busy::Claim(this, tablet));
  Status closed = CloseBusy(tablet, /*flush=*/false);
  if (!closed.ok() && !absl::IsNotFound(closed)) return closed;
  ASSIGN_OR_RETURN(StoredManifest stored, ReadOwnable(tablet, epoch));
  RETURN_IF_ERROR(core_->CheckLease());
  RETURN_IF_ERROR(
      core_->Judge(core_->env.store->DeleteCell(ManifestCellName(tablet), stored.version)));
  core_->Judge(RemoveDamageMark(core_->env.store, tablet)).IgnoreError();  // of no use any more
  // Replay skips records without a manifest: nothing needs to be flushed.
  ForgetLeftover(tablet, /*only_settled=*/false);
  return OkStatus();
}

std::shared_ptr<TabletStore> EngineImpl::FindTablet(TabletId tablet) {
  MutexLock lock(&mu_);
  auto found = open_.find(tablet);
  return found == open_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<TabletStore>> EngineImpl::tablets() {
  MutexLock lock(&mu_);
  std::vector<std::shared_ptr<TabletStore>> all;
  for (const auto& [id, store] : open_) all.push_back(store);
  return all;
}

std::vector<MaintenanceTask> EngineImpl::MaintenanceTasks() {
  core_->disk.Look();
  DropSettledLeftovers();
  return DueTasks();
}

std::vector<MaintenanceTask> EngineImpl::DueTasks() {
  std::vector<StorePtr> stores;
  {
    MutexLock lock(&mu_);
    for (const auto& [id, store] : open_) stores.push_back(store);
    for (const auto& [id, store] : leftover_) stores.push_back(store);
  }
  const LogRingStatus ring = core_->log->status();
  const bool half_full = ring.live_bytes * 2 > ring.segment_bytes * ring.max_segments;
  const bool pressure = core_->memtable_memory.used() > core_->memtable_pressure_bytes();
  std::vector<MaintenanceTask> tasks;
  for (const StorePtr& store : stores) {
    const TabletId id = store->descriptor().id;
    const bool pins =
        half_full && std::find(ring.pinning.begin(), ring.pinning.end(), id) != ring.pinning.end();
    store->AddMaintenance(pins ? UINT64_MAX : core_->log_wants.Below(id), pressure, &tasks);
  }
  return tasks;
}

void EngineImpl::DropSettledLeftovers() {
  std::vector<TabletId> settled;
  {
    MutexLock lock(&mu_);
    for (const auto& [id, store] : leftover_) {
      if (store->fenced() || !store->HasUnflushed()) settled.push_back(id);
    }
  }
  if (settled.empty() || !FaultPoint(core_->env.faults, "maintenance.leftover").ok()) return;
  for (TabletId id : settled) {
    // Whoever is opening or closing it settles it as well. Looked at again: it may have been opened
    // and closed since, and have left more.
    StatusOr<std::unique_ptr<Busy>> busy = Busy::Claim(this, id);
    if (busy.ok()) ForgetLeftover(id, /*only_settled=*/true);
  }
}

StatusOr<bool> EngineImpl::RunMaintenance() { return scheduler_->RunOne(); }

StatusOr<uint64_t> EngineImpl::CollectGarbage() {
  StatusOr<uint64_t> moved = collector_.Collect();
  core_->Judge(moved.status()).IgnoreError();
  return moved;
}

void EngineImpl::Retune(const EngineTuning& tuning) {
  if (tuning.compaction_bytes_per_second.has_value()) {
    core_->limiter.SetRate(*tuning.compaction_bytes_per_second);
  }
  if (tuning.disk_reserve_bytes.has_value()) core_->disk.SetReserve(*tuning.disk_reserve_bytes);
}

EngineStats EngineImpl::stats() const {
  EngineStats stats;
  stats.ring = core_->log->status();
  stats.block_cache = core_->block_cache.stats();
  stats.filter_cache = core_->filter_cache.stats();
  stats.memory_used = core_->memory.used();
  stats.memory_limit = core_->memory.limit();
  for (const MemoryTracker* tracker :
       {&core_->memory, &core_->memtable_memory, &core_->index_memory, &core_->block_memory,
        &core_->filter_memory, &core_->request_memory, &core_->load_memory}) {
    stats.memory.push_back({tracker->name(), tracker->parent() == nullptr ? 0u : 1u,
                            tracker->used(), tracker->limit(), tracker->peak()});
  }
  stats.running = core_->jobs.Report();
  stats.flushes = core_->counters.flushes;
  stats.merges = core_->counters.merges;
  stats.majors = core_->counters.majors;
  stats.compaction_bytes_written = core_->counters.compaction_bytes_written;
  stats.write_stalls_ms = core_->throttle.stalled_ms();
  stats.files_deleted = core_->counters.files_deleted;
  stats.disk = core_->disk.stats();
  Describe(&stats);
  return stats;
}

std::vector<WaitingJob> EngineImpl::waiting() {
  std::vector<MaintenanceTask> tasks = DueTasks();
  std::set<std::pair<TabletId, bool>> running;
  for (const RunningJob& job : core_->jobs.Report()) {
    running.emplace(job.tablet, job.kind == "flush");
  }
  std::stable_sort(tasks.begin(), tasks.end(), [](const auto& a, const auto& b) {
    return a.priority != b.priority ? a.priority > b.priority : a.weight > b.weight;
  });
  std::vector<WaitingJob> waiting;
  for (const MaintenanceTask& task : tasks) {
    const bool flush = task.kind == MaintenanceTask::Kind::kFlush;
    if (running.contains({task.tablet, flush})) continue;
    const bool major = task.priority == MaintenancePriority::kMajor;
    waiting.push_back({task.tablet, flush ? "flush" : major ? "major" : "merge", WhyOf(task)});
  }
  return waiting;
}

Status EngineImpl::Close() {
  std::vector<StorePtr> stores;
  size_t open = 0;
  {
    MutexLock lock(&mu_);
    if (closed_) return OkStatus();
    closed_ = true;
    for (const auto& [id, store] : open_) stores.push_back(store);
    open = stores.size();
    for (const auto& [id, store] : leftover_) stores.push_back(store);
  }
  StopJobs();
  Mutex first_mu;
  Status first;
  const size_t threads = core_->options.maintenance_threads == 0 ? 1 : kClosers;
  InParallel(threads, stores.size(), [&](size_t i) {
    stores[i]->StopWrites();
    const Status status = stores[i]->HasUnflushed() ? stores[i]->Flush() : OkStatus();
    if (i >= open && absl::IsNotFound(status)) return true;  // dropped: nobody wants its cells
    if (absl::IsResourceExhausted(status)) {                 // the log keeps it for the next start
      LOG(WARNING) << "not flushed at the end: " << status.message();
      return true;
    }
    MutexLock lock(&first_mu);
    if (!status.ok() && !IsFenced(status) && first.ok()) first = status;
    return true;
  });
  Status status = core_->log->Close();
  return first.ok() ? status : first;
}

}  // namespace stele::storage
