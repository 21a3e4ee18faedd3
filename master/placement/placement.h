// Placement: which server a tablet goes to. Rendezvous hashing with a bound on the load: the
// tablet's favourite servers are ranked by hash(tablet, server), the first that is not full gets
// it; full is 1.25 times the average. So few tablets move when servers come or go, and none gets
// more than its share. (Idea: Mirrokni, Thorup, Zadimoghaddam, Consistent Hashing with Bounded
// Loads.) Pure functions.
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

// The most tablets a server should have when `total` are spread over `servers`.
uint64_t MaxTabletsPerServer(uint64_t total, size_t servers);

// Index into `servers` for a tablet; `total` counts all tablets of the cell, this one included.
// `avoid` (may be empty) is chosen only when nothing else is there. REQUIRES: servers not empty.
size_t ChooseServer(TabletId tablet, const std::vector<ServerLoad>& servers, uint64_t total,
                    const std::string& avoid);

}  // namespace stele::master
