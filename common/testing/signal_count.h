// SignalCount: callbacks that a test counts and waits for. Thread-safe.
#pragma once

#include <chrono>

#include "common/base/mutex.h"

namespace stele {

class SignalCount {
 public:
  void Set() {
    MutexLock lock(&mu_);
    ++count_;
    wake_.SignalAll();
  }
  // False when there are fewer than `count` after a minute.
  bool Wait(int count) {
    MutexLock lock(&mu_);
    while (count_ < count) {
      if (!wake_.WaitFor(&mu_, std::chrono::seconds(60)) && count_ < count) return false;
    }
    return true;
  }
  int count() {
    MutexLock lock(&mu_);
    return count_;
  }

 private:
  Mutex mu_;
  CondVar wake_;
  int count_ GUARDED_BY(mu_) = 0;
};

}  // namespace stele
