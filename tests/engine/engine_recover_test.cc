// Goal: the log of a server that died, or only hangs, is sorted into SSTables by another: nothing
// acknowledged is lost, whatever is cut off or done twice, and what hangs acknowledges no more.
#include <gtest/gtest.h>

#include "common/base/log.h"
#include "common/testing/status_asserts.h"
#include "tabletserver/storage/manifest/manifest.h"
#include "tests/engine/engine_harness.h"

namespace stele::storage {
namespace {

constexpr char kDead[] = "ts-1.7";
constexpr int kRows = 40;

// One server of several on a disk; each has a store of its own, as a process would.
class Server {
 public:
  Server(FaultFs* fs, Clock* clock, std::string name, uint32_t maintenance_threads = 0)
      : name_(std::move(name)) {
    options_.maintenance_threads = maintenance_threads;
    env_.clock = clock;
    env_.faults = &faults_;
    env_.random = &random_;
    env_.server_id = name_;
    env_.lease_check = [this] { return lease; };
    env_.on_fatal = [this](const Status& status) { fatal.push_back(status); };
    Status opened = Open(fs);
    EXPECT_OK(opened);
  }

  Status Open(FaultFs* fs) {
    ASSIGN_OR_RETURN(store_, OpenPosixStore(fs, "/cell", true));
    env_.store = store_.get();
    ASSIGN_OR_RETURN(engine, Engine::Open(options_, env_));
    return OkStatus();
  }

  StatusOr<std::string> Rows(Epoch epoch, TabletId id = kTestTablet) {
    ASSIGN_OR_RETURN(auto tablet, engine->OpenTablet(id, epoch));
    RowCollector rows;
    RETURN_IF_ERROR(tablet->Read({}, {}, &rows).status());
    return ShowRows(rows.rows);
  }

  ScriptedFaults& faults() { return faults_; }
  BlobStore* store() { return store_.get(); }

 private:
  const std::string name_;
  EngineOptions options_ = TinyEngineOptions();
  ScriptedFaults faults_;
  CountedRandom random_;
  EngineEnv env_;
  std::unique_ptr<BlobStore> store_;

 public:
  Status lease;
  std::vector<Status> fatal;
  std::unique_ptr<Engine> engine;
};

class RecoverTest : public ::testing::Test {
 protected:
  RecoverTest() { SetMinLogLevel(LogLevel::kOff); }

  // The server writes rows, some of them flushed; returns what is to be found.
  std::string Fill(Server* server) {
    EXPECT_OK(server->engine->CreateTablet(TestTablet(), TinySchema(), 1));
    auto tablet = server->engine->OpenTablet(kTestTablet, 1);
    EXPECT_OK(tablet);
    tablet_ = *tablet;
    std::string expected;
    for (int i = 0; i < kRows; ++i) {
      const std::string row = absl::StrCat("row-", 100 + i);
      EXPECT_OK(tablet_->WriteSync(Put(row, "a", "q", 1000, absl::StrCat("v", i))));
      if (i == kRows / 4) EXPECT_OK(tablet_->Flush());
      absl::StrAppend(&expected, row, " a:q@1000=v", i, "\n");
    }
    return expected;
  }

  ManualClock clock_;
  FaultFs fs_{&clock_};
  std::shared_ptr<TabletStore> tablet_;
};

TEST_F(RecoverTest, AnotherServerTakesOverWhatAHangingOneHad) {
  Server hanging(&fs_, &clock_, kDead);
  const std::string expected = Fill(&hanging);
  Server other(&fs_, &clock_, "ts-2.9");
  hanging.lease = FencedError("the lease is over");
  ASSERT_OK(other.engine->RecoverLog(kDead));
  ASSERT_OK_AND_ASSIGN(std::string found, other.Rows(2));
  EXPECT_EQ(found, expected);
  // It comes to itself: nothing is acknowledged, nothing of it is seen.
  EXPECT_FALSE(tablet_->WriteSync(Put("late", "a", "q", 1000, "x")).ok());
  EXPECT_FALSE(tablet_->Flush().ok());
  EXPECT_EQ(hanging.fatal.size(), 1u);
  ASSERT_OK(other.engine->CloseTablet(kTestTablet, true));
  ASSERT_OK_AND_ASSIGN(found, other.Rows(3));
  EXPECT_EQ(found, expected);
  ASSERT_OK(other.engine->RecoverLog(kDead)) << "again: nothing to do";
  tablet_.reset();
  hanging.engine.reset();
  EXPECT_STATUS(kAborted, "sealed", hanging.Open(&fs_)) << "its log is nobody's any more";
}

TEST_F(RecoverTest, WhatTheHangingServerWritesMeanwhileDoesNoHarm) {
  Server hanging(&fs_, &clock_, kDead);
  const std::string expected = Fill(&hanging);
  Server other(&fs_, &clock_, "ts-2.9");
  hanging.lease = FencedError("the lease is over");
  const uint64_t hit = other.faults().hits("recovery.list") + 1;
  bool written = false;
  other.faults().RunAt("recovery.list", hit, [&] {
    written = true;
    EXPECT_FALSE(tablet_->WriteSync(Put("late", "a", "q", 1000, "never acknowledged")).ok());
    return OkStatus();
  });
  Status recovered = other.engine->RecoverLog(kDead);
  EXPECT_TRUE(written);
  if (!recovered.ok()) recovered = other.engine->RecoverLog(kDead);
  ASSERT_OK(recovered);
  ASSERT_OK_AND_ASSIGN(std::string found, other.Rows(2));
  EXPECT_EQ(found.substr(found.find("row-")), expected);
}

TEST_F(RecoverTest, EachStepMayFailAndBeDoneAgain) {
  for (const char* point : {"recovery.sealed", "recovery.list", "recovery.replay_mid",
                            "recovery.flush_recovered", "recovery.before_drop"}) {
    SCOPED_TRACE(point);
    FaultFs fs(&clock_);
    auto dead = std::make_unique<Server>(&fs, &clock_, kDead);
    const std::string expected = Fill(dead.get());
    tablet_.reset();
    dead.reset();
    Server other(&fs, &clock_, "ts-2.9");
    const uint64_t hit = other.faults().hits(point) + 1;  // its own log was opened before
    other.faults().RunAt(point, hit, [] { return absl::InternalError("injected"); });
    EXPECT_STATUS(kInternal, "injected", other.engine->RecoverLog(kDead));
    EXPECT_EQ(other.faults().hits(point), hit);
    ASSERT_OK(other.engine->RecoverLog(kDead));
    ASSERT_OK_AND_ASSIGN(std::string found, other.Rows(2));
    EXPECT_EQ(found, expected);
  }
}

TEST_F(RecoverTest, TwoRecoverersAtOnceMakeItOnce) {
  auto dead = std::make_unique<Server>(&fs_, &clock_, kDead);
  const std::string expected = Fill(dead.get());
  tablet_.reset();
  dead.reset();
  Server slow(&fs_, &clock_, "ts-2.9");
  Server fast(&fs_, &clock_, "ts-3.4");
  slow.faults().RunAt("recovery.flush_recovered", 1, [&] {
    EXPECT_STATUS(kUnavailable, "already", slow.engine->RecoverLog(kDead)) << "of one server";
    return fast.engine->RecoverLog(kDead);
  });
  EXPECT_STATUS(kUnavailable, "changed during", slow.engine->RecoverLog(kDead));
  ASSERT_OK(slow.engine->RecoverLog(kDead));
  ASSERT_OK_AND_ASSIGN(std::string found, fast.Rows(2));
  EXPECT_EQ(found, expected);
  ASSERT_OK_AND_ASSIGN(auto manifest, ReadManifest(fast.store(), kTestTablet));
  EXPECT_EQ(manifest.manifest.files.size(), 2u) << "the flushed one, and one of the recovery";
}

TEST_F(RecoverTest, ARecovererWithoutLeaseChangesNothing) {
  auto dead = std::make_unique<Server>(&fs_, &clock_, kDead);
  const std::string expected = Fill(dead.get());
  tablet_.reset();
  dead.reset();
  {
    Server other(&fs_, &clock_, "ts-2.9");
    other.faults().RunAt("recovery.flush_recovered", 1, [&] {
      other.lease = FencedError("the lease is over");
      return OkStatus();
    });
    EXPECT_STATUS(kUnavailable, "lease", other.engine->RecoverLog(kDead));
    EXPECT_EQ(other.fatal.size(), 1u);
  }
  Server third(&fs_, &clock_, "ts-3.1");
  EXPECT_STATUS(kInvalidArgument, "own", third.engine->RecoverLog("ts-3.1"));
  ASSERT_OK(third.engine->RecoverLog("ts-9.9")) << "of a server that never wrote";
  ASSERT_OK(third.engine->RecoverLog(kDead));
  ASSERT_OK_AND_ASSIGN(std::string found, third.Rows(2));
  EXPECT_EQ(found, expected);
}

TEST_F(RecoverTest, SurvivesAPowerCutAtEveryCall) {
  FaultFs before(&clock_);
  std::string expected;
  {
    Server dead(&before, &clock_, kDead);
    expected = Fill(&dead);
    tablet_.reset();
  }
  bool reached = true;
  uint64_t cuts = 0;
  for (uint64_t call = 1; reached; ++call) {
    std::unique_ptr<FaultFs> fs = before.Image(0);
    {
      Server other(fs.get(), &clock_, "ts-2.9");
      fs->InjectAt(fs->calls() + call, FaultFs::Fault::kPowerCutAfter);
      Status cut = other.engine->RecoverLog(kDead);
      reached = fs->power_is_off();
      cuts += reached ? 1 : 0;
      EXPECT_TRUE(reached || cut.ok()) << cut.ToString();
    }
    for (uint64_t image = 0; image < 3; ++image) {
      SCOPED_TRACE(absl::StrCat("call ", call, ", image ", image));
      std::unique_ptr<FaultFs> after = fs->Image(image);
      Server third(after.get(), &clock_, "ts-3.1");
      ASSERT_OK(third.engine->RecoverLog(kDead));
      ASSERT_OK_AND_ASSIGN(std::string found, third.Rows(2));
      ASSERT_EQ(found, expected);
    }
  }
  EXPECT_GT(cuts, 15u);
}

// The system's tablets may be recovered alone, opened and changed, before the rest is.
class SystemFirstTest : public RecoverTest {
 protected:
  static constexpr TabletId kSystem = kSystemTabletBit | 40;

  void SetUp() override {
    Server dead(&fs_, &clock_, kDead);
    expected_ = Fill(&dead);
    TabletDescriptor descriptor = TestTablet();
    descriptor.id = kSystem;
    ASSERT_OK(dead.engine->CreateTablet(descriptor, TinySchema(), 1));
    ASSERT_OK_AND_ASSIGN(auto tablet, dead.engine->OpenTablet(kSystem, 1));
    ASSERT_OK(tablet->WriteSync(Put("row", "a", "q", 1000, "old")));
    tablet_.reset();
  }
  std::string expected_;
};

TEST_F(SystemFirstTest, TheirTabletsServeWhileTheRestIsStillInTheLog) {
  Server other(&fs_, &clock_, "ts-2.9");
  for (int again = 0; again < 2; ++again) ASSERT_OK(other.engine->RecoverLog(kDead, true));
  ASSERT_OK_AND_ASSIGN(auto tablet, other.engine->OpenTablet(kSystem, 2));
  ASSERT_OK(tablet->WriteSync(Put("row", "a", "q", 2000, "new")));
  ASSERT_OK(tablet->Flush());
  ASSERT_OK(other.engine->RecoverLog(kDead));
  ASSERT_OK_AND_ASSIGN(std::string found, other.Rows(2));
  EXPECT_EQ(found, expected_);
  tablet.reset();
  ASSERT_OK(other.engine->CloseTablet(kSystem, true));
  ASSERT_OK_AND_ASSIGN(found, other.Rows(3, kSystem));
  EXPECT_EQ(found, "row a:q@2000=new\nrow a:q@1000=old\n");
}

TEST_F(SystemFirstTest, EachStepMayFailAndBeDoneAgain) {
  for (const char* point : {"recovery.sealed", "recovery.list", "recovery.replay_mid",
                            "recovery.flush_recovered", "recovery.system_done"}) {
    std::unique_ptr<FaultFs> fs = fs_.Image(0);
    Server other(fs.get(), &clock_, "ts-2.9");
    other.faults().FailAt(point, other.faults().hits(point) + 1, absl::InternalError("injected"));
    EXPECT_STATUS(kInternal, "injected", other.engine->RecoverLog(kDead, true)) << point;
    Server third(fs.get(), &clock_, "ts-3.1");
    ASSERT_OK(third.engine->RecoverLog(kDead, true)) << point;
    ASSERT_OK_AND_ASSIGN(std::string found, third.Rows(2, kSystem));
    EXPECT_EQ(found, "row a:q@1000=old\n");
    ASSERT_OK(third.engine->RecoverLog(kDead));
    ASSERT_OK_AND_ASSIGN(found, third.Rows(2));
    EXPECT_EQ(found, expected_);
  }
}

// A server with threads of its own writes several tablets at once.
class ManyTabletsTest : public RecoverTest {
 protected:
  static constexpr TabletId kTablets = 20;

  void SetUp() override {
    Server dead(&fs_, &clock_, kDead);
    for (TabletId i = 0; i < kTablets; ++i) {
      TabletDescriptor descriptor = TestTablet();
      descriptor.id = kTestTablet + i;
      ASSERT_OK(dead.engine->CreateTablet(descriptor, TinySchema(), 1));
      ASSERT_OK_AND_ASSIGN(auto tablet, dead.engine->OpenTablet(descriptor.id, 1));
      ASSERT_OK(tablet->WriteSync(Put("row", "a", "q", 1000, absl::StrCat("of ", i))));
    }
  }
  static void ExpectAll(Server* server) {
    for (TabletId i = 0; i < kTablets; ++i) {
      ASSERT_OK_AND_ASSIGN(std::string found, server->Rows(2, kTestTablet + i));
      ASSERT_EQ(found, absl::StrCat("row a:q@1000=of ", i, "\n"));
    }
  }
};

TEST_F(ManyTabletsTest, AnErrorAtAnyOfThemEndsItAndTheNextRunGoesOn) {
  for (uint64_t hit = 1; hit <= kTablets; hit += 6) {
    std::unique_ptr<FaultFs> fs = fs_.Image(0);
    Server other(fs.get(), &clock_, "ts-2.9", /*maintenance_threads=*/1);
    other.faults().RunAt("recovery.flush_recovered", hit,
                         [] { return absl::InternalError("injected"); });
    EXPECT_STATUS(kInternal, "injected", other.engine->RecoverLog(kDead));
    ASSERT_OK(other.engine->RecoverLog(kDead));
    ExpectAll(&other);
  }
}

TEST_F(ManyTabletsTest, SurvivesPowerCuts) {
  uint64_t cuts = 0;
  for (uint64_t call = 1;; call += 9) {
    std::unique_ptr<FaultFs> fs = fs_.Image(0);
    bool reached = false;
    {
      Server other(fs.get(), &clock_, "ts-2.9", /*maintenance_threads=*/1);
      fs->InjectAt(fs->calls() + call, FaultFs::Fault::kPowerCutAfter);
      const Status cut = other.engine->RecoverLog(kDead);
      reached = fs->power_is_off();
      EXPECT_TRUE(reached || cut.ok()) << cut.ToString();
    }
    if (!reached) break;
    ++cuts;
    std::unique_ptr<FaultFs> after = fs->Image(call);
    Server third(after.get(), &clock_, "ts-3.1");
    ASSERT_OK(third.engine->RecoverLog(kDead)) << "cut at call " << call;
    ExpectAll(&third);
  }
  EXPECT_GT(cuts, 15u);
}

}  // namespace
}  // namespace stele::storage
