// Goal: no server gets more than its bounded share, few tablets move when a server comes or goes,
// the choice is the same for everyone and avoids what it is told to.
#include "master/placement/placement.h"

#include <gtest/gtest.h>

#include <map>

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

}  // namespace
}  // namespace stele::master
