// Goal: the picker merges what is similar, keeps its limits, never picks for nothing, and turns to
// a major compaction when asked or when markers have a large share.
#include "tabletserver/storage/compaction/picker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_format.h"
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

const std::string& Row(uint64_t n) {
  static const auto* const rows = [] {
    auto* all = new std::vector<std::string>;
    for (int i = 0; i < 300; ++i) all->push_back(absl::StrFormat("row%03d", i));
    return all;
  }();
  return rows->at(n);
}

PickerFile Between(uint64_t first, uint64_t last, uint64_t mib = 32) {
  return {.bytes = mib * kMiB, .cells = 1000, .first_row = Row(first), .last_row = Row(last)};
}

TEST(Picker, FilesThatShareNoRowsStay) {
  std::vector<PickerFile> files;
  for (uint64_t i = 0; i < 199; ++i) {
    files.push_back(Between(i, i));
    ASSERT_FALSE(PickCompaction(files, {}, false)) << i;
  }
  files.push_back(Between(199, 199));
  EXPECT_TRUE(PickCompaction(files, {}, false)) << "very many";
}

TEST(Picker, OfARunOnlyFilesThatShareRowsAreMerged) {
  // Two pairs that share a row, and one file that stands alone.
  std::vector<PickerFile> files = {Between(0, 4), Between(10, 14), Between(20, 29), Between(14, 18),
                                   Between(2, 3)};
  auto pick = PickCompaction(files, {}, false);
  ASSERT_TRUE(pick);
  EXPECT_EQ(pick->files, (std::vector<size_t>{0, 1, 3, 4}));
  EXPECT_FALSE(pick->major);
  files.pop_back();
  EXPECT_FALSE(PickCompaction(files, {}, false)) << "fewer than merge_min_files";
  files.push_back(Between(0, 299));
  pick = PickCompaction(files, {}, false);
  ASSERT_TRUE(pick);
  EXPECT_TRUE(pick->major) << "the last shares rows with each";
}

TEST(Picker, SmallFilesAreMergedWhereverTheirRowsAre) {
  std::vector<PickerFile> files;
  for (uint64_t i = 0; i < 4; ++i) files.push_back(Between(i, i, 1));
  auto pick = PickCompaction(files, {}, false);
  ASSERT_TRUE(pick);
  EXPECT_EQ(pick->files.size(), 4u);
}

TEST(Picker, AnyFileOfAPickIsSmallOrSharesRowsWithAnother) {
  SeededRandom random(TestSeed());
  int picks = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<PickerFile> files;
    for (uint64_t n = random.Below(30); n > 0; --n) {
      const uint64_t first = random.Below(290);
      files.push_back(Between(first, first + random.Below(std::min<uint64_t>(10, 300 - first)),
                              1 + random.Below(40)));
    }
    const auto pick = PickCompaction(files, {}, false);
    if (!pick) continue;
    ++picks;
    for (size_t i : pick->files) {
      const bool shares = std::any_of(pick->files.begin(), pick->files.end(), [&](size_t j) {
        return j != i && files[i].first_row <= files[j].last_row &&
               files[j].first_row <= files[i].last_row;
      });
      ASSERT_TRUE(shares || files[i].bytes <= kMiB) << "round " << round << " file " << i;
    }
  }
  EXPECT_GT(picks, 500);
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
