// Which records the operations of a workload are about, by number: the request distributions of
// YCSB (Cooper et al., Benchmarking Cloud Serving Systems with YCSB, SoCC 2010), with its constant
// 0.99 and its way of scattering the popular records over the key space. Thread-compatible: one for
// each thread.
#pragma once

#include <cstdint>
#include <memory>

#include "client/cli/ycsb/draws.h"

namespace stele::cli::ycsb {

inline constexpr double kZipfianConstant = 0.99;

// FNV-1a over the number's 8 bytes, the least first, without its sign bit: what YCSB scatters with.
uint64_t ScatterHash(uint64_t number);

// Numbers below `items`: the lower, the more often; number k with a probability proportional to
// 1 / (k + 1)^0.99 (Gray et al., Quickly generating billion-record synthetic databases, SIGMOD
// 1994). `items` may grow: what that costs is proportional to the growth.
class Zipfian {
 public:
  // REQUIRES: items > 0.
  explicit Zipfian(uint64_t items);
  // Of a number of items too large to add up: the sum over 1 / k^0.99 is known.
  Zipfian(uint64_t items, double zeta);
  uint64_t Next(Draws* draws);
  // REQUIRES: items >= the number before.
  void GrowTo(uint64_t items);
  uint64_t items() const { return items_; }

 private:
  void SetEta();

  uint64_t items_;
  double zeta_;  // the sum over items_
  double eta_ = 0;
};

enum class Distribution { kUniform, kZipfian, kLatest };

class KeyChoice {
 public:
  virtual ~KeyChoice() = default;
  // One of the records 0 .. records - 1, which are there. REQUIRES: records > 0, and no less than
  // at the call before.
  virtual uint64_t Next(uint64_t records, Draws* draws) = 0;
};

// `most_records`: how many there will be at most; scattered popularity does not change while
// records are added. Latest: the most recent record is the most popular one.
std::unique_ptr<KeyChoice> MakeKeyChoice(Distribution distribution, uint64_t records,
                                         uint64_t most_records);

}  // namespace stele::cli::ycsb
