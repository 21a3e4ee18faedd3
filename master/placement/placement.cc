#include "master/placement/placement.h"

#include <algorithm>
#include <numeric>

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

}  // namespace stele::master
