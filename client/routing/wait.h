// Waiter: turns one asynchronous answer into a blocking call that ends by its deadline. Share it
// with the callback, so that an answer after the deadline finds a place. Thread-safe; Wait from one
// thread.
#pragma once

#include <chrono>
#include <optional>
#include <utility>

#include "client/routing/core.h"

namespace stele::routing {

template <typename T>
class Waiter {
 public:
  void Set(T value) {
    MutexLock lock(&mu_);
    value_ = std::move(value);
    set_.SignalAll();
  }
  // Empty when nothing came until kGraceMs after the deadline.
  std::optional<T> Wait(Core* core, int64_t deadline_ns) {
    MutexLock lock(&mu_);
    while (!value_.has_value()) {
      const int64_t left_ms = core->LeftMs(deadline_ns + kGraceMs * 1'000'000);
      if (left_ms == 0) break;
      set_.WaitFor(&mu_, std::chrono::milliseconds(left_ms));
    }
    return std::exchange(value_, std::nullopt);
  }

 private:
  // Operations answer by their deadline plus what the network layer takes to notice.
  static constexpr int64_t kGraceMs = 500;
  Mutex mu_;
  CondVar set_;
  std::optional<T> value_ GUARDED_BY(mu_);
};

}  // namespace stele::routing
