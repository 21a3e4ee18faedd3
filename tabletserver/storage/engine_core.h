// EngineCore: what all tablets of an engine share: options, environment, log, caches, memory, names
// and counters. Owned by the engine and by every open tablet (shared), so that a reader that still
// pins a tablet never outlives the caches below it. The log is set once, before the first tablet
// opens, and stopped by the engine. Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "tabletserver/storage/compaction/rate_limiter.h"
#include "tabletserver/storage/compaction/table_output.h"
#include "tabletserver/storage/disk_watch.h"
#include "tabletserver/storage/engine.h"
#include "tabletserver/storage/maintenance_jobs.h"
#include "tabletserver/storage/table_names.h"
#include "tabletserver/storage/write_throttle.h"

namespace stele::storage {

struct EngineCounters {
  std::atomic<uint64_t> flushes{0}, merges{0}, majors{0}, compaction_bytes_written{0};
  std::atomic<uint64_t> files_deleted{0};
  std::atomic<uint64_t> sorted_log_bytes{0}, sorted_log_ms{0};
};

// What the log asked to be flushed so that it can go on. It knows best: it may be stuck long before
// it is half full, by a large record or a disk without room to grow. Thread-safe.
class LogWants {
 public:
  void Ask(const std::vector<TabletId>& tablets, Lsn next_lsn) EXCLUDES(mu_) {
    MutexLock lock(&mu_);
    below_.clear();
    for (TabletId tablet : tablets) below_[tablet] = next_lsn;
  }
  // The tablet's records before this LSN are wanted in files; 0: none.
  Lsn Below(TabletId tablet) const EXCLUDES(mu_) {
    MutexLock lock(&mu_);
    auto found = below_.find(tablet);
    return found == below_.end() ? 0 : found->second;
  }

 private:
  mutable Mutex mu_;
  std::map<TabletId, Lsn> below_ GUARDED_BY(mu_);
};

class EngineCore {
 public:
  EngineCore(const EngineOptions& options, const EngineEnv& env, uint64_t log_epoch);

  // Not OK: this server may not answer or publish any more; the engine stops (on_fatal).
  Status CheckLease();
  // Reports the first fatal error to env.on_fatal; later ones are dropped. From then on nothing is
  // acknowledged or published.
  void Fatal(const Status& status);
  // Not OK after a fatal error.
  Status CheckUsable() const;
  // For the outcome of a step that changed the store: one that broke the store, or of unknown
  // outcome, is fatal. Returns the status.
  Status Judge(const Status& status);

  // The wall clock for GC rules (gc_policy.h): does not go back, so that what was hidden or dropped
  // for its age stays so. Only a step back of more than a day is followed.
  int64_t NowMicros();
  // A time that was judged by before this engine was opened.
  void RaiseNow(int64_t stored_us);

  // How close memory and log are to their limits: 0 .. 1 and above (WriteThrottle).
  double WritePressure();
  // From this many bytes of memtables on, the largest are flushed although they are small.
  int64_t memtable_pressure_bytes() const { return memtable_budget_ / 2; }

  // Files in the making are named here, so that file GC leaves them alone. A name stays when its
  // publication failed with an unknown outcome.
  class Making {
   public:
    explicit Making(EngineCore* core) : core_(core) {}
    ~Making();
    Making(const Making&) = delete;
    Making& operator=(const Making&) = delete;
    TableFileName NewName(const TabletDescriptor& tablet, Epoch epoch);
    void Keep() { names_.clear(); }

   private:
    EngineCore* const core_;
    std::vector<std::string> names_;
  };
  std::set<std::string> files_in_making() const EXCLUDES(mu_);

  // For the outputs of a job on `tablet`. `making` must outlive it.
  TableOutputEnv OutputEnv(const TabletDescriptor& tablet, Epoch epoch, Slice fault_prefix,
                           Making* making);
  StatusOr<std::shared_ptr<SSTable>> OpenTable(const std::string& blob,
                                               const LocalityGroupSchema* group);

  const EngineOptions options;
  const EngineEnv env;

 private:
  const int64_t memtable_budget_;

 public:
  MemoryTracker memory;
  MemoryTracker memtable_memory, index_memory, block_memory, filter_memory, request_memory;
  MemoryTracker load_memory;
  BlockCache block_cache, filter_cache;
  RateLimiter limiter;
  WriteThrottle throttle;
  DiskWatch disk;
  LogWants log_wants;
  EngineCounters counters;
  MaintenanceJobs jobs;
  std::unique_ptr<CommitLog> log;
  std::function<void()> wake_maintenance;  // set once, before the log starts
  std::atomic<bool> stopping{false};       // long jobs give up

 private:
  TableNames names_;
  std::atomic<bool> fatal_{false};
  std::atomic<int64_t> latest_now_us_{0};
  std::atomic<uint32_t> pressure_calls_{0};
  std::atomic<double> ring_fill_{0};
  mutable Mutex mu_;
  std::set<std::string> in_making_ GUARDED_BY(mu_);
};

}  // namespace stele::storage
