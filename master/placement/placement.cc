#include "master/placement/placement.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>

#include "common/base/check.h"

namespace stele::master {
namespace {

constexpr uint64_t kLoadNumerator = 5;  // 5/4 of the average
constexpr uint64_t kLoadDenominator = 4;

uint64_t Mix(uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

// Stable over versions and machines: an assignment must not depend on who computes it.
uint64_t Rank(TabletId tablet, const std::string& server) {
  uint64_t hash = Mix(tablet + 0x9e3779b97f4a7c15ULL);
  for (char c : server) hash = Mix(hash ^ static_cast<uint8_t>(c));
  return hash;
}

}  // namespace

uint64_t MaxTabletsPerServer(uint64_t total, size_t servers) {
  const uint64_t divisor = kLoadDenominator * servers;
  return (kLoadNumerator * total + divisor - 1) / divisor;
}

size_t ChooseServer(TabletId tablet, const std::vector<ServerLoad>& servers, uint64_t total,
                    const std::string& avoid) {
  CHECK(!servers.empty());
  std::vector<size_t> order(servers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return Rank(tablet, servers[a].server_id) > Rank(tablet, servers[b].server_id);
  });
  const uint64_t most = MaxTabletsPerServer(total, servers.size());
  size_t fallback = order[0];
  for (size_t i : order) {
    if (servers[i].server_id == avoid) continue;
    if (servers[i].tablets < most) return i;
    if (servers[fallback].server_id == avoid) fallback = i;
  }
  return fallback;
}

std::vector<PlannedMove> PlanDrain(const std::vector<PlacedTablet>& leaving,
                                   std::vector<ServerLoad> servers) {
  uint64_t total = leaving.size();
  for (const ServerLoad& server : servers) total += server.tablets;
  std::vector<PlannedMove> moves;
  for (const PlacedTablet& placed : leaving) {
    PlannedMove& move = moves.emplace_back(PlannedMove{placed.tablet, placed.server_id, "", ""});
    if (servers.empty()) continue;
    ServerLoad& to = servers[ChooseServer(placed.tablet, servers, total, placed.server_id)];
    ++to.tablets;
    move.to = to.server_id;
  }
  return moves;
}

namespace {

// How many tablets each server should have: the fullest keep the one that does not divide.
std::map<std::string, uint64_t> EvenShares(std::vector<ServerLoad> servers) {
  std::sort(servers.begin(), servers.end(), [](const ServerLoad& a, const ServerLoad& b) {
    return std::tie(b.tablets, a.server_id) < std::tie(a.tablets, b.server_id);
  });
  uint64_t total = 0;
  for (const ServerLoad& server : servers) total += server.tablets;
  std::map<std::string, uint64_t> shares;
  for (size_t i = 0; i < servers.size(); ++i) {
    shares[servers[i].server_id] = total / servers.size() + (i < total % servers.size() ? 1 : 0);
  }
  return shares;
}

}  // namespace

std::vector<PlannedMove> PlanBalance(const std::vector<PlacedTablet>& movable,
                                     std::vector<ServerLoad> servers) {
  if (servers.empty()) return {};
  const std::map<std::string, uint64_t> shares = EvenShares(servers);
  std::map<std::string, uint64_t> over, under, counts;
  for (const ServerLoad& server : servers) {
    counts[server.server_id] = server.tablets;
    const uint64_t share = shares.at(server.server_id);
    if (server.tablets > share) over[server.server_id] = server.tablets - share;
    if (server.tablets < share) under[server.server_id] = share - server.tablets;
  }
  struct Choice {
    uint64_t rank = 0;
    PlannedMove move;
  };
  std::vector<Choice> choices;
  for (const PlacedTablet& placed : movable) {
    if (!over.contains(placed.server_id)) continue;
    for (const auto& [to, room] : under) {
      choices.push_back({Rank(placed.tablet, to), {placed.tablet, placed.server_id, to, ""}});
    }
  }
  std::sort(choices.begin(), choices.end(), [](const Choice& a, const Choice& b) {
    return std::tie(b.rank, a.move.tablet, a.move.to) < std::tie(a.rank, b.move.tablet, b.move.to);
  });
  std::set<TabletId> moved;
  std::vector<PlannedMove> moves;
  for (Choice& choice : choices) {
    uint64_t& surplus = over[choice.move.from];
    uint64_t& room = under[choice.move.to];
    if (surplus == 0 || room == 0 || !moved.insert(choice.move.tablet).second) continue;
    --surplus;
    --room;
    choice.move.reason =
        absl::StrCat(choice.move.from, " has ", counts.at(choice.move.from), " tablets, ",
                     choice.move.to, " has ", counts.at(choice.move.to));
    moves.push_back(std::move(choice.move));
  }
  return moves;
}

}  // namespace stele::master
