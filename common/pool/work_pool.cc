#include "common/pool/work_pool.h"

#include <utility>

#include "common/base/check.h"

namespace stele {

WorkPool::WorkPool(std::string name, uint32_t threads, size_t max_queued)
    : name_(std::move(name)), max_queued_(max_queued) {
  CHECK(threads >= 1 && threads <= 256) << name_;
  for (uint32_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

WorkPool::~WorkPool() { Stop(); }

Status WorkPool::Submit(std::function<void()> work) {
  MutexLock lock(&mu_);
  if (stopping_) return absl::UnavailableError(absl::StrCat(name_, " pool is stopping"));
  if (queue_.size() >= max_queued_) {
    return absl::ResourceExhaustedError(absl::StrCat(name_, " pool has ", max_queued_, " queued"));
  }
  queue_.push_back(std::move(work));
  wake_.Signal();
  return OkStatus();
}

void WorkPool::Stop() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    wake_.SignalAll();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

size_t WorkPool::queued() const {
  MutexLock lock(&mu_);
  return queue_.size();
}

void WorkPool::Run() {
  mu_.Lock();
  while (true) {
    while (queue_.empty() && !stopping_) wake_.Wait(&mu_);
    if (queue_.empty()) break;
    std::function<void()> work = std::move(queue_.front());
    queue_.pop_front();
    mu_.Unlock();
    work();
    work = nullptr;
    mu_.Lock();
  }
  mu_.Unlock();
}

}  // namespace stele
