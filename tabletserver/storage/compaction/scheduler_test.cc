// Goal: the scheduler does the most urgent thing first, one job of a tablet and kind at a time,
// holds back what failed, and stops cleanly; the rate limiter spends its budget and no more.
#include "tabletserver/storage/compaction/scheduler.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>

#include "tabletserver/storage/compaction/rate_limiter.h"

namespace stele::storage {
namespace {

using Kind = MaintenanceTask::Kind;
using Priority = MaintenancePriority;

class SteppedClock : public Clock {
 public:
  int64_t BootNanos() const override { return now_ns; }
  int64_t WallMicros() const override { return now_ns / 1000; }
  std::atomic<int64_t> now_ns{1'000'000'000'000};
};

TEST(Scheduler, RunsTheMostUrgentFirst) {
  SteppedClock clock;
  std::vector<std::string> done;
  struct Job {
    const char* name;
    TabletId tablet;
    Kind kind;
    Priority priority;
    uint64_t weight;
  };
  std::vector<Job> jobs = {{"major", 1, Kind::kCompact, Priority::kMajor, 99},
                           {"merge", 2, Kind::kCompact, Priority::kMerge, 0},
                           {"small", 3, Kind::kFlush, Priority::kFlushSize, 1},
                           {"large", 4, Kind::kFlush, Priority::kFlushSize, 5},
                           {"large2", 5, Kind::kFlush, Priority::kFlushSize, 5},
                           {"pressure", 6, Kind::kFlush, Priority::kMemoryPressure, 50},
                           {"tail", 7, Kind::kFlush, Priority::kFlushLogTail, 0}};
  MaintenanceScheduler scheduler(&clock, 0, [&] {
    std::vector<MaintenanceTask> tasks;
    for (const Job& job : jobs) {
      tasks.push_back({job.tablet, job.kind, job.priority, job.weight, [&, job] {
                         done.push_back(job.name);
                         std::erase_if(jobs, [&](const Job& j) { return j.tablet == job.tablet; });
                         return OkStatus();
                       }});
    }
    return tasks;
  });
  while (*scheduler.RunOne()) {
  }
  EXPECT_EQ(done, (std::vector<std::string>{"tail", "large", "large2", "small", "pressure", "merge",
                                            "major"}));
}

TEST(Scheduler, RunOneReportsFailureAndTriesAgain) {
  SteppedClock clock;
  int runs = 0;
  MaintenanceScheduler scheduler(&clock, 0, [&] {
    return std::vector<MaintenanceTask>{{1, Kind::kFlush, Priority::kFlushSize, 0, [&] {
                                           return ++runs == 1 ? absl::InternalError("disk")
                                                              : OkStatus();
                                         }}};
  });
  EXPECT_EQ(scheduler.RunOne().status().code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(*scheduler.RunOne());
  EXPECT_EQ(runs, 2);
  scheduler.Stop();
  EXPECT_EQ(scheduler.RunOne().status().code(), absl::StatusCode::kCancelled);
}

TEST(Scheduler, WorkersNeverRunATabletAndKindTwiceAtOnce) {
  std::atomic<int> left{200}, inside[4] = {0, 0, 0, 0};
  std::atomic<bool> overlap{false};
  Mutex mu;
  CondVar finished;
  {
    MaintenanceScheduler scheduler(SystemClock(), 3, [&] {
      std::vector<MaintenanceTask> tasks;
      if (left <= 0) return tasks;
      for (TabletId t = 0; t < 4; ++t) {
        tasks.push_back({t, Kind::kCompact, Priority::kMerge, 0, [&, t] {
                           if (inside[t].fetch_add(1) != 0) overlap = true;
                           std::this_thread::yield();
                           inside[t].fetch_sub(1);
                           if (left.fetch_sub(1) == 1) {
                             MutexLock lock(&mu);
                             finished.SignalAll();
                           }
                           return OkStatus();
                         }});
      }
      return tasks;
    });
    scheduler.Wake();
    MutexLock lock(&mu);
    while (left > 0) finished.Wait(&mu);
  }
  EXPECT_FALSE(overlap);
}

TEST(Scheduler, AFailedJobIsHeldBackByTheClock) {
  SteppedClock clock;
  std::atomic<int> failures{0}, others{0};
  Mutex mu;
  CondVar progressed;
  MaintenanceScheduler scheduler(&clock, 1, [&] {
    std::vector<MaintenanceTask> tasks;
    tasks.push_back({1, Kind::kFlush, Priority::kFlushLogTail, 0, [&] {
                       MutexLock lock(&mu);
                       ++failures;
                       progressed.SignalAll();
                       return absl::InternalError("disk");
                     }});
    if (others < 50) {
      tasks.push_back({2, Kind::kFlush, Priority::kFlushSize, 0, [&] {
                         MutexLock lock(&mu);
                         ++others;
                         progressed.SignalAll();
                         return OkStatus();
                       }});
    }
    return tasks;
  });
  MutexLock lock(&mu);
  while (others < 50) progressed.Wait(&mu);
  EXPECT_EQ(failures, 1) << "the clock stood still";
  clock.now_ns += 101'000'000;
  scheduler.Wake();
  while (failures < 2) progressed.Wait(&mu);
}

TEST(Scheduler, ALongMergeDoesNotHoldUpFlushes) {
  Mutex mu;
  CondVar changed;
  bool merging = false, flushed = false;
  MaintenanceScheduler scheduler(SystemClock(), 1, [&] {
    MutexLock lock(&mu);
    std::vector<MaintenanceTask> tasks;
    if (!merging) {
      tasks.push_back({1, Kind::kCompact, Priority::kMerge, 0, [&] {
                         MutexLock inner(&mu);
                         merging = true;
                         while (!flushed) changed.Wait(&mu);
                         return OkStatus();
                       }});
    } else if (!flushed) {
      tasks.push_back({2, Kind::kFlush, Priority::kFlushLogTail, 0, [&] {
                         MutexLock inner(&mu);
                         flushed = true;
                         changed.SignalAll();
                         return OkStatus();
                       }});
    }
    return tasks;
  });
  MutexLock lock(&mu);
  while (!flushed) changed.Wait(&mu);
}

// Each kind has threads of its own, and only those that merge give way to the rest of the server.
TEST(Scheduler, MergesGiveWayAndFlushesDoNot) {
  const int usual = getpriority(PRIO_PROCESS, 0);
  Mutex mu;
  CondVar changed;
  std::vector<int> merges, flushes;  // how nice the threads were
  MaintenanceScheduler scheduler(SystemClock(), 2, [&] {
    std::vector<MaintenanceTask> tasks;
    const auto note = [&](std::vector<int>* seen) {
      MutexLock lock(&mu);
      seen->push_back(getpriority(PRIO_PROCESS, 0));
      changed.SignalAll();
      return OkStatus();
    };
    for (TabletId tablet = 1; tablet <= 4; ++tablet) {
      tasks.push_back(
          {tablet, Kind::kCompact, Priority::kMerge, 0, [&, note] { return note(&merges); }});
      tasks.push_back(
          {tablet, Kind::kFlush, Priority::kFlushSize, 0, [&, note] { return note(&flushes); }});
    }
    return tasks;
  });
  MutexLock lock(&mu);
  while (merges.size() < 100 || flushes.size() < 100) changed.Wait(&mu);
  for (const int niceness : merges) {
    ASSERT_EQ(niceness, std::max(usual, MaintenanceScheduler::kNicenessOfMerges));
  }
  for (const int niceness : flushes) ASSERT_EQ(niceness, usual);
}

TEST(RateLimiter, SpendsItsBudgetAndABurst) {
  SteppedClock clock;
  RateLimiter limiter(&clock, 1'000'000);
  EXPECT_EQ(limiter.Reserve(200'000), 0) << "a fifth of a second is free";
  EXPECT_EQ(limiter.Reserve(100'000), 100'000'000);
  clock.now_ns += 100'000'000;
  EXPECT_EQ(limiter.Reserve(50'000), 50'000'000);
  clock.now_ns += 60'000'000'000;
  EXPECT_EQ(limiter.Reserve(200'000), 0);
  EXPECT_EQ(limiter.Reserve(1), 1000) << "an idle minute saves no more than the burst";
}

TEST(RateLimiter, NoLimitNeverWaits) {
  SteppedClock clock;
  RateLimiter limiter(&clock, 0);
  EXPECT_EQ(limiter.Reserve(uint64_t{1} << 40), 0);
  EXPECT_TRUE(limiter.Acquire(uint64_t{1} << 40).ok());
}

TEST(RateLimiter, AnotherRateCountsFromNowOn) {
  SteppedClock clock;
  RateLimiter limiter(&clock, 0);
  EXPECT_EQ(limiter.Reserve(uint64_t{1} << 40), 0);
  limiter.SetRate(1'000'000);
  EXPECT_EQ(limiter.Reserve(300'000), 100'000'000) << "what was free is not owed";
  limiter.SetRate(2'000'000);
  EXPECT_EQ(limiter.Reserve(200'000), 200'000'000) << "what was promised stays promised";
  limiter.SetRate(0);
  EXPECT_EQ(limiter.Reserve(1), 0);
}

TEST(RateLimiter, StopWakesTheWaiter) {
  SteppedClock clock;
  RateLimiter limiter(&clock, 1);
  Status status;
  std::thread waiter([&] { status = limiter.Acquire(1'000'000); });
  limiter.Stop();
  waiter.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(limiter.Acquire(0).code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace stele::storage
