#include "common/store/carry_over.h"

#include <chrono>
#include <memory>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/store/cell_directory.h"
#include "common/store/cell_format.h"
#include "common/store/store_marker.h"

namespace stele {
namespace {

constexpr char kUnfinished[] = "/CARRYOVER";
constexpr char kOldCellSuffix[] = "@cell";
constexpr char kSlotPrefix[] = "tmp.";
constexpr int kLockTries = 10000;
constexpr std::chrono::milliseconds kLockPause{1};

// The old program changed cells under locks that this one does not take.
Status CheckUnused(Fs* fs, const std::string& root) {
  ASSIGN_OR_RETURN(std::vector<std::string> names, fs->List(root + "/locks"));
  for (const std::string& name : names) {
    if (!absl::StartsWith(name, kSlotPrefix)) continue;
    Status held = fs->TryLock(absl::StrCat(root, "/locks/", name)).status();
    if (absl::IsUnavailable(held)) {
      return absl::FailedPreconditionError(absl::StrCat(
          root,
          " is in use by an earlier version of this program: stop all its processes, and the "
          "store is carried over to format ",
          kStoreFormat));
    }
    RETURN_IF_ERROR(held);
  }
  return OkStatus();
}

StatusOr<std::unique_ptr<FsLock>> WaitForMarkerLock(Fs* fs, const std::string& root) {
  Mutex mu;
  CondVar never;
  MutexLock lock(&mu);
  for (int tries = 1;; ++tries) {
    StatusOr<std::unique_ptr<FsLock>> held = LockMarker(fs, root);
    if (!absl::IsUnavailable(held.status()) || tries == kLockTries) return held;
    never.WaitFor(&mu, kLockPause);
  }
}

// The version that the old file of a cell holds. That of a damaged file stays damaged.
StatusOr<uint64_t> OldVersion(Fs* fs, const std::string& path, Slice name) {
  ASSIGN_OR_RETURN(std::string file, ReadWholeFile(fs, path, kMaxCellFileBytes));
  StatusOr<StoredCell> cell = DecodeCellFile(name, file);
  if (IsCorrupt(cell.status())) return 1;
  RETURN_IF_ERROR(cell.status());
  return cell->version;
}

// Gives the cell's file its new name, durably but for the entry of the new folder in `dir`.
Status LinkCell(Fs* fs, const std::string& root, const std::string& old_path, Slice name) {
  StatusOr<uint64_t> version = OldVersion(fs, old_path, name);
  if (IsCorrupt(version.status())) version = 1;  // it is too large
  RETURN_IF_ERROR(version.status());
  const std::string folder = absl::StrCat(root, "/", CellFolder(name));
  Status made = fs->MakeDir(folder);
  if (!made.ok() && !absl::IsAlreadyExists(made)) return made;
  Status linked =
      fs->Link(old_path, absl::StrCat(folder, "/", CellVersionFile(kFirstGeneration, *version)));
  if (!linked.ok() && !absl::IsAlreadyExists(linked)) return linked;
  return fs->SyncDir(folder);
}

// `prefix`: what the names of the cells in `dir` begin with.
Status CarryOverCells(Fs* fs, const std::string& root, const std::string& dir,
                      const std::string& prefix) {
  ASSIGN_OR_RETURN(std::vector<std::string> entries, fs->List(dir));
  std::vector<std::string> done;
  for (const std::string& entry : entries) {
    const std::string path = absl::StrCat(dir, "/", entry);
    Slice name = entry;
    if (absl::ConsumeSuffix(&name, kOldCellSuffix)) {
      RETURN_IF_ERROR(LinkCell(fs, root, path, absl::StrCat(prefix, name)));
      done.push_back(path);
    } else if (!absl::EndsWith(entry, kCellFolderSuffix)) {
      RETURN_IF_ERROR(CarryOverCells(fs, root, path, absl::StrCat(prefix, entry, "/")));
    }
  }
  RETURN_IF_ERROR(fs->SyncDir(dir));
  for (const std::string& path : done) RETURN_IF_ERROR(fs->Unlink(path));
  return done.empty() ? OkStatus() : fs->SyncDir(dir);
}

Status Announce(Fs* fs, const std::string& root) {
  RETURN_IF_ERROR(CheckUnused(fs, root));
  Status noted = fs->Open(root + kUnfinished, Fs::Mode::kCreateExclusive).status();
  if (!noted.ok() && !absl::IsAlreadyExists(noted)) return noted;
  RETURN_IF_ERROR(fs->SyncDir(root));
  RETURN_IF_ERROR(WriteMarker(fs, root));
  return fs->SyncDir(root);
}

}  // namespace

Status CarryOverOldFormat(Fs* fs, const std::string& root) {
  ASSIGN_OR_RETURN(uint32_t format, ReadMarker(fs, root));
  ASSIGN_OR_RETURN(bool unfinished, fs->Exists(root + kUnfinished));
  if (format == kStoreFormat && !unfinished) return OkStatus();
  ASSIGN_OR_RETURN(std::unique_ptr<FsLock> lock, WaitForMarkerLock(fs, root));
  ASSIGN_OR_RETURN(format, ReadMarker(fs, root));
  if (format != kStoreFormat) RETURN_IF_ERROR(Announce(fs, root));
  ASSIGN_OR_RETURN(unfinished, fs->Exists(root + kUnfinished));
  if (!unfinished) return OkStatus();  // another process was faster
  // Once more: one may have read the old marker, and opened the store since.
  RETURN_IF_ERROR(CheckUnused(fs, root));
  LOG(INFO) << root << ": carrying the cells over to store format " << kStoreFormat;
  RETURN_IF_ERROR(CarryOverCells(fs, root, root + "/cells", ""));
  RETURN_IF_ERROR(fs->Unlink(root + kUnfinished));
  return fs->SyncDir(root);
}

}  // namespace stele
