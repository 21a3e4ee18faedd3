#include "common/base/random.h"

#include <sys/random.h>

#include <cerrno>

#include "common/base/check.h"

namespace stele {
namespace {

class KernelRandom final : public RandomSource {
 public:
  uint64_t Next64() override {
    uint64_t bits = 0;
    // Up to 256 bytes come whole, once the kernel has been seeded; only a signal interrupts.
    ssize_t got = 0;
    do {
      got = getrandom(&bits, sizeof(bits), 0);
    } while (got < 0 && errno == EINTR);
    CHECK_EQ(got, static_cast<ssize_t>(sizeof(bits)));
    return bits;
  }
};

}  // namespace

RandomSource* SystemRandom() {
  static KernelRandom* const random = new KernelRandom;
  return random;
}

}  // namespace stele
