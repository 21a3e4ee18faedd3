// Goal: the list of servers tells what is known, never less: a Locker that is silent changes
// nothing, a report that fails keeps the last one and says so, and what belongs to an earlier
// incarnation of a server is forgotten.
#include "master/servers/server_list.h"

#include <gtest/gtest.h>

#include "common/testing/manual_clock.h"
#include "common/testing/status_asserts.h"
#include "schema/convert/codec.h"

namespace stele::master {
namespace {

// Nodes as the test sets them; no part of it changes anything.
class ScriptedLocker : public LockerSession {
 public:
  StatusOr<std::vector<std::string>> Children(const std::string&) override {
    RETURN_IF_ERROR(children_error);
    std::vector<std::string> names = gone;
    for (const auto& [path, value] : values) {
      names.push_back(path.substr(sizeof(kServersPath)));
    }
    return names;
  }
  StatusOr<LockerValue> Get(const std::string& path) override {
    RETURN_IF_ERROR(get_error);
    auto found = values.find(path);
    if (found == values.end()) return absl::NotFoundError(path);
    return LockerValue{found->second, 1};
  }
  StatusOr<uint64_t> TryLock(const std::string&, const std::string&) override { return Unused(); }
  Status Unlock(const std::string&) override { return Unused(); }
  StatusOr<uint64_t> CreateEphemeral(const std::string&, const std::string&) override {
    return Unused();
  }
  Status Create(const std::string&, const std::string&) override { return Unused(); }
  StatusOr<uint64_t> Set(const std::string&, const std::string&, uint64_t) override {
    return Unused();
  }
  Status Delete(const std::string&, uint64_t) override { return Unused(); }
  Status Watch(const std::string&, std::function<void()>) override { return Unused(); }
  Status Renew(const std::string&, uint64_t) override { return Unused(); }
  int64_t session_timeout_ns() const override { return 1'000'000'000; }

  void Put(const std::string& id, uint64_t incarnation) {
    values[absl::StrCat(kServersPath, "/", id)] =
        EncodeServerNode({id, incarnation, id + ":1", ""});
  }
  std::map<std::string, std::string> values;
  std::vector<std::string> gone;  // listed, and gone when they are read
  Status children_error, get_error;

 private:
  static Status Unused() { return absl::InternalError("the list only reads"); }
};

class ReportingClient : public net::RpcClient {
 public:
  void Call(const std::string& address, uint16_t, net::Buffer, int64_t, Callback done) override {
    auto found = answers.find(address);
    done(found == answers.end() ? StatusOr<net::Buffer>(absl::UnavailableError("no route"))
                                : found->second);
  }
  StatusOr<net::Buffer> CallSync(const std::string&, uint16_t, net::Buffer, int64_t) override {
    return absl::InternalError("not scripted");
  }
  void Report(const std::string& id, uint64_t incarnation, std::vector<TabletId> tablets) {
    wire::ReportTabletsResponse report;
    report.server_id = id;
    report.incarnation = incarnation;
    for (TabletId tablet : tablets) {
      wire::TabletReport one;
      one.tablet.id = tablet;
      one.epoch = 5;
      one.state = wire::TabletState::kOpen;
      report.tablets.push_back(one);
    }
    answers[id + ":1"] = wire::Encode(report);
  }
  std::map<std::string, StatusOr<net::Buffer>> answers;
};

class ServerListTest : public ::testing::Test {
 protected:
  void SetUp() override {
    locker_.Put("ts-1", 7);
    client_.Report("ts-1", 7, {20});
    ASSERT_OK(list_.Refresh());
    ASSERT_TRUE(Holds(20));
  }
  bool Holds(TabletId tablet) const { return !list_.HoldersOf(tablet).empty(); }
  const LiveServer& server() const { return list_.servers().at("ts-1"); }

  ScriptedLocker locker_;
  ReportingClient client_;
  ManualClock clock_;
  ServerList list_{&locker_, &client_, &clock_, 1000};
};

TEST_F(ServerListTest, ASilentLockerChangesNothing) {
  locker_.values.clear();
  locker_.Put("ts-2", 8);
  locker_.children_error = absl::UnavailableError("no session");
  EXPECT_STATUS(kUnavailable, "no session", list_.Refresh());
  EXPECT_TRUE(Holds(20));
  locker_.children_error = OkStatus();
  locker_.get_error = absl::UnavailableError("no session");
  EXPECT_STATUS(kUnavailable, "no session", list_.Refresh());
  EXPECT_TRUE(Holds(20));
  EXPECT_EQ(list_.servers().size(), 1u);
}

TEST_F(ServerListTest, ANodeThatDoesNotReadIsNoServerThatIsGone) {
  locker_.values[absl::StrCat(kServersPath, "/ts-1")] = "garbage";
  EXPECT_STATUS(kDataLoss, "server ts-1", list_.Refresh());
  EXPECT_TRUE(Holds(20));
}

TEST_F(ServerListTest, AServerThatIsGoneIsGone) {
  locker_.gone = {"ts-0"};  // between the two reads
  locker_.values.clear();
  ASSERT_OK(list_.Refresh());
  EXPECT_TRUE(list_.servers().empty());
  EXPECT_EQ(list_.Find("ts-1", 7), nullptr);
}

TEST_F(ServerListTest, AReportThatFailsKeepsTheLastOneAndSaysSo) {
  const int64_t reported = server().reported_boot_ns;
  clock_.AdvanceMillis(1000);
  for (const StatusOr<net::Buffer>& answer :
       {StatusOr<net::Buffer>(absl::DeadlineExceededError("silent")),
        StatusOr<net::Buffer>(net::Buffer::Copy("garbage"))}) {
    client_.answers.at("ts-1:1") = answer;
    ASSERT_OK(list_.Refresh());
    EXPECT_FALSE(server().report_status.ok());
    EXPECT_TRUE(Holds(20));
    EXPECT_EQ(server().reported_boot_ns, reported);
  }
  client_.Report("ts-1", 7, {21});
  ASSERT_OK(list_.Refresh());
  EXPECT_OK(server().report_status);
  EXPECT_FALSE(Holds(20));
  EXPECT_TRUE(Holds(21));
  EXPECT_GT(server().reported_boot_ns, reported);
}

TEST_F(ServerListTest, WhatAnotherServerSaysAtTheAddressDoesNotCount) {
  client_.Report("ts-1", 8, {21});
  ASSERT_OK(list_.Refresh());
  EXPECT_STATUS(kUnavailable, "another server", server().report_status);
  client_.Report("ts-9", 7, {21});
  client_.answers.at("ts-1:1") = client_.answers.at("ts-9:1");
  ASSERT_OK(list_.Refresh());
  EXPECT_STATUS(kUnavailable, "another server", server().report_status);
  EXPECT_FALSE(Holds(21));
}

TEST_F(ServerListTest, ANewIncarnationHoldsNothingUntilItReports) {
  locker_.Put("ts-1", 8);
  ASSERT_OK(list_.Refresh());
  EXPECT_FALSE(Holds(20)) << "of the one before";
  EXPECT_EQ(list_.Find("ts-1", 7), nullptr);
  ASSERT_NE(list_.Find("ts-1", 8), nullptr);
  EXPECT_FALSE(list_.Find("ts-1", 8)->report_status.ok());
}

TEST_F(ServerListTest, ServingIsOpenAtItsOwnerUnderItsEpoch) {
  TabletLocation location;
  location.tablet.id = 20;
  location.server_id = "ts-1";
  location.incarnation = 7;
  location.epoch = 5;
  EXPECT_TRUE(list_.IsServing(location));
  location.epoch = 6;
  EXPECT_FALSE(list_.IsServing(location));
  location.epoch = 5;
  location.incarnation = 8;
  EXPECT_FALSE(list_.IsServing(location));
  location.incarnation = 7;
  location.tablet.id = 21;
  EXPECT_FALSE(list_.IsServing(location));
  client_.answers.clear();
  ASSERT_OK(list_.Refresh());
  location.tablet.id = 20;
  EXPECT_TRUE(list_.IsServing(location)) << "by its last report";
}

}  // namespace
}  // namespace stele::master
