// Goal: the cache returns what was put in, evicts by CLOCK within its capacity, charges memory to
// the byte, keeps pinned blocks alive, and is correct under several threads.
#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

#include "tabletserver/storage/cache/cache.h"

namespace stele::storage {
namespace {

std::shared_ptr<CachedBlock> MakeBlock(uint64_t file, uint64_t offset, size_t size = 100) {
  auto block = CachedBlock::Allocate(size);
  uint64_t stamp = file * 1'000'003 + offset;
  for (size_t i = 0; i < size; ++i) block->mutable_data()[i] = static_cast<char>(stamp + i);
  return block;
}

bool IsBlock(const CachedBlock& block, uint64_t file, uint64_t offset) {
  auto want = MakeBlock(file, offset, block.data().size());
  return block.data() == want->data();
}

TEST(BlockCacheTest, FindsWhatWasInserted) {
  BlockCache cache(1 << 20, nullptr);
  EXPECT_EQ(cache.Lookup({1, 0}), nullptr);
  auto block = MakeBlock(1, 0);
  EXPECT_EQ(cache.Insert({1, 0}, block), block);
  EXPECT_EQ(cache.Lookup({1, 0}), block);
  EXPECT_EQ(cache.Lookup({1, 1}), nullptr);
  EXPECT_EQ(cache.Lookup({2, 0}), nullptr);
  EXPECT_TRUE(cache.Contains({1, 0}));
  EXPECT_FALSE(cache.Contains({2, 0}));
  EXPECT_EQ(cache.Peek({1, 0}), block);
  EXPECT_EQ(cache.Peek({2, 0}), nullptr);
  const CachedBlock* seen = nullptr;
  const auto look = [&seen](const CachedBlock& found) { seen = &found; };
  EXPECT_FALSE(cache.Glance({2, 0}, look));
  EXPECT_EQ(seen, nullptr);
  EXPECT_TRUE(cache.Glance({1, 0}, look));
  EXPECT_EQ(seen, block.get());
  cache.CountMiss({2, 0});
  CacheStats stats = cache.stats();
  EXPECT_EQ(stats.hits, 2u) << "those that Lookup and Glance found";
  EXPECT_EQ(stats.misses, 1u) << "the one that was said";
  EXPECT_EQ(stats.insertions, 1u);
  EXPECT_EQ(stats.entries, 1u);
  EXPECT_EQ(stats.bytes, block->charge());
  EXPECT_EQ(stats.capacity, 1u << 20);
}

TEST(BlockCacheTest, TheFirstInsertionWins) {
  BlockCache cache(1 << 20, nullptr);
  auto first = MakeBlock(1, 0), second = MakeBlock(1, 0);
  cache.Insert({1, 0}, first);
  EXPECT_EQ(cache.Insert({1, 0}, second), first);
  EXPECT_EQ(cache.stats().insertions, 1u);
}

TEST(BlockCacheTest, CapacityZeroKeepsNothing) {
  MemoryTracker memory("cache", 0);
  BlockCache cache(0, &memory);
  auto block = MakeBlock(1, 0);
  EXPECT_EQ(cache.Insert({1, 0}, block), block);
  EXPECT_EQ(cache.Lookup({1, 0}), nullptr);
  EXPECT_FALSE(cache.Contains({1, 0}));
  EXPECT_FALSE(cache.Glance({1, 0}, [](const CachedBlock&) { FAIL(); }));
  cache.EraseFile(1);
  EXPECT_EQ(cache.stats().entries, 0u);
  EXPECT_EQ(memory.used(), 0);
}

TEST(BlockCacheTest, ABlockLargerThanAShardIsNotKept) {
  BlockCache cache(1000, nullptr);
  auto block = MakeBlock(1, 0, 2000);
  EXPECT_EQ(cache.Insert({1, 0}, block), block);
  EXPECT_EQ(cache.Lookup({1, 0}), nullptr);
}

TEST(BlockCacheTest, BlocksBeginOnACacheLine) {
  for (size_t size : {0u, 1u, 63u, 64u, 100'000u}) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(CachedBlock::Allocate(size)->data().data()) % 64, 0u);
  }
}

TEST(BlockCacheTest, EvictionStaysWithinCapacityAndKeepsWhatIsUsed) {
  const size_t charge = MakeBlock(1, 0)->charge();
  BlockCache cache(100 * charge, nullptr);
  cache.Insert({9, 9}, MakeBlock(9, 9));
  for (uint64_t i = 0; i < 5000; ++i) {
    cache.Insert({1, i}, MakeBlock(1, i));
    ASSERT_NE(cache.Lookup({9, 9}), nullptr) << "the block that is used all the time left at " << i;
    ASSERT_LE(cache.stats().bytes, 100 * charge);
  }
  CacheStats stats = cache.stats();
  EXPECT_EQ(stats.entries, 100u);
  EXPECT_EQ(stats.evictions, stats.insertions - stats.entries);
}

TEST(BlockCacheTest, PinnedBlocksSurviveEviction) {
  const size_t charge = MakeBlock(1, 0)->charge();
  BlockCache cache(2 * charge, nullptr);
  auto pinned = cache.Insert({1, 7}, MakeBlock(1, 7));
  for (uint64_t i = 100; i < 200; ++i) cache.Insert({1, i}, MakeBlock(1, i));
  EXPECT_EQ(cache.Lookup({1, 7}), nullptr);
  EXPECT_TRUE(IsBlock(*pinned, 1, 7));
}

TEST(BlockCacheTest, EraseRemovesOneEntry) {
  MemoryTracker memory("cache", 0);
  BlockCache cache(1 << 20, &memory);
  const uint64_t file = cache.NewFileId();
  for (uint64_t offset = 0; offset < 200; ++offset) {
    cache.Insert({file, offset}, CachedBlock::Allocate(100));
  }
  const auto held = cache.Lookup({file, 7});
  for (uint64_t offset = 0; offset < 200; offset += 7) cache.Erase({file, offset});
  cache.Erase({file, 7});
  cache.Erase({file, 1000});
  for (uint64_t offset = 0; offset < 200; ++offset) {
    EXPECT_EQ(cache.Contains({file, offset}), offset % 7 != 0) << offset;
  }
  EXPECT_EQ(held->data().size(), 100u) << "whoever has it keeps it";
  EXPECT_EQ(cache.stats().entries, 200u - 29u);
  EXPECT_EQ(cache.stats().bytes, (200 - 29) * held->charge());
}

TEST(BlockCacheTest, EraseFileRemovesThatFileOnly) {
  BlockCache cache(64 << 20, nullptr);
  uint64_t a = cache.NewFileId(), b = cache.NewFileId();
  EXPECT_NE(a, b);
  for (uint64_t i = 0; i < 1000; ++i) {
    cache.Insert({a, i * 64}, MakeBlock(a, i));
    cache.Insert({b, i * 64}, MakeBlock(b, i));
  }
  cache.EraseFile(a);
  EXPECT_EQ(cache.stats().entries, 1000u);
  for (uint64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(cache.Lookup({a, i * 64}), nullptr);
    auto block = cache.Lookup({b, i * 64});
    ASSERT_NE(block, nullptr);
    EXPECT_TRUE(IsBlock(*block, b, i));
  }
}

TEST(BlockCacheTest, MemoryIsChargedExactlyAndReturnsToZero) {
  MemoryTracker root("root", 0);
  MemoryTracker memory("cache", 0, &root);
  {
    BlockCache cache(256 * 1024, &memory);
    const int64_t empty = memory.used();
    for (uint64_t i = 0; i < 30; ++i) cache.Insert({1, i}, MakeBlock(1, i, 50 + i));
    EXPECT_EQ(memory.used() - empty, static_cast<int64_t>(cache.stats().bytes));
    for (uint64_t i = 0; i < 9000; ++i) cache.Insert({2, i}, MakeBlock(2, i, i % 300));
    EXPECT_GE(memory.used(), static_cast<int64_t>(cache.stats().bytes));
    cache.EraseFile(1);
    cache.EraseFile(2);
    EXPECT_EQ(cache.stats().bytes, 0u);
  }
  EXPECT_EQ(memory.used(), 0);
  EXPECT_EQ(root.used(), 0);
}

TEST(BlockCacheTest, WhenMemoryIsShortABlockOnlyReplacesOthers) {
  MemoryTracker memory("cache", 64 * 1024);
  BlockCache cache(1 << 20, &memory);
  for (uint64_t i = 0; i < 1000; ++i) cache.Insert({1, i}, MakeBlock(1, i, 1000));
  EXPECT_LE(memory.peak(), 64 * 1024);
  EXPECT_TRUE(cache.Contains({1, 999})) << "the newest took the place of an older one";
  memory.Charge(1 << 20);  // someone else took it all: nothing new fits
  cache.Insert({2, 0}, MakeBlock(2, 0, 60'000));
  EXPECT_FALSE(cache.Contains({2, 0}));
  memory.Release(1 << 20);
}

TEST(BlockCacheTest, ThreadsSeeOnlyWholeRightBlocks) {
  const unsigned seed = 20260801;
  SCOPED_TRACE(seed);
  MemoryTracker memory("cache", 0);
  {
    BlockCache cache(300 * MakeBlock(1, 1)->charge(), &memory);
    std::vector<std::thread> threads;
    std::atomic<uint64_t> wrong{0}, glances{0};
    for (unsigned t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        uint64_t state = seed + t;
        auto random = [&state] {
          state = state * 6364136223846793005u + 1442695040888963407u;
          return state >> 33;
        };
        for (int i = 0; i < 20'000; ++i) {
          uint64_t r = random() % 400;
          CacheKey key{r % 5, std::min(r, random() % 400)};
          auto block = cache.Lookup(key);
          if (block == nullptr) {
            cache.CountMiss(key);
            block = cache.Insert(key, MakeBlock(key.file, key.offset));
          }
          if (!IsBlock(*block, key.file, key.offset)) wrong.fetch_add(1);
          if (cache.Glance(key, [&](const CachedBlock& found) {
                if (!IsBlock(found, key.file, key.offset)) wrong.fetch_add(1);
              })) {
            glances.fetch_add(1);
          }
          if (i % 4000 == 3999) cache.EraseFile(key.file);
        }
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(wrong.load(), 0u);
    CacheStats stats = cache.stats();
    EXPECT_EQ(stats.hits + stats.misses, 80'000u + glances.load());
    EXPECT_GT(glances.load(), 0u);
    EXPECT_GT(stats.hits, 0u);
    EXPECT_LE(stats.bytes, stats.capacity);
  }
  EXPECT_EQ(memory.used(), 0);
}

}  // namespace
}  // namespace stele::storage
