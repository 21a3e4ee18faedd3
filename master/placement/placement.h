// Placement: which server a tablet goes to. Rendezvous hashing with a bound on the load: the
// tablet's favourite servers are ranked by hash(tablet, server), the first that is not full gets
// it; full is 1.25 times the average. So few tablets move when servers come or go, and none gets
// more than its share. (Idea: Mirrokni, Thorup, Zadimoghaddam, Consistent Hashing with Bounded
// Loads.) And which tablets change places so that a server is emptied, or all have their shares:
// never more of them than that needs. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schema/model/model.h"

namespace stele::master {

struct ServerLoad {
  std::string server_id;
  uint64_t tablets = 0;
};

// A tablet and the server that has it.
struct PlacedTablet {
  TabletId tablet = 0;
  std::string server_id;
  bool operator==(const PlacedTablet&) const = default;
};
struct PlannedMove {
  TabletId tablet = 0;
  std::string from;
  std::string to;      // empty: there is no server to take it
  std::string reason;  // with its figures; may be empty
  bool operator==(const PlannedMove&) const = default;
};

// The most tablets a server should have when `total` are spread over `servers`.
uint64_t MaxTabletsPerServer(uint64_t total, size_t servers);

// Index into `servers` for a tablet; `total` counts all tablets of the cell, this one included.
// `avoid` (may be empty) is chosen only when nothing else is there. REQUIRES: servers not empty.
size_t ChooseServer(TabletId tablet, const std::vector<ServerLoad>& servers, uint64_t total,
                    const std::string& avoid);

// Where the `leaving` tablets go, whose servers are not among `servers`; `servers` have the loads
// without them.
std::vector<PlannedMove> PlanDrain(const std::vector<PlacedTablet>& leaving,
                                   std::vector<ServerLoad> servers);

// The fewest moves after which no two of `servers` differ by more than one tablet. `movable` are of
// these servers; a load may count tablets that are not among them, which stay. Which tablet goes
// where is its own choice by rank.
std::vector<PlannedMove> PlanBalance(const std::vector<PlacedTablet>& movable,
                                     std::vector<ServerLoad> servers);

}  // namespace stele::master
