// Little-endian fixed and varint coding for formats, and big-endian fixed for keys that must sort
// as bytes. Get* consume from the front of *input and return false, leaving it unspecified, when it
// is malformed or too short.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

#include "common/base/slice.h"

namespace stele {

static_assert(std::endian::native == std::endian::little,
              "formats are written as the machine stores them");

inline void EncodeFixed32(char* p, uint32_t v) { std::memcpy(p, &v, 4); }
inline void EncodeFixed64(char* p, uint64_t v) { std::memcpy(p, &v, 8); }
inline uint32_t DecodeFixed32(const char* p) {
  uint32_t v;
  std::memcpy(&v, p, 4);
  return v;
}
inline uint64_t DecodeFixed64(const char* p) {
  uint64_t v;
  std::memcpy(&v, p, 8);
  return v;
}
inline void EncodeBig64(char* p, uint64_t v) { EncodeFixed64(p, __builtin_bswap64(v)); }
inline uint64_t DecodeBig64(const char* p) { return __builtin_bswap64(DecodeFixed64(p)); }
inline void EncodeBig16(char* p, uint16_t v) {
  p[0] = static_cast<char>(v >> 8);
  p[1] = static_cast<char>(v & 0xff);
}
inline uint16_t DecodeBig16(const char* p) {
  return static_cast<uint16_t>((static_cast<uint8_t>(p[0]) << 8) | static_cast<uint8_t>(p[1]));
}

inline void PutFixed32(std::string* out, uint32_t v) {
  out->append(reinterpret_cast<const char*>(&v), 4);
}
inline void PutFixed64(std::string* out, uint64_t v) {
  out->append(reinterpret_cast<const char*>(&v), 8);
}
inline void PutBig64(std::string* out, uint64_t v) { PutFixed64(out, __builtin_bswap64(v)); }

inline constexpr size_t kMaxVarint64Bytes = 10;
// Writes at p (room for kMaxVarint64Bytes), returns one past the end.
inline char* EncodeVarint64(char* p, uint64_t v) {
  while (v >= 0x80) {
    *p++ = static_cast<char>(v | 0x80);
    v >>= 7;
  }
  *p++ = static_cast<char>(v);
  return p;
}
inline void PutVarint64(std::string* out, uint64_t v) {
  char buffer[kMaxVarint64Bytes];
  out->append(buffer, static_cast<size_t>(EncodeVarint64(buffer, v) - buffer));
}
inline void PutLengthPrefixed(std::string* out, Slice s) {
  PutVarint64(out, s.size());
  out->append(s.data(), s.size());
}

inline bool GetFixed32(Slice* input, uint32_t* v) {
  if (input->size() < 4) return false;
  *v = DecodeFixed32(input->data());
  input->remove_prefix(4);
  return true;
}
inline bool GetFixed64(Slice* input, uint64_t* v) {
  if (input->size() < 8) return false;
  *v = DecodeFixed64(input->data());
  input->remove_prefix(8);
  return true;
}
inline bool GetVarint64(Slice* input, uint64_t* v) {
  uint64_t result = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (input->empty()) return false;
    uint64_t byte = static_cast<uint8_t>(input->front());
    input->remove_prefix(1);
    if (shift == 63 && byte > 1) return false;  // would not fit
    result |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      *v = result;
      return true;
    }
  }
  return false;
}
inline bool GetVarint32(Slice* input, uint32_t* v) {
  uint64_t wide;
  if (!GetVarint64(input, &wide) || wide > UINT32_MAX) return false;
  *v = static_cast<uint32_t>(wide);
  return true;
}
inline bool GetLengthPrefixed(Slice* input, Slice* s) {
  uint64_t n;
  if (!GetVarint64(input, &n) || n > input->size()) return false;
  *s = input->substr(0, n);
  input->remove_prefix(n);
  return true;
}

}  // namespace stele
