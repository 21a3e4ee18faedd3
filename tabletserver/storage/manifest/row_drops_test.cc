// Goal: a drop takes away exactly the files that it covers, stays as long as anything that it hides
// may exist, and goes then; and it hides the rows of its range, of overlapping drops the newest.
#include "tabletserver/storage/manifest/row_drops.h"

#include <gtest/gtest.h>

namespace stele::storage {
namespace {

ManifestFile File(uint64_t id, std::string first, std::string last, Sequence min, Sequence max) {
  return {.file_id = id,
          .min_sequence = min,
          .max_sequence = max,
          .first_row = std::move(first),
          .last_row = std::move(last)};
}

Manifest Flushed(Sequence sequence, std::vector<ManifestFile> files) {
  Manifest manifest;
  manifest.flushed_sequence = sequence;
  manifest.files = std::move(files);
  return manifest;
}

std::vector<uint64_t> Ids(const Manifest& manifest) {
  std::vector<uint64_t> ids;
  for (const ManifestFile& file : manifest.files) ids.push_back(file.file_id);
  return ids;
}

using IdList = std::vector<uint64_t>;

TEST(DroppedRows, TheNewestDropOfARowCounts) {
  const DroppedRows rows({{"b", "f", 10}, {"d", "", 20}, {"e", "e1", 30}, {"a", "b", 5}});
  const std::vector<std::pair<const char*, Sequence>> expected = {
      {"", 0},   {"Z", 0},  {"a", 5},   {"azz", 5}, {"b", 10}, {"c", 10},
      {"d", 20}, {"e", 30}, {"e0", 30}, {"e1", 20}, {"f", 20}, {"zzz", 20},
  };
  for (const auto& [row, sequence] : expected) EXPECT_EQ(rows.At(row), sequence) << row;
  EXPECT_EQ(rows.latest(), 30u);
  EXPECT_EQ(DroppedRows().At("x"), 0u);
  EXPECT_EQ(DroppedRows({{"", "", 7}}).At("x"), 7u);
  EXPECT_EQ(DroppedRows({{"", "m", 7}}).At("m"), 0u);
}

TEST(RowDrops, CoveredFilesGoAtOnceAndOthersStay) {
  Manifest m = Flushed(99, {File(1, "b", "c", 1, 50), File(2, "a", "c", 1, 50),
                            File(3, "c", "d", 1, 50), File(4, "b", "bz", 3, 99)});
  AddRowDrop({"b", "d", 100}, &m);
  EXPECT_EQ(Ids(m), (IdList{2, 3}));
  ASSERT_EQ(m.drops.size(), 1u);
  EXPECT_EQ(m.flushed_sequence, 100u) << "the drop's own sequence holds no key";
}

TEST(RowDrops, TheClipOfASharedFileCounts) {
  ManifestFile clipped = File(1, "a", "z", 1, 50);
  clipped.clip_start = "c";
  clipped.clip_end = "m";
  Manifest m = Flushed(50, {clipped});
  EXPECT_TRUE(DropCovers({std::string("c\0", 2), "n", 60}, clipped));
  EXPECT_FALSE(DropCovers({"d", "n", 60}, clipped));
  EXPECT_FALSE(DropCovers({"a", "m", 60}, clipped)) << "row m counts";
  EXPECT_FALSE(DropConcerns({"m1", "", 60}, clipped));
  EXPECT_FALSE(DropConcerns({"", std::string("c\0", 2), 60}, clipped));
  EXPECT_TRUE(DropConcerns({"m", "", 60}, clipped));
}

TEST(RowDrops, ADropWithNothingToHideIsGoneAtOnce) {
  Manifest m = Flushed(50, {File(1, "b", "c", 1, 50), File(2, "x", "y", 1, 50)});
  AddRowDrop({"b", "d", 51}, &m);
  EXPECT_EQ(Ids(m), (IdList{2}));
  EXPECT_TRUE(m.drops.empty());
  AddRowDrop({"", "", 52}, &m);
  EXPECT_TRUE(m.files.empty());
  EXPECT_TRUE(m.drops.empty());
  EXPECT_EQ(m.flushed_sequence, 52u);
}

TEST(RowDrops, ADropStaysUntilTheMemtablesAreFlushed) {
  Manifest m = Flushed(50, {});
  AddRowDrop({"b", "d", 61}, &m);  // 51 .. 60 are in memory
  ASSERT_EQ(m.drops.size(), 1u);
  EXPECT_EQ(m.flushed_sequence, 50u);
  m.flushed_sequence = 58;
  SettleRowDrops(&m);
  EXPECT_EQ(m.drops.size(), 1u) << "59 and 60 are not yet in files";
  m.flushed_sequence = 60;
  ManifestFile flushed = File(9, "a", "z", 51, 60);
  m.files = {flushed};
  SettleRowDrops(&m);
  EXPECT_EQ(m.drops.size(), 1u) << "the flush began before the drop: it did not filter";
  m.files[0].drops_applied = 61;
  SettleRowDrops(&m);
  EXPECT_TRUE(m.drops.empty());
  EXPECT_EQ(m.flushed_sequence, 61u);
}

TEST(RowDrops, OneFileThatConcernsKeepsTheDrop) {
  Manifest m = Flushed(50, {File(1, "a", "c", 1, 40), File(2, "a", "c", 41, 50)});
  AddRowDrop({"b", "", 51}, &m);
  m.files[0].drops_applied = 51;
  SettleRowDrops(&m);
  EXPECT_EQ(m.drops.size(), 1u);
  m.files[1] = File(3, "a", "c", 52, 60);
  SettleRowDrops(&m);
  EXPECT_TRUE(m.drops.empty()) << "the other file is newer than the drop";
}

TEST(RowDrops, AWiderDropTakesTheOlderOnesPlace) {
  Manifest m = Flushed(50, {File(1, "a", "z", 1, 50)});
  AddRowDrop({"b", "c", 60}, &m);
  AddRowDrop({"c", "d", 61}, &m);
  AddRowDrop({"b", "c1", 62}, &m);
  EXPECT_EQ(m.drops, (std::vector<RowDrop>{{"c", "d", 61}, {"b", "c1", 62}}));
  AddRowDrop({"a1", "", 63}, &m);
  EXPECT_EQ(m.drops, (std::vector<RowDrop>{{"a1", "", 63}}));
  EXPECT_EQ(m.flushed_sequence, 50u);
}

}  // namespace
}  // namespace stele::storage
