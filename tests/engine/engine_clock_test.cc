// Goal: a cell that was hidden or dropped for its age stays so when the clock goes back, also over
// a restart, within the bound that gc_policy.h names; the repair of a wrong clock is followed.
#include <gtest/gtest.h>

#include "common/base/log.h"
#include "common/testing/status_asserts.h"
#include "tests/engine/engine_harness.h"

namespace stele::storage {
namespace {

constexpr int64_t kMinuteUs = int64_t{60} * 1'000'000;
constexpr int64_t kHourUs = 60 * kMinuteUs;  // family c forgets after an hour

class EngineClock : public ::testing::Test {
 protected:
  EngineClock() {
    SetMinLogLevel(LogLevel::kOff);
    EXPECT_OK(h_.Open());
    start_us_ = h_.clock().WallMicros() / 1000 * 1000;
    EXPECT_OK(h_.Write(Put("r", "c", "q", start_us_, "old")));
    EXPECT_EQ(Seen(), "old");
  }
  ~EngineClock() override { SetMinLogLevel(LogLevel::kInfo); }
  void SetWall(int64_t us_after_start) { h_.clock().SetWallMicros(start_us_ + us_after_start); }
  void RestartAt(int64_t us_after_start) {
    h_.PowerCut(0);
    SetWall(us_after_start);
    ASSERT_OK(h_.Open());
  }
  std::string Seen() { return h_.Get("r", "c", "q"); }

  EngineHarness h_;
  int64_t start_us_ = 0;
};

TEST_F(EngineClock, GoingBackWhileItRunsBringsNothingBack) {
  SetWall(kHourUs + kMinuteUs);
  EXPECT_EQ(Seen(), "<none>");
  SetWall(0);
  EXPECT_EQ(Seen(), "<none>");
}

TEST_F(EngineClock, WhatAFlushSawHiddenStaysHiddenOverARestart) {
  SetWall(kHourUs + kMinuteUs);
  EXPECT_EQ(Seen(), "<none>");
  ASSERT_OK(h_.tablet()->Flush());
  ASSERT_NO_FATAL_FAILURE(RestartAt(0));
  EXPECT_EQ(Seen(), "<none>");
  ASSERT_NO_FATAL_FAILURE(RestartAt(kMinuteUs)) << "opening stores it again";
  EXPECT_EQ(Seen(), "<none>");
}

TEST_F(EngineClock, WithoutAFlushItIsStoredNowAndThen) {
  SetWall(kHourUs + kMinuteUs);
  EXPECT_EQ(Seen(), "<none>");
  ASSERT_OK_AND_ASSIGN(bool did, h_.engine()->RunMaintenance());
  EXPECT_TRUE(did) << "the last time is more than ten minutes old";
  ASSERT_OK_AND_ASSIGN(did, h_.engine()->RunMaintenance());
  EXPECT_FALSE(did);
  ASSERT_NO_FATAL_FAILURE(RestartAt(0));
  EXPECT_EQ(Seen(), "<none>");
}

TEST_F(EngineClock, TheRepairOfAWrongClockIsFollowed) {
  SetWall(int64_t{365} * 24 * kHourUs);
  EXPECT_EQ(Seen(), "<none>");
  ASSERT_OK(h_.tablet()->Flush());
  SetWall(kMinuteUs);
  EXPECT_EQ(Seen(), "old") << "no compaction has dropped it";
  ASSERT_OK(h_.Write(Put("new", "c", "q", start_us_, "v")));
  EXPECT_EQ(h_.Get("new", "c", "q"), "v") << "or all that is written would be too old for a year";
  SetWall(int64_t{365} * 24 * kHourUs);
  ASSERT_OK(h_.tablet()->Flush());
  ASSERT_NO_FATAL_FAILURE(RestartAt(kMinuteUs));
  EXPECT_EQ(h_.Get("new", "c", "q"), "v");
}

}  // namespace
}  // namespace stele::storage
