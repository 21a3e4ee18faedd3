// The page of one tablet server in its own words: its log as a ring, memory, disk, every number
// with its meaning. Pure.
#pragma once

#include <string>

#include "common/obs/page.h"
#include "schema/convert/messages.h"

namespace stele::deploy {

// The whole page, for the server's own process.
std::string ServerPage(const wire::ServerStatusResponse& server);
// What of it stands on other pages: how full what can be full is; and everything.
void AddServerLevels(const wire::ServerStatusResponse& server, obs::Page* page);
void AddServerDetails(const wire::ServerStatusResponse& server, obs::Page* page);

}  // namespace stele::deploy
