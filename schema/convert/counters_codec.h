// TabletCounters, which tablet servers report and the master passes on. Internal to this folder.
// Pure functions.
#pragma once

#include "schema/convert/body.h"
#include "schema/convert/messages.h"
#include "schema/wire/tablet.capnp.h"

namespace stele::wire {

void PutCounters(schema::TabletCounters::Builder to, const TabletCounters& from);
TabletCounters GetCounters(schema::TabletCounters::Reader from);

}  // namespace stele::wire
