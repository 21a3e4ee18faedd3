// Goal: a full disk refuses user writes at once with a definite error that says so, keeps reads and
// the system's tablets going, loses and damages nothing, and passes by itself when there is room.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "common/base/log.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "tabletserver/storage/write_throttle.h"
#include "tests/engine/engine_harness.h"

namespace stele::storage {
namespace {

constexpr uint64_t kReserve = 256 << 10;

class EngineDiskFull : public ::testing::Test {
 protected:
  EngineDiskFull() : h_(Options()) {
    SetMinLogLevel(LogLevel::kOff);
    EXPECT_OK(h_.Open());
  }
  ~EngineDiskFull() override { SetMinLogLevel(LogLevel::kInfo); }
  static EngineOptions Options() {
    EngineOptions options = TinyEngineOptions();
    options.disk_reserve_bytes = kReserve;
    return options;
  }
  // Leaves so many bytes free, and lets the engine notice.
  void LeaveFree(uint64_t bytes) {
    h_.fs().SetCapacity(h_.fs().used_bytes() + bytes);
    h_.clock().AdvanceMillis(1000);
    h_.engine()->RunMaintenance().IgnoreError();
  }
  Status PutOne(const std::string& row) { return h_.Write(Put(row, "a", "q", 1000, row)); }

  EngineHarness h_;
};

TEST_F(EngineDiskFull, WritesAreRefusedBelowTheReserveAndTakenAboveIt) {
  ASSERT_OK(PutOne("before"));
  LeaveFree(kReserve);
  EXPECT_OK(PutOne("at the limit"));
  LeaveFree(kReserve - 1);
  Status refused = PutOne("full");
  EXPECT_STATUS(kResourceExhausted, "the disk is full: 262143 bytes are free", refused);
  EXPECT_GT(RetryDelayMs(refused), 0);
  EXPECT_EQ(h_.Get("full", "a", "q"), "<none>") << "definite";
  EXPECT_EQ(h_.Get("before", "a", "q"), "before") << "reads go on";
  EXPECT_TRUE(h_.engine()->stats().disk.full);
  EXPECT_EQ(h_.engine()->stats().disk.free_bytes, kReserve - 1);
  EXPECT_EQ(h_.engine()->stats().disk.refused, 1u);
  LeaveFree(kReserve + 1);
  EXPECT_STATUS(kResourceExhausted, "full", PutOne("flutter"));
  LeaveFree(2 * kReserve);
  EXPECT_OK(PutOne("after"));
  EXPECT_FALSE(h_.engine()->stats().disk.full);
}

TEST_F(EngineDiskFull, AnotherReserveCountsFromTheNextLook) {
  LeaveFree(4 * kReserve);
  ASSERT_OK(PutOne("before"));
  h_.engine()->Retune({.disk_reserve_bytes = 8 * kReserve});
  LeaveFree(4 * kReserve);
  EXPECT_STATUS(kResourceExhausted, "the disk is full", PutOne("full"));
  EXPECT_EQ(h_.engine()->stats().disk.reserve_bytes, 8 * kReserve);
  h_.engine()->Retune({.compaction_bytes_per_second = 1 << 20});
  LeaveFree(4 * kReserve);
  EXPECT_STATUS(kResourceExhausted, "the disk is full", PutOne("what is absent stays"));
  h_.engine()->Retune({.disk_reserve_bytes = kReserve});
  LeaveFree(4 * kReserve);
  EXPECT_OK(PutOne("after"));
  constexpr uint64_t kWraps = 16'397'105'843'297'379'215u;  // with its eighth
  static_assert(kWraps + kWraps / 8 == 0);
  h_.engine()->Retune({.disk_reserve_bytes = kWraps});
  for (const char* row : {"more than any disk", "still, with the way back on top"}) {
    LeaveFree(4 * kReserve);
    EXPECT_STATUS(kResourceExhausted, "the disk is full", PutOne(row));
  }
  h_.engine()->Retune({.disk_reserve_bytes = 0});
  LeaveFree(h_.fs().used_bytes() + 4 * kReserve);
  EXPECT_OK(PutOne("the default"));
}

TEST_F(EngineDiskFull, TheReserveLetsAFlushComplete) {
  for (int i = 0; i < 50; ++i) ASSERT_OK(PutOne(absl::StrCat("r", i)));
  LeaveFree(kReserve / 2);
  EXPECT_STATUS(kResourceExhausted, "full", PutOne("full"));
  EXPECT_OK(h_.tablet()->Flush());
  EXPECT_EQ(h_.tablet()->files().size(), 1u);
  EXPECT_EQ(h_.tablet()->stats().oldest_unflushed_lsn, 0u) << "the log is free";
}

TEST_F(EngineDiskFull, SystemTabletsGoOn) {
  const TabletDescriptor system{.id = 2, .table = kTestTable};
  ASSERT_OK(h_.engine()->CreateTablet(system, TinySchema(), 1));
  ASSERT_OK_AND_ASSIGN(auto tree, h_.engine()->OpenTablet(2, 1));
  LeaveFree(kReserve / 2);
  EXPECT_STATUS(kResourceExhausted, "full", PutOne("full"));
  EXPECT_OK(tree->WriteSync(Put("r", "a", "q", 1000, "v")));
  EXPECT_OK(h_.engine()->DropTablet(kTestTablet, 1000)) << "this is how room is made";
}

TEST_F(EngineDiskFull, MergesDoNotEatTheReserve) {
  for (int i = 0; i < 8; ++i) {
    ASSERT_OK(PutOne(absl::StrCat("r", i)));
    ASSERT_OK(h_.tablet()->Flush());
  }
  h_.fs().SetCapacity(h_.fs().used_bytes() + kReserve / 2);
  h_.clock().AdvanceMillis(1000);
  ASSERT_OK_AND_ASSIGN(bool did, h_.engine()->RunMaintenance());
  EXPECT_FALSE(did) << "a merge";
  EXPECT_STATUS(kResourceExhausted, "no room", h_.tablet()->CompactMajor());
  LeaveFree(4 * kReserve);
  EXPECT_OK(h_.tablet()->CompactMajor());
  EXPECT_EQ(h_.tablet()->files().size(), 1u);
}

// What a merge is about to write is not there for what has to be flushed and recovered.
TEST_F(EngineDiskFull, WritesLeaveTheRoomThatAMergeWasGiven) {
  SeededRandom random(TestSeed());
  for (int i = 0; i < 40; ++i) {
    ASSERT_OK(h_.Write(Put(absl::StrCat("r", i), "a", "q", 1000, random.Bytes(20'000))));
    ASSERT_OK(h_.tablet()->Flush());
  }
  ASSERT_OK(h_.Settle());  // but for one of all files nothing is to be merged
  ASSERT_OK(PutOne("memory"));
  const TabletStats stats = h_.tablet()->stats();
  // Twice what is in memory, and what the log may grow by, fits before the merge, not beside it.
  h_.engine()->Retune({.disk_reserve_bytes = 1});
  LeaveFree(stats.sstable_bytes + 10'000);
  ASSERT_OK(PutOne("before"));
  Status during;
  h_.faults().RunAt("compaction.file_open", h_.faults().hits("compaction.file_open") + 1, [&] {
    during = PutOne("during");
    return OkStatus();
  });
  ASSERT_OK(h_.tablet()->CompactMajor());
  EXPECT_STATUS(kResourceExhausted, "for merges", during);
}

TEST_F(EngineDiskFull, RoomIsWhatIsNotWrittenAtTheLastLook) {
  DiskWatch watch(h_.store(), &h_.clock(), kReserve);
  h_.fs().SetCapacity(h_.fs().used_bytes() + 4 * kReserve);
  watch.Look(/*at_once=*/true);
  EXPECT_OK(watch.AdmitWrite(2 * kReserve));
  {
    ASSERT_OK_AND_ASSIGN(auto room, watch.TakeRoom(2 * kReserve));
    EXPECT_STATUS(kResourceExhausted, "524288 for other merges",
                  watch.TakeRoom(kReserve + 1).status());
    EXPECT_STATUS(kResourceExhausted, "for merges", watch.AdmitWrite(2 * kReserve));
    EXPECT_OK(watch.AdmitWrite(kReserve));
    EXPECT_OK(watch.AdmitMerge(kReserve));
    EXPECT_STATUS(kResourceExhausted, "no room", watch.AdmitMerge(kReserve + 1));
    room->Wrote(kReserve);
    EXPECT_STATUS(kResourceExhausted, "for merges", watch.AdmitWrite(2 * kReserve))
        << "it may have taken that since the last look";
    watch.Look(/*at_once=*/true);
    EXPECT_OK(watch.AdmitWrite(2 * kReserve));
    room->Wrote(9 * kReserve);  // more than it had thought
    watch.Look(/*at_once=*/true);
    EXPECT_OK(watch.AdmitMerge(3 * kReserve));
    room->Wrote(0);  // and is over before anybody looks
  }
  watch.Look(/*at_once=*/true);
  EXPECT_OK(watch.AdmitMerge(3 * kReserve)) << "it is over";
}

TEST_F(EngineDiskFull, TheTrashIsTakenBackFirst) {
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK(PutOne("r"));
    ASSERT_OK(h_.tablet()->Flush());
  }
  ASSERT_OK(h_.tablet()->CompactMajor());
  h_.clock().AdvanceMillis(1001);
  ASSERT_OK_AND_ASSIGN(uint64_t moved, h_.engine()->CollectGarbage());
  EXPECT_EQ(moved, 2u);
  h_.clock().AdvanceMillis(1001);
  ASSERT_OK(h_.engine()->CollectGarbage().status());
  EXPECT_EQ(h_.engine()->stats().files_deleted, 0u) << "it is kept for a minute";
  LeaveFree(kReserve / 2);
  ASSERT_OK(h_.engine()->CollectGarbage().status());
  EXPECT_EQ(h_.engine()->stats().files_deleted, 2u);
}

// Not a byte is left, as when another program fills the disk, or a quota stands below what the
// store says is free.
TEST_F(EngineDiskFull, NothingIsLostWhenNotAByteIsLeft) {
  for (int i = 0; i < 50; ++i) ASSERT_OK(PutOne(absl::StrCat("r", i)));
  h_.fs().SetCapacity(h_.fs().used_bytes());
  EXPECT_STATUS(kResourceExhausted, "full", h_.tablet()->Flush());
  EXPECT_STATUS(kResourceExhausted, "the disk is full", PutOne("full")) << "before anybody looked";
  EXPECT_STATUS(kResourceExhausted, "full", h_.tablet()->Flush());
  EXPECT_EQ(h_.Get("r7", "a", "q"), "r7");
  EXPECT_TRUE(h_.fatal().empty()) << h_.fatal().front();
  LeaveFree(16 * kReserve);
  EXPECT_OK(h_.tablet()->Flush());
  EXPECT_OK(PutOne("after"));
  h_.PowerCut(0);
  ASSERT_OK(h_.Open());
  ASSERT_OK_AND_ASSIGN(std::vector<Row> rows, h_.Scan());
  EXPECT_EQ(rows.size(), 51u);
}

TEST_F(EngineDiskFull, ARestartWithoutRoomFailsPlainlyAndALaterOneRecovers) {
  for (int i = 0; i < 50; ++i) ASSERT_OK(PutOne(absl::StrCat("r", i)));
  h_.PowerCut(0);
  h_.fs().SetCapacity(h_.fs().used_bytes());
  EXPECT_STATUS(kResourceExhausted, "full", h_.Open());
  h_.Drop();
  h_.fs().SetCapacity(h_.fs().used_bytes() + 16 * kReserve);
  ASSERT_OK(h_.Open());
  ASSERT_OK_AND_ASSIGN(std::vector<Row> rows, h_.Scan());
  EXPECT_EQ(rows.size(), 50u);
}

// What the flush wrote stays for its grace, and recovery writes it again.
TEST(EngineDiskFullCrash, AFlushThatIsCutOffLeavesRoomForTheRestart) {
  SetMinLogLevel(LogLevel::kOff);
  EngineOptions options = TinyEngineOptions();
  options.disk_reserve_bytes = 1;
  options.memtable_bytes = 8u << 20;
  options.log.segment_bytes = 32u << 10;
  options.log.max_segments = 64;
  EngineHarness h(options);
  ASSERT_OK(h.Open());
  SeededRandom random(TestSeed());
  h.fs().SetCapacity(h.fs().used_bytes() + (2u << 20));
  size_t rows = 0;
  Status status;
  while (status.ok()) {
    h.clock().AdvanceMillis(1000);
    ASSERT_OK(h.engine()->RunMaintenance().status());  // looks at the disk
    status = h.Write(Put(absl::StrCat("r", rows), "a", "q", 1000, random.Bytes(500)));
    rows += status.ok() ? 1 : 0;
  }
  EXPECT_STATUS(kResourceExhausted, "the disk is full", status);
  EXPECT_GT(rows, 500u);
  EXPECT_EQ(h.tablet()->stats().files, 0u);
  h.faults().FailAt("flush.before_meta_cas", 1, absl::InternalError("killed"));
  EXPECT_STATUS(kInternal, "killed", h.tablet()->Flush());
  h.PowerCut(0);
  ASSERT_OK(h.Open()) << "on the disk as it is";
  ASSERT_OK_AND_ASSIGN(std::vector<Row> found, h.Scan());
  EXPECT_EQ(found.size(), rows);
  SetMinLogLevel(LogLevel::kInfo);
}

TEST_F(EngineDiskFull, AStuckTabletThatIsDroppedNoLongerCounts) {
  ASSERT_OK(PutOne("r"));
  const uint64_t capacity = h_.fs().used_bytes() + 16 * kReserve;
  h_.fs().SetCapacity(h_.fs().used_bytes());
  EXPECT_STATUS(kResourceExhausted, "full", h_.tablet()->Flush());
  h_.fs().SetCapacity(capacity);
  ASSERT_OK(h_.engine()->DropTablet(kTestTablet, 1000));
  EXPECT_FALSE(h_.engine()->stats().disk.full);
}

TEST(DiskReserve, IsAShareOfTheDiskWithinBounds) {
  constexpr uint64_t kGiB = 1u << 30;
  EXPECT_EQ(DefaultDiskReserve(1000 * kGiB), 10 * kGiB);
  EXPECT_EQ(DefaultDiskReserve(50 * kGiB), kGiB);
  EXPECT_EQ(DefaultDiskReserve(kGiB), kGiB / 10);
}

}  // namespace
}  // namespace stele::storage
