#include "common/store/store_directory.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "common/base/log.h"
#include "common/base/random.h"
#include "common/store/blob_store.h"
#include "common/store/carry_over.h"
#include "common/store/names.h"
#include "common/store/store_marker.h"

namespace stele {
namespace {

constexpr uint64_t kMaxTempSlots = 1024;

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

}  // namespace

StoreDirectory::StoreDirectory(Fs* fs, std::string root)
    : fs_(fs), root_(std::move(root)), token_(SystemRandom()->Next64()) {}

StatusOr<std::unique_ptr<StoreDirectory>> StoreDirectory::Open(Fs* fs, const std::string& root,
                                                               bool create) {
  if (root.empty()) return absl::InvalidArgumentError("the store's directory has no name");
  std::string path = root;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  std::unique_ptr<StoreDirectory> dir(new StoreDirectory(fs, std::move(path)));
  RETURN_IF_ERROR(CheckOrCreateMarker(fs, dir->root_, create));
  RETURN_IF_ERROR(SyncEntriesAbove(fs, dir->root_));
  for (const char* sub : {"/blobs", "/cells", "/logs", "/locks", "/tmp"}) {
    RETURN_IF_ERROR(dir->EnsureDir(dir->root_ + sub));  // syncs the root and so the marker
  }
  RETURN_IF_ERROR(CarryOverOldFormat(fs, dir->root_));
  RETURN_IF_ERROR(dir->TakeTempSlot());
  return dir;
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

std::string StoreDirectory::NewToken() {
  return absl::StrFormat("%016x.%u", token_, next_temp_.fetch_add(1));
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
