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

TEST(Picker, TheLargestIsNoMoreThanTheOthersTogether) {
  EXPECT_TRUE(PickCompaction(Sizes({30, 10, 10, 10}), {}, false));
  EXPECT_FALSE(PickCompaction(Sizes({31, 10, 10, 10}), {}, false));
  EXPECT_TRUE(PickCompaction(Sizes({31, 10, 10, 10, 10}), {}, false));
}

// Flushes of about 32 MiB, each merged at once: what all bytes are written by merges, and between
// how many files they lie on average.
TEST(Picker, ManyFlushesAreRewrittenSeldom) {
  SeededRandom random(TestSeed());
  constexpr uint64_t kFlushes = 500;
  std::vector<PickerFile> files;
  uint64_t flushed = 0, written = 0, files_seen = 0;
  for (uint64_t flush = 0; flush < kFlushes; ++flush) {
    files.push_back({.bytes = 31 * kMiB + random.Below(2 * kMiB), .cells = 1000});
    flushed += files.back().bytes;
    while (auto pick = PickCompaction(files, {}, false)) {
      PickerFile merged{.cells = 1000};
      for (size_t i = pick->files.size(); i-- > 0;) {
        merged.bytes += files[pick->files[i]].bytes;
        files.erase(files.begin() + static_cast<ptrdiff_t>(pick->files[i]));
      }
      written += merged.bytes;
      files.push_back(merged);
    }
    files_seen += files.size();
  }
  const double times = static_cast<double>(written) / static_cast<double>(flushed);
  const double files_each = static_cast<double>(files_seen) / kFlushes;
  EXPECT_LT(times, 5.4);
  EXPECT_LT(files_each, 5.5);
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
  const PickerOptions options;
  for (uint64_t i = 0; i + 1 < kVeryMany * options.merge_max_files; ++i) {
    files.push_back(Between(i, i));
    ASSERT_FALSE(PickCompaction(files, options, false)) << i;
  }
  files.push_back(Between(299, 299));
  const auto pick = PickCompaction(files, options, false);
  ASSERT_TRUE(pick) << "very many";
  EXPECT_EQ(pick->files.size(), options.merge_max_files);
  EXPECT_TRUE(pick->major) << "of their rows";
}

TEST(Picker, OfFilesThatShareRowsOneHeapIsMerged) {
  // Five that share rows, each with its neighbour, and two that stand alone.
  std::vector<PickerFile> files = {Between(0, 4),  Between(100, 104), Between(4, 8),
                                   Between(8, 12), Between(200, 209), Between(11, 18),
                                   Between(3, 3)};
  auto pick = PickCompaction(files, {}, false);
  ASSERT_TRUE(pick);
  EXPECT_EQ(pick->files, (std::vector<size_t>{0, 2, 3, 5, 6}));
  EXPECT_TRUE(pick->major) << "no other has these rows";
  files.erase(files.begin() + 2);
  EXPECT_FALSE(PickCompaction(files, {}, false)) << "heaps of two, of two, and of one";
  files.push_back(Between(0, 299));
  pick = PickCompaction(files, {}, false);
  ASSERT_TRUE(pick);
  EXPECT_EQ(pick->files.size(), 7u) << "the last shares rows with each";
}

TEST(Picker, SizesAreComparedInAHeap) {
  // The large file and three small ones share rows; the others of a like size stand alone.
  std::vector<PickerFile> files = {Between(0, 50, 300)};
  for (uint64_t i = 0; i < 3; ++i) files.push_back(Between(i, i + 10, 2));
  for (uint64_t i = 0; i < 6; ++i) files.push_back(Between(100 + i, 100 + i, 90));
  EXPECT_FALSE(PickCompaction(files, {}, false)) << "300 MiB for six";
}

TEST(Picker, MarkersOfSomeRowsAreDroppedWhateverElseThereIs) {
  std::vector<PickerFile> files;
  for (uint64_t i = 0; i < 9; ++i) files.push_back(Between(i, i));
  files.push_back(Between(200, 210, 2));
  files.push_back(Between(205, 215, 2));
  EXPECT_FALSE(PickCompaction(files, {}, false));
  files.back().markers = 600;  // of two thousand
  const auto pick = PickCompaction(files, {}, false);
  ASSERT_TRUE(pick);
  EXPECT_EQ(pick->files, (std::vector<size_t>{9, 10}));
  EXPECT_TRUE(pick->major);
  files[9].settled = files[10].settled = true;
  EXPECT_FALSE(PickCompaction(files, {}, false));
}

TEST(Picker, MostOverARowIsWhatAReaderMerges) {
  EXPECT_EQ(MostOverARow({}), 0u);
  EXPECT_EQ(MostOverARow({Between(0, 4), Between(5, 9), Between(10, 10)}), 1u);
  EXPECT_EQ(MostOverARow({Between(0, 5), Between(5, 9), Between(5, 5), Between(6, 7)}), 3u);
  EXPECT_EQ(MostOverARow(Sizes({1, 2, 3})), 3u) << "rows not known";
  SeededRandom random(TestSeed());
  for (int round = 0; round < 500; ++round) {
    std::vector<PickerFile> files;
    std::vector<size_t> over(300, 0);
    for (uint64_t n = random.Below(20); n > 0; --n) {
      const uint64_t first = random.Below(300), last = first + random.Below(300 - first);
      files.push_back(Between(first, last));
      for (uint64_t row = first; row <= last; ++row) ++over[row];
    }
    ASSERT_EQ(MostOverARow(files), *std::max_element(over.begin(), over.end()));
  }
}

TEST(Picker, SmallFilesAreMergedWhereverTheirRowsAre) {
  std::vector<PickerFile> files;
  for (uint64_t i = 0; i < 4; ++i) files.push_back(Between(i, i, 1));
  auto pick = PickCompaction(files, {}, false);
  ASSERT_TRUE(pick);
  EXPECT_EQ(pick->files.size(), 4u);
}

TEST(Picker, AnyFileOfAPickIsSmallOrSharesRowsAndMajorsLeaveNone) {
  SeededRandom random(TestSeed());
  const auto share = [](const PickerFile& a, const PickerFile& b) {
    return a.first_row <= b.last_row && b.first_row <= a.last_row;
  };
  int picks = 0, majors = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<PickerFile> files;
    const uint64_t widest = random.OneIn(2) ? 10 : 100;
    for (uint64_t n = random.Below(30); n > 0; --n) {
      const uint64_t first = random.Below(300);
      files.push_back(Between(first, first + random.Below(std::min(widest, 300 - first)),
                              1 + random.Below(40)));
    }
    const auto pick = PickCompaction(files, {}, false);
    if (!pick) continue;
    ++picks;
    bool alone = true;
    for (size_t i : pick->files) {
      bool shares = false;
      for (size_t j = 0; j < files.size(); ++j) {
        if (j == i || !share(files[i], files[j])) continue;
        shares = true;
        alone &= std::binary_search(pick->files.begin(), pick->files.end(), j);
      }
      ASSERT_TRUE(shares || files[i].bytes <= kMiB) << "round " << round << " file " << i;
    }
    ASSERT_EQ(pick->major, alone) << "round " << round;
    majors += pick->major ? 1 : 0;
  }
  EXPECT_GT(picks, 500);
  EXPECT_GT(majors, 50);
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
  options.rewrite_clipped = false;
  EXPECT_FALSE(PickCompaction(files, options, false));
  options.rewrite_clipped = true;
  files[0].clipped = files[1].clipped = false;
  EXPECT_FALSE(PickCompaction(files, options, false));
}

}  // namespace
}  // namespace stele::storage
