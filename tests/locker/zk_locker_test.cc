// Goal: with connections that break in the middle of a call, servers that are killed, stopped,
// wiped and elected anew, the ZooKeeper Locker never does a thing twice, never guesses, and goes on
// alone.
#include "locker/zk/zk_locker.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <thread>

#include "locker/lease.h"
#include "tests/locker/zk_fixture.h"
#include "tests/process/tcp_proxy.h"

namespace stele {
namespace {

constexpr int64_t kMilli = 1'000'000;

int PortOf(const std::string& address) { return std::stoi(address.substr(address.rfind(':') + 1)); }

class ZkLockerTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(SharedZooKeeper::Get(), nullptr); }

  ZkLockerOptions Options(const std::string& servers) const {
    ZkLockerOptions options;
    options.address = "zk://" + servers + chroot_;
    options.session_timeout_ns = 2'000 * kMilli;
    options.call_timeout_ns = 20'000 * kMilli;
    options.tick_ns = ZkEnsemble::kTickMs * kMilli;
    return options;
  }
  std::unique_ptr<LockerSession> Open(const ZkLockerOptions& options,
                                      const std::string& owner = "test") {
    auto locker = OpenZkLocker(options, SystemClock());
    EXPECT_OK(locker);
    auto session = (*locker)->OpenSession(owner);
    EXPECT_OK(session);
    return session.ok() ? *std::move(session) : nullptr;
  }
  std::unique_ptr<LockerSession> Direct(const std::string& owner = "direct") {
    return Open(Options(SharedZooKeeper::Get()->servers()), owner);
  }

  const std::string chroot_ = SharedZooKeeper::NewChroot();
};

// Behind a proxy of its own.
class CutOffTest : public ZkLockerTest {
 protected:
  CutOffTest() : proxy_(PortOf(SharedZooKeeper::Get()->servers())) {}
  void SetUp() override {
    direct_ = Direct();
    session_ = Open(Options(proxy_.address()), "behind");
    ASSERT_NE(direct_, nullptr);
    ASSERT_NE(session_, nullptr);
  }
  // Runs `change` so that ZooKeeper does it and its answer is lost.
  void WithLostAnswer(const std::function<void()>& change) {
    const uint64_t before = proxy_.lost_answers();
    proxy_.LoseNextAnswer();
    change();
    EXPECT_EQ(proxy_.lost_answers(), before + 1) << "the fault did not happen";
  }

  TcpProxy proxy_;
  std::unique_ptr<LockerSession> direct_, session_;
};

TEST_F(CutOffTest, ALockWhoseAnswerIsLostIsFound) {
  StatusOr<uint64_t> epoch;
  WithLostAnswer([&] { epoch = session_->TryLock("/lock", "behind"); });
  ASSERT_OK(epoch);
  EXPECT_OK(session_->Renew("/lock", *epoch));
  EXPECT_STATUS(kUnavailable, "behind", direct_->TryLock("/lock", "direct"));
}

TEST_F(CutOffTest, ALockThatAnotherTookMeanwhileIsNotTaken) {
  ASSERT_OK(direct_->TryLock("/lock", "direct"));
  WithLostAnswer(
      [&] { EXPECT_STATUS(kUnavailable, "direct", session_->TryLock("/lock", "behind")); });
}

TEST_F(CutOffTest, AnEphemeralWhoseAnswerIsLostIsMadeOnce) {
  StatusOr<uint64_t> epoch;
  WithLostAnswer([&] { epoch = session_->CreateEphemeral("/servers/a", "x"); });
  ASSERT_OK(epoch);
  ASSERT_OK_AND_ASSIGN(LockerValue node, direct_->Get("/servers/a"));
  EXPECT_EQ(node.version, *epoch);
  EXPECT_STATUS(kAlreadyExists, "/servers/a", session_->CreateEphemeral("/servers/a", "x"));
}

TEST_F(CutOffTest, AValueWhoseAnswerIsLostIsWrittenOnce) {
  WithLostAnswer([&] { EXPECT_OK(session_->Create("/value", "one")); });
  ASSERT_OK_AND_ASSIGN(LockerValue value, direct_->Get("/value"));
  EXPECT_EQ(value.value, "one");
  // The first request of Set is a read: its answer is lost here.
  WithLostAnswer([&] {
    auto set = session_->Set("/value", "two", value.version);
    ASSERT_OK(set);
    value.version = *set;
  });
  ASSERT_OK_AND_ASSIGN(LockerValue now, direct_->Get("/value"));
  EXPECT_EQ(now.value, "two");
  EXPECT_EQ(now.version, value.version);
  WithLostAnswer([&] { EXPECT_OK(session_->Delete("/value", value.version)); });
  EXPECT_STATUS(kNotFound, "/value", direct_->Get("/value"));
}

TEST_F(CutOffTest, EveryCallSurvivesConnectionsThatBreakAllTheTime) {
  std::atomic<bool> stop{false};
  std::atomic<int> breaks{0};
  std::thread breaker([&] {
    while (!Eventually([&] { return stop.load(); }, 40)) {
      if (++breaks % 2 == 0) {
        proxy_.LoseNextAnswer();
      } else {
        proxy_.Break();
      }
    }
  });
  uint64_t version = 0;
  int unknown = 0;
  std::string expected;
  for (int i = 0; i < 150; ++i) {
    const std::string next = "value-" + std::to_string(i);
    auto set = session_->Set("/counter", next, version);
    ASSERT_TRUE(set.ok() || absl::IsUnknown(set.status())) << set.status().ToString();
    unknown += set.ok() ? 0 : 1;
    auto read = session_->Get("/counter");
    ASSERT_OK(read);
    if (set.ok()) {
      EXPECT_EQ(read->value, next);
      EXPECT_EQ(read->version, *set);
    } else {
      EXPECT_TRUE(read->value == next || read->value == expected);
    }
    expected = read->value;
    version = read->version;
  }
  stop = true;
  breaker.join();
  EXPECT_EQ(unknown, 0) << "nobody else writes, so every outcome can be found out";
  EXPECT_GT(breaks.load(), 3);
}

// Whoever starts then may try again: it has changed nothing that counts.
TEST_F(CutOffTest, ASessionThatIsCutOffWhileItOpensWasNotOpened) {
  std::atomic<bool> stop{false};
  std::thread cutter([&] {
    bool cut = false;
    int64_t open_ms = 0;
    while (!Eventually([&] { return stop.load(); }, cut ? 300 : ++open_ms % 60)) {
      proxy_.Cut(cut = !cut);
    }
  });
  ZkLockerOptions options = Options(proxy_.address());
  options.call_timeout_ns = 150 * kMilli;
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<Locker> locker, OpenZkLocker(options, SystemClock()));
  int failed = 0;
  for (int i = 0; i < 60; ++i) {
    auto session = locker->OpenSession("late");
    if (session.ok()) continue;
    ++failed;
    EXPECT_STATUS(kUnavailable, "", session);
  }
  stop = true;
  cutter.join();
  EXPECT_GT(failed, 0);
}

TEST_F(CutOffTest, ASessionThatIsCutOffEndsWithAllItHad) {
  ASSERT_OK_AND_ASSIGN(uint64_t epoch, session_->TryLock("/lock", "behind"));
  ASSERT_OK(session_->CreateEphemeral("/servers/a", "x"));
  std::atomic<int> fired{0};
  ASSERT_OK(session_->Watch("/servers", [&] { ++fired; }));
  proxy_.Cut(true);
  EXPECT_STATUS(kUnavailable, "/lock", session_->Renew("/lock", epoch));
  StatusOr<uint64_t> next = absl::UnavailableError("not tried");
  EXPECT_TRUE(Eventually(
      [&] {
        next = direct_->TryLock("/lock", "direct");
        return next.ok();
      },
      20'000));
  EXPECT_GT(*next, epoch);
  EXPECT_STATUS(kNotFound, "/servers/a", direct_->Get("/servers/a"));
  proxy_.Cut(false);
  EXPECT_TRUE(Eventually([&] { return IsFenced(session_->Renew("/lock", epoch)); }, 20'000));
  EXPECT_TRUE(Eventually([&] { return fired.load() > 0; }, 20'000)) << "an end is told";
  EXPECT_STATUS(kAborted, "ended", session_->Get("/lock"));
  EXPECT_STATUS(kAborted, "ended", session_->TryLock("/lock", "behind"));
  EXPECT_STATUS(kAborted, "ended", session_->Set("/value", "x", 0));
  EXPECT_STATUS(kAborted, "ended", session_->Create("/value", "x"));
  EXPECT_STATUS(kAborted, "ended", session_->Children("/servers"));
  EXPECT_STATUS(kAborted, "ended", session_->Watch("/servers", [] {}));
  EXPECT_STATUS(kNotFound, "/value", direct_->Get("/value"));
}

// The proof of the lease: it is over before anyone else can have the lock.
TEST_F(CutOffTest, TheLeaseEndsBeforeTheLockIsFree) {
  ASSERT_OK_AND_ASSIGN(uint64_t epoch, session_->TryLock("/lock", "behind"));
  std::atomic<bool> lost{false};
  Lease lease(session_.get(), "/lock", epoch, SystemClock(), {},
              {nullptr, [&](const Status& why) { lost = IsFenced(why); }});
  ASSERT_OK(lease.Start());
  ASSERT_TRUE(Eventually([&] { return lease.Check().ok(); }, 1'000));
  proxy_.Cut(true);
  int held = 0;
  EXPECT_TRUE(Eventually(
      [&] {
        const bool ours = lease.Check().ok();  // before: what is true now was true then
        const bool free = direct_->TryLock("/lock", "direct").ok();
        EXPECT_FALSE(ours && free) << "two owners";
        held += ours ? 1 : 0;
        return free;
      },
      20'000));
  EXPECT_GT(held, 3) << "the lease held for a while";
  EXPECT_TRUE(Eventually([&] { return lost.load(); }, 2'000));
}

TEST_F(CutOffTest, WatchesFireAfterAReconnection) {
  std::atomic<int> fired{0};
  ASSERT_OK(session_->Watch("/servers", [&] { ++fired; }));
  proxy_.Cut(true);
  proxy_.Break();
  ASSERT_OK(direct_->CreateEphemeral("/servers/b", "x"));
  EXPECT_EQ(fired.load(), 0);
  proxy_.Cut(false);
  EXPECT_TRUE(Eventually([&] { return fired.load() == 1; }, 20'000));
  ASSERT_OK_AND_ASSIGN(auto names, session_->Children("/servers"));
  EXPECT_EQ(names, std::vector<std::string>{"b"});
  // A watch that is set again works on the new connection.
  ASSERT_OK(session_->Watch("/servers", [&] { ++fired; }));
  ASSERT_OK(direct_->CreateEphemeral("/servers/c", "x"));
  EXPECT_TRUE(Eventually([&] { return fired.load() == 2; }, 20'000));
}

TEST_F(CutOffTest, AWatchWithoutConnectionFiresWithTheNext) {
  ZkLockerOptions options = Options(proxy_.address());
  options.call_timeout_ns = 300 * kMilli;
  options.session_timeout_ns = 20'000 * kMilli;
  auto session = Open(options, "hasty");
  proxy_.Cut(true);
  proxy_.Break();
  std::atomic<int> fired{0};
  ASSERT_OK(session->Watch("/servers", [&] { ++fired; }));
  EXPECT_STATUS(kUnavailable, "", session->Get("/servers/a"));
  EXPECT_FALSE(session->Set("/value", "x", 0).ok());
  proxy_.Cut(false);
  EXPECT_TRUE(Eventually([&] { return fired.load() == 1; }, 20'000));
}

TEST_F(ZkLockerTest, NobodyThereIsToldInTime) {
  ZkLockerOptions options = Options("127.0.0.1:" + std::to_string(FreePort()));
  options.call_timeout_ns = 500 * kMilli;
  auto locker = OpenZkLocker(options, SystemClock());
  ASSERT_OK(locker);
  const int64_t begin = SystemClock()->BootNanos();
  EXPECT_STATUS(kUnavailable, options.address, (*locker)->OpenSession("test"));
  EXPECT_LT(SystemClock()->BootNanos() - begin, 10'000 * kMilli);
}

TEST_F(ZkLockerTest, CellsKeepApartByTheirChroots) {
  auto one = Direct();
  ASSERT_OK(one->Create("/value", "one"));
  ASSERT_OK(one->TryLock("/lock", "one"));
  ZkLockerOptions other = Options(SharedZooKeeper::Get()->servers());
  other.address += "/inner/cell";
  auto two = Open(other);
  EXPECT_STATUS(kNotFound, "/value", two->Get("/value"));
  ASSERT_OK(two->TryLock("/lock", "two"));
  ASSERT_OK_AND_ASSIGN(LockerValue seen, one->Get("/inner/cell/lock"));
  EXPECT_EQ(seen.value, "two");
}

TEST_F(ZkLockerTest, OnlyTheCredentialsOpenWhatWasMadeWithThem) {
  ZkLockerOptions options = Options(SharedZooKeeper::Get()->servers());
  options.credentials = "cell:secret";
  auto owner = Open(options, "owner");
  ASSERT_OK_AND_ASSIGN(uint64_t version, owner->Set("/value", "one", 0));
  ASSERT_OK(owner->TryLock("/lock", "owner"));
  auto same = Open(options, "same");
  ASSERT_OK_AND_ASSIGN(version, same->Set("/value", "two", version));
  for (const char* credentials : {"", "cell:wrong", "other:secret"}) {
    options.credentials = credentials;
    auto stranger = Open(options, "stranger");
    EXPECT_STATUS(kPermissionDenied, "/value", stranger->Get("/value")) << credentials;
    EXPECT_STATUS(kPermissionDenied, "/value", stranger->Set("/value", "x", 0)) << credentials;
    EXPECT_STATUS(kPermissionDenied, "/new", stranger->Create("/new", "x")) << credentials;
    EXPECT_STATUS(kPermissionDenied, "/lock", stranger->TryLock("/lock", "x")) << credentials;
  }
  ASSERT_OK_AND_ASSIGN(LockerValue value, owner->Get("/value"));
  EXPECT_EQ(value.value, "two");
}

TEST_F(ZkLockerTest, LimitsAreToldBeforeAnythingIsSent) {
  auto session = Direct();
  EXPECT_STATUS(kInvalidArgument, "limit", session->Create("/big", std::string(600'000, 'x')));
  ASSERT_OK_AND_ASSIGN(uint64_t version, session->Set("/big", "small", 0));
  EXPECT_STATUS(kInvalidArgument, "too large",
                session->Set("/big", std::string(600'000, 'x'), version));
  ASSERT_OK(session->TryLock("/held", "x"));
  EXPECT_STATUS(kFailedPrecondition, "belongs to a session", session->Create("/held/below", "x"));
}

// A server of its own, which is killed, stopped and wiped.
class OneServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(zk_.Start());
    options_.address = "zk://" + zk_.servers() + "/cell";
    options_.session_timeout_ns = 2'000 * kMilli;
    options_.call_timeout_ns = 30'000 * kMilli;
    options_.tick_ns = ZkEnsemble::kTickMs * kMilli;
    ASSERT_OK_AND_ASSIGN(locker_, OpenZkLocker(options_, SystemClock()));
  }
  ZkEnsemble zk_{1};
  ZkLockerOptions options_;
  std::unique_ptr<Locker> locker_;
};

TEST_F(OneServerTest, AKillInTheMiddleOfALockAcquire) {
  ASSERT_OK_AND_ASSIGN(auto session, locker_->OpenSession("first"));
  ASSERT_OK(session->Create("/value", "kept"));
  StatusOr<uint64_t> epoch;
  zk_.process(0)->Signal(SIGSTOP);  // the request waits in its socket when it is killed
  std::thread taker([&] { epoch = session->TryLock("/lock", "first"); });
  zk_.process(0)->Kill();
  ASSERT_OK(zk_.StartServer(0));
  taker.join();
  ASSERT_OK(epoch);
  EXPECT_OK(session->Renew("/lock", *epoch));
  ASSERT_OK_AND_ASSIGN(LockerValue value, session->Get("/value"));
  EXPECT_EQ(value.value, "kept");
  ASSERT_OK_AND_ASSIGN(auto second, locker_->OpenSession("second"));
  EXPECT_STATUS(kUnavailable, "first", second->TryLock("/lock", "second"));
  ASSERT_OK(session->Unlock("/lock"));
  ASSERT_OK_AND_ASSIGN(uint64_t next, second->TryLock("/lock", "second"));
  EXPECT_GT(next, *epoch);
}

TEST_F(OneServerTest, AServerStoppedForLongerThanTheSession) {
  ASSERT_OK_AND_ASSIGN(auto session, locker_->OpenSession("first"));
  ASSERT_OK_AND_ASSIGN(uint64_t epoch, session->TryLock("/lock", "first"));
  Lease lease(session.get(), "/lock", epoch, SystemClock(), {}, {nullptr, [](const Status&) {}});
  ASSERT_OK(lease.Start());
  zk_.process(0)->Signal(SIGSTOP);
  EXPECT_TRUE(Eventually([&] { return !lease.Check().ok(); }, 10'000));
  zk_.process(0)->Signal(SIGCONT);
  // Either the session outlived it or it is over for good; never does a second one have the lock
  // while the first believes in its lease.
  ASSERT_OK_AND_ASSIGN(auto second, locker_->OpenSession("second"));
  for (int i = 0; i < 20; ++i) {
    const bool renewed = session->Renew("/lock", epoch).ok();
    const bool taken = second->TryLock("/lock", "second").ok();
    EXPECT_FALSE(renewed && taken && session->Renew("/lock", epoch).ok());
  }
}

// ZooKeeper refuses a client that has seen more than the server has: the old session learns nothing
// more, and its lease runs out.
TEST_F(OneServerTest, AWipedServerHasNoSessionsAndNoValues) {
  options_.call_timeout_ns = 3'000 * kMilli;
  ASSERT_OK_AND_ASSIGN(locker_, OpenZkLocker(options_, SystemClock()));
  ASSERT_OK_AND_ASSIGN(auto session, locker_->OpenSession("first"));
  ASSERT_OK(session->Create("/value", "lost"));
  ASSERT_OK_AND_ASSIGN(uint64_t epoch, session->TryLock("/lock", "first"));
  std::atomic<bool> lost{false};
  Lease lease(session.get(), "/lock", epoch, SystemClock(), {},
              {nullptr, [&](const Status& why) { lost = IsFenced(why); }});
  ASSERT_OK(lease.Start());
  zk_.process(0)->Kill();
  zk_.Wipe(0);
  ASSERT_OK(zk_.StartServer(0));
  EXPECT_TRUE(Eventually([&] { return lost.load(); }, 10'000));
  EXPECT_TRUE(IsFenced(lease.Check()));
  const Status gone = session->Get("/value").status();
  EXPECT_TRUE(IsFenced(gone) || absl::IsUnavailable(gone)) << gone.ToString();
  ASSERT_OK_AND_ASSIGN(auto fresh, locker_->OpenSession("second"));
  EXPECT_STATUS(kNotFound, "/value", fresh->Get("/value"));
}

TEST(ZkEnsembleTest, GoesOnWhenTheLeaderIsKilled) {
  ZkEnsemble zk(3);
  ASSERT_OK(zk.Start());
  ASSERT_TRUE(Eventually([&] { return zk.Leader() >= 0; }, 30'000));
  ZkLockerOptions options;
  options.address = "zk://" + zk.servers() + "/cell";
  options.session_timeout_ns = 6'000 * kMilli;
  options.call_timeout_ns = 60'000 * kMilli;
  ASSERT_OK_AND_ASSIGN(auto locker, OpenZkLocker(options, SystemClock()));
  ASSERT_OK_AND_ASSIGN(auto session, locker->OpenSession("first"));
  ASSERT_OK_AND_ASSIGN(uint64_t epoch, session->TryLock("/lock", "first"));
  ASSERT_OK_AND_ASSIGN(uint64_t version, session->Set("/value", "0", 0));
  const int leader = zk.Leader();
  zk.process(leader)->Kill();
  for (int i = 1; i <= 20; ++i) {
    ASSERT_OK_AND_ASSIGN(version, session->Set("/value", std::to_string(i), version));
  }
  EXPECT_TRUE(Eventually([&] { return session->Renew("/lock", epoch).ok(); }, 20'000));
  EXPECT_TRUE(Eventually([&] { return zk.Leader() >= 0; }, 20'000));
  EXPECT_NE(zk.Leader(), leader);
  ASSERT_OK_AND_ASSIGN(auto second, locker->OpenSession("second"));
  ASSERT_OK_AND_ASSIGN(LockerValue value, second->Get("/value"));
  EXPECT_EQ(value.value, "20");
  ASSERT_OK(session->Unlock("/lock"));
  ASSERT_OK_AND_ASSIGN(uint64_t next, second->TryLock("/lock", "second"));
  EXPECT_GT(next, epoch) << "epochs grow over elections";
}

}  // namespace
}  // namespace stele
