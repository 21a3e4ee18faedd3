#include <cstring>

#include "common/base/check.h"
#include "common/net/rpc.h"

namespace stele::net {

// operator new[] aligns to at least 16 bytes here, so data() is fit for Cap'n Proto.
static_assert(__STDCPP_DEFAULT_NEW_ALIGNMENT__ >= 8);

Buffer::Buffer(size_t size) : data_(new char[size]), size_(size) {}

Buffer Buffer::Copy(Slice bytes) {
  Buffer result(bytes.size());
  if (!bytes.empty()) std::memcpy(result.mutable_data(), bytes.data(), bytes.size());
  return result;
}

Buffer Buffer::Suffix(size_t offset) const {
  CHECK_LE(offset, size_);
  CHECK_EQ(offset % 8, 0u);
  Buffer result;
  result.data_ = std::shared_ptr<char[]>(data_, data_.get() + offset);
  result.size_ = size_ - offset;
  return result;
}

void Buffer::Truncate(size_t size) {
  CHECK_LE(size, size_);
  size_ = size;
}

}  // namespace stele::net
