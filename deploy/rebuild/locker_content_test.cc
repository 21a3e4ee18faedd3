// Goal: from the store of a cell alone, the Locker gets back its key, the places of root and
// catalog under epochs that are not behind, every log that is not recovered and a term above all;
// nothing is written while somebody lives or into another cell, and what was cut off is done again.
#include "deploy/rebuild/locker_content.h"

#include <gtest/gtest.h>

#include "common/store/fs.h"
#include "common/store/posix_log_store.h"
#include "common/testing/fault_fs.h"
#include "common/testing/manual_clock.h"
#include "common/testing/status_asserts.h"
#include "deploy/cell/store_owner.h"
#include "locker/cell_key.h"
#include "locker/embedded/embedded_locker.h"
#include "locker/server_node.h"
#include "master/catalog/revision.h"
#include "tabletserver/storage/engine.h"

namespace stele::deploy {
namespace {

constexpr char kKey[] = "0123456789abcdef";
constexpr Epoch kRootEpoch = 6;
constexpr uint64_t kTerm = 41;

class LockerContentTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(store_, OpenPosixStore(&fs_, "/cell", /*create=*/true));
    ASSERT_OK_AND_ASSIGN(lockers_, OpenPosixStore(&fs_, "/locker", /*create=*/true));
    ASSERT_OK_AND_ASSIGN(locker_, OpenEmbeddedLocker(lockers_.get(), &clock_, {10'000'000'000}));
    ASSERT_OK_AND_ASSIGN(session_, locker_->OpenSession("test"));
  }

  // What a tablet server of the cell has left: system tablets, a row of a master of kTerm, a log.
  void MakeCell() {
    ASSERT_OK(ClaimForProcesses(store_.get(), kKey, false));
    storage::EngineOptions options;
    options.log.segment_bytes = 64u << 10;
    options.maintenance_threads = 0;
    storage::EngineEnv env;
    env.store = store_.get();
    env.clock = &clock_;
    env.server_id = "ts-1.7";
    ASSERT_OK_AND_ASSIGN(auto engine, storage::Engine::Open(options, env));
    ASSERT_OK(engine->CreateTablet(RootTabletDescriptor(), MetadataSchema(), 1));
    ASSERT_OK(engine->CreateTablet(CatalogTabletDescriptor(), CatalogSchema(), 1));
    ASSERT_OK_AND_ASSIGN(auto root, engine->OpenTablet(kRootTablet, kRootEpoch));
    master::Revision revision(kTerm);
    RowMutation row;
    row.row = MetadataRowKey(kMetadataTable, "");
    row.mutations.push_back(
        SetCell{kSystemFamily, kLocationQualifier, revision.NextTimestamp(), "x"});
    ASSERT_OK(root->WriteSync(row));
    ASSERT_OK(root->Flush());
    root.reset();
  }
  std::vector<std::string> Logs() {
    auto logs = ListPosixLogs(&fs_, "/cell");
    EXPECT_OK(logs.status());
    return logs.value_or(std::vector<std::string>());
  }
  std::string At(const std::string& path) {
    auto value = session_->Get(path);
    return value.ok() ? value->value : "none";
  }

  FaultFs fs_;
  ManualClock clock_;
  std::unique_ptr<BlobStore> store_, lockers_;
  std::unique_ptr<Locker> locker_;
  std::unique_ptr<LockerSession> session_;
};

TEST_F(LockerContentTest, AnEmptyLockerGetsEverythingBack) {
  MakeCell();
  ASSERT_OK_AND_ASSIGN(const LockerContent content, ReadLockerContent(store_.get(), Logs()));
  EXPECT_EQ(content.cell_key, kKey);
  EXPECT_EQ(content.logs, std::vector<std::string>{"ts-1.7"});
  EXPECT_GT(content.master_term, kTerm);
  ASSERT_OK_AND_ASSIGN(const auto plan, PlanLockerContent(session_.get(), content));
  ASSERT_EQ(plan.size(), 5u);
  EXPECT_EQ(plan[0], "write /logs/ts-1.7: log to recover");
  EXPECT_EQ(plan[1], "write /root: tablet 1 of epoch 6");
  EXPECT_EQ(plan[4], "write /cell/key: the cell's key") << "last";
  EXPECT_EQ(At(kRootPath), "none") << "a plan changes nothing";

  ASSERT_OK(WriteLockerContent(store_.get(), session_.get(), content));
  EXPECT_EQ(At(kCellKeyPath), kKey);
  EXPECT_EQ(At(absl::StrCat(kLogsPath, "/ts-1.7")), "");
  ASSERT_OK_AND_ASSIGN(const TabletLocation root, DecodeTabletLocation(At(kRootPath)));
  EXPECT_EQ(root.tablet, RootTabletDescriptor());
  EXPECT_EQ(root.epoch, kRootEpoch);
  EXPECT_EQ(root.assignment, TabletAssignment::kAssigned);
  EXPECT_EQ(root.server_id, "");
  EXPECT_EQ(At(kMasterTermPath), absl::StrCat(content.master_term));
  // Whoever gets the number of an old incarnation does not take its log for its own.
  EXPECT_STATUS(kAborted, "", store_->OpenLog("ts-1.7").status());
  ASSERT_OK_AND_ASSIGN(const auto nothing, PlanLockerContent(session_.get(), content));
  EXPECT_TRUE(nothing.empty());
}

TEST_F(LockerContentTest, WhatAMasterMadeOnAnEmptyLockerIsReplaced) {
  MakeCell();
  ASSERT_OK(CellKey(session_.get()).status());
  TabletLocation fresh;
  fresh.tablet = RootTabletDescriptor();
  fresh.assignment = TabletAssignment::kCreating;
  ASSERT_OK(session_->Create(kRootPath, EncodeTabletLocation(fresh)));
  ASSERT_OK(session_->Create(kMasterTermPath, "1"));
  ASSERT_OK_AND_ASSIGN(const LockerContent content, ReadLockerContent(store_.get(), Logs()));
  ASSERT_OK(WriteLockerContent(store_.get(), session_.get(), content));
  EXPECT_EQ(At(kCellKeyPath), kKey);
  EXPECT_EQ(At(kMasterTermPath), absl::StrCat(content.master_term));
  ASSERT_OK_AND_ASSIGN(const TabletLocation root, DecodeTabletLocation(At(kRootPath)));
  EXPECT_EQ(root.epoch, kRootEpoch);
}

TEST_F(LockerContentTest, WhatIsRightStays) {
  MakeCell();
  ASSERT_OK_AND_ASSIGN(const LockerContent content, ReadLockerContent(store_.get(), Logs()));
  TabletLocation later = content.roots[0];
  later.epoch = kRootEpoch + 3;
  later.server_id = "ts-2";
  ASSERT_OK(session_->Create(kCellKeyPath, kKey));
  ASSERT_OK(session_->Create(kRootPath, EncodeTabletLocation(later)));
  ASSERT_OK(session_->Create(kMasterTermPath, "44"));
  ASSERT_OK(WriteLockerContent(store_.get(), session_.get(), content));
  EXPECT_EQ(At(kRootPath), EncodeTabletLocation(later));
  EXPECT_EQ(At(kMasterTermPath), "44");
  EXPECT_EQ(At(kCatalogPath), EncodeTabletLocation(content.roots[1]));
}

TEST_F(LockerContentTest, NothingIsWrittenIntoACellThatLivesOrIsAnother) {
  MakeCell();
  ASSERT_OK_AND_ASSIGN(const LockerContent content, ReadLockerContent(store_.get(), Logs()));
  TabletLocation others = content.roots[0];
  others.server_id = "ts-9";
  ASSERT_OK(session_->Create(kCellKeyPath, "fedcba9876543210"));
  ASSERT_OK(session_->Create(kRootPath, EncodeTabletLocation(others)));
  EXPECT_STATUS(kFailedPrecondition, "another key",
                WriteLockerContent(store_.get(), session_.get(), content));
  for (const std::string& path :
       {std::string(kMasterLockPath), absl::StrCat(kServerLocksPath, "/ts-1"),
        absl::StrCat(kServersPath, "/ts-1"), absl::StrCat(kMastersPath, "/127.0.0.1:1")}) {
    ASSERT_OK_AND_ASSIGN(auto alive, locker_->OpenSession("alive"));
    if (path == kMasterLockPath) ASSERT_OK(alive->TryLock(path, "m").status());
    if (path != kMasterLockPath) ASSERT_OK(alive->CreateEphemeral(path, "x").status());
    EXPECT_STATUS(kFailedPrecondition, "stop masters and servers",
                  PlanLockerContent(session_.get(), content).status())
        << path;
  }
  EXPECT_EQ(At(kCatalogPath), "none");
}

TEST_F(LockerContentTest, AStoreThatIsNotOfSuchACellIsRefused) {
  EXPECT_STATUS(kFailedPrecondition, "no cell of several processes",
                ReadLockerContent(store_.get(), Logs()).status());
  ASSERT_OK(ClaimForProcesses(store_.get(), kKey, false));
  EXPECT_STATUS(kFailedPrecondition, "no manifest",
                ReadLockerContent(store_.get(), Logs()).status());
}

TEST_F(LockerContentTest, ALogThatIsSealedAndDroppedIsRecovered) {
  MakeCell();
  ASSERT_OK(store_->SealLog("ts-1.7"));
  ASSERT_OK_AND_ASSIGN(const LockerContent sealed, ReadLockerContent(store_.get(), Logs()));
  EXPECT_EQ(sealed.logs.size(), 1u);
  ASSERT_OK(store_->DropSealedLog("ts-1.7"));
  ASSERT_OK_AND_ASSIGN(const LockerContent dropped, ReadLockerContent(store_.get(), Logs()));
  EXPECT_TRUE(dropped.logs.empty());
}

}  // namespace
}  // namespace stele::deploy
