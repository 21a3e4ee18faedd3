// Goal: a damage mark keeps every report, whatever byte of it flips it never reads as no mark, and
// only its removal lets the tablet be opened.
#include "tabletserver/storage/damage_mark.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "common/base/log.h"
#include "common/bytes/coding.h"
#include "common/bytes/crc32c.h"
#include "common/testing/fault_fs.h"
#include "common/testing/status_asserts.h"

namespace stele::storage {
namespace {

TEST(DamageMark, KeepsReportsOnce) {
  FaultFs fs;
  ASSERT_OK_AND_ASSIGN(auto store, OpenPosixStore(&fs, "/s", true));
  EXPECT_OK(CheckNotDamaged(store.get(), 7));
  EXPECT_OK(RemoveDamageMark(store.get(), 7));
  ASSERT_OK(AddDamageMark(store.get(), 7, {"segment 1", "rescue/7/1"}));
  ASSERT_OK(AddDamageMark(store.get(), 7, {"segment 1", "rescue/7/2"}));
  ASSERT_OK(AddDamageMark(store.get(), 7, {"segment 2", ""}));
  ASSERT_OK_AND_ASSIGN(DamageMark mark, ReadDamageMark(store.get(), 7));
  EXPECT_EQ(mark.entries,
            (std::vector<DamageMark::Entry>{{"segment 1", "rescue/7/1"}, {"segment 2", ""}}));
  EXPECT_STATUS(kDataLoss, "segment 1; segment 2", CheckNotDamaged(store.get(), 7));
  EXPECT_OK(CheckNotDamaged(store.get(), 8));
  for (int i = 3; i < 9; ++i) {
    ASSERT_OK(AddDamageMark(store.get(), 7, {absl::StrCat("segment ", i), ""}));
  }
  EXPECT_STATUS(kDataLoss, "and 4 reports more", CheckNotDamaged(store.get(), 7));
  ASSERT_OK(RemoveDamageMark(store.get(), 7));
  EXPECT_OK(CheckNotDamaged(store.get(), 7));
}

TEST(DamageMark, AFlippedBitIsDamage) {
  const DamageMark mark{{{"segment 1 lap 2 offset 3", "rescue/7/1"}}};
  const std::string encoded = EncodeDamageMark(mark);
  ASSERT_OK_AND_ASSIGN(DamageMark decoded, DecodeDamageMark(encoded));
  EXPECT_EQ(decoded.entries, mark.entries);
  for (size_t bit = 0; bit < encoded.size() * 8; ++bit) {
    std::string bad = encoded;
    bad[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    EXPECT_FALSE(DecodeDamageMark(bad).ok()) << bit;
  }
  for (size_t n = 0; n < encoded.size(); ++n) {
    EXPECT_STATUS(kDataLoss, "damage mark", DecodeDamageMark(encoded.substr(0, n)));
  }
}

// Marks that were written once must be read for ever.
TEST(DamageMark, TheBytesOfVersion1) {
  const DamageMark mark{{{"gap", "rescue/7/1"}}};
  const std::string golden =
      absl::HexStringToBytes("5354444d0101036761700a7265736375652f372f31f1c09bdd");
  EXPECT_EQ(absl::BytesToHexString(EncodeDamageMark(mark)), absl::BytesToHexString(golden));
  ASSERT_OK_AND_ASSIGN(DamageMark decoded, DecodeDamageMark(golden));
  EXPECT_EQ(decoded.entries, mark.entries);

  std::string newer = golden.substr(0, golden.size() - 4);
  newer[4] = 2;
  PutFixed32(&newer, MaskCrc(Crc32c(newer)));
  EXPECT_STATUS(kFailedPrecondition, "version 2", DecodeDamageMark(newer));
}

TEST(DamageMark, AMarkThatDoesNotReadStillStopsTheTablet) {
  FaultFs fs;
  ASSERT_OK_AND_ASSIGN(auto store, OpenPosixStore(&fs, "/s", true));
  ASSERT_OK(store->CreateCell(DamageCellName(7), "garbage"));
  EXPECT_STATUS(kDataLoss, "tablet 7", CheckNotDamaged(store.get(), 7));
  ASSERT_OK(AddDamageMark(store.get(), 7, {"more", ""}));
  EXPECT_STATUS(kDataLoss, "tablet 7", CheckNotDamaged(store.get(), 7));
}

}  // namespace
}  // namespace stele::storage
