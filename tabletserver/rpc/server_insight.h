// ServerInsight: what a tablet server tells of its inside, for its own status pages: gathered when
// somebody looks, never sent. Value type.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schema/convert/messages.h"
#include "tabletserver/rpc/slow_requests.h"
#include "tabletserver/storage/engine.h"

namespace stele::tabletserver {

struct RequestsInFlight {
  uint64_t requests = 0, bytes = 0, limit_bytes = 0;  // admitted and not answered
  uint64_t changes = 0;                               // rows of them that wait for the log
  uint64_t queued_for_disk = 0;                       // reads
  uint64_t parked = 0, parked_bytes = 0;              // reads inside a row larger than a page
  uint64_t refused = 0, dropped_reads = 0;            // since the start
};

struct ServerInsight {
  storage::EngineStats engine;
  std::vector<storage::WaitingJob> waiting;  // flushes and compactions, the most urgent first
  std::vector<wire::TabletReport> tablets;   // by table and rows
  RequestsInFlight in_flight;
  std::vector<SlowRequest> slow;  // of the last hour, the slowest first
};

}  // namespace stele::tabletserver
