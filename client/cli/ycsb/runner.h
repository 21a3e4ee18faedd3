// Runner: makes the load of a YCSB workload on one table with blocking calls of many threads, and
// takes how long each operation took.
//
// Closed loop: a thread begins an operation when the one before it has ended. A store that stands
// still then keeps load away from itself, and few operations show it. Open loop (a rate): each
// operation has a moment at which it should begin, and its latency counts from then, also when
// others were late: what a user would wait at that rate.
//
// Owned by the verb; Run is called once. An operation that fails is counted and the load goes on.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>

#include "client/cli/ycsb/core_workload.h"
#include "client/cli/ycsb/latencies.h"
#include "common/base/status.h"
#include "common/time/clock.h"
#include "stele/client.h"

namespace stele::cli::ycsb {

struct RunOptions {
  bool load = false;  // insert the records 0 .. records - 1, instead of running the workload
  CoreWorkload workload;
  std::string family = "f";
  uint64_t records = 0;  // that are there, or are loaded
  uint32_t fields = 10;  // columns field0 ..
  uint32_t field_bytes = 100;
  uint32_t threads = 1;
  uint64_t operations = 0;  // of all threads; 0: until the time is over
  double seconds = 0;       // 0: until the operations are done. One of the two is there
  double rate = 0;          // operations a second of all threads; 0: closed loop
  uint64_t seed = 1;
};

struct KindResult {
  Latencies latencies;  // of those that succeeded
  uint64_t failed = 0;
  uint64_t not_found = 0;  // reads that succeeded and found no row
  Status first_error;
};

struct RunResult {
  std::array<KindResult, kOperationKinds> kinds;
  double seconds = 0;
  uint64_t rows_scanned = 0;
  uint64_t not_begun = 0;  // of an open loop: due within its time, but all threads were held up
  bool interrupted = false;

  uint64_t operations() const;  // that succeeded
  uint64_t failed() const;
};

// `watch` runs now and then on the calling thread with the operations done so far; false ends the
// run. `table` outlives the call.
RunResult RunWorkload(Table* table, const RunOptions& options, Clock* clock,
                      const std::function<bool(uint64_t)>& watch);

}  // namespace stele::cli::ycsb
