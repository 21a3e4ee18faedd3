#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/mutex.h"
#include "common/store/fs.h"
#include "common/time/clock.h"

namespace stele {
namespace {

Status FromErrno(int error, Slice call, Slice path) {
  std::array<char, 128> buffer;
  const std::string text =
      absl::StrCat(call, " ", path, ": ", Slice(strerror_r(error, buffer.data(), buffer.size())));
  switch (error) {
    case ENOENT:
    case ESTALE:
      return absl::NotFoundError(text);
    case ENOTEMPTY:
      return absl::FailedPreconditionError(text);
    case EEXIST:
      return absl::AlreadyExistsError(text);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(text);
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
      return absl::ResourceExhaustedError(text);
    default:
      return absl::InternalError(text);
  }
}

// Closes once. After close(2) reports EINTR the number may already belong to another file, so it is
// never closed again.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&&) = delete;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

Fd OpenFd(const std::string& path, int flags) {
  int fd;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  } while (fd < 0 && errno == EINTR);
  return Fd(fd);
}

constexpr int64_t kSlowMissNs = 300'000, kNoTriesNs = 10'000'000;
// Of all files: they share the disk's queue. A miss took long: no tries until then.
std::atomic<int64_t> no_tries_before_ns{0};

class PosixFile : public FsFile {
 public:
  PosixFile(Fd fd, std::string path) : path_(std::move(path)), fd_(std::move(fd)) {}

  StatusOr<size_t> ReadAt(uint64_t offset, size_t n, char* buffer) const override {
    size_t done = 0;
    while (done < n) {
      const ssize_t got =
          ::pread(fd_.get(), buffer + done, n - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return FromErrno(errno, "pread", path_);
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }

  bool ReadAtIfInMemory(uint64_t offset, size_t n, char* buffer) const override {
    if (hides_memory_.load(std::memory_order_relaxed)) return false;
    const int64_t begun_ns = MonotonicNanos();
    if (begun_ns < no_tries_before_ns.load(std::memory_order_relaxed)) return false;
    const iovec whole{buffer, n};
    const ssize_t got = ::preadv2(fd_.get(), &whole, 1, static_cast<off_t>(offset), RWF_NOWAIT);
    // Not every file system knows what it has in memory.
    if (got < 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) hides_memory_ = true;
    if (got == static_cast<ssize_t>(n)) return true;
    // A miss begins the disk's reading, and may have to wait for a place in a full queue.
    const int64_t ended_ns = MonotonicNanos();
    if (ended_ns - begun_ns > kSlowMissNs) no_tries_before_ns = ended_ns + kNoTriesNs;
    return false;
  }

  Status WriteAt(uint64_t offset, absl::Span<const Slice> parts) override {
    RETURN_IF_ERROR(CheckNotPoisoned());
    constexpr size_t kBatch = 64;  // far below IOV_MAX
    std::array<iovec, kBatch> batch;
    size_t next = 0;  // first part that is not yet in a batch
    while (next < parts.size()) {
      size_t count = 0;
      for (; count < kBatch && next < parts.size(); ++next) {
        if (parts[next].empty()) continue;
        batch[count++] = {const_cast<char*>(parts[next].data()), parts[next].size()};
      }
      RETURN_IF_ERROR(WriteBatch(batch.data(), count, &offset));
    }
    return OkStatus();
  }

  Status Sync() override {
    RETURN_IF_ERROR(CheckNotPoisoned());
    // Not retried, whatever the error: after a failed sync the kernel may have marked the pages
    // clean, and a second call would report a success that never was.
    if (::fdatasync(fd_.get()) != 0) {
      const int error = errno;
      poisoned_.store(true);
      return FromErrno(error, "fdatasync", path_);
    }
    return OkStatus();
  }

  StatusOr<uint64_t> Size() const override {
    struct stat info {};
    if (::fstat(fd_.get(), &info) != 0) return FromErrno(errno, "fstat", path_);
    return static_cast<uint64_t>(info.st_size);
  }

  Status Truncate(uint64_t size) override {
    RETURN_IF_ERROR(CheckNotPoisoned());
    int result;
    do {
      result = ::ftruncate(fd_.get(), static_cast<off_t>(size));
    } while (result != 0 && errno == EINTR);
    return result == 0 ? OkStatus() : FromErrno(errno, "ftruncate", path_);
  }

  Status Allocate(uint64_t size) override {
    RETURN_IF_ERROR(CheckNotPoisoned());
    if (size == 0) return OkStatus();
    int error;
    do {
      error = ::posix_fallocate(fd_.get(), 0, static_cast<off_t>(size));
    } while (error == EINTR);
    return error == 0 ? OkStatus() : FromErrno(error, "fallocate", path_);
  }

  // Blocks that are there already cost a write to the page cache much less than blocks that the
  // file system has to promise one by one.
  void Reserve(uint64_t offset, uint64_t bytes) override {
    (void)::fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                      static_cast<off_t>(bytes));
  }
  void GiveBack() override {
    struct stat info {};  // what is cut off lies behind all that was written
    if (::fstat(fd_.get(), &info) == 0) (void)!::ftruncate(fd_.get(), info.st_size);
  }

  // Begins only: what waits for the end also takes a failed write's error away from Sync.
  void BeginWriteback(uint64_t offset, uint64_t bytes) override {
    (void)::sync_file_range(fd_.get(), static_cast<off_t>(offset), static_cast<off_t>(bytes),
                            SYNC_FILE_RANGE_WRITE);
  }

  void ReleaseCached(uint64_t offset, uint64_t bytes) const override {
    ::posix_fadvise(fd_.get(), static_cast<off_t>(offset), static_cast<off_t>(bytes),
                    POSIX_FADV_DONTNEED);
  }

 private:
  Status CheckNotPoisoned() const {
    if (!poisoned_.load()) return OkStatus();
    return absl::InternalError(absl::StrCat(path_, ": poisoned by an earlier failed sync"));
  }

  // Writes all of batch[0..count) at *offset and moves *offset behind it.
  Status WriteBatch(iovec* batch, size_t count, uint64_t* offset) {
    while (count > 0) {
      const ssize_t wrote =
          ::pwritev(fd_.get(), batch, static_cast<int>(count), static_cast<off_t>(*offset));
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) return FromErrno(errno, "pwritev", path_);
      if (wrote == 0) return absl::InternalError(absl::StrCat("pwritev ", path_, ": no progress"));
      *offset += static_cast<uint64_t>(wrote);
      size_t left = static_cast<size_t>(wrote);
      while (count > 0 && left >= batch->iov_len) {
        left -= batch->iov_len;
        ++batch;
        --count;
      }
      if (count > 0) {
        batch->iov_base = static_cast<char*>(batch->iov_base) + left;
        batch->iov_len -= left;
      }
    }
    return OkStatus();
  }

  const std::string path_;
  const Fd fd_;
  std::atomic<bool> poisoned_{false};
  mutable std::atomic<bool> hides_memory_{false};  // the file system cannot say what it holds
};

// The locks held in this process, by file identity. Owned by the file system object.
class LockRegistry {
 public:
  using FileId = std::pair<dev_t, ino_t>;
  bool Add(FileId id) {
    MutexLock lock(&mu_);
    return held_.insert(id).second;
  }
  void Remove(FileId id) {
    MutexLock lock(&mu_);
    held_.erase(id);
  }

 private:
  Mutex mu_;
  std::set<FileId> held_ GUARDED_BY(mu_);
};

class PosixLock : public FsLock {
 public:
  PosixLock(LockRegistry* registry, LockRegistry::FileId id, Fd fd)
      : registry_(registry), id_(id), fd_(std::move(fd)) {}
  ~PosixLock() override {
    ::flock(fd_.get(), LOCK_UN);
    registry_->Remove(id_);
  }

 private:
  LockRegistry* const registry_;  // the PosixFs, which lives for the whole process
  const LockRegistry::FileId id_;
  const Fd fd_;
};

class RealFs : public Fs {
 public:
  StatusOr<std::unique_ptr<FsFile>> Open(const std::string& path, Mode mode) override {
    int flags = O_RDONLY;
    if (mode == Mode::kReadWrite) flags = O_RDWR;
    if (mode == Mode::kCreateExclusive) flags = O_RDWR | O_CREAT | O_EXCL;
    Fd fd = OpenFd(path, flags);
    if (!fd.ok()) return FromErrno(errno, "open", path);
    return std::make_unique<PosixFile>(std::move(fd), path);
  }

  Status Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) == 0) return OkStatus();
    return FromErrno(errno, "rename", absl::StrCat(from, " to ", to));
  }

  Status Link(const std::string& from, const std::string& to) override {
    if (::link(from.c_str(), to.c_str()) == 0) return OkStatus();
    return FromErrno(errno, "link", absl::StrCat(from, " to ", to));
  }

  Status Unlink(const std::string& path) override {
    return ::unlink(path.c_str()) == 0 ? OkStatus() : FromErrno(errno, "unlink", path);
  }

  Status MakeDir(const std::string& path) override {
    return ::mkdir(path.c_str(), 0755) == 0 ? OkStatus() : FromErrno(errno, "mkdir", path);
  }

  Status RemoveDir(const std::string& path) override {
    return ::rmdir(path.c_str()) == 0 ? OkStatus() : FromErrno(errno, "rmdir", path);
  }

  Status SyncDir(const std::string& path) override {
    Fd fd = OpenFd(path, O_RDONLY | O_DIRECTORY);
    if (!fd.ok()) return FromErrno(errno, "open", path);
    if (::fsync(fd.get()) == 0) return OkStatus();
    if (errno == EINVAL) {
      return absl::UnimplementedError(absl::StrCat("fsync ", path, ": cannot be synced"));
    }
    return FromErrno(errno, "fsync", path);
  }

  StatusOr<std::vector<std::string>> List(const std::string& dir) override {
    std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(dir.c_str()), ::closedir);
    if (stream == nullptr) return FromErrno(errno, "opendir", dir);
    std::vector<std::string> names;
    while (true) {
      errno = 0;  // readdir tells its end from an error only by errno
      const dirent* entry = ::readdir(stream.get());
      if (entry == nullptr) break;
      const Slice name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) return FromErrno(errno, "readdir", dir);
    std::sort(names.begin(), names.end());
    return names;
  }

  StatusOr<bool> Exists(const std::string& path) override {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return FromErrno(errno, "stat", path);
  }

  StatusOr<int64_t> ModifiedMicros(const std::string& path) override {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return FromErrno(errno, "stat", path);
    return int64_t{info.st_mtim.tv_sec} * 1'000'000 + info.st_mtim.tv_nsec / 1000;
  }

  StatusOr<uint64_t> FreeBytes(const std::string& path) override {
    struct statvfs info {};
    if (::statvfs(path.c_str(), &info) != 0) return FromErrno(errno, "statvfs", path);
    return uint64_t{info.f_bavail} * info.f_frsize;
  }

  StatusOr<uint64_t> TotalBytes(const std::string& path) override {
    struct statvfs info {};
    if (::statvfs(path.c_str(), &info) != 0) return FromErrno(errno, "statvfs", path);
    return uint64_t{info.f_blocks} * info.f_frsize;
  }

  StatusOr<std::unique_ptr<FsLock>> TryLock(const std::string& path) override {
    Fd fd = OpenFd(path, O_RDWR | O_CREAT);
    if (!fd.ok()) return FromErrno(errno, "open", path);
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return FromErrno(errno, "fstat", path);
    const LockRegistry::FileId id{info.st_dev, info.st_ino};
    if (!locks_.Add(id)) {
      return absl::UnavailableError(absl::StrCat(path, ": locked by this process"));
    }
    int result;
    do {
      result = ::flock(fd.get(), LOCK_EX | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    if (result != 0) {
      const int error = errno;
      locks_.Remove(id);
      if (error != EWOULDBLOCK) return FromErrno(error, "flock", path);
      return absl::UnavailableError(absl::StrCat(path, ": locked by another process"));
    }
    return std::make_unique<PosixLock>(&locks_, id, std::move(fd));
  }

 private:
  LockRegistry locks_;
};

}  // namespace

Fs* PosixFs() {
  static RealFs* const fs = new RealFs;
  return fs;
}

}  // namespace stele
