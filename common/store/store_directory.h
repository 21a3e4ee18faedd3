// StoreDirectory: one opened directory of the POSIX store, shared by the store and everything it
// handed out. It owns the durable creation of directories, temporary names, and
// the one way in which a file becomes visible: content synced, then linked or renamed, then the
// directory synced. Thread-safe.
//
// Invariants: a directory is used only after its own entry, and those of all directories above it
// up to the store's root, have been synced by this object. Temporary files carry the number of a
// slot whose lock this object holds, so a free slot's files belong to nobody and are removed at
// open. After an error between a change's becoming visible and its becoming durable the object is
// broken for ever: it reports Unknown once and refuses every later change (PROMISES P22).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/store/fs.h"

namespace stele {

class StoreDirectory {
 public:
  enum class Publish { kExclusive, kReplace };

  static StatusOr<std::unique_ptr<StoreDirectory>> Open(Fs* fs, const std::string& root,
                                                        bool create);

  Fs* fs() const { return fs_; }
  const std::string& root() const { return root_; }

  // `dir` lies below root. It and its name are durable when it returns.
  Status EnsureDir(const std::string& dir);
  // A name for a new temporary file of this object; nobody else uses it.
  std::string NewTempPath();
  // A word that no store object has used before.
  std::string NewToken();
  // Makes the synced file `temp` visible as `target`, whose directory was ensured, durably. `temp`
  // is gone afterwards, also after an error. AlreadyExists in the exclusive mode; Unknown when it
  // may or may not have happened.
  Status PublishFile(const std::string& temp, const std::string& target, Publish how);
  // Writes and syncs a temporary file with `content` and publishes it; ensures the directory.
  Status WriteAndPublish(Slice content, const std::string& target, Publish how);
  // Durable; NotFound; Unknown.
  Status RemoveDurably(const std::string& path);
  // An error when this object is broken.
  Status CheckUsable() const;
  // Syncs a directory whose entries are about to be believed; an error breaks the object.
  Status SyncBeforeBelieving(const std::string& dir);
  // Marks the object broken; returns Unknown with the cause.
  Status Break(const Status& cause);

 private:
  StoreDirectory(Fs* fs, std::string root);
  Status TakeTempSlot();
  Status RemoveTempsOfSlot(uint64_t slot);

  Fs* const fs_;  // outlives this
  const std::string root_;
  const uint64_t token_;
  std::atomic<bool> broken_{false};
  std::atomic<uint64_t> next_temp_{0};  // of temporary names and of tokens
  uint64_t temp_slot_ = 0;
  std::unique_ptr<FsLock> temp_slot_lock_;
  Mutex mu_;
  std::set<std::string> durable_dirs_ GUARDED_BY(mu_);
};

}  // namespace stele
