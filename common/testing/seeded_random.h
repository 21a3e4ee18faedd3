// SeededRandom: the randomness of tests. The same seed gives the same numbers on every machine.
// TestSeed() is what a test begins with: the environment's STELE_SEED, or a fixed default; put
// STELE_TRACE_SEED(seed) at the top of a randomised test so that a failure prints how to repeat it.
// Thread-compatible.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "common/base/slice.h"

namespace stele {

class SeededRandom {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}

  uint64_t Next();
  uint64_t Below(uint64_t n);                     // uniform in [0, n); n > 0
  uint64_t Between(uint64_t low, uint64_t high);  // uniform in [low, high]
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  std::string Bytes(size_t n);    // any bytes
  std::string Letters(size_t n);  // a-z
  // An independent generator, for a part that must not disturb the numbers of the rest.
  SeededRandom Fork() { return SeededRandom(Next()); }

 private:
  uint64_t state_;
};

uint64_t TestSeed();

}  // namespace stele

#define STELE_TRACE_SEED(seed) SCOPED_TRACE("repeat with STELE_SEED=" + std::to_string(seed))
