// A copy of some bytes that is made anew again and again: a short one without an allocation.
// Thread-compatible. What bytes() gave stays until the next change.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "common/base/slice.h"

namespace stele {

// memcpy, of short bytes without a call.
inline void CopyBytes(char* to, const char* from, size_t n) {
  constexpr size_t kWide = 16, kMost = 6 * kWide;
  if (n > kMost || n < kWide / 2) {
    if (n != 0) std::memcpy(to, from, n);
    return;
  }
  if (n < kWide) {
    std::memcpy(to, from, kWide / 2);
    std::memcpy(to + n - kWide / 2, from + n - kWide / 2, kWide / 2);
    return;
  }
  for (size_t at = 0; at + kWide < n; at += kWide) std::memcpy(to + at, from + at, kWide);
  std::memcpy(to + n - kWide, from + n - kWide, kWide);
}

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
    CopyBytes(data(), bytes.data(), size_);
  }
  void Append(Slice more) {
    if (size_ + more.size() > capacity_) Grow(size_ + more.size());
    if (!more.empty()) std::memcpy(data() + size_, more.data(), more.size());
    size_ += more.size();
  }
  // Of the bytes so many, then `more`. REQUIRES: keep <= bytes().size().
  void Replace(size_t keep, Slice more) {
    size_ = keep;
    if (keep + more.size() > capacity_) Grow(keep + more.size());
    CopyBytes(data() + keep, more.data(), more.size());
    size_ = keep + more.size();
  }
  // Makes it n bytes longer, and gives them to be set.
  char* Extend(size_t n) {
    if (size_ + n > capacity_) Grow(size_ + n);
    size_ += n;
    return data() + size_ - n;
  }
  // Without any; the memory is used again.
  void Clear() { size_ = 0; }
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
