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
  locations_[tablet] = *std::move(location);
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
  std::erase_if(locations_, [](const auto& entry) {
    return entry.second.tablet.table == kMetadataTable && entry.first != kRootTablet;
  });
  locations_.merge(found);
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
  std::erase_if(locations_,
                [](const auto& entry) { return entry.second.tablet.table >= kFirstUserTable; });
  locations_.merge(found);
  tablets_loaded_ = true;
  return OkStatus();
}

const TabletLocation* TabletDirectory::Find(TabletId tablet) const {
  auto it = locations_.find(tablet);
  return it == locations_.end() ? nullptr : &it->second;
}

std::vector<TabletLocation> TabletDirectory::TabletsOf(TableId table) const {
  std::vector<TabletLocation> tablets;
  for (const auto& [id, location] : locations_) {
    if (location.tablet.table == table) tablets.push_back(location);
  }
  std::sort(tablets.begin(), tablets.end(), [](const TabletLocation& a, const TabletLocation& b) {
    // By the end: it never changes, and a start may be written later than a split.
    if (a.tablet.end_row.empty() || b.tablet.end_row.empty()) {
      return !a.tablet.end_row.empty() && b.tablet.end_row.empty();
    }
    return a.tablet.end_row < b.tablet.end_row;
  });
  return tablets;
}

Status TabletDirectory::PutInLocker(const TabletLocation& location) {
  LockerNode& node = nodes_.at(location.tablet.id);
  auto version = locker_->Set(node.path, EncodeTabletLocation(location), node.version);
  if (!version.ok()) {
    locker_loaded_ = false;
    return WithContext(version.status(), node.path);
  }
  node.version = *version;
  locations_[location.tablet.id] = location;
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
  for (TabletLocation& location : rows) locations_[location.tablet.id] = std::move(location);
  return OkStatus();
}

Status TabletDirectory::Remove(const std::vector<TabletLocation>& locations) {
  RETURN_IF_ERROR(WriteRows(locations, /*remove=*/true));
  for (const TabletLocation& location : locations) locations_.erase(location.tablet.id);
  return OkStatus();
}

}  // namespace stele::master
