// Goal: file gc deletes what no manifest names, late and in two steps, and nothing on any doubt.
#include <gtest/gtest.h>

#include "common/base/log.h"
#include "common/testing/status_asserts.h"
#include "tests/engine/engine_harness.h"

namespace stele::storage {
namespace {

class EngineGcTest : public ::testing::Test {
 protected:
  EngineGcTest() { SetMinLogLevel(LogLevel::kOff); }
  // Two dead files and one live one.
  void SetUp() override {
    ASSERT_OK(h_.Open());
    for (const char* value : {"1", "2"}) {
      ASSERT_OK(h_.Write(Put("r", "a", "q", 1000, value)));
      ASSERT_OK(h_.tablet()->Flush());
    }
    ASSERT_OK(h_.tablet()->CompactMajor());
  }
  size_t Blobs() { return h_.store()->ListBlobs("tables")->size(); }
  uint64_t Collect() {
    StatusOr<uint64_t> moved = h_.engine()->CollectGarbage();
    EXPECT_OK(moved);
    return moved.value_or(99);
  }

  EngineHarness h_;
};

TEST_F(EngineGcTest, WaitsForGraceAndTrashTime) {
  EXPECT_EQ(Blobs(), 3u);
  EXPECT_EQ(Collect(), 0u) << "too young";
  h_.clock().AdvanceMillis(1001);
  EXPECT_EQ(Collect(), 2u);
  EXPECT_EQ(Blobs(), 3u) << "only in the list";
  EXPECT_EQ(Collect(), 0u) << "already in the list";
  h_.clock().AdvanceMillis(60'001);
  EXPECT_EQ(Collect(), 0u);
  EXPECT_EQ(Blobs(), 1u);
  EXPECT_EQ(h_.engine()->stats().files_deleted, 2u);
  EXPECT_EQ(h_.Get("r", "a", "q"), "2");
  EXPECT_EQ(Collect(), 0u);
}

TEST_F(EngineGcTest, AJumpOfTheWallClockAloneDeletesNothing) {
  h_.clock().AdvanceMillis(1001);
  EXPECT_EQ(Collect(), 2u);
  h_.clock().SetWallMicros(h_.clock().WallMicros() + int64_t{365} * 86'400'000'000);
  EXPECT_EQ(Collect(), 0u);
  EXPECT_EQ(Blobs(), 3u) << "not seen dead for long enough";
  h_.clock().AdvanceMillis(1001);
  EXPECT_EQ(Collect(), 0u);
  EXPECT_EQ(Blobs(), 1u);
}

TEST_F(EngineGcTest, AnUnreadableManifestStopsEverything) {
  h_.clock().AdvanceMillis(1001);
  EXPECT_EQ(Collect(), 2u);
  h_.clock().AdvanceMillis(60'001);
  ASSERT_OK(h_.store()->CreateCell(ManifestCellName(55), "damaged"));
  EXPECT_STATUS(kDataLoss, "tablets/0000000000000037", h_.engine()->CollectGarbage());
  EXPECT_EQ(Blobs(), 3u);
  ASSERT_OK(h_.store()->CreateCell("tablets/strange", "name"));
  ASSERT_OK(h_.store()->DeleteCell(ManifestCellName(55), 1));
  EXPECT_STATUS(kInvalidArgument, "tablets/strange", h_.engine()->CollectGarbage());
  EXPECT_EQ(Blobs(), 3u);
}

TEST_F(EngineGcTest, ADamagedTrashListStopsEverything) {
  h_.clock().AdvanceMillis(1001);
  ASSERT_OK(h_.store()->CreateCell("gc/trash", "damaged!!!"));
  EXPECT_STATUS(kDataLoss, "gc/trash", h_.engine()->CollectGarbage());
  EXPECT_EQ(Blobs(), 3u);
}

TEST_F(EngineGcTest, AFileThatIsNamedAgainLeavesTheList) {
  h_.clock().AdvanceMillis(1001);
  EXPECT_EQ(Collect(), 2u);
  // A restored manifest names one of the dead files again.
  const std::string live = h_.tablet()->files()[0].blob;
  Manifest other;
  other.tablet = TestTablet(77, "x", "y");
  other.schema = TinySchema();
  const std::vector<BlobInfo> blobs = *h_.store()->ListBlobs("tables");
  ManifestFile file;
  file.blob = blobs[0].name == live ? blobs[1].name : blobs[0].name;
  other.files = {file};
  ASSERT_OK(CreateManifest(h_.store(), other));
  h_.clock().AdvanceMillis(120'000);
  EXPECT_EQ(Collect(), 0u);
  h_.clock().AdvanceMillis(120'000);
  EXPECT_EQ(Collect(), 0u);
  EXPECT_EQ(Blobs(), 2u);
}

TEST_F(EngineGcTest, NothingWithoutTheLease) {
  h_.clock().AdvanceMillis(1001);
  h_.lease() = absl::UnavailableError("over");
  EXPECT_STATUS(kUnavailable, "lease", h_.engine()->CollectGarbage());
  EXPECT_EQ(h_.store()->ReadCell("gc/trash").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(EngineGcTest, FilesOfADroppedTabletGo) {
  ASSERT_OK(h_.engine()->DropTablet(kTestTablet, 1000));
  EXPECT_STATUS(kNotFound, "", h_.engine()->OpenTablet(kTestTablet, 1001));
  h_.clock().AdvanceMillis(1001);
  EXPECT_EQ(Collect(), 3u);
  h_.clock().AdvanceMillis(60'001);
  EXPECT_EQ(Collect(), 0u);
  EXPECT_EQ(Blobs(), 0u);
}

TEST_F(EngineGcTest, AFileThatIsNamedBetweenTheTwoLooksIsNoCandidate) {
  h_.clock().AdvanceMillis(1001);
  const std::string live = h_.tablet()->files()[0].blob;
  h_.faults().RunAt("gc.recheck", 1, [&] {
    Manifest other;
    other.tablet = TestTablet(77, "x", "y");
    other.schema = TinySchema();
    const std::vector<BlobInfo> blobs = *h_.store()->ListBlobs("tables");
    for (const BlobInfo& blob : blobs) {
      ManifestFile file;
      file.blob = blob.name;
      if (blob.name != live && other.files.empty()) other.files.push_back(file);
    }
    return CreateManifest(h_.store(), other);
  });
  EXPECT_EQ(Collect(), 1u);
}

TEST_F(EngineGcTest, ALeaseThatIsLostJustBeforeADeletionStopsIt) {
  h_.clock().AdvanceMillis(1001);
  EXPECT_EQ(Collect(), 2u);
  h_.clock().AdvanceMillis(60'001);
  EXPECT_EQ(Blobs(), 3u);
  h_.faults().RunAt("gc.unlink", 1, [&] {
    h_.lease() = absl::UnavailableError("over");
    return OkStatus();
  });
  EXPECT_STATUS(kUnavailable, "lease", h_.engine()->CollectGarbage());
  EXPECT_EQ(Blobs(), 3u);
}

}  // namespace
}  // namespace stele::storage
