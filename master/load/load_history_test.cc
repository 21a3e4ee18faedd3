// Goal: steps of throughput and latency are right, an hour long, and bounded in number.
#include "master/load/load_history.h"

#include <gtest/gtest.h>

namespace stele::master {
namespace {

obs::TimeCounts Times(int64_t nanos, uint64_t count) {
  obs::TimeCounts times{};
  times[obs::TimeClassOf(nanos)] = count;
  return times;
}

TEST(LoadHistoryTest, AStepIsKeptWhenItIsOver) {
  LoadHistory history;
  const std::string cell = LoadHistory::OfCell();
  for (int64_t now = 20'000; now < 30'000; now += 1'000) {
    history.AddCounts(now, cell, 500, 100);
    history.AddTimes(now, cell, Times(1'000'000, 99), Times(9'000'000, 10));
    history.AddTimes(now, cell, Times(50'000'000, 1), {});
  }
  EXPECT_TRUE(history.Steps(29'999, cell).empty());
  const auto steps = history.Steps(30'000, cell);
  ASSERT_EQ(steps.size(), 1u);
  EXPECT_EQ(steps[0].begin_ms, 20'000);
  EXPECT_FLOAT_EQ(steps[0].reads_per_s, 500);
  EXPECT_FLOAT_EQ(steps[0].writes_per_s, 100);
  EXPECT_NEAR(steps[0].read_p50_ms, 1, 0.25);
  EXPECT_NEAR(steps[0].read_p99_ms, 1, 0.25);
  EXPECT_NEAR(steps[0].write_p99_ms, 9, 2.25);
  EXPECT_TRUE(history.Steps(30'000, LoadHistory::OfServer("ts-1")).empty());
}

TEST(LoadHistoryTest, KeepsAnHourAndLeavesIdleTimesOut) {
  LoadHistory history;
  const std::string table = LoadHistory::OfTable(20);
  for (int64_t now = 0; now < 7'200'000; now += 2'000) {
    if (now < 5'000'000 || now > 6'000'000) history.AddCounts(now, table, 2, 0);
  }
  const auto steps = history.Steps(7'200'000, table);
  EXPECT_NEAR(static_cast<double>(steps.size()), 260, 2);
  EXPECT_GE(steps.front().begin_ms, 3'600'000);
  EXPECT_EQ(steps.back().begin_ms, 7'190'000);
  EXPECT_TRUE(history.Steps(20'000'000, table).empty());
}

TEST(LoadHistoryTest, TheSeriesThatIsIdleLongestMakesRoom) {
  LoadHistory history;
  for (TableId table = 0; table <= LoadHistory::kMaxSeries; ++table) {
    history.AddCounts(static_cast<int64_t>(table) * 10'000, LoadHistory::OfTable(table), 1, 1);
  }
  const int64_t now = static_cast<int64_t>(LoadHistory::kMaxSeries + 1) * 10'000;
  EXPECT_TRUE(history.Steps(10'000, LoadHistory::OfTable(0)).empty());
  EXPECT_EQ(history.Steps(now, LoadHistory::OfTable(LoadHistory::kMaxSeries)).size(), 1u);
}

TEST(LoadHistoryTest, TheCellAndServersStayAndLoadedTablesArePushedOutByNobody) {
  LoadHistory history;
  const std::string server = LoadHistory::OfServer("ts-1");
  const TableId more = LoadHistory::kMaxSeries + 200;
  // The cell and the server are silent after the first step, so they are idle for the longest.
  for (int64_t now = 0; now < 50'000; now += 10'000) {
    if (now == 0) {
      history.AddCounts(now, LoadHistory::OfCell(), 7, 0);
      history.AddCounts(now, server, 7, 0);
    }
    for (TableId table = 0; table < more; ++table) {
      history.AddCounts(now, LoadHistory::OfTable(table), 1, 1);
    }
  }
  EXPECT_EQ(history.Steps(50'000, LoadHistory::OfCell()).size(), 1u);
  EXPECT_EQ(history.Steps(50'000, server).size(), 1u);
  size_t kept = 0;
  for (TableId table = 0; table < more; ++table) {
    const size_t steps = history.Steps(50'000, LoadHistory::OfTable(table)).size();
    EXPECT_TRUE(steps == 0 || steps == 5) << table << " has " << steps;
    kept += steps != 0;
  }
  EXPECT_EQ(kept, LoadHistory::kMaxSeries - 2);
  // A server comes in though all tables have load; a refused table when others have none.
  history.AddCounts(50'000, LoadHistory::OfServer("ts-2"), 1, 0);
  EXPECT_EQ(history.Steps(60'000, LoadHistory::OfServer("ts-2")).size(), 1u);
  history.AddCounts(80'000, LoadHistory::OfTable(more), 1, 0);
  EXPECT_EQ(history.Steps(90'000, LoadHistory::OfTable(more)).size(), 1u);
}

TEST(LoadHistoryTest, ServersThatAreGoneForAnHourMakeRoom) {
  LoadHistory history;
  history.AddCounts(0, LoadHistory::OfCell(), 1, 0);
  for (size_t i = 1; i < LoadHistory::kMaxSeries; ++i) {
    history.AddCounts(0, LoadHistory::OfServer(std::to_string(i)), 1, 0);
  }
  history.AddCounts(3'590'000, LoadHistory::OfTable(1), 1, 0);
  EXPECT_TRUE(history.Steps(3'600'000, LoadHistory::OfTable(1)).empty());
  history.AddCounts(3'600'000, LoadHistory::OfTable(1), 1, 0);
  EXPECT_EQ(history.Steps(3'610'000, LoadHistory::OfTable(1)).size(), 1u);
}

}  // namespace
}  // namespace stele::master
