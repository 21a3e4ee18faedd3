// The workloads after section 7 of the Bigtable paper: 20-byte keys, incompressible values of 1,000
// bytes, every row written once. A case opens a driver in an empty directory, prepares it and takes
// one or more measures. Thread-compatible; the order of keys follows from the seed.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/bench/driver.h"
#include "tests/bench/meter.h"

namespace stele::bench {

struct CaseOptions {
  std::string driver;     // stele, rocksdb, leveldb, raw
  std::string directory;  // empty
  uint64_t rows = 100'000;
  uint64_t seed = 1;
};

// Names for RunCase, in the order of running.
std::vector<std::string> CaseNames();
// Whether that driver can do what the case asks of it.
bool HasCase(const std::string& driver, const std::string& name);

// Calls `report` once a measure. False: no such case or driver.
bool RunCase(const std::string& name, const CaseOptions& options,
             const std::function<void(const Measure&)>& report);

}  // namespace stele::bench
