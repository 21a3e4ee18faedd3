// WorkPool: a few threads and one bounded queue, for work that may block and so must leave an io
// thread. What does not fit is refused at once; Stop refuses new work, finishes what is queued and
// joins. Thread-safe; Stop not from a pool thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/status.h"

namespace stele {

class WorkPool {
 public:
  // threads 1 .. 256; max_queued: of work not yet begun.
  WorkPool(std::string name, uint32_t threads, size_t max_queued);
  ~WorkPool();  // Stop()
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  // ResourceExhausted when the queue is full, Unavailable after Stop; then `work` was destroyed
  // without running.
  Status Submit(std::function<void()> work);
  void Stop();
  size_t queued() const;

 private:
  void Run();

  const std::string name_;
  const size_t max_queued_;
  std::vector<std::thread> threads_;

  mutable Mutex mu_;
  CondVar wake_;
  bool stopping_ GUARDED_BY(mu_) = false;
  std::deque<std::function<void()>> queue_ GUARDED_BY(mu_);
};

}  // namespace stele
