// RandomSource: the only door to randomness of production code: identities that nobody may guess or
// meet twice. What must be repeatable in a test enters by constructor. Implementations are
// thread-safe.
#pragma once

#include <cstdint>

namespace stele {

class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual uint64_t Next64() = 0;
};

// The kernel's; lives for the whole process.
RandomSource* SystemRandom();

}  // namespace stele
