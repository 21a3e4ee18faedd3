// Goal: splits and merges of tablets lose, double and mix up nothing: in place, after a failure and
// after a power cut at each of their steps, with shared files, and against file gc.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "common/base/log.h"
#include "common/testing/status_asserts.h"
#include "tabletserver/storage/manifest/reshape.h"
#include "tests/engine/engine_harness.h"

namespace stele::storage {
namespace {

constexpr TabletId kLeft = 200, kNext = 201;
constexpr int kRows = 40;
constexpr uint64_t kImages = 3;

std::string Key(int i) { return absl::StrCat("row", 100 + i); }

class EngineReshapeTest : public ::testing::Test {
 protected:
  EngineReshapeTest() { SetMinLogLevel(LogLevel::kOff); }

  // Every tablet whose manifest counts, by its range: as the master opens them.
  static std::vector<Manifest> Tiles(EngineHarness* h) {
    std::map<std::string, Manifest> by_end;
    std::vector<Manifest> all;
    const std::vector<std::string> cells = *h->store()->ListCells(kManifestCellPrefix);
    for (const std::string& cell : cells) {
      all.push_back(ReadManifest(h->store(), *ParseManifestCellName(cell))->manifest);
    }
    auto covers = [&](TabletId id, const Manifest& child) {
      return std::any_of(all.begin(), all.end(), [&](const Manifest& m) {
        return m.tablet.id == id && m.tablet.Contains(child.tablet.end_row);
      });
    };
    for (const Manifest& m : all) {
      const bool uncommitted = m.merged_into == 0 && !m.parents.empty() &&
                               !m.tablet.end_row.empty() && covers(m.parents.back(), m);
      if (!uncommitted) by_end[m.tablet.end_row.empty() ? "~" : m.tablet.end_row] = m;
    }
    std::vector<Manifest> tiles;
    for (auto& [end, m] : by_end) tiles.push_back(std::move(m));
    return tiles;
  }

  // Opens whatever is not open; finishes a merge that was sealed.
  static Status OpenAll(EngineHarness* h) {
    const std::vector<Manifest> tiles = Tiles(h);
    for (const Manifest& m : tiles) {
      if (m.merged_into != 0 || h->engine()->FindTablet(m.tablet.id) != nullptr) continue;
      RETURN_IF_ERROR(h->engine()->OpenTablet(m.tablet.id, m.epoch + 1).status());
    }
    for (const Manifest& m : tiles) {
      if (m.merged_into == 0) continue;
      RETURN_IF_ERROR(h->engine()->MergeTablets(m.tablet.id, m.merged_into));
      RETURN_IF_ERROR(h->engine()->ForgetMerged(m.tablet.id, m.merged_into));
    }
    return OkStatus();
  }

  static StatusOr<std::shared_ptr<TabletStore>> Holder(EngineHarness* h, Slice row) {
    for (const auto& store : h->engine()->tablets()) {
      if (store->descriptor().Contains(row)) return store;
    }
    return absl::NotFoundError(absl::StrCat("nobody has ", row));
  }
  static Status PutRow(EngineHarness* h, int i, const std::string& value) {
    ASSIGN_OR_RETURN(auto store, Holder(h, Key(i)));
    return store->WriteSync(Put(Key(i), "a", "q", 1000, value));
  }

  // The rows of all tablets, in order; an error when the ranges do not tile the table.
  static StatusOr<std::string> ScanAll(EngineHarness* h) {
    auto stores = h->engine()->tablets();
    std::sort(stores.begin(), stores.end(), [](const auto& a, const auto& b) {
      return a->descriptor().start_row < b->descriptor().start_row;
    });
    std::string before, out;
    for (const auto& store : stores) {
      const TabletDescriptor& tablet = store->descriptor();
      if (tablet.start_row != before) return absl::InternalError("gap or overlap");
      before = tablet.end_row;
      RowCollector rows;
      ASSIGN_OR_RETURN(ReadProgress progress, store->Read({}, {}, &rows));
      if (!progress.done) return absl::InternalError("more than a page");
      for (const Row& row : rows.rows) {
        if (!tablet.Contains(row.key)) return absl::InternalError("a row of another tablet");
      }
      absl::StrAppend(&out, ShowRows(rows.rows));
    }
    if (!before.empty()) return absl::InternalError("the last tablet is missing");
    return out;
  }

  static std::string Expected(const std::map<int, std::string>& values) {
    std::string out;
    for (const auto& [i, value] : values) {
      absl::StrAppend(&out, Key(i), " a:q@1000=", value, "\n");
    }
    return out;
  }

  // Of the tablet's files those that a split left shared.
  static size_t SharedFiles(EngineHarness* h, TabletId tablet) {
    const std::vector<ManifestFile> files = h->engine()->FindTablet(tablet)->files();
    return static_cast<size_t>(
        std::count_if(files.begin(), files.end(), [](const ManifestFile& file) {
          return !file.clip_start.empty() || !file.clip_end.empty();
        }));
  }
  // Nothing is merged, but shared files after the while.
  static constexpr int64_t kWhileMs = 10'000;
  static EngineOptions RewritingAfterAWhile() {
    EngineOptions options = TinyEngineOptions();
    options.split_rewrite_after_ms = kWhileMs;
    options.memtable_bytes = 1;  // what is less is rewritten at once
    options.merge_min_files = options.merge_max_files = 100;
    return options;
  }

  // Rows in two files and in memory; some are deleted again.
  static StatusOr<std::map<int, std::string>> Fill(EngineHarness* h) {
    RETURN_IF_ERROR(h->Open());
    std::map<int, std::string> values;
    for (int round = 0; round < 3; ++round) {
      for (int i = round; i < kRows; i += 3 - round) {
        values[i] = absl::StrCat(round, "-", i);
        RETURN_IF_ERROR(h->Write(Put(Key(i), "a", "q", 1000, values[i])));
      }
      if (round < 2) RETURN_IF_ERROR(h->tablet()->Flush());
    }
    for (int i : {3, 21, 33}) {
      RETURN_IF_ERROR(h->Write({Key(i), {DeleteFromRow{}}}));
      values.erase(i);
    }
    return values;
  }
};

TEST_F(EngineReshapeTest, SplitsNearTheMiddleAndMergesBack) {
  EngineHarness h;
  ASSERT_OK_AND_ASSIGN(auto values, Fill(&h));
  const Sequence sequence = h.tablet()->stats().last_sequence;
  ASSERT_OK(h.engine()->SplitTablet(kTestTablet, kLeft, ""));
  auto left = h.engine()->FindTablet(kLeft);
  auto right = h.engine()->FindTablet(kTestTablet);
  ASSERT_TRUE(left != nullptr && right != nullptr);
  EXPECT_GT(left->descriptor().end_row, Key(8));
  EXPECT_LT(left->descriptor().end_row, Key(32));
  EXPECT_EQ(left->stats().last_sequence, sequence);
  EXPECT_EQ(right->stats().last_sequence, sequence);
  EXPECT_STATUS(kUnavailable, "", h.tablet()->WriteSync(Put(Key(1), "a", "q", 1000, "x")));
  EXPECT_STATUS(kOutOfRange, "", right->WriteSync(Put(Key(1), "a", "q", 1000, "x")));
  ASSERT_OK_AND_ASSIGN(std::string rows, ScanAll(&h));
  EXPECT_EQ(rows, Expected(values));
  for (int i : {1, 39}) ASSERT_OK(PutRow(&h, i, values[i] = "later"));
  // Compaction on one side leaves the other its part of the shared files.
  ASSERT_OK(left->CompactMajor());
  ASSERT_OK_AND_ASSIGN(rows, ScanAll(&h));
  EXPECT_EQ(rows, Expected(values));

  ASSERT_OK(h.engine()->MergeTablets(kLeft, kTestTablet));
  EXPECT_EQ(h.engine()->tablets().size(), 1u);
  ASSERT_OK(PutRow(&h, 2, values[2] = "after the merge"));
  ASSERT_OK_AND_ASSIGN(rows, ScanAll(&h));
  EXPECT_EQ(rows, Expected(values));
  EXPECT_STATUS(kFailedPrecondition, "merged into", h.engine()->OpenTablet(kLeft, 99));
  ASSERT_OK(h.engine()->ForgetMerged(kLeft, kTestTablet));
  ASSERT_OK(h.engine()->ForgetMerged(kLeft, kTestTablet));
  EXPECT_STATUS(kNotFound, "", ReadManifest(h.store(), kLeft));
  left.reset();
  right.reset();
  h.Drop();
  ASSERT_OK(h.OpenEngine());
  ASSERT_OK(OpenAll(&h));
  ASSERT_OK_AND_ASSIGN(rows, ScanAll(&h));
  EXPECT_EQ(rows, Expected(values));
}

// The one that was merged first is let go of by whoever has its rows in the end, and not before.
TEST_F(EngineReshapeTest, WhatWasMergedIntoAMergedTabletIsForgotten) {
  EngineHarness h;
  ASSERT_OK_AND_ASSIGN(auto values, Fill(&h));
  ASSERT_OK(h.engine()->SplitTablet(kTestTablet, kNext, Key(20)));
  ASSERT_OK(h.engine()->SplitTablet(kNext, kLeft, Key(10)));
  ASSERT_OK(h.engine()->MergeTablets(kLeft, kNext));
  EXPECT_STATUS(kFailedPrecondition, "not merged", h.engine()->ForgetMerged(kLeft, kTestTablet));
  ASSERT_OK(h.engine()->MergeTablets(kNext, kTestTablet));
  ASSERT_OK(h.engine()->ForgetMerged(kNext, kTestTablet));
  ASSERT_OK(h.engine()->ForgetMerged(kLeft, kTestTablet));
  EXPECT_STATUS(kNotFound, "", ReadManifest(h.store(), kLeft));
  ASSERT_OK_AND_ASSIGN(std::string rows, ScanAll(&h));
  EXPECT_EQ(rows, Expected(values));
}

TEST_F(EngineReshapeTest, RefusesWhatMakesNoSense) {
  EngineHarness h;
  ASSERT_OK(Fill(&h).status());
  EXPECT_STATUS(kNotFound, "not open", h.engine()->SplitTablet(999, kLeft, Key(5)));
  ASSERT_OK(h.engine()->SplitTablet(kTestTablet, kLeft, Key(20)));
  EXPECT_STATUS(kInvalidArgument, "inside", h.engine()->SplitTablet(kTestTablet, kNext, Key(20)));
  EXPECT_STATUS(kInvalidArgument, "inside", h.engine()->SplitTablet(kLeft, kNext, Key(21)));
  EXPECT_STATUS(kAlreadyExists, "exists", h.engine()->SplitTablet(kTestTablet, kLeft, Key(30)));
  EXPECT_STATUS(kFailedPrecondition, "end where", h.engine()->MergeTablets(kTestTablet, kLeft));
  EXPECT_STATUS(kFailedPrecondition, "not merged", h.engine()->ForgetMerged(kLeft, kTestTablet));
  EXPECT_STATUS(kUnavailable, "already", h.engine()->MergeTablets(kLeft, kLeft));
  ASSERT_OK(PutRow(&h, 1, "goes on"));
  ASSERT_OK(PutRow(&h, 30, "goes on"));
}

TEST_F(EngineReshapeTest, OneRowIsNotSplit) {
  EngineHarness h;
  ASSERT_OK(h.Open());
  for (int i = 0; i < 50; ++i) {
    ASSERT_OK(h.Write(Put("row", "a", absl::StrCat("q", i), 1000, std::string(100, 'x'))));
  }
  EXPECT_STATUS(kFailedPrecondition, "no two rows",
                h.engine()->SplitTablet(kTestTablet, kLeft, ""));
  ASSERT_OK(h.Write(Put("row", "a", "q", 1000, "goes on")));
}

// A file whose middle part was compacted away must not bring the old cells of the middle back.
TEST_F(EngineReshapeTest, ADeletedMiddleStaysDeletedWhenAllIsMergedAgain) {
  EngineHarness h;
  ASSERT_OK_AND_ASSIGN(auto values, Fill(&h));
  ASSERT_OK(h.engine()->SplitTablet(kTestTablet, kLeft, Key(10)));
  ASSERT_OK(h.engine()->SplitTablet(kTestTablet, kNext, Key(20)));
  auto middle = h.engine()->FindTablet(kNext);
  for (int i = 11; i <= 20; ++i) {
    ASSERT_OK(middle->WriteSync({Key(i), {DeleteFromRow{}}}));
    values.erase(i);
  }
  ASSERT_OK(middle->Flush());
  ASSERT_OK(middle->CompactMajor());
  ASSERT_OK(h.engine()->MergeTablets(kLeft, kNext));
  ASSERT_OK(h.engine()->MergeTablets(kNext, kTestTablet));
  ASSERT_OK_AND_ASSIGN(std::string rows, ScanAll(&h));
  EXPECT_EQ(rows, Expected(values));
  std::set<uint64_t> ids;
  for (const ManifestFile& file : h.engine()->FindTablet(kTestTablet)->files()) {
    EXPECT_TRUE(ids.insert(file.file_id).second) << "a file is named once";
  }
}

TEST_F(EngineReshapeTest, SharedFilesLiveWhileOneSideNamesThem) {
  EngineHarness h;
  ASSERT_OK_AND_ASSIGN(auto values, Fill(&h));
  ASSERT_OK(h.tablet()->Flush());
  ASSERT_OK(h.engine()->SplitTablet(kTestTablet, kLeft, Key(20)));
  const size_t shared = h.store()->ListBlobs("tables")->size();
  ASSERT_OK(h.engine()->FindTablet(kLeft)->CompactMajor());
  for (int round = 0; round < 3; ++round) {
    h.clock().AdvanceMillis(120'000);
    ASSERT_OK(h.engine()->CollectGarbage().status());
  }
  EXPECT_EQ(h.store()->ListBlobs("tables")->size(), shared + 1) << "the other side reads them";
  ASSERT_OK(h.engine()->FindTablet(kTestTablet)->CompactMajor());
  for (int round = 0; round < 3; ++round) {
    h.clock().AdvanceMillis(120'000);
    ASSERT_OK(h.engine()->CollectGarbage().status());
  }
  EXPECT_EQ(h.store()->ListBlobs("tables")->size(), 2u);
  ASSERT_OK_AND_ASSIGN(std::string rows, ScanAll(&h));
  EXPECT_EQ(rows, Expected(values));
}

TEST_F(EngineReshapeTest, MemoryOfReplacedFilesIsReleasedUnlessTheyAreShared) {
  EngineHarness h;
  ASSERT_OK_AND_ASSIGN(auto values, Fill(&h));
  ASSERT_OK(h.tablet()->Flush());
  std::vector<std::string> replaced;
  for (const ManifestFile& file : h.tablet()->files()) replaced.push_back(file.blob);
  ASSERT_EQ(replaced.size(), 3u);
  ASSERT_OK(h.tablet()->CompactMajor());
  std::vector<std::string> released = h.fs().Released();
  ASSERT_EQ(released.size(), replaced.size());
  for (const std::string& blob : replaced) {
    EXPECT_TRUE(std::any_of(released.begin(), released.end(), [&](const std::string& path) {
      return absl::StrContains(path, blob);
    })) << blob;
  }
  ASSERT_OK(h.engine()->SplitTablet(kTestTablet, kLeft, Key(20)));
  ASSERT_OK(h.engine()->FindTablet(kLeft)->CompactMajor());
  EXPECT_EQ(h.fs().Released(), released) << "the other side reads it";
  ASSERT_OK_AND_ASSIGN(std::string rows, ScanAll(&h));
  EXPECT_EQ(rows, Expected(values));
}

TEST_F(EngineReshapeTest, AMergeReleasesWhatItHasReadUnlessItIsShared) {
  EngineOptions options = TinyEngineOptions();
  options.log.segment_bytes = options.memtable_bytes = 8u << 20;
  EngineHarness h(options);
  ASSERT_OK(h.Open());
  SeededRandom random(TestSeed());  // what compresses is no large file
  const std::string value = random.Letters(80'000);
  for (int flush = 0; flush < 2; ++flush) {
    for (int i = 0; i < kRows; ++i) ASSERT_OK(PutRow(&h, i, value));
    ASSERT_OK(h.tablet()->Flush());
  }
  ASSERT_EQ(h.tablet()->files().size(), 2u);
  size_t released_before = 0;
  h.faults().RunAt("compaction.before_meta_cas", 1, [&] {
    released_before = h.fs().Released().size();
    return OkStatus();
  });
  ASSERT_OK(h.tablet()->CompactMajor());
  EXPECT_EQ(released_before, 2u) << "of either file, before its successor counts";
  const size_t released = h.fs().Released().size();
  EXPECT_EQ(released, 4u);
  ASSERT_OK(h.engine()->SplitTablet(kTestTablet, kLeft, Key(20)));
  ASSERT_OK(h.engine()->FindTablet(kLeft)->CompactMajor());
  EXPECT_EQ(h.fs().Released().size(), released) << "the other side reads it";
}

TEST_F(EngineReshapeTest, BytesAreCountedInsideTheClip) {
  EngineHarness h;
  ASSERT_OK(Fill(&h).status());
  ASSERT_OK(h.tablet()->Flush());
  const uint64_t whole = h.tablet()->stats().sstable_bytes;
  ASSERT_OK(h.engine()->SplitTablet(kTestTablet, kLeft, ""));
  const uint64_t left = h.engine()->FindTablet(kLeft)->stats().sstable_bytes;
  const uint64_t right = h.engine()->FindTablet(kTestTablet)->stats().sstable_bytes;
  EXPECT_GT(left, whole / 8);
  EXPECT_GT(right, whole / 8);
  EXPECT_LT(left + right, whole + whole / 3);
}

TEST_F(EngineReshapeTest, MaintenanceTakesWhatASplitLeftOutsideTheClip) {
  EngineHarness h;
  ASSERT_OK_AND_ASSIGN(auto values, Fill(&h));
  ASSERT_OK(h.engine()->SplitTablet(kTestTablet, kLeft, Key(20)));
  ASSERT_OK(h.Settle());
  for (TabletId tablet : {kLeft, kTestTablet}) EXPECT_EQ(SharedFiles(&h, tablet), 0u);
  ASSERT_OK_AND_ASSIGN(std::string rows, ScanAll(&h));
  EXPECT_EQ(rows, Expected(values));
}

TEST_F(EngineReshapeTest, WhatASplitLeftSharedIsRewrittenWhenItsTabletIsNotFlushedForAWhile) {
  EngineHarness h(RewritingAfterAWhile());
  ASSERT_OK_AND_ASSIGN(auto values, Fill(&h));
  ASSERT_OK(h.engine()->SplitTablet(kTestTablet, kLeft, Key(20)));
  ASSERT_OK(h.Settle());
  EXPECT_EQ(SharedFiles(&h, kLeft), 3u);
  EXPECT_EQ(SharedFiles(&h, kTestTablet), 3u);
  // A flush puts it off, the look before the time is over does not bring it.
  h.clock().AdvanceMillis(kWhileMs - 1);
  ASSERT_OK(PutRow(&h, 25, values[25] = "later"));
  ASSERT_OK(h.engine()->FindTablet(kTestTablet)->Flush());
  h.clock().AdvanceMillis(1);
  EXPECT_GT(h.engine()->FindTablet(kLeft)->stats().compaction_debt_files, 0u);
  ASSERT_OK(h.Settle());
  EXPECT_EQ(SharedFiles(&h, kLeft), 0u);
  EXPECT_EQ(SharedFiles(&h, kTestTablet), 3u);
  h.clock().AdvanceMillis(kWhileMs - 1);
  ASSERT_OK(h.Settle());
  EXPECT_EQ(SharedFiles(&h, kTestTablet), 0u);
  ASSERT_OK_AND_ASSIGN(std::string rows, ScanAll(&h));
  EXPECT_EQ(rows, Expected(values));
}

// Else a tablet that is flushed all the time, and little, would keep its parent's files for good.
TEST_F(EngineReshapeTest, WhatASplitLeftSharedIsRewrittenInTheEndWhateverIsFlushed) {
  EngineHarness h(RewritingAfterAWhile());
  ASSERT_OK_AND_ASSIGN(auto values, Fill(&h));
  ASSERT_OK(h.engine()->SplitTablet(kTestTablet, kLeft, Key(20)));
  const auto store = h.engine()->FindTablet(kTestTablet);
  constexpr int kFlushes = 11;  // after each but the last a while, almost; the rest after that
  for (int flushes = 1; flushes <= kFlushes; ++flushes) {
    ASSERT_EQ(SharedFiles(&h, kTestTablet), 3u) << flushes;
    ASSERT_OK(PutRow(&h, 25, values[25] = absl::StrCat("value ", flushes)));
    ASSERT_OK(store->Flush());
    h.clock().AdvanceMillis(flushes < kFlushes ? kWhileMs - 1 : kFlushes - 1);
    ASSERT_OK(h.Settle());
  }
  EXPECT_EQ(SharedFiles(&h, kTestTablet), 0u);
  ASSERT_OK_AND_ASSIGN(std::string rows, ScanAll(&h));
  EXPECT_EQ(rows, Expected(values));
}

// It costs next to nothing, and of a block that begins before the clip no row is known to split at.
TEST_F(EngineReshapeTest, WhatASplitLeftSharedIsRewrittenAtOnceWhenItIsLittle) {
  EngineOptions options = RewritingAfterAWhile();
  options.memtable_bytes = TinyEngineOptions().memtable_bytes;
  EngineHarness h(options);
  ASSERT_OK_AND_ASSIGN(auto values, Fill(&h));
  TabletId next = kLeft;
  for (const int at : {5, 10, 15, 20}) {
    ASSERT_OK(h.engine()->SplitTablet(kTestTablet, next++, Key(at)));
    ASSERT_OK(h.Settle());
    ASSERT_EQ(SharedFiles(&h, kTestTablet), 0u) << at;
  }
  ASSERT_OK(h.engine()->SplitTablet(kTestTablet, next, "")) << "where it thinks right";
  ASSERT_OK_AND_ASSIGN(std::string rows, ScanAll(&h));
  EXPECT_EQ(rows, Expected(values));
}

TEST_F(EngineReshapeTest, AMergeCountsItsBytesInsideTheClip) {
  EngineHarness h;
  ASSERT_OK(Fill(&h).status());
  ASSERT_OK(h.tablet()->Flush());
  const uint64_t whole = h.tablet()->stats().sstable_bytes;
  ASSERT_OK(h.engine()->SplitTablet(kTestTablet, kLeft, ""));
  const TabletStats stats = h.engine()->FindTablet(kLeft)->stats();
  EXPECT_EQ(stats.compaction_debt_files, 3u);
  EXPECT_EQ(stats.compaction_debt_bytes, stats.sstable_bytes);
  EXPECT_LT(stats.compaction_debt_bytes, whole);
}

class ReshapeFaultTest : public EngineReshapeTest,
                         public ::testing::WithParamInterface<const char*> {
 protected:
  bool is_split() const { return std::string(GetParam()).rfind("split", 0) == 0; }
  // To where the point is next.
  StatusOr<std::map<int, std::string>> Prepare(EngineHarness* h) {
    ASSIGN_OR_RETURN(auto values, Fill(h));
    if (is_split()) return values;
    RETURN_IF_ERROR(h->engine()->SplitTablet(kTestTablet, kLeft, Key(20)));
    for (int i : {5, 25}) RETURN_IF_ERROR(PutRow(h, i, values[i] = "in memory"));
    return values;
  }
  Status Step(EngineHarness* h, TabletId child) {
    if (is_split()) return h->engine()->SplitTablet(kTestTablet, child, Key(20));
    return h->engine()->MergeTablets(kLeft, kTestTablet);
  }
  // Everything is there, can be written, and the step can be done if it was not.
  void ExpectWhole(EngineHarness* h, std::map<int, std::string> values) {
    ASSERT_OK(OpenAll(h));
    ASSERT_OK_AND_ASSIGN(std::string rows, ScanAll(h));
    EXPECT_EQ(rows, Expected(values));
    for (int i : {0, 20, 39}) ASSERT_OK(PutRow(h, i, values[i] = "afterwards"));
    const bool split = h->engine()->tablets().size() == 2;
    if (split != is_split()) ASSERT_OK(Step(h, kNext));
    ASSERT_OK(OpenAll(h));
    ASSERT_OK_AND_ASSIGN(rows, ScanAll(h));
    EXPECT_EQ(rows, Expected(values));
    EXPECT_EQ(h->engine()->tablets().size(), is_split() ? 2u : 1u);
    for (const auto& store : h->engine()->tablets()) ASSERT_OK(store->Flush());
    EXPECT_TRUE(h->engine()->stats().ring.pinning.empty());
    h->Drop();
    ASSERT_OK(h->OpenEngine());
    ASSERT_OK(OpenAll(h));
    ASSERT_OK_AND_ASSIGN(rows, ScanAll(h));
    EXPECT_EQ(rows, Expected(values));
    ASSERT_OK_AND_ASSIGN(std::vector<std::string> cells,
                         h->store()->ListCells(kManifestCellPrefix));
    EXPECT_EQ(cells.size(), h->engine()->tablets().size()) << "a manifest is left behind";
  }
};

TEST_P(ReshapeFaultTest, AFailureIsSurvived) {
  EngineHarness h;
  ASSERT_OK_AND_ASSIGN(auto values, Prepare(&h));
  h.faults().FailAt(GetParam(), h.faults().hits(GetParam()) + 1, absl::InternalError("injected"));
  EXPECT_STATUS(kInternal, "injected", Step(&h, kLeft));
  EXPECT_TRUE(h.fatal().empty());
  ASSERT_NO_FATAL_FAILURE(ExpectWhole(&h, values));
}

TEST_P(ReshapeFaultTest, APowerCutLosesNothing) {
  for (uint64_t image = 0; image < kImages; ++image) {
    EngineHarness h;
    ASSERT_OK_AND_ASSIGN(auto values, Prepare(&h));
    h.faults().RunAt(GetParam(), h.faults().hits(GetParam()) + 1, [&h] {
      h.fs().CutPower();
      return absl::InternalError("cut");
    });
    EXPECT_FALSE(Step(&h, kLeft).ok());
    EXPECT_TRUE(h.fs().power_is_off());
    h.PowerCut(image);
    ASSERT_OK(h.OpenEngine());
    ASSERT_NO_FATAL_FAILURE(ExpectWhole(&h, values));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Points, ReshapeFaultTest,
    ::testing::Values("split.flush", "split.before_intent", "split.after_intent", "split.paused",
                      "split.before_child", "split.after_child", "split.before_commit",
                      "split.after_commit", "split.opened", "merge.flush", "merge.paused",
                      "merge.before_seal", "merge.after_seal", "merge.before_extend",
                      "merge.after_extend", "merge.opened"),
    [](const auto& info) {
      std::string name = info.param;
      std::replace(name.begin(), name.end(), '.', '_');
      return name;
    });

}  // namespace
}  // namespace stele::storage
