// Goal: a tablet is cut near half of its bytes, never inside a row, never outside its range, and
// not at all when one row is everything.
#include "tabletserver/storage/split_row.h"

#include <gtest/gtest.h>

#include <map>

#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "schema/metadata/metadata.h"

namespace stele::storage {
namespace {

TabletDescriptor Tablet(std::string start, std::string end) {
  return {9, 20, std::move(start), std::move(end)};
}

TEST(SplitRow, HalvesTheBytes) {
  std::vector<WeighedRow> blocks = {{"b", 10}, {"c", 10}, {"d", 10}, {"e", 10}};
  ASSERT_OK_AND_ASSIGN(std::string row, ChooseSplitRow(Tablet("a", "z"), blocks, "f"));
  EXPECT_EQ(row, "d");
  blocks[0].bytes = 100;
  ASSERT_OK_AND_ASSIGN(row, ChooseSplitRow(Tablet("a", "z"), blocks, "f"));
  EXPECT_EQ(row, "c");
}

TEST(SplitRow, FilesOfManyBlocksAreCountedTogether) {
  // Two files that interleave, and one that holds only the end.
  std::vector<WeighedRow> blocks = {{"a", 4}, {"c", 4}, {"e", 4}, {"b", 4}, {"d", 4}, {"e", 20}};
  ASSERT_OK_AND_ASSIGN(std::string row, ChooseSplitRow(Tablet("", ""), blocks, "g"));
  EXPECT_EQ(row, "e");
}

TEST(SplitRow, ARowOfManyBlocksStaysWhole) {
  const std::vector<WeighedRow> blocks = {{"a", 1}, {"huge", 50}, {"huge", 50}, {"huge", 50}};
  ASSERT_OK_AND_ASSIGN(std::string row, ChooseSplitRow(Tablet("", ""), blocks, "huge"));
  EXPECT_EQ(row, "a");
}

TEST(SplitRow, RefusesWhatCannotBeCut) {
  EXPECT_STATUS(kFailedPrecondition, "tablet 9", ChooseSplitRow(Tablet("", ""), {}, ""));
  EXPECT_STATUS(kFailedPrecondition, "no two rows",
                ChooseSplitRow(Tablet("", ""), {{"r", 50}, {"r", 50}}, "r"));
  // The only other row is the bound of the range.
  EXPECT_STATUS(kFailedPrecondition, "no two rows",
                ChooseSplitRow(Tablet("m", "r"), {{"m", 50}, {"r", 50}}, "r"));
}

TEST(SplitRow, ALongRowIsShortenedToALegalEndRow) {
  const std::string lng(kMaxEndRowBytes + 50, 'k');
  ASSERT_OK_AND_ASSIGN(std::string row,
                       ChooseSplitRow(Tablet("", ""), {{"a", 5}, {lng, 10}}, lng + "z"));
  EXPECT_LE(row.size(), kMaxEndRowBytes);
  EXPECT_LT(row, lng);
  EXPECT_GT(row, "a");
}

TEST(SplitRow, AlwaysInsideAndNearHalf) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  for (int round = 0; round < 2000; ++round) {
    std::vector<WeighedRow> blocks;
    uint64_t total = 0, largest = 0;
    for (uint64_t n = random.Between(2, 40); n > 0; --n) {
      blocks.push_back({absl::StrCat("r", 100 + random.Below(200)), random.Between(1, 100)});
      total += blocks.back().bytes;
    }
    const TabletDescriptor tablet = Tablet("r0", "s");
    StatusOr<std::string> row = ChooseSplitRow(tablet, blocks, "r999");
    ASSERT_OK(row);
    EXPECT_TRUE(*row > tablet.start_row && *row < tablet.end_row);
    std::map<std::string, uint64_t> by_row;
    for (const WeighedRow& block : blocks) by_row[block.row] += block.bytes;
    uint64_t below = 0;
    for (const auto& [name, bytes] : by_row) {
      largest = std::max(largest, bytes);
      if (name < *row) below += bytes;
    }
    EXPECT_LE(below > total / 2 ? below - total / 2 : total / 2 - below, largest) << *row;
  }
}

}  // namespace
}  // namespace stele::storage
