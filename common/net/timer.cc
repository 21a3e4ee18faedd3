#include "common/net/timer.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>
#include <unordered_map>
#include <utility>

#include "common/base/check.h"
#include "common/base/mutex.h"
#include "common/time/clock.h"

namespace stele::net {
namespace {

class TimerThread : public TimerQueue {
 public:
  TimerThread() : thread_([this] { Run(); }) {}

  ~TimerThread() override {
    CHECK(thread_.get_id() != std::this_thread::get_id());
    {
      MutexLock lock(&mu_);
      stopping_ = true;
      changed_.Signal();
    }
    thread_.join();
  }

  TimerId RunAfter(int64_t delay_ms, std::function<void()> fn) override {
    const int64_t due_ns = SystemClock()->BootNanos() + std::max<int64_t>(delay_ms, 0) * 1'000'000;
    MutexLock lock(&mu_);
    const TimerId id = ++last_id_;
    const bool earliest = queue_.empty() || due_ns < queue_.begin()->first.first;
    queue_.emplace(std::make_pair(due_ns, id), std::move(fn));
    due_.emplace(id, due_ns);
    if (earliest) changed_.Signal();
    return id;
  }

  bool Cancel(TimerId id) override {
    std::function<void()> dropped;  // its captures are destroyed outside the lock
    MutexLock lock(&mu_);
    auto found = due_.find(id);
    if (found == due_.end()) return false;
    auto entry = queue_.find({found->second, id});
    dropped = std::move(entry->second);
    queue_.erase(entry);
    due_.erase(found);
    return true;
  }

 private:
  void Run() {
    while (std::function<void()> fn = NextDue()) fn();
  }

  // Waits for the first function that is due; empty when the queue stops.
  std::function<void()> NextDue() {
    MutexLock lock(&mu_);
    while (!stopping_) {
      if (queue_.empty()) {
        changed_.Wait(&mu_);
        continue;
      }
      auto first = queue_.begin();
      const int64_t wait_ns = first->first.first - SystemClock()->BootNanos();
      if (wait_ns > 0) {
        changed_.WaitFor(&mu_, std::chrono::nanoseconds(wait_ns));
        continue;
      }
      std::function<void()> fn = std::move(first->second);
      due_.erase(first->first.second);
      queue_.erase(first);
      return fn;
    }
    return nullptr;
  }

  Mutex mu_;
  CondVar changed_;
  std::map<std::pair<int64_t, TimerId>, std::function<void()>> queue_ GUARDED_BY(mu_);
  std::unordered_map<TimerId, int64_t> due_ GUARDED_BY(mu_);
  TimerId last_id_ GUARDED_BY(mu_) = 0;
  bool stopping_ GUARDED_BY(mu_) = false;
  std::thread thread_;  // last: starts when the rest is there
};

}  // namespace

std::unique_ptr<TimerQueue> TimerQueue::Create() { return std::make_unique<TimerThread>(); }

}  // namespace stele::net
