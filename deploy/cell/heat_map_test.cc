// Goal: the shown heat map sums up what was kept, whatever the columns were, and names what is hot.
#include "deploy/cell/heat_map.h"

#include <gtest/gtest.h>

#include <numeric>

namespace stele::deploy {
namespace {

using master::HeatCell;
using master::HeatColumn;

constexpr int64_t kNowMs = 90'000'000;

master::HeatPicture Picture() {
  master::HeatPicture picture;
  picture.now_us = (kNowMs + 500) * 1'000;
  picture.wall_minus_boot_ms = 500;
  return picture;
}

HeatColumn Column(int64_t begin_ms, int64_t length_ms, const std::vector<std::string>& cuts,
                  const std::vector<HeatCell>& cells) {
  return {begin_ms, length_ms, std::make_shared<const std::vector<std::string>>(cuts), cells};
}

double Requests(const HeatMap& map, const std::vector<std::vector<double>>& rates) {
  double sum = 0;
  for (const auto& row : rates) sum += std::accumulate(row.begin(), row.end(), 0.0);
  return sum * static_cast<double>(map.column_us) / 1e6;
}

TEST(HeatMapTest, ColumnsOfAnyLengthAndCutAddUp) {
  master::HeatPicture picture = Picture();
  picture.columns = {
      Column(kNowMs - 3'000'000, 600'000, {"m"}, {{600, 0}, {0, 60}}),
      Column(kNowMs - 60'000, 10'000, {"c", "m"}, {{10, 0}, {0, 0}, {0, 10}}),
      Column(kNowMs - 5'000, 10'000, {"c", "m", "x"}, {{0, 0}, {50, 5}, {0, 0}, {0, 0}})};
  const HeatMap map = MakeHeatMap(picture, {});
  ASSERT_EQ(map.cuts, (std::vector<std::string>{"c", "m", "x"}));
  EXPECT_NEAR(Requests(map, map.reads), 660, 1);
  EXPECT_NEAR(Requests(map, map.writes), 75, 1);
  EXPECT_GT(map.reads[1][HeatMap::kColumns - 1], 0);
  EXPECT_EQ(map.reads[2][HeatMap::kColumns - 1], 0);
  HeatQuery ten;
  ten.span_ms = 600'000;
  EXPECT_NEAR(Requests(MakeHeatMap(picture, ten), MakeHeatMap(picture, ten).reads), 60, 1);
}

TEST(HeatMapTest, NeighboursThatAreHotTogetherAreOneRange) {
  master::HeatPicture picture = Picture();
  std::vector<std::string> cuts;
  std::vector<HeatCell> cells(20, {1, 0});
  for (char c = 'a'; c < 'a' + 19; ++c) cuts.push_back(std::string(1, c));
  cells[5] = {300, 0};
  cells[6] = {200, 50};
  cells[8] = {250, 0};  // behind one that is not hot
  cells[15] = {100, 0};
  picture.columns = {Column(kNowMs - 10'000, 10'000, cuts, cells)};
  const HeatMap map = MakeHeatMap(picture, {});
  ASSERT_EQ(map.hottest.size(), 2u);
  EXPECT_EQ(map.hottest[0].after, "e");
  EXPECT_EQ(map.hottest[0].up_to, "i");
  EXPECT_NEAR(map.hottest[0].share, 801.0 / 916, 0.01);
  EXPECT_NEAR(map.hottest[0].reads_per_s, 75.1, 0.1);
  EXPECT_EQ(map.hottest[1].after, "o");
}

TEST(HeatMapTest, AnEvenLoadHasNoHottestRange) {
  master::HeatPicture picture = Picture();
  picture.columns = {
      Column(kNowMs - 10'000, 10'000, {"a", "b", "c"}, std::vector<HeatCell>(4, {10, 10}))};
  EXPECT_TRUE(MakeHeatMap(picture, {}).hottest.empty());
  picture.columns.clear();
  const obs::HeatGrid grid = DrawHeatMap(MakeHeatMap(picture, {}));
  EXPECT_TRUE(grid.rows.empty());
}

TEST(HeatMapTest, DrawsWhatIsWanted) {
  master::HeatPicture picture = Picture();
  picture.columns = {Column(kNowMs - 30'000, 30'000, {"a"}, {{90, 0}, {0, 10}})};
  HeatQuery query;
  query.what = HeatQuery::What::kWrites;
  const obs::HeatGrid grid = DrawHeatMap(MakeHeatMap(picture, query));
  ASSERT_EQ(grid.rows.size(), 2u);
  EXPECT_EQ(grid.rows[0].back(), 0);
  EXPECT_EQ(grid.rows[1].back(), obs::HeatGrid::kLevels);
  EXPECT_EQ(grid.rows[1].front(), 0);
}

TEST(HeatMapTest, BadQueriesAreRefused) {
  EXPECT_TRUE(HeatQueryOf({"/heat", {{"what", "reads"}, {"span", "1d"}}}).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(HeatQueryOf({"/heat", {{"what", "x"}}}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(HeatQueryOf({"/heat", {{"span", "-1"}}}).status()));
}

}  // namespace
}  // namespace stele::deploy
