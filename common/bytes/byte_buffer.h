// A copy of some bytes that is made anew again and again: a short one without an allocation.
// Thread-compatible. What bytes() gave stays until the next change.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "common/base/slice.h"

namespace stele {

class ByteBuffer {
 public:
  ByteBuffer() = default;
  ByteBuffer(const ByteBuffer&) = delete;
  ByteBuffer& operator=(const ByteBuffer&) = delete;

  // REQUIRES, and of Append: they are not its own.
  void Assign(Slice bytes) {
    size_ = 0;
    if (bytes.size() > capacity_) Grow(bytes.size());
    size_ = bytes.size();
    if (size_ != 0) std::memcpy(data(), bytes.data(), size_);
  }
  void Append(Slice more) {
    if (size_ + more.size() > capacity_) Grow(size_ + more.size());
    if (!more.empty()) std::memcpy(data() + size_, more.data(), more.size());
    size_ += more.size();
  }
  // REQUIRES: size <= bytes().size().
  void Truncate(size_t size) { size_ = size; }
  // The last byte, of what is not empty.
  char& back() { return data()[size_ - 1]; }
  Slice bytes() const { return {large_ == nullptr ? small_ : large_.get(), size_}; }
  size_t heap_bytes() const { return large_ == nullptr ? 0 : capacity_; }

 private:
  static constexpr size_t kSmallBytes = 96;

  char* data() { return large_ == nullptr ? small_ : large_.get(); }
  void Grow(size_t bytes) {
    const size_t capacity = std::max(bytes, 2 * capacity_);
    auto larger = std::make_unique_for_overwrite<char[]>(capacity);
    std::memcpy(larger.get(), data(), size_);
    large_ = std::move(larger);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> large_;
  size_t size_ = 0, capacity_ = kSmallBytes;
  char small_[kSmallBytes];
};

}  // namespace stele
