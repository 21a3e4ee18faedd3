#include "tabletserver/tablet/tablet_map.h"

#include <algorithm>
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

constexpr size_t kMaxMoved = 10'000;
constexpr size_t kReportedRows = 8'192, kFewestReportedRows = 8;  // of all tablets, of each

Status Busy(TabletId tablet) {
  return absl::UnavailableError(
      absl::StrCat(TabletName(tablet), " is being split, merged or closed"));
}

Status InState(TabletId tablet, wire::TabletState state) {
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
        return InState(request.tablet, entry.state);
      case wire::TabletState::kOpen:
        if (request.epoch == entry.epoch) return false;
        if (entry.busy) return Busy(request.tablet);
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
  entry.merged_into = 0;
  entry.store.reset();
  moved_.erase(request.tablet);
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
  TabletId merged_into = 0;
  if (opened.status().code() == absl::StatusCode::kFailedPrecondition) {
    auto stored = storage::ReadManifest(store_, request.tablet);
    if (stored.ok()) merged_into = stored->manifest.merged_into;
  }
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
  entry.merged_into = merged_into;
  LOG(ERROR) << "open failed: " << entry.error.ToString();
  return entry.error;
}

void TabletMap::NoteMoved(const wire::CloseTabletRequest& request) {
  if (!request.moved_to.has_value()) return;
  if (moved_.size() >= kMaxMoved) moved_.erase(moved_.begin());
  moved_[request.tablet] = *request.moved_to;
}

Status TabletMap::Close(const wire::CloseTabletRequest& request) {
  const TabletId tablet = request.tablet;
  std::shared_ptr<storage::TabletStore> store;
  {
    MutexLock lock(&mu_);
    auto it = entries_.find(tablet);
    if (it == entries_.end()) return OkStatus();
    Entry& entry = it->second;
    if (request.epoch < entry.epoch) return OlderEpoch(tablet, request.epoch, entry.epoch);
    if (entry.state == wire::TabletState::kOpening || entry.state == wire::TabletState::kClosing) {
      return InState(tablet, entry.state);
    }
    if (entry.busy) return Busy(tablet);
    if (entry.state == wire::TabletState::kFailed) {
      NoteMoved(request);
      entries_.erase(it);
      return OkStatus();
    }
    entry.busy = true;
    store = entry.store;
  }
  // While it serves; the engine flushes what is left, and says what goes wrong.
  if (request.flush) store->Flush().IgnoreError();
  store.reset();
  {
    MutexLock lock(&mu_);
    Entry& entry = entries_[tablet];
    entry.busy = false;
    entry.state = wire::TabletState::kClosing;
    entry.store.reset();
    NoteMoved(request);
  }
  Status closed = engine_->CloseTablet(tablet, request.flush);
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

Status TabletMap::Claim(TabletId tablet, Epoch epoch, const std::string* start_row) {
  auto it = entries_.find(tablet);
  if (it == entries_.end()) return absl::NotFoundError(TabletName(tablet) + " is not open here");
  Entry& entry = it->second;
  if (epoch < entry.epoch) return OlderEpoch(tablet, epoch, entry.epoch);
  if (entry.state != wire::TabletState::kOpen) return InState(tablet, entry.state);
  if (entry.busy) return Busy(tablet);
  if (epoch != entry.epoch || (start_row != nullptr && entry.descriptor.start_row != *start_row)) {
    return absl::FailedPreconditionError(
        absl::StrCat(TabletName(tablet), " is not what the request takes it for"));
  }
  entry.busy = true;
  return OkStatus();
}

void TabletMap::TakeOver(const std::vector<std::pair<TabletId, Epoch>>& tablets,
                         const Status& outcome) {
  std::vector<std::shared_ptr<storage::TabletStore>> stores;
  for (const auto& [id, epoch] : tablets) stores.push_back(engine_->FindTablet(id));
  MutexLock lock(&mu_);
  for (size_t i = 0; i < tablets.size(); ++i) {
    const auto& [id, epoch] = tablets[i];
    auto it = entries_.find(id);
    if (stores[i] != nullptr) {
      Entry& entry = it != entries_.end() ? it->second : entries_[id];
      entry = Entry();
      entry.descriptor = stores[i]->descriptor();
      entry.epoch = epoch;
      entry.state = wire::TabletState::kOpen;
      entry.store = std::move(stores[i]);
    } else if (it != entries_.end() && outcome.ok()) {
      entries_.erase(it);
    } else if (it != entries_.end()) {
      it->second.busy = false;
      it->second.state = wire::TabletState::kFailed;
      it->second.store.reset();
      it->second.error = WithContext(outcome, TabletName(id));
    }
  }
}

// Where the tablet is cut; empty: the engine chooses.
StatusOr<std::string> TabletMap::SplitRow(const wire::SplitTabletRequest& request) const {
  if (!request.by_load) return request.at;
  ASSIGN_OR_RETURN(auto store, Find(request.tablet, request.epoch));
  return storage::ChooseLoadSplitRow(store->descriptor(), store->load().Rows());
}

Status TabletMap::Split(const wire::SplitTabletRequest& request) {
  ASSIGN_OR_RETURN(const std::string at, SplitRow(request));
  {
    MutexLock lock(&mu_);
    RETURN_IF_ERROR(Claim(request.tablet, request.epoch, &request.start_row));
  }
  Status split = engine_->SplitTablet(request.tablet, request.child, at);
  TakeOver({{request.tablet, request.epoch}, {request.child, request.epoch}}, split);
  if (split.ok()) {
    LOG(INFO) << TabletName(request.tablet) << " gave rows to " << TabletName(request.child);
  }
  return WithContext(split, absl::StrCat("split of ", TabletName(request.tablet)));
}

Status TabletMap::Merge(const wire::MergeTabletsRequest& request) {
  bool left_is_open = false;
  {
    MutexLock lock(&mu_);
    auto left = entries_.find(request.left);
    left_is_open = left != entries_.end() && left->second.state == wire::TabletState::kOpen;
    if (left_is_open) RETURN_IF_ERROR(Claim(request.left, request.left_epoch, nullptr));
    Status right = Claim(request.right, request.right_epoch, &request.right_start_row);
    if (!right.ok()) {
      if (left_is_open) entries_[request.left].busy = false;
      return right;
    }
  }
  Status merged = engine_->MergeTablets(request.left, request.right);
  std::vector<std::pair<TabletId, Epoch>> changed = {{request.right, request.right_epoch}};
  if (left_is_open) changed.emplace_back(request.left, request.left_epoch);
  TakeOver(changed, merged);
  if (merged.ok()) {
    MutexLock lock(&mu_);
    auto right = entries_.find(request.right);
    if (right != entries_.end()) NoteMoved({request.left, 0, false, Here(right->second)});
  }
  return WithContext(merged, absl::StrCat("merge of ", TabletName(request.left), " into ",
                                          TabletName(request.right)));
}

Status TabletMap::ForgetMerged(const wire::MergeTabletsRequest& request) {
  RETURN_IF_ERROR(engine_->ForgetMerged(request.left, request.right));
  MutexLock lock(&mu_);
  auto left = entries_.find(request.left);
  if (left != entries_.end() && left->second.state == wire::TabletState::kFailed) {
    entries_.erase(left);
  }
  return OkStatus();
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

Status TabletMap::DropRows(const wire::DropTabletRowsRequest& request) {
  ASSIGN_OR_RETURN(auto store, Find(request.tablet, request.epoch));
  return WithContext(store->DropRows(request.range, request.order), TabletName(request.tablet));
}

StatusOr<std::shared_ptr<storage::TabletStore>> TabletMap::Find(TabletId tablet,
                                                                Epoch epoch) const {
  MutexLock lock(&mu_);
  auto it = entries_.find(tablet);
  if (it == entries_.end()) {
    auto moved = moved_.find(tablet);
    return wire::NotServedError(absl::StrCat(TabletName(tablet), " is not served here"),
                                moved == moved_.end() ? nullptr : &moved->second);
  }
  const Entry& entry = it->second;
  if (epoch != 0 && epoch < entry.epoch) return OlderEpoch(tablet, epoch, entry.epoch);
  if (entry.state != wire::TabletState::kOpen) {
    return wire::NotServedError(
        absl::StrCat(TabletName(tablet), " is ", wire::TabletStateName(entry.state)), nullptr);
  }
  return entry.store;
}

TabletLocation TabletMap::Here(const Entry& entry) const {
  TabletLocation here = self_;
  here.tablet = entry.descriptor;
  here.epoch = entry.epoch;
  here.assignment = TabletAssignment::kAssigned;
  return here;
}

Status TabletMap::WrongTablet(TableId table, Slice row) const {
  MutexLock lock(&mu_);
  for (const auto& [id, entry] : entries_) {
    if (entry.state != wire::TabletState::kOpen || entry.descriptor.table != table) continue;
    if (!entry.descriptor.Contains(row)) continue;
    const TabletLocation here = Here(entry);
    return wire::NotServedError(absl::StrCat("the row is in ", TabletName(id)), &here);
  }
  return wire::NotServedError("a row is not in the tablet that was asked", nullptr);
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
      report.merged_into = entry.merged_into;
      stores.push_back(entry.store);
    }
  }
  for (size_t i = 0; i < reports.size(); ++i) {
    if (stores[i] == nullptr) continue;
    const storage::TabletStats stats = stores[i]->stats();
    reports[i].schema_version = stores[i]->schema().version;
    reports[i].split_child = stores[i]->last_split().child;
    reports[i].split_start_row = stores[i]->last_split().start_row;
    reports[i].counters = {
        stats.sstable_bytes, stats.files,        stats.memtable_bytes + stats.frozen_bytes,
        stats.reads,         stats.writes,       stats.bytes_read + stats.bytes_written,
        stats.index_bytes,   stats.index_blocks, stats.compaction_debt_bytes};
    reports[i].last_drop_order = stats.last_drop_order;
  }
  return reports;
}

std::vector<wire::TabletLoad> TabletMap::ReportLoad() const {
  std::vector<wire::TabletLoad> loads;
  std::vector<std::shared_ptr<storage::TabletStore>> stores;
  {
    MutexLock lock(&mu_);
    for (const auto& [id, entry] : entries_) {
      if (entry.store == nullptr || entry.state != wire::TabletState::kOpen) continue;
      loads.emplace_back().tablet = entry.descriptor;
      loads.back().epoch = entry.epoch;
      stores.push_back(entry.store);
    }
  }
  const size_t rows = std::clamp(kReportedRows / std::max<size_t>(1, stores.size()),
                                 kFewestReportedRows, storage::LoadSample::kMaxRows);
  for (size_t i = 0; i < loads.size(); ++i) {
    const storage::TabletStats stats = stores[i]->stats();
    loads[i].reads = stats.reads;
    loads[i].writes = stats.writes;
    storage::LoadSample::Newest newest = stores[i]->load().ReadNewest(rows);
    loads[i].samples_taken = newest.taken;
    for (storage::LoadSample::Request& request : newest.requests) {
      loads[i].newest.push_back({std::move(request.row), request.write});
    }
  }
  std::erase_if(loads, [](const wire::TabletLoad& load) { return load.reads + load.writes == 0; });
  return loads;
}

size_t TabletMap::size() const {
  MutexLock lock(&mu_);
  return entries_.size();
}

}  // namespace stele::tabletserver
