// Goal: METADATA row keys sort as the location tree needs, lookups of any row find the right
// tablet, locations survive coding, damaged ones are refused.
#include "schema/metadata/metadata.h"

#include <gtest/gtest.h>

#include <map>

namespace stele {
namespace {

bool InRange(const RowRange& range, const std::string& key) {
  if (range.start_open ? key <= range.start : key < range.start) return false;
  if (range.end.empty()) return true;
  return range.end_open ? key < range.end : key <= range.end;
}

TEST(MetadataRowKey, SortsByTableThenEndWithInfinityLast) {
  const std::string last_of_20 = MetadataRowKey(20, "");
  EXPECT_LT(MetadataRowKey(20, "a"), MetadataRowKey(20, "b"));
  EXPECT_LT(MetadataRowKey(20, std::string(100, '\xff')), last_of_20);
  EXPECT_LT(last_of_20, MetadataRowKey(21, std::string(1, '\0')));
  EXPECT_LT(MetadataRowKey(255, ""), MetadataRowKey(256, "a"));
}

TEST(MetadataRowKey, ParsesBackAndRefusesDamage) {
  for (const std::string end : {"", "m", "\x01"}) {
    auto row = ParseMetadataRowKey(MetadataRowKey(77, end));
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(row->table, 77u);
    EXPECT_EQ(row->end_row, end);
  }
  EXPECT_TRUE(IsCorrupt(ParseMetadataRowKey("short").status()));
  EXPECT_TRUE(IsCorrupt(ParseMetadataRowKey(MetadataRowKey(77, "") + "x").status()));
  std::string empty_end = MetadataRowKey(77, "");
  empty_end.back() = 0;
  EXPECT_TRUE(IsCorrupt(ParseMetadataRowKey(empty_end).status()));
  empty_end.back() = 2;
  EXPECT_TRUE(IsCorrupt(ParseMetadataRowKey(empty_end).status()));
}

TEST(MetadataLookup, FirstRowOfTheRangeIsTheTabletThatHoldsTheRow) {
  const std::string longest(kMaxEndRowBytes, 'k');
  const std::string ends[] = {"b", "g", longest, "t", ""};
  std::map<std::string, TabletDescriptor> metadata;
  std::string start;
  TabletId id = 16;
  for (const std::string& end : ends) {
    metadata[MetadataRowKey(30, end)] = {id++, 30, start, end};
    start = end;
  }
  metadata[MetadataRowKey(29, "")] = {90, 29, "", ""};
  metadata[MetadataRowKey(31, "")] = {91, 31, "", ""};
  for (const std::string& row :
       {std::string("a"), std::string("b"), std::string("b\0", 2), longest, longest + "x",
        std::string(kMaxRowKeyBytes, 'k'), std::string(kMaxRowKeyBytes, '\xff')}) {
    const RowRange range = MetadataLookup(30, row);
    auto it = metadata.begin();
    while (it != metadata.end() && !InRange(range, it->first)) ++it;
    ASSERT_NE(it, metadata.end());
    EXPECT_EQ(it->second.table, 30u);
    EXPECT_TRUE(it->second.Contains(row)) << row.substr(0, 10) << " " << row.size();
  }
}

TEST(MetadataLookup, KeysOfBothLevelsAreLegalRowKeys) {
  const std::string user = MetadataRowKey(30, std::string(kMaxEndRowBytes, 'k'));
  const RowRange root = RootLookup(30, std::string(kMaxRowKeyBytes, 'k'));
  EXPECT_LE(user.size(), kMaxRowKeyBytes);
  EXPECT_LE(root.start.size(), kMaxRowKeyBytes);
}

TEST(SystemTablets, RootAndMetadataTileTheTable) {
  const TabletDescriptor root = RootTabletDescriptor();
  const TabletDescriptor first = FirstMetadataTabletDescriptor();
  EXPECT_EQ(root.end_row, first.start_row);
  EXPECT_TRUE(root.start_row.empty());
  EXPECT_TRUE(first.end_row.empty());
  // The root holds the METADATA tablets' rows, the METADATA tablet every other table's.
  EXPECT_TRUE(root.Contains(MetadataRowKey(kMetadataTable, first.end_row)));
  EXPECT_TRUE(first.Contains(MetadataRowKey(kFirstUserTable, "")));
  EXPECT_TRUE(InRange(RootLookup(kFirstUserTable, "row"), MetadataRowKey(kMetadataTable, "")));
}

TEST(TabletLocation, SurvivesCodingAndEveryTruncationIsRefused) {
  TabletLocation location;
  location.tablet = {17, 30, "a", std::string("b\0c", 3)};
  location.epoch = 9;
  location.assignment = TabletAssignment::kAssigned;
  location.server_id = "ts-1";
  location.incarnation = 300;
  location.address = "127.0.0.1:4711";
  const std::string encoded = EncodeTabletLocation(location);
  auto decoded = DecodeTabletLocation(encoded);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, location);
  for (size_t n = 0; n < encoded.size(); ++n) {
    EXPECT_TRUE(IsCorrupt(DecodeTabletLocation(Slice(encoded).substr(0, n)).status())) << n;
  }
  EXPECT_TRUE(IsCorrupt(DecodeTabletLocation(encoded + "x").status()));
  std::string newer = encoded;
  newer[0] = 2;
  EXPECT_EQ(DecodeTabletLocation(newer).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace stele
