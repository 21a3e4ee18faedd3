// Goal: a row set becomes disjoint ascending ranges that hold each asked row of the tablet once and
// nothing else, whatever was given and wherever a page ended.
#include "tabletserver/rpc/row_plan.h"

#include <gtest/gtest.h>

#include <set>

#include "common/testing/seeded_random.h"

namespace stele::tabletserver {
namespace {

bool InRange(const RowRange& range, const std::string& row) {
  if (range.start_open ? row <= range.start : row < range.start) return false;
  if (range.end.empty()) return true;
  return range.end_open ? row < range.end : row <= range.end;
}

TEST(RowPlan, NothingAskedIsTheWholeTablet) {
  const auto plan = PlanRows({}, {1, 16, "c", "m"}, "");
  ASSERT_EQ(plan.size(), 1u);
  EXPECT_EQ(plan[0].start, "c");
  EXPECT_TRUE(plan[0].start_open);
  EXPECT_EQ(plan[0].end, "m");
  EXPECT_FALSE(plan[0].end_open);
}

TEST(RowPlan, KeysBecomePoints) {
  RowSet rows;
  rows.keys = {"b", "a", "b"};
  const auto plan = PlanRows(rows, {1, 16, "", ""}, "");
  ASSERT_EQ(plan.size(), 2u);
  EXPECT_TRUE(IsPoint(plan[0]));
  EXPECT_EQ(plan[0].start, "a");
  EXPECT_EQ(plan[1].start, "b");
}

TEST(RowPlan, EmptyAndForeignRangesVanish) {
  RowSet rows;
  rows.ranges.push_back({"b", false, "b", true});
  rows.ranges.push_back({"x", false, "z", true});
  rows.keys = {"a"};
  EXPECT_TRUE(PlanRows(rows, {1, 16, "a", "m"}, "").empty());
}

// Rows are one or two letters, so that all of them can be tried.
TEST(RowPlan, HoldsExactlyWhatWasAskedForInOrder) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  std::vector<std::string> universe;
  for (char a = 'a'; a <= 'f'; ++a) {
    universe.push_back({a});
    for (char b = 'a'; b <= 'f'; ++b) universe.push_back({a, b});
  }
  auto any = [&] { return universe[random.Below(universe.size())]; };
  for (int round = 0; round < 2000; ++round) {
    RowSet rows;
    for (uint64_t i = random.Below(4); i > 0; --i) rows.keys.push_back(any());
    for (uint64_t i = random.Below(4); i > 0; --i) {
      RowRange range{any(), random.OneIn(2), any(), random.OneIn(2)};
      if (random.OneIn(5)) range.end.clear();
      if (random.OneIn(5)) range.start.clear();
      rows.ranges.push_back(range);
    }
    TabletDescriptor tablet{1, 16, random.OneIn(3) ? "" : any(), random.OneIn(3) ? "" : any()};
    const std::string resume = random.OneIn(3) ? any() : "";
    const auto plan = PlanRows(rows, tablet, resume);
    const bool all = rows.keys.empty() && rows.ranges.empty();
    for (const std::string& row : universe) {
      bool asked = all;
      for (const std::string& key : rows.keys) asked = asked || key == row;
      for (const RowRange& range : rows.ranges) asked = asked || InRange(range, row);
      asked = asked && tablet.Contains(row) && (resume.empty() || row > resume);
      int found = 0;
      for (const RowRange& range : plan) found += InRange(range, row);
      ASSERT_EQ(found, asked ? 1 : 0) << row << " round " << round;
    }
    for (size_t i = 1; i < plan.size(); ++i) {
      ASSERT_FALSE(plan[i - 1].end.empty());
      ASSERT_LE(plan[i - 1].end, plan[i].start);
    }
  }
}

TEST(RowsWithPrefix, KeepsExactlyTheRowsThatBeginWithIt) {
  const std::vector<RowRange> all = {{"", false, "ab", true},
                                     {"ab", false, "ab", false},
                                     {"abc", true, "ac", false},
                                     {"b", false, "", true}};
  EXPECT_EQ(RowsWithPrefix(all, ""), all);
  EXPECT_EQ(RowsWithPrefix(all, "ab"),
            (std::vector<RowRange>{{"ab", false, "ab", false}, {"abc", true, "ac", true}}));
  EXPECT_EQ(RowsWithPrefix(all, "a"),
            (std::vector<RowRange>{
                {"a", false, "ab", true}, {"ab", false, "ab", false}, {"abc", true, "ac", false}}));
  EXPECT_EQ(RowsWithPrefix(all, "\xff"), (std::vector<RowRange>{{"\xff", false, "", true}}));
  EXPECT_TRUE(RowsWithPrefix({{"c", false, "d", false}}, "a").empty());
}

TEST(FirstRowOutside, FindsWhatASplitGaveAway) {
  const TabletDescriptor tablet{1, 2, "m", "t"};
  auto range = [](std::string start, bool open, std::string end) {
    RowSet rows;
    rows.ranges.push_back({std::move(start), open, std::move(end), true});
    return rows;
  };
  RowSet keys;
  keys.keys = {"n", "c"};
  EXPECT_EQ(FirstRowOutside(keys, tablet, ""), "c");
  EXPECT_EQ(FirstRowOutside(keys, tablet, "d"), std::nullopt);
  keys.keys = {"m"};
  EXPECT_EQ(FirstRowOutside(keys, tablet, ""), "m") << "the start is not in it";
  EXPECT_EQ(FirstRowOutside({}, tablet, ""), std::nullopt);
  EXPECT_EQ(FirstRowOutside(range("", false, ""), tablet, ""), std::string(1, '\0'));
  EXPECT_EQ(FirstRowOutside(range("a", true, "z"), tablet, ""), std::string("a\0", 2));
  EXPECT_EQ(FirstRowOutside(range("a", false, "z"), tablet, "b"), std::string("b\0", 2));
  EXPECT_EQ(FirstRowOutside(range("a", false, "z"), tablet, "m"), std::nullopt);
  EXPECT_EQ(FirstRowOutside(range("m", true, "z"), tablet, ""), std::nullopt);
  EXPECT_EQ(FirstRowOutside(range("m", false, "z"), tablet, ""), "m");
  EXPECT_EQ(FirstRowOutside(range("n", false, "z"), tablet, ""), std::nullopt);
  EXPECT_EQ(FirstRowOutside(range("", false, ""), {1, 2, "", "t"}, ""), std::nullopt);
}

TEST(FirstRowOutside, OfAReversedReadTheRowsBeforeItsPlaceAreToCome) {
  const TabletDescriptor tablet{1, 2, "m", "t"};
  auto outside = [&](const RowSet& rows, Slice resume_after) {
    return FirstRowOutside(rows, tablet, resume_after, /*reversed=*/true);
  };
  auto range = [](std::string start, bool open, std::string end) {
    return RowSet{{}, {{std::move(start), open, std::move(end), true}}};
  };
  EXPECT_EQ(outside({{"c", "n"}, {}}, ""), "c");
  EXPECT_EQ(outside({{"c", "n"}, {}}, "p"), "c") << "its place is in the tablet";
  EXPECT_EQ(outside({{"c", "n"}, {}}, "d"), "c") << "its place is before the tablet";
  EXPECT_EQ(outside({{"c", "n"}, {}}, "c"), std::nullopt) << "c is done";
  EXPECT_EQ(outside({{"n"}, {}}, "p"), std::nullopt);
  EXPECT_EQ(outside(range("", false, ""), "p"), std::string(1, '\0'));
  EXPECT_EQ(outside(range("a", false, "z"), "p"), "a");
  EXPECT_EQ(outside(range("a", true, "z"), "m"), std::string("a\0", 2));
  EXPECT_EQ(outside(range("a", false, "z"), "a"), std::nullopt);
  EXPECT_EQ(outside(range("a", true, "z"), Slice("a\0", 2)), std::nullopt);
  EXPECT_EQ(outside(range("m", false, "z"), "p"), "m") << "the start is not in it";
  EXPECT_EQ(outside(range("m", true, "z"), "p"), std::nullopt);
  EXPECT_EQ(outside({}, "p"), std::nullopt);
}

}  // namespace
}  // namespace stele::tabletserver
