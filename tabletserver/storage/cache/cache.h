// BlockCache: decoded blocks (or filter partitions) by (file, offset), charged exactly, evicted by
// CLOCK. A hit takes no lock: it pins its slot with one atomic add, copies the shared_ptr and lets
// go; insertion and eviction hold the shard's mutex and never touch a pinned slot. Memory is
// returned when the last holder of a block lets go, the charge when the block leaves the cache.
// MemoryTracker: a tree of byte counters with limits. Both are thread-safe; trackers outlive what
// is charged to them. Nothing here survives a crash or needs to.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "common/base/slice.h"

namespace stele::storage {

// Charges flow to every ancestor. TryCharge refuses when any limit on the path would be passed;
// Charge never refuses.
class MemoryTracker {
 public:
  MemoryTracker(std::string name, int64_t limit_bytes,
                MemoryTracker* parent = nullptr);  // limit 0: none
  ~MemoryTracker();                                // REQUIRES: everything was released
  MemoryTracker(const MemoryTracker&) = delete;
  MemoryTracker& operator=(const MemoryTracker&) = delete;
  bool TryCharge(int64_t bytes);
  void Charge(int64_t bytes);
  void Release(int64_t bytes);
  int64_t used() const { return used_.load(std::memory_order_relaxed); }
  int64_t peak() const { return peak_.load(std::memory_order_relaxed); }
  int64_t limit() const { return limit_; }
  const std::string& name() const { return name_; }
  MemoryTracker* parent() const { return parent_; }

 private:
  void NotePeak(int64_t used);

  const std::string name_;
  const int64_t limit_;
  MemoryTracker* const parent_;
  std::atomic<int64_t> used_{0};
  std::atomic<int64_t> peak_{0};
};

struct CacheKey {
  uint64_t file = 0;  // unique for the life of the cache (NewFileId)
  uint64_t offset = 0;
  bool operator==(const CacheKey&) const = default;
};

// A run of verified, decompressed bytes that begins on a cache line. Filled once by its maker, then
// shared and immutable.
class CachedBlock {
 public:
  static std::shared_ptr<CachedBlock> Allocate(size_t size);  // bytes not yet set
  explicit CachedBlock(size_t size);
  ~CachedBlock();
  CachedBlock(const CachedBlock&) = delete;
  CachedBlock& operator=(const CachedBlock&) = delete;

  Slice data() const { return Slice(bytes_, size_); }
  char* mutable_data() { return bytes_; }
  size_t charge() const { return sizeof(*this) + size_; }
  // How often this was called before: for its readers to count what they like.
  uint32_t Count() const { return count_.fetch_add(1, std::memory_order_relaxed); }
  // What its maker wants to find without a look at the bytes.
  struct Note {
    uint64_t place = 0;
    uint32_t bytes = 0;
  };
  void set_note(const Note& note) { note_ = note; }
  const Note& note() const { return note_; }

 private:
  mutable std::atomic<uint32_t> count_{0};
  Note note_;
  const size_t size_;
  char* const bytes_;
};

struct CacheStats {
  // Of accesses: what was found, what had to be read instead. Who only looks counts as neither.
  uint64_t hits = 0, misses = 0, insertions = 0, evictions = 0;
  uint64_t bytes = 0, entries = 0, capacity = 0;
};

class BlockCache {
 public:
  // capacity 0 keeps nothing. `memory` may be null; it is charged with the resident blocks and with
  // the cache's own tables. A block that it refuses is not kept.
  BlockCache(uint64_t capacity_bytes, MemoryTracker* memory);
  ~BlockCache();
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;

  // Null when absent. Found, it is a hit. Absent, it is nothing yet: the block may be in another
  // place, or not be wanted enough to wait for; who reads it then says CountMiss, once.
  std::shared_ptr<const CachedBlock> Lookup(const CacheKey& key);
  void CountMiss(const CacheKey& key);
  // Lookup of who only wants a glance: calls `look` with the block and is done with it; false when
  // it is absent. Short and without locks: what evicts the block waits for it.
  bool Glance(const CacheKey& key, absl::FunctionRef<void(const CachedBlock&)> look);
  // Lookup that counts nothing: for what is a part of an access.
  std::shared_ptr<const CachedBlock> Peek(const CacheKey& key);
  // Whether Lookup would find it. Counts no hit and does not keep the block from eviction.
  bool Contains(const CacheKey& key) const;
  // Returns the resident block: `block`, or the one another thread put there first. `block` is not
  // kept when it is larger than a shard or memory is short.
  std::shared_ptr<const CachedBlock> Insert(const CacheKey& key,
                                            std::shared_ptr<const CachedBlock> block);
  void Erase(const CacheKey& key);
  void EraseFile(uint64_t file);
  CacheStats stats() const;
  bool keeps_nothing() const { return shard_count_ == 0; }
  uint64_t NewFileId() { return next_file_.fetch_add(1) + 1; }

 private:
  class Shard;
  Shard& ShardOf(uint64_t hash) const;

  std::atomic<uint64_t> next_file_{0};
  const uint64_t capacity_;
  uint64_t shard_count_ = 0;  // 0 when capacity_ is 0, else a power of two
  std::unique_ptr<Shard[]> shards_;
};

}  // namespace stele::storage
