// The pages that show a cell as its master sees it: overview, tables, one table, tablets, one
// tablet, servers, one server, events. Pure: the snapshot in, HTML out. Everything is escaped by
// obs::Page; no page shows a cell's value; keys are shown printable and cut.
#pragma once

#include <string>

#include "common/base/status.h"
#include "common/net/http.h"
#include "deploy/cell/snapshot.h"

namespace stele::deploy {

// REQUIRES: snapshot.view. NotFound or InvalidArgument say what of the query is wrong.
StatusOr<std::string> CellPage(const CellSnapshot& snapshot, const net::HttpRequest& request);
StatusOr<std::string> TablesPage(const CellSnapshot& snapshot, const net::HttpRequest& request);
StatusOr<std::string> TablePage(const CellSnapshot& snapshot, const net::HttpRequest& request);
StatusOr<std::string> TabletsPage(const CellSnapshot& snapshot, const net::HttpRequest& request);
StatusOr<std::string> TabletPage(const CellSnapshot& snapshot, const net::HttpRequest& request);
StatusOr<std::string> ServersPage(const CellSnapshot& snapshot, const net::HttpRequest& request);
StatusOr<std::string> OneServerPage(const CellSnapshot& snapshot, const net::HttpRequest& request);
StatusOr<std::string> EventsPage(const CellSnapshot& snapshot, const net::HttpRequest& request);

// What the query of an events page selects; the page and its JSON agree. InvalidArgument.
StatusOr<wire::ListEventsRequest> EventQueryOf(const net::HttpRequest& request);
// The table of ?name=, the tablet of ?id=. NotFound, InvalidArgument.
StatusOr<const wire::TableSummary*> FindTable(const CellSnapshot& snapshot,
                                              const net::HttpRequest& request);
StatusOr<const wire::TabletSummary*> FindTablet(const CellSnapshot& snapshot,
                                                const net::HttpRequest& request);
// The server of ?id=. NotFound.
StatusOr<const wire::ServerSummary*> FindServer(const CellSnapshot& snapshot,
                                                const net::HttpRequest& request);
// How many tablets do not serve.
uint64_t CountNotServing(const CellSnapshot& snapshot);

}  // namespace stele::deploy
