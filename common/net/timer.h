// TimerQueue: runs functions later, on one thread of its own. For retries, ticks and expiries at
// the edges; the functions must be short and must not block. Thread-safe.
//
// Functions due run in the order of their times. The destructor drops what is not due, waits for
// the one that runs, and must not be called from a function of the queue itself.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace stele::net {

class TimerQueue {
 public:
  using TimerId = uint64_t;  // never 0
  virtual ~TimerQueue() = default;
  static std::unique_ptr<TimerQueue> Create();
  virtual TimerId RunAfter(int64_t delay_ms, std::function<void()> fn) = 0;
  // True: it will not run. False: it ran, runs, or was cancelled before.
  virtual bool Cancel(TimerId id) = 0;
};

}  // namespace stele::net
