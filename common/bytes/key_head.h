// How keys begin: what two have in common, the eight bytes behind such a prefix as a number that
// orders keys where they differ, and where a first part ends that has no zeros; and how bytes are
// asked for. Pure functions, thread-safe.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "common/base/slice.h"
#include "common/bytes/coding.h"

namespace stele {

// The number of bytes at the front that are equal.
inline size_t CommonPrefix(Slice a, Slice b) {
  const size_t n = std::min(a.size(), b.size());
  const char *const p = a.data(), *const q = b.data();
  size_t at = 0;
  for (; at + 8 <= n; at += 8) {
    const uint64_t differs = DecodeFixed64(p + at) ^ DecodeFixed64(q + at);
    if (differs != 0) return at + static_cast<size_t>(std::countr_zero(differs)) / 8;
  }
  while (at < n && p[at] == q[at]) ++at;
  return at;
}

// Whether a < b, where so many bytes at the front are equal and no more.
inline bool Ascends(Slice a, Slice b, size_t common) {
  if (common == a.size() || common == b.size()) return a.size() < b.size();
  return static_cast<uint8_t>(a[common]) < static_cast<uint8_t>(b[common]);
}

// a < b; of short ones without a call.
inline bool KeyLess(Slice a, Slice b) { return Ascends(a, b, CommonPrefix(a, b)); }

// Asks for the first `most` bytes all at once, before they are looked at one after the other.
inline void Prefetch(Slice bytes, size_t most) {
  constexpr size_t kLineBytes = 64;
  const char* const end = bytes.data() + std::min(bytes.size(), most);
  for (const char* line = bytes.data(); line < end; line += kLineBytes) __builtin_prefetch(line);
}

// Whether the first `n` bytes are equal; of short ones without a call.
inline bool EqualBytes(const char* p, const char* q, size_t n) {
  if (n > 64) return std::memcmp(p, q, n) == 0;
  if (n < 8) {
    size_t at = 0;
    while (at < n && p[at] == q[at]) ++at;
    return at == n;
  }
  uint64_t differs = DecodeFixed64(p + n - 8) ^ DecodeFixed64(q + n - 8);
  for (size_t at = 0; at + 8 < n; at += 8) differs |= DecodeFixed64(p + at) ^ DecodeFixed64(q + at);
  return differs == 0;
}

// The eight bytes behind the first `skip`, big-endian, zeros behind the key's end. Of keys with
// equal first `skip` bytes the one with the smaller head is the smaller; equal heads say nothing.
inline uint64_t KeyHead(Slice key, size_t skip) {
  if (key.size() >= skip + 8) return DecodeBig64(key.data() + skip);
  char bytes[8] = {};
  if (key.size() > skip) std::memcpy(bytes, key.data() + skip, key.size() - skip);
  return DecodeBig64(bytes);
}

// The index of the first zero, the size when there is none. Of short strings without a call.
inline size_t FindZero(Slice s) {
  const auto zeros_at = [&](size_t at) {  // the high bit of each byte, exact up to the first zero
    const uint64_t bytes = DecodeFixed64(s.data() + at);
    return (bytes - 0x0101010101010101u) & ~bytes & 0x8080808080808080u;
  };
  size_t at = 0;
  for (const size_t near = std::min<size_t>(s.size(), 48); at + 8 <= near; at += 8) {
    if (const uint64_t zeros = zeros_at(at); zeros != 0) {
      return at + static_cast<size_t>(std::countr_zero(zeros)) / 8;
    }
  }
  if (s.size() < 8) {
    while (at < s.size() && s[at] != '\0') ++at;
    return at;
  }
  if (at == s.size()) return at;
  // What is left of a short one is the end of its last eight bytes, of which the others have none.
  if (s.size() - at < 8 && zeros_at(s.size() - 8) == 0) return s.size();
  const void* zero = std::memchr(s.data() + at, '\0', s.size() - at);
  return zero == nullptr ? s.size()
                         : static_cast<size_t>(static_cast<const char*>(zero) - s.data());
}

}  // namespace stele
