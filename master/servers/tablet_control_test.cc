// Goal: an order to a tablet server is given once at a time, its failure is remembered and put off
// for longer each time, and a drop of many tablets fails with the first that failed.
#include "master/servers/tablet_control.h"

#include <gtest/gtest.h>

#include <deque>

#include "common/testing/manual_clock.h"
#include "common/testing/status_asserts.h"
#include "master/servers/parallel_calls.h"

namespace stele::master {
namespace {

// Keeps the calls until the test answers them, or answers each at once.
class HeldClient : public net::RpcClient {
 public:
  void Call(const std::string&, uint16_t method, net::Buffer, int64_t, Callback done) override {
    methods.push_back(static_cast<wire::Method>(method));
    if (!at_once.empty()) {
      StatusOr<net::Buffer> answer = std::move(at_once.front());
      at_once.pop_front();
      return done(std::move(answer));
    }
    held.push_back(std::move(done));
  }
  StatusOr<net::Buffer> CallSync(const std::string&, uint16_t, net::Buffer, int64_t) override {
    return absl::InternalError("not scripted");
  }
  void Answer(const StatusOr<net::Buffer>& answer) {
    ASSERT_FALSE(held.empty());
    Callback done = std::move(held.front());
    held.pop_front();
    done(answer);
  }
  std::deque<StatusOr<net::Buffer>> at_once;
  std::vector<wire::Method> methods;
  std::deque<Callback> held;
};

class TabletControlTest : public ::testing::Test {
 protected:
  void Open() {
    wire::OpenTabletRequest request;
    request.tablet = 20;
    control_.Open(server_, request);
  }

  HeldClient client_;
  ManualClock clock_;
  int kicks_ = 0;
  ServerNode server_{.server_id = "ts-1", .incarnation = 1, .address = "ts:1", .http_address = ""};
  TabletControl control_{&client_, &clock_, [this] { ++kicks_; }};
};

TEST_F(TabletControlTest, OneOrderATabletAtATime) {
  Open();
  EXPECT_TRUE(control_.UnderWay(20));
  Open();
  control_.Close(server_, {.tablet = 20});
  EXPECT_EQ(client_.methods, std::vector<wire::Method>{wire::Method::kOpenTablet});
  control_.Close(server_, {.tablet = 21});
  EXPECT_EQ(client_.methods.size(), 2u) << "another tablet's orders do not wait";
  client_.Answer(net::Buffer());
  EXPECT_FALSE(control_.UnderWay(20));
  EXPECT_EQ(kicks_, 1) << "the master looks again";
  EXPECT_FALSE(control_.LastFailure(20).has_value());
}

TEST_F(TabletControlTest, FailuresAreCountedAndPutOffForLongerEachTime) {
  int64_t last_delay_ns = 0;
  for (int failures = 1; failures <= 12; ++failures) {
    Open();
    ASSERT_TRUE(control_.UnderWay(20)) << failures;
    client_.Answer(absl::UnavailableError("connection lost"));
    auto failure = control_.LastFailure(20);
    ASSERT_TRUE(failure.has_value());
    EXPECT_EQ(failure->count, failures);
    EXPECT_STATUS(kUnavailable, "ts-1", failure->error);
    const int64_t delay_ns = failure->not_before_boot_ns - clock_.BootNanos();
    EXPECT_GE(delay_ns, last_delay_ns);
    EXPECT_LE(delay_ns, 30'000'000'000);
    last_delay_ns = delay_ns;
    Open();
    EXPECT_FALSE(control_.UnderWay(20)) << "too early";
    clock_.Advance(delay_ns);
  }
  EXPECT_EQ(kicks_, 12);
  Open();
  client_.Answer(net::Buffer());
  EXPECT_FALSE(control_.LastFailure(20).has_value()) << "success forgets";
}

TEST_F(TabletControlTest, AForgottenFailureIsNotWaitedFor) {
  Open();
  client_.Answer(absl::InternalError("disk"));
  control_.ForgetFailure(20);
  control_.Alter(server_, {.tablet = 20});
  EXPECT_TRUE(control_.UnderWay(20));
}

// What was reported before an order ended is not what the next one may be founded on.
TEST_F(TabletControlTest, BothTabletsOfAMergeAreBusyUntilAReportShowsWhatItDid) {
  control_.Merge(server_, {.left = 20, .right = 21});
  EXPECT_FALSE(control_.Ready(20));
  EXPECT_FALSE(control_.Ready(21));
  Open();
  control_.Merge(server_, {.left = 19, .right = 20});
  control_.Merge(server_, {.left = 20, .right = 22});
  EXPECT_EQ(client_.methods.size(), 1u);
  const uint64_t before = control_.Ended();
  client_.Answer(net::Buffer());
  EXPECT_FALSE(control_.UnderWay(20));
  control_.Seen(before);
  EXPECT_FALSE(control_.Ready(20)) << "the reports are older";
  EXPECT_FALSE(control_.Ready(21)) << "the reports are older";
  control_.Seen(control_.Ended());
  EXPECT_TRUE(control_.Ready(20));
  EXPECT_TRUE(control_.Ready(21));
}

TEST_F(TabletControlTest, AMergeThatFailedOrIsAbandonedFreesBoth) {
  control_.Merge(server_, {.left = 20, .right = 21});
  client_.Answer(absl::UnavailableError("connection lost"));
  control_.Seen(control_.Ended());
  EXPECT_TRUE(control_.Ready(20));
  EXPECT_FALSE(control_.Ready(21)) << "it is put off";
  control_.ForgetFailure(21);
  control_.Merge(server_, {.left = 20, .right = 21});
  control_.AbandonOrdersToOthers({});
  EXPECT_TRUE(control_.Ready(20));
  EXPECT_TRUE(control_.Ready(21));
  EXPECT_FALSE(control_.LastFailure(20).has_value());
}

TEST_F(TabletControlTest, AnOrderToAServerThatIsGoneIsNotWaitedFor) {
  Open();
  control_.AbandonOrdersToOthers({"ts:1"});
  EXPECT_TRUE(control_.UnderWay(20));
  control_.AbandonOrdersToOthers({"ts:2"});
  EXPECT_FALSE(control_.UnderWay(20));
  // Whoever waits for what the order came to learns that it came to nothing.
  ASSERT_TRUE(control_.LastFailure(20).has_value());
  EXPECT_STATUS(kUnavailable, "ts:1 is gone", control_.LastFailure(20)->error);
  EXPECT_TRUE(control_.Ready(20)) << "and may be given again at once";
  wire::OpenTabletRequest request;
  request.tablet = 20;
  ServerNode other = server_;
  other.address = "ts:2";
  control_.Open(other, request);
  EXPECT_TRUE(control_.UnderWay(20));
  client_.Answer(absl::UnavailableError("late"));  // of the first
  EXPECT_TRUE(control_.UnderWay(20)) << "the second is";
  EXPECT_EQ(control_.LastFailure(20)->count, 0) << "nor does it count";
  client_.Answer(net::Buffer());
  EXPECT_FALSE(control_.UnderWay(20));
  EXPECT_FALSE(control_.LastFailure(20).has_value());
}

TEST_F(TabletControlTest, DropAllFailsWithTheFirstThatFailed) {
  std::vector<TabletLocation> tablets(3);
  client_.at_once = {net::Buffer(), absl::AbortedError("fenced"), absl::InternalError("later")};
  EXPECT_STATUS(kAborted, "drop of a tablet", control_.DropAll(server_, tablets));
  EXPECT_EQ(client_.methods.size(), 3u) << "all are asked";
  client_.at_once = {net::Buffer(), net::Buffer(), net::Buffer()};
  EXPECT_OK(control_.DropAll(server_, tablets));
  EXPECT_OK(control_.DropAll(server_, {}));
}

TEST_F(TabletControlTest, AnswersThatComeAfterItIsGoneAreHarmless) {
  {
    TabletControl gone(&client_, &clock_, [this] { ++kicks_; });
    gone.Open(server_, {.tablet = 5});
  }
  client_.Answer(absl::UnavailableError("late"));
  EXPECT_EQ(kicks_, 1);
}

TEST(ParallelCallsTest, KeepTheOrderOfTheirAnswers) {
  HeldClient client;
  client.at_once = {absl::UnavailableError("one"), net::Buffer::Copy("two")};
  ParallelCalls calls(&client);
  calls.Add("ts:1", wire::Method::kServerStatus, net::Buffer(), 1000);
  calls.Add("ts:1", wire::Method::kServerStatus, net::Buffer(), 1000);
  calls.Add("ts:1", wire::Method::kServerStatus, net::Buffer(), 1000);
  client.Answer(absl::DeadlineExceededError("three"));
  auto answers = calls.Wait();
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_STATUS(kUnavailable, "one", answers[0]);
  EXPECT_OK(answers[1]);
  EXPECT_STATUS(kDeadlineExceeded, "three", answers[2]);
}

}  // namespace
}  // namespace stele::master
