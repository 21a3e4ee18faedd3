// The one mutex of the project: std::mutex with clang's thread-safety annotations. (Debian's Abseil
// is built without the thread sanitizer's hooks, so correct uses of absl::Mutex would be reported
// as races.) Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

// Abseil defines some of the macros below under the same names; ours replace them whatever the
// order of inclusion.
#include "absl/base/thread_annotations.h"
#undef GUARDED_BY
#undef PT_GUARDED_BY
#undef NO_THREAD_SAFETY_ANALYSIS

#if defined(__clang__)
#define STELE_TSA(x) __attribute__((x))
#else
#define STELE_TSA(x)
#endif
#define CAPABILITY(x) STELE_TSA(capability(x))
#define SCOPED_CAPABILITY STELE_TSA(scoped_lockable)
#define GUARDED_BY(x) STELE_TSA(guarded_by(x))
#define PT_GUARDED_BY(x) STELE_TSA(pt_guarded_by(x))
#define REQUIRES(...) STELE_TSA(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) STELE_TSA(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) STELE_TSA(acquire_capability(__VA_ARGS__))
#define RELEASE(...) STELE_TSA(release_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...) STELE_TSA(try_acquire_capability(__VA_ARGS__))
#define ASSERT_CAPABILITY(x) STELE_TSA(assert_capability(x))
#define NO_THREAD_SAFETY_ANALYSIS STELE_TSA(no_thread_safety_analysis)

namespace stele {

class CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  void Lock() ACQUIRE() { mu_.lock(); }
  void Unlock() RELEASE() { mu_.unlock(); }
  bool TryLock() TRY_ACQUIRE(true) { return mu_.try_lock(); }

 private:
  friend class CondVar;
  std::mutex mu_;
};

class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex* mu) ACQUIRE(mu) : mu_(mu) { mu_->Lock(); }
  ~MutexLock() RELEASE() { mu_->Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* const mu_;
};

// Wait only in a loop that re-checks the condition: spurious wake-ups happen.
class CondVar {
 public:
  void Wait(Mutex* mu) REQUIRES(mu) {
    std::unique_lock<std::mutex> lock(mu->mu_, std::adopt_lock);
    cv_.wait(lock);
    lock.release();
  }
  // False when the time ran out without a signal.
  bool WaitFor(Mutex* mu, std::chrono::nanoseconds timeout) REQUIRES(mu) {
    std::unique_lock<std::mutex> lock(mu->mu_, std::adopt_lock);
    bool signalled = cv_.wait_for(lock, timeout) == std::cv_status::no_timeout;
    lock.release();
    return signalled;
  }
  void Signal() { cv_.notify_one(); }
  void SignalAll() { cv_.notify_all(); }

 private:
  std::condition_variable cv_;
};

}  // namespace stele
