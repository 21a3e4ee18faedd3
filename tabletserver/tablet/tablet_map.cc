#include "tabletserver/tablet/tablet_map.h"

#include <utility>

#include "common/base/log.h"
#include "schema/convert/error_payload.h"
#include "tabletserver/storage/manifest/manifest.h"

namespace stele::tabletserver {
namespace {

std::string TabletName(TabletId tablet) { return absl::StrCat("tablet ", tablet); }

Status OlderEpoch(TabletId tablet, Epoch asked, Epoch known) {
  return FencedError(
      absl::StrCat(TabletName(tablet), ": epoch ", asked, " is past, it is at ", known));
}

Status Busy(TabletId tablet, wire::TabletState state) {
  return absl::UnavailableError(
      absl::StrCat(TabletName(tablet), " is ", wire::TabletStateName(state)));
}

}  // namespace

TabletMap::TabletMap(storage::Engine* engine, BlobStore* store) : engine_(engine), store_(store) {}

StatusOr<bool> TabletMap::BeginOpen(const wire::OpenTabletRequest& request, bool* reopen) {
  MutexLock lock(&mu_);
  auto [it, added] = entries_.try_emplace(request.tablet);
  Entry& entry = it->second;
  *reopen = false;
  if (!added) {
    if (request.epoch < entry.epoch) {
      return OlderEpoch(request.tablet, request.epoch, entry.epoch);
    }
    switch (entry.state) {
      case wire::TabletState::kOpening:
      case wire::TabletState::kClosing:
        return Busy(request.tablet, entry.state);
      case wire::TabletState::kOpen:
        if (request.epoch == entry.epoch) return false;
        *reopen = true;
        break;
      case wire::TabletState::kFailed:
        break;
    }
  }
  entry.descriptor.id = request.tablet;
  entry.epoch = request.epoch;
  entry.state = wire::TabletState::kOpening;
  entry.error = OkStatus();
  entry.store.reset();
  return true;
}

StatusOr<std::shared_ptr<storage::TabletStore>> TabletMap::OpenInEngine(
    const wire::OpenTabletRequest& request, bool reopen) {
  if (reopen) RETURN_IF_ERROR(engine_->CloseTablet(request.tablet, /*flush=*/true));
  if (request.create.has_value()) {
    Status created =
        engine_->CreateTablet(request.create->descriptor, request.create->schema, request.epoch);
    if (created.code() != absl::StatusCode::kAlreadyExists) RETURN_IF_ERROR(created);
  }
  return engine_->OpenTablet(request.tablet, request.epoch);
}

Status TabletMap::Open(const wire::OpenTabletRequest& request) {
  bool reopen = false;
  ASSIGN_OR_RETURN(const bool needed, BeginOpen(request, &reopen));
  if (!needed) return OkStatus();
  auto opened = OpenInEngine(request, reopen);
  MutexLock lock(&mu_);
  Entry& entry = entries_[request.tablet];
  if (opened.ok()) {
    entry.store = *std::move(opened);
    entry.descriptor = entry.store->descriptor();
    entry.state = wire::TabletState::kOpen;
    LOG(INFO) << TabletName(request.tablet) << " open under epoch " << request.epoch;
    return OkStatus();
  }
  entry.state = wire::TabletState::kFailed;
  entry.error = WithContext(opened.status(), TabletName(request.tablet));
  LOG(ERROR) << "open failed: " << entry.error.ToString();
  return entry.error;
}

Status TabletMap::Close(TabletId tablet, Epoch epoch, bool flush) {
  {
    MutexLock lock(&mu_);
    auto it = entries_.find(tablet);
    if (it == entries_.end()) return OkStatus();
    Entry& entry = it->second;
    if (epoch < entry.epoch) return OlderEpoch(tablet, epoch, entry.epoch);
    if (entry.state == wire::TabletState::kOpening || entry.state == wire::TabletState::kClosing) {
      return Busy(tablet, entry.state);
    }
    if (entry.state == wire::TabletState::kFailed) {
      entries_.erase(it);
      return OkStatus();
    }
    entry.state = wire::TabletState::kClosing;
    entry.store.reset();
  }
  Status closed = engine_->CloseTablet(tablet, flush);
  MutexLock lock(&mu_);
  if (closed.ok() || IsNotFound(closed)) {
    entries_.erase(tablet);
    return OkStatus();
  }
  Entry& entry = entries_[tablet];
  entry.state = wire::TabletState::kFailed;
  entry.error = WithContext(closed, absl::StrCat("close of ", TabletName(tablet)));
  return entry.error;
}

Status TabletMap::Drop(TabletId tablet, Epoch epoch) {
  {
    MutexLock lock(&mu_);
    auto it = entries_.find(tablet);
    if (it != entries_.end()) {
      return absl::FailedPreconditionError(absl::StrCat(
          TabletName(tablet), " is ", wire::TabletStateName(it->second.state), " here"));
    }
  }
  auto stored = storage::ReadManifest(store_, tablet);
  if (IsNotFound(stored.status())) return OkStatus();
  // A damaged manifest belongs to a tablet that is to vanish; its cell version still fences.
  uint64_t version = 0;
  const std::string cell = storage::ManifestCellName(tablet);
  if (stored.ok()) {
    if (epoch < stored->manifest.epoch) return OlderEpoch(tablet, epoch, stored->manifest.epoch);
    version = stored->version;
  } else {
    ASSIGN_OR_RETURN(StoredCell raw, store_->ReadCell(cell));
    version = raw.version;
  }
  Status deleted = store_->DeleteCell(cell, version);
  return IsNotFound(deleted) ? OkStatus() : WithContext(deleted, TabletName(tablet));
}

Status TabletMap::Alter(TabletId tablet, Epoch epoch, const TableSchema& schema) {
  ASSIGN_OR_RETURN(auto store, Find(tablet, epoch));
  if (store->schema().version >= schema.version) return OkStatus();
  return WithContext(store->AlterSchema(schema), TabletName(tablet));
}

StatusOr<std::shared_ptr<storage::TabletStore>> TabletMap::Find(TabletId tablet,
                                                                Epoch epoch) const {
  MutexLock lock(&mu_);
  auto it = entries_.find(tablet);
  if (it == entries_.end()) {
    return wire::NotServedError(absl::StrCat(TabletName(tablet), " is not served here"), nullptr);
  }
  const Entry& entry = it->second;
  if (epoch != 0 && epoch < entry.epoch) return OlderEpoch(tablet, epoch, entry.epoch);
  if (entry.state != wire::TabletState::kOpen) {
    return wire::NotServedError(
        absl::StrCat(TabletName(tablet), " is ", wire::TabletStateName(entry.state)), nullptr);
  }
  return entry.store;
}

std::vector<wire::TabletReport> TabletMap::Report() const {
  std::vector<wire::TabletReport> reports;
  std::vector<std::shared_ptr<storage::TabletStore>> stores;
  {
    MutexLock lock(&mu_);
    for (const auto& [id, entry] : entries_) {
      wire::TabletReport& report = reports.emplace_back();
      report.tablet = entry.descriptor;
      report.epoch = entry.epoch;
      report.state = entry.state;
      report.error = entry.error;
      stores.push_back(entry.store);
    }
  }
  for (size_t i = 0; i < reports.size(); ++i) {
    if (stores[i] == nullptr) continue;
    const storage::TabletStats stats = stores[i]->stats();
    reports[i].schema_version = stores[i]->schema().version;
    reports[i].counters = {stats.sstable_bytes, stats.files,
                           stats.memtable_bytes + stats.frozen_bytes, stats.reads, stats.writes};
  }
  return reports;
}

size_t TabletMap::size() const {
  MutexLock lock(&mu_);
  return entries_.size();
}

}  // namespace stele::tabletserver
