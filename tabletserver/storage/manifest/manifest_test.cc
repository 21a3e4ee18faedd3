// Goal: a manifest reads back as written, every damage is found, a newer format and a foreign or
// overtaken manifest are refused, and the format of a version never changes.
#include "tabletserver/storage/manifest/manifest.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/escaping.h"
#include "common/bytes/coding.h"
#include "common/bytes/crc32c.h"
#include "common/store/fs.h"
#include "tabletserver/storage/manifest/manifest_dump.h"
#include "tabletserver/storage/manifest/manifest_format.h"

namespace stele::storage {
namespace {

using absl::StatusCode;

Manifest Sample() {
  Manifest m;
  m.tablet = {.id = 0x1234, .table = 7, .start_row = "a", .end_row = std::string("m\0n", 3)};
  m.epoch = 300;
  m.flushed_sequence = 1'000'000;
  m.max_server_timestamp_us = 1'700'000'000'000'000;
  m.gc_now_us = 1'700'000'000'000'001;
  m.parents = {3, 900};
  m.last_split = {901, "Z"};
  m.merged_into = 902;
  m.schema.name = "web";
  m.schema.id = 7;
  m.schema.version = 4;
  m.schema.next_family_id = 9;
  m.schema.deletion_protection = true;
  GcRule versions{.kind = GcRule::Kind::kMaxVersions, .max_versions = 3};
  GcRule age{.kind = GcRule::Kind::kMaxAge, .max_age_us = 86'400'000'000};
  GcRule both{.kind = GcRule::Kind::kUnion, .rules = {versions, age}};
  m.schema.families = {{.name = "anchor", .id = 2, .locality_group = "text", .gc = both},
                       {.name = "title", .id = 8}};
  m.schema.groups = {{.name = "default", .in_memory = true},
                     {.name = "text", .codec = Codec::kZstd, .bloom_columns = true}};
  m.files = {{.blob = "tables/7/1234/12c-00000000000000aa.sst",
              .file_id = 0xaa,
              .group = "text",
              .bytes = 4096,
              .cells = 100,
              .markers = 3,
              .min_sequence = 5,
              .max_sequence = 1'000'000,
              .first_row = "b",
              .last_row = "k",
              .clip_start = "c",
              .clip_end = "j",
              .drops_applied = 40}};
  m.drops = {{.start = "b", .end = "bb", .sequence = 41},
             {.start = std::string("e\0", 2), .sequence = 1'000'001}};
  m.last_drop_order = 12;
  m.schema.families[1].aggregate = Aggregate::kSum;
  m.requests = {{17, 4, {{4, ChangeKind::kWrite, {}}, {6, ChangeKind::kNotMatched, {}}}},
                {1ull << 63, 9, {{9, ChangeKind::kRow, {"b", {{"anchor", "", 0, "x"}}}}}}};
  return m;
}

// Writes the prelude's length and crc again after a change of the bytes.
std::string Sealed(std::string encoded) {
  EncodeFixed32(encoded.data() + kManifestLengthOffset,
                static_cast<uint32_t>(encoded.size() - kManifestPreludeBytes));
  uint32_t crc = Crc32c(Slice(encoded).substr(0, kManifestCrcOffset));
  crc = ExtendCrc32c(crc, Slice(encoded).substr(kManifestPreludeBytes));
  EncodeFixed32(encoded.data() + kManifestCrcOffset, MaskCrc(crc));
  return encoded;
}

TEST(ManifestCodec, ReadsBackWhatWasWritten) {
  StatusOr<Manifest> back = DecodeManifest(EncodeManifest(Sample()));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, Sample());
  Manifest empty;
  back = DecodeManifest(EncodeManifest(empty));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, empty);
}

Manifest GoldenManifest() {
  Manifest m;
  m.tablet = {.id = 1, .table = 2, .start_row = "", .end_row = "z"};
  m.epoch = 3;
  m.flushed_sequence = 300;
  m.max_server_timestamp_us = 4000;
  m.schema.name = "t";
  m.schema.id = 2;
  m.schema.version = 1;
  m.schema.next_family_id = 2;
  m.schema.families = {{.name = "f", .id = 1}};
  m.schema.groups = {{.name = "default"}};
  m.files = {{.blob = "b", .file_id = 5, .group = "default", .bytes = 6, .cells = 7}};
  return m;
}

// Tablet, schema and file of GoldenManifest, the same in the bytes of versions 1 to 4.
#define GOLDEN_BODY                \
  "0200017a03ac02a01f"             \
  "01740201028080806400"           \
  "0101660107"                     \
  "64656661756c7400000000"         \
  "010764656661756c74028080040a00" \
  "0101620507"                     \
  "64656661756c740607000000"

// The bytes of each version, for ever: a change here breaks stores that exist.
TEST(ManifestCodec, ReadsGoldenVersion1) {
  const std::string bytes = absl::HexStringToBytes(
      "53544d460100000001000000000000004800000031f7f7b1" GOLDEN_BODY "0000000000");
  StatusOr<Manifest> back = DecodeManifest(bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, GoldenManifest());
}

TEST(ManifestCodec, ReadsGoldenVersion2) {
  const std::string bytes =
      absl::HexStringToBytes("53544d460200000001000000000000004d0000008cb5c44a" GOLDEN_BODY
                             "0000000000"
                             "080161ac02");
  StatusOr<Manifest> back = DecodeManifest(bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  Manifest m = GoldenManifest();
  m.last_split = {8, "a"};
  m.merged_into = 300;
  EXPECT_EQ(*back, m);
}

Manifest GoldenManifestWithGcNow() {
  Manifest m = GoldenManifest();
  m.last_split = {8, "a"};
  m.merged_into = 300;
  m.files[0].drops_applied = 200;
  m.drops = {{.start = "c", .end = "d", .sequence = 301}};
  m.last_drop_order = 9;
  m.gc_now_us = 300;
  return m;
}

TEST(ManifestCodec, ReadsGoldenVersion3) {
  Manifest m = GoldenManifestWithGcNow();
  m.gc_now_us = 0;
  const std::string bytes =
      absl::HexStringToBytes("53544d4603000000010000000000000057000000d0c8e4cb" GOLDEN_BODY
                             "00000000c80100"
                             "080161ac02"
                             "090101630164ad02");
  StatusOr<Manifest> back = DecodeManifest(bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, m);
}

TEST(ManifestCodec, ReadsGoldenVersion4) {
  const std::string bytes =
      absl::HexStringToBytes("53544d4604000000010000000000000059000000069aa28f" GOLDEN_BODY
                             "00000000c80100"
                             "080161ac02"
                             "090101630164ad02"
                             "ac02");
  StatusOr<Manifest> back = DecodeManifest(bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, GoldenManifestWithGcNow());
}

TEST(ManifestCodec, ReadsGoldenVersion5) {
  Manifest m = GoldenManifestWithGcNow();
  m.schema.families[0].aggregate = Aggregate::kMax;
  m.requests = {{7, 4, {{4, ChangeKind::kMatched, {}}, {5, ChangeKind::kForgotRow, {}}}},
                {300, 1, {{1, ChangeKind::kRow, {"r", {{"f", "q", 1000, "v"}}}}}}};
  StatusOr<Manifest> back =
      DecodeManifest(absl::HexStringToBytes("53544d4605000000010000000000000073000000f4e79e72"
                                            "0200017a03ac02a01f"
                                            "01740201028080806400"
                                            "0101660107"
                                            "64656661756c740000000003"
                                            "010764656661756c74028080040a00"
                                            "0101620507"
                                            "64656661756c740607000000"
                                            "00000000c80100"
                                            "080161ac02"
                                            "090101630164ad02"
                                            "ac02"
                                            "02"
                                            "07040204020504"
                                            "ac020101010301720101660171e8070176"));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, m);
}

TEST(ManifestCodec, GoldenVersion6) {
  Manifest m = GoldenManifestWithGcNow();
  m.schema.families[0].aggregate = Aggregate::kMax;
  m.requests = {{7, 4, {{4, ChangeKind::kMatched, {}}, {5, ChangeKind::kWrite, {}, 300}}},
                {300, 1, {{1, ChangeKind::kRow, {"r", {{"f", "q", 1000, "v"}}}}}}};
  EXPECT_EQ(absl::BytesToHexString(EncodeManifest(m)),
            "53544d46060000000100000000000000750000008751f4a3"
            "0200017a03ac02a01f"
            "01740201028080806400"
            "0101660107"
            "64656661756c740000000003"
            "010764656661756c74028080040a00"
            "0101620507"
            "64656661756c740607000000"
            "00000000c80100"
            "080161ac02"
            "090101630164ad02"
            "ac02"
            "02"
            "070402"
            "0402"
            "0500ac02"
            "ac020101010301720101660171e8070176");
}

TEST(ManifestCodec, RequestsOutOfOrderAreDamage) {
  Manifest m = GoldenManifest();
  for (const std::vector<RememberedRequest>& wrong :
       {std::vector<RememberedRequest>{{4, ChangeKind::kWrite, {}, 3},
                                       {6, ChangeKind::kMatched, {}}},
        {{4, ChangeKind::kWrite, {}, 0}},
        {{4, ChangeKind::kWrite, {}, UINT64_MAX}}}) {
    m.requests = {{7, 4, wrong}};
    EXPECT_EQ(DecodeManifest(EncodeManifest(m)).status().code(), StatusCode::kDataLoss);
  }
}

TEST(ManifestCodec, DropsOutOfOrderAreDamage) {
  Manifest m = GoldenManifest();
  m.drops = {{.sequence = 5}, {.sequence = 5}};
  EXPECT_EQ(DecodeManifest(EncodeManifest(m)).status().code(), StatusCode::kDataLoss);
}

TEST(ManifestCodec, EveryFlippedBitIsDamage) {
  const std::string good = EncodeManifest(Sample());
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(DecodeManifest(bad).status().code(), StatusCode::kDataLoss) << "bit " << bit;
  }
}

TEST(ManifestCodec, EveryCutAndEveryExtraByteIsDamage) {
  const std::string good = EncodeManifest(Sample());
  for (size_t n = 0; n < good.size(); ++n) {
    EXPECT_EQ(DecodeManifest(Slice(good).substr(0, n)).status().code(), StatusCode::kDataLoss);
  }
  EXPECT_EQ(DecodeManifest(good + "x").status().code(), StatusCode::kDataLoss);
  // Cut or extended by a writer with a good crc: the body's own structure tells.
  for (size_t n = kManifestPreludeBytes; n < good.size(); ++n) {
    EXPECT_EQ(DecodeManifest(Sealed(good.substr(0, n))).status().code(), StatusCode::kDataLoss);
  }
  EXPECT_EQ(DecodeManifest(Sealed(good + "x")).status().code(), StatusCode::kDataLoss);
}

TEST(ManifestCodec, AnyBodyByteGivesDataOrDataLoss) {
  // Hostile content under a good crc: no crash, no unbounded work, no other error.
  const std::string good = EncodeManifest(Sample());
  for (size_t i = kManifestPreludeBytes; i < good.size(); ++i) {
    for (int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::string bad = good;
      bad[i] = static_cast<char>(value);
      StatusOr<Manifest> got = DecodeManifest(Sealed(bad));
      if (!got.ok()) {
        EXPECT_EQ(got.status().code(), StatusCode::kDataLoss) << got.status();
      }
    }
  }
}

TEST(ManifestCodec, RefusesANewerFormatAndVersionZero) {
  std::string encoded = EncodeManifest(Sample());
  EncodeFixed32(encoded.data() + kManifestVersionOffset, Manifest::kFormatVersion + 1);
  EXPECT_EQ(DecodeManifest(Sealed(encoded)).status().code(), StatusCode::kFailedPrecondition);
  EncodeFixed32(encoded.data() + kManifestVersionOffset, 0);
  EXPECT_EQ(DecodeManifest(Sealed(encoded)).status().code(), StatusCode::kDataLoss);
}

TEST(ManifestCodec, RefusesTooDeepGcRules) {
  // A chain of intersections, deeper than allowed, spliced in where the last family's gc stands.
  Manifest m;
  m.schema.families = {{.name = "f", .id = 1, .locality_group = "default"}};
  GcRule rule;
  for (size_t i = 1; i < kManifestMaxGcDepth; ++i) {
    rule = GcRule{.kind = GcRule::Kind::kIntersection, .rules = {rule}};
  }
  m.schema.families[0].gc = rule;
  std::string encoded = EncodeManifest(m);
  EXPECT_TRUE(DecodeManifest(encoded).ok());
  const std::string leaf(4, '\0');
  size_t at = encoded.find(leaf, kManifestPreludeBytes + 20);
  ASSERT_NE(at, std::string::npos);
  encoded.insert(at, std::string("\x04\x00\x00\x01", 4));
  Status status = DecodeManifest(Sealed(encoded)).status();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_NE(status.message().find("too deep"), absl::string_view::npos) << status;
}

TEST(ManifestCodec, DumpNamesWhatAnOperatorLooksFor) {
  StatusOr<std::string> text = DumpManifest(EncodeManifest(Sample()));
  ASSERT_TRUE(text.ok());
  for (const char* part : {"tablet=4660", "epoch=300", "m\\x00n", "union(max_versions(3)",
                           "12c-00000000000000aa.sst", "in_memory", "codec=zstd", "[3, 900]",
                           "child=901", "merged_into=902", "gc_now_us=1700000000000001"}) {
    EXPECT_NE(text->find(part), std::string::npos) << part << " in\n" << *text;
  }
  EXPECT_FALSE(DumpManifest("STMF").ok());
}

TEST(ManifestName, RoundTripsAndRefusesOthers) {
  EXPECT_EQ(ManifestCellName(0x1f), "tablets/000000000000001f");
  EXPECT_EQ(*ParseManifestCellName("tablets/000000000000001f"), 0x1fu);
  for (const char* bad : {"tablets/1f", "tablets/000000000000001g", "tablets/000000000000001F",
                          "tables//000000000000001f", ""}) {
    EXPECT_FALSE(ParseManifestCellName(bad).ok()) << bad;
  }
}

class ManifestStoreTest : public ::testing::Test {
 protected:
  ManifestStoreTest()
      : root_(::testing::TempDir() + "/stele-manifest-" + std::to_string(getpid()) + "-" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name()),
        store_(*OpenPosixStore(PosixFs(), root_, true)) {}
  ~ManifestStoreTest() override { std::filesystem::remove_all(root_); }

  const std::string root_;
  const std::unique_ptr<BlobStore> store_;
};

TEST_F(ManifestStoreTest, CreateReadReplace) {
  Manifest m = Sample();
  EXPECT_EQ(ReadManifest(store_.get(), m.tablet.id).status().code(), StatusCode::kNotFound);
  ASSERT_TRUE(CreateManifest(store_.get(), m).ok());
  EXPECT_EQ(CreateManifest(store_.get(), m).code(), StatusCode::kAlreadyExists);
  StatusOr<StoredManifest> stored = ReadManifest(store_.get(), m.tablet.id);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->manifest, m);
  m.files.clear();
  ASSERT_TRUE(ReplaceManifest(store_.get(), &*stored, m).ok());
  EXPECT_EQ(stored->manifest, m);
  StatusOr<StoredManifest> again = ReadManifest(store_.get(), m.tablet.id);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->manifest, m);
  EXPECT_EQ(again->version, stored->version);
}

TEST_F(ManifestStoreTest, AStaleOwnerIsFenced) {
  Manifest m = Sample();
  ASSERT_TRUE(CreateManifest(store_.get(), m).ok());
  StatusOr<StoredManifest> old_owner = ReadManifest(store_.get(), m.tablet.id);
  StatusOr<StoredManifest> new_owner = ReadManifest(store_.get(), m.tablet.id);
  ASSERT_TRUE(old_owner.ok() && new_owner.ok());
  Manifest taken = m;
  taken.epoch = m.epoch + 1;
  ASSERT_TRUE(ReplaceManifest(store_.get(), &*new_owner, taken).ok());
  EXPECT_EQ(ReplaceManifest(store_.get(), &*old_owner, m).code(), StatusCode::kAborted);
  EXPECT_EQ(old_owner->manifest, m) << "a failed replacement leaves its argument alone";
  // Having read the new version does not help an owner of a lower epoch.
  EXPECT_EQ(ReplaceManifest(store_.get(), &*new_owner, m).code(), StatusCode::kAborted);
  EXPECT_EQ(ReadManifest(store_.get(), m.tablet.id)->manifest, taken);
}

TEST_F(ManifestStoreTest, AForeignOrDamagedManifestIsDataLoss) {
  Manifest m = Sample();
  ASSERT_TRUE(store_->CreateCell(ManifestCellName(99), EncodeManifest(m)).ok());
  Status status = ReadManifest(store_.get(), 99).status();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_NE(status.message().find("tablets/0000000000000063"), absl::string_view::npos) << status;
  ASSERT_TRUE(store_->CreateCell(ManifestCellName(98), "not a manifest at all").ok());
  EXPECT_EQ(ReadManifest(store_.get(), 98).status().code(), StatusCode::kDataLoss);
  Manifest gone = m;
  gone.tablet.id = 77;
  StoredManifest stored{gone, 1};
  EXPECT_EQ(ReplaceManifest(store_.get(), &stored, gone).code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace stele::storage
