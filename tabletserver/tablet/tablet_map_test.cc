// Goal: a tablet goes through its states on the real engine: open, reopened under a later epoch,
// closed, dropped; orders of a past epoch do nothing; a stuck log is noticed.
#include "tabletserver/tablet/tablet_map.h"

#include <gtest/gtest.h>

#include "common/testing/fault_fs.h"
#include "common/testing/manual_clock.h"
#include "common/testing/status_asserts.h"
#include "schema/convert/error_payload.h"
#include "tabletserver/storage/manifest/manifest.h"
#include "tabletserver/tablet/exit_code.h"
#include "tabletserver/tablet/progress_watch.h"

namespace stele::tabletserver {
namespace {

constexpr TabletId kTablet = 20;

class TabletMapTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(store_, OpenPosixStore(&fs_, "/cell", true));
    storage::EngineOptions options;
    options.log.segment_bytes = 64 * 1024;
    options.maintenance_threads = 0;
    storage::EngineEnv env;
    env.store = store_.get();
    env.clock = &clock_;
    env.server_id = "ts-1";
    env.lease_check = [] { return OkStatus(); };
    env.on_fatal = [](const Status&) {};
    ASSERT_OK_AND_ASSIGN(engine_, storage::Engine::Open(options, env));
    map_ = std::make_unique<TabletMap>(engine_.get(), store_.get());
  }

  wire::OpenTabletRequest OpenRequest(Epoch epoch, bool create) {
    wire::OpenTabletRequest request{kTablet, epoch, std::nullopt};
    if (!create) return request;
    wire::NewTablet fresh;
    fresh.descriptor = {kTablet, 16, "", "m"};
    fresh.schema.name = "t";
    fresh.schema.id = 16;
    fresh.schema.version = 1;
    fresh.schema.next_family_id = 2;
    FamilySchema family;
    family.name = "f";
    family.id = 1;
    fresh.schema.families.push_back(family);
    fresh.schema.groups.emplace_back().name = "default";
    request.create = fresh;
    return request;
  }

  FaultFs fs_;
  ManualClock clock_;
  std::unique_ptr<BlobStore> store_;
  std::unique_ptr<storage::Engine> engine_;
  std::unique_ptr<TabletMap> map_;
};

TEST_F(TabletMapTest, MakesOpensAndFindsATablet) {
  auto missing = map_->Find(kTablet);
  EXPECT_TRUE(wire::IsNotServed(missing.status()));
  ASSERT_OK(map_->Open(OpenRequest(1, true)));
  ASSERT_OK(map_->Open(OpenRequest(1, true)));  // again: nothing to do
  ASSERT_OK_AND_ASSIGN(auto tablet, map_->Find(kTablet));
  EXPECT_EQ(tablet->descriptor().end_row, "m");
  ASSERT_OK(tablet->WriteSync({"a", {SetCell{"f", "q", 1000, "x"}}}));
  const auto reports = map_->Report();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].state, wire::TabletState::kOpen);
  EXPECT_EQ(reports[0].epoch, 1u);
  EXPECT_EQ(reports[0].schema_version, 1u);
}

TEST_F(TabletMapTest, OrdersOfAPastEpochDoNothing) {
  ASSERT_OK(map_->Open(OpenRequest(5, true)));
  EXPECT_STATUS(kAborted, "epoch 4", map_->Open(OpenRequest(4, false)));
  EXPECT_STATUS(kAborted, "epoch 4", map_->Close({kTablet, 4, true}));
  EXPECT_STATUS(kAborted, "epoch 4", map_->Alter(kTablet, 4, TableSchema()));
  ASSERT_OK(map_->Find(kTablet, 5).status());
}

TEST_F(TabletMapTest, ALaterEpochReopensWithoutLoss) {
  ASSERT_OK(map_->Open(OpenRequest(1, true)));
  ASSERT_OK_AND_ASSIGN(auto tablet, map_->Find(kTablet));
  ASSERT_OK(tablet->WriteSync({"a", {SetCell{"f", "q", 1000, "x"}}}));
  tablet.reset();
  ASSERT_OK(map_->Open(OpenRequest(2, false)));
  ASSERT_OK_AND_ASSIGN(auto manifest, storage::ReadManifest(store_.get(), kTablet));
  EXPECT_EQ(manifest.manifest.epoch, 2u);
  EXPECT_EQ(manifest.manifest.files.size(), 1u);
}

TEST_F(TabletMapTest, AFailedOpenKeepsItsReasonUntilTheNext) {
  EXPECT_FALSE(map_->Open(OpenRequest(1, false)).ok());  // there is no manifest
  auto reports = map_->Report();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].state, wire::TabletState::kFailed);
  EXPECT_STATUS(kNotFound, "tablet 20", reports[0].error);
  EXPECT_TRUE(wire::IsNotServed(map_->Find(kTablet).status()));
  ASSERT_OK(map_->Open(OpenRequest(1, true)));
  EXPECT_EQ(map_->Report()[0].state, wire::TabletState::kOpen);
}

TEST_F(TabletMapTest, ClosesAndDrops) {
  ASSERT_OK(map_->Open(OpenRequest(3, true)));
  EXPECT_STATUS(kFailedPrecondition, "open", map_->Drop(kTablet, 4));
  ASSERT_OK(map_->Close({kTablet, 4, /*flush=*/false}));
  ASSERT_OK(map_->Close({kTablet, 4, /*flush=*/false}));
  EXPECT_EQ(map_->size(), 0u);
  EXPECT_STATUS(kAborted, "epoch 2", map_->Drop(kTablet, 2));
  ASSERT_OK(map_->Drop(kTablet, 4));
  ASSERT_OK(map_->Drop(kTablet, 4));
  EXPECT_STATUS(kNotFound, "", storage::ReadManifest(store_.get(), kTablet));
}

TEST_F(TabletMapTest, AltersOnlyForward) {
  ASSERT_OK(map_->Open(OpenRequest(1, true)));
  TableSchema schema = OpenRequest(1, true).create->schema;
  FamilySchema family;
  family.name = "g";
  family.id = schema.next_family_id++;
  schema.families.push_back(family);
  schema.version = 2;
  ASSERT_OK(map_->Alter(kTablet, 1, schema));
  schema.version = 1;
  ASSERT_OK(map_->Alter(kTablet, 1, schema));
  EXPECT_EQ(map_->Report()[0].schema_version, 2u);
  EXPECT_TRUE(wire::IsNotServed(map_->Alter(kTablet + 1, 1, schema)));
}

TEST(ProgressWatch, OnlyAStandingQueueIsStuck) {
  ManualClock clock;
  ProgressWatch watch(&clock, 5'000'000'000);
  clock.AdvanceMillis(60'000);
  ASSERT_OK(watch.Check());  // idle
  watch.Begin();
  ASSERT_OK(watch.Check());
  clock.AdvanceMillis(4'000);
  watch.Begin();
  watch.End();
  ASSERT_OK(watch.Check());  // slow, but it moves
  clock.AdvanceMillis(4'999);
  ASSERT_OK(watch.Check());
  clock.AdvanceMillis(1);
  EXPECT_STATUS(kDeadlineExceeded, "5000 ms", watch.Check());
  watch.End();
  ASSERT_OK(watch.Check());
  EXPECT_EQ(watch.in_flight(), 0u);
}

TEST(ExitCode, SaysWhyAServerEnded) {
  EXPECT_EQ(ExitCodeForFatal(OkStatus()), ExitCode::kOk);
  EXPECT_EQ(ExitCodeForFatal(FencedError("x")), ExitCode::kFenced);
  EXPECT_EQ(ExitCodeForFatal(absl::DeadlineExceededError("x")), ExitCode::kStorageStalled);
  EXPECT_EQ(ExitCodeForFatal(absl::InternalError("x")), ExitCode::kStorageError);
  EXPECT_EQ(ExitCodeForStart(absl::FailedPreconditionError("x")), ExitCode::kBadConfiguration);
  EXPECT_EQ(ExitCodeForStart(absl::PermissionDeniedError("x")), ExitCode::kBadConfiguration);
  EXPECT_EQ(ExitCodeForStart(absl::UnknownError("x")), ExitCode::kLockerAway);
  EXPECT_EQ(ExitCodeForStart(absl::UnavailableError("x")), ExitCode::kNotFree);
  EXPECT_EQ(ExitCodeForStart(absl::AlreadyExistsError("x")), ExitCode::kNotFree);
  EXPECT_EQ(ExitCodeForStart(absl::InvalidArgumentError("x")), ExitCode::kBadConfiguration);
  EXPECT_EQ(ExitCodeForStart(FencedError("x")), ExitCode::kFenced);
  EXPECT_EQ(ExitCodeForStart(OkStatus()), ExitCode::kOk);
  EXPECT_EQ(ExitCodeForStart(CorruptError("x")), ExitCode::kStorageError);
}

}  // namespace
}  // namespace stele::tabletserver
