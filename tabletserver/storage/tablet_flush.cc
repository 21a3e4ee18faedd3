// Minor compaction of a tablet: from memtable to files, manifest and log tail.
#include <algorithm>
#include <set>

#include "common/base/check.h"
#include "tabletserver/storage/compaction/minor.h"
#include "tabletserver/storage/manifest/row_drops.h"
#include "tabletserver/storage/tablet_store.h"

namespace stele::storage {

// Flush: what survives a crash after each step. The names are those of the fault points.
//
//  1. flush.freeze: the active memtable becomes a frozen one. Its last record is the flush's
//     sequence and LSN: they come from the frozen memtable itself, so no later record is covered.
//  2. flush.file_open, flush.mid_write, flush.before_fsync, flush.after_fsync: one file per
//  locality
//     group. A file that no manifest names is garbage; the log still holds everything.
//  3. flush.before_meta_cas: the lease is read.
//  4. flush.after_meta_cas: the manifest names the files, with the new flushed sequence. Replay
//     skips what they hold. Only now does the version show the files instead of the memtable.
//  5. flush.before_reclaim: the log may reuse the space. A crash before it costs nothing.
//
// After an error before 4 the frozen memtable stays where it is, and the flush is done again.
Status TabletStoreImpl::Flush() {
  MutexLock lock(&flush_mu_);
  return FlushLocked();
}

Status TabletStoreImpl::FlushLocked() {
  if (fenced_) return FencedError(absl::StrCat("tablet ", tablet_.id, " has another owner"));
  ++flushing_;
  // First what an earlier flush did not come to: when flushes keep failing there is one frozen
  // memtable, not one for each try.
  Status status = Reclaim();
  while (status.ok() && !version()->frozen.empty()) status = FlushOldest();
  if (status.ok()) status = Point("flush.freeze");
  if (status.ok()) Freeze();  // 1
  while (status.ok() && !version()->frozen.empty()) status = FlushOldest();
  --flushing_;
  core_->Judge(status).IgnoreError();
  NoteNoSpace(absl::IsResourceExhausted(status));
  if (status.ok()) core_->disk.Look(/*at_once=*/true);
  MutexLock lock(&version_mu_);
  failure_ = status.ok() ? "" : status.ToString();
  return status;
}

void TabletStoreImpl::NoteNoSpace(bool no_space) {
  if (no_space_.exchange(no_space) != no_space) core_->disk.CountStuckFlushes(no_space ? 1 : -1);
}

void TabletStoreImpl::Freeze() {
  MutexLock lock(&apply_mu_);
  if (active_->cells.empty()) return;
  auto fresh = std::make_shared<TabletMemtable>(&core_->memtable_memory);
  active_ = fresh.get();
  ChangeVersion([&](TabletVersion* version) {
    version->frozen.push_back(std::exchange(version->active, fresh));
  });
}

Status TabletStoreImpl::FlushOldest() {
  auto v = version();
  std::shared_ptr<TabletMemtable> frozen = v->frozen.front();
  std::set<std::string> groups_with_files;
  for (const TabletGroup& group : v->groups) groups_with_files.insert(group.name);
  EngineCore::Making making(core_.get());
  TableOutputEnv env = core_->OutputEnv(tablet_, epoch_, "flush", &making);
  env.drops = v->drops.get();
  MaintenanceJobs::Job job(&core_->jobs, {.tablet = tablet_.id,
                                          .kind = "flush",
                                          .input_bytes = frozen->cells.memory_bytes(),
                                          .input_cells = frozen->cells.cell_count()});
  auto cells = frozen->cells.NewIterator();
  ASSIGN_OR_RETURN(
      std::vector<NewTable> made,
      WriteMinor(env, *v->schema, groups_with_files, cells.get(),
                 [&job](uint64_t done, uint64_t bytes) { job.Note(done, bytes); }));  // 2
  uint64_t bytes = 0;
  for (const NewTable& table : made) bytes += table.file.bytes;
  Status status = PublishFlush(*frozen, std::move(made));  // 3, 4
  if (!status.ok()) {
    making.Keep();
    return status;
  }
  core_->counters.flushes++;
  core_->counters.compaction_bytes_written += bytes;
  core_->limiter.Reserve(bytes);  // a flush is never paced, but merges make room for it
  return Reclaim();               // 5
}

Status TabletStoreImpl::Reclaim() {
  if (reclaimable_lsn_ == 0) return OkStatus();
  RETURN_IF_ERROR(Point("flush.before_reclaim"));
  RETURN_IF_ERROR(core_->CheckLease());
  core_->log->MarkFlushed(tablet_.id, std::exchange(reclaimable_lsn_, 0));
  return OkStatus();
}

Status TabletStoreImpl::PublishFlush(const TabletMemtable& frozen, std::vector<NewTable> made) {
  MutexLock lock(&manifest_mu_);
  auto v = version();
  std::vector<TabletGroup> changed;
  Manifest next = manifest_.current();
  for (NewTable& table : made) {
    next.files.push_back(table.file);
    std::vector<std::shared_ptr<const OpenTable>> tables;
    const TabletGroup* old = v->FindGroup(table.file.group);
    if (old != nullptr) tables = old->tables;
    tables.push_back(std::make_shared<OpenTable>(
        OpenTable{table.file, std::move(table.table), false, OkStatus()}));
    changed.push_back(MakeGroup(table.file.group, std::move(tables), old));
  }
  CHECK_GT(frozen.last_sequence.load(), next.flushed_sequence);
  next.flushed_sequence = frozen.last_sequence;
  next.requests = requests_.Snapshot();
  next.max_server_timestamp_us =
      std::max<int64_t>(next.max_server_timestamp_us, frozen.max_server_timestamp_us);
  SettleRowDrops(&next);
  auto drops = DropsOf(next);
  RETURN_IF_ERROR(Point("flush.before_meta_cas"));
  RETURN_IF_ERROR(Publish(next));
  // Whatever this point answers, the manifest has the files: the version must follow.
  Status after = Point("flush.after_meta_cas");
  ChangeVersion([&](TabletVersion* version) {
    CHECK(!version->frozen.empty() && version->frozen.front().get() == &frozen);
    version->frozen.erase(version->frozen.begin());
    version->drops = drops;
    for (TabletGroup& group : changed) {
      auto at = std::find_if(version->groups.begin(), version->groups.end(),
                             [&](const TabletGroup& g) { return g.name == group.name; });
      if (at == version->groups.end()) {
        version->groups.push_back(std::move(group));
      } else {
        *at = std::move(group);
      }
    }
    std::sort(version->groups.begin(), version->groups.end(),
              [](const TabletGroup& a, const TabletGroup& b) { return a.name < b.name; });
  });
  reclaimable_lsn_ = frozen.last_lsn;
  flushed_boot_ns_ = core_->env.clock->BootNanos();
  return after;
}

}  // namespace stele::storage
