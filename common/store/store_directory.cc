#include "common/store/store_directory.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "common/base/log.h"
#include "common/store/blob_store.h"
#include "common/store/names.h"

namespace stele {
namespace {

constexpr char kMarkerName[] = "STELE";
constexpr char kNewMarkerName[] = "STELE.new";
constexpr char kMarkerLockName[] = "STELE.lock";
constexpr char kMarkerPrefix[] = "stele store format ";
constexpr uint64_t kMaxMarkerBytes = 4096;
constexpr uint64_t kMaxTempSlots = 1024;

// Creates `path` and the directories above it that are missing.
Status MakeDirs(Fs* fs, const std::string& path) {
  ASSIGN_OR_RETURN(bool exists, fs->Exists(path));
  if (exists) return OkStatus();
  RETURN_IF_ERROR(MakeDirs(fs, ParentPath(path)));
  Status made = fs->MakeDir(path);
  return absl::IsAlreadyExists(made) ? OkStatus() : made;
}

// Makes the entry of `path` and of every directory above it durable: whoever made them, we or a
// `mkdir -p`, need not have synced them. What may not be opened or cannot be synced was not made
// for us.
Status SyncEntriesAbove(Fs* fs, std::string path) {
  while (path != "/" && path != ".") {
    path = ParentPath(path);
    Status s = fs->SyncDir(path);
    if (!s.ok() && !absl::IsPermissionDenied(s) && !absl::IsUnimplemented(s)) return s;
  }
  return OkStatus();
}

Status WriteSynced(Fs* fs, const std::string& path, Slice content) {
  ASSIGN_OR_RETURN(std::unique_ptr<FsFile> file, fs->Open(path, Fs::Mode::kCreateExclusive));
  RETURN_IF_ERROR(file->WriteAt(0, {content}));
  return file->Sync();
}

Status CheckMarker(const std::string& root, Slice text) {
  uint32_t format = 0;
  const bool readable = absl::ConsumePrefix(&text, kMarkerPrefix) &&
                        absl::ConsumeSuffix(&text, "\n") && absl::SimpleAtoi(text, &format) &&
                        format > 0;
  if (!readable) {
    return CorruptError(absl::StrCat(root, "/", kMarkerName, ": the format marker is damaged"));
  }
  if (format > StoreDirectory::kFormat) {
    return absl::FailedPreconditionError(absl::StrCat(root, " holds a store of format ", format,
                                                      "; this program knows formats up to ",
                                                      StoreDirectory::kFormat));
  }
  return OkStatus();
}

}  // namespace

StatusOr<std::string> ReadWholeFile(Fs* fs, const std::string& path, uint64_t max_bytes) {
  ASSIGN_OR_RETURN(std::unique_ptr<FsFile> file, fs->Open(path, Fs::Mode::kRead));
  ASSIGN_OR_RETURN(uint64_t size, file->Size());
  if (size > max_bytes) {
    return CorruptError(absl::StrCat(path, ": ", size, " bytes, at most ", max_bytes, " expected"));
  }
  std::string content(size, '\0');
  ASSIGN_OR_RETURN(size_t got, file->ReadAt(0, size, content.data()));
  content.resize(got);
  return content;
}

StatusOr<std::unique_ptr<StoreDirectory>> StoreDirectory::Open(Fs* fs, const std::string& root,
                                                               bool create) {
  if (root.empty()) return absl::InvalidArgumentError("the store's directory has no name");
  std::string path = root;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  std::unique_ptr<StoreDirectory> dir(new StoreDirectory(fs, std::move(path)));
  RETURN_IF_ERROR(dir->CheckOrCreateMarker(create));
  RETURN_IF_ERROR(SyncEntriesAbove(fs, dir->root_));
  for (const char* sub : {"/blobs", "/cells", "/logs", "/locks", "/tmp"}) {
    RETURN_IF_ERROR(dir->EnsureDir(dir->root_ + sub));  // syncs the root and so the marker
  }
  RETURN_IF_ERROR(dir->TakeTempSlot());
  return dir;
}

Status StoreDirectory::CheckOrCreateMarker(bool create) {
  StatusOr<std::string> marker =
      ReadWholeFile(fs_, absl::StrCat(root_, "/", kMarkerName), kMaxMarkerBytes);
  if (marker.ok()) return CheckMarker(root_, *marker);
  if (!IsNotFound(marker.status())) return marker.status();
  ASSIGN_OR_RETURN(bool exists, fs_->Exists(root_));
  if (!exists && !create) {
    return absl::FailedPreconditionError(absl::StrCat(root_, " does not exist"));
  }
  if (!exists) RETURN_IF_ERROR(MakeDirs(fs_, root_));
  ASSIGN_OR_RETURN(std::vector<std::string> names, fs_->List(root_));
  for (const std::string& name : names) {
    // What a crash in CreateMarker leaves, and what every fresh ext4 file system holds.
    if (name == kNewMarkerName || name == kMarkerLockName || name == "lost+found") continue;
    if (name == kMarkerName) break;  // another process was faster
    return absl::FailedPreconditionError(
        absl::StrCat(root_, " is not a Stele store: it holds ", name, " but no ", kMarkerName));
  }
  if (!create) {
    return absl::FailedPreconditionError(
        absl::StrCat(root_, " is not a Stele store: it holds no ", kMarkerName));
  }
  return CreateMarker();
}

Status StoreDirectory::CreateMarker() {
  ASSIGN_OR_RETURN(std::unique_ptr<FsLock> lock,
                   fs_->TryLock(absl::StrCat(root_, "/", kMarkerLockName)));
  const std::string target = absl::StrCat(root_, "/", kMarkerName);
  ASSIGN_OR_RETURN(bool exists, fs_->Exists(target));
  if (exists) {
    ASSIGN_OR_RETURN(std::string text, ReadWholeFile(fs_, target, kMaxMarkerBytes));
    return CheckMarker(root_, text);
  }
  const std::string fresh = absl::StrCat(root_, "/", kNewMarkerName);
  if (Status s = fs_->Unlink(fresh); !s.ok() && !IsNotFound(s)) return s;
  RETURN_IF_ERROR(WriteSynced(fs_, fresh, absl::StrCat(kMarkerPrefix, kFormat, "\n")));
  return fs_->Rename(fresh, target);
}

Status StoreDirectory::EnsureDir(const std::string& dir) {
  MutexLock lock(&mu_);
  // From the top down, so that each entry is synced into a directory that is durable itself.
  for (size_t end = root_.size(); end < dir.size();) {
    end = std::min(dir.find('/', end + 1), dir.size());
    const std::string level = dir.substr(0, end);
    if (durable_dirs_.count(level) > 0) continue;
    RETURN_IF_ERROR(CheckUsable());
    Status made = fs_->MakeDir(level);
    if (!made.ok() && !absl::IsAlreadyExists(made)) return made;
    // Also when it was there before: its maker may not have synced it yet.
    RETURN_IF_ERROR(SyncBeforeBelieving(ParentPath(level)));
    durable_dirs_.insert(level);
  }
  return OkStatus();
}

Status StoreDirectory::TakeTempSlot() {
  ASSIGN_OR_RETURN(std::vector<std::string> names, fs_->List(root_ + "/tmp"));
  uint64_t used = 0;  // one past the highest slot that left files
  for (const std::string& name : names) {
    uint64_t slot = 0;
    if (absl::SimpleAtoi(name.substr(0, name.find('.')), &slot) && slot < kMaxTempSlots) {
      used = std::max(used, slot + 1);
    }
  }
  for (uint64_t slot = 0; slot < kMaxTempSlots; ++slot) {
    if (slot >= used && temp_slot_lock_ != nullptr) return OkStatus();
    StatusOr<std::unique_ptr<FsLock>> lock = fs_->TryLock(absl::StrCat(root_, "/locks/tmp.", slot));
    if (absl::IsUnavailable(lock.status())) continue;
    RETURN_IF_ERROR(lock.status());
    RETURN_IF_ERROR(RemoveTempsOfSlot(slot));
    if (temp_slot_lock_ == nullptr) {
      temp_slot_ = slot;
      temp_slot_lock_ = *std::move(lock);
    }
  }
  if (temp_slot_lock_ != nullptr) return OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat(root_, ": already opened ", kMaxTempSlots, " times"));
}

Status StoreDirectory::RemoveTempsOfSlot(uint64_t slot) {
  ASSIGN_OR_RETURN(std::vector<std::string> names, fs_->List(root_ + "/tmp"));
  const std::string prefix = absl::StrCat(slot, ".");
  for (const std::string& name : names) {
    if (!absl::StartsWith(name, prefix)) continue;
    LOG(INFO) << root_ << ": removing the unfinished file " << name;
    RETURN_IF_ERROR(fs_->Unlink(absl::StrCat(root_, "/tmp/", name)));
  }
  return OkStatus();
}

std::string StoreDirectory::NewTempPath() {
  return absl::StrCat(root_, "/tmp/", temp_slot_, ".", next_temp_.fetch_add(1));
}

Status StoreDirectory::CheckUsable() const {
  if (!broken_.load()) return OkStatus();
  Status broken = absl::InternalError(
      absl::StrCat(root_, ": broken by an earlier failed directory change or sync"));
  broken.SetPayload(kStoreBrokenPayload, absl::Cord());
  return broken;
}

Status StoreDirectory::Break(const Status& cause) {
  broken_.store(true);
  Status unknown = absl::UnknownError(absl::StrCat("outcome unknown: ", cause.message()));
  unknown.SetPayload(kStoreBrokenPayload, absl::Cord());
  return unknown;
}

Status StoreDirectory::PublishFile(const std::string& temp, const std::string& target,
                                   Publish how) {
  Status moved = CheckUsable();
  if (moved.ok()) {
    moved = how == Publish::kExclusive ? fs_->Link(temp, target) : fs_->Rename(temp, target);
    if (absl::IsInternal(moved)) moved = Break(moved);
  }
  if (moved.ok()) {
    if (Status synced = fs_->SyncDir(ParentPath(target)); !synced.ok()) moved = Break(synced);
  }
  if (how == Publish::kExclusive || !moved.ok()) {
    // A temporary file that stays is removed by the next open of the store.
    fs_->Unlink(temp).IgnoreError();
  }
  return moved;
}

Status StoreDirectory::WriteAndPublish(Slice content, const std::string& target, Publish how) {
  RETURN_IF_ERROR(CheckUsable());
  RETURN_IF_ERROR(EnsureDir(ParentPath(target)));
  const std::string temp = NewTempPath();
  if (Status s = WriteSynced(fs_, temp, content); !s.ok()) {
    fs_->Unlink(temp).IgnoreError();  // as above
    return s;
  }
  return PublishFile(temp, target, how);
}

Status StoreDirectory::RemoveDurably(const std::string& path) {
  RETURN_IF_ERROR(CheckUsable());
  Status removed = fs_->Unlink(path);
  if (absl::IsInternal(removed)) return Break(removed);
  RETURN_IF_ERROR(removed);
  if (Status s = fs_->SyncDir(ParentPath(path)); !s.ok()) return Break(s);
  return OkStatus();
}

Status StoreDirectory::SyncBeforeBelieving(const std::string& dir) {
  RETURN_IF_ERROR(CheckUsable());
  Status synced = fs_->SyncDir(dir);
  if (absl::IsInternal(synced)) broken_.store(true);
  return synced;
}

}  // namespace stele
