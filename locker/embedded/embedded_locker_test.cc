// Goal: the embedded Locker keeps values over restarts and power cuts, ends sessions by its clock,
// and never gives an epoch twice. What every backend promises: tests/locker.
#include "locker/embedded/embedded_locker.h"

#include <gtest/gtest.h>

#include <atomic>

#include "common/base/mutex.h"
#include "common/testing/fault_fs.h"
#include "common/testing/manual_clock.h"
#include "common/testing/signal_count.h"
#include "common/testing/status_asserts.h"
#include "locker/cell_key.h"
#include "locker/embedded/locker_state.h"

namespace stele {
namespace {

constexpr int64_t kTimeoutMs = 10'000;

class LockerTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(Open(&fs_)); }
  void TearDown() override { Close(); }

  void Open(Fs* fs) {
    auto store = OpenPosixStore(fs, "/cell", /*create=*/true);
    ASSERT_OK(store.status());
    store_ = *std::move(store);
    auto locker = OpenEmbeddedLocker(store_.get(), &clock_, {kTimeoutMs * 1'000'000});
    ASSERT_OK(locker.status());
    locker_ = *std::move(locker);
  }
  void Close() {
    locker_.reset();
    store_.reset();
  }
  std::unique_ptr<LockerSession> Session(const std::string& owner = "test") {
    auto session = locker_->OpenSession(owner);
    EXPECT_OK(session.status());
    return *std::move(session);
  }

  FaultFs fs_;
  ManualClock clock_;
  std::unique_ptr<BlobStore> store_;
  std::unique_ptr<Locker> locker_;
};

TEST_F(LockerTest, TheCellsKeyIsKept) {
  std::string key;
  {
    auto session = Session();
    ASSERT_OK_AND_ASSIGN(key, CellKey(session.get()));
  }
  Close();
  ASSERT_NO_FATAL_FAILURE(Open(&fs_));
  auto session = Session();
  ASSERT_OK_AND_ASSIGN(std::string kept, CellKey(session.get()));
  EXPECT_EQ(kept, key);
}

TEST_F(LockerTest, ASessionThatIsNotRenewedEnds) {
  auto session = Session();
  auto other = Session();
  ASSERT_OK_AND_ASSIGN(uint64_t epoch, session->TryLock("/lock", "x"));
  ASSERT_OK_AND_ASSIGN(uint64_t other_epoch, other->TryLock("/other", "x"));
  clock_.AdvanceMillis(kTimeoutMs - 1);
  ASSERT_OK(session->Renew("/lock", epoch));
  EXPECT_STATUS(kAborted, "epoch", session->Renew("/lock", epoch + 1));
  clock_.AdvanceMillis(1);
  EXPECT_STATUS(kAborted, "ended", other->Renew("/other", other_epoch));
  ASSERT_OK(session->Renew("/lock", epoch));
  ASSERT_OK(session->TryLock("/other", "x").status());
}

TEST_F(LockerTest, AnExpiryIsNoticedWithoutAnyoneAsking) {
  auto session = Session();
  ASSERT_OK_AND_ASSIGN(uint64_t epoch, session->TryLock("/keeper", "x"));
  auto server = Session();
  ASSERT_OK(server->CreateEphemeral("/servers/ts-1", "x").status());
  SignalCount signal;
  ASSERT_OK(session->Watch("/servers", [&] { signal.Set(); }));
  clock_.AdvanceMillis(kTimeoutMs - 1);
  ASSERT_OK(session->Renew("/keeper", epoch));
  clock_.AdvanceMillis(1);
  EXPECT_TRUE(signal.Wait(1));
}

TEST_F(LockerTest, ValuesStayAndLiveNodesGoAtARestart) {
  uint64_t epoch = 0;
  {
    auto session = Session();
    ASSERT_OK(session->Create("/root", "location"));
    ASSERT_OK_AND_ASSIGN(epoch, session->TryLock("/lock", "x"));
    Close();  // while the session lives, as a kill would leave it
  }
  ASSERT_NO_FATAL_FAILURE(Open(&fs_));
  auto session = Session();
  ASSERT_OK_AND_ASSIGN(LockerValue value, session->Get("/root"));
  EXPECT_EQ(value.value, "location");
  ASSERT_OK_AND_ASSIGN(uint64_t next, session->TryLock("/lock", "x"));
  EXPECT_GT(next, epoch);
}

TEST_F(LockerTest, OneProcessAtATime) {
  EXPECT_STATUS(kUnavailable, "locker",
                OpenEmbeddedLocker(store_.get(), &clock_, EmbeddedLockerOptions()));
}

// After a power cut at any call: what was answered OK is there, epochs go on above all given out.
TEST_F(LockerTest, SurvivesAPowerCutAtEveryCall) {
  Close();
  for (uint64_t call = 1;; ++call) {
    FaultFs fs;
    fs.InjectAt(call, FaultFs::Fault::kPowerCutBefore);
    std::string written;
    uint64_t epoch = 0;
    {
      auto store = OpenPosixStore(&fs, "/cell", true);
      auto locker = store.ok() ? OpenEmbeddedLocker(store->get(), &clock_, {})
                               : StatusOr<std::unique_ptr<Locker>>(store.status());
      if (locker.ok()) {
        ASSERT_OK_AND_ASSIGN(auto session, (*locker)->OpenSession("test"));
        uint64_t version = 0;
        for (const char* value : {"1", "2", "3"}) {
          auto set = session->Set("/root", value, version);
          if (!set.ok()) break;
          version = *set;
          written = value;
        }
        if (auto lock = session->TryLock("/lock", "x"); lock.ok()) epoch = *lock;
      }
    }
    const bool reached = fs.power_is_off();
    fs.Restart(call);
    Open(&fs);
    ASSERT_FALSE(HasFatalFailure()) << "call " << call;
    {
      auto session = Session();
      auto value = session->Get("/root");
      const std::string found = value.ok() ? value->value : "";
      EXPECT_GE(found, written) << "call " << call;
      ASSERT_OK_AND_ASSIGN(uint64_t next, session->TryLock("/lock", "x"));
      EXPECT_GT(next, epoch) << "call " << call;
    }
    Close();
    if (!reached) {
      EXPECT_GT(call, 20u);
      break;
    }
  }
}

TEST_F(LockerTest, AfterAFailedWriteNothingIsGuessed) {
  auto session = Session();
  ASSERT_OK(session->Create("/a", "one"));
  ASSERT_OK_AND_ASSIGN(LockerValue before, session->Get("/a"));
  ASSERT_OK_AND_ASSIGN(uint64_t epoch, session->TryLock("/lock", "x"));
  fs_.InjectAt(fs_.calls() + 1, FaultFs::Fault::kIoError);
  EXPECT_FALSE(session->Set("/a", "two", before.version).ok());
  ASSERT_OK_AND_ASSIGN(LockerValue after, session->Get("/a"));
  EXPECT_TRUE(after.value == "one" || after.value == "two");
  ASSERT_OK_AND_ASSIGN(uint64_t version, session->Set("/a", "three", after.version));
  EXPECT_GT(version, epoch);
}

TEST(LockerState, EveryDamageIsFound) {
  LockerState state;
  state.counter = 300;
  state.values["/a"] = {"one", 7};
  state.values["/b"] = {std::string("\0two", 4), 300};
  const std::string encoded = EncodeLockerState(state);
  ASSERT_OK_AND_ASSIGN(LockerState decoded, DecodeLockerState(encoded));
  EXPECT_EQ(decoded.counter, 300u);
  EXPECT_EQ(decoded.values.at("/b").value, std::string("\0two", 4));
  for (size_t i = 0; i < encoded.size() * 8; ++i) {
    std::string damaged = encoded;
    damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
    EXPECT_STATUS(kDataLoss, "", DecodeLockerState(damaged)) << "bit " << i;
  }
  for (size_t n = 0; n < encoded.size(); ++n) {
    EXPECT_STATUS(kDataLoss, "", DecodeLockerState(Slice(encoded).substr(0, n)));
  }
}

}  // namespace
}  // namespace stele
