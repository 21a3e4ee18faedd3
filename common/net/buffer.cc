#include <cstring>
#include <utility>

#include "common/base/check.h"
#include "common/net/rpc.h"

namespace stele::net {

// Words, so that data() is fit for Cap'n Proto; in one piece of memory with their count of owners.
Buffer::Buffer(size_t size) : size_(size) {
  auto words = std::make_shared_for_overwrite<uint64_t[]>((size + 7) / 8);
  char* const bytes = reinterpret_cast<char*>(words.get());
  data_ = std::shared_ptr<char[]>(std::move(words), bytes);
}

Buffer Buffer::Copy(Slice bytes) {
  Buffer result(bytes.size());
  if (!bytes.empty()) std::memcpy(result.mutable_data(), bytes.data(), bytes.size());
  return result;
}

void Buffer::RemovePrefix(size_t size) {
  CHECK_LE(size, size_);
  CHECK_EQ(size % 8, 0u);
  char* const rest = data_.get() + size;
  data_ = std::shared_ptr<char[]>(std::move(data_), rest);
  size_ -= size;
}

void Buffer::Truncate(size_t size) {
  CHECK_LE(size, size_);
  size_ = size;
}

}  // namespace stele::net
