// RowTimestamps: the server's time for cells that ask for it. Strictly increasing per row, also
// when the wall clock goes back, and above a floor that survives restarts (the manifest keeps it).
// Rows share stripes by hash: a stripe may run ahead of a row, never behind. Multiples of 1000 us.
// Thread-compatible: the tablet's write mutex guards it.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/slice.h"
#include "common/time/clock.h"

namespace stele::storage {

class RowTimestamps {
 public:
  // The clock outlives the object. Everything handed out is above `floor_us`.
  RowTimestamps(Clock* clock, int64_t floor_us);

  int64_t Next(Slice row);
  // The time for a change that may meet the row's last time again: never behind it, and what Next
  // hands out later is above it.
  int64_t Now(Slice row);
  // The largest handed out so far, or the floor.
  int64_t max_us() const { return max_us_; }

 private:
  static constexpr size_t kStripes = 256;
  int64_t Give(Slice row, int64_t above_last_us);
  Clock* const clock_;
  int64_t max_us_;
  std::vector<int64_t> last_us_;
};

}  // namespace stele::storage
