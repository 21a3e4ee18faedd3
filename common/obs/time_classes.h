// How long requests took, counted in classes whose width grows with the time: four for each power
// of two from 8 microseconds to two minutes, so a quantile is off by at most a quarter of itself.
// Counts of several servers or moments add and subtract. Pure functions over plain values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace stele::obs {

inline constexpr size_t kTimeClasses = 96;
using TimeCounts = std::array<uint64_t, kTimeClasses>;

size_t TimeClassOf(int64_t nanos);  // of a longer time the last one, of a negative the first
int64_t TimeClassStart(size_t time_class);  // its shortest time; kTimeClasses: the end of the last

uint64_t CountOf(const TimeCounts& counts);
// The time that a share `q` (0 .. 1) does not exceed, about; 0 without any.
int64_t QuantileNanos(const TimeCounts& counts, double q);

}  // namespace stele::obs
