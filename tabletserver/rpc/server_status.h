// What a tablet server says about its engine. Pure.
#pragma once

#include "schema/convert/messages.h"
#include "tabletserver/storage/engine.h"

namespace stele::tabletserver {

// Ring and numbers; the rest is the server's to fill.
wire::ServerStatusResponse DescribeEngine(const storage::EngineStats& stats);

}  // namespace stele::tabletserver
