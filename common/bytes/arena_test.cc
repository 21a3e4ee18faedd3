// Goal: pieces of an arena never overlap or move, are aligned when asked, and its memory is
// accounted for and grows in proportion.
#include "common/bytes/arena.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "common/testing/seeded_random.h"

namespace stele {
namespace {

TEST(ArenaTest, StartsEmptyAndSmall) {
  Arena arena;
  EXPECT_EQ(arena.memory_bytes(), 0u);
  arena.Allocate(0);
  arena.Allocate(1);
  EXPECT_EQ(arena.memory_bytes(), Arena::kMinChunkBytes);
}

TEST(ArenaTest, PiecesKeepTheirBytes) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  Arena arena;
  std::vector<std::pair<char*, size_t>> pieces;
  size_t total = 0;
  for (int i = 0; i < 20000; ++i) {
    size_t n = random.OneIn(1000) ? random.Below(300000) : random.Below(200);
    const bool aligned = random.OneIn(2);
    char* piece = aligned ? arena.AllocateAligned(n) : arena.Allocate(n);
    if (aligned) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(piece) % Arena::kAlignment, 0u);
    }
    if (n > 0) std::memset(piece, i % 251, n);
    pieces.emplace_back(piece, n);
    total += n;
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    for (size_t j = 0; j < pieces[i].second; ++j) {
      ASSERT_EQ(pieces[i].first[j], static_cast<char>(i % 251)) << "piece " << i;
    }
  }
  EXPECT_GE(arena.memory_bytes(), total);
  EXPECT_LE(arena.memory_bytes(), total * 3 / 2 + 2 * Arena::kMaxChunkBytes);
}

TEST(ArenaTest, ChunksGrowToAlignedHugePages) {
  Arena arena;
  size_t last = 0;
  size_t largest = 0;
  for (int i = 0; i < 100000; ++i) {
    arena.Allocate(100);
    const size_t grown = arena.memory_bytes() - last;
    last = arena.memory_bytes();
    largest = std::max(largest, grown);
  }
  EXPECT_EQ(largest, Arena::kMaxChunkBytes);
  EXPECT_LE(last, 10'000'000 + 2 * Arena::kMaxChunkBytes);
}

TEST(ArenaTest, PiecesThatAreBigForTheFirstChunkShareLaterOnes) {
  Arena arena;
  constexpr size_t kPiece = Arena::kMinChunkBytes / 4 + 1;  // the least that is alone in the first
  size_t last = 0, chunks = 0;
  for (int i = 0; i < 10'000; ++i) {
    arena.Allocate(kPiece);
    if (arena.memory_bytes() != last) ++chunks;
    last = arena.memory_bytes();
  }
  EXPECT_LE(chunks, 30u);
  EXPECT_LE(last, 10'000 * kPiece + 2 * Arena::kMaxChunkBytes);
}

TEST(ArenaTest, BigPieceHasItsOwnChunkAndLeavesTheCurrentOneInUse) {
  Arena arena;
  char* a = arena.Allocate(10);
  const size_t before = arena.memory_bytes();
  char* big = arena.Allocate(5u << 20);
  std::memset(big, 1, 5u << 20);
  EXPECT_LE(arena.memory_bytes() - before, (5u << 20) + 64);
  EXPECT_EQ(arena.Allocate(10), a + 10);
}

// Under tsan this proves that published memory needs nothing from the arena.
TEST(ArenaTest, ReadersSeePublishedPieces) {
  struct Node {
    Node* next;
    uint64_t value;
  };
  Arena arena;
  std::atomic<Node*> head{nullptr};
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done.load()) {
      uint64_t expected = 0;
      Node* node = head.load(std::memory_order_acquire);
      if (node != nullptr) expected = node->value;
      for (; node != nullptr; node = node->next) ASSERT_EQ(node->value, expected--);
      EXPECT_LE(arena.memory_bytes(), 64u << 20);
    }
  });
  Node* last = nullptr;
  for (uint64_t i = 0; i < 2000; ++i) {
    Node* node = new (arena.AllocateAligned(sizeof(Node))) Node{last, i};
    head.store(node, std::memory_order_release);
    last = node;
  }
  done.store(true);
  reader.join();
}

}  // namespace
}  // namespace stele
