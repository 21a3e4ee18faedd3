// Goal: a tablet is hot when, and as long as, its server counts more requests than the limit from
// report to report; one that was opened anew or is cool again is not, and what was tried is kept.
#include "master/heat.h"

#include <gtest/gtest.h>

namespace stele::master {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr TabletId kTablet = 20;

class HeatTest : public ::testing::Test {
 protected:
  // The server reports so many requests in all, so many seconds after the last report.
  void Report(uint64_t requests, double seconds = 1) {
    server_.reported_boot_ns += static_cast<int64_t>(seconds * kSecond);
    report_.counters.reads = requests / 3;
    report_.counters.writes = requests - requests / 3;
    heat_.Look(view_);
  }
  void SetUp() override {
    report_.tablet.id = kTablet;
    report_.epoch = 3;
    view_.server = &server_;
    view_.report = &report_;
    Report(1000);
  }

  Heat heat_{100};
  LiveServer server_;
  wire::TabletReport report_;
  TabletView view_;
};

TEST_F(HeatTest, IsHotAsLongAsItGetsManyRequests) {
  EXPECT_EQ(heat_.HotForNs(kTablet), -1) << "one report tells nothing";
  Report(1099);
  EXPECT_EQ(heat_.PerSecond(kTablet), 99u);
  EXPECT_EQ(heat_.HotForNs(kTablet), -1);
  Report(1299, 2);
  EXPECT_EQ(heat_.PerSecond(kTablet), 100u);
  EXPECT_EQ(heat_.HotForNs(kTablet), 2 * kSecond);
  Report(2299);
  EXPECT_EQ(heat_.HotForNs(kTablet), 3 * kSecond);
  Report(2300);
  EXPECT_EQ(heat_.HotForNs(kTablet), -1);
}

TEST_F(HeatTest, ReportsThatComeAtOnceAreOne) {
  Report(1050, 0.01);
  EXPECT_EQ(heat_.PerSecond(kTablet), 0u);
  Report(1200, 0.99);
  EXPECT_EQ(heat_.PerSecond(kTablet), 200u);
}

TEST_F(HeatTest, ATabletThatWasOpenedAnewBeginsAnew) {
  Report(5000);
  ASSERT_GE(heat_.HotForNs(kTablet), 0);
  heat_.NoteOrder(kTablet);
  EXPECT_TRUE(heat_.Ordered(kTablet));
  Report(10);  // it was split: the server counts from 0
  EXPECT_EQ(heat_.HotForNs(kTablet), -1);
  EXPECT_FALSE(heat_.Ordered(kTablet));
  Report(5000);
  ASSERT_GE(heat_.HotForNs(kTablet), 0);
  report_.epoch = 4;
  Report(10'000);
  EXPECT_EQ(heat_.HotForNs(kTablet), -1);
}

TEST_F(HeatTest, WhatWasTriedIsKeptUntilItIsCool) {
  Report(5000);
  heat_.NoteOrder(kTablet);
  EXPECT_FALSE(heat_.MayTry(kTablet, 0)) << "it is under way";
  heat_.NoteFailure(kTablet, "one hot row", 100);
  EXPECT_EQ(heat_.Why(kTablet), "one hot row");
  EXPECT_FALSE(heat_.MayTry(kTablet, 99));
  EXPECT_TRUE(heat_.MayTry(kTablet, 100));
  Report(10'000);
  EXPECT_EQ(heat_.Why(kTablet), "one hot row");
  Report(10'001);
  EXPECT_EQ(heat_.Why(kTablet), "");
  EXPECT_TRUE(heat_.MayTry(kTablet, 0));
}

TEST_F(HeatTest, TabletsThatAreGoneAreForgotten) {
  Report(5000);
  heat_.EndRound();
  EXPECT_GT(heat_.PerSecond(kTablet), 0u);
  heat_.EndRound();
  EXPECT_EQ(heat_.PerSecond(kTablet), 0u);
}

}  // namespace
}  // namespace stele::master
