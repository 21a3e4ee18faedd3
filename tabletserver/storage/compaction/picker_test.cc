// Goal: the picker merges what is similar, keeps its limits, never picks for nothing, and turns to
// a major compaction when asked or when markers have a large share.
#include "tabletserver/storage/compaction/picker.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/testing/seeded_random.h"

namespace stele::storage {
namespace {

constexpr uint64_t kMiB = 1u << 20;

std::vector<PickerFile> Sizes(std::initializer_list<uint64_t> mib) {
  std::vector<PickerFile> files;
  for (uint64_t m : mib) files.push_back({.bytes = m * kMiB, .cells = 1000});
  return files;
}

TEST(Picker, NothingToDo) {
  EXPECT_FALSE(PickCompaction({}, {}, false));
  EXPECT_FALSE(PickCompaction({}, {}, true));
  EXPECT_FALSE(PickCompaction(Sizes({5, 5, 5}), {}, false)) << "below merge_min_files";
  EXPECT_FALSE(PickCompaction(Sizes({1, 10, 100, 1000}), {}, false)) << "no similar sizes";
}

TEST(Picker, MergesSimilarSizesAndLeavesTheLargeOne) {
  auto pick = PickCompaction(Sizes({500, 5, 6, 5, 7}), {}, false);
  ASSERT_TRUE(pick);
  EXPECT_EQ(pick->files, (std::vector<size_t>{1, 2, 3, 4}));
  EXPECT_FALSE(pick->major);
}

TEST(Picker, SmallFilesCountAsEqual) {
  std::vector<PickerFile> files;
  for (uint64_t bytes : {10, 1000, 100'000, 900'000}) files.push_back({.bytes = bytes, .cells = 9});
  auto pick = PickCompaction(files, {}, false);
  ASSERT_TRUE(pick);
  EXPECT_EQ(pick->files.size(), 4u);
  EXPECT_TRUE(pick->major) << "all files of the group";
}

TEST(Picker, KeepsTheMaximumAndPrefersTheCheapest) {
  PickerOptions options{.merge_min_files = 2, .merge_max_files = 3};
  auto pick = PickCompaction(Sizes({9, 9, 9, 4, 4, 4}), options, false);
  ASSERT_TRUE(pick);
  EXPECT_EQ(pick->files, (std::vector<size_t>{3, 4, 5}));
}

TEST(Picker, TooManyDissimilarFilesMergeFromTheSmallEnd) {
  PickerOptions options{.merge_min_files = 2, .merge_max_files = 2, .size_ratio = 0.5};
  auto pick = PickCompaction(Sizes({1000, 100, 10, 1}), options, false);
  ASSERT_TRUE(pick);
  EXPECT_EQ(pick->files, (std::vector<size_t>{2, 3}));
  EXPECT_FALSE(PickCompaction(Sizes({1000, 100, 10}), options, false));
}

TEST(Picker, MajorOnRequest) {
  auto pick = PickCompaction(Sizes({5}), {}, true);
  ASSERT_TRUE(pick);
  EXPECT_TRUE(pick->major);
  EXPECT_EQ(pick->files, std::vector<size_t>{0});
}

TEST(Picker, MajorForMarkersUnlessTheyHaveSettled) {
  std::vector<PickerFile> files = {{.bytes = kMiB, .cells = 100, .markers = 30}};
  auto pick = PickCompaction(files, {}, false);
  ASSERT_TRUE(pick);
  EXPECT_TRUE(pick->major);
  files[0].settled = true;
  EXPECT_FALSE(PickCompaction(files, {}, false)) << "would rewrite the same file for ever";
  files[0] = {.bytes = kMiB, .cells = 100, .markers = 24};
  EXPECT_FALSE(PickCompaction(files, {}, false)) << "below the share";
}

TEST(Picker, AlwaysEndsAndKeepsItsLimits) {
  const uint64_t seed = TestSeed();
  SeededRandom random(seed);
  auto rng = [&random] { return random.Next() % (uint64_t{1} << 32); };
  for (int round = 0; round < 2000; ++round) {
    PickerOptions options;
    options.merge_min_files = 2 + rng() % 4;
    options.merge_max_files = options.merge_min_files + rng() % 6;
    std::vector<PickerFile> files;
    for (uint32_t n = rng() % 40; n > 0; --n) {
      uint64_t cells = 1 + rng() % 1000;
      files.push_back({.bytes = rng() % (64 * kMiB), .cells = cells, .markers = rng() % cells});
    }
    // Merging what is picked until nothing is must take fewer rounds than there are files.
    size_t steps = 0;
    while (auto pick = PickCompaction(files, options, false)) {
      ASSERT_LE(++steps, 41u) << "seed " << seed << " round " << round;
      ASSERT_TRUE(std::is_sorted(pick->files.begin(), pick->files.end()));
      ASSERT_TRUE(std::adjacent_find(pick->files.begin(), pick->files.end()) == pick->files.end());
      ASSERT_LT(pick->files.back(), files.size());
      const bool all = pick->files.size() == files.size();
      ASSERT_EQ(pick->major, all);
      if (!pick->major) {
        ASSERT_GE(pick->files.size(), options.merge_min_files);
        ASSERT_LE(pick->files.size(), options.merge_max_files);
      }
      PickerFile merged{.settled = pick->major};
      for (size_t i = pick->files.size(); i-- > 0;) {
        merged.bytes += files[pick->files[i]].bytes;
        merged.cells += files[pick->files[i]].cells;
        merged.markers += files[pick->files[i]].markers;
        files.erase(files.begin() + static_cast<ptrdiff_t>(pick->files[i]));
      }
      files.push_back(merged);
    }
    ASSERT_LT(files.size(), 2 * size_t{options.merge_max_files} + options.merge_min_files);
  }
}

TEST(Picker, FilesSharedAfterASplitAreRewrittenWhenNothingElseIsToDo) {
  PickerOptions options;
  std::vector<PickerFile> files = {{.bytes = 100, .cells = 10, .clipped = true},
                                   {.bytes = 900'000'000, .cells = 10}};
  auto pick = PickCompaction(files, options, false);
  ASSERT_TRUE(pick);
  EXPECT_EQ(pick->files, (std::vector<size_t>{0}));
  EXPECT_FALSE(pick->major);
  files[1].clipped = true;
  pick = PickCompaction(files, options, false);
  ASSERT_TRUE(pick);
  EXPECT_TRUE(pick->major);
  files[0].clipped = files[1].clipped = false;
  EXPECT_FALSE(PickCompaction(files, options, false));
}

}  // namespace
}  // namespace stele::storage
