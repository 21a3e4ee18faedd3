// Latencies: how long operations took, in buckets of which 64 share a power of two: a percentile is
// at most 1/64 too high, never too low; values below 64 ns, and the greatest, are exact. One thread
// adds; after it others may merge. Thread-compatible.
#pragma once

#include <cstdint>
#include <vector>

namespace stele::cli::ycsb {

class Latencies {
 public:
  Latencies();
  void Add(int64_t nanoseconds);  // less than 0 counts as 0
  void Merge(const Latencies& other);
  uint64_t count() const { return count_; }
  double MeanNs() const;
  int64_t max_ns() const { return max_ns_; }
  // The least value that a share `q` (0 .. 1] of all do not exceed; 0 without values.
  int64_t PercentileNs(double q) const;

 private:
  std::vector<uint64_t> buckets_;
  uint64_t count_ = 0;
  double sum_ns_ = 0;
  int64_t max_ns_ = 0;
};

}  // namespace stele::cli::ycsb
