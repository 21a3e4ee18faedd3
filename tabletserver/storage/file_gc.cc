#include "tabletserver/storage/file_gc.h"

#include <algorithm>

#include "common/base/log.h"
#include "tabletserver/storage/table_names.h"

namespace stele::storage {

// Collect: what survives a crash after each step. The names are those of the fault points.
//
//  1. gc.mark: read every manifest of the store; list the files; those that no manifest names, that
//     are older than the grace time and that nobody here is making are candidates.
//  2. gc.recheck: read every manifest again. A candidate that is named now is none.
//  3. gc.trash: the candidates join the trash list, one compare-and-swap. Nothing is deleted yet.
//  4. gc.unlink: an entry that has been in the list for the trash time, and that no manifest of
//     step 2 names, is deleted, after a look at the lease, and then leaves the list. A crash in
//     between leaves an entry without a file, which the next round takes out.
StatusOr<uint64_t> FileCollector::Collect() {
  MutexLock lock(&mu_);
  RETURN_IF_ERROR(core_->CheckLease());
  RETURN_IF_ERROR(Point("gc.mark"));
  // The order matters: what is published between the two is too young to be a candidate.
  ASSIGN_OR_RETURN(std::set<std::string> live, Mark());  // 1
  ASSIGN_OR_RETURN(std::set<std::string> dead, FindDead(live));
  RETURN_IF_ERROR(Point("gc.recheck"));
  ASSIGN_OR_RETURN(live, Mark());  // 2
  ASSIGN_OR_RETURN(StoredTrash trash, ReadTrash(core_->env.store));

  TrashEntries next = trash.entries;
  uint64_t moved = 0;
  const int64_t now_us = core_->env.clock->WallMicros();
  for (const std::string& blob : dead) {
    if (!live.contains(blob)) moved += next.emplace(blob, now_us).second;
  }
  for (auto it = next.begin(); it != next.end();) {
    it = live.contains(it->first) ? next.erase(it) : std::next(it);
  }
  if (next != trash.entries) {
    RETURN_IF_ERROR(Point("gc.trash"));
    RETURN_IF_ERROR(core_->CheckLease());
    RETURN_IF_ERROR(WriteTrash(core_->env.store, &trash, std::move(next)));  // 3
  }
  RETURN_IF_ERROR(Unlink(live, &trash));  // 4
  return moved;
}

StatusOr<std::set<std::string>> FileCollector::Mark() {
  std::set<std::string> live;
  ASSIGN_OR_RETURN(std::vector<std::string> cells,
                   core_->env.store->ListCells(kManifestCellPrefix));
  for (const std::string& cell : cells) {
    ASSIGN_OR_RETURN(TabletId tablet, ParseManifestCellName(cell));
    StatusOr<StoredManifest> stored = ReadManifest(core_->env.store, tablet);
    if (absl::IsNotFound(stored.status())) continue;  // dropped since the list was made
    RETURN_IF_ERROR(stored.status());
    for (const ManifestFile& file : stored->manifest.files) live.insert(file.blob);
  }
  return live;
}

StatusOr<std::set<std::string>> FileCollector::FindDead(const std::set<std::string>& live) {
  const std::set<std::string> making = core_->files_in_making();
  ASSIGN_OR_RETURN(std::vector<BlobInfo> blobs, core_->env.store->ListBlobs(kTablesPrefix));
  const int64_t young_us =
      core_->env.clock->WallMicros() - static_cast<int64_t>(core_->options.gc_grace_ms) * 1000;
  std::set<std::string> dead;
  for (const BlobInfo& blob : blobs) {
    if (live.contains(blob.name) || making.contains(blob.name)) continue;
    if (blob.modified_us <= young_us) dead.insert(blob.name);
  }
  return dead;
}

bool FileCollector::OldEnough(const std::string& blob, int64_t trashed_at_us) {
  const int64_t now_ns = core_->env.clock->BootNanos();
  const int64_t seen_ns = seen_dead_ns_.emplace(blob, now_ns).first->second;
  const auto grace_us = static_cast<int64_t>(core_->options.gc_grace_ms) * 1000;
  auto keep_us = static_cast<int64_t>(core_->options.trash_keep_ms) * 1000;
  // The trash is the first that a full disk takes back.
  if (core_->disk.full()) keep_us = std::min(keep_us, grace_us);
  return core_->env.clock->WallMicros() - trashed_at_us >= keep_us &&
         now_ns - seen_ns >= std::min(keep_us, grace_us) * 1000;
}

Status FileCollector::Unlink(const std::set<std::string>& live, StoredTrash* trash) {
  TrashEntries left;
  for (const auto& [blob, at_us] : trash->entries) {
    if (live.contains(blob) || !OldEnough(blob, at_us)) {
      left.emplace(blob, at_us);
      continue;
    }
    RETURN_IF_ERROR(Point("gc.unlink"));
    RETURN_IF_ERROR(core_->CheckLease());
    Status status = core_->env.store->DeleteBlob(blob);
    if (!status.ok() && !absl::IsNotFound(status)) return status;
    if (status.ok()) core_->counters.files_deleted++;
    LOG(INFO) << "file gc deleted " << blob;
  }
  std::erase_if(seen_dead_ns_, [&](const auto& seen) { return !left.contains(seen.first); });
  if (left.size() == trash->entries.size()) return OkStatus();
  return WriteTrash(core_->env.store, trash, std::move(left));
}

}  // namespace stele::storage
