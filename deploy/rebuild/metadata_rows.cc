#include "deploy/rebuild/metadata_rows.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "deploy/cell/store_owner.h"
#include "deploy/rebuild/store_logs.h"
#include "locker/server_node.h"
#include "master/catalog/revision.h"
#include "tabletserver/storage/engine.h"

namespace stele::deploy {
namespace {

using storage::Manifest;

constexpr char kLogPrefix[] = "rebuild-metadata";
constexpr uint64_t kLogSegmentBytes = 4u << 20;  // it holds METADATA's rows for a moment
constexpr Epoch kFreshEpoch = 1;
constexpr uint64_t kTermOfRebuild = 0;  // before every master's

bool EndsBefore(const std::string& a, const std::string& b) {
  return !a.empty() && (b.empty() || a < b);
}
bool Covers(const TabletDescriptor& outer, const TabletDescriptor& inner) {
  return outer.table == inner.table && outer.start_row <= inner.start_row &&
         !EndsBefore(outer.end_row, inner.end_row);
}

// Another manifest has all its rows: it is a child of a split that was not committed, or was
// merged.
bool IsNoLonger(const Manifest& manifest, const std::map<TabletId, Manifest>& manifests) {
  for (const auto& [id, other] : manifests) {
    if (id == manifest.tablet.id || !Covers(other.tablet, manifest.tablet)) continue;
    const auto& parents = manifest.parents;
    const bool child = std::find(parents.begin(), parents.end(), id) != parents.end();
    if (child || manifest.merged_into == id) return true;
  }
  return false;
}

std::string Quoted(const std::string& row) {
  return row.empty() ? "the edge" : absl::StrCat("\"", absl::CHexEscape(row), "\"");
}

RowMutation RowOf(const TabletLocation& location, master::Revision* revision) {
  RowMutation row;
  row.row = MetadataRowKey(location.tablet.table, location.tablet.end_row);
  row.mutations.push_back(SetCell{kSystemFamily, kLocationQualifier, revision->NextTimestamp(),
                                  EncodeTabletLocation(location)});
  return row;
}

Status DeleteOldMetadata(BlobStore* store, FaultInjector* faults) {
  ASSIGN_OR_RETURN(const std::vector<std::string> cells,
                   store->ListCells(storage::kManifestCellPrefix));
  for (const std::string& cell : cells) {
    ASSIGN_OR_RETURN(const TabletId tablet, storage::ParseManifestCellName(cell));
    auto stored = storage::ReadManifest(store, tablet);
    if (IsNotFound(stored.status())) continue;
    if (!stored.ok()) {
      return WithContext(stored.status(),
                         absl::StrCat("move ", cell, " away by hand, if it is of METADATA"));
    }
    if (stored->manifest.tablet.table != kMetadataTable) continue;
    ASSIGN_OR_RETURN(const StoredCell there, store->ReadCell(cell));
    RETURN_IF_ERROR(FaultPoint(faults, "rebuild_metadata.before_delete"));
    RETURN_IF_ERROR(store->DeleteCell(cell, there.version));
  }
  return FaultPoint(faults, "rebuild_metadata.after_deletes");
}

Status WriteTablet(storage::Engine* engine, const TabletDescriptor& tablet,
                   const std::vector<TabletLocation>& locations) {
  RETURN_IF_ERROR(engine->CreateTablet(tablet, MetadataSchema(), kFreshEpoch));
  ASSIGN_OR_RETURN(auto store, engine->OpenTablet(tablet.id, kFreshEpoch));
  master::Revision revision(kTermOfRebuild);
  for (const TabletLocation& location : locations) {
    RETURN_IF_ERROR(store->WriteSync(RowOf(location, &revision)));
  }
  return store->Flush();
}

}  // namespace

MetadataRows PlanMetadataRows(const std::map<TabletId, Manifest>& manifests) {
  MetadataRows rows;
  for (const auto& [id, manifest] : manifests) {
    if (manifest.tablet.table < kFirstUserTable || IsNoLonger(manifest, manifests)) continue;
    TabletLocation& location = rows.locations.emplace_back();
    location.tablet = manifest.tablet;
    location.epoch = manifest.epoch;
    location.assignment = TabletAssignment::kAssigned;
  }
  std::sort(rows.locations.begin(), rows.locations.end(),
            [](const TabletLocation& a, const TabletLocation& b) {
              if (a.tablet.table != b.tablet.table) return a.tablet.table < b.tablet.table;
              return EndsBefore(a.tablet.end_row, b.tablet.end_row);
            });
  for (size_t i = 0; i < rows.locations.size(); ++i) {
    const TabletDescriptor& tablet = rows.locations[i].tablet;
    const bool first = i == 0 || rows.locations[i - 1].tablet.table != tablet.table;
    const bool last =
        i + 1 == rows.locations.size() || rows.locations[i + 1].tablet.table != tablet.table;
    const std::string expected = first ? "" : rows.locations[i - 1].tablet.end_row;
    if (tablet.start_row != expected) {
      rows.gaps.push_back(absl::StrCat("table ", tablet.table, ": tablet ", tablet.id,
                                       " begins after ", Quoted(tablet.start_row), ", not after ",
                                       Quoted(expected)));
    }
    if (last && !tablet.end_row.empty()) {
      rows.gaps.push_back(absl::StrCat("table ", tablet.table, ": no tablet has the rows after ",
                                       Quoted(tablet.end_row)));
    }
  }
  return rows;
}

StatusOr<std::map<TabletId, Manifest>> ReadTabletManifests(BlobStore* store) {
  RETURN_IF_ERROR(ReadClaim(store).status());
  ASSIGN_OR_RETURN(const std::vector<std::string> cells,
                   store->ListCells(storage::kManifestCellPrefix));
  std::map<TabletId, Manifest> manifests;
  for (const std::string& cell : cells) {
    ASSIGN_OR_RETURN(const TabletId tablet, storage::ParseManifestCellName(cell));
    if (tablet == kRootTablet || tablet == kFirstMetadataTablet) continue;
    auto stored = storage::ReadManifest(store, tablet);
    if (!stored.ok()) return WithContext(stored.status(), cell);
    if (stored->manifest.tablet.table == kMetadataTable) continue;
    manifests[tablet] = std::move(stored->manifest);
  }
  if (!manifests.contains(kCatalogTablet)) {
    return absl::FailedPreconditionError("the catalog's manifest is lost too");
  }
  return manifests;
}

// RebuildMetadata: what survives a crash after each step.
//
//  1. Nothing has changed: what is needed is there, and whole.
//  2. METADATA's old manifests are gone: the cell cannot start; the next call goes on.
//  3. What logs held of users' tablets is in their manifests.
//  4. The root and the METADATA tablet are there, flushed: done. Cut off in it, 2 deletes them.
Status RebuildMetadata(BlobStore* store, Clock* clock, FaultInjector* faults,
                       const std::vector<std::string>& all_logs) {
  ASSIGN_OR_RETURN(auto manifests, ReadTabletManifests(store));  // 1
  MetadataRows rows = PlanMetadataRows(manifests);
  if (!rows.gaps.empty()) return absl::FailedPreconditionError(rows.gaps.front());
  ASSIGN_OR_RETURN(const std::vector<std::string> logs, LogsToRecover(store, all_logs));
  RETURN_IF_ERROR(DeleteOldMetadata(store, faults));  // 2

  storage::EngineEnv env;
  env.store = store;
  env.clock = clock;
  env.faults = faults;
  env.server_id = LogName(kLogPrefix, static_cast<uint64_t>(clock->WallMicros()));
  storage::EngineOptions options;
  options.log.segment_bytes = kLogSegmentBytes;
  ASSIGN_OR_RETURN(auto engine, storage::Engine::Open(options, env));
  for (const std::string& log : logs) {  // 3
    RETURN_IF_ERROR(store->SealLog(log));
    RETURN_IF_ERROR(FaultPoint(faults, "rebuild_metadata.before_recover"));
    RETURN_IF_ERROR(WithContext(engine->RecoverLog(log), log));
  }
  RETURN_IF_ERROR(FaultPoint(faults, "rebuild_metadata.after_logs"));
  TabletLocation metadata;
  metadata.tablet = FirstMetadataTabletDescriptor();
  metadata.epoch = kFreshEpoch;
  metadata.assignment = TabletAssignment::kAssigned;
  RETURN_IF_ERROR(WriteTablet(engine.get(), FirstMetadataTabletDescriptor(), rows.locations));  // 4
  RETURN_IF_ERROR(FaultPoint(faults, "rebuild_metadata.before_root"));
  RETURN_IF_ERROR(WriteTablet(engine.get(), RootTabletDescriptor(), {metadata}));
  RETURN_IF_ERROR(FaultPoint(faults, "rebuild_metadata.after_root"));
  RETURN_IF_ERROR(engine->Close());
  engine.reset();
  RETURN_IF_ERROR(store->SealLog(env.server_id));
  return store->DropSealedLog(env.server_id);
}

}  // namespace stele::deploy
