// Goal: counts of servers become load once, over restarts, moves and servers that were running
// before this master.
#include "master/load/load_watch.h"

#include <gtest/gtest.h>

#include "common/testing/manual_clock.h"

namespace stele::master {
namespace {

constexpr TableId kTable = 20;

wire::ReportLoadResponse Report(const std::string& server, uint64_t incarnation, Epoch epoch,
                                uint64_t reads) {
  wire::ReportLoadResponse report{server, incarnation, {}, {}};
  wire::TabletLoad& load = report.tablets.emplace_back();
  load.tablet = {7, kTable, "", ""};
  load.epoch = epoch;
  load.reads = reads;
  load.samples_taken = reads / 8;
  for (int i = 0; i < 10; ++i) load.newest.push_back({"row" + std::to_string(i), false});
  wire::TableTimes& times = report.times.emplace_back();
  times.table = kTable;
  times.reads.resize(obs::TimeClassOf(2'000'000) + 1);
  times.reads.back() = reads;
  return report;
}

double Reads(const LoadWatch& watch) {
  double reads = 0;
  for (const HeatColumn& column : watch.Heat(kTable).columns) {
    for (const HeatCell& cell : column.slices) reads += cell.reads;
  }
  return reads;
}

class LoadWatchTest : public testing::Test {
 protected:
  void Pass(int64_t ms) { clock_.Advance(ms * 1'000'000); }
  ManualClock clock_;
  std::shared_ptr<LoadWatch> watch_ = std::make_shared<LoadWatch>(&clock_);
};

TEST_F(LoadWatchTest, WhatWasCountedBeforeIsNotLoad) {
  watch_->Take(Report("ts-1", 1, 1, 1'000'000));
  EXPECT_EQ(Reads(*watch_), 0);
  Pass(1'000);
  watch_->Take(Report("ts-1", 1, 1, 1'000'500));
  EXPECT_NEAR(Reads(*watch_), 500, 1);
  Pass(20'000);
  const HistoryPicture history = watch_->History(LoadHistory::OfTable(kTable));
  ASSERT_EQ(history.steps.size(), 1u);
  EXPECT_FLOAT_EQ(history.steps[0].reads_per_s, 50);
  EXPECT_NEAR(history.steps[0].read_p50_ms, 2, 0.5);
  EXPECT_EQ(watch_->History(LoadHistory::OfServer("ts-1")).steps.size(), 1u);
  EXPECT_EQ(watch_->History(LoadHistory::OfCell()).steps.size(), 1u);
}

TEST_F(LoadWatchTest, ATabletThatMovesCountsFromItsOpening) {
  watch_->Take(Report("ts-1", 1, 1, 100));
  wire::ReportLoadResponse empty{"ts-2", 2, {}, {}};
  watch_->Take(empty);
  Pass(1'000);
  watch_->Take(Report("ts-2", 2, 2, 40));  // opened there since
  EXPECT_NEAR(Reads(*watch_), 40, 1);
  watch_->Take(Report("ts-2", 2, 3, 25));  // closed and opened again
  EXPECT_NEAR(Reads(*watch_), 65, 1);
  watch_->Take(Report("ts-2", 9, 3, 30));  // another process
  EXPECT_NEAR(Reads(*watch_), 65, 1);
  watch_->Take(Report("ts-2", 9, 3, 31));
  EXPECT_NEAR(Reads(*watch_), 66, 1);
}

TEST_F(LoadWatchTest, KnownSinceTheFirstLook) {
  Pass(3'600'000);  // as a standby
  EXPECT_EQ(watch_->Heat(kTable).since_us, clock_.WallMicros());
  Pass(1'000);
  const int64_t first_us = clock_.WallMicros();
  watch_->Look(/*client=*/nullptr, {});
  Pass(5'000);
  watch_->Look(nullptr, {});
  EXPECT_EQ(watch_->Heat(kTable).since_us, first_us);
  EXPECT_EQ(watch_->History(LoadHistory::OfCell()).since_us, first_us);
}

TEST_F(LoadWatchTest, ForeignCountsOfTimesDoNoHarm) {
  wire::ReportLoadResponse report = Report("ts-1", 1, 1, 10);
  watch_->Take(report);
  report.times[0].reads.assign(500, 7);  // of a newer version, more classes
  report.tablets[0].reads = 20;
  watch_->Take(report);
  Pass(10'000);
  EXPECT_EQ(watch_->History(LoadHistory::OfCell()).steps.size(), 1u);
}

TEST(SurveyTest, ATableThatIsBeingFilledIsSurveyedSoon) {
  const TableExtent then{1'000, 50};
  EXPECT_FALSE(IsSurveyDue(2'999, then, {100'000, 5'000}, true)) << "just now";
  EXPECT_FALSE(IsSurveyDue(3'000, then, {2'001, 101}, true));
  EXPECT_TRUE(IsSurveyDue(3'000, then, {2'002, 50}, false));
  EXPECT_TRUE(IsSurveyDue(3'000, then, {1'000, 102}, false)) << "its memory does not show it yet";
  EXPECT_TRUE(IsSurveyDue(3'000, {}, {2, 0}, false)) << "nobody answered, or it was empty";
  EXPECT_FALSE(IsSurveyDue(29'999, then, {10, 50}, true));
  EXPECT_TRUE(IsSurveyDue(30'000, then, {1'251, 50}, false));
  EXPECT_TRUE(IsSurveyDue(30'000, then, {749, 0}, false));
  EXPECT_FALSE(IsSurveyDue(30'000, then, {1'250, 100}, false));
  EXPECT_TRUE(IsSurveyDue(30'000, then, then, true));
  EXPECT_FALSE(IsSurveyDue(3'600'000, then, then, false));
}

}  // namespace
}  // namespace stele::master
