// Clock: the only door to time. Leases and timeouts use BootNanos (CLOCK_BOOTTIME: goes on during
// suspend, never goes back); WallMicros is for cell timestamps, max_age and display only.
// Implementations are thread-safe.
#pragma once

#include <cstdint>

namespace stele {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t BootNanos() const = 0;   // nanoseconds since some fixed point
  virtual int64_t WallMicros() const = 0;  // microseconds since 1970-01-01 UTC
};

// CLOCK_MONOTONIC: the clock that outside observers on this machine compare event times with. Not
// for leases and timeouts of the cell itself.
int64_t MonotonicNanos();

// The machine's clocks; lives for the whole process.
Clock* SystemClock();

}  // namespace stele
