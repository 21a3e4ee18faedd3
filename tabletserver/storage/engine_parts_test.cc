// Goal: the small parts of the engine keep their contracts: row timestamps, write throttle, table
// names, trash list, published manifest.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "common/testing/fault_fs.h"
#include "common/testing/manual_clock.h"
#include "common/testing/status_asserts.h"
#include "tabletserver/storage/engine.h"
#include "tabletserver/storage/published_manifest.h"
#include "tabletserver/storage/rescue_file.h"
#include "tabletserver/storage/row_timestamps.h"
#include "tabletserver/storage/table_names.h"
#include "tabletserver/storage/trash_list.h"
#include "tabletserver/storage/write_throttle.h"

namespace stele::storage {
namespace {

TEST(RowTimestamps, IncreaseWhateverTheClockDoes) {
  ManualClock clock;
  RowTimestamps timestamps(&clock, 0);
  const int64_t first = timestamps.Next("row");
  EXPECT_EQ(first, ManualClock::kStartWallMicros);
  EXPECT_EQ(timestamps.Next("row"), first + 1000) << "the same millisecond";
  clock.SetWallMicros(5'000'000);
  EXPECT_EQ(timestamps.Next("row"), first + 2000) << "the clock went back";
  clock.SetWallMicros(first + 50'999);
  EXPECT_EQ(timestamps.Next("row"), first + 50'000) << "a multiple of 1000";
  EXPECT_EQ(timestamps.max_us(), first + 50'000);
}

TEST(RowTimestamps, StayAboveTheFloor) {
  ManualClock clock;
  const int64_t floor = ManualClock::kStartWallMicros + 1'000'000;
  RowTimestamps timestamps(&clock, floor);
  EXPECT_EQ(timestamps.max_us(), floor);
  EXPECT_GT(timestamps.Next("a"), floor);
  EXPECT_GT(timestamps.Next("b"), floor);
}

TEST(WriteThrottle, RateFallsSmoothly) {
  EXPECT_TRUE(std::isinf(AdmittedBytesPerSecond(0.59)));
  EXPECT_EQ(AdmittedBytesPerSecond(1), 0);
  for (double p = 0.6; p < 0.995; p += 0.01) {
    EXPECT_GT(AdmittedBytesPerSecond(p), AdmittedBytesPerSecond(p + 0.005)) << p;
    EXPECT_GE(AdmittedBytesPerSecond(p), 1e6);
  }
}

TEST(WriteThrottle, AsksForADelayThatIsEnough) {
  ManualClock clock;
  WriteThrottle throttle(&clock);
  EXPECT_OK(throttle.Admit(1u << 30, 0.5));
  EXPECT_OK(throttle.Admit(1'000'000, 0.99)) << "the first passes, and has to be paid for";
  Status refused = throttle.Admit(1, 0.99);
  EXPECT_STATUS(kResourceExhausted, "slowed down", refused);
  EXPECT_GT(RetryDelayMs(refused), 0);
  EXPECT_EQ(throttle.stalled_ms(), static_cast<uint64_t>(RetryDelayMs(refused)));
  clock.AdvanceMillis(RetryDelayMs(refused));
  EXPECT_OK(throttle.Admit(1, 0.99));
  Status full = throttle.Admit(1, 1.0);
  EXPECT_STATUS(kResourceExhausted, "no memory", full);
  EXPECT_EQ(RetryDelayMs(full), 100);
  EXPECT_EQ(RetryDelayMs(OkStatus()), 0);
  Status bad = absl::ResourceExhaustedError("x");
  bad.SetPayload(kRetryDelayMsPayload, absl::Cord("soon"));
  EXPECT_EQ(RetryDelayMs(bad), 0);
}

TEST(WriteThrottle, NobodyWaitsLongForWhatOthersWroteUnderPressure) {
  ManualClock clock;
  WriteThrottle throttle(&clock);
  EXPECT_OK(throttle.Admit(100'000'000, 0.99)) << "100 MB at about 1 MB/s";
  Status refused = throttle.Admit(1, 0.99);
  EXPECT_GT(RetryDelayMs(refused), 900);
  EXPECT_LE(RetryDelayMs(refused), kLongestThrottleWaitMs);
  // The pressure is almost gone: so is the debt.
  clock.AdvanceMillis(10);
  EXPECT_OK(throttle.Admit(100'000'000, 0.61));
  // A debt made at a high rate is not paid at a low one.
  EXPECT_LE(RetryDelayMs(throttle.Admit(1, 0.999)), kLongestThrottleWaitMs);
  clock.AdvanceMillis(kLongestThrottleWaitMs);
  EXPECT_OK(throttle.Admit(1, 0.999));
  // Without pressure it is forgotten.
  EXPECT_OK(throttle.Admit(100'000'000, 0.9));
  EXPECT_OK(throttle.Admit(1, 0.1));
  EXPECT_OK(throttle.Admit(1, 0.9));
}

TEST(TableNames, AreNeverTheSame) {
  std::set<uint64_t> ids;
  std::set<std::string> blobs;
  const TabletDescriptor tablet{.id = 0x64, .table = 7};
  for (uint64_t epoch = 1; epoch <= 50; ++epoch) {
    TableNames names("server", epoch);
    for (int i = 0; i < 100; ++i) {
      TableFileName name = names.Next(tablet, 3);
      ids.insert(name.file_id);
      blobs.insert(name.blob);
      EXPECT_EQ(name.blob.substr(0, 14), "tables/7/64/3-");
    }
  }
  EXPECT_EQ(ids.size(), 5000u);
  EXPECT_EQ(blobs.size(), 5000u);
  EXPECT_NE(TableNames("server", 1).Next(tablet, 3).file_id,
            TableNames("other", 1).Next(tablet, 3).file_id);
}

TEST(TrashList, ReadsBackAndFindsDamage) {
  const TrashEntries entries = {{"tables/1/2/3-4.sst", 1000}, {"x", 0}};
  const std::string good = EncodeTrash(entries);
  ASSERT_OK_AND_ASSIGN(TrashEntries back, DecodeTrash(good));
  EXPECT_EQ(back, entries);
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_STATUS(kDataLoss, "trash", DecodeTrash(bad));
  }
  for (size_t n = 0; n < good.size(); ++n) {
    EXPECT_STATUS(kDataLoss, "trash", DecodeTrash(Slice(good).substr(0, n)));
  }
}

TEST(RescueFile, ReadsBackAndFindsDamage) {
  FaultFs fs;
  ASSERT_OK_AND_ASSIGN(auto store, OpenPosixStore(&fs, "/store", true));
  ASSERT_OK_AND_ASSIGN(auto file, RescueFile::Create(store.get(), 0x64, 1));
  EXPECT_EQ(file->name(), "rescue/64/0000000000000001.records");
  ASSERT_OK(file->Add(5, "payload"));
  ASSERT_OK(file->Add(900, ""));
  ASSERT_OK(file->Finish());
  ASSERT_OK_AND_ASSIGN(auto blob, store->OpenBlob(file->name()));
  std::string content(blob->size(), 0);
  ASSERT_OK(blob->Read(0, content.size(), content.data()));
  std::string seen;
  auto note = [&](Lsn lsn, Slice payload) {
    absl::StrAppend(&seen, lsn, "=", payload, ";");
    return OkStatus();
  };
  ASSERT_OK(ReadRescue(content, note));
  EXPECT_EQ(seen, "5=payload;900=;");
  for (size_t bit = 40; bit < content.size() * 8; ++bit) {  // behind magic and version
    std::string bad = content;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_STATUS(kDataLoss, "offset", ReadRescue(bad, note)) << bit;
  }
  EXPECT_STATUS(kDataLoss, "not a rescue", ReadRescue("STR", note));
  content[4] = 2;
  EXPECT_STATUS(kFailedPrecondition, "newer", ReadRescue(content, note));
  content[4] = 0;
  EXPECT_STATUS(kDataLoss, "version 0", ReadRescue(content, note));
}

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() : store_(*OpenPosixStore(&fs_, "/store", true)) {}
  FaultFs fs_;
  std::unique_ptr<BlobStore> store_;
};

TEST_F(StoreTest, TrashIsReplacedByCompareAndSwap) {
  ASSERT_OK_AND_ASSIGN(StoredTrash mine, ReadTrash(store_.get()));
  EXPECT_EQ(mine.version, 0u);
  StoredTrash other = mine;
  ASSERT_OK(WriteTrash(store_.get(), &mine, {{"a", 1}}));
  EXPECT_STATUS(kAborted, "", WriteTrash(store_.get(), &other, {{"b", 1}}));
  ASSERT_OK_AND_ASSIGN(other, ReadTrash(store_.get()));
  ASSERT_OK(WriteTrash(store_.get(), &mine, {}));
  EXPECT_STATUS(kAborted, "", WriteTrash(store_.get(), &other, {{"b", 1}}));
}

Manifest Sample() {
  Manifest m;
  m.tablet = {.id = 5, .table = 7};
  m.epoch = 3;
  return m;
}

TEST_F(StoreTest, PublishSurvivesAnErrorAndFindsAnotherOwner) {
  ASSERT_OK(CreateManifest(store_.get(), Sample()));
  ASSERT_OK_AND_ASSIGN(StoredManifest stored, ReadManifest(store_.get(), 5));
  PublishedManifest mine(store_.get(), stored);
  Manifest next = Sample();
  next.flushed_sequence = 10;
  // The disk is full for one call: nothing happened, and the next try works.
  fs_.InjectAt(fs_.calls() + 1, FaultFs::Fault::kNoSpace);
  EXPECT_STATUS(kResourceExhausted, "", mine.Publish(next));
  EXPECT_EQ(mine.current(), Sample());
  ASSERT_OK(mine.Publish(next));
  EXPECT_EQ(mine.current(), next);
  // Another owner.
  ASSERT_OK_AND_ASSIGN(StoredManifest found, ReadManifest(store_.get(), 5));
  Manifest taken = next;
  taken.epoch = 4;
  ASSERT_OK(ReplaceManifest(store_.get(), &found, taken));
  next.flushed_sequence = 11;
  EXPECT_STATUS(kAborted, "", mine.Publish(next));
}

TEST_F(StoreTest, AnotherOwnerIsFoundAfterAnUnknownOutcome) {
  ASSERT_OK(CreateManifest(store_.get(), Sample()));
  ASSERT_OK_AND_ASSIGN(StoredManifest stored, ReadManifest(store_.get(), 5));
  PublishedManifest mine(store_.get(), stored);
  Manifest next = Sample();
  next.flushed_sequence = 10;
  fs_.InjectAt(fs_.calls() + 1, FaultFs::Fault::kNoSpace);
  EXPECT_FALSE(mine.Publish(next).ok());
  Manifest taken = Sample();
  taken.epoch = 4;
  ASSERT_OK(ReplaceManifest(store_.get(), &stored, taken));
  EXPECT_STATUS(kAborted, "", mine.Publish(next));
}

}  // namespace
}  // namespace stele::storage
