// Goal: a mutation comes back from the log's payload as the cells it becomes; any damage is
// DataLoss and a newer version is refused.
#include "tabletserver/storage/write_record.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "schema/model/cell_key.h"

namespace stele::storage {
namespace {

TableSchema Schema() {
  TableSchema schema;
  schema.families = {{.name = "f", .id = 3}, {.name = "g", .id = 4}};
  return schema;
}

RowMutation Sample() {
  return {std::string("r\0w", 3),
          {SetCell{"f", "q", 5000, "value"}, SetCell{"g", "", kServerTime, ""},
           DeleteFromColumn{"f", "q", 1000, 2000}, DeleteFromFamily{"g"}, DeleteFromRow{}}};
}

WriteHeader Header() { return {.epoch = 7, .base_sequence = 100, .server_timestamp_us = 9000}; }

std::vector<std::pair<std::string, std::string>> Decode(const std::string& payload,
                                                        WriteHeader* header) {
  std::vector<std::pair<std::string, std::string>> cells;
  EXPECT_OK(DecodeWrite(payload, header, [&](Slice key, Slice value) {
    cells.emplace_back(std::string(key), std::string(value));
    return OkStatus();
  }));
  return cells;
}

TEST(WriteRecord, ReadsBackCells) {
  WriteHeader header;
  auto cells = Decode(EncodeWrite(Sample(), Schema(), Header()), &header);
  EXPECT_EQ(header.epoch, 7u);
  EXPECT_EQ(header.base_sequence, 100u);
  EXPECT_EQ(header.last_sequence(), 104u);
  EXPECT_EQ(header.server_timestamp_us, 9000);
  ASSERT_EQ(cells.size(), 5u);
  const std::string row("r\0w", 3);
  std::vector<std::pair<std::string, std::string>> expected(5);
  AppendSetKey(&expected[0].first, row, "f", 3, "q", 5000, 100);
  expected[0].second = "value";
  AppendSetKey(&expected[1].first, row, "g", 4, "", 9000, 101);
  AppendColumnMarkerKey(&expected[2].first, row, "f", 3, "q", 102);
  AppendMarkerRange(&expected[2].second, 1000, 2000);
  AppendFamilyMarkerKey(&expected[3].first, row, "g", 4, 103);
  AppendRowMarkerKey(&expected[4].first, row, 104);
  EXPECT_EQ(cells, expected);
}

// The bytes of each version, for ever.
TEST(WriteRecord, GoldenVersion1) {
  RowMutation mutation{"r", {SetCell{"f", "q", 1000, "v"}}};
  WriteHeader header{.epoch = 1, .base_sequence = 2};
  EXPECT_EQ(absl::BytesToHexString(EncodeWrite(mutation, Schema(), header)),
            "010001020372000101010f66000003710001fffffffffffffc170176");
  // With an id.
  ASSERT_OK_AND_ASSIGN(WriteHeader back,
                       DecodeWriteHeader(absl::HexStringToBytes(
                           "0102010203040372000101010f66000003710001fffffffffffffc170176")));
  EXPECT_EQ(back.id, (RequestId{3, 4, 0}));
  EXPECT_EQ(back.kind, ChangeKind::kWrite);
}

TEST(WriteRecord, GoldenVersion2) {
  RowMutation mutation{"r", {SetCell{"f", "q", 1000, "v"}}};
  WriteHeader header{.epoch = 1, .base_sequence = 2, .id = {3, 4, 1}, .kind = ChangeKind::kMatched};
  const std::string bytes = EncodeWrite(mutation, Schema(), header);
  EXPECT_EQ(absl::BytesToHexString(bytes),
            "02020102030401020372000101010f66000003710001fffffffffffffc170176");
  ASSERT_OK_AND_ASSIGN(WriteHeader back, DecodeWriteHeader(bytes));
  EXPECT_EQ(back.id, header.id);
  EXPECT_EQ(back.kind, ChangeKind::kMatched);
}

TEST(WriteRecord, TheAnswerOfAReadModifyWriteIsItsCells) {
  RowMutation mutation{"r", {SetCell{"f", "", 1000, "v"}, SetCell{"g", "q", 2000, ""}}};
  ASSERT_OK_AND_ASSIGN(Row row, DecodeWrittenRow(EncodeWrite(mutation, Schema(), Header())));
  EXPECT_EQ(row, (Row{"r", {{"f", "", 1000, "v"}, {"g", "q", 2000, ""}}}));
  EXPECT_STATUS(kDataLoss, "a delete in an answer",
                DecodeWrittenRow(EncodeWrite(Sample(), Schema(), Header())).status());
}

TEST(WriteRecord, CutsAndExtraBytesAreDamage) {
  const std::string good = EncodeWrite(Sample(), Schema(), Header());
  auto ignore = [](Slice, Slice) { return OkStatus(); };
  WriteHeader header;
  for (size_t n = 0; n < good.size(); ++n) {
    EXPECT_STATUS(kDataLoss, "", DecodeWrite(Slice(good).substr(0, n), &header, ignore));
  }
  EXPECT_STATUS(kDataLoss, "after the end", DecodeWrite(good + "x", &header, ignore));
}

TEST(WriteRecord, AnyBytesGiveAStatus) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  const std::string good = EncodeWrite(Sample(), Schema(), Header());
  auto ignore = [](Slice, Slice) { return OkStatus(); };
  WriteHeader header;
  for (int i = 0; i < 20'000; ++i) {
    std::string bad = good;
    for (uint64_t n = random.Between(1, 4); n > 0; --n) {
      bad[random.Below(bad.size())] = static_cast<char>(random.Below(256));
    }
    Status status = DecodeWrite(bad, &header, ignore);
    EXPECT_TRUE(status.ok() || IsCorrupt(status) || absl::IsFailedPrecondition(status)) << status;
  }
}

TEST(WriteRecord, RefusesNewerVersionsAndBadHeads) {
  std::string payload = EncodeWrite(Sample(), Schema(), Header());
  payload[0] = 3;
  EXPECT_STATUS(kFailedPrecondition, "newer", DecodeWriteHeader(payload));
  payload[0] = 0;
  EXPECT_STATUS(kDataLoss, "version 0", DecodeWriteHeader(payload));
  payload[0] = 1;
  payload[1] = 8;
  EXPECT_STATUS(kDataLoss, "flags", DecodeWriteHeader(payload));
  EXPECT_STATUS(kDataLoss, "shorter", DecodeWriteHeader("x"));
  payload = EncodeWrite(Sample(), Schema(),
                        {.base_sequence = 1, .id = {3, 4, 1}, .kind = ChangeKind::kRow});
  payload[7] = 4;
  EXPECT_STATUS(kDataLoss, "kind of change", DecodeWriteHeader(payload));
}

TEST(WriteRecord, TheCallbacksErrorEndsIt) {
  WriteHeader header;
  int calls = 0;
  Status status =
      DecodeWrite(EncodeWrite(Sample(), Schema(), Header()), &header, [&](Slice, Slice) {
        ++calls;
        return absl::CancelledError("enough");
      });
  EXPECT_STATUS(kCancelled, "enough", status);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace stele::storage
