#include "common/store/posix_log_store.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/store/cell_format.h"
#include "common/store/store_marker.h"

namespace stele {
namespace {

constexpr char kSegmentSuffix[] = ".seg";
constexpr char kNewSuffix[] = ".new";
constexpr size_t kZeroChunkBytes = 1u << 20;
constexpr uint64_t kZeroSyncBytes = 4u << 20;

// What the LogStore and its segments share; the last of them releases the lock.
struct LogHold {
  explicit LogHold(std::unique_ptr<FsLock> l) : lock(std::move(l)) {}
  bool read_only() const { return lock == nullptr; }
  const std::unique_ptr<FsLock> lock;  // null: the log is sealed, and only read
  Mutex mu;
  std::set<uint64_t> poisoned GUARDED_BY(mu);
};

Status SealedForWriting(const std::string& path) {
  return absl::FailedPreconditionError(absl::StrCat(path, " is sealed: it can only be read"));
}

enum class Seal : uint64_t { kNone = 0, kSealed = 1, kDropped = 2 };

constexpr char kLogSuffix[] = "@log";

std::string LogDirectory(const StoreDirectory& directory, Slice name) {
  return absl::StrCat(directory.root(), "/logs/", name, kLogSuffix);
}
std::string SealCellName(Slice name) { return absl::StrCat("logs/", name, "/sealed"); }

StatusOr<Seal> ReadSeal(Fs* fs, const std::string& path, Slice name) {
  StatusOr<std::string> file = ReadWholeFile(fs, path + "/SEALED", kCellHeaderBytes);
  if (IsNotFound(file.status())) return Seal::kNone;
  RETURN_IF_ERROR(file.status());
  ASSIGN_OR_RETURN(StoredCell cell, DecodeCellFile(SealCellName(name), *file));
  if (cell.version > static_cast<uint64_t>(Seal::kDropped)) {
    return CorruptError(absl::StrCat(path, "/SEALED has version ", cell.version));
  }
  return static_cast<Seal>(cell.version);
}

Status CheckNotSealed(Fs* fs, const std::string& path, Slice name) {
  ASSIGN_OR_RETURN(const Seal seal, ReadSeal(fs, path, name));
  if (seal == Seal::kNone) return OkStatus();
  return FencedError(absl::StrCat("log ", name, " is sealed: another has recovered it"));
}

class PosixLogSegment : public LogSegment {
 public:
  PosixLogSegment(std::shared_ptr<LogHold> hold, uint64_t index, std::string path,
                  std::unique_ptr<FsFile> file, uint64_t capacity)
      : hold_(std::move(hold)),
        index_(index),
        path_(std::move(path)),
        file_(std::move(file)),
        capacity_(capacity) {}

  Status Write(uint64_t offset, absl::Span<const Slice> parts, bool sync) override {
    RETURN_IF_ERROR(CheckNotPoisoned());
    uint64_t total = 0;
    for (Slice part : parts) total += part.size();
    if (offset > capacity_ || total > capacity_ - offset) {
      return absl::InvalidArgumentError(absl::StrCat(path_, ": write of ", total, " bytes at ",
                                                     offset, " passes the capacity ", capacity_));
    }
    RETURN_IF_ERROR(PoisonUnlessOk(file_->WriteAt(offset, parts)));
    return sync ? Sync() : OkStatus();
  }

  Status Sync() override {
    RETURN_IF_ERROR(CheckNotPoisoned());
    return PoisonUnlessOk(file_->Sync());
  }

  StatusOr<size_t> Read(uint64_t offset, size_t n, char* buffer) const override {
    return file_->ReadAt(offset, n, buffer);
  }

  uint64_t capacity() const override { return capacity_; }

 private:
  Status CheckNotPoisoned() const {
    if (hold_->read_only()) return SealedForWriting(path_);
    MutexLock lock(&hold_->mu);
    if (hold_->poisoned.count(index_) == 0) return OkStatus();
    return absl::InternalError(absl::StrCat(path_, ": poisoned by an earlier failed write"));
  }
  Status PoisonUnlessOk(Status s) {
    if (!s.ok()) {
      MutexLock lock(&hold_->mu);
      hold_->poisoned.insert(index_);
    }
    return s;
  }

  const std::shared_ptr<LogHold> hold_;
  const uint64_t index_;
  const std::string path_;
  const std::unique_ptr<FsFile> file_;
  const uint64_t capacity_;
};

class PosixLogStore : public LogStore {
 public:
  PosixLogStore(std::shared_ptr<StoreDirectory> directory, Slice name, std::string path,
                std::shared_ptr<LogHold> hold, uint64_t epoch)
      : directory_(std::move(directory)),
        name_(name),
        path_(std::move(path)),
        hold_(std::move(hold)),
        epoch_(epoch) {}

  StatusOr<std::vector<SegmentInfo>> List() override {
    ASSIGN_OR_RETURN(std::vector<std::string> names, fs()->List(path_));
    std::vector<SegmentInfo> segments;
    for (Slice name : names) {
      uint64_t index;
      if (!absl::ConsumeSuffix(&name, kSegmentSuffix) || !absl::SimpleAtoi(name, &index)) continue;
      ASSIGN_OR_RETURN(std::unique_ptr<FsFile> file,
                       fs()->Open(PathOf(index, kSegmentSuffix), Fs::Mode::kRead));
      ASSIGN_OR_RETURN(uint64_t size, file->Size());
      segments.push_back({index, size});
    }
    return segments;  // 20 digits: the order of the names is that of the numbers
  }

  StatusOr<std::unique_ptr<LogSegment>> Create(uint64_t index, uint64_t capacity,
                                               Space space) override {
    if (capacity == 0) return absl::InvalidArgumentError(absl::StrCat(path_, ": capacity 0"));
    if (hold_->read_only()) return SealedForWriting(path_);
    RETURN_IF_ERROR(directory_->CheckUsable());
    RETURN_IF_ERROR(CheckNotSealed(fs(), path_, name_));
    const std::string target = PathOf(index, kSegmentSuffix);
    ASSIGN_OR_RETURN(bool exists, fs()->Exists(target));
    if (exists) return absl::AlreadyExistsError(target);
    const std::string temp = PathOf(index, kNewSuffix);
    // An earlier Create of this holder may have failed and been unable to clean up.
    if (Status s = fs()->Unlink(temp); !s.ok() && !IsNotFound(s)) return s;
    StatusOr<std::unique_ptr<FsFile>> file = MakeFile(temp, capacity, space);
    if (!file.ok()) {
      fs()->Unlink(temp).IgnoreError();  // else removed by the next holder
      return file.status();
    }
    RETURN_IF_ERROR(directory_->PublishFile(temp, target, StoreDirectory::Publish::kExclusive));
    return std::make_unique<PosixLogSegment>(hold_, index, target, *std::move(file), capacity);
  }

  StatusOr<std::unique_ptr<LogSegment>> Open(uint64_t index) override {
    const std::string path = PathOf(index, kSegmentSuffix);
    const Fs::Mode mode = hold_->read_only() ? Fs::Mode::kRead : Fs::Mode::kReadWrite;
    ASSIGN_OR_RETURN(std::unique_ptr<FsFile> file, fs()->Open(path, mode));
    ASSIGN_OR_RETURN(uint64_t size, file->Size());
    return std::make_unique<PosixLogSegment>(hold_, index, path, std::move(file), size);
  }

  Status Remove(uint64_t index) override {
    if (hold_->read_only()) return SealedForWriting(path_);
    return directory_->RemoveDurably(PathOf(index, kSegmentSuffix));
  }

  uint64_t epoch() const override { return epoch_; }

 private:
  Fs* fs() const { return directory_->fs(); }
  std::string PathOf(uint64_t index, Slice suffix) const {
    return absl::StrCat(path_, "/", absl::StrFormat("%020u", index), suffix);
  }

  // The new file, its space reserved and synced. With zeros written over all of it, too, later
  // writes inside it change no metadata and cannot meet a full disk.
  StatusOr<std::unique_ptr<FsFile>> MakeFile(const std::string& path, uint64_t capacity,
                                             Space space) {
    ASSIGN_OR_RETURN(std::unique_ptr<FsFile> file, fs()->Open(path, Fs::Mode::kCreateExclusive));
    RETURN_IF_ERROR(file->Allocate(capacity));
    const std::string zeros(std::min<uint64_t>(capacity, kZeroChunkBytes), '\0');
    const uint64_t written = space == Space::kWritten ? capacity : 0;
    for (uint64_t offset = 0; offset < written;) {
      const uint64_t n = std::min<uint64_t>(zeros.size(), written - offset);
      RETURN_IF_ERROR(file->WriteAt(offset, {Slice(zeros.data(), n)}));
      offset += n;
      // The log that grows is being written meanwhile: its syncs stand behind little.
      if (offset < written && offset % kZeroSyncBytes == 0) RETURN_IF_ERROR(file->Sync());
    }
    RETURN_IF_ERROR(file->Sync());
    return file;
  }

  const std::shared_ptr<StoreDirectory> directory_;
  const std::string name_;
  const std::string path_;
  const std::shared_ptr<LogHold> hold_;
  const uint64_t epoch_;
};

Status RemoveUnfinishedSegments(Fs* fs, const std::string& path) {
  ASSIGN_OR_RETURN(std::vector<std::string> names, fs->List(path));
  for (const std::string& name : names) {
    Slice stem = name;
    if (!absl::ConsumeSuffix(&stem, kNewSuffix)) continue;
    LOG(INFO) << path << ": removing the unfinished segment " << name;
    RETURN_IF_ERROR(fs->Unlink(absl::StrCat(path, "/", name)));
  }
  return OkStatus();
}

std::string EpochCellName(Slice name) { return absl::StrCat("logs/", name); }

// One above the last holder's.
StatusOr<uint64_t> NextEpoch(Fs* fs, const std::string& path, Slice name) {
  StatusOr<std::string> old = ReadWholeFile(fs, path + "/EPOCH", kCellHeaderBytes);
  if (IsNotFound(old.status())) return 1;
  RETURN_IF_ERROR(old.status());
  ASSIGN_OR_RETURN(StoredCell cell, DecodeCellFile(EpochCellName(name), *old));
  return cell.version + 1;
}

// Raises the epoch of the log in `path` durably and returns it. The lock is held.
StatusOr<uint64_t> RaiseEpoch(StoreDirectory* directory, const std::string& path, Slice name) {
  ASSIGN_OR_RETURN(const uint64_t epoch, NextEpoch(directory->fs(), path, name));
  RETURN_IF_ERROR(directory->WriteAndPublish(EncodeCellFile(EpochCellName(name), epoch, ""),
                                             path + "/EPOCH", StoreDirectory::Publish::kReplace));
  return epoch;
}

}  // namespace

StatusOr<std::vector<std::string>> ListPosixLogs(Fs* fs, const std::string& root) {
  StatusOr<std::vector<std::string>> names = fs->List(root + "/logs");
  if (IsNotFound(names.status())) return std::vector<std::string>();
  RETURN_IF_ERROR(names.status());
  std::vector<std::string> logs;
  for (const std::string& name : *names) {
    Slice log = name;
    if (absl::ConsumeSuffix(&log, kLogSuffix)) logs.emplace_back(log);
  }
  std::sort(logs.begin(), logs.end());
  return logs;
}

StatusOr<std::unique_ptr<LogStore>> OpenPosixLog(std::shared_ptr<StoreDirectory> directory,
                                                 Slice name) {
  Fs* const fs = directory->fs();
  const std::string path = LogDirectory(*directory, name);
  RETURN_IF_ERROR(directory->EnsureDir(path));
  ASSIGN_OR_RETURN(std::unique_ptr<FsLock> lock, fs->TryLock(path + "/LOCK"));
  RETURN_IF_ERROR(CheckNotSealed(fs, path, name));
  RETURN_IF_ERROR(RemoveUnfinishedSegments(fs, path));
  ASSIGN_OR_RETURN(uint64_t epoch, RaiseEpoch(directory.get(), path, name));
  return std::make_unique<PosixLogStore>(std::move(directory), name, path,
                                         std::make_shared<LogHold>(std::move(lock)), epoch);
}

Status SealPosixLog(StoreDirectory* directory, Slice name) {
  const std::string path = LogDirectory(*directory, name);
  RETURN_IF_ERROR(directory->EnsureDir(path));
  ASSIGN_OR_RETURN(const Seal seal, ReadSeal(directory->fs(), path, name));
  // Perhaps seen, and not yet durable, by who died over it.
  if (seal != Seal::kNone) return directory->SyncBeforeBelieving(path);
  const std::string sealed = EncodeCellFile(SealCellName(name), 1, "");
  Status made =
      directory->WriteAndPublish(sealed, path + "/SEALED", StoreDirectory::Publish::kExclusive);
  return absl::IsAlreadyExists(made) ? directory->SyncBeforeBelieving(path) : made;
}

StatusOr<std::unique_ptr<LogStore>> OpenSealedPosixLog(std::shared_ptr<StoreDirectory> directory,
                                                       Slice name) {
  const std::string path = LogDirectory(*directory, name);
  ASSIGN_OR_RETURN(const Seal seal, ReadSeal(directory->fs(), path, name));
  if (seal == Seal::kNone) {
    return absl::FailedPreconditionError(absl::StrCat("log ", name, " is not sealed"));
  }
  if (seal == Seal::kDropped) {
    return absl::NotFoundError(absl::StrCat("log ", name, " was recovered and dropped"));
  }
  ASSIGN_OR_RETURN(const uint64_t epoch, NextEpoch(directory->fs(), path, name));
  return std::make_unique<PosixLogStore>(std::move(directory), name, path,
                                         std::make_shared<LogHold>(nullptr), epoch);
}

Status DropSealedPosixLog(StoreDirectory* directory, Slice name) {
  const std::string path = LogDirectory(*directory, name);
  ASSIGN_OR_RETURN(const Seal seal, ReadSeal(directory->fs(), path, name));
  if (seal == Seal::kNone) {
    return absl::FailedPreconditionError(absl::StrCat("log ", name, " is not sealed"));
  }
  // A ring with a part of its segments would look damaged: from here on it is none.
  RETURN_IF_ERROR(directory->WriteAndPublish(EncodeCellFile(SealCellName(name), 2, ""),
                                             path + "/SEALED", StoreDirectory::Publish::kReplace));
  ASSIGN_OR_RETURN(std::vector<std::string> files, directory->fs()->List(path));
  for (const std::string& file : files) {
    if (file == "SEALED") continue;
    Status gone = directory->fs()->Unlink(absl::StrCat(path, "/", file));
    if (!gone.ok() && !IsNotFound(gone)) return gone;
  }
  return OkStatus();
}

}  // namespace stele
