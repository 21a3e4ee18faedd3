// Goal: work runs on pool threads, what does not fit is refused, Stop finishes what is queued.
#include "common/pool/work_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>

namespace stele {
namespace {

class Gate {
 public:
  void Open() {
    MutexLock lock(&mu_);
    open_ = true;
    wake_.SignalAll();
  }
  void Wait() {
    MutexLock lock(&mu_);
    while (!open_) wake_.Wait(&mu_);
  }

 private:
  Mutex mu_;
  CondVar wake_;
  bool open_ GUARDED_BY(mu_) = false;
};

TEST(WorkPool, RefusesWhatDoesNotFitAndFinishesTheRest) {
  WorkPool pool("test", 1, 2);
  Gate begun, release;
  std::atomic<int> ran{0};
  ASSERT_TRUE(pool.Submit([&] {
                    begun.Open();
                    release.Wait();
                    ++ran;
                  })
                  .ok());
  begun.Wait();
  ASSERT_TRUE(pool.Submit([&] { ++ran; }).ok());
  ASSERT_TRUE(pool.Submit([&] { ++ran; }).ok());
  EXPECT_EQ(pool.queued(), 2u);
  EXPECT_EQ(pool.Submit([&] { ++ran; }).code(), absl::StatusCode::kResourceExhausted);
  release.Open();
  pool.Stop();
  EXPECT_EQ(ran.load(), 3);
  EXPECT_EQ(pool.Submit([&] { ++ran; }).code(), absl::StatusCode::kUnavailable);
}

TEST(WorkPool, DestroysRefusedWorkAtOnce) {
  WorkPool pool("test", 1, 0);
  auto held = std::make_shared<int>(1);
  std::weak_ptr<int> watch = held;
  EXPECT_FALSE(pool.Submit([held = std::move(held)] {}).ok());
  EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace stele
