// CRC-32C (Castagnoli) with the SSE 4.2 instruction, and of long runs with 512-bit products where
// the machine has them. Stored checks are masked, so that a crc over bytes that hold a crc stays a
// good check.
#pragma once

#include <cstdint>

#include "common/base/slice.h"

namespace stele {

// Extends `crc` (of some bytes before) by data. Crc32c(x) == ExtendCrc32c(0, x).
uint32_t ExtendCrc32c(uint32_t crc, Slice data);
// The same without these products: what machines without them do.
uint32_t ExtendCrc32cInLanes(uint32_t crc, Slice data);
inline uint32_t Crc32c(Slice data) { return ExtendCrc32c(0, data); }

inline uint32_t MaskCrc(uint32_t crc) { return ((crc >> 13) | (crc << 19)) + 0x7e5c1a3du; }
inline uint32_t UnmaskCrc(uint32_t masked) {
  uint32_t rotated = masked - 0x7e5c1a3du;
  return (rotated << 13) | (rotated >> 19);
}

}  // namespace stele
