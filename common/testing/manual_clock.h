// ManualClock: time that only moves when a test says so. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>

#include "common/base/check.h"
#include "common/time/clock.h"

namespace stele {

class ManualClock : public Clock {
 public:
  static constexpr int64_t kStartWallMicros = 1'700'000'000'000'000;

  int64_t BootNanos() const override { return boot_nanos_.load(); }
  int64_t WallMicros() const override { return wall_micros_.load(); }

  // Moves both clocks forward.
  void Advance(int64_t nanos) {
    CHECK_GE(nanos, 0);
    boot_nanos_.fetch_add(nanos);
    wall_micros_.fetch_add(nanos / 1000);
  }
  void AdvanceMillis(int64_t millis) { Advance(millis * 1'000'000); }
  // The wall clock may jump anywhere; the boot clock does not notice.
  void SetWallMicros(int64_t micros) { wall_micros_.store(micros); }

 private:
  std::atomic<int64_t> boot_nanos_{1'000'000'000};
  std::atomic<int64_t> wall_micros_{kStartWallMicros};
};

}  // namespace stele
