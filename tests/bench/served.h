// Served: something that answers calls: a cell over the network, another server over the network,
// or a limit in this process. One implementation a peer, called alike: so many clients, each with
// so many calls under way. Owned by the case that opened it; used by one thread.
//
// Any error ends the process (CHECK): a benchmark of something that fails measures nothing.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/rows.h"

namespace stele::bench {

enum class CallKind {
  kRead,       // one row
  kWrite,      // one row, durable
  kBatch,      // kBatchRows rows, durable
  kIncrement,  // the one hot row, durable
  kScan,       // everything, each key and value looked at
};
inline constexpr uint64_t kBatchRows = 100;

struct Calls {
  CallKind kind = CallKind::kRead;
  uint32_t clients = 1;  // a connection each
  uint32_t depth = 1;    // of each
  uint64_t count = 0;    // of all
  // The row of each call, of a batch the first.
  std::function<uint64_t(uint64_t)> row;
};

class Served {
 public:
  virtual ~Served() = default;
  // The first `count` rows are there, and what a read needs is in memory.
  virtual void Load(const Rows& rows, uint64_t count) = 0;
  // What was written goes into files; the time after which nothing more is done in the background.
  virtual std::chrono::milliseconds Flush() { return {}; }
  // So many clients can call without delay.
  virtual void Connect(uint32_t clients) = 0;
  // Makes the calls; took_ns has one entry a call.
  virtual void Run(const Rows& rows, const Calls& calls, std::vector<int64_t>* took_ns) = 0;
  // Whose costs count; empty: this process.
  virtual std::vector<pid_t> servers() const { return {}; }
  virtual std::string Describe() const = 0;
};

struct ServedOptions {
  std::string directory;  // absent or empty
  uint64_t rows = 0;      // that will be there at most
  int servers = 1;        // tablet servers of a cell
  bool grows = false;     // its memory does not depend on `rows`
};

// ZooKeeper, a master and tablet servers, each a process, called through the client library.
std::unique_ptr<Served> ServeCell(const ServedOptions& options);
// A process with one epoll thread that sends answers of the right size and does no work for them.
std::unique_ptr<Served> ServeEcho(const ServedOptions& options);
std::unique_ptr<Served> ServeRedis(const ServedOptions& options);
// One log file, overwritten and synced by one thread that gathers; no network.
std::unique_ptr<Served> ServeRawLog(const ServedOptions& options);
// The engine in this process, its log synced.
std::unique_ptr<Served> ServeEngine(const ServedOptions& options);

}  // namespace stele::bench
