// Goal: table records survive coding and every truncation is refused; tablets of a new table tile
// its rows; timestamps of system rows rise with the master and with each write.
#include <gtest/gtest.h>

#include "common/testing/status_asserts.h"
#include "master/catalog/revision.h"
#include "master/catalog/table_record.h"

namespace stele::master {
namespace {

TableRecord SomeRecord() {
  TableRecord record;
  record.schema.name = "pages";
  record.schema.id = 17;
  record.schema.version = 3;
  record.schema.next_family_id = 2;
  FamilySchema family;
  family.name = "f";
  family.id = 1;
  record.schema.families.push_back(family);
  record.schema.groups.emplace_back().name = "default";
  record.state = TableState::kCreating;
  record.first_tablet = 40;
  record.split_keys = {"b", std::string("m\0", 2)};
  record.last_drop_order = 300;
  record.dropping.emplace().start = "p";
  return record;
}

TEST(TableRecord, SurvivesCodingAndRefusesDamage) {
  const TableRecord record = SomeRecord();
  ASSERT_OK_AND_ASSIGN(std::string encoded, EncodeTableRecord(record));
  ASSERT_OK_AND_ASSIGN(TableRecord decoded, DecodeTableRecord(encoded));
  EXPECT_EQ(decoded, record);
  for (size_t n = 0; n < encoded.size(); ++n) {
    EXPECT_STATUS(kDataLoss, "", DecodeTableRecord(Slice(encoded).substr(0, n))) << n;
  }
  EXPECT_STATUS(kDataLoss, "", DecodeTableRecord(encoded + "x"));
  std::string newer = encoded;
  newer[0] = 3;
  EXPECT_STATUS(kFailedPrecondition, "version 3", DecodeTableRecord(newer));
  std::string odd = encoded;
  odd[1] = 9;
  EXPECT_STATUS(kDataLoss, "state", DecodeTableRecord(odd));
}

TEST(TableRecord, Version1IsRead) {
  TableRecord record = SomeRecord();
  record.last_drop_order = 0;
  record.dropping.reset();
  ASSERT_OK_AND_ASSIGN(std::string encoded, EncodeTableRecord(record));
  encoded[0] = 1;
  encoded.resize(encoded.size() - 2);  // the order number and the flag
  ASSERT_OK_AND_ASSIGN(TableRecord decoded, DecodeTableRecord(encoded));
  EXPECT_EQ(decoded, record);
}

TEST(TableRecord, InitialTabletsTileTheTable) {
  const auto tablets = InitialTablets(SomeRecord());
  ASSERT_EQ(tablets.size(), 3u);
  EXPECT_EQ(tablets.front().start_row, "");
  EXPECT_EQ(tablets.back().end_row, "");
  for (size_t i = 0; i < tablets.size(); ++i) {
    EXPECT_EQ(tablets[i].id, 40 + i);
    EXPECT_EQ(tablets[i].table, 17u);
    if (i > 0) {
      EXPECT_EQ(tablets[i].start_row, tablets[i - 1].end_row);
    }
  }
}

TEST(Revision, RisesWithTheWriteAndAboveEveryEarlierMaster) {
  Revision old(6), next(7);
  int64_t last = old.NextTimestamp();
  for (int i = 0; i < 1000; ++i) {
    const int64_t now = old.NextTimestamp();
    EXPECT_GT(now, last);
    EXPECT_EQ(now % kTimestampGranularityUs, 0);
    last = now;
  }
  EXPECT_GT(next.NextTimestamp(), last);
}

}  // namespace
}  // namespace stele::master
