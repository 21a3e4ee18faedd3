// Goal: a load is cut at the row that halves it, never where most of it would stay on one side; a
// sample is bounded, follows the load, and does not mistake clients who take turns for one.
#include "tabletserver/storage/load_sample.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "common/testing/status_asserts.h"

namespace stele::storage {
namespace {

TabletDescriptor Tablet(std::string start, std::string end) {
  return {20, 16, std::move(start), std::move(end)};
}

std::vector<std::string> Rows(const std::vector<std::pair<std::string, size_t>>& counts) {
  std::vector<std::string> rows;
  for (const auto& [row, count] : counts) rows.insert(rows.end(), count, row);
  return rows;
}

TEST(LoadSplitRow, HalvesTheLoadAndNotTheKeys) {
  std::vector<std::string> rows;
  for (char c = 'a'; c <= 'z'; ++c) rows.push_back(std::string(1, c));
  for (int i = 0; i < 100; ++i) rows.push_back(absl::StrCat("y", 100 + i));
  ASSERT_OK_AND_ASSIGN(const std::string at, ChooseLoadSplitRow(Tablet("", ""), rows));
  EXPECT_EQ(at, "y137");
}

TEST(LoadSplitRow, OneHotRowIsNamedAndNotCut) {
  EXPECT_STATUS(kFailedPrecondition, "one hot row: \"m\" has 90 %",
                ChooseLoadSplitRow(Tablet("", ""), Rows({{"a", 5}, {"m", 90}, {"z", 5}})).status());
  EXPECT_STATUS(kFailedPrecondition, "one hot row",
                ChooseLoadSplitRow(Tablet("", ""), Rows({{"m", 100}})).status());
  // Away from its neighbours it can still be brought.
  ASSERT_OK_AND_ASSIGN(const std::string at,
                       ChooseLoadSplitRow(Tablet("", ""), Rows({{"a", 25}, {"m", 60}, {"z", 15}})));
  EXPECT_EQ(at, "a");
}

TEST(LoadSplitRow, IsStrictlyInsideTheTablet) {
  const auto rows = Rows({{"c", 50}, {"g", 30}, {"k", 30}});
  ASSERT_OK_AND_ASSIGN(const std::string at, ChooseLoadSplitRow(Tablet("a", "k"), rows));
  EXPECT_EQ(at, "c");
  EXPECT_STATUS(kFailedPrecondition, "", ChooseLoadSplitRow(Tablet("g", "k"), rows).status());
  EXPECT_STATUS(kFailedPrecondition, "only 31",
                ChooseLoadSplitRow(Tablet("", ""), Rows({{"a", 16}, {"b", 15}})).status());
}

TEST(LoadSample, IsBoundedAndFollowsTheLoad) {
  MemoryTracker memory("test", 0);
  LoadSample sample(&memory);
  EXPECT_EQ(memory.used(), 0);
  for (int i = 0; i < 10'000; ++i) sample.Add("old");
  EXPECT_EQ(sample.Rows().size(), LoadSample::kMaxRows);
  for (int i = 0; i < 10'000; ++i) sample.Add(std::string(5'000, 'n'));
  for (const std::string& row : sample.Rows()) {
    EXPECT_EQ(row, std::string(LoadSample::kMaxRowBytes, 'n'));
  }
}

TEST(LoadSample, GivesTheNewestInOrderAndWhatEachWas) {
  MemoryTracker memory("test", 0);
  LoadSample sample(&memory);
  EXPECT_TRUE(sample.ReadNewest(10).requests.empty());
  for (int i = 0; i < 10'000; ++i) sample.Add(absl::StrCat(10'000 + i), i % 2 == 0);
  const LoadSample::Newest newest = sample.ReadNewest(20);
  EXPECT_GT(newest.taken, 10'000 / LoadSample::kOneIn / 2);
  ASSERT_EQ(newest.requests.size(), 20u);
  for (size_t i = 0; i < newest.requests.size(); ++i) {
    const LoadSample::Request& request = newest.requests[i];
    EXPECT_EQ(request.write, (request.row.back() - '0') % 2 == 0) << request.row;
    if (i > 0) EXPECT_GT(request.row, newest.requests[i - 1].row);
  }
  EXPECT_GT(newest.requests.front().row, "19500");
  EXPECT_EQ(sample.ReadNewest(1'000).requests.size(), LoadSample::kMaxRows);
}

TEST(LoadSample, WhatItTakesIsChargedAndReleased) {
  MemoryTracker memory("test", 0);
  constexpr int64_t kStrings = LoadSample::kMaxRows * sizeof(LoadSample::Request);
  {
    LoadSample sample(&memory);
    for (int i = 0; i < 10'000; ++i) sample.Add("short");
    EXPECT_EQ(memory.used(), kStrings);
    for (int i = 0; i < 10'000; ++i) sample.Add(std::string(5'000, 'n'));
    EXPECT_GE(memory.used(),
              kStrings + static_cast<int64_t>(LoadSample::kMaxRows * LoadSample::kMaxRowBytes));
    EXPECT_LE(memory.used(), 40'000);
    for (int i = 0; i < 10'000; ++i) sample.Add("short");
    EXPECT_EQ(memory.used(), kStrings) << "long rows are not paid for any more";
  }
  EXPECT_EQ(memory.used(), 0);
}

TEST(LoadSample, SeesAllWhoTakeTurns) {
  MemoryTracker memory("test", 0);
  LoadSample sample(&memory);
  for (int i = 0; i < 4'000; ++i) sample.Add(std::string(1, static_cast<char>('a' + i % 8)));
  const std::vector<std::string> rows = sample.Rows();
  EXPECT_EQ(std::set<std::string>(rows.begin(), rows.end()).size(), 8u);
}

}  // namespace
}  // namespace stele::storage
