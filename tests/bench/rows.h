// The rows of the benchmarks, after section 7 of the Bigtable paper: 20-byte decimal keys and
// incompressible values of 1,000 bytes, made from numbers. The same count and seed give the same
// rows in the same order. Immutable once made: read by many threads.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/slice.h"
#include "tests/bench/meter.h"

namespace stele::bench {

inline constexpr size_t kKeyBytes = 20;
inline constexpr size_t kValueBytes = 1000;
inline constexpr uint64_t kRowBytes = kKeyBytes + kValueBytes;

// Rows by number: keys in their order, values cut out of one run of random bytes.
class Rows {
 public:
  Rows(uint64_t count, uint64_t seed);
  uint64_t count() const { return order_.size(); }
  // The row that comes i-th in random order.
  uint64_t Shuffled(uint64_t i) const { return order_[i % order_.size()]; }
  // Another order than Shuffled, which was that of the writes: neighbours in the log would be
  // neighbours in memory.
  uint64_t ForRead(uint64_t i) const { return Shuffled(i * kStep); }
  Slice Value(uint64_t row) const {
    return Slice(pool_).substr((row * 7919) % (kPoolBytes - kValueBytes), kValueBytes);
  }

 private:
  static constexpr size_t kPoolBytes = 4u << 20;
  static constexpr uint64_t kStep = 1'000'003;
  std::vector<uint32_t> order_;
  std::mt19937_64 random_;
  std::string pool_;
};

// Rows that are there have even numbers in their keys, absent ones odd.
class Key {
 public:
  explicit Key(uint64_t row, bool absent = false);
  operator Slice() const { return Slice(digits_, kKeyBytes); }
  std::string_view view() const { return {digits_, kKeyBytes}; }  // for the SDK

 private:
  char digits_[kKeyBytes];
};

// Calls fn(i) for every i below `count`, spread over threads that start together; returns when all
// are done, with a meter that began at the start.
Meter RunThreads(uint32_t threads, uint64_t count, const std::function<void(uint64_t)>& fn);

}  // namespace stele::bench
