// Goal: the machine's clocks go forward and carry the units that they promise.
#include "common/time/clock.h"

#include <gtest/gtest.h>

namespace stele {
namespace {

TEST(SystemClockTest, BootClockNeverGoesBack) {
  int64_t last = SystemClock()->BootNanos();
  EXPECT_GT(last, 0);
  for (int i = 0; i < 10000; ++i) {
    const int64_t now = SystemClock()->BootNanos();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(SystemClockTest, WallClockCountsMicrosSince1970) {
  constexpr int64_t kYear2020 = 1'577'836'800'000'000;
  constexpr int64_t kYear2200 = 7'258'118'400'000'000;
  EXPECT_GT(SystemClock()->WallMicros(), kYear2020);
  EXPECT_LT(SystemClock()->WallMicros(), kYear2200);
}

TEST(SystemClockTest, AllClocksRunAtOneRate) {
  // All three read within one loop: none may run in other units than the rest.
  const int64_t boot = SystemClock()->BootNanos();
  const int64_t mono = MonotonicNanos();
  constexpr int64_t kSpinNanos = 5'000'000;
  while (SystemClock()->BootNanos() - boot < kSpinNanos) {
  }
  const int64_t elapsed = MonotonicNanos() - mono;
  EXPECT_GE(elapsed, kSpinNanos / 2);
  EXPECT_LT(elapsed, kSpinNanos * 1000);
}

}  // namespace
}  // namespace stele
