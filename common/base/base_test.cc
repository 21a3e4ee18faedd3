// Goal: statuses keep code and payload when context is added, the macros pass errors on once, CHECK
// aborts with its text.
#include <gtest/gtest.h>

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/base/status.h"

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

}  // namespace
}  // namespace stele
