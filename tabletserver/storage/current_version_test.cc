// Goal: whoever takes a version takes one that is at least as new as any that was taken before,
// on whatever thread; a version that nobody needs is gone; every read is counted.
#include "tabletserver/storage/current_version.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace stele::storage {
namespace {

std::shared_ptr<const TabletVersion> Numbered(uint32_t number) {
  auto schema = std::make_shared<TableSchema>();
  schema->version = number;
  auto version = std::make_shared<TabletVersion>();
  version->schema = std::move(schema);
  return version;
}

TEST(CurrentVersion, NobodyIsGivenAnOlderOneThanSomebodyHad) {
  constexpr uint32_t kVersions = 3000;
  CurrentVersion current;
  current.Set(Numbered(1));
  std::atomic<uint32_t> latest{1};
  std::atomic<bool> went_back{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      for (uint32_t seen = 0; seen < kVersions;) {
        const uint32_t before = latest.load();
        seen = current.Get()->schema->version;
        if (seen < before) went_back = true;
        uint32_t known = latest.load();
        while (known < seen && !latest.compare_exchange_weak(known, seen)) {
        }
        current.Count(1, seen);
      }
    });
  }
  for (uint32_t number = 2; number <= kVersions; ++number) current.Set(Numbered(number));
  for (std::thread& reader : readers) reader.join();
  EXPECT_FALSE(went_back);
  EXPECT_GE(current.counts().reads, 4u);
  EXPECT_EQ(current.counts().rows, current.counts().reads);
  EXPECT_GE(current.counts().bytes, 4u * kVersions);
}

TEST(CurrentVersion, AVersionGoesWithItsLastReader) {
  CurrentVersion current;
  std::shared_ptr<const TabletVersion> first = Numbered(1);
  const std::weak_ptr<const TabletVersion> watched = first;
  current.Set(first);
  std::shared_ptr<const TabletVersion> read = current.Get();
  EXPECT_EQ(read.get(), first.get());
  first.reset();
  current.Set(Numbered(2));
  EXPECT_FALSE(watched.expired());
  read.reset();
  EXPECT_TRUE(watched.expired());
}

}  // namespace
}  // namespace stele::storage
