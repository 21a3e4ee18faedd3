// The words for what a schema chooses among, in expressions, pages and dumps. Pure.
#pragma once

#include <cstddef>
#include <iterator>

#include "stele/schema.h"

namespace stele {

inline constexpr const char* kCodecNames[] = {"none", "snappy", "lz4", "zstd"};
inline constexpr const char* kAggregateNames[] = {"", "sum", "min", "max"};

// "?": a byte that is no codec.
inline const char* NameOf(Codec codec) {
  const auto i = static_cast<size_t>(codec);
  return i < std::size(kCodecNames) ? kCodecNames[i] : "?";
}
inline const char* NameOf(Aggregate aggregate) {
  const auto i = static_cast<size_t>(aggregate);
  return i < std::size(kAggregateNames) ? kAggregateNames[i] : "?";
}

}  // namespace stele
