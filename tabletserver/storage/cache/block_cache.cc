#include <algorithm>
#include <bit>
#include <new>
#include <thread>
#include <vector>

#include "common/base/check.h"
#include "common/base/mutex.h"
#include "tabletserver/storage/cache/cache.h"

namespace stele::storage {
namespace {

constexpr uint64_t kShardBytes = 8u << 20;
constexpr uint64_t kMaxShards = 64;
constexpr size_t kFirstSlots = 64;
constexpr std::align_val_t kBlockAlignment{64};

uint64_t HashOf(const CacheKey& key) {
  uint64_t h = key.file * 0x9e3779b97f4a7c15u ^ (key.offset + 0x7f4a7c159e3779b9u);
  h = (h ^ (h >> 32)) * 0xd6e8feb86659fd93u;
  h = (h ^ (h >> 32)) * 0xd6e8feb86659fd93u;
  return h ^ (h >> 32);
}

// One place of the open-addressed table. `meta` = readers (low 32 bits) | referenced | live. Only
// the holder of the shard's mutex turns `live` on or off, and off only while there is no reader; so
// a reader that pinned a live slot may read key and block, and nobody else may write them.
struct alignas(64) Slot {
  static constexpr uint64_t kReader = 1;
  static constexpr uint64_t kReaders = 0xffffffffu;
  static constexpr uint64_t kReferenced = uint64_t{1} << 32;
  static constexpr uint64_t kLive = uint64_t{1} << 33;

  std::atomic<uint64_t> meta{0};
  std::atomic<uint64_t> file{0};
  std::atomic<uint64_t> offset{0};
  std::atomic<uint32_t> passed{0};  // entries whose probe went past this slot
  std::shared_ptr<const CachedBlock> block;

  bool live() const { return (meta.load(std::memory_order_relaxed) & kLive) != 0; }
  bool Holds(const CacheKey& key) const {
    return file.load(std::memory_order_relaxed) == key.file &&
           offset.load(std::memory_order_relaxed) == key.offset;
  }
  CacheKey key() const {
    return {file.load(std::memory_order_relaxed), offset.load(std::memory_order_relaxed)};
  }
  // REQUIRES the shard's mutex and a slot that is not live.
  void Publish(const CacheKey& key, std::shared_ptr<const CachedBlock> b, uint64_t referenced) {
    file.store(key.file, std::memory_order_relaxed);
    offset.store(key.offset, std::memory_order_relaxed);
    block = std::move(b);
    meta.fetch_or(kLive | referenced, std::memory_order_release);
  }
  // Takes the slot out of use if no reader has it now. REQUIRES the shard's mutex.
  bool TryRetire() {
    uint64_t m = meta.load(std::memory_order_relaxed);
    while ((m & kLive) != 0 && (m & kReaders) == 0) {
      if (meta.compare_exchange_weak(m, m & ~(kLive | kReferenced), std::memory_order_acq_rel,
                                     std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }
  // A reader holds its pin for a handful of instructions.
  void Retire() {
    while (!TryRetire()) std::this_thread::yield();
  }
};

// The CLOCK empties slots in a row and leaves others full in a row: a path that went from slot to
// slot would run through all of those. So each key has a stride of its own.
size_t StrideOf(uint64_t hash) { return static_cast<size_t>(hash >> 20) | 1; }

struct Table {
  explicit Table(size_t slot_count) : slots(new Slot[slot_count]), mask(slot_count - 1) {}
  size_t size() const { return mask + 1; }
  size_t bytes() const { return sizeof(*this) + size() * sizeof(Slot); }

  // The first slot on the key's path that may hold it, or -1. A race gives a miss, nothing worse.
  int64_t Find(const CacheKey& key, uint64_t hash) const {
    const size_t stride = StrideOf(hash);
    for (size_t i = 0, at = hash & mask; i <= mask; ++i, at = (at + stride) & mask) {
      const Slot& slot = slots[at];
      if (slot.live() && slot.Holds(key)) return static_cast<int64_t>(at);
      if (slot.passed.load(std::memory_order_relaxed) == 0) return -1;
    }
    return -1;
  }
  // REQUIRES the shard's mutex and a free slot.
  void Place(const CacheKey& key, uint64_t hash, std::shared_ptr<const CachedBlock> block,
             uint64_t referenced) {
    size_t at = hash & mask;
    for (; slots[at].live(); at = (at + StrideOf(hash)) & mask) {
      slots[at].passed.fetch_add(1, std::memory_order_relaxed);
    }
    slots[at].Publish(key, std::move(block), referenced);
  }
  // REQUIRES the shard's mutex and that the entry of `slot` was just retired.
  std::shared_ptr<const CachedBlock> Clear(size_t at) {
    const uint64_t hash = HashOf(slots[at].key());
    for (size_t i = hash & mask; i != at; i = (i + StrideOf(hash)) & mask) {
      slots[i].passed.fetch_sub(1, std::memory_order_relaxed);
    }
    return std::move(slots[at].block);
  }

  const std::unique_ptr<Slot[]> slots;
  const size_t mask;
};

}  // namespace

std::shared_ptr<CachedBlock> CachedBlock::Allocate(size_t size) {
  return std::make_shared<CachedBlock>(size);
}
CachedBlock::CachedBlock(size_t size)
    : size_(size), bytes_(static_cast<char*>(::operator new(size, kBlockAlignment))) {}
CachedBlock::~CachedBlock() { ::operator delete(bytes_, kBlockAlignment); }

// The table grows by doubling. Readers may still be in an older table, so those stay (empty) until
// the shard goes: together they are smaller than the current one.
class alignas(64) BlockCache::Shard {
 public:
  void Init(uint64_t capacity, MemoryTracker* memory) {
    MutexLock lock(&mu_);
    capacity_ = capacity;
    memory_ = memory;
    AddTable(kFirstSlots);
  }
  ~Shard() {
    MutexLock lock(&mu_);
    if (memory_ == nullptr) return;
    memory_->Release(static_cast<int64_t>(bytes_));
    for (const auto& table : tables_) memory_->Release(static_cast<int64_t>(table->bytes()));
  }

  std::shared_ptr<const CachedBlock> Lookup(const CacheKey& key, uint64_t hash, bool is_access) {
    std::shared_ptr<const CachedBlock> block;
    const auto take = [&block](const std::shared_ptr<const CachedBlock>& found) { block = found; };
    if (Pinned(key, hash, take) && is_access) CountHit();
    return block;
  }

  bool Glance(const CacheKey& key, uint64_t hash,
              absl::FunctionRef<void(const CachedBlock&)> look) {
    const bool found = Pinned(
        key, hash, [look](const std::shared_ptr<const CachedBlock>& block) { look(*block); });
    if (found) CountHit();
    return found;
  }

  void CountHit() { hits_.fetch_add(1, std::memory_order_relaxed); }
  void CountMiss() { misses_.fetch_add(1, std::memory_order_relaxed); }

  bool Contains(const CacheKey& key, uint64_t hash) const {
    return table_.load(std::memory_order_acquire)->Find(key, hash) >= 0;
  }

  std::shared_ptr<const CachedBlock> Insert(const CacheKey& key, uint64_t hash,
                                            std::shared_ptr<const CachedBlock> block)
      EXCLUDES(mu_) {
    std::vector<std::shared_ptr<const CachedBlock>> evicted;  // freed after the mutex
    MutexLock lock(&mu_);
    if (int64_t at = current().Find(key, hash); at >= 0) return current().slots[at].block;
    uint64_t charge = block->charge();
    if (charge > capacity_ || !EvictTo(capacity_ - charge, &evicted)) return block;
    if (memory_ != nullptr && !memory_->TryCharge(static_cast<int64_t>(charge))) {
      // Memory is short elsewhere: the newcomer may only replace what this shard holds.
      if (!EvictTo(bytes_ - std::min(bytes_, charge), &evicted)) return block;
      if (!memory_->TryCharge(static_cast<int64_t>(charge))) return block;
    }
    if ((entries_ + 1) * 4 > current().size() * 3) Grow();
    current().Place(key, hash, block, 0);
    bytes_ += charge;
    ++entries_;
    ++insertions_;
    return block;
  }

  void Erase(const CacheKey& key, uint64_t hash) EXCLUDES(mu_) {
    std::shared_ptr<const CachedBlock> erased;  // freed after the mutex
    MutexLock lock(&mu_);
    const int64_t at = current().Find(key, hash);
    if (at < 0) return;
    current().slots[at].Retire();
    erased = Remove(&current(), static_cast<size_t>(at));
  }

  void EraseFile(uint64_t file) EXCLUDES(mu_) {
    std::vector<std::shared_ptr<const CachedBlock>> erased;
    MutexLock lock(&mu_);
    Table& table = current();
    for (size_t at = 0; at < table.size() && entries_ > 0; ++at) {
      Slot& slot = table.slots[at];
      if (!slot.live() || slot.key().file != file) continue;
      slot.Retire();
      erased.push_back(Remove(&table, at));
    }
  }

  void AddTo(CacheStats* stats) const EXCLUDES(mu_) {
    stats->hits += hits_.load(std::memory_order_relaxed);
    stats->misses += misses_.load(std::memory_order_relaxed);
    MutexLock lock(&mu_);
    stats->insertions += insertions_;
    stats->evictions += evictions_;
    stats->bytes += bytes_;
    stats->entries += entries_;
  }

 private:
  Table& current() const REQUIRES(mu_) { return *tables_.back(); }

  // Calls use with the block while its slot is pinned; false when it is absent.
  template <typename Use>
  bool Pinned(const CacheKey& key, uint64_t hash, const Use& use) {
    const Table* table = table_.load(std::memory_order_acquire);
    const int64_t at = table->Find(key, hash);
    if (at < 0) return false;
    Slot& slot = table->slots[at];
    const uint64_t before = slot.meta.fetch_add(Slot::kReader, std::memory_order_acquire);
    const bool found = (before & Slot::kLive) != 0 && slot.Holds(key);
    if (found) {
      use(slot.block);
      if ((before & Slot::kReferenced) == 0) {
        slot.meta.fetch_or(Slot::kReferenced, std::memory_order_relaxed);
      }
    }
    slot.meta.fetch_sub(Slot::kReader, std::memory_order_release);
    return found;
  }

  void AddTable(size_t slots) REQUIRES(mu_) {
    tables_.push_back(std::make_unique<Table>(slots));
    if (memory_ != nullptr) memory_->Charge(static_cast<int64_t>(current().bytes()));
    hand_ = 0;
    table_.store(tables_.back().get(), std::memory_order_release);
  }

  // Readers find an entry in the old table until they find it in the new one.
  void Grow() REQUIRES(mu_) {
    Table& old = current();
    auto next = std::make_unique<Table>(old.size() * 2);
    for (size_t at = 0; at < old.size(); ++at) {
      const Slot& slot = old.slots[at];
      uint64_t meta = slot.meta.load(std::memory_order_relaxed);
      if ((meta & Slot::kLive) == 0) continue;
      next->Place(slot.key(), HashOf(slot.key()), slot.block, meta & Slot::kReferenced);
    }
    if (memory_ != nullptr) memory_->Charge(static_cast<int64_t>(next->bytes()));
    table_.store(next.get(), std::memory_order_release);
    tables_.push_back(std::move(next));
    hand_ = 0;
    for (size_t at = 0; at < old.size(); ++at) {
      if (!old.slots[at].live()) continue;
      old.slots[at].Retire();
      old.slots[at].block.reset();
    }
  }

  // The CLOCK, until at most `target` bytes are left: a referenced entry loses its mark, an
  // unmarked one goes. False when readers keep pinning what is left.
  bool EvictTo(uint64_t target, std::vector<std::shared_ptr<const CachedBlock>>* evicted)
      REQUIRES(mu_) {
    Table& table = current();
    for (size_t steps = 0; bytes_ > target; ++steps) {
      if (steps > 3 * table.size()) return false;
      size_t at = hand_;
      hand_ = (hand_ + 1) & table.mask;
      Slot& slot = table.slots[at];
      uint64_t meta = slot.meta.load(std::memory_order_relaxed);
      if ((meta & Slot::kLive) == 0) continue;
      if ((meta & Slot::kReferenced) != 0) {
        slot.meta.fetch_and(~Slot::kReferenced, std::memory_order_relaxed);
      } else if (slot.TryRetire()) {
        evicted->push_back(Remove(&table, at));
        ++evictions_;
      }
    }
    return true;
  }

  std::shared_ptr<const CachedBlock> Remove(Table* table, size_t at) REQUIRES(mu_) {
    std::shared_ptr<const CachedBlock> block = table->Clear(at);
    bytes_ -= block->charge();
    --entries_;
    if (memory_ != nullptr) memory_->Release(static_cast<int64_t>(block->charge()));
    return block;
  }

  uint64_t capacity_ = 0;            // set once, before the shard is shared
  MemoryTracker* memory_ = nullptr;  // outlives the cache
  std::atomic<Table*> table_{nullptr};
  std::atomic<uint64_t> hits_{0};
  std::atomic<uint64_t> misses_{0};

  mutable Mutex mu_;
  std::vector<std::unique_ptr<Table>> tables_ GUARDED_BY(mu_);  // the last one is in use
  size_t hand_ GUARDED_BY(mu_) = 0;
  uint64_t bytes_ GUARDED_BY(mu_) = 0;
  uint64_t entries_ GUARDED_BY(mu_) = 0;
  uint64_t insertions_ GUARDED_BY(mu_) = 0;
  uint64_t evictions_ GUARDED_BY(mu_) = 0;
};

BlockCache::BlockCache(uint64_t capacity_bytes, MemoryTracker* memory) : capacity_(capacity_bytes) {
  if (capacity_ == 0) return;
  shard_count_ =
      std::bit_floor(std::min(std::max<uint64_t>(capacity_ / kShardBytes, 1), kMaxShards));
  shards_ = std::make_unique<Shard[]>(shard_count_);
  for (uint64_t i = 0; i < shard_count_; ++i) shards_[i].Init(capacity_ / shard_count_, memory);
}

BlockCache::~BlockCache() = default;

BlockCache::Shard& BlockCache::ShardOf(uint64_t hash) const {
  return shards_[(hash >> 48) & (shard_count_ - 1)];
}

std::shared_ptr<const CachedBlock> BlockCache::Lookup(const CacheKey& key) {
  if (shard_count_ == 0) return nullptr;
  uint64_t hash = HashOf(key);
  return ShardOf(hash).Lookup(key, hash, /*is_access=*/true);
}

bool BlockCache::Glance(const CacheKey& key, absl::FunctionRef<void(const CachedBlock&)> look) {
  if (shard_count_ == 0) return false;
  const uint64_t hash = HashOf(key);
  return ShardOf(hash).Glance(key, hash, look);
}

std::shared_ptr<const CachedBlock> BlockCache::Peek(const CacheKey& key) {
  if (shard_count_ == 0) return nullptr;
  uint64_t hash = HashOf(key);
  return ShardOf(hash).Lookup(key, hash, /*is_access=*/false);
}

void BlockCache::CountMiss(const CacheKey& key) {
  if (shard_count_ != 0) ShardOf(HashOf(key)).CountMiss();
}

bool BlockCache::Contains(const CacheKey& key) const {
  if (shard_count_ == 0) return false;
  uint64_t hash = HashOf(key);
  return ShardOf(hash).Contains(key, hash);
}

std::shared_ptr<const CachedBlock> BlockCache::Insert(const CacheKey& key,
                                                      std::shared_ptr<const CachedBlock> block) {
  if (shard_count_ == 0) return block;
  uint64_t hash = HashOf(key);
  return ShardOf(hash).Insert(key, hash, std::move(block));
}

void BlockCache::Erase(const CacheKey& key) {
  if (capacity_ == 0) return;
  const uint64_t hash = HashOf(key);
  ShardOf(hash).Erase(key, hash);
}

void BlockCache::EraseFile(uint64_t file) {
  for (uint64_t i = 0; i < shard_count_; ++i) shards_[i].EraseFile(file);
}

CacheStats BlockCache::stats() const {
  CacheStats stats;
  stats.capacity = capacity_;
  for (uint64_t i = 0; i < shard_count_; ++i) shards_[i].AddTo(&stats);
  return stats;
}

}  // namespace stele::storage
