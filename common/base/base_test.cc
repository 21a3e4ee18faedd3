// Goal: statuses keep code and payload when context is added, the macros pass errors on once, CHECK
// aborts with its text; a thread gives way alone.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <thread>

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/base/thread_priority.h"

namespace stele {
namespace {

Status Fail(int* calls) {
  ++*calls;
  return CorruptError("bad block");
}
Status PassOn(int* calls) {
  RETURN_IF_ERROR(Fail(calls));
  return OkStatus();
}
StatusOr<int> Half(int x) {
  if (x % 2 != 0) return absl::InvalidArgumentError("odd");
  return x / 2;
}
StatusOr<int> Quarter(int x) {
  ASSIGN_OR_RETURN(int half, Half(x));
  ASSIGN_OR_RETURN(half, Half(half));
  return half;
}

TEST(StatusTest, ReturnIfErrorEvaluatesOnce) {
  int calls = 0;
  EXPECT_TRUE(IsCorrupt(PassOn(&calls)));
  EXPECT_EQ(calls, 1);
}

TEST(StatusTest, AssignOrReturn) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(Quarter(6).status().message(), "odd");
}

TEST(StatusTest, ContextKeepsCodeAndPayload) {
  Status s = FencedError("epoch 4");
  s.SetPayload("stele/owner", absl::Cord("ts-2"));
  Status with = WithContext(s, "tablet 7");
  EXPECT_TRUE(IsFenced(with));
  EXPECT_EQ(with.message(), "tablet 7: epoch 4");
  EXPECT_EQ(*with.GetPayload("stele/owner"), "ts-2");
  EXPECT_TRUE(WithContext(OkStatus(), "x").ok());
}

TEST(CheckDeathTest, PrintsConditionAndValues) {
  EXPECT_DEATH(CHECK_EQ(1 + 1, 3) << "sum", "CHECK failed.*2 against 3.*sum");
  EXPECT_DEATH(CHECK_OK(CorruptError("torn")), "torn");
}

TEST(CondVarTest, WaitForTimesOut) {
  Mutex mu;
  CondVar cv;
  MutexLock lock(&mu);
  while (cv.WaitFor(&mu, std::chrono::milliseconds(1))) {
  }
}

TEST(ThreadPriority, AThreadGivesWayAloneAndNeverComesBack) {
  const int before = getpriority(PRIO_PROCESS, 0);
  int low = -1, after_less = -1;
  std::thread thread([&] {
    GiveWay(18);
    low = getpriority(PRIO_PROCESS, 0);
    GiveWay(5);
    after_less = getpriority(PRIO_PROCESS, 0);
  });
  thread.join();
  EXPECT_EQ(low, std::max(before, 18));
  EXPECT_EQ(after_less, low);
  EXPECT_EQ(getpriority(PRIO_PROCESS, 0), before);
  EXPECT_DEATH(GiveWay(20), "20");
}

}  // namespace
}  // namespace stele
