// Merging and major compaction of a tablet, and what it offers to the scheduler.
#include <algorithm>

#include "common/base/check.h"
#include "schema/model/cell_key.h"
#include "tabletserver/storage/compaction/clipped_iterator.h"
#include "tabletserver/storage/iterator/garbage_collector.h"
#include "tabletserver/storage/iterator/merging_iterator.h"
#include "tabletserver/storage/manifest/row_drops.h"
#include "tabletserver/storage/tablet_store.h"

namespace stele::storage {
namespace {

constexpr uint64_t kCellsBetweenLooks = 1024, kBytesBetweenLooks = 4u << 20;
constexpr int64_t kNanosPerMilli = 1'000'000;
constexpr uint64_t kMaxWhileMs = uint64_t{365} * 24 * 3'600'000;
constexpr int64_t kStampNowEveryUs = int64_t{600} * 1'000'000;
constexpr uint64_t kSmallShareOfMemtable =
    32;  // files below that part of it count as equally small

bool IsInput(const std::vector<std::shared_ptr<const OpenTable>>& inputs, const OpenTable& table) {
  return std::any_of(inputs.begin(), inputs.end(),
                     [&](const auto& input) { return input->file.file_id == table.file.file_id; });
}

// No other tablet has a part of it.
bool IsWhole(const OpenTable& table) {
  return table.file.clip_start.empty() && table.file.clip_end.empty();
}

PickerFile FileOf(const OpenTable& table, uint64_t bytes) {
  return {.bytes = bytes,
          .cells = table.file.cells,
          .markers = table.file.markers,
          .first_row = table.file.first_row,
          .last_row = table.file.last_row,
          .clipped = !IsWhole(table),
          .settled = table.settled};
}

bool SharesRowsWithAny(const std::vector<std::shared_ptr<const OpenTable>>& tables,
                       const OpenTable& table) {
  return std::any_of(tables.begin(), tables.end(),
                     [&](const auto& one) { return ShareRows(FileOf(*one, 0), FileOf(table, 0)); });
}

// A damaged file stays as it is. Its sequences still count, so no marker over it is dropped.
struct Readable {
  explicit Readable(const TabletGroup& group) {
    for (size_t i = 0; i < group.tables.size(); ++i) {
      if (group.tables[i]->table == nullptr) continue;
      tables.push_back(group.tables[i]);
      files.push_back(FileOf(*group.tables[i], group.bytes_of[i]));
    }
  }
  std::vector<std::shared_ptr<const OpenTable>> tables;
  std::vector<PickerFile> files;  // the same
};

struct SequenceRange {
  Sequence min = kMaxSequence;
  Sequence max = 0;
};

SequenceRange RangeOf(const std::vector<std::shared_ptr<const OpenTable>>& tables) {
  SequenceRange range;
  for (const auto& table : tables) {
    range.min = std::min(range.min, table->file.min_sequence);
    range.max = std::max(range.max, table->file.max_sequence);
  }
  return range;
}

std::unique_ptr<Iterator> MergedInputs(
    const std::vector<std::shared_ptr<const OpenTable>>& inputs) {
  std::vector<std::unique_ptr<Iterator>> parts;
  for (const auto& input : inputs) {
    // Other tablets may read what is not whole.
    auto cells = IsWhole(*input) ? input->table->NewReplacingIterator()
                                 : input->table->NewIterator(/*fill_cache=*/false);
    parts.push_back(
        NewClippedIterator(std::move(cells), input->file.clip_start, input->file.clip_end));
  }
  return NewMergingIterator(std::move(parts));
}

}  // namespace

uint32_t TabletStoreImpl::FilesToMerge(const TabletGroup& group) {
  std::vector<PickerFile> files;
  for (const auto& table : group.tables) files.push_back(FileOf(*table, table->file.bytes));
  // Very many make a search slow and are merged, whatever their rows.
  return static_cast<uint32_t>(std::max(MostOverARow(files), group.tables.size() / kVeryMany));
}

uint64_t TabletStoreImpl::CompactionInputs::cells() const {
  uint64_t cells = 0;
  for (const auto& table : tables) cells += table->file.cells;
  return cells;
}

void TabletStoreImpl::AddMaintenance(Lsn wanted_lsn, bool memory_pressure,
                                     std::vector<MaintenanceTask>* tasks) {
  if (fenced_) return;
  auto self = shared_from_this();
  auto v = version();
  const uint64_t active_bytes = v->active->cells.empty() ? 0 : v->active->cells.memory_bytes();
  const Lsn oldest_lsn = v->frozen.empty() ? v->active->first_lsn : v->frozen.front()->first_lsn;
  std::optional<MaintenancePriority> flush;
  if (wanted_lsn == UINT64_MAX || (oldest_lsn != 0 && oldest_lsn < wanted_lsn)) {
    flush = MaintenancePriority::kFlushLogTail;
  } else if (!v->frozen.empty() || active_bytes >= core_->options.memtable_bytes) {
    flush = MaintenancePriority::kFlushSize;
  } else if (memory_pressure && active_bytes > 0) {
    flush = MaintenancePriority::kMemoryPressure;
  }
  if (flush) {
    tasks->push_back({tablet_.id, MaintenanceTask::Kind::kFlush, *flush, active_bytes,
                      [self] { return self->Flush(); }});
  }
  if (compacting_ > 0) return;
  auto inputs = PickGroup();
  if (inputs && core_->disk.AdmitMerge(inputs->bytes).ok()) {
    tasks->push_back({tablet_.id, MaintenanceTask::Kind::kCompact,
                      inputs->major ? MaintenancePriority::kMajor : MaintenancePriority::kMerge,
                      inputs->tables.size(), [self] { return self->CompactOnce(); }});
  } else if (v->families->any_age_rule() &&
             core_->NowMicros() - stamped_now_us_ > kStampNowEveryUs) {
    tasks->push_back({tablet_.id, MaintenanceTask::Kind::kCompact, MaintenancePriority::kMajor, 0,
                      [self] { return self->StampNow(); }});
  }
}

// When no flush came for a while, or the tablet is open for so long that it hardly grows: what it
// shares keeps files of others from being deleted.
bool TabletStoreImpl::MayRewriteClipped() const {
  constexpr int64_t kLongAgo = 10;  // of these whiles
  const auto after_ms =
      static_cast<int64_t>(std::min<uint64_t>(core_->options.split_rewrite_after_ms, kMaxWhileMs));
  const int64_t now_ns = core_->env.clock->BootNanos();
  return now_ns - flushed_boot_ns_ >= after_ms * kNanosPerMilli ||
         now_ns - opened_boot_ns_ >= kLongAgo * after_ms * kNanosPerMilli;
}

std::optional<TabletStoreImpl::CompactionInputs> TabletStoreImpl::PickGroup() const {
  PickerOptions options;
  options.merge_min_files = core_->options.merge_min_files;
  options.merge_max_files = core_->options.merge_max_files;
  options.small_file_bytes = core_->options.memtable_bytes / kSmallShareOfMemtable;
  options.marker_share = core_->options.major_marker_percent / 100.0;
  const bool may_rewrite = MayRewriteClipped();
  auto v = version();
  std::optional<CompactionInputs> best;
  for (const TabletGroup& group : v->groups) {
    const Readable readable(group);
    uint64_t clipped_bytes = 0;
    for (const PickerFile& file : readable.files) clipped_bytes += file.clipped ? file.bytes : 0;
    options.rewrite_clipped = may_rewrite || clipped_bytes < core_->options.memtable_bytes;
    auto pick = PickCompaction(readable.files, options, /*want_major=*/false);
    if (!pick || (best && best->tables.size() >= pick->files.size())) continue;
    best.emplace();
    best->group = group.name;
    best->major = pick->major;
    for (size_t i : pick->files) best->Add(readable.tables[i], readable.files[i].bytes);
  }
  return best ? best : PickDropped(*v);
}

// With nothing more urgent to do: the files that hold dropped rows, to free their room and to have
// done with the drops.
std::optional<TabletStoreImpl::CompactionInputs> TabletStoreImpl::PickDropped(
    const TabletVersion& version) const {
  const std::vector<RowDrop>& drops = version.drops->all();
  for (const TabletGroup& group : version.groups) {
    CompactionInputs inputs{.group = group.name};
    const Readable readable(group);
    for (size_t i = 0; i < readable.tables.size(); ++i) {
      const bool concerned = std::any_of(drops.begin(), drops.end(), [&](const RowDrop& drop) {
        return DropConcerns(drop, readable.tables[i]->file);
      });
      if (concerned && inputs.tables.size() < core_->options.merge_max_files) {
        inputs.Add(readable.tables[i], readable.files[i].bytes);
      }
    }
    if (!inputs.tables.empty()) return inputs;
  }
  return std::nullopt;
}

Status TabletStoreImpl::CompactOnce() {
  // A major compaction that somebody asked for may hold it for long: the worker has other tablets.
  if (!compaction_mu_.TryLock()) return OkStatus();
  auto inputs = PickGroup();
  Status status = inputs ? Compact(*inputs).status() : OkStatus();
  compaction_mu_.Unlock();
  return status;
}

Status TabletStoreImpl::CompactMajor() {
  MutexLock lock(&compaction_mu_);
  auto v = version();
  for (const TabletGroup& group : v->groups) {
    for (bool done = false; !done;) {
      auto now = version();
      const TabletGroup* found = now->FindGroup(group.name);
      if (found == nullptr) break;
      const Readable readable(*found);
      if (readable.tables.empty()) break;
      CompactionInputs all{.group = group.name, .major = true};
      for (size_t i = 0; i < readable.tables.size(); ++i) {
        all.Add(readable.tables[i], readable.files[i].bytes);
      }
      ASSIGN_OR_RETURN(done, Compact(all));
    }
  }
  return OkStatus();
}

StatusOr<bool> TabletStoreImpl::Compact(const CompactionInputs& inputs) {
  if (fenced_) return FencedError(absl::StrCat("tablet ", tablet_.id, " has another owner"));
  ASSIGN_OR_RETURN(std::unique_ptr<DiskWatch::Room> room, core_->disk.TakeRoom(inputs.bytes));
  ++compacting_;
  StatusOr<bool> merged = MergeTables(inputs, room.get());
  --compacting_;
  room.reset();
  core_->disk.Look(/*at_once=*/true);
  core_->Judge(merged.status()).IgnoreError();
  MutexLock lock(&version_mu_);
  failure_ = merged.ok() ? "" : merged.status().ToString();
  return merged;
}

// MergeTables: what survives a crash after each step. The names are those of the fault points.
//
//  1. compaction.file_open, compaction.mid_write, compaction.before_fsync, compaction.after_fsync:
//     the output is written, read back whole and compared with what went in. Nobody names it yet.
//  2. compaction.before_meta_cas: the lease is read.
//  3. compaction.after_meta_cas: the manifest names the output instead of the inputs. The answers
//  of
//     reads are the same before and after.
//  4. compaction.before_input_delete: the inputs leave the version. Their blobs stay: readers pin
//     them and other tablets may share them; file GC takes them when no manifest names them, and
//     until then they should not take memory from what is read.
//
// A drop of rows may take inputs away before 2: then the output is left to file GC.
StatusOr<bool> TabletStoreImpl::MergeTables(const CompactionInputs& inputs, DiskWatch::Room* room) {
  auto v = version();
  std::vector<std::shared_ptr<const OpenTable>> others;  // with rows of the inputs
  size_t rest = 0;
  const TabletGroup* of_group = v->FindGroup(inputs.group);
  if (of_group == nullptr) return false;
  for (const auto& table : of_group->tables) {
    if (IsInput(inputs.tables, *table)) continue;
    ++rest;
    if (SharesRowsWithAny(inputs.tables, *table)) others.push_back(table);
  }
  if (of_group->tables.size() != inputs.tables.size() + rest) return false;
  const SequenceRange mine = RangeOf(inputs.tables);
  GarbageCollectorOptions options;
  options.families = v->families.get();
  options.drops = v->drops.get();
  options.now_us = core_->NowMicros();
  // What is not in files has larger sequences than all files.
  options.oldest = RangeOf(others).min > mine.max;
  options.contiguous = std::none_of(others.begin(), others.end(), [&](const auto& other) {
    return other->file.min_sequence < mine.max && other->file.max_sequence > mine.min;
  });
  auto cells = NewGarbageCollector(options, MergedInputs(inputs.tables));

  EngineCore::Making making(core_.get());
  TableOutputEnv env = core_->OutputEnv(tablet_, epoch_, "compaction", &making);
  env.limiter = core_->options.maintenance_threads > 0 ? &core_->limiter : nullptr;
  env.verify = true;
  env.drops = v->drops.get();
  LocalityGroupSchema group;  // of a group that the schema has dropped: all its cells go
  group.name = inputs.group;
  if (const LocalityGroupSchema* known = v->schema->FindGroup(inputs.group)) group = *known;
  TableOutput output(&env, &group);
  uint64_t looked_at = 0, unseen_bytes = 0;
  MaintenanceJobs::Job job(&core_->jobs, {.tablet = tablet_.id,
                                          .kind = options.oldest ? "major" : "merge",
                                          .group = inputs.group,
                                          .files = inputs.tables.size(),
                                          .input_bytes = inputs.bytes,
                                          .input_cells = inputs.cells()});
  cells->SeekToFirst();
  Slice key, value;
  if (cells->Valid()) key = cells->key(), value = cells->value();
  for (bool more = cells->Valid(); more; more = cells->Step(&key, &value)) {
    RETURN_IF_ERROR(output.Add(key, value));  // 1
    unseen_bytes += key.size() + value.size();
    if (++looked_at % kCellsBetweenLooks != 0 && unseen_bytes < kBytesBetweenLooks) continue;
    unseen_bytes = 0;
    job.Note(looked_at, output.bytes());
    room->Wrote(output.bytes());
    if (core_->stopping) return absl::CancelledError("the engine is stopping");
    core_->disk.Look();
  }
  RETURN_IF_ERROR(cells->status());
  ASSIGN_OR_RETURN(std::optional<NewTable> made, output.Finish());
  const uint64_t bytes = made ? made->file.bytes : 0;
  // Markers over a damaged file stay: settled all the same, or they would be compacted for ever.
  StatusOr<bool> published =
      PublishCompaction(inputs, options.oldest || inputs.major, std::move(made));  // 2 .. 4
  if (!published.ok()) making.Keep();
  if (!published.ok() || !*published) return published;
  for (const auto& input : inputs.tables) {
    if (IsWhole(*input)) input->table->ReleaseCached();
  }
  (options.oldest ? core_->counters.majors : core_->counters.merges)++;
  core_->counters.compaction_bytes_written += bytes;
  return true;
}

StatusOr<bool> TabletStoreImpl::PublishCompaction(const CompactionInputs& inputs, bool settled,
                                                  std::optional<NewTable> made) {
  MutexLock lock(&manifest_mu_);
  Manifest next = manifest_.current();
  const size_t before = next.files.size();
  std::erase_if(next.files, [&](const ManifestFile& file) {
    return std::any_of(inputs.tables.begin(), inputs.tables.end(),
                       [&](const auto& input) { return input->file.file_id == file.file_id; });
  });
  // Its cells would come back under a manifest that may not hold the drop any more.
  if (next.files.size() + inputs.tables.size() != before) return false;
  std::vector<std::shared_ptr<const OpenTable>> tables;
  auto v = version();
  for (const auto& table : v->FindGroup(inputs.group)->tables) {
    if (!IsInput(inputs.tables, *table)) tables.push_back(table);
  }
  if (made) {
    next.files.push_back(made->file);
    tables.push_back(std::make_shared<OpenTable>(
        OpenTable{made->file, std::move(made->table), settled, OkStatus()}));
  }
  TabletGroup group = MakeGroup(inputs.group, std::move(tables), v->FindGroup(inputs.group));
  SettleRowDrops(&next);
  auto drops = DropsOf(next);
  RETURN_IF_ERROR(Point("compaction.before_meta_cas"));
  RETURN_IF_ERROR(Publish(next));
  // Whatever these points answer, the manifest has changed: the version must follow.
  Status after = Point("compaction.after_meta_cas");
  if (after.ok()) after = Point("compaction.before_input_delete");
  ChangeVersion([&](TabletVersion* version) {
    version->drops = drops;
    auto at = std::find_if(version->groups.begin(), version->groups.end(),
                           [&](const TabletGroup& g) { return g.name == group.name; });
    if (group.tables.empty()) {
      version->groups.erase(at);
    } else {
      *at = std::move(group);
    }
  });
  RETURN_IF_ERROR(after);
  return true;
}

}  // namespace stele::storage
