// StatusPages: the read-only web pages of a cell: / , /tables, /tablets, /servers; each also as
// JSON with ?format=json; /metrics for Prometheus; /healthz. Everything is escaped by common/obs,
// no page shows a cell's value. Pure: the snapshot in, the page out.
#pragma once

#include <memory>
#include <vector>

#include "common/net/http.h"
#include "master/cell_view.h"
#include "schema/convert/messages.h"

namespace stele::deploy {

struct CellSnapshot {
  std::shared_ptr<const master::CellView> view;  // null: the cell is starting
  std::vector<wire::ServerStatusResponse> servers;
};

net::HttpResponse RenderStatusPage(const net::HttpRequest& request, const CellSnapshot& snapshot);

}  // namespace stele::deploy
