// FuzzInput: draws numbers and strings from the bytes a fuzzer gives, until they run out (then
// zeros and empty strings). Thread-compatible; lives as long as the bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "common/base/slice.h"

namespace stele::fuzz {

class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}
  template <typename T>
  T Number() {
    T value = 0;
    const size_t n = std::min(sizeof(T), rest_.size());
    std::memcpy(&value, rest_.data(), n);
    rest_.remove_prefix(n);
    return value;
  }
  Slice Bytes(size_t n) {
    Slice bytes = rest_.substr(0, n);
    rest_.remove_prefix(bytes.size());
    return bytes;
  }
  Slice Rest() { return Bytes(rest_.size()); }
  bool empty() const { return rest_.empty(); }

 private:
  Slice rest_;
};

}  // namespace stele::fuzz
