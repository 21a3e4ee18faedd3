// StatusPages: the read-only web pages of a process. Of one with an active master: / , /tables,
// /table?name=, /tablets, /tablet?id=, /servers, /server?id=, /heat?table=, /operations, /locker,
// /events; of a tablet server: / and those of insight_pages.h. Of every process: /config. Long
// lists come in parts (paging.h). Each also as JSON with ?format=json; /metrics for Prometheus;
// /healthz and /readyz. Everything is escaped by common/obs, no page shows a cell's value. Pure:
// the snapshot in, the page out.
#pragma once

#include "common/net/http.h"
#include "deploy/cell/snapshot.h"

namespace stele::deploy {

net::HttpResponse RenderStatusPage(const net::HttpRequest& request, const CellSnapshot& snapshot);

}  // namespace stele::deploy
