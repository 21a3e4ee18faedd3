// What operators did and what the master is doing (/operations), and who holds what in the Locker
// (/locker). Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "common/net/http.h"
#include "deploy/cell/snapshot.h"

namespace stele::deploy {

// The journal of orders, with those that were refused and why, and what is under way.
StatusOr<std::string> OperationsPage(const CellSnapshot& snapshot, const net::HttpRequest& request);
// The master's lock and lease, and the servers' nodes and incarnations.
StatusOr<std::string> LockerPage(const CellSnapshot& snapshot, const net::HttpRequest& request);
StatusOr<nlohmann::json> LockerJson(const CellSnapshot& snapshot, const net::HttpRequest& request);

}  // namespace stele::deploy
