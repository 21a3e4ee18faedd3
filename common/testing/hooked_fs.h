// HookedFs: a file system over another one, which tells a test of each call, those on its files
// too, before and after it is made: to stop a process there, or to let others go on in the middle
// of an operation. Thread-safe if the hooks are; a hook may use the file system below.
//
//   HookedFs fs(PosixFs());
//   fs.after = [](Slice op, Slice path) { if (op == "link") raise(SIGSTOP); };
//
// The operations are "open", "create", "read", "write", "sync", "size", "truncate", "allocate",
// "writeback", "release", "rename", "link", "unlink", "mkdir", "rmdir", "syncdir", "list", "stat",
// "statfs" and "lock"; the path is the changed one, of two the second.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/store/fs.h"

namespace stele {

class HookedFs : public Fs {
 public:
  using Hook = std::function<void(Slice op, Slice path)>;
  explicit HookedFs(Fs* below) : below_(below) {}  // not owned

  // Set before the first call; empty: nothing is told.
  Hook before;
  Hook after;

  StatusOr<std::unique_ptr<FsFile>> Open(const std::string& path, Mode mode) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Link(const std::string& from, const std::string& to) override;
  Status Unlink(const std::string& path) override;
  Status MakeDir(const std::string& path) override;
  Status RemoveDir(const std::string& path) override;
  Status SyncDir(const std::string& path) override;
  StatusOr<std::vector<std::string>> List(const std::string& dir) override;
  StatusOr<bool> Exists(const std::string& path) override;
  StatusOr<int64_t> ModifiedMicros(const std::string& path) override;
  StatusOr<uint64_t> FreeBytes(const std::string& path) override;
  StatusOr<uint64_t> TotalBytes(const std::string& path) override;
  StatusOr<std::unique_ptr<FsLock>> TryLock(const std::string& path) override;

 private:
  class File;
  // Makes the call between the two hooks.
  template <typename Call>
  auto Told(Slice op, Slice path, Call call) const {
    if (before) before(op, path);
    auto result = call();
    if (after) after(op, path);
    return result;
  }

  Fs* const below_;
};

}  // namespace stele
