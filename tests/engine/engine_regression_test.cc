// Goal: mistakes that the engine once made, each with the least that showed it: waits without end,
// work without end, acknowledgements after the tablet was lost.
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/match.h"
#include "common/base/log.h"
#include "common/testing/status_asserts.h"
#include "tabletserver/storage/log/log_format.h"
#include "tests/engine/engine_harness.h"

namespace stele::storage {
namespace {

// A tablet that was settled when maintenance looked, and has been opened, written to and closed
// before maintenance lets it go.
TEST(EngineLeftovers, AClosedTabletThatIsNoLongerSettledStays) {
  EngineHarness h;
  ASSERT_OK(h.Open());
  ASSERT_OK(h.Write(Put("r", "a", "q", 1000, "old")));
  ASSERT_OK(h.engine()->CloseTablet(kTestTablet, /*flush=*/false));
  ASSERT_OK(h.tablet()->Flush());  // settled; maintenance has not looked yet
  h.faults().RunAt("maintenance.leftover", 1, [&] {
    RETURN_IF_ERROR(h.OpenTablet());
    RETURN_IF_ERROR(h.Write(Put("r", "a", "q", 2000, "new")));
    return h.engine()->CloseTablet(kTestTablet, /*flush=*/false);
  });
  ASSERT_OK(h.Settle());
  EXPECT_EQ(h.faults().hits("maintenance.leftover"), 1u);
  ASSERT_OK(h.OpenTablet());
  EXPECT_EQ(h.Get("r", "a", "q"), "new");
}

// Of one server at one moment, on one disk after the other.
TEST(EngineLog, TwoRingsNeverShareAUuid) {
  ManualClock clock;
  std::set<uint64_t> uuids;
  for (int i = 0; i < 8; ++i) {
    FaultFs fs;
    ASSERT_OK_AND_ASSIGN(auto store, OpenPosixStore(&fs, "/store", true));
    EngineEnv env;
    env.store = store.get();
    env.clock = &clock;
    env.server_id = "server";
    ASSERT_OK_AND_ASSIGN(auto engine, Engine::Open(TinyEngineOptions(), env));
    for (const std::string& file : fs.AllFiles()) {
      ASSERT_OK_AND_ASSIGN(std::string content, fs.Contents(file));
      LogRecordHeader header;
      if (content.size() < kLogHeaderBytes || !DecodeLogHeader(content.data(), &header)) continue;
      EXPECT_NE(header.uuid, 0u);
      uuids.insert(header.uuid);
    }
  }
  EXPECT_EQ(uuids.size(), 8u);
}

class EngineRegression : public ::testing::Test {
 protected:
  EngineRegression() { SetMinLogLevel(LogLevel::kOff); }
};

TEST_F(EngineRegression, AStoreThatOutlivesTheEngineWakesNobody) {
  EngineHarness h;
  ASSERT_OK(h.Open());
  std::shared_ptr<TabletStore> held = h.engine()->FindTablet(kTestTablet);
  h.DropEngine();
  EXPECT_STATUS(kUnavailable, "", held->WriteSync(Put("r", "a", "q", 1000, "v")));
}

TEST_F(EngineRegression, ARecordThatNeedsMoreThanTheFreeRingIsNotRefusedForEver) {
  EngineOptions options = TinyEngineOptions();
  options.log.max_segments = 4;
  options.maintenance_threads = 1;
  EngineHarness h(options);
  ASSERT_OK(h.Open());
  for (int i = 0; i < 18; ++i) {
    ASSERT_OK(h.Write(Put("r", "a", absl::StrCat(i), 1000, std::string(200, 'x'))));
  }
  // The ring is not half full, and the memtable is small.
  const LogRingStatus ring = h.engine()->stats().ring;
  ASSERT_LT(ring.live_bytes * 2, ring.segment_bytes * ring.max_segments);
  EXPECT_OK(h.Write(Put("r", "a", "big", 1000, std::string(9000, 'y'))));
}

TEST_F(EngineRegression, MarkersOverADamagedFileAreNotCompactedForEver) {
  EngineHarness h;
  ASSERT_OK(h.Open());
  for (const char* row : {"a", "m"}) ASSERT_OK(h.Write(Put(row, "a", "q", 1000, "v")));
  ASSERT_OK(h.tablet()->Flush());
  ASSERT_OK(h.Write({"m", {DeleteFromRow{}}}));
  ASSERT_OK(h.Write({"n", {DeleteFromFamily{"a"}}}));
  ASSERT_OK(h.tablet()->Flush());
  const std::string path = absl::StrCat("/store/blobs/", h.tablet()->files()[0].blob, "@blob");
  h.Drop();
  ASSERT_OK_AND_ASSIGN(std::string content, h.fs().Contents(path));
  ASSERT_OK(h.fs().Damage(path, content.size() - 1, 0x40));  // in the footer
  ASSERT_OK(h.Open());
  bool did = true;
  for (int i = 0; i < 10 && did; ++i) {
    ASSERT_OK_AND_ASSIGN(did, h.engine()->RunMaintenance());
  }
  EXPECT_FALSE(did) << "it writes the same file again and again";
}

TEST_F(EngineRegression, FlushesThatFailDoNotPileUpMemtables) {
  EngineHarness h;
  ASSERT_OK(h.Open());
  for (uint64_t i = 1; i <= 20; ++i) {
    h.faults().FailAt("flush.before_meta_cas", i, absl::InternalError("disk"));
    ASSERT_OK(h.Write(Put("r", "a", absl::StrCat(i), 1000, "v")));
    EXPECT_STATUS(kInternal, "disk", h.tablet()->Flush());
  }
  ASSERT_OK(h.tablet()->Flush());
  EXPECT_LE(h.tablet()->files().size(), 2u) << "each was a memtable that every read looked at";
  EXPECT_FALSE(h.tablet()->stats().frozen_bytes > 0);
  EXPECT_EQ(h.Get("r", "a", "1"), "v");
  EXPECT_EQ(h.Get("r", "a", "20"), "v");
}

TEST_F(EngineRegression, ADroppedFamilysIdIsNotTakenAgain) {
  EngineHarness h;
  ASSERT_OK(h.Open());
  ASSERT_OK(h.Write(Put("r", "b", "q", 1000, "dropped")));
  TableSchema next = TinySchema();
  const FamilySchema b = next.families[1];
  next.families.erase(next.families.begin() + 1);
  ++next.version;
  ASSERT_OK(h.tablet()->AlterSchema(next));
  ++next.version;
  next.families.insert(next.families.begin() + 1, b);
  EXPECT_STATUS(kInvalidArgument, "id 2", h.tablet()->AlterSchema(next));
  next.families[1].id = next.next_family_id++;
  ASSERT_OK(h.tablet()->AlterSchema(next));
  EXPECT_EQ(h.Get("r", "b", "q"), "<none>");
  ++next.version;
  next.families.erase(next.families.begin() + 1);
  --next.next_family_id;
  EXPECT_STATUS(kInvalidArgument, "next_family_id", h.tablet()->AlterSchema(next));
}

// Another server has taken the tablet while the write was on its way to the disk.
TEST_F(EngineRegression, AFencedTabletAcknowledgesNothing) {
  EngineHarness h;
  ASSERT_OK(h.Open());
  ASSERT_OK(h.Write(Put("r", "a", "q", 1000, "v")));
  h.faults().RunAt("log.before_sync", h.faults().hits("log.before_sync") + 1, [&]() -> Status {
    ASSIGN_OR_RETURN(StoredManifest stored, ReadManifest(h.store(), kTestTablet));
    Manifest next = stored.manifest;
    next.epoch += 1000;
    RETURN_IF_ERROR(ReplaceManifest(h.store(), &stored, next));
    EXPECT_STATUS(kAborted, "", h.tablet()->Flush());
    return OkStatus();
  });
  EXPECT_STATUS(kUnknown, "another owner", h.Write(Put("r", "a", "q", 2000, "w")));
  // Nor does its record pin the log: nobody here would ever flush it.
  EXPECT_STATUS(kUnavailable, "", h.Write(Put("r", "a", "q", 2000, "w")));
  ASSERT_OK(h.Settle());
  EXPECT_TRUE(h.engine()->stats().ring.pinning.empty());
}

// Each of the following kills a change of the engine that no other test noticed.

TEST_F(EngineRegression, NothingIsReadBeforeItIsDurable) {
  EngineHarness h;
  ASSERT_OK(h.Open());
  std::string during = "never looked";
  h.faults().RunAt("log.before_sync", h.faults().hits("log.before_sync") + 1, [&] {
    during = h.Get("r", "a", "q");
    return OkStatus();
  });
  ASSERT_OK(h.Write(Put("r", "a", "q", 1000, "v")));
  EXPECT_EQ(during, "<none>");
  EXPECT_EQ(h.Get("r", "a", "q"), "v");
}

TEST_F(EngineRegression, AFlushLeavesLaterRecordsPinned) {
  EngineHarness h;
  ASSERT_OK(h.Open());
  ASSERT_OK(h.Write(Put("r", "a", "q", 1000, "v")));
  h.faults().RunAt("flush.before_meta_cas", 1,
                   [&] { return h.Write(Put("r", "a", "q", 1000, "w")); });
  ASSERT_OK(h.tablet()->Flush());
  EXPECT_EQ(h.engine()->stats().ring.pinning, std::vector<TabletId>{kTestTablet});
}

TEST_F(EngineRegression, TheLogIsNotReusedWithoutTheLease) {
  EngineHarness h;
  ASSERT_OK(h.Open());
  ASSERT_OK(h.Write(Put("r", "a", "q", 1000, "v")));
  h.faults().RunAt("flush.before_reclaim", 1, [&] {
    h.lease() = absl::UnavailableError("over");
    return OkStatus();
  });
  EXPECT_STATUS(kUnavailable, "lease", h.tablet()->Flush());
  EXPECT_EQ(h.engine()->stats().ring.pinning, std::vector<TabletId>{kTestTablet});
}

TEST_F(EngineRegression, RecoveryPublishesNothingWithoutTheLease) {
  EngineHarness h;
  ASSERT_OK(h.Open());
  ASSERT_OK(h.Write(Put("r", "a", "q", 1000, "v")));
  h.Drop();
  h.faults().RunAt("recovery.flush_recovered", 1, [&] {
    h.lease() = absl::UnavailableError("over");
    return OkStatus();
  });
  EXPECT_STATUS(kUnavailable, "lease", h.OpenEngine());
  ASSERT_OK_AND_ASSIGN(StoredManifest stored, ReadManifest(h.store(), kTestTablet));
  EXPECT_EQ(stored.manifest.flushed_sequence, 0u);
  h.lease() = OkStatus();
  ASSERT_OK(h.Open());
  EXPECT_EQ(h.Get("r", "a", "q"), "v");
}

TEST_F(EngineRegression, AFileInTheMakingIsNoGarbageWhateverTheClockSays) {
  EngineHarness h;
  ASSERT_OK(h.Open());
  ASSERT_OK(h.Write(Put("r", "a", "q", 1000, "v")));
  uint64_t moved = 99;
  h.faults().RunAt("flush.before_meta_cas", 1, [&]() -> Status {
    h.clock().AdvanceMillis(3'600'000);
    ASSIGN_OR_RETURN(moved, h.engine()->CollectGarbage());
    return OkStatus();
  });
  ASSERT_OK(h.tablet()->Flush());
  EXPECT_EQ(moved, 0u);
}

}  // namespace
}  // namespace stele::storage
