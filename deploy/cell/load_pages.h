// What is shown of the cell's load: throughput and latency over the last hour, and the heat of a
// table's keys with its hottest ranges and rows. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "common/net/http.h"
#include "common/obs/page.h"
#include "deploy/cell/snapshot.h"

namespace stele::deploy {

// Two drawings of a series of LoadHistory; nothing when the load is not known to this process.
void AddHistory(const CellSnapshot& snapshot, const std::string& series, obs::Page* page);
nlohmann::json HistoryJson(const CellSnapshot& snapshot, const std::string& series);

// ?table= names one; without it the page shows the busiest. Also HeatQueryOf's parameters.
// NotFound, InvalidArgument.
StatusOr<std::string> HeatPage(const CellSnapshot& snapshot, const net::HttpRequest& request);
StatusOr<nlohmann::json> HeatJson(const CellSnapshot& snapshot, const net::HttpRequest& request);

}  // namespace stele::deploy
