#include "common/obs/time_classes.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace stele::obs {
namespace {

constexpr int kFirstPower = 13;  // 8,192 ns
constexpr size_t kInOnePower = 4;

}  // namespace

size_t TimeClassOf(int64_t nanos) {
  if (nanos < (int64_t{1} << kFirstPower)) return 0;
  const auto value = static_cast<uint64_t>(nanos);
  const int power = std::bit_width(value) - 1;
  const uint64_t quarter = (value >> (power - 2)) & (kInOnePower - 1);
  return std::min(kTimeClasses - 1,
                  static_cast<size_t>(power - kFirstPower) * kInOnePower + quarter + 1);
}

int64_t TimeClassStart(size_t time_class) {
  if (time_class == 0) return 0;
  const size_t power = (time_class - 1) / kInOnePower, quarter = (time_class - 1) % kInOnePower;
  return static_cast<int64_t>((kInOnePower + quarter) << (kFirstPower - 2 + power));
}

uint64_t CountOf(const TimeCounts& counts) {
  return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
}

int64_t QuantileNanos(const TimeCounts& counts, double q) {
  const uint64_t all = CountOf(counts);
  if (all == 0) return 0;
  const double wanted = std::clamp(q, 0.0, 1.0) * static_cast<double>(all);
  double below = 0;
  for (size_t i = 0; i < kTimeClasses; ++i) {
    const auto here = static_cast<double>(counts[i]);
    if (here > 0 && below + here >= wanted) {
      const auto start = static_cast<double>(TimeClassStart(i));
      const auto end = static_cast<double>(TimeClassStart(i + 1));
      return std::llround(start + (end - start) * std::max(0.0, wanted - below) / here);
    }
    below += here;
  }
  return TimeClassStart(kTimeClasses);
}

}  // namespace stele::obs
