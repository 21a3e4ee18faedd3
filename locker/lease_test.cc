// Goal: the lease ends at the sending of the last completed renewal plus timeout less margin; a
// fenced or stuck server loses it; a renewal that never completed extends nothing.
#include "locker/lease.h"

#include <gtest/gtest.h>

#include <atomic>

#include "locker/server_node.h"

namespace stele {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

class HandClock : public Clock {
 public:
  int64_t BootNanos() const override { return now_.load(); }
  int64_t WallMicros() const override { return now_.load() / 1000; }
  void Advance(int64_t ns) { now_ += ns; }

 private:
  std::atomic<int64_t> now_{1000 * kSecond};
};

// A session whose renewals take time on the clock and fail on request.
class ScriptedSession : public LockerSession {
 public:
  explicit ScriptedSession(HandClock* clock) : clock_(clock) {}
  Status Renew(const std::string&, uint64_t) override {
    ++renewals;
    clock_->Advance(round_trip_ns);
    MutexLock lock(&mu_);
    return answer_;
  }
  int64_t session_timeout_ns() const override { return 10 * kSecond; }
  int64_t lease_margin_ns() const override { return margin_ns; }
  void Answer(Status status) {
    MutexLock lock(&mu_);
    answer_ = status;
  }

  StatusOr<uint64_t> TryLock(const std::string&, const std::string&) override { return Unused(); }
  Status Unlock(const std::string&) override { return Unused(); }
  StatusOr<uint64_t> CreateEphemeral(const std::string&, const std::string&) override {
    return Unused();
  }
  StatusOr<LockerValue> Get(const std::string&) override { return Unused(); }
  Status Create(const std::string&, const std::string&) override { return Unused(); }
  StatusOr<uint64_t> Set(const std::string&, const std::string&, uint64_t) override {
    return Unused();
  }
  Status Delete(const std::string&, uint64_t) override { return Unused(); }
  StatusOr<std::vector<std::string>> Children(const std::string&) override { return Unused(); }
  Status Watch(const std::string&, std::function<void()>) override { return Unused(); }

  std::atomic<int> renewals{0};
  int64_t round_trip_ns = 0;
  std::atomic<int64_t> margin_ns{kSecond};

 private:
  static Status Unused() { return absl::UnimplementedError("not part of this test"); }
  HandClock* const clock_;
  Mutex mu_;
  Status answer_ GUARDED_BY(mu_);
};

class LeaseTest : public ::testing::Test {
 protected:
  LeaseTest()
      : session_(&clock_),
        lease_(&session_, "/server-locks/ts-1", 7, &clock_, {.margin_ns = kSecond},
               {[this] { return progress_; }, nullptr}) {}

  HandClock clock_;
  ScriptedSession session_;
  Status progress_;
  Lease lease_;
};

TEST_F(LeaseTest, DoesNotHoldBeforeTheFirstRenewal) { EXPECT_TRUE(IsFenced(lease_.Check())); }

TEST_F(LeaseTest, CountsFromTheSendingOfTheRenewal) {
  session_.round_trip_ns = 3 * kSecond;
  const int64_t sent = clock_.BootNanos();
  ASSERT_TRUE(lease_.Renew().ok());
  EXPECT_EQ(lease_.deadline_boot_ns(), sent + 9 * kSecond);
  EXPECT_TRUE(lease_.Check().ok());
  clock_.Advance(6 * kSecond - 1);
  EXPECT_TRUE(lease_.Check().ok());
  clock_.Advance(1);
  EXPECT_TRUE(IsFenced(lease_.Check()));
}

TEST_F(LeaseTest, KeepsTheMarginThatTheSessionAsksFor) {
  session_.margin_ns = 4 * kSecond;  // more than the option
  const int64_t sent = clock_.BootNanos();
  ASSERT_TRUE(lease_.Renew().ok());
  EXPECT_EQ(lease_.deadline_boot_ns(), sent + 6 * kSecond);
}

TEST_F(LeaseTest, AnUnansweredRenewalExtendsNothing) {
  ASSERT_TRUE(lease_.Renew().ok());
  const int64_t deadline = lease_.deadline_boot_ns();
  clock_.Advance(kSecond);
  session_.Answer(absl::UnavailableError("connection lost"));
  EXPECT_EQ(lease_.Renew().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(lease_.deadline_boot_ns(), deadline);
  EXPECT_TRUE(lease_.Check().ok());
}

TEST_F(LeaseTest, BeingFencedEndsItAtOnce) {
  ASSERT_TRUE(lease_.Renew().ok());
  session_.Answer(FencedError("another owner"));
  EXPECT_TRUE(IsFenced(lease_.Renew()));
  EXPECT_TRUE(IsFenced(lease_.Check()));
}

TEST_F(LeaseTest, AStuckDataPathIsNotRenewed) {
  ASSERT_TRUE(lease_.Renew().ok());
  progress_ = absl::DeadlineExceededError("stuck");
  const int renewals = session_.renewals;
  EXPECT_EQ(lease_.Renew().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(session_.renewals, renewals);
}

// Waits for the callback of the renewer thread.
class LostSignal {
 public:
  void Set(const Status& status) {
    MutexLock lock(&mu_);
    status_ = status;
    wake_.SignalAll();
  }
  Status Wait() {
    MutexLock lock(&mu_);
    while (status_.ok()) wake_.Wait(&mu_);
    return status_;
  }

 private:
  Mutex mu_;
  CondVar wake_;
  Status status_ GUARDED_BY(mu_);
};

TEST(LeaseThread, ReportsTheLossOnce) {
  HandClock clock;
  ScriptedSession session(&clock);
  LostSignal lost;
  std::atomic<int> calls{0};
  Lease lease(&session, "/server-locks/ts-1", 7, &clock, {}, {nullptr, [&](const Status& status) {
                                                                ++calls;
                                                                lost.Set(status);
                                                              }});
  ASSERT_TRUE(lease.Start().ok());
  session.Answer(FencedError("another owner"));
  EXPECT_TRUE(IsFenced(lost.Wait()));
  lease.Stop();
  EXPECT_EQ(calls.load(), 1);
}

TEST(LeaseThread, DoesNotStartOnAFencedSession) {
  HandClock clock;
  ScriptedSession session(&clock);
  session.Answer(FencedError("another owner"));
  Lease lease(&session, "/server-locks/ts-1", 7, &clock, {}, {});
  EXPECT_TRUE(IsFenced(lease.Start()));
}

TEST(ServerNode, SurvivesCodingAndRefusesTruncation) {
  const ServerNode node{"ts-1", 12, "127.0.0.1:1", "127.0.0.1:2"};
  const std::string encoded = EncodeServerNode(node);
  auto decoded = DecodeServerNode(encoded);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(*decoded, node);
  for (size_t n = 0; n < encoded.size(); ++n) {
    EXPECT_TRUE(IsCorrupt(DecodeServerNode(Slice(encoded).substr(0, n)).status()));
  }
}

TEST(LogName, IsReadBackAsWritten) {
  EXPECT_EQ(LogName("ts-1.a", 42), "ts-1.a.42");
  auto owner = ParseLogName("ts-1.a.42");
  ASSERT_TRUE(owner.ok());
  EXPECT_EQ(*owner, (LogOwner{"ts-1.a", 42}));
  for (const char* wrong : {"", "ts-1", ".1", "ts-1.", "ts-1.x", "ts-1.-1"}) {
    EXPECT_EQ(ParseLogName(wrong).status().code(), absl::StatusCode::kInvalidArgument) << wrong;
  }
}

}  // namespace
}  // namespace stele
