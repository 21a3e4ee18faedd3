// FileFences: the block index of one SSTable in memory: first keys in one run of bytes, handles
// beside them. Immutable, thread-safe, shared by the tablet indexes that hold the file.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tabletserver/storage/sstable/sstable.h"

namespace stele::storage {

class FileFences {
 public:
  // Reads them from the table. A failure is kept: status() tells it, and there are no blocks.
  static std::shared_ptr<const FileFences> Load(const SSTable& table);

  const Status& status() const { return status_; }
  size_t size() const { return handles_.size(); }
  Slice key(size_t block) const {
    return Slice(bytes_.data() + ends_[block], ends_[block + 1] - ends_[block]);
  }
  // The last block whose first key is <= key, -1 when there is none.
  int32_t FindBlock(Slice key) const;
  const BlockHandle& handle(size_t block) const { return handles_[block]; }
  size_t memory_bytes() const {
    return sizeof(*this) + bytes_.capacity() + ends_.capacity() * sizeof(ends_[0]) +
           handles_.capacity() * sizeof(handles_[0]);
  }

 private:
  FileFences() = default;
  Status Take(const SSTable& table);

  Status status_;
  std::string bytes_;
  std::vector<uint64_t> ends_;  // key of block b: bytes [ends_[b], ends_[b + 1])
  std::vector<BlockHandle> handles_;
};

}  // namespace stele::storage
