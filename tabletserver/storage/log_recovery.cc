#include "tabletserver/storage/log_recovery.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/pool/in_parallel.h"
#include "tabletserver/storage/compaction/minor.h"
#include "tabletserver/storage/damage_mark.h"
#include "tabletserver/storage/damage_survey.h"
#include "tabletserver/storage/manifest/row_drops.h"

namespace stele::storage {
namespace {
constexpr size_t kMostReports = 16;  // in one mark
// Tablets written out at once: each waits for its own syncs, which the disk takes together.
constexpr size_t kInstallers = 8;
}  // namespace

LogRecovery::LogRecovery(EngineCore* core)
    : core_(core),
      log_(core->log.get()),
      log_name_(core->env.server_id),
      of_another_(false),
      progress_(&own_progress_) {}

LogRecovery::LogRecovery(EngineCore* core, CommitLog* log, std::string log_name,
                         LogRecoveryProgress* progress)
    : core_(core),
      log_(log),
      log_name_(std::move(log_name)),
      of_another_(true),
      progress_(progress) {}

// Run: what survives a crash after each step. The names are those of the fault points.
//
//  1. recovery.list: the log is held, its records are known; nothing has changed.
//  2. recovery.replay_mid: passed with each record. Files may be written early; nobody names them.
//  3. recovery.flush_recovered: passed with each tablet, between its files and its manifest. The
//     manifest then has them and the flushed sequence: a second run skips these records.
//  4. recovery.before_mark: what reads of the tablets that are set aside is in rescue files. Each
//  is
//     then marked; a second run finds the same damage and marks the same tablets.
//  (Engine::Open goes on: recovery.before_open, the log begins its new epoch and forgets the old
//  records, recovery.after_open.)
Status LogRecovery::Run() {
  progress_->bytes_total = log_->recovered_bytes();
  RETURN_IF_ERROR(FaultPoint(core_->env.faults, "recovery.list"));  // 1
  RETURN_IF_ERROR(Survey());
  do {
    RETURN_IF_ERROR(ReplayOnce());  // 2
  } while (again_);
  progress_->bytes_done = progress_->bytes_total.load();
  RETURN_IF_ERROR(InstallAll());  // 3
  RETURN_IF_ERROR(KeepEvidence());
  return Mark();  // 4
}

Status LogRecovery::RunSystem() {
  system_only_ = true;
  progress_->bytes_total = log_->recovered_bytes();
  RETURN_IF_ERROR(FaultPoint(core_->env.faults, "recovery.list"));
  if (log_->damage().empty()) RETURN_IF_ERROR(ReplayOnce());
  if (!log_->damage().empty() || !set_aside_.empty()) {
    return CorruptError(absl::StrCat("log ", log_name_, " is recovered as a whole"));
  }
  progress_->bytes_done = progress_->bytes_total.load();
  return InstallAll();
}

Status LogRecovery::ReplayOnce() {
  tablets_.clear();
  memory_bytes_ = records_ = skipped_ = 0;
  progress_->bytes_done = progress_->tablets_total = 0;
  again_ = false;
  return log_->Recover([this](const RecoveredRecord& record) { return Add(record); });
}

// The list of manifests names every tablet that this log may have records of: where a store's lists
// lag behind, a tablet made just before the crash could be missing.
Status LogRecovery::Survey() {
  const std::vector<LogGap>& gaps = log_->damage();
  if (gaps.empty()) return OkStatus();
  DamageSurvey survey(gaps);
  ASSIGN_OR_RETURN(std::vector<std::string> cells,
                   core_->env.store->ListCells(kManifestCellPrefix));
  for (const std::string& cell : cells) {
    StatusOr<TabletId> id = ParseManifestCellName(cell);
    if (!id.ok()) continue;
    StatusOr<StoredManifest> stored = ReadManifest(core_->env.store, *id);
    if (IsCorrupt(stored.status())) {
      set_aside_[*id] = std::string(stored.status().message());
    } else if (!absl::IsNotFound(stored.status())) {
      RETURN_IF_ERROR(stored.status());
      survey.AddTablet(stored->manifest);
    }
  }
  RETURN_IF_ERROR(log_->Recover([&](const RecoveredRecord& record) {
    StatusOr<WriteHeader> header = DecodeWriteHeader(record.payload);
    if (header.ok()) survey.AddRecord(record, *header);
    return OkStatus();  // Add judges it
  }));
  for (const auto& [id, places] : survey.Concerned()) {
    std::vector<std::string> reports;
    for (size_t i : places) {
      if (reports.size() < kMostReports) reports.push_back(gaps[i].report);
    }
    set_aside_[id] = absl::StrJoin(reports, "; ");
  }
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
    tablet->requests = std::make_unique<RequestMemory>(core_->env.clock, &core_->request_memory);
    tablet->requests->Load(tablet->manifest->current().requests);
  } else if (IsCorrupt(stored.status())) {
    if (rescuing_) return stored.status();
    tablet->damage = stored.status();
    set_aside_.emplace(id, std::string(stored.status().message()));
  } else if (!absl::IsNotFound(stored.status())) {
    return stored.status();
  }
  auto marked = set_aside_.find(id);
  if (marked != set_aside_.end() && tablet->damage.ok()) {
    tablet->damage = CorruptError(marked->second);
  }
  ++progress_->tablets_total;
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
  progress_->bytes_done =
      std::min<uint64_t>(progress_->bytes_total, progress_->bytes_done + record.payload.size());
  if (system_only_ && !IsSystemTablet(record.tablet)) return OkStatus();
  StatusOr<WriteHeader> parsed = DecodeWriteHeader(record.payload);
  const std::string where = absl::StrCat("log record ", record.lsn, " of tablet ", record.tablet);
  if (!parsed.ok() && !IsCorrupt(parsed.status())) return WithContext(parsed.status(), where);
  ASSIGN_OR_RETURN(Tablet * tablet, Find(record.tablet));
  if (!tablet->manifest && tablet->damage.ok()) {
    ++skipped_;  // dropped
    return OkStatus();
  }
  if (parsed.ok() && tablet->manifest && Skips(*tablet, *parsed)) {
    ++skipped_;
    return OkStatus();
  }
  if (!tablet->damage.ok()) return Rescue(record, tablet);
  if (rescuing_) return AddWhole(record, tablet);
  if (!parsed.ok()) return SetAside(record.tablet, WithContext(parsed.status(), where));
  if (parsed->epoch > tablet->manifest->current().epoch) {
    return SetAside(record.tablet, CorruptError(absl::StrCat(where, " is of epoch ", parsed->epoch,
                                                             ", the manifest of ",
                                                             tablet->manifest->current().epoch)));
  }
  Status status = AddCells(record, tablet);
  if (IsCorrupt(status)) return SetAside(record.tablet, WithContext(status, where));
  return WithContext(status, where);
}

Status LogRecovery::SetAside(TabletId tablet, const Status& damage) {
  set_aside_.emplace(tablet, std::string(damage.message()));
  again_ = true;
  return OkStatus();
}

// Of a record that does not decode to its end, nothing counts.
Status LogRecovery::AddWhole(const RecoveredRecord& record, Tablet* tablet) {
  WriteHeader header;
  Status whole = DecodeWrite(record.payload, &header, [](Slice, Slice) { return OkStatus(); });
  if (IsCorrupt(whole)) {
    ++unreadable_;
    return OkStatus();
  }
  RETURN_IF_ERROR(whole);
  return AddCells(record, tablet);
}

Status LogRecovery::AddCells(const RecoveredRecord& record, Tablet* tablet) {
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
  if (status.ok()) status = RememberRequest(header, record.payload, tablet);
  RETURN_IF_ERROR(status);
  tablet->newest_epoch = std::max(tablet->newest_epoch, header.epoch);
  tablet->last_sequence = std::max(tablet->last_sequence, header.last_sequence());
  tablet->max_server_timestamp_us =
      std::max(tablet->max_server_timestamp_us, header.server_timestamp_us);
  memory_bytes_ += tablet->cells->memory_bytes() - before;
  if (memory_bytes_ > static_cast<uint64_t>(core_->memtable_pressure_bytes())) {
    return SpillLargest();
  }
  return OkStatus();
}

Status LogRecovery::RememberRequest(const WriteHeader& header, Slice payload, Tablet* tablet) {
  if (header.id.client_id == 0) return OkStatus();
  ChangeOutcome outcome{header.kind, nullptr};
  if (header.kind == ChangeKind::kRow) {
    ASSIGN_OR_RETURN(Row row, DecodeWrittenRow(payload));
    outcome.row = std::make_shared<const Row>(std::move(row));
  }
  tablet->requests->Remember(header.id, outcome);
  return OkStatus();
}

Status LogRecovery::Rescue(const RecoveredRecord& record, Tablet* tablet) {
  if (tablet->rescue == nullptr) {
    const TabletDescriptor only_id{.id = record.tablet};
    const uint64_t file_id = tablet->making.NewName(only_id, 0).file_id;
    ASSIGN_OR_RETURN(tablet->rescue, RescueFile::Create(core_->env.store, record.tablet, file_id));
    LOG(ERROR) << "the log's records of tablet " << record.tablet << " go to "
               << tablet->rescue->name() << ": " << tablet->damage.ToString();
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
  if (largest == nullptr) return OkStatus();
  const uint64_t freed = largest->cells->memory_bytes();
  RETURN_IF_ERROR(Spill(largest));
  memory_bytes_ -= std::min(memory_bytes_, freed);
  return OkStatus();
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
  tablet->cells = std::make_unique<Memtable>();
  return OkStatus();
}

// The tablets do not know of each other: some threads take one after the other, the system's first.
// The first error ends it; who has begun goes on to his end.
Status LogRecovery::InstallAll() {
  std::vector<std::pair<TabletId, Tablet*>> tablets;
  tablets.reserve(tablets_.size());
  for (const auto& [id, tablet] : tablets_) tablets.emplace_back(id, tablet.get());
  std::stable_partition(tablets.begin(), tablets.end(),
                        [](const auto& entry) { return IsSystemTablet(entry.first); });
  Mutex mu;
  Status first_error;
  // An engine that works on its caller's thread alone does so here, too.
  const size_t threads = core_->options.maintenance_threads == 0 ? 1 : kInstallers;
  InParallel(threads, tablets.size(), [&](size_t i) {
    const Status status = Install(tablets[i].first, tablets[i].second);
    if (status.ok()) {
      ++progress_->tablets_done;
      return true;
    }
    MutexLock lock(&mu);
    if (first_error.ok()) first_error = status;
    return false;
  });
  MutexLock lock(&mu);
  return first_error;
}

Status LogRecovery::Install(TabletId id, Tablet* tablet) {
  if (tablet->rescue != nullptr) return tablet->rescue->Finish();
  if (!tablet->damage.ok()) return OkStatus();
  if (!tablet->manifest || tablet->last_sequence == 0) return OkStatus();
  RETURN_IF_ERROR(Spill(tablet));
  Manifest next = tablet->manifest->current();
  for (const NewTable& table : tablet->made) next.files.push_back(table.file);
  next.epoch = std::max(next.epoch, tablet->newest_epoch);
  next.flushed_sequence = std::max(next.flushed_sequence, tablet->last_sequence);
  next.max_server_timestamp_us =
      std::max(next.max_server_timestamp_us, tablet->max_server_timestamp_us);
  SettleRowDrops(&next);
  next.requests = tablet->requests->Snapshot();
  RETURN_IF_ERROR(FaultPoint(core_->env.faults, "recovery.flush_recovered"));
  RETURN_IF_ERROR(core_->CheckLease());
  Status status = tablet->manifest->Publish(next);
  if (of_another_ && IsFenced(status)) {
    return absl::UnavailableError(
        absl::StrCat("tablet ", id, " changed during the recovery of log ", log_name_));
  }
  if (IsFenced(status) || absl::IsNotFound(status)) {
    LOG(WARNING) << "tablet " << id << " changed hands during recovery: " << status.ToString();
    return OkStatus();
  }
  if (!status.ok()) tablet->making.Keep();
  return status;
}

// A copy of the bytes that did not read, since the ring uses their place again.
Status LogRecovery::KeepEvidence() {
  if (set_aside_.empty()) return OkStatus();
  BlobStore* const store = core_->env.store;
  for (const LogGap& gap : log_->damage()) {
    StatusOr<std::unique_ptr<BlobWriter>> blob = store->CreateBlob(EvidenceName(log_name_, gap));
    if (absl::IsAlreadyExists(blob.status())) continue;  // an earlier try
    RETURN_IF_ERROR(blob.status());
    for (const LogGap::Part& part : gap.parts) {
      RETURN_IF_ERROR(log_->ReadDamage(part, [&](Slice bytes) { return (*blob)->Append(bytes); }));
    }
    Status status = (*blob)->Finish();
    if (!absl::IsAlreadyExists(status)) RETURN_IF_ERROR(status);
  }
  return OkStatus();
}

Status LogRecovery::Mark() {
  if (set_aside_.empty()) return OkStatus();
  RETURN_IF_ERROR(FaultPoint(core_->env.faults, "recovery.before_mark"));
  RETURN_IF_ERROR(core_->CheckLease());
  for (const auto& [id, report] : set_aside_) {
    auto found = tablets_.find(id);
    const bool rescued = found != tablets_.end() && found->second->rescue != nullptr;
    LOG(ERROR) << "tablet " << id << " is set aside: " << report;
    RETURN_IF_ERROR(core_->Judge(AddDamageMark(
        core_->env.store, id, {report, rescued ? found->second->rescue->name() : ""})));
  }
  return OkStatus();
}

Status LogRecovery::AddRescued(TabletId tablet, Slice rescue_file) {
  rescuing_ = true;
  return ReadRescue(rescue_file, [&](Lsn lsn, Slice payload) {
    return Add({lsn, tablet, payload, lsn});
  });
}

Status LogRecovery::InstallRescued() { return InstallAll(); }

}  // namespace stele::storage
