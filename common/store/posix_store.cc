#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "common/base/mutex.h"
#include "common/bytes/crc32c.h"
#include "common/store/blob_store.h"
#include "common/store/cell_directory.h"
#include "common/store/fs.h"
#include "common/store/names.h"
#include "common/store/posix_log_store.h"
#include "common/store/store_directory.h"

namespace stele {
namespace {

constexpr char kBlobSuffix[] = "@blob";
constexpr size_t kWriteBufferBytes = 1u << 20;
constexpr uint64_t kReservedBytes = 8u << 20;  // in advance, of a file larger than the buffer
constexpr uint64_t kPageBytes = 4096;
constexpr size_t kCellShards = 16;

Status CheckCellSize(Slice name, Slice value) {
  if (value.size() <= kMaxCellValueBytes) return OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("cell ", name, ": ", value.size(), " bytes"));
}

class PosixBlobWriter : public BlobWriter {
 public:
  PosixBlobWriter(std::shared_ptr<StoreDirectory> directory, std::string temp, std::string target,
                  std::unique_ptr<FsFile> file)
      : directory_(std::move(directory)),
        temp_(std::move(temp)),
        target_(std::move(target)),
        file_(std::move(file)) {}
  ~PosixBlobWriter() override {
    file_.reset();
    // A file that cannot be removed now is removed by the next open of the store.
    if (!temp_is_gone_) directory_->fs()->Unlink(temp_).IgnoreError();
  }

  Status Append(Slice data) override {
    RETURN_IF_ERROR(status_);
    size_ += data.size();
    if (buffer_.size() + data.size() < kWriteBufferBytes) {
      buffer_.append(data.data(), data.size());
      return OkStatus();
    }
    if (reserved_ < size_) {
      reserved_ = std::max(reserved_, written_);
      file_->Reserve(reserved_, size_ - reserved_ + kReservedBytes);
      reserved_ = size_ + kReservedBytes;
    }
    const std::array<Slice, 2> parts{Slice(buffer_), data};
    status_ = file_->WriteAt(written_, parts);
    if (status_.ok()) BeginWriteback();
    written_ = size_;
    buffer_.clear();
    return status_;
  }

  uint64_t size() const override { return size_; }

  Status Finish() override {
    RETURN_IF_ERROR(status_);
    Status result = Publish();
    status_ =
        result.ok() ? absl::FailedPreconditionError(absl::StrCat(target_, ": finished")) : result;
    return result;
  }

 private:
  // Of whole pages: what is appended next still changes the last one.
  void BeginWriteback() {
    const uint64_t end = size_ / kPageBytes * kPageBytes;
    if (end > begun_) file_->BeginWriteback(begun_, end - begun_);
    begun_ = end;
  }

  Status Publish() {
    if (!buffer_.empty()) RETURN_IF_ERROR(file_->WriteAt(written_, {Slice(buffer_)}));
    if (reserved_ > size_) file_->GiveBack();
    RETURN_IF_ERROR(file_->Sync());
    RETURN_IF_ERROR(directory_->EnsureDir(ParentPath(target_)));
    temp_is_gone_ = true;  // whatever comes out of it
    return directory_->PublishFile(temp_, target_, StoreDirectory::Publish::kExclusive);
  }

  const std::shared_ptr<StoreDirectory> directory_;
  const std::string temp_;
  const std::string target_;
  std::unique_ptr<FsFile> file_;
  std::string buffer_;    // not yet written
  uint64_t written_ = 0;  // bytes in the file
  uint64_t size_ = 0;
  uint64_t reserved_ = 0;  // so far the file has room
  uint64_t begun_ = 0;     // so far it is on its way to the disk
  bool temp_is_gone_ = false;
  Status status_;  // the first error, or that it is finished
};

class PosixBlobReader : public BlobReader {
 public:
  PosixBlobReader(std::string path, std::unique_ptr<FsFile> file, uint64_t size)
      : path_(std::move(path)), file_(std::move(file)), size_(size) {}

  uint64_t size() const override { return size_; }

  Status Read(uint64_t offset, size_t n, char* buffer) const override {
    if (offset > size_ || n > size_ - offset) {
      return absl::OutOfRangeError(
          absl::StrCat(path_, ": ", n, " bytes at ", offset, " of ", size_));
    }
    ASSIGN_OR_RETURN(size_t got, file_->ReadAt(offset, n, buffer));
    if (got == n) return OkStatus();
    return CorruptError(absl::StrCat(path_, ": shrank below ", size_, " bytes"));
  }

  bool ReadIfInMemory(uint64_t offset, size_t n, char* buffer) const override {
    return offset <= size_ && n <= size_ - offset && file_->ReadAtIfInMemory(offset, n, buffer);
  }

  void ReleaseCached(uint64_t offset, uint64_t n) const override {
    file_->ReleaseCached(offset, n);
  }

 private:
  const std::string path_;
  const std::unique_ptr<FsFile> file_;
  const uint64_t size_;
};

class PosixStore : public BlobStore {
 public:
  explicit PosixStore(std::shared_ptr<StoreDirectory> directory)
      : directory_(std::move(directory)) {}

  StatusOr<std::unique_ptr<LogStore>> OpenLog(Slice name) override {
    RETURN_IF_ERROR(CheckStoreName(name));
    return OpenPosixLog(directory_, name);
  }

  Status SealLog(Slice name) override {
    RETURN_IF_ERROR(CheckStoreName(name));
    return SealPosixLog(directory_.get(), name);
  }
  StatusOr<std::unique_ptr<LogStore>> OpenSealedLog(Slice name) override {
    RETURN_IF_ERROR(CheckStoreName(name));
    return OpenSealedPosixLog(directory_, name);
  }
  Status DropSealedLog(Slice name) override {
    RETURN_IF_ERROR(CheckStoreName(name));
    return DropSealedPosixLog(directory_.get(), name);
  }

  StatusOr<std::unique_ptr<BlobWriter>> CreateBlob(Slice name) override;
  StatusOr<std::shared_ptr<BlobReader>> OpenBlob(Slice name) override;
  Status DeleteBlob(Slice name) override {
    RETURN_IF_ERROR(CheckStoreName(name));
    return directory_->RemoveDurably(BlobPath(name));
  }
  StatusOr<std::vector<BlobInfo>> ListBlobs(Slice prefix) override;

  StatusOr<StoredCell> ReadCell(Slice name) override;
  Status CreateCell(Slice name, Slice value) override;
  StatusOr<uint64_t> SwapCell(Slice name, uint64_t expected, Slice value) override;
  Status DeleteCell(Slice name, uint64_t expected) override;
  StatusOr<std::vector<std::string>> ListCells(Slice prefix) override;

  StatusOr<uint64_t> FreeBytes() override { return fs()->FreeBytes(directory_->root()); }
  StatusOr<uint64_t> TotalBytes() override { return fs()->TotalBytes(directory_->root()); }

 private:
  Fs* fs() const { return directory_->fs(); }
  std::string BlobPath(Slice name) const {
    return absl::StrCat(directory_->root(), "/blobs/", name, kBlobSuffix);
  }
  size_t ShardOf(Slice name) const { return Crc32c(name) % kCellShards; }

  // The names under `prefix` in one of the two trees, sorted.
  StatusOr<std::vector<std::string>> ListNames(Slice area, Slice prefix, Slice suffix);
  Status CollectNames(const std::string& dir, const std::string& prefix, Slice suffix,
                      std::vector<std::string>* names);

  const std::shared_ptr<StoreDirectory> directory_;
  // Each: one change of a cell of its shard at a time, so that threads do not race each other in
  // vain. Other processes are kept out by nothing (cell_directory.h).
  std::array<Mutex, kCellShards> cell_mutexes_;
};

StatusOr<std::unique_ptr<BlobWriter>> PosixStore::CreateBlob(Slice name) {
  RETURN_IF_ERROR(CheckStoreName(name));
  RETURN_IF_ERROR(directory_->CheckUsable());
  std::string target = BlobPath(name);
  ASSIGN_OR_RETURN(bool exists, fs()->Exists(target));
  if (exists) return absl::AlreadyExistsError(target);
  std::string temp = directory_->NewTempPath();
  ASSIGN_OR_RETURN(std::unique_ptr<FsFile> file, fs()->Open(temp, Fs::Mode::kCreateExclusive));
  return std::make_unique<PosixBlobWriter>(directory_, std::move(temp), std::move(target),
                                           std::move(file));
}

StatusOr<std::shared_ptr<BlobReader>> PosixStore::OpenBlob(Slice name) {
  RETURN_IF_ERROR(CheckStoreName(name));
  std::string path = BlobPath(name);
  ASSIGN_OR_RETURN(std::unique_ptr<FsFile> file, fs()->Open(path, Fs::Mode::kRead));
  ASSIGN_OR_RETURN(uint64_t size, file->Size());
  return std::make_shared<PosixBlobReader>(std::move(path), std::move(file), size);
}

StatusOr<std::vector<BlobInfo>> PosixStore::ListBlobs(Slice prefix) {
  ASSIGN_OR_RETURN(std::vector<std::string> names, ListNames("blobs", prefix, kBlobSuffix));
  std::vector<BlobInfo> blobs;
  blobs.reserve(names.size());
  for (std::string& name : names) {
    const std::string path = BlobPath(name);
    StatusOr<std::unique_ptr<FsFile>> file = fs()->Open(path, Fs::Mode::kRead);
    StatusOr<int64_t> modified = fs()->ModifiedMicros(path);
    // Deleted since it was listed.
    if (IsNotFound(file.status()) || IsNotFound(modified.status())) continue;
    RETURN_IF_ERROR(file.status());
    RETURN_IF_ERROR(modified.status());
    ASSIGN_OR_RETURN(uint64_t size, (*file)->Size());
    blobs.push_back({std::move(name), size, *modified});
  }
  return blobs;
}

StatusOr<std::vector<std::string>> PosixStore::ListNames(Slice area, Slice prefix, Slice suffix) {
  RETURN_IF_ERROR(CheckStorePrefix(prefix));
  absl::ConsumeSuffix(&prefix, "/");
  std::string dir = absl::StrCat(directory_->root(), "/", area);
  std::string name_prefix;
  if (!prefix.empty()) {
    absl::StrAppend(&dir, "/", prefix);
    name_prefix = absl::StrCat(prefix, "/");
  }
  std::vector<std::string> names;
  RETURN_IF_ERROR(CollectNames(dir, name_prefix, suffix, &names));
  std::sort(names.begin(), names.end());
  return names;
}

Status PosixStore::CollectNames(const std::string& dir, const std::string& prefix, Slice suffix,
                                std::vector<std::string>* names) {
  StatusOr<std::vector<std::string>> entries = fs()->List(dir);
  if (IsNotFound(entries.status())) return OkStatus();
  RETURN_IF_ERROR(entries.status());
  for (Slice entry : *entries) {
    if (absl::ConsumeSuffix(&entry, suffix)) {
      names->push_back(absl::StrCat(prefix, entry));
      continue;
    }
    // Names hold at most kMaxStoreNameBytes bytes, which bounds the depth of what we made.
    if (!CheckStoreName(absl::StrCat(prefix, entry)).ok()) {
      return absl::FailedPreconditionError(
          absl::StrCat(dir, "/", entry, " was not made by this store"));
    }
    RETURN_IF_ERROR(CollectNames(absl::StrCat(dir, "/", entry), absl::StrCat(prefix, entry, "/"),
                                 suffix, names));
  }
  return OkStatus();
}

StatusOr<std::vector<std::string>> PosixStore::ListCells(Slice prefix) {
  ASSIGN_OR_RETURN(std::vector<std::string> names, ListNames("cells", prefix, kCellFolderSuffix));
  std::vector<std::string> cells;
  for (std::string& name : names) {
    ASSIGN_OR_RETURN(const bool exists, CellDirectory(directory_.get(), name).Exists());
    if (exists) cells.push_back(std::move(name));
  }
  return cells;
}

StatusOr<StoredCell> PosixStore::ReadCell(Slice name) {
  RETURN_IF_ERROR(CheckStoreName(name));
  return CellDirectory(directory_.get(), name).Read();
}

Status PosixStore::CreateCell(Slice name, Slice value) {
  RETURN_IF_ERROR(CheckStoreName(name));
  RETURN_IF_ERROR(CheckCellSize(name, value));
  MutexLock lock(&cell_mutexes_[ShardOf(name)]);
  return CellDirectory(directory_.get(), name).Create(value);
}

StatusOr<uint64_t> PosixStore::SwapCell(Slice name, uint64_t expected, Slice value) {
  RETURN_IF_ERROR(CheckStoreName(name));
  RETURN_IF_ERROR(CheckCellSize(name, value));
  MutexLock lock(&cell_mutexes_[ShardOf(name)]);
  return CellDirectory(directory_.get(), name).Swap(expected, value);
}

Status PosixStore::DeleteCell(Slice name, uint64_t expected) {
  RETURN_IF_ERROR(CheckStoreName(name));
  MutexLock lock(&cell_mutexes_[ShardOf(name)]);
  return CellDirectory(directory_.get(), name).Delete(expected);
}

}  // namespace

StatusOr<std::unique_ptr<BlobStore>> OpenPosixStore(Fs* fs, const std::string& root, bool create) {
  ASSIGN_OR_RETURN(std::unique_ptr<StoreDirectory> directory,
                   StoreDirectory::Open(fs, root, create));
  return std::make_unique<PosixStore>(std::move(directory));
}

}  // namespace stele
