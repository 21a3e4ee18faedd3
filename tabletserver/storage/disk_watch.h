// DiskWatch: whether the store has room for more (PROMISES P23). Below a reserve of free bytes, or
// while a tablet cannot be flushed for want of space, the disk counts as full: writes to user
// tablets are refused with a definite ResourceExhausted. Merges that would touch the reserve wait.
// What is left is for flushes, manifests, the log and the system's tablets, which free memory and
// log again.
//
// Owned by the EngineCore. Whoever may block on the disk looks now and then; those who must not
// only read the outcome. Nothing is kept over a crash: the first look tells. Thread-safe.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <set>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/store/blob_store.h"
#include "common/time/clock.h"

namespace stele::storage {

struct DiskStats {
  uint64_t free_bytes = 0, reserve_bytes = 0;
  bool full = false;
  uint64_t refused = 0;  // writes
};

// The reserve of a file system of so many bytes where none was chosen: 1 %, at least 1 GiB, but
// never above a tenth of it.
uint64_t DefaultDiskReserve(uint64_t total_bytes);

class DiskWatch {
 public:
  // reserve_bytes 0: DefaultDiskReserve.
  DiskWatch(BlobStore* store, Clock* clock, uint64_t reserve_bytes);

  // Asks the store, unless `at_once` at most every tenth of a second. True when the disk was full
  // and is not any more: what was put off may go on.
  bool Look(bool at_once = false) EXCLUDES(mu_);
  // Another reserve, from the next look on; 0: DefaultDiskReserve.
  void SetReserve(uint64_t reserve_bytes) { chosen_reserve_bytes_ = reserve_bytes; }
  // A flush met a full disk (+1), or is over it (-1): until then the disk counts as full, whatever
  // the store says of its free bytes (quotas).
  void CountStuckFlushes(int change) EXCLUDES(mu_);

  bool full() const { return full_.load(std::memory_order_relaxed); }
  // ResourceExhausted with a retry delay while it is full, or when less is free than flushes, the
  // growing log, or a recovery may need at once.
  Status AdmitWrite(uint64_t needed_bytes);
  // What a merge may take yet, at most: it writes more between two looks than the reserve has, so
  // what it has not written is not for others, until the first look after it is over. Ends before
  // the watch.
  class Room {
   public:
    ~Room();
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;
    void Wrote(uint64_t bytes) { written_ = bytes; }  // of all; counts from the next look on

   private:
    friend DiskWatch;
    Room(DiskWatch* watch, uint64_t bytes) : watch_(watch), bytes_(bytes) {}
    uint64_t left() const { return bytes_ - std::min<uint64_t>(bytes_, written_); }
    DiskWatch* const watch_;
    const uint64_t bytes_;
    std::atomic<uint64_t> written_{0};
  };
  // The same as AdmitWrite for `bytes` more that would touch the reserve: whether there is room,
  // and the room.
  Status AdmitMerge(uint64_t bytes) const;
  StatusOr<std::unique_ptr<Room>> TakeRoom(uint64_t bytes) EXCLUDES(mu_);
  DiskStats stats() const;

 private:
  void Judge() REQUIRES(mu_);
  // Free at the last look, without what merges may take.
  uint64_t ForOthers() const;

  BlobStore* const store_;
  Clock* const clock_;
  std::atomic<uint64_t> chosen_reserve_bytes_;
  std::atomic<uint64_t> free_bytes_, reserve_bytes_, refused_{0};
  std::atomic<bool> full_{false};
  std::atomic<uint64_t> promised_bytes_{0};
  Mutex mu_;
  std::set<const Room*> rooms_ GUARDED_BY(mu_);
  int64_t looked_ns_ GUARDED_BY(mu_) = INT64_MIN;
  int stuck_flushes_ GUARDED_BY(mu_) = 0;
  bool low_ GUARDED_BY(mu_) = false;
  bool told_full_ GUARDED_BY(mu_) = false;
  int64_t told_ns_ GUARDED_BY(mu_) = INT64_MIN;
};

}  // namespace stele::storage
