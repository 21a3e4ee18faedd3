// The pages that show a cell as its master sees it: overview, tables, one table, tablets, one
// tablet, servers, one server, events. Pure: the snapshot in, HTML out. Everything is escaped by
// obs::Page; no page shows a cell's value; keys are shown printable and cut.
#pragma once

#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/net/http.h"
#include "deploy/cell/paging.h"
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
// In the order of tables and rows: those of a table (0: of all) and a server ("": of all).
std::vector<const wire::TabletSummary*> TabletsInOrder(const CellSnapshot& snapshot, TableId table,
                                                       const std::string& server);
// The part of them that the request asks for; of one table `after` may be a plain row.
StatusOr<ListPart> PartOfTablets(const std::vector<const wire::TabletSummary*>& tablets,
                                 const net::HttpRequest& request, TableId table);
// The same of the tables by name, of the servers by id.
StatusOr<ListPart> PartOfTables(const CellSnapshot& snapshot, const net::HttpRequest& request,
                                std::vector<const wire::TableSummary*>* tables);
StatusOr<ListPart> PartOfServers(const CellSnapshot& snapshot, const net::HttpRequest& request,
                                 std::vector<const wire::ServerSummary*>* servers);
// How many tablets do not serve.
uint64_t CountNotServing(const CellSnapshot& snapshot);

}  // namespace stele::deploy
