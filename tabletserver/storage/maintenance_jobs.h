// MaintenanceJobs: the flushes and compactions of an engine that run now, with how far each is, for
// whoever looks. Owned by the EngineCore. A job is there from its construction to its end and
// bound to one thread; Report is for any. Thread-safe; nothing here survives a crash or needs to.
#pragma once

#include <atomic>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/time/clock.h"
#include "schema/model/model.h"

namespace stele::storage {

struct RunningJob {
  TabletId tablet = 0;
  std::string kind;   // "flush", "merge", "major"
  std::string group;  // locality group; empty: all
  uint64_t files = 0;
  uint64_t input_bytes = 0, input_cells = 0;
  uint64_t done_cells = 0, output_bytes = 0;  // so far
  int64_t running_ms = 0;
};

class MaintenanceJobs {
 public:
  explicit MaintenanceJobs(Clock* clock) : clock_(clock) {}  // outlives it

  class Job {
   public:
    Job(MaintenanceJobs* jobs, RunningJob what)
        : jobs_(jobs), what_(std::move(what)), begun_ns_(jobs->clock_->BootNanos()) {
      MutexLock lock(&jobs_->mu_);
      jobs_->running_.insert(this);
    }
    ~Job() {
      MutexLock lock(&jobs_->mu_);
      jobs_->running_.erase(this);
    }
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;
    void Note(uint64_t done_cells, uint64_t output_bytes) {
      done_cells_.store(done_cells, std::memory_order_relaxed);
      output_bytes_.store(output_bytes, std::memory_order_relaxed);
    }

   private:
    friend class MaintenanceJobs;
    MaintenanceJobs* const jobs_;
    const RunningJob what_;
    const int64_t begun_ns_;
    std::atomic<uint64_t> done_cells_{0}, output_bytes_{0};
  };

  std::vector<RunningJob> Report() const EXCLUDES(mu_) {
    std::vector<RunningJob> report;
    const int64_t now_ns = clock_->BootNanos();
    MutexLock lock(&mu_);
    for (const Job* job : running_) {
      RunningJob& entry = report.emplace_back(job->what_);
      entry.done_cells = job->done_cells_.load(std::memory_order_relaxed);
      entry.output_bytes = job->output_bytes_.load(std::memory_order_relaxed);
      entry.running_ms = (now_ns - job->begun_ns_) / 1'000'000;
    }
    return report;
  }

 private:
  Clock* const clock_;
  mutable Mutex mu_;
  std::set<Job*> running_ GUARDED_BY(mu_);
};

}  // namespace stele::storage
