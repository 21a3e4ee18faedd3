// The numbers of a process for Prometheus, at /metrics: of the tablet servers in it, and of the
// cell when its master is the active one. Names end in their base unit (_bytes, _seconds), those of
// counters in _total; deploy/monitoring uses no other. Pure.
#pragma once

#include <string>

#include "deploy/cell/snapshot.h"

namespace stele::deploy {

// Text exposition format 0.0.4. There is something to tell of every process: one that starts or
// stands by has stele_ready 0.
std::string MetricsText(const CellSnapshot& snapshot);

}  // namespace stele::deploy
