// Driver: one store under the benchmark, with the few verbs that every peer has. One implementation
// a store, all opened from the same DriverOptions, so that what differs is the store. Owned by the
// workload that opened it. Put, Drain, Settle and Scan are called by one thread; PutSync and Get by
// many at once.
//
// Any error ends the process (CHECK): a benchmark of a store that fails measures nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/slice.h"

namespace stele::bench {

struct DriverOptions {
  std::string directory;  // absent, empty, or what a driver like this one left
  bool sync_log = false;  // every Put is durable before it is acknowledged
  uint64_t memtable_bytes = 32u << 20;
  uint64_t block_cache_bytes = 8u << 20;
  uint64_t data_bytes = 0;        // what will be written, for limits that must not be met
  bool merge = true;              // false: flushed files stay as they are
  uint32_t puts_in_flight = 1;    // of Put; peers without a queued write always have 1
  uint64_t page_bytes = 4 << 20;  // of a scan, where a scan has pages
  bool repeatable = false;        // of Stele: no thread works in the background, no name is random
};

class Driver {
 public:
  virtual ~Driver() = default;
  // Acknowledged when it returns, or by the next Drain when several may be in flight.
  virtual void Put(Slice key, Slice value) = 0;
  virtual void Drain() {}
  // Acknowledged when it returns.
  virtual void PutSync(Slice key, Slice value) { Put(key, value); }
  // False when absent.
  virtual bool Get(Slice key, std::string* value) = 0;
  // Up to `rows` rows from `start` on (0: to the end), each key and value looked at; returns rows.
  virtual uint64_t Scan(Slice start, uint64_t rows, uint64_t* bytes) = 0;
  // Writes the memtable out; with `compact` also merges everything into one sorted run.
  virtual void Settle(bool compact) = 0;
  // Whether flushes or merges are under way or due; always false where the store does not tell.
  virtual bool IsWorking() const { return false; }
  // What was set, beyond DriverOptions, for the result's reader.
  virtual std::string Describe() const = 0;
};

std::unique_ptr<Driver> OpenStele(const DriverOptions& options);
std::unique_ptr<Driver> OpenRocksDb(const DriverOptions& options);
std::unique_ptr<Driver> OpenLevelDb(const DriverOptions& options);
// A RawLog; only PutSync works.
std::unique_ptr<Driver> OpenRawLog(const DriverOptions& options);

// Null for a name that is unknown or not built in.
std::unique_ptr<Driver> OpenDriver(Slice name, const DriverOptions& options);

// Settings that every store gets.
inline constexpr uint32_t kBlockBytes = 64 * 1024;
inline constexpr uint32_t kBloomBitsPerKey = 10;

}  // namespace stele::bench
