#include "tabletserver/storage/log_recovery.h"

#include <algorithm>
#include <set>

#include "common/base/log.h"
#include "tabletserver/storage/compaction/minor.h"
#include "tabletserver/storage/manifest/row_drops.h"

namespace stele::storage {

// Run: what survives a crash after each step. The names are those of the fault points.
//
//  1. recovery.list: the log is held, its records are known; nothing has changed.
//  2. recovery.replay_mid: passed with each record. Files may be written early; nobody names them.
//  3. recovery.flush_recovered: passed with each tablet, between its files and its manifest. The
//     manifest then has them and the flushed sequence: a second run skips these records.
//  (Engine::Open goes on: recovery.before_open, the log begins its new epoch and forgets the old
//  records, recovery.after_open.)
Status LogRecovery::Run() {
  RETURN_IF_ERROR(FaultPoint(core_->env.faults, "recovery.list"));  // 1
  RETURN_IF_ERROR(core_->log->Recover([this](const RecoveredRecord& record) {
    return Add(record);  // 2
  }));
  for (auto& [id, tablet] : tablets_) RETURN_IF_ERROR(Install(id, tablet.get()));  // 3
  return OkStatus();
}

StatusOr<LogRecovery::Tablet*> LogRecovery::Find(TabletId id) {
  auto found = tablets_.find(id);
  if (found != tablets_.end()) return found->second.get();
  auto tablet = std::make_unique<Tablet>(core_);
  StatusOr<StoredManifest> stored = ReadManifest(core_->env.store, id);
  if (stored.ok()) {
    tablet->manifest.emplace(core_->env.store, *std::move(stored));
    tablet->cells = std::make_unique<Memtable>();
  } else if (IsCorrupt(stored.status())) {
    tablet->damage = stored.status();
  } else if (!absl::IsNotFound(stored.status())) {
    return stored.status();
  }
  return (tablets_[id] = std::move(tablet)).get();
}

bool LogRecovery::Skips(const Tablet& tablet, const WriteHeader& header) const {
  if (!tablet.manifest) return true;
  const Manifest& manifest = tablet.manifest->current();
  // A higher owner has recovered this log itself before it opened the tablet.
  if (header.epoch < manifest.epoch) return true;
  return header.last_sequence() <= manifest.flushed_sequence;
}

Status LogRecovery::Add(const RecoveredRecord& record) {
  RETURN_IF_ERROR(FaultPoint(core_->env.faults, "recovery.replay_mid"));
  ++records_;
  StatusOr<WriteHeader> parsed = DecodeWriteHeader(record.payload);
  const std::string where = absl::StrCat("log record ", record.lsn, " of tablet ", record.tablet);
  if (!parsed.ok()) return WithContext(parsed.status(), where);
  ASSIGN_OR_RETURN(Tablet * tablet, Find(record.tablet));
  if (!tablet->damage.ok()) return Rescue(record, tablet);
  if (Skips(*tablet, *parsed)) {
    ++skipped_;
    return OkStatus();
  }
  if (parsed->epoch > tablet->manifest->current().epoch) {
    return CorruptError(absl::StrCat(where, " is of epoch ", parsed->epoch, ", the manifest of ",
                                     tablet->manifest->current().epoch));
  }
  const size_t before = tablet->cells->memory_bytes();
  auto present = tablet->cells->NewIterator();
  WriteHeader header;
  Status status = DecodeWrite(record.payload, &header, [&](Slice key, Slice value) {
    // A record that the log carried to its head may be met twice.
    present->Seek(key);
    if (present->Valid() && present->key() == key) return OkStatus();
    tablet->cells->Add(key, value);
    return OkStatus();
  });
  RETURN_IF_ERROR(WithContext(status, where));
  tablet->last_sequence = std::max(tablet->last_sequence, header.last_sequence());
  tablet->max_server_timestamp_us =
      std::max(tablet->max_server_timestamp_us, header.server_timestamp_us);
  memory_bytes_ += tablet->cells->memory_bytes() - before;
  if (memory_bytes_ > static_cast<uint64_t>(core_->memtable_pressure_bytes())) {
    return SpillLargest();
  }
  return OkStatus();
}

Status LogRecovery::Rescue(const RecoveredRecord& record, Tablet* tablet) {
  if (tablet->rescue == nullptr) {
    const TabletDescriptor only_id{.id = record.tablet};
    const uint64_t file_id = tablet->making.NewName(only_id, 0).file_id;
    ASSIGN_OR_RETURN(tablet->rescue, RescueFile::Create(core_->env.store, record.tablet, file_id));
    LOG(ERROR) << "the log's records of tablet " << record.tablet << " go to "
               << tablet->rescue->name()
               << ", its manifest cannot be read: " << tablet->damage.ToString();
  }
  return tablet->rescue->Add(record.lsn, record.payload);
}

Status LogRecovery::SpillLargest() {
  Tablet* largest = nullptr;
  for (auto& [id, tablet] : tablets_) {
    if (tablet->cells == nullptr || tablet->cells->empty()) continue;
    if (largest == nullptr || tablet->cells->memory_bytes() > largest->cells->memory_bytes()) {
      largest = tablet.get();
    }
  }
  return largest == nullptr ? OkStatus() : Spill(largest);
}

Status LogRecovery::Spill(Tablet* tablet) {
  if (tablet->cells->empty()) return OkStatus();
  const Manifest& manifest = tablet->manifest->current();
  TableOutputEnv env = core_->OutputEnv(manifest.tablet, manifest.epoch, "", &tablet->making);
  // Carried records come out of order: a marker may be spilled before older cells of another group
  // are met, so it goes to all groups.
  std::set<std::string> groups;
  for (const LocalityGroupSchema& group : manifest.schema.groups) groups.insert(group.name);
  const DroppedRows drops(manifest.drops);
  env.drops = &drops;
  auto cells = tablet->cells->NewIterator();
  ASSIGN_OR_RETURN(std::vector<NewTable> made,
                   WriteMinor(env, manifest.schema, groups, cells.get()));
  for (NewTable& table : made) tablet->made.push_back(std::move(table));
  const size_t freed = tablet->cells->memory_bytes();
  memory_bytes_ -= std::min<uint64_t>(memory_bytes_, freed);
  tablet->cells = std::make_unique<Memtable>();
  return OkStatus();
}

Status LogRecovery::Install(TabletId id, Tablet* tablet) {
  if (tablet->rescue != nullptr) return tablet->rescue->Finish();
  if (!tablet->manifest || tablet->last_sequence == 0) return OkStatus();
  RETURN_IF_ERROR(Spill(tablet));
  Manifest next = tablet->manifest->current();
  for (const NewTable& table : tablet->made) next.files.push_back(table.file);
  next.flushed_sequence = std::max(next.flushed_sequence, tablet->last_sequence);
  next.max_server_timestamp_us =
      std::max(next.max_server_timestamp_us, tablet->max_server_timestamp_us);
  SettleRowDrops(&next);
  RETURN_IF_ERROR(FaultPoint(core_->env.faults, "recovery.flush_recovered"));
  RETURN_IF_ERROR(core_->CheckLease());
  Status status = tablet->manifest->Publish(next);
  if (IsFenced(status) || absl::IsNotFound(status)) {
    LOG(WARNING) << "tablet " << id << " changed hands during recovery: " << status.ToString();
    return OkStatus();
  }
  if (!status.ok()) tablet->making.Keep();
  return status;
}

}  // namespace stele::storage
