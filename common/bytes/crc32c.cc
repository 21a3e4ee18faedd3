#include "common/bytes/crc32c.h"

#include <nmmintrin.h>

#include <cstring>

namespace stele {

uint32_t ExtendCrc32c(uint32_t crc, Slice data) {
  uint64_t state = crc ^ 0xffffffffu;
  const char* p = data.data();
  size_t n = data.size();
  for (; n >= 8; p += 8, n -= 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    state = _mm_crc32_u64(state, word);
  }
  for (; n > 0; ++p, --n) {
    state = _mm_crc32_u8(static_cast<uint32_t>(state), static_cast<uint8_t>(*p));
  }
  return static_cast<uint32_t>(state) ^ 0xffffffffu;
}

}  // namespace stele
