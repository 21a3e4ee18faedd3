// Everything is done once, on no more threads than allowed and at once on so many; an end is an
// end.
#include "common/pool/in_parallel.h"

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "gtest/gtest.h"

namespace stele {
namespace {

TEST(InParallelTest, EachIsDoneOnce) {
  std::vector<std::atomic<int>> done(1'000);
  InParallel(4, done.size(), [&](size_t i) {
    ++done[i];
    return true;
  });
  for (size_t i = 0; i < done.size(); ++i) EXPECT_EQ(done[i], 1) << i;
}

TEST(InParallelTest, SoManyAreUnderWayAtOnce) {
  Mutex mu;
  CondVar met;
  size_t here = 0;
  std::set<std::thread::id> threads;
  // Each waits until three are there: fewer threads would wait for ever.
  InParallel(3, 3, [&](size_t) {
    MutexLock lock(&mu);
    threads.insert(std::this_thread::get_id());
    ++here;
    met.SignalAll();
    while (here < 3) met.Wait(&mu);
    return true;
  });
  EXPECT_EQ(threads.size(), 3u);
}

TEST(InParallelTest, OneThreadIsTheCallersAndKeepsTheOrder) {
  std::vector<size_t> order;
  const std::thread::id caller = std::this_thread::get_id();
  InParallel(1, 5, [&](size_t i) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    order.push_back(i);
    return i != 3;
  });
  EXPECT_EQ(order, (std::vector<size_t>{0, 1, 2, 3}));
}

TEST(InParallelTest, NothingIsBegunAfterTheEnd) {
  std::atomic<size_t> begun{0};
  InParallel(4, 100'000, [&](size_t) {
    ++begun;
    return false;
  });
  EXPECT_GE(begun, 1u);
  EXPECT_LE(begun, 4u);
}

TEST(InParallelTest, NothingToDo) {
  InParallel(8, 0, [](size_t) -> bool {
    ADD_FAILURE();
    return false;
  });
}

}  // namespace
}  // namespace stele
