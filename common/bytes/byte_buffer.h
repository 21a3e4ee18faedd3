// A copy of some bytes that is made anew again and again: a short one without an allocation.
// Thread-compatible. What bytes() gave stays until the next Assign.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>

#include "common/base/slice.h"

namespace stele {

class ByteBuffer {
 public:
  ByteBuffer() = default;
  ByteBuffer(const ByteBuffer&) = delete;
  ByteBuffer& operator=(const ByteBuffer&) = delete;

  // REQUIRES: `bytes` are not its own.
  void Assign(Slice bytes) {
    if (bytes.size() > capacity_) Grow(bytes.size());
    size_ = bytes.size();
    if (size_ != 0) std::memcpy(data(), bytes.data(), size_);
  }
  // The last byte, of what is not empty.
  char& back() { return data()[size_ - 1]; }
  Slice bytes() const { return {large_ == nullptr ? small_ : large_.get(), size_}; }
  size_t heap_bytes() const { return large_ == nullptr ? 0 : capacity_; }

 private:
  static constexpr size_t kSmallBytes = 96;

  char* data() { return large_ == nullptr ? small_ : large_.get(); }
  void Grow(size_t bytes) {
    capacity_ = std::max(bytes, 2 * capacity_);
    large_ = std::make_unique_for_overwrite<char[]>(capacity_);
  }

  std::unique_ptr<char[]> large_;
  size_t size_ = 0, capacity_ = kSmallBytes;
  char small_[kSmallBytes];
};

}  // namespace stele
