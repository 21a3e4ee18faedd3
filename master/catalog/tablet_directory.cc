#include "master/catalog/tablet_directory.h"

#include <algorithm>
#include <utility>

#include "locker/server_node.h"

namespace stele::master {
namespace {

bool LivesInLocker(TabletId tablet) { return tablet == kRootTablet || tablet == kCatalogTablet; }

RowRange MetadataTabletRows() { return MetadataRowsOfTable(kMetadataTable); }

}  // namespace

Status TabletDirectory::LoadLockerNode(TabletId tablet, const char* path,
                                       const TabletDescriptor& descriptor) {
  auto node = locker_->Get(path);
  if (IsNotFound(node.status())) {
    TabletLocation fresh;
    fresh.tablet = descriptor;
    fresh.assignment = TabletAssignment::kCreating;
    RETURN_IF_ERROR(locker_->Create(path, EncodeTabletLocation(fresh)));
    node = locker_->Get(path);
  }
  if (!node.ok()) return WithContext(node.status(), path);
  auto location = DecodeTabletLocation(node->value);
  if (!location.ok()) return WithContext(location.status(), path);
  nodes_[tablet] = {path, node->version};
  if (finds_) found_.try_emplace(tablet, *location);
  Keep(*std::move(location));
  return OkStatus();
}

Status TabletDirectory::LoadFromLocker() {
  RETURN_IF_ERROR(LoadLockerNode(kRootTablet, kRootPath, RootTabletDescriptor()));
  RETURN_IF_ERROR(LoadLockerNode(kCatalogTablet, kCatalogPath, CatalogTabletDescriptor()));
  locker_loaded_ = true;
  return OkStatus();
}

Status TabletDirectory::TakeIn(const std::vector<Row>& rows,
                               std::map<TabletId, TabletLocation>* into) const {
  for (const Row& row : rows) {
    auto key = ParseMetadataRowKey(row.key);
    if (!key.ok()) return key.status();
    for (const Cell& cell : row.cells) {
      if (cell.qualifier != kLocationQualifier) continue;
      auto location = DecodeTabletLocation(cell.value);
      if (!location.ok()) {
        return WithContext(location.status(), absl::StrCat("METADATA row of table ", key->table));
      }
      if (location->tablet.table != key->table || location->tablet.end_row != key->end_row) {
        return CorruptError(absl::StrCat("METADATA row of table ", key->table, " names tablet ",
                                         location->tablet.id, " of other rows"));
      }
      (*into)[location->tablet.id] = *std::move(location);
    }
  }
  return OkStatus();
}

Status TabletDirectory::LoadMetadataTablets() {
  const TabletLocation& root = locations_.at(kRootTablet);
  ASSIGN_OR_RETURN(const std::vector<Row> rows, access_->ReadAll(root, MetadataTabletRows()));
  std::map<TabletId, TabletLocation> found;
  RETURN_IF_ERROR(TakeIn(rows, &found));
  KeepInstead(std::move(found), [](const TabletLocation& old) {
    return old.tablet.table == kMetadataTable && old.tablet.id != kRootTablet;
  });
  metadata_loaded_ = true;
  return OkStatus();
}

// A METADATA tablet that was split, or is about to be merged, has not the rows that its location
// says: asked for all of them by their keys, its server refuses, and nobody takes the tablets whose
// rows are another's for gone.
Status TabletDirectory::LoadTablets() {
  std::map<TabletId, TabletLocation> found;
  std::string end;
  for (const TabletLocation& location : TabletsOf(kMetadataTable)) {
    const std::string start = std::exchange(end, location.tablet.end_row);
    if (location.tablet.id == kRootTablet) continue;
    ASSIGN_OR_RETURN(const std::vector<Row> rows,
                     access_->ReadAll(location, {start, /*start_open=*/true, end, false}));
    RETURN_IF_ERROR(TakeIn(rows, &found));
  }
  if (!end.empty()) return CorruptError("the root has no METADATA tablet for the last rows");
  KeepInstead(std::move(found),
              [](const TabletLocation& old) { return old.tablet.table >= kFirstUserTable; });
  tablets_loaded_ = true;
  return OkStatus();
}

const TabletLocation* TabletDirectory::Find(TabletId tablet) const {
  auto it = locations_.find(tablet);
  return it == locations_.end() ? nullptr : &it->second;
}

std::vector<TabletLocation> TabletDirectory::TabletsOf(TableId table) const {
  std::vector<TabletLocation> tablets;
  auto found = by_table_.find(table);
  if (found == by_table_.end()) return tablets;
  tablets.reserve(found->second.size());
  for (const auto& [end, id] : found->second) tablets.push_back(locations_.at(id));
  given_ += tablets.size();
  return tablets;
}

std::optional<std::string> TabletDirectory::StartOf(const TabletDescriptor& tablet) const {
  auto table = by_table_.find(tablet.table);
  if (table == by_table_.end()) return std::nullopt;
  auto at = table->second.find(EndOf(tablet));
  if (at == table->second.end() || at->second != tablet.id) return std::nullopt;
  return at == table->second.begin() ? "" : std::prev(at)->first.second;
}

void TabletDirectory::ForgetFound() {
  finds_ = false;
  found_.clear();
}

std::vector<TableId> TabletDirectory::Tables() const {
  std::vector<TableId> tables;
  for (const auto& [table, tablets] : by_table_) tables.push_back(table);
  return tables;
}

void TabletDirectory::Forget(TabletId tablet) {
  auto found = locations_.find(tablet);
  if (found == locations_.end()) return;
  const TabletDescriptor& old = found->second.tablet;
  auto table = by_table_.find(old.table);
  if (table != by_table_.end()) {
    // Another may have its rows already.
    auto place = table->second.find(EndOf(old));
    if (place != table->second.end() && place->second == tablet) table->second.erase(place);
    if (table->second.empty()) by_table_.erase(table);
  }
  locations_.erase(found);
}

void TabletDirectory::Keep(TabletLocation location) {
  const TabletId id = location.tablet.id;
  Forget(id);
  by_table_[location.tablet.table][EndOf(location.tablet)] = id;
  locations_[id] = std::move(location);
}

void TabletDirectory::KeepInstead(std::map<TabletId, TabletLocation> found,
                                  const std::function<bool(const TabletLocation&)>& replaces) {
  std::vector<TabletId> old;
  for (const auto& [id, location] : locations_) {
    if (replaces(location)) old.push_back(id);
  }
  for (TabletId id : old) Forget(id);
  if (finds_) found_.insert(found.begin(), found.end());
  for (auto& [id, location] : found) Keep(std::move(location));
}

Status TabletDirectory::PutInLocker(const TabletLocation& location) {
  LockerNode& node = nodes_.at(location.tablet.id);
  auto version = locker_->Set(node.path, EncodeTabletLocation(location), node.version);
  if (!version.ok()) {
    locker_loaded_ = false;
    return WithContext(version.status(), node.path);
  }
  node.version = *version;
  Keep(location);
  return OkStatus();
}

Status TabletDirectory::WriteRows(const std::vector<TabletLocation>& locations, bool remove) {
  const std::vector<TabletLocation> metadata = TabletsOf(kMetadataTable);
  std::map<TabletId, std::vector<RowMutation>> by_holder;
  for (const TabletLocation& location : locations) {
    const std::string key = MetadataRowKey(location.tablet.table, location.tablet.end_row);
    TabletId holder = kRootTablet;
    if (location.tablet.table != kMetadataTable) {
      // By the end: a start may be written later than a split.
      auto at = std::partition_point(metadata.begin(), metadata.end(), [&](const auto& tablet) {
        return !tablet.tablet.end_row.empty() && tablet.tablet.end_row < key;
      });
      if (at == metadata.end()) {
        return absl::UnavailableError("the METADATA tablet of a row is not known");
      }
      holder = at->tablet.id;
    }
    RowMutation& row = by_holder[holder].emplace_back();
    row.row = key;
    if (remove) {
      row.mutations.push_back(DeleteFromRow{});
    } else {
      row.mutations.push_back(SetCell{kSystemFamily, kLocationQualifier, revision_->NextTimestamp(),
                                      EncodeTabletLocation(location)});
    }
  }
  for (const auto& [id, rows] : by_holder) {
    Status written = access_->Write(locations_.at(id), rows);
    if (written.ok()) continue;
    (id == kRootTablet ? metadata_loaded_ : tablets_loaded_) = false;
    return WithContext(written, "METADATA");
  }
  return OkStatus();
}

Status TabletDirectory::Put(const std::vector<TabletLocation>& locations) {
  std::vector<TabletLocation> rows;
  for (const TabletLocation& location : locations) {
    if (LivesInLocker(location.tablet.id)) {
      RETURN_IF_ERROR(PutInLocker(location));
    } else {
      rows.push_back(location);
    }
  }
  RETURN_IF_ERROR(WriteRows(rows, /*remove=*/false));
  for (TabletLocation& location : rows) Keep(std::move(location));
  return OkStatus();
}

Status TabletDirectory::Remove(const std::vector<TabletLocation>& locations) {
  RETURN_IF_ERROR(WriteRows(locations, /*remove=*/true));
  for (const TabletLocation& location : locations) Forget(location.tablet.id);
  return OkStatus();
}

}  // namespace stele::master
