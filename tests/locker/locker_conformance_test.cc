// Goal: every backend of the Locker keeps the promises of locker.h: values with versions, locks
// with epochs that only grow, ephemerals and locks that end with their session, watches that fire.
#include <gtest/gtest.h>

#include <atomic>

#include "common/testing/fault_fs.h"
#include "common/testing/manual_clock.h"
#include "common/testing/signal_count.h"
#include "locker/cell_key.h"
#include "locker/embedded/embedded_locker.h"
#include "tests/locker/zk_fixture.h"

namespace stele {
namespace {

class Backend {
 public:
  virtual ~Backend() = default;
  virtual Locker* locker() = 0;
};

class EmbeddedBackend : public Backend {
 public:
  EmbeddedBackend() {
    auto store = OpenPosixStore(&fs_, "/cell", /*create=*/true);
    EXPECT_OK(store);
    store_ = *std::move(store);
    auto locker = OpenEmbeddedLocker(store_.get(), &clock_, {});
    EXPECT_OK(locker);
    locker_ = *std::move(locker);
  }
  Locker* locker() override { return locker_.get(); }

 private:
  FaultFs fs_;
  ManualClock clock_;
  std::unique_ptr<BlobStore> store_;
  std::unique_ptr<Locker> locker_;
};

class ZkBackend : public Backend {
 public:
  ZkBackend() {
    ZkLockerOptions options;
    options.address = "zk://" + SharedZooKeeper::Get()->servers() + SharedZooKeeper::NewChroot();
    auto locker = OpenZkLocker(options, SystemClock());
    EXPECT_OK(locker);
    locker_ = *std::move(locker);
  }
  Locker* locker() override { return locker_.get(); }

 private:
  std::unique_ptr<Locker> locker_;
};

class LockerConformance : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (GetParam() == std::string("zk")) {
      ASSERT_NE(SharedZooKeeper::Get(), nullptr);
      backend_ = std::make_unique<ZkBackend>();
    } else {
      backend_ = std::make_unique<EmbeddedBackend>();
    }
  }
  std::unique_ptr<LockerSession> Session(const std::string& owner = "test") {
    auto session = backend_->locker()->OpenSession(owner);
    EXPECT_OK(session.status());
    return *std::move(session);
  }

  std::unique_ptr<Backend> backend_;
};

TEST_P(LockerConformance, ValuesHaveVersionsThatMustMatch) {
  auto session = Session();
  EXPECT_STATUS(kNotFound, "/a", session->Get("/a"));
  ASSERT_OK(session->Create("/a", "one"));
  EXPECT_STATUS(kAlreadyExists, "/a", session->Create("/a", "two"));
  ASSERT_OK_AND_ASSIGN(LockerValue value, session->Get("/a"));
  EXPECT_EQ(value.value, "one");
  ASSERT_OK_AND_ASSIGN(uint64_t version, session->Set("/a", "two", value.version));
  EXPECT_GT(version, value.version);
  EXPECT_STATUS(kAborted, "/a", session->Set("/a", "three", value.version));
  EXPECT_STATUS(kAborted, "/a", session->Set("/a", "three", 0));
  EXPECT_STATUS(kAborted, "/a", session->Delete("/a", value.version));
  ASSERT_OK(session->Delete("/a", version));
  EXPECT_STATUS(kNotFound, "/a", session->Delete("/a", version));
  EXPECT_STATUS(kNotFound, "/a", session->Set("/a", "x", version));
  ASSERT_OK_AND_ASSIGN(uint64_t again, session->Set("/a", "again", 0));
  EXPECT_GT(again, version) << "a version never repeats, also not of a node made anew";
}

TEST_P(LockerConformance, ValuesHoldAnyBytes) {
  auto session = Session();
  const std::string all = std::string("\0\1\xff zero", 8) + std::string(100'000, '\0');
  ASSERT_OK(session->Create("/bytes", all));
  ASSERT_OK(session->Create("/empty", ""));
  ASSERT_OK_AND_ASSIGN(LockerValue value, session->Get("/bytes"));
  EXPECT_TRUE(value.value == all);
  ASSERT_OK_AND_ASSIGN(value, session->Get("/empty"));
  EXPECT_EQ(value.value, "");
  EXPECT_STATUS(kAlreadyExists, "/empty", session->Create("/empty", "x"));
}

TEST_P(LockerConformance, ANodeAboveOthersHoldsNothingUntilItIsMade) {
  auto session = Session();
  ASSERT_OK(session->Create("/a/b/c", "deep"));
  EXPECT_STATUS(kNotFound, "/a/b", session->Get("/a/b"));
  EXPECT_STATUS(kNotFound, "/a/b", session->Delete("/a/b", 1));
  ASSERT_OK(session->Create("/a/b", "made"));
  EXPECT_STATUS(kAlreadyExists, "/a/b", session->Create("/a/b", "again"));
  ASSERT_OK_AND_ASSIGN(uint64_t version, session->Set("/a", "top", 0));
  ASSERT_OK(session->Delete("/a", version));
  EXPECT_STATUS(kNotFound, "/a", session->Get("/a"));
  ASSERT_OK_AND_ASSIGN(LockerValue value, session->Get("/a/b/c"));
  EXPECT_EQ(value.value, "deep");
  ASSERT_OK_AND_ASSIGN(auto children, session->Children("/a"));
  EXPECT_EQ(children, std::vector<std::string>{"b"});
  ASSERT_OK_AND_ASSIGN(children, session->Children("/nothing/here"));
  EXPECT_TRUE(children.empty());
}

TEST_P(LockerConformance, TheCellsKeyIsMadeOnceAndKept) {
  auto session = Session();
  ASSERT_OK_AND_ASSIGN(std::string key, CellKey(session.get()));
  EXPECT_EQ(key.size(), 16u);
  EXPECT_NE(key, std::string(16, '\0'));
  ASSERT_OK_AND_ASSIGN(std::string again, CellKey(Session("other").get()));
  EXPECT_EQ(again, key);
  ASSERT_OK_AND_ASSIGN(LockerValue stored, session->Get(kCellKeyPath));
  ASSERT_OK(session->Set(kCellKeyPath, "short", stored.version).status());
  EXPECT_STATUS(kDataLoss, "5 bytes", CellKey(session.get()));
}

TEST_P(LockerConformance, RefusesIllegalPaths) {
  auto session = Session();
  for (const char* path : {"", "/", "a", "/a/", "/a//b"}) {
    EXPECT_STATUS(kInvalidArgument, "path", session->Get(path));
    EXPECT_STATUS(kInvalidArgument, "path", session->Set(path, "x", 0));
    EXPECT_STATUS(kInvalidArgument, "path", session->Create(path, "x"));
    EXPECT_STATUS(kInvalidArgument, "path", session->Delete(path, 1));
    EXPECT_STATUS(kInvalidArgument, "path", session->TryLock(path, "x"));
    EXPECT_STATUS(kInvalidArgument, "path", session->Unlock(path));
    EXPECT_STATUS(kInvalidArgument, "path", session->CreateEphemeral(path, "x"));
    EXPECT_STATUS(kInvalidArgument, "path", session->Children(path));
    EXPECT_STATUS(kInvalidArgument, "path", session->Watch(path, [] {}));
    EXPECT_STATUS(kInvalidArgument, "path", session->Renew(path, 1));
  }
}

TEST_P(LockerConformance, OneSessionHoldsALockAtATime) {
  auto first = Session("first");
  auto second = Session("second");
  ASSERT_OK_AND_ASSIGN(uint64_t epoch, first->TryLock("/deep/lock", "first"));
  EXPECT_STATUS(kUnavailable, "first", second->TryLock("/deep/lock", "second"));
  EXPECT_STATUS(kNotFound, "/deep/lock", second->Unlock("/deep/lock"));
  ASSERT_OK_AND_ASSIGN(uint64_t again, first->TryLock("/deep/lock", "first"));
  EXPECT_EQ(again, epoch);
  ASSERT_OK(first->Unlock("/deep/lock"));
  EXPECT_STATUS(kNotFound, "/deep/lock", first->Unlock("/deep/lock"));
  ASSERT_OK_AND_ASSIGN(uint64_t next, second->TryLock("/deep/lock", "second"));
  EXPECT_GT(next, epoch);
  second.reset();
  uint64_t last = 0;
  EXPECT_TRUE(Eventually(
      [&] {
        auto taken = first->TryLock("/deep/lock", "first");
        if (taken.ok()) last = *taken;
        return taken.ok();
      },
      10'000));
  EXPECT_GT(last, next);
}

TEST_P(LockerConformance, ALockIsNoValueAndAValueNoLock) {
  auto session = Session();
  ASSERT_OK(session->Create("/value", "x"));
  EXPECT_STATUS(kFailedPrecondition, "/value", session->TryLock("/value", "x"));
  EXPECT_STATUS(kNotFound, "/value", session->Unlock("/value"));
  ASSERT_OK(session->TryLock("/lock", "x").status());
  EXPECT_STATUS(kFailedPrecondition, "/lock", session->Set("/lock", "y", 0));
  EXPECT_STATUS(kAlreadyExists, "/lock", session->Create("/lock", "y"));
  EXPECT_STATUS(kNotFound, "/lock", session->Delete("/lock", 1));
}

TEST_P(LockerConformance, EphemeralsEndWithTheirSession) {
  auto server = Session();
  auto watcher = Session();
  ASSERT_OK_AND_ASSIGN(uint64_t epoch, server->CreateEphemeral("/servers/ts-1", "data"));
  EXPECT_STATUS(kAlreadyExists, "ts-1", watcher->CreateEphemeral("/servers/ts-1", "other"));
  EXPECT_STATUS(kAlreadyExists, "ts-1", server->CreateEphemeral("/servers/ts-1", "again"));
  ASSERT_OK_AND_ASSIGN(LockerValue node, watcher->Get("/servers/ts-1"));
  EXPECT_EQ(node.value, "data");
  EXPECT_EQ(node.version, epoch);
  ASSERT_OK(watcher->Create("/servers/kept/deep", "x"));
  ASSERT_OK_AND_ASSIGN(auto children, watcher->Children("/servers"));
  EXPECT_EQ(children, (std::vector<std::string>{"kept", "ts-1"}));
  server.reset();
  EXPECT_TRUE(Eventually(
      [&] {
        auto left = watcher->Children("/servers");
        return left.ok() && *left == std::vector<std::string>{"kept"};
      },
      10'000));
}

TEST_P(LockerConformance, ARenewalProvesTheEpoch) {
  auto session = Session();
  auto other = Session();
  EXPECT_STATUS(kAborted, "/lock", session->Renew("/lock", 1));
  ASSERT_OK_AND_ASSIGN(uint64_t epoch, session->TryLock("/lock", "x"));
  ASSERT_OK(session->Renew("/lock", epoch));
  EXPECT_STATUS(kAborted, "epoch", session->Renew("/lock", epoch + 1));
  EXPECT_STATUS(kAborted, "epoch", other->Renew("/lock", epoch));
  ASSERT_OK(session->Unlock("/lock"));
  EXPECT_STATUS(kAborted, "/lock", session->Renew("/lock", epoch));
  EXPECT_GT(session->session_timeout_ns(), session->lease_margin_ns());
  EXPECT_GT(session->lease_margin_ns(), 0);
}

TEST_P(LockerConformance, WatchesFireOnceForANodeAndItsChildren) {
  auto session = Session();
  auto server = Session();
  SignalCount servers, value, once;
  ASSERT_OK(session->Watch("/servers", [&] { servers.Set(); }));
  ASSERT_OK(server->CreateEphemeral("/servers/ts-1", "x").status());
  EXPECT_TRUE(servers.Wait(1));
  ASSERT_OK(session->Watch("/servers", [&] { servers.Set(); }));
  server.reset();
  EXPECT_TRUE(servers.Wait(2));
  ASSERT_OK(session->Watch("/value", [&] { value.Set(); }));
  ASSERT_OK(session->Watch("/value", [&] { once.Set(); }));
  ASSERT_OK_AND_ASSIGN(uint64_t version, session->Set("/value", "x", 0));
  EXPECT_TRUE(value.Wait(1));
  EXPECT_TRUE(once.Wait(1));
  ASSERT_OK(session->Watch("/value", [&] { value.Set(); }));
  ASSERT_OK_AND_ASSIGN(version, session->Set("/value", "y", version));
  EXPECT_TRUE(value.Wait(2));
  ASSERT_OK(session->Watch("/value", [&] { value.Set(); }));
  ASSERT_OK(session->Delete("/value", version));
  EXPECT_TRUE(value.Wait(3));
  EXPECT_EQ(once.count(), 1);
}

TEST_P(LockerConformance, NoWatchFiresAfterItsSession) {
  auto watcher = Session();
  auto session = Session();
  auto alive = std::make_unique<std::atomic<bool>>(true);
  std::atomic<bool>* const flag = alive.get();
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK(watcher->Watch("/node-" + std::to_string(i), [flag] { flag->store(true); }));
  }
  for (int i = 0; i < 20; ++i) ASSERT_OK(session->Create("/node-" + std::to_string(i), "x"));
  watcher.reset();
  alive.reset();  // the address sanitizer would tell
}

INSTANTIATE_TEST_SUITE_P(Backends, LockerConformance, ::testing::Values("embedded", "zk"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace stele
