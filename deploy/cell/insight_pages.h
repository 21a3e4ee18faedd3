// The pages of a tablet server's inside, of any server of this process (?server=, else the first):
// /memory (what holds how much, caches), /compactions (running, waiting, debt of each tablet),
// /requests (in flight, and the slowest of the last hour with their stages), /own-tablets and
// /own-tablet?id= (files, index, debt). Each with its JSON. Pure: what the server told in, pages
// out. No value of a cell is shown, keys are printable and cut.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "common/net/http.h"
#include "common/obs/page.h"
#include "deploy/cell/snapshot.h"

namespace stele::deploy {

// REQUIRES: snapshot.servers is not empty. NotFound and InvalidArgument say what of the query is
// wrong; Unavailable: this process tells nothing of its inside.
StatusOr<std::string> MemoryPage(const CellSnapshot& snapshot, const net::HttpRequest& request);
StatusOr<nlohmann::json> MemoryJson(const CellSnapshot& snapshot, const net::HttpRequest& request);
StatusOr<std::string> CompactionsPage(const CellSnapshot& snapshot,
                                      const net::HttpRequest& request);
StatusOr<nlohmann::json> CompactionsJson(const CellSnapshot& snapshot,
                                         const net::HttpRequest& request);
StatusOr<std::string> RequestsPage(const CellSnapshot& snapshot, const net::HttpRequest& request);
StatusOr<nlohmann::json> RequestsJson(const CellSnapshot& snapshot,
                                      const net::HttpRequest& request);
StatusOr<std::string> OwnTabletsPage(const CellSnapshot& snapshot, const net::HttpRequest& request);
StatusOr<nlohmann::json> OwnTabletsJson(const CellSnapshot& snapshot,
                                        const net::HttpRequest& request);
StatusOr<std::string> OwnTabletPage(const CellSnapshot& snapshot, const net::HttpRequest& request);
StatusOr<nlohmann::json> OwnTabletJson(const CellSnapshot& snapshot,
                                       const net::HttpRequest& request);

// Links to them, of one server; `home` is its first page.
void AddInsightLinks(const std::string& server_id, const std::string& home, obs::Page* page);

}  // namespace stele::deploy
