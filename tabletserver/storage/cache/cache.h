// BlockCache: decoded blocks (or filter partitions) by (file, offset), charged exactly, evicted by
// CLOCK, hits without a lock. MemoryTracker: a tree of byte counters with limits. Both thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "common/base/slice.h"

namespace stele::storage {

// Charges flow to every ancestor. TryCharge refuses when any limit on the path would be passed;
// Charge never refuses.
class MemoryTracker {
 public:
  MemoryTracker(std::string name, int64_t limit_bytes,
                MemoryTracker* parent = nullptr);  // limit 0: none
  ~MemoryTracker();
  bool TryCharge(int64_t bytes);
  void Charge(int64_t bytes);
  void Release(int64_t bytes);
  int64_t used() const { return used_.load(std::memory_order_relaxed); }
  int64_t peak() const { return peak_.load(std::memory_order_relaxed); }
  int64_t limit() const { return limit_; }
  const std::string& name() const { return name_; }
  MemoryTracker* parent() const { return parent_; }

 private:
  const std::string name_;
  const int64_t limit_;
  MemoryTracker* const parent_;
  std::atomic<int64_t> used_{0};
  std::atomic<int64_t> peak_{0};
};

struct CacheKey {
  uint64_t file = 0;  // unique for the life of the cache (a counter given by SSTable readers)
  uint64_t offset = 0;
  bool operator==(const CacheKey&) const = default;
};

// An immutable run of verified, decompressed bytes.
struct CachedBlock {
  std::string data;
  size_t charge() const { return sizeof(*this) + data.capacity(); }
};

struct CacheStats {
  uint64_t hits = 0, misses = 0, insertions = 0, evictions = 0;
  uint64_t bytes = 0, entries = 0, capacity = 0;
};

class BlockCache {
 public:
  // capacity 0 keeps nothing. `memory` may be null.
  BlockCache(uint64_t capacity_bytes, MemoryTracker* memory);
  ~BlockCache();
  std::shared_ptr<const CachedBlock> Lookup(const CacheKey& key);
  // Returns the resident block: `block`, or the one another thread put there first.
  std::shared_ptr<const CachedBlock> Insert(const CacheKey& key,
                                            std::shared_ptr<const CachedBlock> block);
  void EraseFile(uint64_t file);
  CacheStats stats() const;
  uint64_t NewFileId() { return next_file_.fetch_add(1) + 1; }

 private:
  struct Shard;
  std::atomic<uint64_t> next_file_{0};
  const uint64_t capacity_;
  std::unique_ptr<Shard[]> shards_;
};

}  // namespace stele::storage
