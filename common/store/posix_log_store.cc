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

namespace stele {
namespace {

constexpr char kSegmentSuffix[] = ".seg";
constexpr char kNewSuffix[] = ".new";
constexpr size_t kZeroChunkBytes = 1u << 20;

// What the LogStore and its segments share; the last of them releases the lock.
struct LogHold {
  explicit LogHold(std::unique_ptr<FsLock> l) : lock(std::move(l)) {}
  const std::unique_ptr<FsLock> lock;
  Mutex mu;
  std::set<uint64_t> poisoned GUARDED_BY(mu);
};

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
  PosixLogStore(std::shared_ptr<StoreDirectory> directory, std::string path,
                std::shared_ptr<LogHold> hold, uint64_t epoch)
      : directory_(std::move(directory)),
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

  StatusOr<std::unique_ptr<LogSegment>> Create(uint64_t index, uint64_t capacity) override {
    if (capacity == 0) return absl::InvalidArgumentError(absl::StrCat(path_, ": capacity 0"));
    RETURN_IF_ERROR(directory_->CheckUsable());
    const std::string target = PathOf(index, kSegmentSuffix);
    ASSIGN_OR_RETURN(bool exists, fs()->Exists(target));
    if (exists) return absl::AlreadyExistsError(target);
    const std::string temp = PathOf(index, kNewSuffix);
    // An earlier Create of this holder may have failed and been unable to clean up.
    if (Status s = fs()->Unlink(temp); !s.ok() && !IsNotFound(s)) return s;
    StatusOr<std::unique_ptr<FsFile>> file = WriteZeros(temp, capacity);
    if (!file.ok()) {
      fs()->Unlink(temp).IgnoreError();  // else removed by the next holder
      return file.status();
    }
    RETURN_IF_ERROR(directory_->PublishFile(temp, target, StoreDirectory::Publish::kExclusive));
    return std::make_unique<PosixLogSegment>(hold_, index, target, *std::move(file), capacity);
  }

  StatusOr<std::unique_ptr<LogSegment>> Open(uint64_t index) override {
    const std::string path = PathOf(index, kSegmentSuffix);
    ASSIGN_OR_RETURN(std::unique_ptr<FsFile> file, fs()->Open(path, Fs::Mode::kReadWrite));
    ASSIGN_OR_RETURN(uint64_t size, file->Size());
    return std::make_unique<PosixLogSegment>(hold_, index, path, std::move(file), size);
  }

  Status Remove(uint64_t index) override {
    return directory_->RemoveDurably(PathOf(index, kSegmentSuffix));
  }

  uint64_t epoch() const override { return epoch_; }

 private:
  Fs* fs() const { return directory_->fs(); }
  std::string PathOf(uint64_t index, Slice suffix) const {
    return absl::StrCat(path_, "/", absl::StrFormat("%020u", index), suffix);
  }

  // The new file, its space reserved, zeros written over all of it, and synced: later writes inside
  // it change no metadata and cannot meet a full disk.
  StatusOr<std::unique_ptr<FsFile>> WriteZeros(const std::string& path, uint64_t capacity) {
    ASSIGN_OR_RETURN(std::unique_ptr<FsFile> file, fs()->Open(path, Fs::Mode::kCreateExclusive));
    RETURN_IF_ERROR(file->Allocate(capacity));
    const std::string zeros(std::min<uint64_t>(capacity, kZeroChunkBytes), '\0');
    for (uint64_t offset = 0; offset < capacity;) {
      const uint64_t n = std::min<uint64_t>(zeros.size(), capacity - offset);
      RETURN_IF_ERROR(file->WriteAt(offset, {Slice(zeros.data(), n)}));
      offset += n;
    }
    RETURN_IF_ERROR(file->Sync());
    return file;
  }

  const std::shared_ptr<StoreDirectory> directory_;
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

// Raises the epoch of the log in `path` durably and returns it. The lock is held.
StatusOr<uint64_t> RaiseEpoch(StoreDirectory* directory, const std::string& path, Slice name) {
  const std::string file = path + "/EPOCH";
  const std::string cell_name = absl::StrCat("logs/", name);
  uint64_t epoch = 0;
  StatusOr<std::string> old = ReadWholeFile(directory->fs(), file, kCellHeaderBytes);
  if (old.ok()) {
    ASSIGN_OR_RETURN(StoredCell cell, DecodeCellFile(cell_name, *old));
    epoch = cell.version;
  } else if (!IsNotFound(old.status())) {
    return old.status();
  }
  ++epoch;
  RETURN_IF_ERROR(directory->WriteAndPublish(EncodeCellFile(cell_name, epoch, ""), file,
                                             StoreDirectory::Publish::kReplace));
  return epoch;
}

}  // namespace

StatusOr<std::unique_ptr<LogStore>> OpenPosixLog(std::shared_ptr<StoreDirectory> directory,
                                                 Slice name) {
  Fs* const fs = directory->fs();
  const std::string path = absl::StrCat(directory->root(), "/logs/", name, "@log");
  RETURN_IF_ERROR(directory->EnsureDir(path));
  ASSIGN_OR_RETURN(std::unique_ptr<FsLock> lock, fs->TryLock(path + "/LOCK"));
  RETURN_IF_ERROR(RemoveUnfinishedSegments(fs, path));
  ASSIGN_OR_RETURN(uint64_t epoch, RaiseEpoch(directory.get(), path, name));
  return std::make_unique<PosixLogStore>(std::move(directory), path,
                                         std::make_shared<LogHold>(std::move(lock)), epoch);
}

}  // namespace stele
