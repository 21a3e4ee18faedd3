// TimerQueue runs each function once, in the order of its time, unless it is cancelled.
#include "common/net/timer.h"

#include <gtest/gtest.h>

#include <vector>

#include "common/base/mutex.h"
#include "common/time/clock.h"

namespace stele::net {
namespace {

class Recorder {
 public:
  std::function<void()> Add(int n) {
    return [this, n] {
      MutexLock lock(&mu_);
      seen_.push_back(n);
      changed_.Signal();
    };
  }
  std::vector<int> WaitFor(size_t count) {
    MutexLock lock(&mu_);
    while (seen_.size() < count) changed_.Wait(&mu_);
    return seen_;
  }

 private:
  Mutex mu_;
  CondVar changed_;
  std::vector<int> seen_ GUARDED_BY(mu_);
};

TEST(TimerTest, RunsInTheOrderOfTheTimes) {
  Recorder recorder;
  auto queue = TimerQueue::Create();
  const int64_t start = SystemClock()->BootNanos();
  queue->RunAfter(60, recorder.Add(3));
  queue->RunAfter(30, recorder.Add(2));
  queue->RunAfter(-5, recorder.Add(1));
  EXPECT_EQ(recorder.WaitFor(3), (std::vector<int>{1, 2, 3}));
  EXPECT_GE(SystemClock()->BootNanos() - start, 60'000'000);
}

TEST(TimerTest, CancelledFunctionsDoNotRun) {
  Recorder recorder;
  auto queue = TimerQueue::Create();
  const TimerQueue::TimerId id = queue->RunAfter(20, recorder.Add(1));
  const TimerQueue::TimerId last = queue->RunAfter(40, recorder.Add(2));
  EXPECT_TRUE(queue->Cancel(id));
  EXPECT_FALSE(queue->Cancel(id));
  EXPECT_EQ(recorder.WaitFor(1), (std::vector<int>{2}));
  EXPECT_FALSE(queue->Cancel(last)) << "it ran";
}

TEST(TimerTest, AFunctionMayScheduleTheNext) {
  Recorder recorder;
  auto queue = TimerQueue::Create();
  queue->RunAfter(1, [&] {
    recorder.Add(1)();
    queue->RunAfter(1, recorder.Add(2));
  });
  EXPECT_EQ(recorder.WaitFor(2), (std::vector<int>{1, 2}));
}

TEST(TimerTest, DestructionDropsWhatIsNotDue) {
  auto alive = std::make_shared<int>(0);
  auto queue = TimerQueue::Create();
  queue->RunAfter(3'600'000, [alive] { FAIL(); });
  EXPECT_EQ(alive.use_count(), 2);
  queue.reset();
  EXPECT_EQ(alive.use_count(), 1);
}

}  // namespace
}  // namespace stele::net
