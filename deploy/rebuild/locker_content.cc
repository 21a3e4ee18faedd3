#include "deploy/rebuild/locker_content.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "deploy/cell/store_owner.h"
#include "deploy/rebuild/store_logs.h"
#include "locker/cell_key.h"
#include "locker/server_node.h"
#include "master/catalog/revision.h"
#include "schema/model/cell_key.h"
#include "tabletserver/storage/manifest/manifest.h"
#include "tabletserver/storage/sstable/sstable.h"
#include "tabletserver/storage/table_names.h"

namespace stele::deploy {
namespace {

// Records that are still in logs may be of later terms than all files; there is one a change of
// masters.
constexpr uint64_t kTermMargin = 1u << 12;

const char* PathOf(TabletId tablet) { return tablet == kRootTablet ? kRootPath : kCatalogPath; }

StatusOr<uint64_t> LastTermIn(BlobStore* store, const storage::ManifestFile& file) {
  ASSIGN_OR_RETURN(std::shared_ptr<BlobReader> reader, store->OpenBlob(file.blob));
  storage::SSTable::OpenOptions options;
  options.expected_file_id = file.file_id;
  ASSIGN_OR_RETURN(auto table, storage::SSTable::Open(std::move(reader), file.blob, options));
  uint64_t last = 0;
  auto cells = table->NewIterator(/*fill_cache=*/false);
  for (cells->SeekToFirst(); cells->Valid(); cells->Next()) {
    ParsedCellKey key;
    std::string scratch;
    RETURN_IF_ERROR(ParseCellKey(cells->key(), &key, &scratch));
    last = std::max(last, master::Revision::TermOf(key.timestamp_us));
  }
  RETURN_IF_ERROR(cells->status());
  return last;
}

// The highest term that wrote into a table of the system, as far as files tell.
StatusOr<uint64_t> LastTerm(BlobStore* store) {
  ASSIGN_OR_RETURN(const std::vector<std::string> cells,
                   store->ListCells(storage::kManifestCellPrefix));
  uint64_t last = 0;
  for (const std::string& cell : cells) {
    ASSIGN_OR_RETURN(const TabletId tablet, storage::ParseManifestCellName(cell));
    if (!IsSystemTablet(tablet)) continue;
    ASSIGN_OR_RETURN(const storage::StoredManifest stored, storage::ReadManifest(store, tablet));
    for (const storage::ManifestFile& file : stored.manifest.files) {
      ASSIGN_OR_RETURN(const uint64_t term, LastTermIn(store, file));
      last = std::max(last, term);
    }
  }
  return last;
}

struct Node {
  std::string path, value, text;
  uint64_t version = 0;  // of what is there; 0: nothing
};

class Planner {
 public:
  Planner(LockerSession* locker, const LockerContent& content)
      : locker_(locker), content_(content) {}

  StatusOr<std::vector<Node>> Plan() {
    RETURN_IF_ERROR(CheckNobodyLives(locker_));
    ASSIGN_OR_RETURN(const auto key, Get(kCellKeyPath));
    const bool whole = key.has_value() && key->value == content_.cell_key;
    if (key.has_value() && !whole) RETURN_IF_ERROR(NobodyElseServes());
    for (const std::string& log : content_.logs) {
      const std::string path = absl::StrCat(kLogsPath, "/", log);
      ASSIGN_OR_RETURN(const auto known, Get(path));
      if (!known.has_value()) nodes_.push_back({path, "", "log to recover", 0});
    }
    for (const TabletLocation& location : content_.roots) RETURN_IF_ERROR(PlanRoot(location));
    RETURN_IF_ERROR(PlanTerm(whole));
    if (!whole) {
      nodes_.push_back(
          {kCellKeyPath, content_.cell_key, "the cell's key", key.has_value() ? key->version : 0});
    }
    return std::move(nodes_);
  }

 private:
  StatusOr<std::optional<LockerValue>> Get(const std::string& path) {
    StatusOr<LockerValue> value = locker_->Get(path);
    if (IsNotFound(value.status())) return std::optional<LockerValue>();
    RETURN_IF_ERROR(WithContext(value.status(), path));
    return std::optional<LockerValue>(*std::move(value));
  }
  // What a master makes on an empty Locker has no owner.
  Status NobodyElseServes() {
    ASSIGN_OR_RETURN(const auto root, Get(kRootPath));
    if (!root.has_value()) return OkStatus();
    auto location = DecodeTabletLocation(root->value);
    if (location.ok() && location->server_id.empty()) return OkStatus();
    return absl::FailedPreconditionError("the Locker's content is of a cell with another key");
  }
  Status PlanRoot(const TabletLocation& location) {
    const std::string path = PathOf(location.tablet.id);
    ASSIGN_OR_RETURN(const auto there, Get(path));
    if (there.has_value()) {
      auto known = DecodeTabletLocation(there->value);
      if (known.ok() && known->assignment == TabletAssignment::kAssigned &&
          known->epoch >= location.epoch) {
        return OkStatus();
      }
    }
    nodes_.push_back({path, EncodeTabletLocation(location),
                      absl::StrCat("tablet ", location.tablet.id, " of epoch ", location.epoch),
                      there.has_value() ? there->version : 0});
    return OkStatus();
  }
  // With the cell's own key it is what the masters have counted.
  Status PlanTerm(bool whole) {
    ASSIGN_OR_RETURN(const auto there, Get(kMasterTermPath));
    uint64_t term = 0;
    const bool read = there.has_value() && absl::SimpleAtoi(there->value, &term);
    if (read && (whole || term >= content_.master_term)) return OkStatus();
    nodes_.push_back({kMasterTermPath, absl::StrCat(content_.master_term),
                      absl::StrCat("term ", content_.master_term),
                      there.has_value() ? there->version : 0});
    return OkStatus();
  }

  LockerSession* const locker_;
  const LockerContent& content_;
  std::vector<Node> nodes_;
};

}  // namespace

Status CheckNobodyLives(LockerSession* locker) {
  StatusOr<LockerValue> master = locker->Get(kMasterLockPath);
  if (master.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("a master runs at ", master->value, ": stop masters and servers first"));
  }
  if (!IsNotFound(master.status())) return master.status();
  for (const char* path : {kServersPath, kServerLocksPath, kMastersPath}) {
    ASSIGN_OR_RETURN(const std::vector<std::string> names, locker->Children(path));
    if (names.empty()) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(names.front(), " runs, or has just ended: stop masters and servers first"));
  }
  return OkStatus();
}

StatusOr<LockerContent> ReadLockerContent(BlobStore* store, const std::vector<std::string>& logs) {
  LockerContent content;
  ASSIGN_OR_RETURN(content.cell_key, ReadClaim(store));
  for (const TabletId tablet : {kRootTablet, kCatalogTablet}) {
    auto stored = storage::ReadManifest(store, tablet);
    if (IsNotFound(stored.status())) {
      return absl::FailedPreconditionError(
          absl::StrCat("the store has no manifest of tablet ", tablet, " of the system"));
    }
    RETURN_IF_ERROR(stored.status());
    TabletLocation& location = content.roots.emplace_back();
    location.tablet = stored->manifest.tablet;
    location.epoch = stored->manifest.epoch;
    location.assignment = TabletAssignment::kAssigned;
  }
  ASSIGN_OR_RETURN(content.logs, LogsToRecover(store, logs));
  ASSIGN_OR_RETURN(const uint64_t last, LastTerm(store));
  content.master_term = last + kTermMargin;
  return content;
}

StatusOr<std::vector<std::string>> PlanLockerContent(LockerSession* locker,
                                                     const LockerContent& content) {
  ASSIGN_OR_RETURN(const std::vector<Node> nodes, Planner(locker, content).Plan());
  std::vector<std::string> steps;
  for (const Node& node : nodes) {
    steps.push_back(absl::StrCat("write ", node.path, ": ", node.text));
  }
  return steps;
}

Status WriteLockerContent(BlobStore* store, LockerSession* locker, const LockerContent& content) {
  ASSIGN_OR_RETURN(const std::vector<Node> nodes, Planner(locker, content).Plan());
  for (const std::string& log : content.logs) RETURN_IF_ERROR(store->SealLog(log));
  for (const Node& node : nodes) {
    Status written = node.version == 0 ? locker->Create(node.path, node.value)
                                       : locker->Set(node.path, node.value, node.version).status();
    RETURN_IF_ERROR(WithContext(written, node.path));
  }
  return OkStatus();
}

}  // namespace stele::deploy
