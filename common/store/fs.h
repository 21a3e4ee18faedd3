// Fs: the thin system-call layer under the POSIX BlobStore, and what FaultFs replaces in tests.
// Paths are absolute or relative to the working directory. Every call that changes durable state is
// one numbered I/O call for fault injection. Thread-safe; an FsFile may be used by many threads for
// reads and by one for writes.
//
// Errors: NotFound (ENOENT), AlreadyExists (EEXIST), ResourceExhausted (ENOSPC, EDQUOT, EMFILE),
// PermissionDenied (EACCES, EPERM, EROFS), FailedPrecondition (ENOTEMPTY), Internal (EIO and the
// rest), each naming the path and the call; ESTALE, what NFS says of a file that another machine
// removed, is NotFound. A short write or read is retried inside until complete, at end of file, or
// failed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/base/status.h"

namespace stele {

class FsFile {
 public:
  virtual ~FsFile() = default;  // closes once, never retries
  // Reads up to n bytes at offset into buffer; the returned count is short only at the end of the
  // file.
  virtual StatusOr<size_t> ReadAt(uint64_t offset, size_t n, char* buffer) const = 0;
  // Exactly n bytes, if no disk has to be waited for. False: it would be, or nobody can tell, or
  // it fails (ReadAt says how); the buffer's content is open then.
  virtual bool ReadAtIfInMemory(uint64_t offset, size_t n, char* buffer) const { return false; }
  // Writes the parts, one after the other, at offset. On an error any part of the range may have
  // changed.
  virtual Status WriteAt(uint64_t offset, absl::Span<const Slice> parts) = 0;
  // fdatasync. After the first error the file is poisoned: every later WriteAt and Sync fails
  // (PROMISES P22).
  virtual Status Sync() = 0;
  virtual StatusOr<uint64_t> Size() const = 0;
  virtual Status Truncate(uint64_t size) = 0;
  // Reserves space so that later writes below `size` cannot meet ENOSPC. Does not write.
  virtual Status Allocate(uint64_t size) = 0;
  // A hint: [offset, offset + bytes), behind the end, will be written soon; the size stays. A full
  // disk is no error. GiveBack ends it: there is no room behind the end then.
  virtual void Reserve(uint64_t offset, uint64_t bytes) {}
  virtual void GiveBack() {}
  // A hint: [offset, offset + bytes) may go to the disk from now on, so that a later Sync, and
  // others' meanwhile, do not stand behind all of it. Says nothing of success.
  virtual void BeginWriteback(uint64_t offset, uint64_t bytes) {}
  // A hint: whoever may keep [offset, offset + bytes) in memory need not any longer. Reads still
  // answer.
  virtual void ReleaseCached(uint64_t offset, uint64_t bytes) const {}
};

// An exclusive advisory lock on a file, held until destroyed or the process ends. Also excludes
// other holders in this process.
class FsLock {
 public:
  virtual ~FsLock() = default;
};

class Fs {
 public:
  // kRead and kReadWrite: NotFound when absent. kCreateExclusive: for reading and writing;
  // AlreadyExists.
  enum class Mode { kRead, kReadWrite, kCreateExclusive };
  virtual ~Fs() = default;
  virtual StatusOr<std::unique_ptr<FsFile>> Open(const std::string& path, Mode mode) = 0;
  virtual Status Rename(const std::string& from, const std::string& to) = 0;  // replaces `to`
  virtual Status Link(const std::string& from,
                      const std::string& to) = 0;  // AlreadyExists if `to` exists
  virtual Status Unlink(const std::string& path) = 0;
  virtual Status MakeDir(const std::string& path) = 0;  // one level; AlreadyExists
  // FailedPrecondition or AlreadyExists when it is not empty.
  virtual Status RemoveDir(const std::string& path) = 0;
  // Makes the entries of a directory durable. Unimplemented on a file system that cannot.
  virtual Status SyncDir(const std::string& path) = 0;
  virtual StatusOr<std::vector<std::string>> List(
      const std::string& dir) = 0;  // names, sorted, no . and ..
  virtual StatusOr<bool> Exists(const std::string& path) = 0;
  virtual StatusOr<int64_t> ModifiedMicros(const std::string& path) = 0;
  virtual StatusOr<uint64_t> FreeBytes(const std::string& path) = 0;
  virtual StatusOr<uint64_t> TotalBytes(const std::string& path) = 0;  // of its file system
  // Creates the file when absent; it stays afterwards. Unavailable when another holder has it; the
  // message names the path.
  virtual StatusOr<std::unique_ptr<FsLock>> TryLock(const std::string& path) = 0;
};

// The machine's file system; lives for the whole process.
Fs* PosixFs();

}  // namespace stele
