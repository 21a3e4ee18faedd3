// The page of a process' options: what each is worth, who said so, what it could be. Of every role,
// also of a master that stands by. Pure: the snapshot in, the page out.
#pragma once

#include "common/net/http.h"
#include "deploy/cell/snapshot.h"

namespace stele::deploy {

// HTML, or JSON with ?format=json; 404 when the process has none.
net::HttpResponse RenderConfigPage(const net::HttpRequest& request, const CellSnapshot& snapshot);

}  // namespace stele::deploy
