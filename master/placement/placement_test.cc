// Goal: no server gets more than its bounded share, few tablets move when a server comes or goes,
// the choice is the same for everyone and avoids what it is told to.
#include "master/placement/placement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "common/testing/seeded_random.h"

namespace stele::master {
namespace {

std::map<TabletId, std::string> PlaceAll(uint64_t tablets, size_t servers) {
  std::vector<ServerLoad> loads;
  for (size_t i = 1; i <= servers; ++i) loads.push_back({absl::StrCat("ts-", i), 0});
  std::map<TabletId, std::string> placed;
  for (TabletId tablet = 16; tablet < 16 + tablets; ++tablet) {
    const size_t chosen = ChooseServer(tablet, loads, tablets, "");
    ++loads[chosen].tablets;
    placed[tablet] = loads[chosen].server_id;
  }
  for (const ServerLoad& load : loads) {
    EXPECT_LE(load.tablets, MaxTabletsPerServer(tablets, servers)) << load.server_id;
  }
  return placed;
}

TEST(Placement, BoundsTheLoadOfEveryServer) {
  PlaceAll(1, 3);
  PlaceAll(10, 3);
  PlaceAll(1000, 7);
}

TEST(Placement, ANewServerMovesLittleMoreThanItsShare) {
  const auto before = PlaceAll(1000, 9);
  const auto after = PlaceAll(1000, 10);
  int moved = 0;
  for (const auto& [tablet, server] : before) moved += after.at(tablet) != server;
  EXPECT_LT(moved, 300);
  EXPECT_GT(moved, 20);
}

TEST(Placement, AvoidsAServerUnlessItIsTheOnlyOne) {
  const std::vector<ServerLoad> two = {{"ts-1", 0}, {"ts-2", 100}};
  for (TabletId tablet = 1; tablet < 50; ++tablet) {
    EXPECT_EQ(ChooseServer(tablet, two, 1, "ts-1"), 1u);
  }
  EXPECT_EQ(ChooseServer(7, {{"ts-1", 0}}, 1, "ts-1"), 0u);
}

TEST(Placement, IsTheSameWhateverTheOrderOfTheServers) {
  for (TabletId tablet = 1; tablet < 50; ++tablet) {
    const std::vector<ServerLoad> ab = {{"a", 0}, {"b", 0}};
    const std::vector<ServerLoad> ba = {{"b", 0}, {"a", 0}};
    EXPECT_EQ(ab[ChooseServer(tablet, ab, 10, "")].server_id,
              ba[ChooseServer(tablet, ba, 10, "")].server_id);
  }
}

std::vector<ServerLoad> Loads(const std::vector<PlacedTablet>& placed,
                              const std::vector<std::string>& servers) {
  std::vector<ServerLoad> loads;
  for (const std::string& server : servers) {
    ServerLoad& load = loads.emplace_back(ServerLoad{server, 0});
    for (const PlacedTablet& one : placed) load.tablets += one.server_id == server;
  }
  return loads;
}

void Carry(const std::vector<PlannedMove>& moves, std::vector<PlacedTablet>* placed) {
  std::set<TabletId> moved;
  for (const PlannedMove& move : moves) {
    EXPECT_TRUE(moved.insert(move.tablet).second) << "tablet " << move.tablet << " moves twice";
    for (PlacedTablet& one : *placed) {
      if (one.tablet != move.tablet) continue;
      EXPECT_EQ(one.server_id, move.from);
      one.server_id = move.to;
    }
  }
}

TEST(Placement, ADrainedServerIsEmptiedAndNobodyOverflows) {
  const std::vector<std::string> others = {"ts-2", "ts-3", "ts-4"};
  for (size_t tablets : {1u, 7u, 40u, 333u}) {
    std::vector<PlacedTablet> placed, leaving;
    for (TabletId id = 16; id < 16 + tablets; ++id) {
      placed.push_back({id, absl::StrCat("ts-", id % 4 + 1)});
      if (placed.back().server_id == "ts-1") leaving.push_back(placed.back());
    }
    const auto moves = PlanDrain(leaving, Loads(placed, others));
    EXPECT_EQ(moves.size(), leaving.size());
    Carry(moves, &placed);
    for (const ServerLoad& load : Loads(placed, others)) {
      EXPECT_LE(load.tablets, MaxTabletsPerServer(tablets, 3)) << load.server_id;
    }
    EXPECT_EQ(Loads(placed, {"ts-1"})[0].tablets, 0u);
  }
}

TEST(Placement, ADrainWithNobodyToTakeTheTabletsSaysSo) {
  const auto moves = PlanDrain({{16, "ts-1"}, {17, "ts-1"}}, {});
  ASSERT_EQ(moves.size(), 2u);
  EXPECT_EQ(moves[0], (PlannedMove{16, "ts-1", "", ""}));
  EXPECT_EQ(moves[1], (PlannedMove{17, "ts-1", "", ""}));
}

// Every server that is over the larger share must give, every one under the smaller must take.
TEST(Placement, BalanceIsEvenWithTheFewestMoves) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  const std::vector<std::string> servers = {"a", "b", "c", "d", "e"};
  for (int round = 0; round < 200; ++round) {
    const size_t n = random.Between(1, servers.size());
    const std::vector<std::string> some(servers.begin(), servers.begin() + static_cast<long>(n));
    std::vector<PlacedTablet> placed;
    const uint64_t tablets = random.Below(60);
    for (TabletId id = 16; id < 16 + tablets; ++id) {
      placed.push_back({id, some[random.Below(random.Below(n) + 1)]});
    }
    uint64_t give = 0, take = 0;
    for (const ServerLoad& load : Loads(placed, some)) {
      const uint64_t most = (tablets + n - 1) / n, least = tablets / n;
      give += load.tablets > most ? load.tablets - most : 0;
      take += load.tablets < least ? least - load.tablets : 0;
    }
    const auto moves = PlanBalance(placed, Loads(placed, some));
    EXPECT_EQ(moves.size(), std::max(give, take));
    Carry(moves, &placed);
    for (const ServerLoad& load : Loads(placed, some)) {
      EXPECT_LE(load.tablets, (tablets + n - 1) / n);
      EXPECT_GE(load.tablets, tablets / n);
    }
    EXPECT_TRUE(PlanBalance(placed, Loads(placed, some)).empty()) << "it does not come to rest";
  }
}

TEST(Placement, WhatMayNotMoveCountsAndStays) {
  // Four of the six tablets of "a" stay where they are.
  const auto moves = PlanBalance({{16, "a"}, {17, "a"}}, {{"a", 6}, {"b", 0}});
  EXPECT_EQ(moves.size(), 2u);
  EXPECT_TRUE(PlanBalance({}, {{"a", 6}, {"b", 0}}).empty());
  EXPECT_TRUE(PlanBalance({}, {}).empty());
}

}  // namespace
}  // namespace stele::master
