// Goal: a drop of rows hides what was there and nothing later, whatever is in the memtable, in the
// log's queue, in a flush or in a compaction at that moment; a crash leaves all of it or nothing;
// nothing comes back; and its traces go.
#include <gtest/gtest.h>

#include "absl/strings/str_join.h"
#include "common/base/log.h"
#include "common/testing/status_asserts.h"
#include "tabletserver/storage/manifest/row_drops.h"
#include "tests/engine/engine_harness.h"

namespace stele::storage {
namespace {

constexpr uint64_t kImages = 4;

RowRange Rows(std::string start, std::string end) {
  return {.start = std::move(start), .end = std::move(end)};
}

class EngineDrop : public ::testing::Test {
 protected:
  EngineDrop() {
    SetMinLogLevel(LogLevel::kOff);
    h_.options().major_marker_percent = 101;
  }
  void SetUp() override { ASSERT_OK(h_.Open()); }

  Status PutRow(const std::string& row, const std::string& value, int64_t timestamp_us = 5000) {
    return h_.Write(Put(row, "a", "q", timestamp_us, value));
  }
  Status PutRows(const std::string& value) {
    for (const char* row : {"a", "b", "ba", "c"}) RETURN_IF_ERROR(PutRow(row, value));
    return OkStatus();
  }
  Status Restart() {
    h_.Drop();
    return h_.Open();
  }
  // Rows and values, "a=1 b=2".
  std::string Shown() {
    StatusOr<std::vector<Row>> rows = h_.Scan();
    if (!rows.ok()) return rows.status().ToString();
    std::vector<std::string> parts;
    for (const Row& row : *rows) parts.push_back(absl::StrCat(row.key, "=", row.cells[0].value));
    return absl::StrJoin(parts, " ");
  }
  uint32_t drops() { return h_.tablet()->stats().row_drops; }

  EngineHarness h_;
};

TEST_F(EngineDrop, HidesWhatWasThereAndNothingLater) {
  ASSERT_OK(PutRows("file"));
  ASSERT_OK(h_.tablet()->Flush());
  ASSERT_OK(PutRow("bb", "memory"));
  ASSERT_OK(h_.tablet()->DropRows(Rows("b", "c"), 0));
  EXPECT_EQ(Shown(), "a=file c=file");
  ASSERT_OK(PutRow("b", "later", 1000)) << "an older timestamp, a later write";
  EXPECT_EQ(Shown(), "a=file b=later c=file");
  ASSERT_OK(h_.tablet()->Flush());
  EXPECT_EQ(Shown(), "a=file b=later c=file");
  ASSERT_OK(Restart());
  EXPECT_EQ(Shown(), "a=file b=later c=file");
  ASSERT_OK(h_.Settle());
  EXPECT_EQ(drops(), 0u) << "compactions work it off";
  EXPECT_EQ(Shown(), "a=file b=later c=file");
  ASSERT_OK(Restart());
  EXPECT_EQ(Shown(), "a=file b=later c=file");
}

TEST_F(EngineDrop, TruncateNeedsNoReadAndLeavesNothing) {
  ASSERT_OK(PutRows("one"));
  ASSERT_OK(h_.tablet()->Flush());
  ASSERT_OK(PutRows("two"));
  ASSERT_OK(h_.tablet()->Flush());
  ASSERT_EQ(h_.tablet()->files().size(), 2u);
  ASSERT_OK(h_.tablet()->DropRows({}, 0));
  EXPECT_EQ(h_.tablet()->files().size(), 0u);
  EXPECT_EQ(drops(), 0u) << "nothing was in memory";
  EXPECT_EQ(Shown(), "");
  ASSERT_OK(PutRow("a", "new"));
  ASSERT_OK(Restart());
  EXPECT_EQ(Shown(), "a=new");
  h_.clock().AdvanceMillis(3'600'000);
  ASSERT_OK_AND_ASSIGN(uint64_t moved, h_.engine()->CollectGarbage());
  EXPECT_EQ(moved, 2u) << "the files are garbage";
}

TEST_F(EngineDrop, ADamagedFileIsDroppedWithoutBeingRead) {
  ASSERT_OK(PutRows("one"));
  ASSERT_OK(h_.tablet()->Flush());
  const std::string path = absl::StrCat("/store/blobs/", h_.tablet()->files()[0].blob, "@blob");
  h_.Drop();
  ASSERT_OK_AND_ASSIGN(std::string content, h_.fs().Contents(path));
  ASSERT_OK(h_.fs().Damage(path, content.size() - 1, 0x40));
  ASSERT_OK(h_.Open());
  EXPECT_STATUS(kDataLoss, "", h_.Scan().status());
  ASSERT_OK(h_.tablet()->DropRows({}, 0));
  EXPECT_EQ(Shown(), "");
}

TEST_F(EngineDrop, LaterSequencesStayAboveIt) {
  // The drop took the last sequence, and no record tells of it.
  ASSERT_OK(PutRows("old"));
  ASSERT_OK(h_.tablet()->DropRows(Rows("b", "c"), 0));
  ASSERT_OK(Restart());
  ASSERT_OK(PutRow("b", "new"));
  EXPECT_EQ(Shown(), "a=old b=new c=old");
  ASSERT_OK(h_.tablet()->DropRows(Rows("b", "c"), 0));
  ASSERT_OK(h_.tablet()->DropRows(Rows("x", ""), 0));
  ASSERT_OK(h_.tablet()->DropRows(Rows("y", ""), 0));
  ASSERT_OK(Restart());
  ASSERT_OK(PutRow("b", "newer"));
  ASSERT_OK(PutRow("y", "newer"));
  EXPECT_EQ(Shown(), "a=old b=newer c=old y=newer");
}

TEST_F(EngineDrop, AnOrderIsCarriedOutOnce) {
  ASSERT_OK(PutRows("old"));
  ASSERT_OK(h_.tablet()->DropRows({}, 5));
  EXPECT_EQ(h_.tablet()->stats().last_drop_order, 5u);
  ASSERT_OK(PutRow("a", "new"));
  for (uint64_t order : {5u, 4u}) {
    ASSERT_OK(h_.tablet()->DropRows({}, order));
    EXPECT_EQ(Shown(), "a=new") << "a repetition that comes late";
  }
  ASSERT_OK(Restart());
  EXPECT_EQ(h_.tablet()->stats().last_drop_order, 5u);
  ASSERT_OK(h_.tablet()->DropRows({}, 5));
  EXPECT_EQ(Shown(), "a=new");
  ASSERT_OK(h_.tablet()->DropRows({}, 6));
  EXPECT_EQ(Shown(), "");
}

TEST_F(EngineDrop, WritesInTheLogsQueueAreOlder) {
  ASSERT_OK(PutRow("a", "one"));
  h_.faults().RunAt("log.before_sync", h_.faults().hits("log.before_sync") + 1,
                    [this] { return h_.tablet()->DropRows({}, 0); });
  ASSERT_OK(PutRow("b", "queued"));
  EXPECT_EQ(Shown(), "");
  ASSERT_OK(PutRow("c", "later"));
  EXPECT_EQ(Shown(), "c=later");
  ASSERT_OK(Restart());
  EXPECT_EQ(Shown(), "c=later") << "replay finds the record of b";
}

TEST_F(EngineDrop, WritesToItsRowsWaitForIt) {
  ASSERT_OK(PutRows("old"));
  Status inside;
  Status outside = absl::UnknownError("not yet");
  h_.faults().RunAt("drop_rows.before_meta_cas", 1, [&] {
    inside = PutRow("b", "new");
    outside = PutRow("c", "new");
    return OkStatus();
  });
  ASSERT_OK(h_.tablet()->DropRows(Rows("b", "c"), 0));
  EXPECT_STATUS(kResourceExhausted, "being dropped", inside);
  EXPECT_TRUE(inside.GetPayload(kRetryDelayMsPayload).has_value());
  EXPECT_OK(outside);
  ASSERT_OK(PutRow("b", "again"));
  EXPECT_EQ(Shown(), "a=old b=again c=new");
}

TEST_F(EngineDrop, AFailureBeforeTheManifestDropsNothing) {
  ASSERT_OK(PutRows("old"));
  h_.faults().FailAt("drop_rows.before_meta_cas", 1, absl::InternalError("injected"));
  EXPECT_STATUS(kInternal, "injected", h_.tablet()->DropRows({}, 3));
  EXPECT_EQ(Shown(), "a=old b=old ba=old c=old");
  ASSERT_OK(PutRow("b", "new")) << "its rows are let go";
  ASSERT_OK(h_.tablet()->DropRows(Rows("b", "c"), 3));
  EXPECT_EQ(Shown(), "a=old c=old");
  h_.faults().FailAt("drop_rows.after_meta_cas", 2, absl::InternalError("injected"));
  EXPECT_STATUS(kInternal, "injected", h_.tablet()->DropRows(Rows("c", ""), 4));
  EXPECT_EQ(Shown(), "a=old") << "the manifest has it";
  ASSERT_OK(PutRow("c", "new"));
  EXPECT_EQ(Shown(), "a=old c=new");
}

TEST_F(EngineDrop, AFailureLeavesNoHoleInTheSequencesOfTheLog) {
  ASSERT_OK(PutRows("old"));
  const Sequence last = h_.tablet()->stats().last_sequence;
  const uint64_t flushes = h_.engine()->stats().flushes;
  h_.faults().FailAt("drop_rows.before_meta_cas", 1, absl::InternalError("injected"));
  EXPECT_STATUS(kInternal, "injected", h_.tablet()->DropRows({}, 0));
  ASSERT_OK(PutRow("b", "new"));
  EXPECT_EQ(h_.tablet()->stats().last_sequence, last + 1) << "given to the next writer";
  EXPECT_EQ(h_.engine()->stats().flushes, flushes);

  h_.faults().RunAt("drop_rows.before_meta_cas", 2, [&] {
    EXPECT_OK(PutRow("c", "new"));
    return absl::InternalError("injected");
  });
  EXPECT_STATUS(kInternal, "injected", h_.tablet()->DropRows(Rows("b", "c"), 0));
  EXPECT_EQ(h_.tablet()->stats().last_sequence, last + 3) << "a hole";
  EXPECT_EQ(h_.tablet()->stats().oldest_unflushed_lsn, 0u) << "which the log does not show";
  ASSERT_OK(Restart());
  EXPECT_EQ(Shown(), "a=old b=new ba=old c=new");
}

class EngineDropCrash : public EngineDrop, public ::testing::WithParamInterface<const char*> {};

TEST_P(EngineDropCrash, LeavesAllOrNothing) {
  const bool before = std::string(GetParam()) == "drop_rows.before_meta_cas";
  for (uint64_t image = 0; image < kImages; ++image) {
    EngineHarness h;
    ASSERT_OK(h.Open());
    ASSERT_OK(h.Write(Put("a", "a", "q", 1000, "file")));
    ASSERT_OK(h.Write(Put("b", "a", "q", 1000, "file")));
    ASSERT_OK(h.tablet()->Flush());
    ASSERT_OK(h.Write(Put("b", "c", "q", ManualClock::kStartWallMicros, "log")));
    ASSERT_OK(h.Write(Put("ba", "a", "q", 1000, "log")));
    h.faults().RunAt(GetParam(), 1, [&h] {
      h.fs().CutPower();
      return absl::InternalError("cut");
    });
    EXPECT_FALSE(h.tablet()->DropRows(Rows("b", ""), 1).ok());
    h.PowerCut(image);
    ASSERT_OK(h.Open());
    EXPECT_EQ(h.Get("a", "a", "q"), "file");
    EXPECT_EQ(h.Get("b", "a", "q"), before ? "file" : "<none>");
    EXPECT_EQ(h.Get("b", "c", "q"), before ? "log" : "<none>");
    EXPECT_EQ(h.Get("ba", "a", "q"), before ? "log" : "<none>");
    ASSERT_OK(h.Write(Put("b", "a", "q", 1000, "new")));
    ASSERT_OK(h.tablet()->DropRows(Rows("b", ""), 1));
    EXPECT_EQ(h.Get("b", "a", "q"), before ? "<none>" : "new");
  }
}

INSTANTIATE_TEST_SUITE_P(Points, EngineDropCrash,
                         ::testing::Values("drop_rows.before_meta_cas", "drop_rows.after_meta_cas"),
                         [](const auto& info) { return std::string(info.param).substr(10); });

TEST_F(EngineDrop, AFlushUnderWayBringsNothingBack) {
  ASSERT_OK(PutRows("old"));
  h_.faults().RunAt("flush.after_fsync", 1,
                    [this] { return h_.tablet()->DropRows(Rows("b", "c"), 0); });
  ASSERT_OK(h_.tablet()->Flush());
  EXPECT_EQ(Shown(), "a=old c=old");
  EXPECT_EQ(drops(), 1u) << "the file has the dropped rows";
  ASSERT_OK(Restart());
  EXPECT_EQ(Shown(), "a=old c=old");
  ASSERT_OK(h_.Settle());
  EXPECT_EQ(drops(), 0u);
  EXPECT_EQ(Shown(), "a=old c=old");
}

TEST_F(EngineDrop, ACompactionUnderWayBringsNothingBack) {
  for (const char* value : {"one", "two"}) {
    ASSERT_OK(PutRows(value));
    ASSERT_OK(h_.tablet()->Flush());
  }
  h_.faults().RunAt("compaction.before_fsync", 1, [this] { return h_.tablet()->DropRows({}, 0); });
  ASSERT_OK(h_.tablet()->CompactMajor());
  EXPECT_EQ(Shown(), "");
  EXPECT_EQ(h_.tablet()->files().size(), 0u);
  ASSERT_OK(Restart());
  EXPECT_EQ(Shown(), "");
}

TEST_F(EngineDrop, ACompactionThatLosesSomeInputsIsDoneAgain) {
  ASSERT_OK(PutRows("one"));
  ASSERT_OK(h_.tablet()->Flush());
  ASSERT_OK(PutRow("bb", "two"));
  ASSERT_OK(h_.tablet()->Flush());
  h_.faults().RunAt("compaction.before_fsync", 1,
                    [this] { return h_.tablet()->DropRows(Rows("b", "c"), 0); });
  ASSERT_OK(h_.tablet()->CompactMajor());
  EXPECT_EQ(h_.faults().hits("compaction.before_fsync"), 2u);
  EXPECT_EQ(Shown(), "a=one c=one");
  EXPECT_EQ(drops(), 0u);
  ASSERT_EQ(h_.tablet()->files().size(), 1u);
  EXPECT_EQ(h_.tablet()->files()[0].cells, 2u) << "what was dropped is no more on the disk";
}

TEST_F(EngineDrop, ACompactionThatBeganBeforeItDoesNotCountAsClean) {
  for (const char* value : {"one", "two"}) {
    ASSERT_OK(PutRows(value));
    ASSERT_OK(h_.tablet()->Flush());
  }
  h_.faults().RunAt("compaction.before_fsync", 1,
                    [this] { return h_.tablet()->DropRows(Rows("b", "c"), 0); });
  ASSERT_OK(h_.tablet()->CompactMajor());
  EXPECT_EQ(drops(), 1u);
  EXPECT_EQ(Shown(), "a=two c=two");
  ASSERT_OK(h_.Settle());
  EXPECT_EQ(drops(), 0u);
  EXPECT_EQ(Shown(), "a=two c=two");
}

TEST_F(EngineDrop, ALimitHoldsForDropsThatWait) {
  ASSERT_OK(PutRow("b", "memory"));  // keeps the drops
  const auto row = [](size_t i) { return absl::StrCat("b", 100'000 + i); };
  for (size_t i = 0; i < kMaxRowDrops; ++i) {
    ASSERT_OK(h_.tablet()->DropRows(Rows(row(i), row(i) + "x"), 0)) << i;
  }
  EXPECT_EQ(drops(), kMaxRowDrops);
  Status refused = h_.tablet()->DropRows(Rows("c", "d"), 0);
  EXPECT_STATUS(kResourceExhausted, "256 drops", refused);
  EXPECT_TRUE(refused.GetPayload(kRetryDelayMsPayload).has_value());
  ASSERT_OK(h_.tablet()->Flush());
  EXPECT_EQ(drops(), 0u);
  EXPECT_OK(h_.tablet()->DropRows(Rows("c", "d"), 0));
  EXPECT_EQ(Shown(), "b=memory");
}

TEST_F(EngineDrop, RangesEndWhereTheySay) {
  for (const char* row : {"a", "b", "c", "d"}) ASSERT_OK(PutRow(row, "1"));
  ASSERT_OK(h_.tablet()->DropRows({.start = "d", .end = "d"}, 0));
  EXPECT_EQ(Shown(), "a=1 b=1 c=1 d=1") << "[d, d) is empty";
  ASSERT_OK(h_.tablet()->DropRows({.start = "d", .end = "d", .end_open = false}, 0));
  EXPECT_EQ(Shown(), "a=1 b=1 c=1");
  ASSERT_OK(h_.tablet()->DropRows({.start = "a", .start_open = true, .end = "c"}, 0));
  EXPECT_EQ(Shown(), "a=1 c=1");
}

TEST_F(EngineDrop, AnotherTabletsRowsAreNoError) {
  ASSERT_OK(h_.engine()->CreateTablet(TestTablet(200, "g", "p"), TinySchema(), 1));
  ASSERT_OK_AND_ASSIGN(auto tablet, h_.engine()->OpenTablet(200, 1));
  ASSERT_OK(tablet->WriteSync(Put("p", "a", "q", 1000, "v")));
  ASSERT_OK(tablet->DropRows(Rows("a", "g"), 1));
  ASSERT_OK(tablet->DropRows({.start = "p", .start_open = true}, 2));
  EXPECT_EQ(tablet->stats().row_drops, 0u);
  EXPECT_EQ(tablet->stats().last_drop_order, 2u);
  ASSERT_OK(tablet->DropRows(Rows("g", ""), 3));
  RowCollector rows;
  ASSERT_OK(tablet->ReadRow("p", {}, &rows));
  EXPECT_TRUE(rows.rows.empty());
}

TEST_F(EngineDrop, AClosedOrLostTabletRefuses) {
  std::shared_ptr<TabletStore> held = h_.engine()->FindTablet(kTestTablet);
  ASSERT_OK(h_.engine()->CloseTablet(kTestTablet, /*flush=*/true));
  EXPECT_STATUS(kUnavailable, "closing", held->DropRows({}, 1));
  ASSERT_OK(h_.OpenTablet());
  ASSERT_OK(PutRows("old"));
  h_.lease() = absl::UnavailableError("over");
  EXPECT_STATUS(kUnavailable, "lease", h_.tablet()->DropRows({}, 1));
  EXPECT_STATUS(kUnavailable, "fatal", h_.tablet()->DropRows({}, 1));
  h_.lease() = OkStatus();
  held.reset();
  ASSERT_OK(Restart());
  EXPECT_EQ(Shown(), "a=old b=old ba=old c=old");
}

}  // namespace
}  // namespace stele::storage
