// Goal: charges flow to every ancestor, limits refuse without a trace, and all returns to 0.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tabletserver/storage/cache/cache.h"

namespace stele::storage {
namespace {

TEST(MemoryTrackerTest, ChargesReachEveryAncestor) {
  MemoryTracker root("root", 0);
  MemoryTracker middle("middle", 0, &root);
  MemoryTracker leaf("leaf", 0, &middle);
  leaf.Charge(10);
  ASSERT_TRUE(middle.TryCharge(5));
  EXPECT_EQ(leaf.used(), 10);
  EXPECT_EQ(middle.used(), 15);
  EXPECT_EQ(root.used(), 15);
  leaf.Release(10);
  middle.Release(5);
  EXPECT_EQ(root.used(), 0);
  EXPECT_EQ(root.peak(), 15);
  EXPECT_EQ(leaf.peak(), 10);
}

TEST(MemoryTrackerTest, ARefusedChargeLeavesNoTrace) {
  MemoryTracker root("root", 100);
  MemoryTracker leaf("leaf", 0, &root);
  ASSERT_TRUE(leaf.TryCharge(100));
  EXPECT_FALSE(leaf.TryCharge(1));
  EXPECT_EQ(leaf.used(), 100);
  EXPECT_EQ(root.used(), 100);
  EXPECT_EQ(root.peak(), 100);
  leaf.Release(1);
  EXPECT_TRUE(leaf.TryCharge(1));
  leaf.Release(100);
  EXPECT_EQ(root.used(), 0);
}

TEST(MemoryTrackerTest, ChargeNeverRefusesAndALimitedLeafRefusesFirst) {
  MemoryTracker root("root", 10);
  MemoryTracker leaf("leaf", 4, &root);
  EXPECT_FALSE(leaf.TryCharge(5));
  EXPECT_EQ(root.used(), 0);
  leaf.Charge(50);
  EXPECT_EQ(root.used(), 50);
  EXPECT_FALSE(leaf.TryCharge(1));
  leaf.Release(50);
}

TEST(MemoryTrackerTest, ThreadsNeverPassTheLimit) {
  MemoryTracker root("root", 1000);
  std::vector<std::thread> threads;
  std::atomic<int> refused{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      MemoryTracker leaf("leaf", 0, &root);
      for (int i = 0; i < 20000; ++i) {
        if (!leaf.TryCharge(400)) {
          refused.fetch_add(1);
          continue;
        }
        leaf.Release(400);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(root.used(), 0);
  EXPECT_LE(root.peak(), 1000);
}

}  // namespace
}  // namespace stele::storage
