// TabletStoreImpl: opening, the version, schema changes, statistics. Writing, conditional changes,
// reading, flushing, compacting and dropping rows are in tablet_write.cc, tablet_conditional.cc,
// tablet_read.cc, tablet_flush.cc, tablet_compaction.cc and tablet_drop.cc.
#include "tabletserver/storage/tablet_store.h"

#include <algorithm>
#include <map>

#include "common/base/log.h"
#include "tabletserver/storage/manifest/reshape.h"

namespace stele::storage {

TabletStoreImpl::TabletStoreImpl(std::shared_ptr<EngineCore> core, StoredManifest stored)
    : core_(std::move(core)),
      tablet_(stored.manifest.tablet),
      epoch_(stored.manifest.epoch),
      last_split_(SplitIsPending(stored.manifest) ? SplitOff() : stored.manifest.last_split),
      visible_sequence_(stored.manifest.flushed_sequence),
      opened_boot_ns_(core_->env.clock->BootNanos()),
      flushed_boot_ns_(opened_boot_ns_),
      last_drop_order_(stored.manifest.last_drop_order),
      load_(&core_->load_memory),
      requests_(core_->env.clock, &core_->request_memory),
      manifest_(core_->env.store, stored),
      timestamps_(core_->env.clock, stored.manifest.max_server_timestamp_us),
      next_sequence_(stored.manifest.flushed_sequence + 1),
      stripe_last_(kRowStripes, 0) {
  requests_.Load(stored.manifest.requests);
}

TabletStoreImpl::~TabletStoreImpl() = default;

StatusOr<std::shared_ptr<TabletStoreImpl>> TabletStoreImpl::Open(std::shared_ptr<EngineCore> core,
                                                                 StoredManifest stored) {
  const Manifest manifest = stored.manifest;
  auto store = std::make_shared<TabletStoreImpl>(core, std::move(stored));
  store->stamped_now_us_ = manifest.gc_now_us;
  auto version = std::make_shared<TabletVersion>();
  version->schema = std::make_shared<const TableSchema>(manifest.schema);
  version->families = std::make_shared<const VisibleFamilies>(manifest.schema);
  version->drops = std::make_shared<const DroppedRows>(manifest.drops);
  version->active = std::make_shared<TabletMemtable>(&core->memtable_memory);
  std::map<std::string, std::vector<std::shared_ptr<const OpenTable>>> by_group;
  for (const ManifestFile& file : manifest.files) {
    if (file.max_sequence > manifest.flushed_sequence) {
      return CorruptError(absl::StrCat(file.blob, " holds sequence ", file.max_sequence,
                                       ", its manifest is flushed up to ",
                                       manifest.flushed_sequence));
    }
    ASSIGN_OR_RETURN(std::shared_ptr<const OpenTable> open, store->OpenFile(file, manifest.schema));
    by_group[file.group].push_back(std::move(open));
  }
  for (auto& [name, tables] : by_group) {
    version->groups.push_back(store->MakeGroup(name, std::move(tables), nullptr));
  }
  MutexLock apply(&store->apply_mu_);
  store->active_ = version->active.get();
  MutexLock lock(&store->version_mu_);
  store->version_ = std::move(version);
  store->current_.Set(store->version_);
  return store;
}

StatusOr<std::shared_ptr<const OpenTable>> TabletStoreImpl::OpenFile(
    const ManifestFile& file, const TableSchema& schema) const {
  auto open = std::make_shared<OpenTable>();
  open->file = file;
  StatusOr<std::shared_ptr<SSTable>> table =
      core_->OpenTable(file.blob, schema.FindGroup(file.group));
  if (table.ok() && (*table)->properties().file_id != file.file_id) {
    table = CorruptError(absl::StrCat(file.blob, " has file id ", (*table)->properties().file_id,
                                      ", its manifest says ", file.file_id));
  }
  if (table.ok()) {
    open->table = *std::move(table);
    return open;
  }
  // What is lost is lost; the tablet serves the rest. Any other error may pass: the caller tries
  // again.
  if (!IsCorrupt(table.status()) && !absl::IsNotFound(table.status())) return table.status();
  open->damage = CorruptError(absl::StrCat("tablet ", tablet_.id, ": ", table.status().message()));
  LOG(ERROR) << open->damage.ToString();
  return open;
}

TabletGroup TabletStoreImpl::MakeGroup(std::string name,
                                       std::vector<std::shared_ptr<const OpenTable>> tables,
                                       const TabletGroup* base) const {
  TabletGroup group;
  group.name = std::move(name);
  group.tables = std::move(tables);
  std::vector<TabletIndex::File> files;
  for (const auto& table : group.tables) {
    if (table->table == nullptr) continue;
    files.push_back({table->table, table->file.clip_start, table->file.clip_end});
  }
  auto index = TabletIndex::Build(std::move(files), base != nullptr ? base->index.get() : nullptr);
  size_t in_index = 0;
  for (const auto& table : group.tables) {
    group.bytes_of.push_back(table->table != nullptr ? index->BytesOf(in_index++)
                                                     : table->file.bytes);
    group.bytes += group.bytes_of.back();
  }
  // Charged for as long as a version shows it. The core outlives every version.
  MemoryTracker* memory = &core_->index_memory;
  const auto bytes = static_cast<int64_t>(index->memory_bytes());
  memory->Charge(bytes);
  group.index = std::shared_ptr<const TabletIndex>(
      index.get(), [index, memory, bytes](const TabletIndex*) { memory->Release(bytes); });
  return group;
}

std::shared_ptr<const DroppedRows> TabletStoreImpl::DropsOf(const Manifest& manifest) const {
  auto v = version();
  if (v->drops->all() == manifest.drops) return v->drops;
  return std::make_shared<const DroppedRows>(manifest.drops);
}

void TabletStoreImpl::ChangeVersion(absl::FunctionRef<void(TabletVersion*)> fn) {
  std::shared_ptr<const TabletVersion> old;  // destroyed after the lock is let go
  MutexLock lock(&version_mu_);
  auto next = std::make_shared<TabletVersion>(*version_);
  fn(next.get());
  uint32_t most = 0;
  for (const TabletGroup& group : next->groups) most = std::max(most, FilesToMerge(group));
  most_files_ = most;
  old = std::exchange(version_, std::move(next));
  current_.Set(version_);
}

Status TabletStoreImpl::Publish(const Manifest& next) {
  if (fenced_) return FencedError(absl::StrCat("tablet ", tablet_.id, " has another owner"));
  if (reshaped_) return FencedError(absl::StrCat("tablet ", tablet_.id, " was split or merged"));
  RETURN_IF_ERROR(core_->CheckLease());
  Manifest stamped = next;
  stamped.gc_now_us = core_->NowMicros();
  Status status = core_->Judge(manifest_.Publish(stamped));
  if (status.ok()) stamped_now_us_ = stamped.gc_now_us;
  if (IsFenced(status) || absl::IsNotFound(status)) {
    // Whoever took the tablet has recovered its records from the log, or it was dropped: nothing
    // here is needed.
    fenced_ = true;
    core_->log->Forget(tablet_.id);
  }
  return status;
}

Status TabletStoreImpl::StampNow() {
  MutexLock lock(&manifest_mu_);
  return Publish(Manifest(manifest_.current()));
}

void TabletStoreImpl::Detach() {
  // Under the mutex, so that no publication is on its way: a late one would find the tablet fenced
  // by this very server, and Forget would unpin the records of the store that came after this one.
  MutexLock lock(&manifest_mu_);
  reads_stopped_ = true;
  fenced_ = true;
  NoteNoSpace(false);
}

Status TabletStoreImpl::AlterSchema(const TableSchema& schema) {
  RETURN_IF_ERROR(ValidateSchema(schema));
  MutexLock manifest_lock(&manifest_mu_);
  Manifest next = manifest_.current();
  if (schema.id != next.schema.id) {
    return absl::InvalidArgumentError(absl::StrCat("schema of table ", schema.id, " for tablet ",
                                                   tablet_.id, " of table ", next.schema.id));
  }
  if (schema.version <= next.schema.version) {
    return absl::FailedPreconditionError(
        absl::StrCat("schema version ", schema.version, " does not follow ", next.schema.version));
  }
  if (schema.next_family_id < next.schema.next_family_id) {
    return absl::InvalidArgumentError(absl::StrCat("next_family_id ", schema.next_family_id,
                                                   " is below ", next.schema.next_family_id));
  }
  for (const FamilySchema& family : schema.families) {
    const bool known = std::any_of(next.schema.families.begin(), next.schema.families.end(),
                                   [&](const FamilySchema& old) { return old.id == family.id; });
    if (!known && family.id < next.schema.next_family_id) {
      // Cells of a dropped family are still in files: they would come back.
      return absl::InvalidArgumentError(
          absl::StrCat("family ", family.name, " has id ", family.id, ", which was used before"));
    }
    for (const FamilySchema& old : next.schema.families) {
      // Older cells and the markers that hide them must stay in one group.
      if (family.id == old.id &&
          (family.name != old.name || family.locality_group != old.locality_group ||
           family.aggregate != old.aggregate)) {
        return absl::InvalidArgumentError(absl::StrCat(
            "family ", old.name, " cannot change its name, locality group or aggregate"));
      }
    }
  }
  next.schema = schema;
  RETURN_IF_ERROR(Publish(next));
  // Cells carry their family's id: records queued under the old schema need no barrier. One of a
  // dropped family is hidden by its id, and nobody was told of a new family before this point.
  auto shared = std::make_shared<const TableSchema>(schema);
  auto families = std::make_shared<const VisibleFamilies>(schema);
  ChangeVersion([&](TabletVersion* version) {
    version->schema = shared;
    version->families = families;
  });
  return OkStatus();
}

TableSchema TabletStoreImpl::schema() const { return *version()->schema; }

bool TabletStoreImpl::HasUnflushed() const {
  auto v = version();
  return !v->frozen.empty() || !v->active->cells.empty();
}

std::vector<ManifestFile> TabletStoreImpl::files() const {
  std::vector<ManifestFile> files;
  auto v = version();
  for (const TabletGroup& group : v->groups) {
    for (const auto& table : group.tables) files.push_back(table->file);
  }
  return files;
}

TabletStats TabletStoreImpl::stats() const {
  TabletStats stats;
  auto v = version();
  // The first piece of an empty one's arena is no data.
  if (!v->active->cells.empty()) stats.memtable_bytes = v->active->cells.memory_bytes();
  stats.oldest_unflushed_lsn = v->active->first_lsn;
  for (const auto& frozen : v->frozen) stats.frozen_bytes += frozen->cells.memory_bytes();
  if (!v->frozen.empty()) stats.oldest_unflushed_lsn = v->frozen.front()->first_lsn;
  for (const TabletGroup& group : v->groups) {
    stats.sstable_bytes += group.bytes;
    stats.index_bytes += group.index->memory_bytes();
    stats.files += static_cast<uint32_t>(group.tables.size());
    stats.index_blocks += group.index->entry_count();
    stats.index_anchors += group.index->anchor_count();
  }
  if (const auto due = PickGroup(); due.has_value()) {
    stats.compaction_debt_bytes = due->bytes;
    stats.compaction_debt_files = static_cast<uint32_t>(due->tables.size());
  }
  const CurrentVersion::Counts counts = current_.counts();
  stats.reads = counts.reads;
  stats.writes = writes_;
  stats.rows_read = counts.rows;
  stats.bytes_read = counts.bytes;
  stats.bytes_written = bytes_written_;
  stats.last_sequence = visible_sequence_;
  stats.last_drop_order = last_drop_order_;
  stats.row_drops = static_cast<uint32_t>(v->drops->all().size());
  MutexLock lock(&version_mu_);
  if (fenced_) {
    stats.state = "failed: another owner has the tablet";
  } else if (!failure_.empty()) {
    stats.state = absl::StrCat("failed: ", failure_);
  } else {
    stats.state = flushing_ > 0 ? "flushing" : compacting_ > 0 ? "compacting" : "open";
  }
  return stats;
}

}  // namespace stele::storage
