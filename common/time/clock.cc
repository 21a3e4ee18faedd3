#include "common/time/clock.h"

#include <ctime>

namespace stele {
namespace {

int64_t Nanos(clockid_t id) {
  timespec t{};
  clock_gettime(id, &t);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

class RealClock : public Clock {
 public:
  int64_t BootNanos() const override { return Nanos(CLOCK_BOOTTIME); }
  int64_t WallMicros() const override { return Nanos(CLOCK_REALTIME) / 1000; }
};

}  // namespace

int64_t MonotonicNanos() { return Nanos(CLOCK_MONOTONIC); }

Clock* SystemClock() {
  static RealClock* const clock = new RealClock;
  return clock;
}

}  // namespace stele
