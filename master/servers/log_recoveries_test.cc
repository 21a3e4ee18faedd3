// Goal: the log of a server that is gone is given to a live one when, and only when, its lock is
// gone and its lease over; to another when that one dies or fails; and forgotten when it is done.
#include "master/servers/log_recoveries.h"

#include <gtest/gtest.h>

#include <deque>

#include "common/store/blob_store.h"
#include "common/testing/fault_fs.h"
#include "common/testing/manual_clock.h"
#include "common/testing/status_asserts.h"
#include "locker/embedded/embedded_locker.h"
#include "schema/convert/codec.h"
#include "schema/wire/method.h"

namespace stele::master {
namespace {

using Part = LogRecoveries::Part;

constexpr int64_t kTimeoutMs = 10'000;

// Reports are answered at once, for the server at that address; recoveries when the test says so.
class Servers : public net::RpcClient {
 public:
  struct Held {
    std::string address;
    wire::RecoverLogRequest request;
    Callback done;
  };
  void Call(const std::string& address, uint16_t method, net::Buffer body, int64_t,
            Callback done) override {
    if (static_cast<wire::Method>(method) == wire::Method::kReportTablets) {
      auto it = reports.find(address);
      if (it == reports.end()) return done(absl::UnavailableError("connection refused"));
      return done(wire::Encode(it->second));
    }
    Held call{address, {}, std::move(done)};
    EXPECT_OK(wire::Decode(body, &call.request));
    held.push_back(std::move(call));
  }
  StatusOr<net::Buffer> CallSync(const std::string&, uint16_t, net::Buffer, int64_t) override {
    return absl::InternalError("not scripted");
  }
  void Answer(const StatusOr<net::Buffer>& answer) {
    ASSERT_FALSE(held.empty());
    Callback done = std::move(held.front().done);
    held.pop_front();
    done(answer);
  }
  std::map<std::string, wire::ReportTabletsResponse> reports;
  std::deque<Held> held;
};

class LogRecoveriesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(store_, OpenPosixStore(&fs_, "/cell", true));
    ASSERT_OK_AND_ASSIGN(locker_,
                         OpenEmbeddedLocker(store_.get(), &clock_, {kTimeoutMs * 1'000'000}));
    ASSERT_OK_AND_ASSIGN(session_, locker_->OpenSession("master"));
    list_ = std::make_unique<ServerList>(session_.get(), &servers_, &clock_, 1000);
    NewTerm();
  }
  void NewTerm() {
    recoveries_ = std::make_unique<LogRecoveries>(session_.get(), &servers_, list_.get(), &clock_,
                                                  [this] { ++kicks_; });
  }
  // A server takes its lock and has a log; appears when `appear`. Returns its incarnation.
  uint64_t Start(const std::string& id, bool appear = true) {
    auto session = locker_->OpenSession(id);
    EXPECT_OK(session);
    auto lock = (*session)->TryLock(absl::StrCat(kServerLocksPath, "/", id), id);
    EXPECT_OK(lock);
    EXPECT_OK((*session)->Create(absl::StrCat(kLogsPath, "/", LogName(id, *lock)), ""));
    const ServerNode node{id, *lock, "at-" + id, ""};
    if (appear) {
      EXPECT_OK(
          (*session)->CreateEphemeral(absl::StrCat(kServersPath, "/", id), EncodeServerNode(node)));
    }
    wire::ReportTabletsResponse& report = servers_.reports["at-" + id];
    report.server_id = id;
    report.incarnation = *lock;
    sessions_[id] = *std::move(session);
    return *lock;
  }
  void Kill(const std::string& id) {
    sessions_.erase(id);
    servers_.reports.erase("at-" + id);
  }
  void Look() {
    ASSERT_OK(list_->Refresh());
    ASSERT_OK(recoveries_->Refresh(system_first_));
  }
  std::vector<std::string> Logs() {
    auto logs = session_->Children(kLogsPath);
    EXPECT_OK(logs);
    return *logs;
  }

  FaultFs fs_;
  ManualClock clock_;
  std::unique_ptr<BlobStore> store_;
  std::unique_ptr<Locker> locker_;
  std::unique_ptr<LockerSession> session_;
  std::map<std::string, std::unique_ptr<LockerSession>> sessions_;
  Servers servers_;
  int kicks_ = 0;
  bool system_first_ = false;
  std::unique_ptr<ServerList> list_;
  std::unique_ptr<LogRecoveries> recoveries_;
};

TEST_F(LogRecoveriesTest, ALiveServerRecoversTheLogOfAGoneOne) {
  const uint64_t dead = Start("ts-1");
  const uint64_t alive = Start("ts-2");
  Look();
  EXPECT_EQ(recoveries_->WhyNotRecovered("ts-1", dead, Part::kAll), "") << "it lives: nobody asks";
  EXPECT_EQ(recoveries_->WhyNotAllRecovered(Part::kAll), "");
  EXPECT_TRUE(servers_.held.empty());
  Kill("ts-1");
  Look();
  ASSERT_EQ(servers_.held.size(), 1u);
  EXPECT_EQ(servers_.held[0].address, "at-ts-2");
  EXPECT_EQ(servers_.held[0].request, (wire::RecoverLogRequest{"ts-1", dead}));
  EXPECT_NE(recoveries_->WhyNotRecovered("ts-1", dead, Part::kAll), "");
  EXPECT_NE(recoveries_->WhyNotAllRecovered(Part::kAll), "");
  Look();
  EXPECT_EQ(servers_.held.size(), 1u) << "once at a time";
  servers_.Answer(net::Buffer());
  EXPECT_EQ(kicks_, 1);
  EXPECT_NE(recoveries_->WhyNotRecovered("ts-1", dead, Part::kAll), "") << "until the next look";
  Look();
  EXPECT_EQ(recoveries_->WhyNotRecovered("ts-1", dead, Part::kAll), "");
  EXPECT_EQ(recoveries_->WhyNotAllRecovered(Part::kAll), "");
  EXPECT_EQ(Logs(), std::vector<std::string>{LogName("ts-2", alive)});
}

TEST_F(LogRecoveriesTest, WhoeverWasNeverSeenAliveIsWaitedFor) {
  const uint64_t dead = Start("ts-1");
  Start("ts-2");
  Kill("ts-1");
  NewTerm();  // this master has never seen it
  Look();
  EXPECT_TRUE(servers_.held.empty());
  EXPECT_NE(recoveries_->WhyNotRecovered("ts-1", dead, Part::kAll), "");
  EXPECT_NE(recoveries_->WhyNotAllRecovered(Part::kAll), "");
  for (int i = 0; i < 4; ++i) {
    clock_.AdvanceMillis(kTimeoutMs / 4);
    auto keeper = session_->TryLock("/keeper", "x");
    ASSERT_OK(session_->Renew("/keeper", *keeper));
    if (i == 3) break;
    Look();
    EXPECT_TRUE(servers_.held.empty());
  }
  Start("ts-3");
  Look();
  ASSERT_EQ(servers_.held.size(), 2u) << "by now ts-2 is gone too";
  EXPECT_EQ(servers_.held[0].request.server_id, "ts-1");
  EXPECT_EQ(servers_.held[0].request.incarnation, dead);
}

TEST_F(LogRecoveriesTest, AServerThatStartsIsNotGone) {
  const uint64_t starting = Start("ts-1", /*appear=*/false);
  Start("ts-2");
  Look();
  EXPECT_TRUE(servers_.held.empty());
  EXPECT_EQ(recoveries_->WhyNotAllRecovered(Part::kAll), "") << "it cannot have a tablet";
  EXPECT_NE(recoveries_->WhyNotRecovered("ts-1", starting, Part::kAll), "") << "nor give any away";
}

TEST_F(LogRecoveriesTest, ANewIncarnationDoesNotHideTheLogOfTheOld) {
  const uint64_t old = Start("ts-1");
  Look();
  Kill("ts-1");
  const uint64_t next = Start("ts-1");
  ASSERT_GT(next, old);
  Look();
  ASSERT_EQ(servers_.held.size(), 1u);
  EXPECT_EQ(servers_.held[0].address, "at-ts-1") << "it may do it itself";
  EXPECT_EQ(servers_.held[0].request.incarnation, old);
}

TEST_F(LogRecoveriesTest, AnotherDoesItWhenTheFirstFailsOrDies) {
  const uint64_t dead = Start("ts-1");
  Start("ts-2");
  Start("ts-3");
  Look();
  Kill("ts-1");
  Look();
  ASSERT_EQ(servers_.held.size(), 1u);
  const std::string first = servers_.held[0].address;
  servers_.Answer(absl::InternalError("disk"));
  Look();
  EXPECT_TRUE(servers_.held.empty()) << "put off";
  EXPECT_NE(recoveries_->WhyNotRecovered("ts-1", dead, Part::kAll).find("disk"), std::string::npos);
  clock_.AdvanceMillis(1000);
  Look();
  ASSERT_EQ(servers_.held.size(), 1u);
  const std::string second = servers_.held[0].address;
  EXPECT_NE(second, first);
  Kill(second.substr(3));
  Look();
  ASSERT_EQ(servers_.held.size(), 3u) << "two logs now, both for the one that is left";
  EXPECT_EQ(servers_.held[1].address, first);
  EXPECT_EQ(servers_.held[2].address, first);
  servers_.Answer(absl::UnavailableError("late, of the one that died"));
  Look();
  EXPECT_EQ(servers_.held.size(), 2u) << "its answer changes nothing";
  servers_.Answer(net::Buffer());
  servers_.Answer(net::Buffer());
  Look();
  EXPECT_EQ(Logs().size(), 1u);
}

TEST_F(LogRecoveriesTest, WithoutTheLockerNothingIsConcluded) {
  const uint64_t dead = Start("ts-1");
  Start("ts-2");
  Look();
  Kill("ts-1");
  ASSERT_OK(list_->Refresh());
  clock_.AdvanceMillis(kTimeoutMs);
  EXPECT_STATUS(kAborted, "ended", recoveries_->Refresh(system_first_));
  EXPECT_TRUE(servers_.held.empty());
  EXPECT_EQ(recoveries_->WhyNotRecovered("ts-1", dead, Part::kAll), "")
      << "as it was: the pass ends there";
}

TEST_F(LogRecoveriesTest, TheSystemsTabletsComeFirstWhileTheyAreWaitedFor) {
  const uint64_t dead = Start("ts-1");
  Start("ts-2");
  Look();
  Kill("ts-1");
  system_first_ = true;
  Look();
  ASSERT_EQ(servers_.held.size(), 1u);
  EXPECT_TRUE(servers_.held[0].request.system_only);
  EXPECT_NE(recoveries_->WhyNotRecovered("ts-1", dead, Part::kSystem), "");
  EXPECT_NE(recoveries_->WhyNotAllRecovered(Part::kSystem), "");
  servers_.Answer(wire::Encode(wire::Empty()));
  Look();
  EXPECT_EQ(recoveries_->WhyNotRecovered("ts-1", dead, Part::kSystem), "");
  EXPECT_EQ(recoveries_->WhyNotAllRecovered(Part::kSystem), "");
  EXPECT_NE(recoveries_->WhyNotRecovered("ts-1", dead, Part::kAll), "");
  EXPECT_EQ(Logs().size(), 2u) << "the rest is still in it";
  ASSERT_EQ(servers_.held.size(), 1u);
  EXPECT_FALSE(servers_.held[0].request.system_only);
  servers_.Answer(wire::Encode(wire::Empty()));
  Look();
  EXPECT_EQ(recoveries_->WhyNotRecovered("ts-1", dead, Part::kAll), "");
  EXPECT_EQ(Logs().size(), 1u);
}

TEST_F(LogRecoveriesTest, ALostServerIsNoReasonToRecoverTheWholeFirst) {
  Start("ts-1");
  Start("ts-2");
  Look();
  Kill("ts-1");
  system_first_ = true;
  for (bool system_only : {true, true, true, false}) {  // it gives up after three
    Look();
    ASSERT_EQ(servers_.held.size(), 1u);
    EXPECT_EQ(servers_.held[0].request.system_only, system_only);
    servers_.Answer(absl::UnavailableError("connection closed"));
    clock_.AdvanceMillis(1000);
  }
}

TEST_F(LogRecoveriesTest, ALogWhoseSystemPartFailsIsSortedAsAWholeAtOnce) {
  const uint64_t dead = Start("ts-1");
  Start("ts-2");
  Look();
  Kill("ts-1");
  system_first_ = true;
  Look();
  servers_.Answer(CorruptError("damaged"));
  Look();
  ASSERT_EQ(servers_.held.size(), 1u);
  EXPECT_FALSE(servers_.held[0].request.system_only);
  EXPECT_NE(recoveries_->WhyNotRecovered("ts-1", dead, Part::kSystem), "");
  servers_.Answer(wire::Encode(wire::Empty()));
  Look();
  EXPECT_EQ(recoveries_->WhyNotAllRecovered(Part::kSystem), "");
}

TEST_F(LogRecoveriesTest, TheMeasuredRateOutlivesServersAndMasters) {
  Start("ts-1");
  Start("ts-2");
  Look();
  EXPECT_EQ(recoveries_->bytes_per_second(), 0u) << "none was measured";
  servers_.reports["at-ts-1"].sorted_log_bytes = 30'000'000;
  servers_.reports["at-ts-1"].sorted_log_ms = 2'000;
  servers_.reports["at-ts-2"].sorted_log_bytes = 30'000'000;
  servers_.reports["at-ts-2"].sorted_log_ms = 1'000;
  Look();
  EXPECT_EQ(recoveries_->bytes_per_second(), 20'000'000u);
  Kill("ts-1");
  Kill("ts-2");
  NewTerm();
  Look();
  EXPECT_EQ(recoveries_->bytes_per_second(), 20'000'000u) << "kept in the Locker";
  Start("ts-3");
  servers_.reports["at-ts-3"].sorted_log_bytes = 9'000'000;
  servers_.reports["at-ts-3"].sorted_log_ms = 1'000;
  Look();
  EXPECT_EQ(recoveries_->bytes_per_second(), 9'000'000u);
  ASSERT_OK_AND_ASSIGN(LockerValue kept, session_->Get(kRecoveryRatePath));
  EXPECT_EQ(kept.value, "9000000");
}

TEST_F(LogRecoveriesTest, AKeptRateThatDoesNotReadCountsAsNone) {
  ASSERT_OK(session_->Create(kRecoveryRatePath, "fast"));
  Start("ts-1");
  Look();
  EXPECT_EQ(recoveries_->bytes_per_second(), 0u);
}

TEST_F(LogRecoveriesTest, TheProgressIsWhatTheSortingServerReports) {
  const uint64_t dead = Start("ts-1");
  Start("ts-2");
  Look();
  Kill("ts-1");
  Look();
  EXPECT_FALSE(recoveries_->ProgressOf({"ts-1", dead}).has_value());
  servers_.reports["at-ts-2"].sortings = {{"ts-1", dead, 600, 1'000, 1, 4, 500},
                                          {"ts-1", dead + 1, 1, 1, 1, 1, 1}};
  Look();
  const auto progress = recoveries_->ProgressOf({"ts-1", dead});
  ASSERT_TRUE(progress.has_value());
  EXPECT_EQ(*progress, (wire::RecoveryProgress{"ts-2", 600, 1'000, 1, 4, 676}));
}

TEST(EstimateTest, GoesByThePaceOfPastOnesUntilItsOwnShows) {
  EXPECT_EQ(EstimateLeftMs({"", 0, 0, 80'000'000, 0, 0, 50}, 0), 2'000) << "the guess";
  EXPECT_EQ(EstimateLeftMs({"", 0, 0, 80'000'000, 0, 0, 50}, 8'000'000), 10'000);
  EXPECT_EQ(EstimateLeftMs({"", 0, 40'000'000, 80'000'000, 0, 9, 500}, 8'000'000), 1'500);
  EXPECT_EQ(EstimateLeftMs({"", 0, 80, 80, 9, 9, 500}, 0), 0);
  EXPECT_EQ(EstimateLeftMs({}, 0), 0) << "an empty log";
}

}  // namespace
}  // namespace stele::master
