// Which tablets change places so that no server has much more load than the others. Pure functions.
//
// A server has too much when it is above the average by more than the tolerance and the least load
// that matters. Each move, or exchange of two tablets, brings the larger of its two servers down by
// its share of that; no tablet moves twice, no server leaves the bounds of its number of
// tablets, and no move is made without which the others would do as well. What a single tablet
// has cannot be divided here: that is for splits.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "master/placement/placement.h"

namespace stele::master {

struct WeighedTablet {
  TabletId tablet = 0;
  std::string server_id;
  double load = 0;      // a second
  bool stays = false;   // it counts, and is not moved
  bool system = false;  // moved only where those of users do not do
};
// Tablets whose servers are not among `servers` count for nothing.
struct WeighedCell {
  std::vector<std::string> servers;  // those that can take tablets
  std::vector<WeighedTablet> tablets;
};
struct LoadRules {
  double tolerance = 0.25;  // of the average load of a server
  double min_load = 100;    // a difference of less does not matter
};

// How many tablets a server may have before they are spread evenly.
struct TabletBounds {
  uint64_t least = 0, most = 0;
};
TabletBounds BoundsOf(uint64_t tablets, size_t servers);

double TotalLoad(const WeighedCell& cell);
bool CountsOutOfBounds(const WeighedCell& cell);
bool LoadOutOfBounds(const WeighedCell& cell, const LoadRules& rules);
// How far each server's load is above the average, in shares of what is tolerated: above 1 it has
// too much.
std::map<std::string, double> ExcessLoads(const WeighedCell& cell, const LoadRules& rules);
// Whether there is a move that relieves a server whose excess is above its limit (none given: 1).
bool CanRelieve(const WeighedCell& cell, const LoadRules& rules,
                const std::map<std::string, double>& limits);

// As PlanBalance, of all tablets that do not stay: those of users first.
std::vector<PlannedMove> PlanByCount(const WeighedCell& cell);
// Each with its figures as the reason, in the order they are to be made.
std::vector<PlannedMove> PlanByLoad(const WeighedCell& cell, const LoadRules& rules);

}  // namespace stele::master
