// Goal: the rows of METADATA follow from the manifests at every step of splits and merges; a gap is
// named and nothing is touched then; METADATA that is lost comes back, and rows that were only in a
// log with it.
#include "deploy/rebuild/metadata_rows.h"

#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "common/store/fs.h"
#include "common/store/posix_log_store.h"
#include "common/testing/fault_fs.h"
#include "common/testing/manual_clock.h"
#include "common/testing/scripted_faults.h"
#include "common/testing/status_asserts.h"
#include "deploy/cell/store_owner.h"
#include "tabletserver/storage/engine.h"

namespace stele::deploy {
namespace {

using storage::Manifest;

constexpr TableId kTable = 20;

Manifest Tablet(TabletId id, std::string start, std::string end, TableId table = kTable) {
  Manifest manifest;
  manifest.tablet = {id, table, std::move(start), std::move(end)};
  manifest.epoch = 3;
  return manifest;
}
std::string Plan(const std::vector<Manifest>& list) {
  std::map<TabletId, Manifest> manifests;
  for (const Manifest& manifest : list) manifests[manifest.tablet.id] = manifest;
  const MetadataRows rows = PlanMetadataRows(manifests);
  std::string text;
  for (const TabletLocation& row : rows.locations) {
    EXPECT_EQ(row.epoch, 3u);
    EXPECT_EQ(row.assignment, TabletAssignment::kAssigned);
    absl::StrAppend(&text, row.tablet.id, "(", row.tablet.start_row, ",", row.tablet.end_row, "] ");
  }
  for (const std::string& gap : rows.gaps) absl::StrAppend(&text, gap, " ");
  return text;
}

TEST(MetadataRows, AreOfTheTablesOfUsersInKeyOrder) {
  EXPECT_EQ(Plan({Tablet(kCatalogTablet, "", "", kCatalogTable), Tablet(40, "", "", 21),
                  Tablet(30, "m", ""), Tablet(31, "", "g"), Tablet(32, "g", "m")}),
            "31(,g] 32(g,m] 30(m,] 40(,] ");
  EXPECT_EQ(Plan({}), "");
}

TEST(MetadataRows, ASplitCountsFromItsCommitOn) {
  Manifest child = Tablet(31, "", "g");
  child.parents = {30};
  EXPECT_EQ(Plan({Tablet(30, "", ""), child}), "30(,] ") << "not committed";
  EXPECT_EQ(Plan({Tablet(30, "g", ""), child}), "31(,g] 30(g,] ");
}

TEST(MetadataRows, AMergeIsFinishedByWhoeverOpensTheRightOne) {
  Manifest left = Tablet(30, "", "g");
  left.merged_into = 31;
  EXPECT_EQ(Plan({left, Tablet(31, "g", "")}), "30(,g] 31(g,] ") << "the right one has not grown";
  EXPECT_EQ(Plan({left, Tablet(31, "", "")}), "31(,] ");
}

TEST(MetadataRows, GapsAreNamed) {
  EXPECT_EQ(Plan({Tablet(30, "", "g"), Tablet(31, "m", "")}),
            "30(,g] 31(m,] table 20: tablet 31 begins after \"m\", not after \"g\" ");
  EXPECT_EQ(Plan({Tablet(30, "a", "g")}),
            "30(a,g] table 20: tablet 30 begins after \"a\", not after the edge "
            "table 20: no tablet has the rows after \"g\" ");
}

class RebuildMetadataTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(store_, OpenPosixStore(&fs_, "/cell", /*create=*/true));
    ASSERT_OK(ClaimForProcesses(store_.get(), "0123456789abcdef", false));
  }
  StatusOr<std::unique_ptr<storage::Engine>> Open(const std::string& log) {
    storage::EngineOptions options;
    options.log.segment_bytes = 64u << 10;
    options.maintenance_threads = 0;
    storage::EngineEnv env;
    env.store = store_.get();
    env.clock = &clock_;
    env.server_id = log;
    return storage::Engine::Open(options, env);
  }
  static TableSchema Schema() {
    TableSchema schema;
    schema.id = kTable;
    schema.name = "t";
    schema.version = 1;
    schema.groups = {LocalityGroupSchema{.name = "default"}};
    schema.next_family_id = 2;
    schema.families = {FamilySchema{.name = "f", .id = 1, .locality_group = "default"}};
    return schema;
  }
  static RowMutation Row(const std::string& key, const std::string& family = "f") {
    return {key, {SetCell{family, "q", 1000, "value"}}};
  }
  Status Rebuild() {
    ASSIGN_OR_RETURN(const auto logs, ListPosixLogs(&fs_, "/cell"));
    return RebuildMetadata(store_.get(), &clock_, faults_, logs);
  }
  // A server that was killed with a row in its log only, and an old row of METADATA too.
  void MakeCell(const std::string& end_of_first) {
    ASSERT_OK_AND_ASSIGN(auto engine, Open("ts-1.7"));
    ASSERT_OK(engine->CreateTablet(RootTabletDescriptor(), MetadataSchema(), 1));
    ASSERT_OK(engine->CreateTablet(FirstMetadataTabletDescriptor(), MetadataSchema(), 1));
    ASSERT_OK(engine->CreateTablet(CatalogTabletDescriptor(), CatalogSchema(), 1));
    ASSERT_OK(engine->CreateTablet({30, kTable, "", end_of_first}, Schema(), 1));
    ASSERT_OK(engine->CreateTablet({31, kTable, "m", ""}, Schema(), 1));
    ASSERT_OK_AND_ASSIGN(auto tablet, engine->OpenTablet(30, 4));
    ASSERT_OK(tablet->WriteSync(Row("a")));
    ASSERT_OK_AND_ASSIGN(auto metadata, engine->OpenTablet(kFirstMetadataTablet, 9));
    ASSERT_OK(metadata->WriteSync(Row(MetadataRowKey(kTable, "stale"), kSystemFamily)));
  }
  // "key=value " of each row.
  std::string RowsOf(storage::Engine* engine, TabletId tablet) {
    class Sink : public storage::RowSink {
     public:
      void StartRow(Slice row) override { text += std::string(row); }
      void AddCell(Slice, Slice, int64_t, Slice value) override {
        this->value = std::string(value);
      }
      bool EndRow() override {
        auto location = DecodeTabletLocation(value);
        absl::StrAppend(&text, "=",
                        location.ok() ? absl::StrCat("tablet ", location->tablet.id) : value, " ");
        return true;
      }
      std::string text, value;
    } sink;
    auto store = engine->OpenTablet(tablet, /*epoch=*/20);
    EXPECT_OK(store.status());
    if (store.ok()) EXPECT_OK((*store)->Read(RowRange(), storage::ReadOptions(), &sink).status());
    return sink.text;
  }

  FaultFs fs_;
  ManualClock clock_;
  std::unique_ptr<BlobStore> store_;
  ScriptedFaults scripted_;
  FaultInjector* faults_ = &scripted_;
};

TEST_F(RebuildMetadataTest, WhatIsLostComesBackAndLogsAreRecovered) {
  MakeCell("m");
  for (int again = 0; again < 2; ++again) {
    ASSERT_OK(Rebuild());
    clock_.AdvanceMillis(1);
  }
  ASSERT_OK_AND_ASSIGN(auto engine, Open("ts-1.8"));
  EXPECT_EQ(RowsOf(engine.get(), kRootTablet), MetadataRowKey(kMetadataTable, "") + "=tablet 2 ");
  EXPECT_EQ(
      RowsOf(engine.get(), kFirstMetadataTablet),
      MetadataRowKey(kTable, "m") + "=tablet 30 " + MetadataRowKey(kTable, "") + "=tablet 31 ");
  EXPECT_EQ(RowsOf(engine.get(), 30), "a=value ") << "it was in the log only";
}

TEST_F(RebuildMetadataTest, ManyTabletsOfMetadataBecomeOne) {
  MakeCell("m");
  const TabletId child = kSystemTabletBit | 40;
  {
    ASSERT_OK_AND_ASSIGN(auto engine, Open("ts-1.8"));
    ASSERT_OK(engine->RecoverLog("ts-1.7"));
    ASSERT_OK(engine->OpenTablet(kFirstMetadataTablet, 10).status());
    ASSERT_OK(engine->SplitTablet(kFirstMetadataTablet, child, MetadataRowKey(kTable, "g")));
  }
  ASSERT_OK(Rebuild());
  EXPECT_TRUE(IsNotFound(storage::ReadManifest(store_.get(), child).status()));
  ASSERT_OK_AND_ASSIGN(auto engine, Open("ts-1.9"));
  EXPECT_EQ(RowsOf(engine.get(), kRootTablet), MetadataRowKey(kMetadataTable, "") + "=tablet 2 ");
  EXPECT_EQ(
      RowsOf(engine.get(), kFirstMetadataTablet),
      MetadataRowKey(kTable, "m") + "=tablet 30 " + MetadataRowKey(kTable, "") + "=tablet 31 ");
}

TEST_F(RebuildMetadataTest, WhatWasCutOffIsDoneAgain) {
  MakeCell("m");
  ASSERT_OK(store_->DeleteCell(storage::ManifestCellName(kRootTablet), 1));
  ASSERT_OK(Rebuild());
  ASSERT_OK(store_->ReadCell(storage::ManifestCellName(kRootTablet)).status());
}

constexpr const char* kSteps[] = {"before_delete", "after_deletes", "before_recover",
                                  "after_logs",    "before_root",   "after_root"};

TEST_F(RebuildMetadataTest, TheStepsAreAllThatThereAre) {
  MakeCell("m");
  ASSERT_OK(Rebuild());
  std::set<std::string> steps, passed;
  for (const char* step : kSteps) steps.insert(absl::StrCat("rebuild_metadata.", step));
  for (const auto& [point, hits] : scripted_.AllHits()) {
    if (point.rfind("rebuild_metadata.", 0) == 0) passed.insert(point);
  }
  EXPECT_EQ(passed, steps);
}

class CutRebuildTest : public RebuildMetadataTest,
                       public ::testing::WithParamInterface<std::tuple<const char*, uint64_t>> {};

// The power goes at the step: what is on the disk then is rebuilt from, to the same rows.
TEST_P(CutRebuildTest, IsDoneAgainFromTheBeginning) {
  const auto [step, seed] = GetParam();
  MakeCell("m");
  bool cut = false;
  scripted_.RunAt(absl::StrCat("rebuild_metadata.", step), 1, [&] {
    cut = true;
    fs_.CutPower();
    return absl::InternalError("cut");
  });
  EXPECT_FALSE(Rebuild().ok());
  ASSERT_TRUE(cut);
  store_.reset();
  fs_.Restart(seed);
  clock_.AdvanceMillis(1);
  ASSERT_OK_AND_ASSIGN(store_, OpenPosixStore(&fs_, "/cell", /*create=*/false));
  ASSERT_OK(Rebuild());
  ASSERT_OK_AND_ASSIGN(auto engine, Open("ts-1.8"));
  EXPECT_EQ(RowsOf(engine.get(), kRootTablet), MetadataRowKey(kMetadataTable, "") + "=tablet 2 ");
  EXPECT_EQ(
      RowsOf(engine.get(), kFirstMetadataTablet),
      MetadataRowKey(kTable, "m") + "=tablet 30 " + MetadataRowKey(kTable, "") + "=tablet 31 ");
  EXPECT_EQ(RowsOf(engine.get(), 30), "a=value ") << "it was in the log only";
}

INSTANTIATE_TEST_SUITE_P(Steps, CutRebuildTest,
                         ::testing::Combine(::testing::ValuesIn(kSteps),
                                            ::testing::Values(0, 1, 7, 8)));

TEST_F(RebuildMetadataTest, NothingIsTouchedWhenRowsAreMissing) {
  MakeCell("g");
  EXPECT_STATUS(kFailedPrecondition, "begins after \"m\"", Rebuild());
  ASSERT_OK_AND_ASSIGN(auto metadata, storage::ReadManifest(store_.get(), kFirstMetadataTablet));
  EXPECT_EQ(metadata.manifest.epoch, 9u);
}

TEST_F(RebuildMetadataTest, WithoutACatalogItIsRefused) {
  EXPECT_STATUS(kFailedPrecondition, "catalog", Rebuild());
}

}  // namespace
}  // namespace stele::deploy
