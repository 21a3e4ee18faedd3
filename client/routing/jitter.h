// Jitter: the client's source of randomness, injected so that a test repeats. Not for secrets.
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>

namespace stele::routing {

class Jitter {
 public:
  virtual ~Jitter() = default;
  // Evenly in [0, bound); 0 for bound 0.
  virtual uint64_t Below(uint64_t bound) = 0;
};

// A counter whose every value is scrambled: no state to lock, the same numbers for the same seed.
class SeededJitter : public Jitter {
 public:
  explicit SeededJitter(uint64_t seed) : state_(seed) {}
  uint64_t Below(uint64_t bound) override {
    if (bound == 0) return 0;
    uint64_t x = state_.fetch_add(0x9e3779b97f4a7c15u, std::memory_order_relaxed);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (x ^ (x >> 31)) % bound;
  }

 private:
  std::atomic<uint64_t> state_;
};

}  // namespace stele::routing
