// A block (FORMAT.md): sorted entries with prefix compression and restart points. BlockBuilder
// makes one, CheckBlock walks one that came from outside, BlockIterator reads it. The iterator
// stays inside the block for any content, even one that CheckBlock would refuse. Bound to one
// thread each.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/status.h"
#include "common/bytes/byte_buffer.h"
#include "common/bytes/key_head.h"
#include "tabletserver/storage/cache/cache.h"
#include "tabletserver/storage/iterator/iterator.h"

namespace stele::storage {

class BlockBuilder {
 public:
  // A restart at the latest after this many entries or bytes.
  BlockBuilder(uint32_t restart_entries, uint32_t restart_bytes);
  // REQUIRES: key > every key added since the last Reset.
  void Add(Slice key, Slice value) {
    Add(key, value, CommonPrefix(last_key_.bytes(), key));
    last_key_.Assign(key);
  }
  // The same for who knows how many bytes the key begins with that the one before began with, and
  // always says so.
  void Add(Slice key, Slice value, size_t common);
  // The block over all entries; valid until Reset, which must come before the next Add.
  Slice Finish();
  void Reset();
  bool empty() const { return entries_ == 0; }
  size_t bytes() const { return buffer_.bytes().size() + 4 * restarts_.size() + 4; }

 private:
  const uint32_t restart_entries_;
  const uint32_t restart_bytes_;
  ByteBuffer buffer_;
  std::vector<uint32_t> restarts_;
  ByteBuffer last_key_;
  uint64_t entries_ = 0;
  uint32_t since_restart_ = 0;
};

// DataLoss unless `block` is made as FORMAT.md says: entries inside bounds, keys strictly ascending
// (and, with cell_keys, well-formed cell keys), restart points as written. At least one entry.
Status CheckBlock(Slice block, bool cell_keys);

class BlockIterator final : public Iterator {
 public:
  explicit BlockIterator(std::shared_ptr<const CachedBlock> block)
      : BlockIterator(block, block->data()) {}
  // Over a block that lies somewhere in `holder`.
  BlockIterator(std::shared_ptr<const CachedBlock> holder, Slice block);
  // As if made anew, over a block that somebody else keeps.
  void Reset(Slice block);
  BlockIterator(const BlockIterator&) = delete;
  BlockIterator& operator=(const BlockIterator&) = delete;
  bool Valid() const override { return valid_; }
  void SeekToFirst() override;
  void Seek(Slice target) override;
  // The last entry with key <= target; not valid when there is none.
  void SeekFloor(Slice target);
  void SeekBefore(Slice target) override;
  void Next() override {
    if (!NextShort()) NextAny();
  }
  Slice key() const override { return key_; }
  Slice value() const override { return value_; }
  Status status() const override { return status_; }
  __attribute__((always_inline)) bool Step(Slice* to_key, Slice* to_value) override {
    if (!NextShort()) NextAny();
    *to_key = key_;
    *to_value = value_;
    return valid_;
  }
  // After Next has run off the end: the last key of the block.
  Slice last_key() const { return key_; }

 private:
  // Next where the entry's head is short, as nearly always: a byte for each length, or two for the
  // value's. False, and nothing done, where it is not, or where there is no entry.
  bool NextShort();
  void NextAny();
  // Stands on the entry, which lies in the block, at next_.
  void Take(uint32_t shared, Slice suffix, Slice value);
  // The last restart point whose key is <= target, or < target when `below`; the first one if there
  // is none. False (and corrupt) when the block is malformed.
  bool FindRestart(Slice target, bool below, uint32_t* index);
  bool RestartKey(uint32_t index, Slice* key);
  // The last entry from the restart on that is < target, or <= target with `equal`; with an empty
  // target and not `equal` the last one.
  void GoToLast(uint32_t restart, Slice target, bool equal);
  void GoToRestart(uint32_t index);
  void Corrupt();

  std::shared_ptr<const CachedBlock> holder_;
  Slice entries_;
  const char* restarts_ = nullptr;
  uint32_t restart_count_ = 0;
  size_t next_ = 0;  // offset of the entry after the current one
  bool valid_ = false;
  Slice key_;  // in the block when it is whole there, else built_key_
  bool key_is_built_ = false;
  ByteBuffer built_key_;
  Slice value_;
  Status status_;
};

__attribute__((always_inline)) inline void BlockIterator::Take(uint32_t shared, Slice suffix,
                                                               Slice value) {
  if (shared == 0) {
    key_ = suffix;
    key_is_built_ = false;
  } else {
    if (!key_is_built_) built_key_.Assign({key_.data(), shared});
    key_is_built_ = true;
    built_key_.Replace(shared, suffix);
    key_ = built_key_.bytes();
  }
  value_ = value;
  const char* const next = value.data() + value.size();
  const auto before = static_cast<ptrdiff_t>(next_);
  next_ = static_cast<size_t>(next - entries_.data());
  // Entries are mostly of about one size: brings in where the next ones should begin, with their
  // keys, which may reach into another line.
  constexpr ptrdiff_t kNearLineBytes = 56;
  const char* const later = next + 2 * (static_cast<ptrdiff_t>(next_) - before);
  __builtin_prefetch(next);
  __builtin_prefetch(next + kNearLineBytes);
  __builtin_prefetch(later);
  __builtin_prefetch(later + kNearLineBytes);
}

__attribute__((always_inline)) inline bool BlockIterator::NextShort() {
  constexpr size_t kHeadBytes = 4;
  if (entries_.size() < next_ + kHeadBytes) return false;
  const auto* const head = reinterpret_cast<const uint8_t*>(entries_.data()) + next_;
  if ((head[0] | head[1]) >= 0x80 || (head[2] & head[3]) >= 0x80) return false;
  const bool one = head[2] < 0x80;
  const size_t unshared = head[1];
  const size_t value_bytes = one ? head[2] : (head[2] & 0x7fu) | (size_t{head[3]} << 7);
  const size_t begin = next_ + (one ? 3 : 4);
  if (unshared + value_bytes > entries_.size() - begin || head[0] > key_.size()) return false;
  const char* const suffix = entries_.data() + begin;
  Take(head[0], {suffix, unshared}, {suffix + unshared, value_bytes});
  return true;
}

}  // namespace stele::storage
