// MaintenanceScheduler: the one scheduler of flushes and compactions of an engine. It asks its
// source what could be done now and does the most urgent thing: a level-triggered loop, so a lost
// wake-up or a failed job costs a delay, never the work. At most one job of a tablet and kind runs
// at a time. A failed job is kept back for a while that doubles up to a limit.
//
// `threads` workers merge, and one more than that flush: a long merge must not hold up the flush
// that frees memory or the log's tail. All of them let others in at once (GiveWay). Those that
// merge also count for less: a merge runs for seconds, and nobody waits for it. Those that flush
// count as much as any, for writers wait for memory. With threads 0 nothing runs by itself: RunOne
// on the caller's thread, in an order that depends on nothing but the candidates. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/time/clock.h"
#include "schema/model/model.h"

namespace stele::storage {

// Ascending urgency.
enum class MaintenancePriority : uint8_t {
  kMajor = 0,
  kMerge = 1,
  kMemoryPressure = 2,
  kFlushSize = 3,
  kFlushLogTail = 4,
};

struct MaintenanceTask {
  enum class Kind : uint8_t { kFlush, kCompact };
  TabletId tablet = 0;
  Kind kind = Kind::kFlush;
  MaintenancePriority priority = MaintenancePriority::kMajor;
  uint64_t weight = 0;  // more first, among equal priorities; then the smaller tablet id
  std::function<Status()> run;
};

class MaintenanceScheduler {
 public:
  static constexpr int kNicenessOfMerges = 15;

  using Source = std::function<std::vector<MaintenanceTask>()>;

  // `source` is called often, from any thread, without a lock of the scheduler held.
  MaintenanceScheduler(Clock* clock, uint32_t threads, Source source);
  ~MaintenanceScheduler();
  MaintenanceScheduler(const MaintenanceScheduler&) = delete;
  MaintenanceScheduler& operator=(const MaintenanceScheduler&) = delete;

  // There may be something new to do. Cheap, never blocks.
  void Wake() EXCLUDES(mu_);
  // Does the most urgent thing now; false when there was nothing.
  StatusOr<bool> RunOne() EXCLUDES(mu_);
  // Starts nothing more, waits for the running jobs. Idempotent.
  void Stop() EXCLUDES(mu_);

 private:
  using Key = std::pair<TabletId, MaintenanceTask::Kind>;
  struct Penalty {
    int64_t until_ns = 0;
    int64_t length_ns = 0;
  };

  enum class Mode { kOnRequest, kFlushes, kMerges };
  void WorkerLoop(Mode mode) EXCLUDES(mu_);
  bool PickLocked(std::vector<MaintenanceTask>* tasks, Mode mode, MaintenanceTask* picked)
      REQUIRES(mu_);
  Status RunPicked(const MaintenanceTask& task) EXCLUDES(mu_);

  Clock* const clock_;
  const Source source_;
  Mutex mu_;
  CondVar changed_;
  std::set<Key> running_ GUARDED_BY(mu_);
  std::map<Key, Penalty> penalties_ GUARDED_BY(mu_);
  bool woken_ GUARDED_BY(mu_) = false;
  bool stopping_ GUARDED_BY(mu_) = false;
  std::vector<std::thread> workers_;
};

}  // namespace stele::storage
