// The location cache never lies twice: newer epochs win, overlaps leave, its size is bounded.
#include "client/routing/location_cache.h"

#include <gtest/gtest.h>

namespace stele::routing {
namespace {

TabletLocation At(TabletId id, std::string start, std::string end, Epoch epoch = 1,
                  std::string address = "a:1") {
  TabletLocation location;
  location.tablet = {id, 16, std::move(start), std::move(end)};
  location.epoch = epoch;
  location.assignment = TabletAssignment::kAssigned;
  location.address = std::move(address);
  return location;
}

TabletId Find(const LocationCache& cache, Slice row, TableId table = 16) {
  auto found = cache.Find(table, row);
  return found != nullptr ? found->tablet.id : 0;
}

TEST(LocationCache, FindsByEndRow) {
  LocationCache cache(10);
  cache.Insert(At(1, "", "g"));
  cache.Insert(At(2, "g", "t"));
  cache.Insert(At(4, "x", ""));
  EXPECT_EQ(Find(cache, "a"), 1u);
  EXPECT_EQ(Find(cache, "g"), 1u);  // the end row is the tablet's
  EXPECT_EQ(Find(cache, std::string("g\0", 2)), 2u);
  EXPECT_EQ(Find(cache, "u"), 0u);  // a gap
  EXPECT_EQ(Find(cache, "x"), 0u);
  EXPECT_EQ(Find(cache, "zzz"), 4u);
  EXPECT_EQ(Find(cache, "a", 17), 0u);
  EXPECT_EQ(Find(cache, "a", 15), 0u);
}

TEST(LocationCache, NewerEpochOfATabletStays) {
  LocationCache cache(10);
  cache.Insert(At(1, "", "", 5, "new:1"));
  cache.Insert(At(1, "", "", 4, "old:1"));
  EXPECT_EQ(cache.Find(16, "a")->address, "new:1");
  cache.Invalidate(At(1, "", "", 4));
  EXPECT_EQ(Find(cache, "a"), 1u) << "what was learnt after the failed call stays";
  cache.Invalidate(At(1, "", "", 5));
  EXPECT_EQ(Find(cache, "a"), 0u);
}

TEST(LocationCache, SplitAndMergeEvictWhatTheyOverlap) {
  LocationCache cache(10);
  cache.Insert(At(1, "", ""));
  cache.Insert(At(2, "", "m", 2));
  EXPECT_EQ(Find(cache, "a"), 2u);
  EXPECT_EQ(Find(cache, "z"), 0u) << "the parent is gone";
  cache.Insert(At(3, "m", "", 2));
  cache.Insert(At(4, "c", "x", 3));
  EXPECT_EQ(Find(cache, "a"), 0u);
  EXPECT_EQ(Find(cache, "d"), 4u);
  EXPECT_EQ(Find(cache, "z"), 0u);
  EXPECT_EQ(cache.size(), 1u);
}

TEST(LocationCache, NeighboursAndOtherTablesStay) {
  LocationCache cache(10);
  cache.Insert(At(1, "", "g"));
  cache.Insert(At(3, "m", ""));
  TabletLocation other = At(9, "", "");
  other.tablet.table = 17;
  cache.Insert(other);
  cache.Insert(At(2, "g", "m"));
  EXPECT_EQ(Find(cache, "a"), 1u);
  EXPECT_EQ(Find(cache, "h"), 2u);
  EXPECT_EQ(Find(cache, "z"), 3u);
  cache.InvalidateTable(16);
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_EQ(Find(cache, "a", 17), 9u);
}

TEST(LocationCache, TabletsWithoutServerAreNotTakenIn) {
  LocationCache cache(10);
  TabletLocation location = At(1, "", "");
  location.assignment = TabletAssignment::kUnassigned;
  cache.Insert(location);
  cache.Insert(At(1, "", "", 1, ""));
  EXPECT_EQ(cache.size(), 0u);
}

TEST(LocationCache, IsBounded) {
  LocationCache cache(3);
  for (TabletId id = 1; id <= 10; ++id) {
    std::string start(1, static_cast<char>('a' + id)), end(1, static_cast<char>('b' + id));
    cache.Insert(At(id, start, end));
    EXPECT_LE(cache.size(), 3u);
  }
  EXPECT_EQ(Find(cache, "k"), 9u);  // (j, k]
  EXPECT_EQ(Find(cache, "c"), 0u);  // the oldest left
}

}  // namespace
}  // namespace stele::routing
