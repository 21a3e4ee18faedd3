// Goal: the engine refuses what it must refuse with the right code and without an effect, fences
// stale owners, keeps its order of timestamps, and pushes back before memory or log run out.
#include <gtest/gtest.h>

#include "common/base/log.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "tabletserver/storage/rescue_file.h"
#include "tabletserver/storage/write_record.h"
#include "tabletserver/storage/write_throttle.h"
#include "tests/engine/engine_harness.h"

namespace stele::storage {
namespace {

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() { SetMinLogLevel(LogLevel::kOff); }
  void SetUp() override { ASSERT_OK(h_.Open()); }
  static constexpr uint64_t kMuch = 1u << 20;
  StatusOr<ReadProgress> TryRead(const std::string& row, bool may_block,
                                 uint64_t page_cache_bytes = 0) {
    ReadOptions options;
    options.may_block = may_block;
    options.page_cache_bytes = page_cache_bytes;
    RowCollector rows;
    return h_.tablet()->ReadRow(row, options, &rows);
  }

  EngineHarness h_;
};

TEST_F(EngineTest, AFlushThatRunsTellsHowFarItIs) {
  constexpr int kRows = 500;
  for (int i = 0; i < kRows; ++i) {
    ASSERT_OK(h_.Write(Put(absl::StrCat("row-", i), "a", "q", 1000, "value")));
  }
  std::vector<RunningJob> seen;
  for (const char* point : {"flush.file_open", "flush.before_meta_cas"}) {
    h_.faults().RunAt(point, h_.faults().hits(point) + 1, [&] {
      for (const RunningJob& job : h_.engine()->stats().running) seen.push_back(job);
      return OkStatus();
    });
  }
  ASSERT_OK(h_.tablet()->Flush());
  ASSERT_EQ(seen.size(), 2u);
  for (const RunningJob& job : seen) {
    EXPECT_EQ(job.kind, "flush");
    EXPECT_EQ(job.input_cells, uint64_t{kRows});
    EXPECT_GT(job.input_bytes, uint64_t{kRows});
  }
  EXPECT_EQ(seen[0].done_cells, 0u);
  EXPECT_EQ(seen[1].done_cells, uint64_t{kRows});
  EXPECT_GT(seen[1].output_bytes, 0u);
  EXPECT_TRUE(h_.engine()->stats().running.empty());
}

// Nor does it hear of the end, or of the disk, only after a thousand.
TEST_F(EngineTest, AMergeOfFewLargeCellsTellsHowFarItIs) {
  EngineOptions options = TinyEngineOptions();
  options.log.segment_bytes = 4u << 20;
  EngineHarness h(options);
  ASSERT_OK(h.Open());
  constexpr uint64_t kCells = 8;
  SeededRandom random(TestSeed());
  for (uint64_t i = 0; i < kCells; ++i) {
    ASSERT_OK(h.Write(Put(absl::StrCat("row-", i), "a", "q", 1000, random.Bytes(1u << 20))));
    ASSERT_OK(h.tablet()->Flush());
  }
  std::vector<RunningJob> seen;
  h.faults().RunAt("compaction.before_fsync", h.faults().hits("compaction.before_fsync") + 1, [&] {
    seen = h.engine()->stats().running;
    return OkStatus();
  });
  ASSERT_OK(h.tablet()->CompactMajor());
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].input_cells, kCells);
  EXPECT_EQ(seen[0].done_cells, kCells) << "a look each four megabytes";
}

TEST_F(EngineTest, RefusesBadWritesWithoutEffect) {
  EXPECT_STATUS(kInvalidArgument, "", h_.Write(Put("", "a", "q", 1000, "v")));
  EXPECT_STATUS(kInvalidArgument, "", h_.Write(Put(std::string(4097, 'x'), "a", "q", 1000, "v")));
  EXPECT_STATUS(kInvalidArgument, "multiple of 1000", h_.Write(Put("r", "a", "q", 1, "v")));
  EXPECT_STATUS(kInvalidArgument, "No mutations", h_.Write({"r", {}}));
  EXPECT_STATUS(kNotFound, "nofamily", h_.Write(Put("r", "nofamily", "q", 1000, "v")));
  EXPECT_STATUS(kNotFound, "nofamily",
                h_.Write({"r", {SetCell{"a", "q", 1000, "v"}, DeleteFromFamily{"nofamily"}}}));
  EXPECT_EQ(h_.Get("r", "a", "q"), "<none>");
  EXPECT_EQ(h_.tablet()->stats().writes, 0u);
}

TEST_F(EngineTest, ATabletKeepsToItsRange) {
  ASSERT_OK(h_.engine()->CreateTablet(TestTablet(7, "b", "d"), TinySchema(), 1));
  ASSERT_OK_AND_ASSIGN(auto tablet, h_.engine()->OpenTablet(7, 1));
  EXPECT_STATUS(kOutOfRange, "", tablet->WriteSync(Put("b", "a", "q", 1000, "v")));
  EXPECT_STATUS(kOutOfRange, "", tablet->WriteSync(Put("d0", "a", "q", 1000, "v")));
  ASSERT_OK(tablet->WriteSync(Put("b0", "a", "q", 1000, "v")));
  ASSERT_OK(tablet->WriteSync(Put("d", "a", "q", 1000, "v")));
  RowCollector rows;
  EXPECT_STATUS(kOutOfRange, "", tablet->ReadRow("a", {}, &rows));
  ASSERT_OK_AND_ASSIGN(ReadProgress progress, tablet->Read({}, {}, &rows));
  EXPECT_TRUE(progress.done);
  EXPECT_EQ(progress.rows, 2u);
}

TEST_F(EngineTest, ServerTimestampsIncreaseOverRestartsAndClockJumps) {
  int64_t last = 0;
  auto write = [&] {
    ASSERT_OK(h_.Write(Put("r", "a", "q", kServerTime, "v")));
    ReadOptions options;
    options.selection.cells_per_row = 1;
    ASSERT_OK_AND_ASSIGN(std::vector<Row> rows, h_.Scan({}, options));
    EXPECT_GT(rows[0].cells[0].timestamp_us, last);
    EXPECT_EQ(rows[0].cells[0].timestamp_us % 1000, 0);
    last = rows[0].cells[0].timestamp_us;
  };
  write();
  write();
  h_.clock().SetWallMicros(1'000'000);
  write();
  h_.PowerCut(0);  // learned from the log's records
  ASSERT_OK(h_.Open());
  write();
  ASSERT_OK(h_.engine()->Close());  // learned from the manifest
  h_.Drop();
  ASSERT_OK(h_.Open());
  write();
  // One value for the whole request.
  ASSERT_OK(
      h_.Write({"s", {SetCell{"a", "1", kServerTime, ""}, SetCell{"b", "2", kServerTime, ""}}}));
  ReadOptions options;
  ASSERT_OK_AND_ASSIGN(std::vector<Row> rows, h_.Scan({.start = "s"}, options));
  EXPECT_EQ(rows[0].cells[0].timestamp_us, rows[0].cells[1].timestamp_us);
}

TEST_F(EngineTest, ListOrderDecides) {
  ASSERT_OK(h_.Write({"r",
                      {SetCell{"a", "q", 9000, "gone"}, DeleteFromRow{},
                       SetCell{"a", "q", 7000, "kept"}, SetCell{"a", "q", 7000, "replaced"}}}));
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(std::vector<Row> rows, h_.Scan());
    EXPECT_EQ(ShowRows(rows), "r a:q@7000=replaced\n");
    ASSERT_OK(h_.tablet()->Flush());
  }
}

TEST_F(EngineTest, WithoutTheLeaseNothingIsAnsweredOrPublished) {
  ASSERT_OK(h_.Write(Put("r", "a", "q", 1000, "v")));
  h_.lease() = absl::UnavailableError("over");
  EXPECT_STATUS(kUnavailable, "lease", TryRead("r", true));
  EXPECT_EQ(h_.fatal().size(), 1u);
  EXPECT_FALSE(h_.Write(Put("r", "a", "q", 2000, "w")).ok());
  EXPECT_FALSE(h_.tablet()->Flush().ok());
  EXPECT_FALSE(h_.tablet()->AlterSchema(TinySchema()).ok());
  EXPECT_FALSE(h_.engine()->CreateTablet(TestTablet(9), TinySchema(), 1).ok());
  EXPECT_TRUE(ReadManifest(h_.store(), kTestTablet)->manifest.files.empty());
  h_.lease() = OkStatus();
  EXPECT_FALSE(h_.Write(Put("r", "a", "q", 2000, "w")).ok()) << "once lost, lost for good";
  h_.Drop();
  ASSERT_OK(h_.Open());
  EXPECT_EQ(h_.Get("r", "a", "q"), "v");
}

TEST_F(EngineTest, ALeaseLostDuringTheSyncIsNotAcknowledged) {
  h_.faults().RunAt("log.after_sync", h_.faults().hits("log.after_sync") + 1, [this] {
    h_.lease() = absl::UnavailableError("over");
    return OkStatus();
  });
  EXPECT_STATUS(kUnknown, "", h_.Write(Put("r", "a", "q", 1000, "v")));
  EXPECT_EQ(h_.fatal().size(), 1u);
}

TEST_F(EngineTest, AStaleOwnerIsFenced) {
  ASSERT_OK(h_.Write(Put("r", "a", "q", 1000, "v")));
  // Somebody else takes the tablet under a higher epoch.
  ASSERT_OK_AND_ASSIGN(StoredManifest stored, ReadManifest(h_.store(), kTestTablet));
  Manifest taken = stored.manifest;
  taken.epoch += 10;
  ASSERT_OK(ReplaceManifest(h_.store(), &stored, taken));
  EXPECT_STATUS(kAborted, "", h_.tablet()->Flush());
  EXPECT_STATUS(kUnavailable, "closing", h_.Write(Put("r", "a", "q", 2000, "w")));
  EXPECT_STATUS(kUnavailable, "another owner", TryRead("r", true));
  EXPECT_EQ(h_.tablet()->stats().state, "failed: another owner has the tablet");
  EXPECT_TRUE(h_.fatal().empty()) << "only this tablet is lost";
  EXPECT_EQ(ReadManifest(h_.store(), kTestTablet)->manifest, taken);
  EXPECT_OK(h_.engine()->CloseTablet(kTestTablet, true));
  EXPECT_STATUS(kAborted, "epoch", h_.engine()->OpenTablet(kTestTablet, taken.epoch - 1));
}

TEST_F(EngineTest, ReplaySkipsWhatAHigherOwnerHasTaken) {
  ASSERT_OK(h_.Write(Put("r", "a", "q", 1000, "stale")));
  h_.Drop();
  ASSERT_OK_AND_ASSIGN(auto store, OpenPosixStore(&h_.fs(), "/store", false));
  ASSERT_OK_AND_ASSIGN(StoredManifest stored, ReadManifest(store.get(), kTestTablet));
  Manifest taken = stored.manifest;
  taken.epoch += 10;
  ASSERT_OK(ReplaceManifest(store.get(), &stored, taken));
  store.reset();
  ASSERT_OK(h_.OpenEngine());
  EXPECT_TRUE(ReadManifest(h_.store(), kTestTablet)->manifest.files.empty());
}

TEST_F(EngineTest, ReplaySkipsADroppedTablet) {
  ASSERT_OK(h_.Write(Put("r", "a", "q", 1000, "gone")));
  ASSERT_OK(h_.engine()->DropTablet(kTestTablet, 100));
  h_.Drop();
  ASSERT_OK(h_.OpenEngine());
  EXPECT_STATUS(kNotFound, "", h_.engine()->OpenTablet(kTestTablet, 200));
  EXPECT_STATUS(kNotFound, "", h_.engine()->DropTablet(kTestTablet, 200));
}

TEST_F(EngineTest, ADamagedManifestSetsOnlyItsTabletAside) {
  ASSERT_OK(h_.engine()->CreateTablet(TestTablet(7), TinySchema(), 1));
  ASSERT_OK_AND_ASSIGN(auto other, h_.engine()->OpenTablet(7, 1));
  ASSERT_OK(other->WriteSync(Put("r", "a", "q", 1000, "rescued")));
  other.reset();
  ASSERT_OK(h_.Write(Put("r", "a", "q", 1000, "v")));
  h_.Drop();
  ASSERT_OK_AND_ASSIGN(auto store, OpenPosixStore(&h_.fs(), "/store", false));
  ASSERT_OK_AND_ASSIGN(StoredCell cell, store->ReadCell(ManifestCellName(7)));
  ASSERT_OK(store->SwapCell(ManifestCellName(7), cell.version, "damaged"));
  store.reset();
  ASSERT_OK(h_.Open());
  EXPECT_EQ(h_.Get("r", "a", "q"), "v");
  EXPECT_STATUS(kDataLoss, "0000000000000007", h_.engine()->OpenTablet(7, 2));
  ASSERT_OK_AND_ASSIGN(std::vector<BlobInfo> rescued, h_.store()->ListBlobs("rescue/7"));
  ASSERT_EQ(rescued.size(), 1u);
  ASSERT_OK_AND_ASSIGN(auto blob, h_.store()->OpenBlob(rescued[0].name));
  std::string content(blob->size(), 0);
  ASSERT_OK(blob->Read(0, content.size(), content.data()));
  std::string value;
  ASSERT_OK(ReadRescue(content, [&](Lsn, Slice payload) {
    WriteHeader header;
    return DecodeWrite(payload, &header, [&](Slice, Slice v) {
      value = std::string(v);
      return OkStatus();
    });
  }));
  EXPECT_EQ(value, "rescued");
}

TEST_F(EngineTest, AnEpochFromNowhereConcernsItsTabletOnly) {
  ASSERT_OK(h_.engine()->CreateTablet(TestTablet(7), TinySchema(), 1));
  ASSERT_OK_AND_ASSIGN(auto other, h_.engine()->OpenTablet(7, 1));
  ASSERT_OK(other->WriteSync(Put("r", "a", "q", 1000, "other")));
  other.reset();
  ASSERT_OK(h_.Write(Put("r", "a", "q", 1000, "v")));
  h_.Drop();
  ASSERT_OK_AND_ASSIGN(auto store, OpenPosixStore(&h_.fs(), "/store", false));
  ASSERT_OK_AND_ASSIGN(StoredCell cell, store->ReadCell(ManifestCellName(kTestTablet)));
  ASSERT_OK_AND_ASSIGN(Manifest older, DecodeManifest(cell.value));
  older.epoch = 0;  // as an old backup of the manifest would be
  ASSERT_OK(store->SwapCell(ManifestCellName(kTestTablet), cell.version, EncodeManifest(older)));
  store.reset();
  for (int start = 0; start < 3; ++start) {
    ASSERT_OK(h_.OpenEngine());
    EXPECT_STATUS(kDataLoss, "the manifest of 0", h_.engine()->OpenTablet(kTestTablet, 10));
    ASSERT_OK_AND_ASSIGN(auto reopened, h_.engine()->OpenTablet(7, 2 + static_cast<Epoch>(start)));
    RowCollector rows;
    ASSERT_OK(reopened->ReadRow("r", {}, &rows).status());
    EXPECT_EQ(ShowRows(rows.rows), "r a:q@1000=other\n");
    reopened.reset();
    h_.Drop();
  }
}

TEST_F(EngineTest, OpenAndCloseAreStrict) {
  EXPECT_STATUS(kAlreadyExists, "is open", h_.engine()->OpenTablet(kTestTablet, 50));
  EXPECT_STATUS(kAlreadyExists, "", h_.engine()->CreateTablet(TestTablet(), TinySchema(), 1));
  EXPECT_STATUS(kNotFound, "", h_.engine()->OpenTablet(12345, 1));
  EXPECT_STATUS(kNotFound, "not open", h_.engine()->CloseTablet(12345, true));
  TableSchema other = TinySchema();
  other.id = 8;
  EXPECT_STATUS(kInvalidArgument, "table", h_.engine()->CreateTablet(TestTablet(9), other, 1));
  EXPECT_EQ(h_.engine()->tablets().size(), 1u);
  EXPECT_EQ(h_.engine()->FindTablet(12345), nullptr);
  EngineOptions bad = TinyEngineOptions();
  bad.merge_min_files = 1;
  EngineEnv env;
  env.store = h_.store();
  env.clock = &h_.clock();
  env.server_id = "other";
  EXPECT_STATUS(kInvalidArgument, "merge_min_files", Engine::Open(bad, env));
  env.server_id = "server";
  EXPECT_STATUS(kUnavailable, "server", Engine::Open(TinyEngineOptions(), env));
}

TEST_F(EngineTest, ClosingWithoutFlushKeepsAcknowledgedWrites) {
  auto old = h_.engine()->FindTablet(kTestTablet);
  ASSERT_OK(h_.Write(Put("r", "a", "q", 1000, "v")));
  ASSERT_OK(h_.engine()->CloseTablet(kTestTablet, false));
  EXPECT_STATUS(kUnavailable, "closing", old->WriteSync(Put("r", "a", "q", 2000, "w")));
  RowCollector rows;
  EXPECT_STATUS(kUnavailable, "closed", old->ReadRow("r", {}, &rows));
  ASSERT_OK(h_.OpenTablet());
  EXPECT_EQ(h_.Get("r", "a", "q"), "v");
  // Also when maintenance is first.
  ASSERT_OK(h_.Write(Put("r", "a", "q", 1000, "w")));
  ASSERT_OK(h_.engine()->CloseTablet(kTestTablet, false));
  ASSERT_OK(h_.OpenTablet());
  EXPECT_EQ(h_.Get("r", "a", "q"), "w");
}

TEST_F(EngineTest, AnOldStoreDoesNotUnpinTheRecordsOfItsSuccessor) {
  ASSERT_OK(h_.Write(Put("r", "a", "q", 1000, "v")));
  auto old = h_.engine()->FindTablet(kTestTablet);
  ASSERT_OK(h_.engine()->CloseTablet(kTestTablet, true));
  ASSERT_OK(h_.OpenTablet());
  ASSERT_OK(h_.Write(Put("r", "a", "q", 1000, "w")));
  EXPECT_STATUS(kAborted, "another owner", old->CompactMajor());
  EXPECT_STATUS(kAborted, "another owner", old->Flush());
  TableSchema next = TinySchema();
  ++next.version;
  EXPECT_STATUS(kAborted, "another owner", old->AlterSchema(next));
  EXPECT_EQ(h_.engine()->stats().ring.pinning, std::vector<TabletId>{kTestTablet});
}

TEST_F(EngineTest, AlterSchemaIsStrictAndDurable) {
  TableSchema next = TinySchema();
  EXPECT_STATUS(kFailedPrecondition, "version", h_.tablet()->AlterSchema(next));
  next.version = 2;
  next.id = 8;
  EXPECT_STATUS(kInvalidArgument, "table", h_.tablet()->AlterSchema(next));
  next = TinySchema();
  next.version = 2;
  next.families[0].locality_group = "other";
  EXPECT_STATUS(kInvalidArgument, "locality group", h_.tablet()->AlterSchema(next));
  next = TinySchema();
  next.version = 2;
  next.families.erase(next.families.begin());
  ASSERT_OK(h_.Write(Put("r", "a", "q", 1000, "v")));
  ASSERT_OK(h_.tablet()->AlterSchema(next));
  EXPECT_EQ(h_.tablet()->schema(), next);
  EXPECT_STATUS(kNotFound, "", h_.Write(Put("r", "a", "q", 1000, "v")));
  ASSERT_OK_AND_ASSIGN(std::vector<Row> rows, h_.Scan());
  EXPECT_TRUE(rows.empty()) << "a dropped family is invisible at once";
  // A family of the same name has another id: nothing comes back.
  next.version = 3;
  next.families.insert(next.families.begin(), {.name = "a", .id = next.next_family_id++});
  ASSERT_OK(h_.tablet()->AlterSchema(next));
  h_.PowerCut(0);
  ASSERT_OK(h_.Open());
  EXPECT_EQ(h_.tablet()->schema(), next);
  ASSERT_OK_AND_ASSIGN(rows, h_.Scan());
  EXPECT_TRUE(rows.empty());
}

TEST_F(EngineTest, AReadThatMayNotBlockSaysSo) {
  ASSERT_OK(h_.Write(Put("r", "a", "q", 1000, "v")));
  EXPECT_OK(TryRead("r", false)) << "in the memtable";
  ASSERT_OK(h_.tablet()->Flush());
  h_.Drop();
  ASSERT_OK(h_.Open());  // cold caches
  EXPECT_STATUS(kUnavailable, "would block", TryRead("r", false));
  EXPECT_OK(TryRead("r", true));
  EXPECT_OK(TryRead("r", false)) << "cached by the read before";
}

TEST_F(EngineTest, WhatTheMachineHasInMemoryIsReadWithoutBlocking) {
  for (int i = 0; i < 50; ++i) {
    ASSERT_OK(h_.Write(Put(absl::StrCat("r", i), "a", "q", 1000, absl::StrCat("v", i))));
  }
  ASSERT_OK(h_.tablet()->Flush());
  uint64_t misses = 0;
  const auto reopen = [&](uint64_t in_memory_one_in) {
    h_.Drop();
    h_.fs().KeepInMemoryOneIn(in_memory_one_in);
    ASSERT_OK(h_.Open());                      // cold caches
    ASSERT_OK(TryRead("r70", true).status());  // but for the filter
    misses = h_.engine()->stats().block_cache.misses;
  };
  const auto expect_misses = [&](uint64_t more, const char* what) {
    EXPECT_EQ(h_.engine()->stats().block_cache.misses - misses, more) << what;
    misses = h_.engine()->stats().block_cache.misses;
  };
  reopen(1);
  EXPECT_STATUS(kUnavailable, "would block", TryRead("r7", false)) << "nobody asked for it";
  EXPECT_STATUS(kUnavailable, "would block", TryRead("r7", false, 100)) << "more than it may";
  expect_misses(0, "who would block comes again");
  EXPECT_OK(TryRead("r7", false, kMuch));
  expect_misses(1, "the block");
  EXPECT_OK(TryRead("r7", false)) << "the engine's own memory by now";
  reopen(2);  // only a part of what a read needs
  int tries = 1;
  while (!TryRead("r7", false, kMuch).ok()) ASSERT_LT(++tries, 10);
  EXPECT_GT(tries, 1);
  expect_misses(1, "a try that would block counts as nothing");
}

TEST_F(EngineTest, FiltersOutOfTheirCacheAreReadWithoutBlockingToo) {
  for (const char* row : {"p", "r", "t"}) ASSERT_OK(h_.Write(Put(row, "a", "q", 1000, "v")));
  ASSERT_OK(h_.tablet()->Flush());
  const auto reopen = [&](uint64_t in_memory_one_in) {
    h_.Drop();
    h_.fs().KeepInMemoryOneIn(in_memory_one_in);
    ASSERT_OK(h_.Open());  // cold caches
  };
  const auto misses = [&] { return h_.engine()->stats().filter_cache.misses; };
  reopen(0);
  EXPECT_STATUS(kUnavailable, "would block", TryRead("r", false, kMuch))
      << "nor has the machine it";
  EXPECT_EQ(misses(), 0u) << "who would block comes again";
  reopen(1);
  EXPECT_STATUS(kUnavailable, "would block", TryRead("r", false));
  EXPECT_STATUS(kUnavailable, "would block", TryRead("r", false, 10)) << "more than it may";
  h_.fs().FailReadAt(h_.fs().reads() + 1);
  EXPECT_STATUS(kUnavailable, "would block", TryRead("r", false, kMuch)) << "whoever may finds out";
  EXPECT_EQ(misses(), 0u);
  EXPECT_OK(TryRead("r", false, kMuch));
  EXPECT_EQ(misses(), 1u);
  EXPECT_OK(TryRead("q", false)) << "the engine's own memory by now; no file holds the row";
}

TEST_F(EngineTest, WhatIsReadFromTheMachinesMemoryAddsUp) {
  for (const char* row : {"p", "r", "t"}) ASSERT_OK(h_.Write(Put(row, "a", "q", 1000, "v")));
  ASSERT_OK(h_.tablet()->Flush());
  const auto reads_with = [&](uint64_t bytes) {
    h_.Drop();
    h_.fs().KeepInMemoryOneIn(1);
    EXPECT_OK(h_.Open());
    EXPECT_OK(TryRead("q", true).status());  // takes the filters in
    return TryRead("r", false, bytes).ok();
  };
  uint64_t enough = 1;  // for one file, less than twice what it takes
  while (!reads_with(enough)) ASSERT_LT(enough *= 2, 1u << 20);
  for (const char* row : {"p", "r", "t"}) ASSERT_OK(h_.Write(Put(row, "a", "q", 2000, "v")));
  ASSERT_OK(h_.tablet()->Flush());
  EXPECT_FALSE(reads_with(enough)) << "two files";
  EXPECT_TRUE(reads_with(2 * enough));
}

// Neither costs a read that may not block more than the try, nor is it told by it.
TEST_F(EngineTest, DamageAndErrorsInMemoryAreFoundByWhoMayBlock) {
  for (const char* row : {"p", "r", "t"}) ASSERT_OK(h_.Write(Put(row, "a", "q", 1000, "v")));
  ASSERT_OK(h_.tablet()->Flush());
  const std::vector<std::string> files = h_.fs().AllFiles();
  const auto sst = std::find_if(files.begin(), files.end(), [](const std::string& path) {
    return absl::StrContains(path, ".sst");
  });
  ASSERT_NE(sst, files.end());
  h_.Drop();
  h_.fs().KeepInMemoryOneIn(1);
  ASSERT_OK(h_.Open());
  ASSERT_OK(TryRead("q", true).status());  // takes the filter in
  h_.fs().FailReadAt(h_.fs().reads() + 1);
  EXPECT_STATUS(kUnavailable, "would block", TryRead("r", false, kMuch));
  constexpr uint64_t kInTheBlock = 5;
  ASSERT_OK(h_.fs().Damage(*sst, kInTheBlock, 1));
  const uint64_t reads = h_.fs().reads();
  EXPECT_STATUS(kUnavailable, "would block", TryRead("r", false, kMuch));
  EXPECT_EQ(h_.fs().reads(), reads + 1) << "the block, and nothing to tell of it";
  EXPECT_STATUS(kDataLoss, "rows", TryRead("r", true));
}

TEST_F(EngineTest, AnInMemoryGroupNeverBlocks) {
  TableSchema next = TinySchema();
  next.version = 2;
  next.groups[0].in_memory = true;
  ASSERT_OK(h_.tablet()->AlterSchema(next));
  ASSERT_OK(h_.Write(Put("r", "a", "q", 1000, "v")));
  ASSERT_OK(h_.tablet()->Flush());
  h_.Drop();
  ASSERT_OK(h_.Open());
  ReadOptions options;
  options.may_block = false;
  options.selection.families = {"a"};
  RowCollector rows;
  ASSERT_OK(h_.tablet()->ReadRow("r", options, &rows));
  EXPECT_EQ(ShowRows(rows.rows), "r a:q@1000=v\n");
}

// What a short way to small rows relies on.
TEST_F(EngineTest, ARowReadEndsWithTheKeysItMayLookAt) {
  RowMutation wide{"r", {}};
  for (int i = 0; i < 10; ++i) wide.mutations.push_back(SetCell{"a", absl::StrCat(i), 1000, "v"});
  ASSERT_OK(h_.Write(wide));
  for (const bool flushed : {false, true}) {
    if (flushed) ASSERT_OK(h_.tablet()->Flush());
    for (const uint64_t most : {1, 4, 9, 11, 512}) {
      ReadOptions options;
      options.max_keys_examined = most;
      RowCollector rows;
      ASSERT_OK_AND_ASSIGN(ReadProgress progress, h_.tablet()->ReadRow("r", options, &rows));
      EXPECT_EQ(progress.in_row, most < 10) << most;
      EXPECT_LE(progress.keys_examined, most);
      if (most > 10) EXPECT_EQ(rows.rows.at(0).cells.size(), 10u) << most;
    }
  }
}

TEST_F(EngineTest, PagesEndAtTheirLimits) {
  for (const char* row : {"a", "b", "c", "d"}) ASSERT_OK(h_.Write(Put(row, "a", "q", 1000, "v")));
  RowCollector rows;
  ReadOptions options;
  options.rows_limit = 2;
  ASSERT_OK_AND_ASSIGN(ReadProgress progress, h_.tablet()->Read({}, options, &rows));
  EXPECT_FALSE(progress.done);
  EXPECT_EQ(progress.resume_after, "b");
  EXPECT_EQ(progress.rows, 2u);
  options.rows_limit = 0;
  options.max_bytes = 1;
  ASSERT_OK_AND_ASSIGN(progress, h_.tablet()->Read({}, options, &rows));
  EXPECT_EQ(progress.resume_after, "a") << "at least one row";
  rows.stop_after = rows.rows.size() + 3;
  ASSERT_OK_AND_ASSIGN(progress, h_.tablet()->Read({}, {}, &rows));
  EXPECT_FALSE(progress.done);
  EXPECT_EQ(progress.resume_after, "c") << "the sink had enough";
  ReadOptions bad;
  bad.selection.cells_per_row = -1;
  EXPECT_STATUS(kInvalidArgument, "", h_.tablet()->Read({}, bad, &rows));
}

TEST_F(EngineTest, AFailedFlushIsTriedAgainAndTheLogIsToldOnce) {
  ASSERT_OK(h_.Write(Put("r", "a", "q", 1000, "v")));
  h_.faults().FailAt("flush.before_fsync", 1, absl::InternalError("disk"));
  EXPECT_STATUS(kInternal, "disk", h_.tablet()->Flush());
  EXPECT_EQ(h_.tablet()->stats().state, "failed: INTERNAL: disk");
  EXPECT_GT(h_.tablet()->stats().frozen_bytes, 0u);
  ASSERT_OK(h_.Write(Put("r", "a", "q", 2000, "w")));
  EXPECT_EQ(h_.Get("r", "a", "q"), "w");
  ASSERT_OK(h_.Settle()) << "a frozen memtable is work for the scheduler";
  EXPECT_EQ(h_.tablet()->stats().state, "open");
  EXPECT_EQ(h_.tablet()->stats().oldest_unflushed_lsn, 0u);
  EXPECT_EQ(h_.engine()->stats().flushes, 2u) << "the frozen one and the one after it";
}

TEST_F(EngineTest, AWriteDuringAFlushIsNotTakenForFlushed) {
  ASSERT_OK(h_.Write(Put("r", "a", "q", 1000, "before")));
  h_.faults().RunAt("flush.before_meta_cas", 1,
                    [this] { return h_.Write(Put("r", "a", "q", 2000, "during")); });
  ASSERT_OK(h_.tablet()->Flush());
  EXPECT_EQ(h_.Get("r", "a", "q"), "during");
  h_.PowerCut(0);
  ASSERT_OK(h_.Open());
  EXPECT_EQ(h_.Get("r", "a", "q"), "during");
}

TEST_F(EngineTest, ReplaySkipsWhatIsFlushed) {
  ASSERT_OK(h_.Write(Put("r", "a", "q", 1000, "v")));
  ASSERT_OK(h_.tablet()->Flush());
  const std::vector<ManifestFile> files = h_.tablet()->files();
  h_.PowerCut(0);  // the log still holds the record
  ASSERT_OK(h_.Open());
  EXPECT_EQ(h_.tablet()->files(), files);
}

TEST_F(EngineTest, AFlushThatFailsPinsTheLog) {
  for (uint64_t nth = 1; nth <= 200; ++nth) {
    h_.faults().FailAt("flush.before_meta_cas", nth, absl::InternalError("disk"));
  }
  Status status;
  int written = 0;
  do {
    status = h_.Write(Put(absl::StrCat("r", written), "a", "q", 1000, std::string(100, 'x')));
    if (status.ok() && ++written % 20 == 0) EXPECT_FALSE(h_.tablet()->Flush().ok());
    h_.clock().AdvanceMillis(1000);
  } while (status.ok() && written < 5000);
  EXPECT_STATUS(kResourceExhausted, "", status);
  EXPECT_GT(written, 50);
  h_.PowerCut(1);
  ASSERT_OK(h_.Open());
  ASSERT_OK_AND_ASSIGN(std::vector<Row> rows, h_.Scan());
  EXPECT_EQ(rows.size(), static_cast<size_t>(written));
}

TEST(EngineLimits, MemoryPushesBackGraduallyAndFlushesHelp) {
  SetMinLogLevel(LogLevel::kOff);
  EngineOptions options = TinyEngineOptions();
  options.memory_limit_bytes = 2u << 20;
  options.block_cache_bytes = options.filter_cache_bytes = 0;
  options.memtable_bytes = 64u << 20;
  options.log.segment_bytes = 1u << 20;
  EngineHarness h(options);
  ASSERT_OK(h.Open());
  int refused = 0, written = 0;
  Status last;
  for (int i = 0; i < 4000 && refused < 3; ++i) {
    last = h.Write(Put("r", "a", absl::StrCat(i), 1000, std::string(4000, 'x')));
    if (last.ok()) {
      ++written;
      h.clock().AdvanceMillis(1);
    } else {
      ASSERT_STATUS(kResourceExhausted, "", last);
      EXPECT_GT(RetryDelayMs(last), 0);
      if (++refused < 3) h.clock().AdvanceMillis(RetryDelayMs(last));
    }
  }
  EXPECT_EQ(refused, 3);
  EXPECT_GT(written, 100);
  EXPECT_LE(h.engine()->stats().memory_used, h.engine()->stats().memory_limit);
  EXPECT_GT(h.engine()->stats().write_stalls_ms, 0u);
  ASSERT_OK_AND_ASSIGN(bool did, h.engine()->RunMaintenance());
  EXPECT_TRUE(did) << "memory pressure flushes although the memtable is small";
  h.clock().AdvanceMillis(1000);
  EXPECT_OK(h.Write(Put("r", "a", "after", 1000, "v")));
}

TEST(EngineLimits, AFullRingPushesBackAndMaintenanceFreesIt) {
  SetMinLogLevel(LogLevel::kOff);
  EngineOptions options = TinyEngineOptions();
  options.log.segment_bytes = 4096;
  options.log.max_segments = 4;
  EngineHarness h(options);
  ASSERT_OK(h.Open());
  Status status;
  int written = 0;
  while (written < 1000 &&
         (status = h.Write(Put("r", "a", "q", 1000, std::string(200, 'x')))).ok()) {
    ++written;
  }
  ASSERT_STATUS(kResourceExhausted, "", status);
  EXPECT_GT(RetryDelayMs(status), 0);
  EXPECT_GT(written, 10);
  ASSERT_OK(h.Settle());
  h.clock().AdvanceMillis(1000);
  for (int i = 0; i < 200; ++i) {
    status = h.Write(Put("r", "a", "q", 1000, std::string(200, 'x')));
    if (status.ok()) continue;
    ASSERT_STATUS(kResourceExhausted, "", status);
    ASSERT_OK(h.Settle());
    h.clock().AdvanceMillis(1000);
  }
  EXPECT_GT(h.engine()->stats().ring.wraps, 3u);
  h.PowerCut(0);
  ASSERT_OK(h.Open());
  EXPECT_EQ(h.Get("r", "a", "q"), std::string(200, 'x'));
}

TEST(EngineRecovery, SpillsWhenMemoryIsShort) {
  SetMinLogLevel(LogLevel::kOff);
  EngineOptions options = TinyEngineOptions();
  options.log.segment_bytes = 1u << 20;
  options.memtable_bytes = 64u << 20;
  EngineHarness h(options);
  ASSERT_OK(h.Open());
  for (int i = 0; i < 400; ++i) {
    ASSERT_OK(h.Write(Put(absl::StrCat("r", i), "a", "q", 1000, std::string(4000, 'x'))));
    if (i % 10 == 0) ASSERT_OK(h.Write({"r5", {DeleteFromRow{}}}));
  }
  h.Drop();
  h.options().memory_limit_bytes = 1u << 20;
  h.options().block_cache_bytes = h.options().filter_cache_bytes = 0;
  ASSERT_OK(h.OpenEngine());
  ASSERT_OK(h.OpenTablet());
  EXPECT_GT(h.tablet()->files().size(), 4u) << "several spills";
  ASSERT_OK_AND_ASSIGN(std::vector<Row> rows, h.Scan());
  EXPECT_EQ(rows.size(), 399u);
}

// Files over other rows each, too large to be taken for small ones.
void WriteFilesThatShareNoRows(EngineHarness* h, int files) {
  SeededRandom random(TestSeed());
  for (int i = 0; i < files; ++i) {
    ASSERT_OK(h->Write(Put(absl::StrCat("a", 10 + i), "a", "q", 1000, random.Letters(5000))));
    ASSERT_OK(h->tablet()->Flush());
  }
}

TEST(EngineCompaction, RowsWrittenInOrderAreNotWrittenAgainNorHeldUp) {
  EngineOptions options = TinyEngineOptions();
  options.merge_min_files = 2;
  options.merge_max_files = 4;
  EngineHarness h(options);
  ASSERT_OK(h.Open());
  ASSERT_NO_FATAL_FAILURE(WriteFilesThatShareNoRows(&h, 15));
  ASSERT_OK(h.Settle());
  EXPECT_EQ(h.tablet()->stats().files, 15u);
  EXPECT_EQ(h.engine()->stats().write_stalls_ms, 0u);
  ASSERT_NO_FATAL_FAILURE(WriteFilesThatShareNoRows(&h, 1));  // over the first
  ASSERT_OK(h.Settle());
  EXPECT_LT(h.tablet()->stats().files, 16u) << "very many, or two over a row";
  ASSERT_OK_AND_ASSIGN(auto rows, h.Scan());
  EXPECT_EQ(rows.size(), 15u);
}

TEST(EngineCompaction, MarkersGoWhenAllFilesOfTheirRowsAreMerged) {
  EngineHarness h;
  ASSERT_OK(h.Open());
  ASSERT_NO_FATAL_FAILURE(WriteFilesThatShareNoRows(&h, 3));
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK(h.Write(Put("z", "a", "q", 1000, "dead")));
    ASSERT_OK(h.tablet()->Flush());
    ASSERT_OK(h.Write({"z", {DeleteFromRow{}}}));
    ASSERT_OK(h.tablet()->Flush());
  }
  ASSERT_OK(h.Settle());
  EXPECT_EQ(h.tablet()->stats().files, 3u) << "nothing is left of z";
  EXPECT_EQ(h.Get("z", "a", "q"), "<none>");
  EXPECT_EQ(h.engine()->stats().majors, 1u);
}

}  // namespace
}  // namespace stele::storage
