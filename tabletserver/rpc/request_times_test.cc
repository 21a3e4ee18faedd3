// Goal: times of requests are counted by table and kind, from many threads, in bounded memory.
#include "tabletserver/rpc/request_times.h"

#include <gtest/gtest.h>

#include <thread>

namespace stele::tabletserver {
namespace {

using Kind = RequestTimes::Kind;

uint64_t Sum(const std::vector<uint64_t>& counts) {
  uint64_t sum = 0;
  for (uint64_t count : counts) sum += count;
  return sum;
}

TEST(RequestTimesTest, TellsTablesAndKindsApart) {
  RequestTimes times;
  EXPECT_TRUE(times.Report().empty());
  times.Add(1, Kind::kRead, 10'000);
  times.Add(1 + 512, Kind::kRead, 1'000'000);  // wants the same place
  times.Add(1 + 512, Kind::kWrite, 50);
  const auto report = times.Report();
  ASSERT_EQ(report.size(), 2u);
  EXPECT_EQ(report[0].table, 1u);
  EXPECT_EQ(report[0].reads.size(), obs::TimeClassOf(10'000) + 1);
  EXPECT_TRUE(report[0].writes.empty());
  EXPECT_EQ(report[1].table, 513u);
  EXPECT_EQ(report[1].reads.at(obs::TimeClassOf(1'000'000)), 1u);
  EXPECT_EQ(report[1].writes, std::vector<uint64_t>{1});
}

TEST(RequestTimesTest, ManyThreadsAndMoreTablesThanThereIsRoomFor) {
  RequestTimes times;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&times] {
      for (int i = 0; i < 30'000; ++i)
        times.Add(1 + static_cast<TableId>(i) % 300, Kind::kWrite, i);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto report = times.Report();
  ASSERT_EQ(report.size(), RequestTimes::kMaxTables + 1);
  EXPECT_EQ(report[0].table, 0u);
  EXPECT_EQ(Sum(report[0].writes), 4u * 100 * (300 - RequestTimes::kMaxTables));
  for (size_t i = 1; i < report.size(); ++i) EXPECT_EQ(Sum(report[i].writes), 400u);
}

}  // namespace
}  // namespace stele::tabletserver
