// Goal: in random cells (seeded) a plan by load makes the largest load smaller with no move that is
// not needed, keeps the bounds of counts, comes to rest, and leaves alone what no move mends.
#include "master/placement/load_balance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "common/testing/seeded_random.h"

namespace stele::master {
namespace {

constexpr LoadRules kRules{.tolerance = 0.25, .min_load = 10};

std::map<std::string, double> LoadsOf(const WeighedCell& cell) {
  std::map<std::string, double> loads;
  for (const std::string& id : cell.servers) loads[id] = 0;
  for (const WeighedTablet& tablet : cell.tablets) loads[tablet.server_id] += tablet.load;
  return loads;
}

std::map<std::string, uint64_t> CountsOf(const WeighedCell& cell) {
  std::map<std::string, uint64_t> counts;
  for (const WeighedTablet& tablet : cell.tablets) ++counts[tablet.server_id];
  return counts;
}

double MostOf(const WeighedCell& cell) {
  double most = 0;
  for (const auto& [id, load] : LoadsOf(cell)) most = std::max(most, load);
  return most;
}

double HighOf(const WeighedCell& cell) {
  const double mean = TotalLoad(cell) / static_cast<double>(cell.servers.size());
  return mean + std::max(mean * kRules.tolerance, kRules.min_load);
}

WeighedCell After(WeighedCell cell, const std::vector<PlannedMove>& moves) {
  std::set<TabletId> moved;
  for (const PlannedMove& move : moves) {
    EXPECT_TRUE(moved.insert(move.tablet).second) << "tablet " << move.tablet << " moves twice";
    EXPECT_FALSE(move.reason.empty());
    for (WeighedTablet& tablet : cell.tablets) {
      if (tablet.tablet != move.tablet) continue;
      EXPECT_EQ(tablet.server_id, move.from);
      EXPECT_FALSE(tablet.stays);
      tablet.server_id = move.to;
    }
  }
  return cell;
}

// Counts are even; a few tablets have most of the load, more of them at the first servers.
WeighedCell RandomCell(SeededRandom* random, uint64_t tablets_each) {
  WeighedCell cell;
  const size_t servers = random->Between(2, 8);
  for (size_t i = 0; i < servers; ++i) cell.servers.push_back(absl::StrCat("ts-", i));
  for (size_t i = 0; i < servers * tablets_each; ++i) {
    WeighedTablet& tablet = cell.tablets.emplace_back();
    tablet.tablet = 100 + i;
    tablet.server_id = cell.servers[i % servers];
    tablet.load = static_cast<double>(random->Below(20));
    if (random->OneIn(4 + 4 * (i % servers))) {
      tablet.load += static_cast<double>(random->Below(1'000));
    }
    tablet.stays = random->OneIn(20);
  }
  return cell;
}

TEST(LoadBalance, RandomCellsComeToRestWithNoNeedlessMove) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  int moves_in_all = 0;
  for (int round = 0; round < 400; ++round) {
    WeighedCell cell = RandomCell(&random, random.Between(1, 20));
    int plans = 0;
    for (auto plan = PlanByLoad(cell, kRules); !plan.empty(); plan = PlanByLoad(cell, kRules)) {
      ASSERT_LT(++plans, 10) << "it does not come to rest";
      const WeighedCell next = After(cell, plan);
      EXPECT_LE(MostOf(next), MostOf(cell));
      const TabletBounds bounds = BoundsOf(cell.tablets.size(), cell.servers.size());
      for (const auto& [id, count] : CountsOf(next)) {
        EXPECT_LE(count, bounds.most);
        EXPECT_GE(count, bounds.least);
      }
      const std::map<std::string, double> reached = LoadsOf(next);
      for (size_t i = 0; i < plan.size(); ++i) {
        std::vector<PlannedMove> without = plan;
        without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
        WeighedCell other = After(cell, without);
        bool does_as_well = true;
        for (const auto& [id, count] : CountsOf(other)) {
          does_as_well &= count <= bounds.most && count >= bounds.least;
        }
        for (const auto& [id, load] : LoadsOf(other)) {
          does_as_well &= load <= std::max(reached.at(id), HighOf(cell));
        }
        EXPECT_FALSE(does_as_well) << "move " << i << " is not needed";
      }
      moves_in_all += static_cast<int>(plan.size());
      cell = next;
    }
  }
  EXPECT_GT(moves_in_all, 400);
}

// Where no tablet is larger than what matters, and counts leave room, all servers end in bounds.
TEST(LoadBalance, FineGrainedLoadEndsWithinTheTolerance) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  for (int round = 0; round < 100; ++round) {
    WeighedCell cell;
    const size_t servers = random.Between(2, 6);
    for (size_t i = 0; i < servers; ++i) cell.servers.push_back(absl::StrCat("ts-", i));
    for (size_t i = 0; i < servers * 40; ++i) {
      const double hot = i % servers == 0 ? 60 : 20;
      cell.tablets.push_back({.tablet = 100 + i,
                              .server_id = cell.servers[i % servers],
                              .load = hot + static_cast<double>(random.Below(10))});
    }
    const size_t on_hot = 40;
    const auto plan = PlanByLoad(cell, kRules);
    EXPECT_LE(plan.size(), on_hot);
    const WeighedCell next = After(cell, plan);
    EXPECT_LE(MostOf(next), HighOf(cell));
    EXPECT_FALSE(LoadOutOfBounds(next, kRules));
  }
}

TEST(LoadBalance, HotTabletsPartAlsoWhereCountsLeaveNoRoomForMoves) {
  WeighedCell cell;
  cell.servers = {"a", "b"};
  for (TabletId id = 0; id < 8; ++id) {
    const bool hot = id < 4;
    cell.tablets.push_back(
        {.tablet = 100 + id, .server_id = hot ? "a" : "b", .load = hot ? 1'000.0 : 1.0});
  }
  const auto plan = PlanByLoad(cell, kRules);
  EXPECT_EQ(plan.size(), 3u) << "a move and an exchange";
  const WeighedCell next = After(cell, plan);
  EXPECT_LT(MostOf(next), 2'010);
}

TEST(LoadBalance, OneHotTabletStaysAndIsRelievedOfOthers) {
  WeighedCell cell;
  cell.servers = {"a", "b"};
  cell.tablets = {{.tablet = 1, .server_id = "a", .load = 5'000},
                  {.tablet = 2, .server_id = "a", .load = 900},
                  {.tablet = 3, .server_id = "b", .load = 1}};
  auto plan = PlanByLoad(cell, kRules);
  ASSERT_EQ(plan.size(), 1u);
  EXPECT_EQ(plan[0].tablet, 2u);
  EXPECT_EQ(plan[0].reason, "a has a load of 5900/s, b of 1/s, the tablet of 900/s");
  EXPECT_TRUE(PlanByLoad(After(cell, plan), kRules).empty());
}

// Each of `servers` has eight tablets; the first ones of the server have `loads`.
WeighedCell CellOf(const std::map<std::string, std::vector<double>>& servers) {
  WeighedCell cell;
  for (const auto& [id, loads] : servers) {
    cell.servers.push_back(id);
    for (size_t i = 0; i < 8; ++i) {
      cell.tablets.push_back({.tablet = 100 * cell.servers.size() + i,
                              .server_id = id,
                              .load = i < loads.size() ? loads[i] : 0});
    }
  }
  return cell;
}

TEST(LoadBalance, AServerThatNothingRelievesIsNoMeasureForOthers) {
  const WeighedCell cell =
      CellOf({{"a", {6'000}}, {"b", {800, 800, 800, 800}}, {"c", {}}, {"d", {}}});
  const auto plan = PlanByLoad(cell, kRules);
  ASSERT_FALSE(plan.empty());
  for (const PlannedMove& move : plan) EXPECT_EQ(move.from, "b");
  const WeighedCell next = After(cell, plan);
  EXPECT_LE(LoadsOf(next).at("b"), HighOf(cell));
  EXPECT_EQ(LoadsOf(next).at("a"), 6'000);
}

TEST(LoadBalance, TabletsOfTheSystemMoveOnlyWhereOthersDoNotDo) {
  WeighedCell cell;
  cell.servers = {"a", "b"};
  cell.tablets = {{.tablet = 1, .server_id = "a", .load = 500, .system = true},
                  {.tablet = 2, .server_id = "a", .load = 400},
                  {.tablet = 3, .server_id = "b", .load = 1}};
  auto plan = PlanByLoad(cell, kRules);
  ASSERT_EQ(plan.size(), 1u);
  EXPECT_EQ(plan[0].tablet, 2u);
  cell.tablets[1].stays = true;
  plan = PlanByLoad(cell, kRules);
  ASSERT_EQ(plan.size(), 1u);
  EXPECT_EQ(plan[0].tablet, 1u);
}

TEST(LoadBalance, LittleLoadIsNoReasonToMove) {
  WeighedCell cell;
  cell.servers = {"a", "b"};
  for (TabletId id = 1; id <= 5; ++id) {
    cell.tablets.push_back({.tablet = id, .server_id = "a", .load = 2});
  }
  EXPECT_FALSE(LoadOutOfBounds(cell, kRules));
  EXPECT_TRUE(PlanByLoad(cell, kRules).empty());
  EXPECT_TRUE(PlanByLoad({}, kRules).empty());
  EXPECT_TRUE(PlanByLoad({.servers = {"a"}, .tablets = cell.tablets}, kRules).empty());
}

TEST(LoadBalance, CountsAreEvenedWithUsersTabletsFirst) {
  WeighedCell cell;
  cell.servers = {"a", "b"};
  for (TabletId id = 1; id <= 6; ++id) {
    cell.tablets.push_back({.tablet = id, .server_id = "a", .system = id > 2});
  }
  EXPECT_TRUE(CountsOutOfBounds(cell));
  const auto plan = PlanByCount(cell);
  ASSERT_EQ(plan.size(), 3u);
  EXPECT_LE(std::max(plan[0].tablet, plan[1].tablet), 2u);
  EXPECT_GT(plan[2].tablet, 2u) << "the rest must be of the system";
  EXPECT_EQ(plan[0].reason, "a has 6 tablets, b has 0");
  EXPECT_FALSE(CountsOutOfBounds(After(cell, plan)));
}

}  // namespace
}  // namespace stele::master
