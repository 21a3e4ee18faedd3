// Goal: heat is found under the right keys, survives splits and new cuts, coarsens with age, and
// stays within its bound.
#include "master/load/key_heat.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace stele::master {
namespace {

constexpr TableId kTable = 20;

std::string Row(uint64_t number) {
  char text[16];
  std::snprintf(text, sizeof(text), "r%08llu", static_cast<unsigned long long>(number));
  return text;
}

// `keys` rows, a kilobyte each.
std::vector<KeyWeight> EvenSizes(uint64_t keys) {
  std::vector<KeyWeight> sizes;
  for (uint64_t i = keys / 200; i <= keys; i += keys / 200) sizes.push_back({Row(i), i * 1'000});
  sizes.push_back({"", keys * 1'000});
  return sizes;
}

std::vector<wire::SampledRow> Sampled(uint64_t from, uint64_t to, uint64_t count, bool write) {
  std::vector<wire::SampledRow> rows;
  for (uint64_t i = 0; i < count; ++i) rows.push_back({Row(from + (to - from) * i / count), write});
  return rows;
}

struct Sum {
  double reads = 0, writes = 0;
};

Sum Total(const std::vector<HeatColumn>& columns) {
  Sum sum;
  for (const HeatColumn& column : columns) {
    EXPECT_EQ(column.slices.size(), column.cuts->size() + 1);
    for (const HeatCell& cell : column.slices) {
      sum.reads += cell.reads;
      sum.writes += cell.writes;
    }
  }
  return sum;
}

// Of the slices that lie in (start, end], whole.
Sum Between(const HeatColumn& column, const std::string& start, const std::string& end) {
  Sum sum;
  for (size_t i = 0; i < column.slices.size(); ++i) {
    const std::string from = i == 0 ? "" : (*column.cuts)[i - 1];
    if (from < start || i >= column.cuts->size() || (*column.cuts)[i] > end) continue;
    sum.reads += column.slices[i].reads;
    sum.writes += column.slices[i].writes;
  }
  return sum;
}

TEST(ChooseCutsTest, SlicesAreAlikeInBytes) {
  const auto cuts = ChooseCuts(EvenSizes(100'000), {}, 95);
  EXPECT_GE(cuts.size(), 40u);
  EXPECT_LE(cuts.size(), 95u);
  EXPECT_TRUE(std::is_sorted(cuts.begin(), cuts.end()));
  EXPECT_GT(cuts.front(), Row(0));
  EXPECT_LT(cuts.front(), Row(5'000));
  EXPECT_GT(cuts.back(), Row(90'000));
}

TEST(ChooseCutsTest, WhereTheLoadIsTheyAreFiner) {
  std::vector<std::string> rows;
  for (int i = 0; i < 90; ++i) rows.push_back(Row(50'000 + i));
  for (int i = 0; i < 10; ++i) rows.push_back(Row(i * 9'000));
  const auto cuts = ChooseCuts(EvenSizes(100'000), rows, 95);
  const auto in_hot = std::count_if(cuts.begin(), cuts.end(), [](const std::string& cut) {
    return cut >= Row(50'000) && cut < Row(50'090);
  });
  EXPECT_GE(in_hot, 10);
  EXPECT_LE(cuts.size(), 95u);
}

TEST(ChooseCutsTest, OneHotRowIsASliceOfItsOwn) {
  std::vector<std::string> rows(90, Row(42'000));
  for (int i = 0; i < 10; ++i) rows.push_back(Row(41'995 + i));
  const auto cuts = ChooseCuts({}, rows, 95);
  EXPECT_TRUE(std::binary_search(cuts.begin(), cuts.end(), Row(42'000)));
  EXPECT_TRUE(std::binary_search(cuts.begin(), cuts.end(), Row(41'999)));
  EXPECT_TRUE(std::adjacent_find(cuts.begin(), cuts.end()) == cuts.end());
}

TEST(RecutTest, KeepsTheSumAndThePlace) {
  const std::vector<std::string> from = {"d", "h"}, to = {"b", "d", "f", "h", "k"};
  const auto cells = Recut(from, {{4, 0}, {0, 8}, {6, 6}}, to);
  ASSERT_EQ(cells.size(), 6u);
  EXPECT_FLOAT_EQ(cells[0].reads, 2);
  EXPECT_FLOAT_EQ(cells[1].reads, 2);
  EXPECT_FLOAT_EQ(cells[2].writes, 4);
  EXPECT_FLOAT_EQ(cells[3].writes, 4);
  EXPECT_FLOAT_EQ(cells[4].reads, 3);
  EXPECT_FLOAT_EQ(cells[5].writes, 3);
  const auto back = Recut(to, cells, from);
  EXPECT_FLOAT_EQ(back[0].reads, 4);
  EXPECT_FLOAT_EQ(back[1].writes, 8);
  EXPECT_FLOAT_EQ(back[2].reads, 6);
}

TEST(RecutTest, GoesWhereTheSamplesAre) {
  const std::vector<std::string> from = {"h"}, to = {"b", "d", "f", "h", "k"};
  const std::deque<SampledLoad> sampled = {
      {"c", {3, 0}}, {"d", {1, 0}}, {"a", {2, 0}}, {"x", {1, 0}}};
  const auto cells = Recut(from, {{60, 8}, {7, 0}}, to, sampled);
  ASSERT_EQ(cells.size(), 6u);
  EXPECT_FLOAT_EQ(cells[0].reads, 20);
  EXPECT_FLOAT_EQ(cells[1].reads, 40);
  EXPECT_FLOAT_EQ(cells[2].reads, 0);
  EXPECT_FLOAT_EQ(cells[2].writes, 2) << "no write was sampled: evenly";
  EXPECT_FLOAT_EQ(cells[4].reads, 0);
  EXPECT_FLOAT_EQ(cells[5].reads, 7);
}

// As after an import: what the first survey knew does not blur what is hot for a minute.
TEST(KeyHeatTest, FinerCutsTellApartWhatWasHotBefore) {
  KeyHeat heat;
  const TabletDescriptor whole{1, kTable, "", ""};
  int64_t now = 1'007'000;
  heat.Add(now, whole, 0, 200, Sampled(0, 100'000, 5, /*write=*/true));
  for (int second = 0; second < 4; ++second) {
    now += 1'000;
    auto rows = Sampled(60'000, 60'500, 28, /*write=*/false);
    for (auto& row : Sampled(0, 100'000, 4, false)) rows.push_back(row);
    heat.Add(now, whole, 800, 0, rows);
  }
  ASSERT_EQ(heat.Columns(kTable).size(), 2u);
  ASSERT_LE(heat.Columns(kTable).back().cuts->size(), 10u) << "they are of the first rows";
  heat.SetSizes(kTable, EvenSizes(100'000));
  heat.Add(now, whole, 8, 0, Sampled(60'000, 60'500, 28, false));
  const auto columns = heat.Columns(kTable);
  ASSERT_EQ(columns.size(), 2u);
  for (const HeatColumn& column : columns) {
    const Sum all = Total({column}), hot = Between(column, Row(58'000), Row(63'000));
    EXPECT_GT(hot.reads, 0.8 * all.reads);
  }
  EXPECT_NEAR(Total(columns).reads, 4 * 800 + 8, 1);
}

TEST(KeyHeatTest, ForOtherCutsItLooksOnceInAWhile) {
  KeyHeat heat;
  const TabletDescriptor whole{1, kTable, "", ""};
  const int64_t start = 1'000'000;
  auto cuts = [&] { return *heat.Columns(kTable).back().cuts; };
  auto add = [&](int64_t now, uint64_t from, uint64_t to) {
    for (int i = 0; i < 16; ++i) heat.Add(now, whole, 320, 0, Sampled(from, to, 32, false));
  };
  add(start, 0, 100'000);
  heat.SetSizes(kTable, EvenSizes(100'000));
  add(start + 1'000, 0, 100'000);
  const auto even = cuts();
  heat.Add(start + 6'500, whole, 320, 0, Sampled(0, 100'000, 32, false));  // it looks
  EXPECT_EQ(cuts(), even);
  add(start + 7'000, 60'000, 60'900);
  EXPECT_EQ(cuts(), even);
  add(start + 11'500, 60'000, 60'900);
  EXPECT_NE(cuts(), even);
}

TEST(KeyHeatTest, HeatIsUnderTheKeysThatHaveIt) {
  KeyHeat heat;
  const TabletDescriptor whole{1, kTable, "", ""};
  int64_t now = 1'000'000;
  for (int second = 0; second < 30; ++second, now += 1'000) {
    auto rows = Sampled(60'000, 61'000, 28, /*write=*/false);
    for (auto& row : Sampled(0, 100'000, 4, true)) rows.push_back(row);
    heat.Add(now, whole, 700, 100, rows);
    if (second == 2) heat.SetSizes(kTable, EvenSizes(100'000));
  }
  const auto columns = heat.Columns(kTable);
  ASSERT_GE(columns.size(), 3u);
  const Sum all = Total(columns);
  EXPECT_NEAR(all.reads, 30 * 700, 1);
  EXPECT_NEAR(all.writes, 30 * 100, 1);
  const Sum hot = Between(columns.back(), Row(58'000), Row(63'000));
  EXPECT_GT(hot.reads, 0.95 * 7'000);
  EXPECT_LT(hot.writes, 0.3 * 1'000);
}

TEST(KeyHeatTest, AnotherTabletOfTheSameRowsGoesOn) {
  KeyHeat heat;
  heat.Add(10'000, {1, kTable, "", ""}, 100, 0, Sampled(0, 1'000, 40, false));
  heat.SetSizes(kTable, EvenSizes(1'000));
  // The tablet was split; its halves report on their own.
  heat.Add(11'000, {2, kTable, "", Row(500)}, 50, 0, Sampled(1, 499, 20, false));
  heat.Add(11'000, {1, kTable, Row(500), ""}, 60, 0, {});  // no sample: its slices share it
  const auto columns = heat.Columns(kTable);
  ASSERT_EQ(columns.size(), 1u);
  EXPECT_NEAR(Total(columns).reads, 210, 0.1);
  EXPECT_NEAR(Between(columns[0], Row(500), Row(1'000)).reads, 60 + 50, 25);
}

TEST(KeyHeatTest, NamesTheHottestRowsAndForgetsThem) {
  KeyHeat heat;
  std::vector<wire::SampledRow> rows = Sampled(0, 1'000, 10, false);
  for (int i = 0; i < 10; ++i) rows.push_back({"hot", false});
  rows.push_back({"written", true});
  heat.Add(1'000, {1, kTable, "", ""}, 2'000, 300, rows);
  auto hot = heat.HotRows(kTable, 3);
  ASSERT_EQ(hot.size(), 3u);
  EXPECT_EQ(hot[0].row, "hot");
  EXPECT_NEAR(hot[0].reads, 1'000, 1);
  EXPECT_EQ(hot[1].row, "written");
  EXPECT_NEAR(hot[1].writes, 300, 1);
  for (int64_t now = 31'000; now < 1'000'000; now += 31'000) {
    heat.Add(now, {1, kTable, "", ""}, 10, 0, {{"new", false}});
  }
  hot = heat.HotRows(kTable, 3);
  ASSERT_EQ(hot.size(), 1u);
  EXPECT_EQ(hot[0].row, "new");
}

TEST(KeyHeatTest, OldColumnsAreJoinedAndForgottenAfterADay) {
  KeyHeat heat;
  const int64_t kHour = 3'600'000;
  double added = 0;
  for (int64_t now = 0; now < 30 * kHour; now += 5'000) {
    heat.Add(now, {1, kTable, "", ""}, 10, 5,
             Sampled(now / 100'000, now / 100'000 + 900, 8, false));
    if (now > 6 * kHour) added += 10;
    if (now % 60'000 == 0) heat.Age(now);
  }
  heat.Age(30 * kHour);
  const auto columns = heat.Columns(kTable);
  EXPECT_LT(columns.size(), 380u);
  EXPECT_GT(columns.size(), 250u);
  EXPECT_NEAR(Total(columns).reads, added, added / 50);
  for (size_t i = 1; i < columns.size(); ++i) {
    EXPECT_GE(columns[i].begin_ms, columns[i - 1].begin_ms + columns[i - 1].length_ms);
    EXPECT_LE(columns[i].length_ms, columns[i - 1].length_ms);
  }
  EXPECT_LE(columns.front().begin_ms, 6 * kHour + 1'200'000);
  EXPECT_EQ(columns.back().length_ms, 10'000);
  heat.Age(60 * kHour);
  EXPECT_TRUE(heat.tables().empty());
  EXPECT_EQ(heat.bytes(), 0u);
}

TEST(KeyHeatTest, StaysWithinItsBound) {
  KeyHeat heat(200'000);
  for (int64_t now = 0; now < 600'000; now += 5'000) {
    for (TableId table = 20; table < 30; ++table) {
      std::vector<wire::SampledRow> rows;
      for (uint64_t i = 0; i < 64; ++i) rows.push_back({Row(i * 31 + now) + std::string(99, 'x')});
      heat.Add(now, {table, table, "", ""}, 1'000, 0, rows);
    }
    heat.Age(now);
    EXPECT_LE(heat.bytes(), 200'000u);
  }
  EXPECT_FALSE(heat.tables().empty());
}

}  // namespace
}  // namespace stele::master
