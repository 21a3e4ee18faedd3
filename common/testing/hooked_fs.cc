#include "common/testing/hooked_fs.h"

#include <utility>

namespace stele {

class HookedFs::File : public FsFile {
 public:
  File(const HookedFs* fs, std::string path, std::unique_ptr<FsFile> below)
      : fs_(fs), path_(std::move(path)), below_(std::move(below)) {}

  StatusOr<size_t> ReadAt(uint64_t offset, size_t n, char* buffer) const override {
    return fs_->Told("read", path_, [&] { return below_->ReadAt(offset, n, buffer); });
  }
  Status WriteAt(uint64_t offset, absl::Span<const Slice> parts) override {
    return fs_->Told("write", path_, [&] { return below_->WriteAt(offset, parts); });
  }
  Status Sync() override {
    return fs_->Told("sync", path_, [&] { return below_->Sync(); });
  }
  StatusOr<uint64_t> Size() const override {
    return fs_->Told("size", path_, [&] { return below_->Size(); });
  }
  Status Truncate(uint64_t size) override {
    return fs_->Told("truncate", path_, [&] { return below_->Truncate(size); });
  }
  Status Allocate(uint64_t size) override {
    return fs_->Told("allocate", path_, [&] { return below_->Allocate(size); });
  }
  void BeginWriteback(uint64_t offset, uint64_t bytes) override {
    const auto begin = [&] {
      below_->BeginWriteback(offset, bytes);
      return 0;
    };
    fs_->Told("writeback", path_, begin);
  }
  void ReleaseCached(uint64_t offset, uint64_t bytes) const override {
    const auto release = [&] {
      below_->ReleaseCached(offset, bytes);
      return 0;
    };
    fs_->Told("release", path_, release);
  }

 private:
  const HookedFs* const fs_;
  const std::string path_;
  const std::unique_ptr<FsFile> below_;
};

StatusOr<std::unique_ptr<FsFile>> HookedFs::Open(const std::string& path, Mode mode) {
  const Slice op = mode == Mode::kCreateExclusive ? "create" : "open";
  auto file = Told(op, path, [&] { return below_->Open(path, mode); });
  RETURN_IF_ERROR(file.status());
  return std::make_unique<File>(this, path, *std::move(file));
}

Status HookedFs::Rename(const std::string& from, const std::string& to) {
  return Told("rename", to, [&] { return below_->Rename(from, to); });
}

Status HookedFs::Link(const std::string& from, const std::string& to) {
  return Told("link", to, [&] { return below_->Link(from, to); });
}

Status HookedFs::Unlink(const std::string& path) {
  return Told("unlink", path, [&] { return below_->Unlink(path); });
}

Status HookedFs::MakeDir(const std::string& path) {
  return Told("mkdir", path, [&] { return below_->MakeDir(path); });
}

Status HookedFs::RemoveDir(const std::string& path) {
  return Told("rmdir", path, [&] { return below_->RemoveDir(path); });
}

Status HookedFs::SyncDir(const std::string& path) {
  return Told("syncdir", path, [&] { return below_->SyncDir(path); });
}

StatusOr<std::vector<std::string>> HookedFs::List(const std::string& dir) {
  return Told("list", dir, [&] { return below_->List(dir); });
}

StatusOr<bool> HookedFs::Exists(const std::string& path) {
  return Told("stat", path, [&] { return below_->Exists(path); });
}

StatusOr<int64_t> HookedFs::ModifiedMicros(const std::string& path) {
  return Told("stat", path, [&] { return below_->ModifiedMicros(path); });
}

StatusOr<uint64_t> HookedFs::FreeBytes(const std::string& path) {
  return Told("statfs", path, [&] { return below_->FreeBytes(path); });
}

StatusOr<uint64_t> HookedFs::TotalBytes(const std::string& path) {
  return Told("statfs", path, [&] { return below_->TotalBytes(path); });
}

StatusOr<std::unique_ptr<FsLock>> HookedFs::TryLock(const std::string& path) {
  return Told("lock", path, [&] { return below_->TryLock(path); });
}

}  // namespace stele
