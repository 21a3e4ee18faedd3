#include "tabletserver/storage/compaction/scheduler.h"

#include <algorithm>
#include <chrono>

#include "common/base/log.h"
#include "common/base/thread_priority.h"

namespace stele::storage {
namespace {
constexpr int64_t kFirstPenaltyNs = 100'000'000;
constexpr int64_t kLongestPenaltyNs = 5'000'000'000;
constexpr std::chrono::milliseconds kIdleLook(500);  // a worker looks for work at least so often
}  // namespace

MaintenanceScheduler::MaintenanceScheduler(Clock* clock, uint32_t threads, Source source)
    : clock_(clock), source_(std::move(source)) {
  const auto start = [this](Mode mode, int niceness) {
    workers_.emplace_back([this, mode, niceness] {
      GiveWay(niceness);
      WorkerLoop(mode);
    });
  };
  for (uint32_t i = 0; i < threads; ++i) start(Mode::kMerges, kNicenessOfMerges);
  for (uint32_t i = 0; threads > 0 && i < threads + 1; ++i) start(Mode::kFlushes, 0);
}

MaintenanceScheduler::~MaintenanceScheduler() { Stop(); }

void MaintenanceScheduler::Wake() {
  MutexLock lock(&mu_);
  woken_ = true;
  changed_.SignalAll();
}

void MaintenanceScheduler::Stop() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    changed_.SignalAll();
  }
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
  MutexLock lock(&mu_);
  while (!running_.empty()) changed_.Wait(&mu_);  // a RunOne of another thread
}

bool MaintenanceScheduler::PickLocked(std::vector<MaintenanceTask>* tasks, Mode mode,
                                      MaintenanceTask* picked) {
  const int64_t now = clock_->BootNanos();
  const auto before = [](const MaintenanceTask& a, const MaintenanceTask& b) {
    if (a.priority != b.priority) return a.priority > b.priority;
    if (a.weight != b.weight) return a.weight > b.weight;
    return a.tablet < b.tablet;
  };
  MaintenanceTask* best = nullptr;
  for (MaintenanceTask& task : *tasks) {
    const Key key(task.tablet, task.kind);
    if (running_.contains(key)) continue;
    const bool flush = task.kind == MaintenanceTask::Kind::kFlush;
    if (mode == (flush ? Mode::kMerges : Mode::kFlushes)) continue;
    auto penalty = penalties_.find(key);
    if (mode != Mode::kOnRequest && penalty != penalties_.end() && now < penalty->second.until_ns)
      continue;
    if (best == nullptr || before(task, *best)) best = &task;
  }
  if (best == nullptr) return false;
  *picked = std::move(*best);
  running_.emplace(picked->tablet, picked->kind);
  return true;
}

Status MaintenanceScheduler::RunPicked(const MaintenanceTask& task) {
  Status status = task.run();
  const Key key(task.tablet, task.kind);
  MutexLock lock(&mu_);
  running_.erase(key);
  if (status.ok()) {
    penalties_.erase(key);
  } else {
    Penalty& penalty = penalties_[key];
    penalty.length_ns = std::clamp(penalty.length_ns * 2, kFirstPenaltyNs, kLongestPenaltyNs);
    penalty.until_ns = clock_->BootNanos() + penalty.length_ns;
  }
  changed_.SignalAll();
  return status;
}

StatusOr<bool> MaintenanceScheduler::RunOne() {
  std::vector<MaintenanceTask> tasks = source_();
  MaintenanceTask picked;
  {
    MutexLock lock(&mu_);
    if (stopping_) return absl::CancelledError("maintenance is stopping");
    if (!PickLocked(&tasks, Mode::kOnRequest, &picked)) return false;
  }
  RETURN_IF_ERROR(RunPicked(picked));
  return true;
}

void MaintenanceScheduler::WorkerLoop(Mode mode) {
  while (true) {
    {
      MutexLock lock(&mu_);
      if (stopping_) return;
      woken_ = false;
    }
    std::vector<MaintenanceTask> tasks = source_();
    MaintenanceTask picked;
    bool found = false;
    {
      MutexLock lock(&mu_);
      if (stopping_) return;
      found = PickLocked(&tasks, mode, &picked);
      if (!found) {
        if (!woken_) changed_.WaitFor(&mu_, kIdleLook);
        continue;
      }
    }
    if (Status status = RunPicked(picked); !status.ok()) {
      LOG(WARNING) << "maintenance of tablet " << picked.tablet << " failed: " << status.ToString();
    }
  }
}

}  // namespace stele::storage
