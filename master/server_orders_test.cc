// Goal: drains and balances are planned on what is written and reported, moved a few at a time,
// flushed first, the system's tablets last; a drain outlives the master that was told of it, and
// nothing goes to a server that drains.
#include "master/server_orders.h"

#include <gtest/gtest.h>

#include "common/store/blob_store.h"
#include "common/store/fs.h"
#include "common/testing/manual_clock.h"
#include "common/testing/scripted_faults.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "locker/embedded/embedded_locker.h"
#include "master/cell_balance.h"
#include "schema/convert/codec.h"

namespace stele::master {
namespace {

using wire::Method;

constexpr TableId kTable = kFirstUserTable;
constexpr TabletId kFirst = 100;
constexpr Epoch kEpoch = 5;
constexpr uint64_t kIncarnation = 7;
constexpr int kTablets = 9;
constexpr int kMovesAtOnce = 16;

// Servers that report what the test sets, and keep the rows and the orders that they are given.
class FakeServers : public net::RpcClient {
 public:
  void Call(const std::string& address, uint16_t method, net::Buffer body, int64_t,
            Callback done) override {
    if (static_cast<Method>(method) == Method::kReportTablets) {
      auto found = reports.find(address);
      return done(found == reports.end()
                      ? StatusOr<net::Buffer>(absl::DeadlineExceededError("silent"))
                      : wire::Encode(found->second));
    }
    wire::TabletRequest request;
    ASSERT_EQ(static_cast<Method>(method), Method::kFlushTablet);
    ASSERT_OK(wire::Decode(body, &request));
    flushed.push_back(request.tablet);
    done(flush_answer.ok() ? wire::Encode(wire::Empty()) : StatusOr<net::Buffer>(flush_answer));
  }
  // One catalog tablet and one METADATA tablet: their rows do not get mixed up.
  StatusOr<net::Buffer> CallSync(const std::string&, uint16_t method, net::Buffer body,
                                 int64_t) override {
    if (static_cast<Method>(method) == Method::kReadRows) {
      wire::ReadRowsRequest request;
      RETURN_IF_ERROR(wire::Decode(body, &request));
      wire::ReadRowsResponse page;
      page.done = true;
      for (const auto& [key, cell] : rows[request.tablet]) page.rows.push_back({key, {cell}});
      return wire::Encode(page);
    }
    ++writes;
    RETURN_IF_ERROR(write_answer);
    wire::MutateRowsRequest request;
    RETURN_IF_ERROR(wire::Decode(body, &request));
    for (const RowMutation& row : request.rows) {
      const auto* set = std::get_if<SetCell>(&row.mutations[0]);
      if (set == nullptr) rows[request.tablet].erase(row.row);
      if (set == nullptr) continue;
      rows[request.tablet][row.row] = {kSystemFamily, set->qualifier, 1, set->value, {}};
    }
    wire::MutateRowsResponse response;
    response.results.resize(request.rows.size());
    return wire::Encode(response);
  }

  std::map<std::string, wire::ReportTabletsResponse> reports;
  std::map<TabletId, std::map<std::string, Cell>> rows;  // each has one
  std::vector<TabletId> flushed;
  Status flush_answer, write_answer;
  size_t writes = 0;
};

class ServerOrdersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(store_, OpenPosixStore(PosixFs(), dir_.path(), /*create=*/true));
    ASSERT_OK_AND_ASSIGN(locker_, OpenEmbeddedLocker(store_.get(), &clock_, {1'000'000'000'000}));
    ASSERT_OK_AND_ASSIGN(session_, locker_->OpenSession("test"));
    for (const char* id : {"ts-1", "ts-2", "ts-3"}) AddServer(id);
    tablets_ = std::make_unique<TabletDirectory>(session_.get(), &access_, &revision_);
    ASSERT_OK(tablets_->LoadFromLocker());
    ASSERT_OK(tablets_->LoadMetadataTablets());
    ASSERT_OK(catalog_.Load());
    servers_ = std::make_unique<ServerList>(session_.get(), &client_, &clock_, 1000);
    context_ = {&catalog_, tablets_.get(), servers_.get(), &control_, &reshapes_, &faults_};
    // All of the system at ts-1, and three tablets of a table at each.
    Place(RootTabletDescriptor(), "ts-1");
    Place(FirstMetadataTabletDescriptor(), "ts-1");
    ASSERT_OK(tablets_->LoadTablets());
    Place(CatalogTabletDescriptor(), "ts-1");
    for (int i = 0; i < kTablets; ++i) {
      const std::string start = i == 0 ? "" : absl::StrCat(i);
      const std::string end = i + 1 == kTablets ? "" : absl::StrCat(i + 1);
      Place({kFirst + static_cast<TabletId>(i), kTable, start, end},
            absl::StrCat("ts-", i % 3 + 1));
    }
    ASSERT_OK(Look());
  }

  Status Look() {
    RETURN_IF_ERROR(servers_->Refresh());
    reshapes_.Seen(reshapes_.Ended());
    return OkStatus();
  }
  void AddServer(const std::string& id) {
    const ServerNode node{id, kIncarnation, id + ":1", ""};
    ASSERT_OK_AND_ASSIGN(server_sessions_[id], locker_->OpenSession(id));
    ASSERT_OK(server_sessions_[id]
                  ->CreateEphemeral(absl::StrCat(kServersPath, "/", id), EncodeServerNode(node))
                  .status());
    wire::ReportTabletsResponse& report = client_.reports[node.address];
    report.server_id = id;
    report.incarnation = kIncarnation;
  }
  void Place(const TabletDescriptor& tablet, const std::string& server) {
    ASSERT_OK(tablets_->Put({{.tablet = tablet,
                              .epoch = kEpoch,
                              .assignment = TabletAssignment::kAssigned,
                              .server_id = server,
                              .incarnation = kIncarnation,
                              .address = server + ":1"}}));
    Report(tablet, server, kEpoch);
  }
  void Report(const TabletDescriptor& tablet, const std::string& server, Epoch epoch) {
    for (auto& [address, report] : client_.reports) {
      std::erase_if(report.tablets, [&](const auto& old) { return old.tablet.id == tablet.id; });
    }
    wire::TabletReport& report = client_.reports[server + ":1"].tablets.emplace_back();
    report.tablet = tablet;
    report.epoch = epoch;
    report.state = wire::TabletState::kOpen;
  }
  // What the reconciler and the servers do: each has what is written. True: something changed.
  bool BringAll() {
    bool changed = false;
    for (const auto& [id, location] : tablets_->all()) {
      if (servers_->IsServing(location)) continue;
      Report(location.tablet, location.server_id, location.epoch);
      changed = true;
    }
    EXPECT_OK(Look());
    return changed;
  }
  StatusOr<std::vector<std::string>> Order(Method method, const std::string& server = "",
                                           bool dry_run = false) {
    wire::TabletOrderRequest request;
    request.server = server;
    request.dry_run = dry_run;
    ASSIGN_OR_RETURN(auto answer,
                     CarryOutServerOrder(context_, method, request, &moves_, &*balancer_));
    return std::move(answer.steps);
  }
  void Load(int seconds, const std::vector<uint64_t>& loads);
  size_t TabletsAt(const std::string& server) const {
    size_t n = 0;
    for (const auto& [id, location] : tablets_->all()) n += location.server_id == server;
    return n;
  }
  // Passes until nothing moves; the largest number of tablets that were not served at once.
  size_t Settle() {
    size_t most = 0;
    for (int pass = 0; pass < 200; ++pass) {
      moves_.Advance(context_);
      size_t away = 0;
      for (const auto& [id, location] : tablets_->all()) away += !servers_->IsServing(location);
      most = std::max(most, away);
      BringAll();
      if (moves_.empty()) return most;
    }
    ADD_FAILURE() << "it does not come to an end";
    return most;
  }

  TempDir dir_;
  ManualClock clock_;
  ScriptedFaults faults_;
  FakeServers client_;
  Revision revision_{1};
  TabletAccess access_{&client_, 1000};
  Catalog catalog_{&access_, &revision_};
  TabletControl control_{&client_, &clock_, [] {}};
  TabletControl reshapes_{&client_, &clock_, [] {}};
  std::unique_ptr<BlobStore> store_;
  std::unique_ptr<Locker> locker_;
  std::unique_ptr<LockerSession> session_;
  std::map<std::string, std::unique_ptr<LockerSession>> server_sessions_;
  std::unique_ptr<TabletDirectory> tablets_;
  std::unique_ptr<ServerList> servers_;
  ProcedureContext context_;
  TabletMoves moves_;
  std::optional<Balancer> balancer_{BalanceOptions()};
};

TEST_F(ServerOrdersTest, ADrainMovesEverythingAFewAtATimeAndFlushesFirst) {
  catalog_.SetLocation(*tablets_->Find(kCatalogTablet));
  ASSERT_OK_AND_ASSIGN(const auto plan, Order(Method::kDrain, "ts-1", /*dry_run=*/true));
  EXPECT_EQ(plan.size(), 6u) << "root, METADATA, catalog and three tablets";
  EXPECT_TRUE(catalog_.drained().empty());
  EXPECT_TRUE(moves_.empty());

  ASSERT_OK_AND_ASSIGN(const auto left, Order(Method::kDrain, "ts-1"));
  EXPECT_EQ(left, plan);
  EXPECT_LE(Settle(), static_cast<size_t>(kMovesAtOnce));
  EXPECT_EQ(TabletsAt("ts-1"), 0u);
  EXPECT_EQ(client_.flushed.size(), 6u);
  // The system's own come last.
  EXPECT_GE(client_.flushed[2], kFirst);
  EXPECT_LT(client_.flushed[3], kFirstUserTablet);
  ASSERT_OK_AND_ASSIGN(const auto nothing, Order(Method::kDrain, "ts-1"));
  EXPECT_TRUE(nothing.empty());
}

TEST_F(ServerOrdersTest, ManyTabletsAreFlushedAheadAndWrittenTogether) {
  constexpr int kMany = 100;
  for (int i = 0; i < kMany; ++i) {
    const TabletId id = kFirst + kTablets + static_cast<TabletId>(i);
    const std::string start = i == 0 ? "" : absl::StrCat(1000 + i);
    const std::string end = i + 1 == kMany ? "" : absl::StrCat(1001 + i);
    Place({id, kTable + 1, start, end}, "ts-1");
  }
  ASSERT_OK(Look());
  for (const TabletView& view : ViewTable(context_, kTable + 1)) {
    ASSERT_OK_AND_ASSIGN(const TabletView one, ViewTablet(context_, view.location.tablet.id));
    EXPECT_EQ(one.expected_start, view.expected_start);
    EXPECT_TRUE(one.serving && one.starts_right());
  }
  ASSERT_OK(Order(Method::kDrain, "ts-1").status());
  client_.writes = 0;
  EXPECT_EQ(Settle(), static_cast<size_t>(kMovesAtOnce));
  EXPECT_EQ(TabletsAt("ts-1"), 0u);
  EXPECT_EQ(std::set<TabletId>(client_.flushed.begin(), client_.flushed.end()).size(),
            client_.flushed.size())
      << "each is flushed once";
  EXPECT_EQ(client_.flushed.size(), kMany + 6u);
  EXPECT_LE(client_.writes, 2 * (kMany + 3) / kMovesAtOnce + 2u) << "not one for each tablet";
}

TEST_F(ServerOrdersTest, AWriteThatFailsIsPlannedAgain) {
  ASSERT_OK(Order(Method::kDrain, "ts-1").status());
  client_.write_answer = absl::UnavailableError("away");
  for (int pass = 0; pass < 3; ++pass) {
    moves_.Advance(context_);
    ASSERT_OK(Look());
  }
  EXPECT_FALSE(tablets_->tablets_loaded()) << "what is written is in doubt";
  client_.write_answer = OkStatus();
  ASSERT_OK(tablets_->LoadTablets());
  Settle();
  EXPECT_EQ(TabletsAt("ts-1"), 0u);
  EXPECT_EQ(TabletsAt("ts-2") + TabletsAt("ts-3"), kTablets + 3u);
}

TEST_F(ServerOrdersTest, TabletsOfTheSystemMoveAlone) {
  ASSERT_OK(Order(Method::kDrain, "ts-1").status());
  size_t system = 0;
  while (!moves_.empty()) {
    moves_.Advance(context_);
    size_t away = 0;
    bool of_system = false;
    for (const auto& [id, location] : tablets_->all()) {
      if (servers_->IsServing(location)) continue;
      ++away;
      of_system |= id < kFirstUserTablet;
    }
    if (of_system) {
      EXPECT_EQ(away, 1u);
      ++system;
    }
    BringAll();
  }
  EXPECT_EQ(system, 3u);
}

TEST_F(ServerOrdersTest, ADrainOutlivesTheMaster) {
  ASSERT_OK(Order(Method::kDrain, "ts-2").status());
  Catalog next(&access_, &revision_);
  ASSERT_OK(next.Load());
  EXPECT_EQ(next.drained(), std::set<std::string>{"ts-2"});
  context_.catalog = &next;
  moves_ = TabletMoves();
  moves_.Advance(context_);
  EXPECT_EQ(moves_.moves().size(), 3u) << "planned anew from what is written";
  ASSERT_OK(Order(Method::kUndrain, "ts-2").status());
  EXPECT_TRUE(moves_.empty()) << "what was not written is given up";
  Catalog third(&access_, &revision_);
  ASSERT_OK(third.Load());
  EXPECT_TRUE(third.drained().empty());
}

TEST_F(ServerOrdersTest, WhatIsCutOffIsDoneAgain) {
  faults_.FailAt("drain_server.before_mark", 1, absl::InternalError("cut"));
  EXPECT_STATUS(kInternal, "cut", Order(Method::kDrain, "ts-2").status());
  EXPECT_TRUE(catalog_.drained().empty());
  faults_.FailAt("drain_server.after_mark", 1, absl::InternalError("cut"));
  EXPECT_STATUS(kInternal, "cut", Order(Method::kDrain, "ts-2").status());
  EXPECT_TRUE(catalog_.drained().contains("ts-2"));
  EXPECT_EQ(Settle(), 3u);
  EXPECT_EQ(TabletsAt("ts-2"), 0u);
  faults_.FailAt("drain_server.before_unmark", 1, absl::InternalError("cut"));
  EXPECT_STATUS(kInternal, "cut", Order(Method::kUndrain, "ts-2").status());
  EXPECT_TRUE(catalog_.drained().contains("ts-2"));
  client_.write_answer = absl::UnavailableError("away");
  EXPECT_STATUS(kUnavailable, "away", Order(Method::kUndrain, "ts-2").status());
  EXPECT_FALSE(catalog_.loaded()) << "what is written is in doubt";
}

TEST_F(ServerOrdersTest, OrdersThatMakeNoSenseAreRefused) {
  EXPECT_STATUS(kNotFound, "ts-9", Order(Method::kDrain, "ts-9").status());
  EXPECT_STATUS(kNotFound, "ts-9", Order(Method::kDrain, "ts-9", /*dry_run=*/true).status());
  EXPECT_STATUS(kNotFound, "ts-9", Order(Method::kUndrain, "ts-9").status());
  ASSERT_OK(Order(Method::kUndrain, "ts-1").status());
  ASSERT_OK(Order(Method::kDrain, "ts-1").status());
  ASSERT_OK(Order(Method::kDrain, "ts-2").status());
  EXPECT_STATUS(kFailedPrecondition, "no other server", Order(Method::kDrain, "ts-3").status());
  client_.reports["ts-3:1"].leaving = true;  // by itself
  ASSERT_OK(Look());
  ASSERT_OK_AND_ASSIGN(const auto left, Order(Method::kDrain, "ts-1", /*dry_run=*/true));
  ASSERT_FALSE(left.empty());
  const std::vector<PlannedMove> plan = PlanDrains(context_, "");
  EXPECT_EQ(plan.size(), 12u);
  EXPECT_EQ(DescribeMove(plan.front()), "tablet 1 waits at ts-1 for a server that can take it");
}

TEST_F(ServerOrdersTest, AServerThatLeavesIsRelievedWithoutAnOrder) {
  client_.reports["ts-3:1"].leaving = true;
  ASSERT_OK(Look());
  Settle();
  EXPECT_EQ(TabletsAt("ts-3"), 0u);
  EXPECT_TRUE(catalog_.drained().empty()) << "its next incarnation is given tablets";
}

TEST_F(ServerOrdersTest, AFlushThatFailsDoesNotMoveTheTablet) {
  client_.flush_answer = absl::ResourceExhaustedError("disk full");
  ASSERT_OK(Order(Method::kDrain, "ts-2").status());
  for (int i = 0; i < 5; ++i) moves_.Advance(context_);
  EXPECT_EQ(TabletsAt("ts-2"), 3u);
  EXPECT_EQ(client_.flushed.size(), 3u) << "the next attempt is put off";
  client_.flush_answer = OkStatus();
  clock_.AdvanceMillis(1'000);
  Settle();
  EXPECT_EQ(TabletsAt("ts-2"), 0u);
}

TEST_F(ServerOrdersTest, AServerThatGoesMeanwhileIsPlannedAround) {
  ASSERT_OK(Order(Method::kDrain, "ts-2").status());
  moves_.Advance(context_);
  server_sessions_.erase("ts-3");
  client_.reports.erase("ts-3:1");
  ASSERT_OK(Look());
  for (int i = 0; i < 50 && TabletsAt("ts-2") > 0; ++i) {
    moves_.Advance(context_);
    for (const auto& [id, location] : tablets_->all()) {
      if (location.server_id != "ts-3") Report(location.tablet, location.server_id, location.epoch);
    }
    ASSERT_OK(Look());
  }
  EXPECT_EQ(TabletsAt("ts-2"), 0u);
  EXPECT_EQ(TabletsAt("ts-1"), 9u);
}

TEST_F(ServerOrdersTest, ABalanceEvensAndComesToRest) {
  ASSERT_OK(Order(Method::kDrain, "ts-3").status());
  Settle();
  ASSERT_OK_AND_ASSIGN(const auto even, Order(Method::kBalance, "", /*dry_run=*/true));
  EXPECT_LE(even.size(), 2u);
  for (const std::string& step : even) {
    EXPECT_EQ(step.find("ts-3"), step.npos) << "nothing goes to the drained one: " << step;
  }
  ASSERT_OK(Order(Method::kUndrain, "ts-3").status());
  ASSERT_OK_AND_ASSIGN(const auto plan, Order(Method::kBalance, "", /*dry_run=*/true));
  EXPECT_EQ(plan.size(), 4u) << "twelve tablets, four each";
  EXPECT_TRUE(moves_.empty());
  ASSERT_OK_AND_ASSIGN(const auto begun, Order(Method::kBalance));
  EXPECT_EQ(begun, plan);
  ASSERT_OK_AND_ASSIGN(const auto again, Order(Method::kBalance));
  EXPECT_EQ(again.size(), plan.size()) << "what is under way is not planned twice";
  Settle();
  for (const char* id : {"ts-1", "ts-2", "ts-3"}) EXPECT_EQ(TabletsAt(id), 4u) << id;
  ASSERT_OK_AND_ASSIGN(const auto nothing, Order(Method::kBalance));
  EXPECT_TRUE(nothing.empty());
}

// A balance is planned by nobody but who orders it: its moves must outlive a write that fails.
TEST_F(ServerOrdersTest, ABalanceOutlivesAWriteThatFails) {
  ASSERT_OK(Order(Method::kDrain, "ts-3").status());
  Settle();
  ASSERT_OK(Order(Method::kUndrain, "ts-3").status());
  ASSERT_OK_AND_ASSIGN(const auto plan, Order(Method::kBalance));
  client_.flushed.clear();
  client_.write_answer = absl::UnavailableError("away");
  for (int pass = 0; pass < 3; ++pass) {
    moves_.Advance(context_);
    ASSERT_OK(Look());
  }
  EXPECT_EQ(TabletsAt("ts-3"), 0u);
  client_.write_answer = OkStatus();
  ASSERT_OK(tablets_->LoadTablets());
  Settle();
  for (const char* id : {"ts-1", "ts-2", "ts-3"}) EXPECT_EQ(TabletsAt(id), 4u) << id;
  EXPECT_EQ(client_.flushed.size(), plan.size()) << "each is flushed once";
}

// Seconds in which the tablets at ts-2 get what `loads` says, first to last.
void ServerOrdersTest::Load(int seconds, const std::vector<uint64_t>& loads) {
  for (int s = 0; s < seconds; ++s) {
    clock_.AdvanceMillis(1'000);
    size_t i = 0;
    for (wire::TabletReport& report : client_.reports["ts-2:1"].tablets) {
      if (report.tablet.id < kFirst || i >= loads.size()) continue;
      report.counters.reads += loads[i++];
    }
    ASSERT_OK(Look());
    MeasureLoads(context_, &balancer_->meter());
    BalanceByItself(context_, clock_.BootNanos(), &*balancer_, &moves_);
  }
}

TEST_F(ServerOrdersTest, ABalanceByLoadTellsItsFiguresAndIsNotOrderedTwice) {
  catalog_.SetLocation(*tablets_->Find(kCatalogTablet));
  ASSERT_OK(Order(Method::kBalance).status());
  Settle();
  Load(5, {1'000, 900});
  ASSERT_OK_AND_ASSIGN(const auto plan, Order(Method::kBalance, "", /*dry_run=*/true));
  ASSERT_FALSE(plan.empty());
  EXPECT_NE(plan[0].find("ts-2 has a load of 1900/s, ts-"), std::string::npos) << plan[0];
  EXPECT_NE(plan[0].find("the tablet of "), std::string::npos) << plan[0];
  ASSERT_OK_AND_ASSIGN(const auto begun, Order(Method::kBalance));
  EXPECT_EQ(begun, plan);
  Settle();
  ASSERT_OK_AND_ASSIGN(const auto nothing, Order(Method::kBalance));
  EXPECT_TRUE(nothing.empty()) << nothing[0];
}

TEST_F(ServerOrdersTest, ABalanceByItselfWaitsForSilentAndDrainingServers) {
  balancer_.emplace(BalanceOptions{.after_ms = 3'000});
  ASSERT_OK(Order(Method::kBalance).status());
  Settle();
  const wire::ReportTabletsResponse report = client_.reports["ts-3:1"];
  client_.reports.erase("ts-3:1");
  Load(10, {1'000, 900});
  EXPECT_TRUE(moves_.empty()) << "ts-3 is silent";
  client_.reports["ts-3:1"] = report;
  Load(2, {1'000, 900});
  EXPECT_TRUE(moves_.empty()) << "it waits";
  Load(3, {1'000, 900});
  EXPECT_EQ(moves_.moves().size(), 1u);
}

TEST_F(ServerOrdersTest, ABalanceByItselfGoesOnBesideADrainedServer) {
  balancer_.emplace(BalanceOptions{.after_ms = 3'000});
  ASSERT_OK(Order(Method::kBalance).status());
  Settle();
  ASSERT_OK(catalog_.PutDrained("ts-3"));
  ASSERT_GT(TabletsAt("ts-3"), 0u);
  Load(10, {1'000, 900});
  EXPECT_TRUE(moves_.empty()) << "ts-3 still has tablets";
  ASSERT_OK(Order(Method::kDrain, "ts-3").status());
  Settle();
  ASSERT_EQ(TabletsAt("ts-3"), 0u);
  Load(10, {1'000, 900});
  ASSERT_FALSE(moves_.empty()) << "it has none, and does not matter any more";
  for (const PlannedMove& move : moves_.moves()) EXPECT_NE(move.to, "ts-3");
}

TEST_F(ServerOrdersTest, WhatWasOutOfBalanceBeforeASilenceMustBeSoForAWhileAgain) {
  balancer_.emplace(BalanceOptions{.after_ms = 3'000});
  ASSERT_OK(Order(Method::kBalance).status());
  Settle();
  Load(3, {1'000, 900});
  EXPECT_TRUE(moves_.empty()) << "it waits";
  const wire::ReportTabletsResponse report = client_.reports["ts-3:1"];
  client_.reports.erase("ts-3:1");
  Load(10, {1'000, 900});
  client_.reports["ts-3:1"] = report;
  Load(2, {1'000, 900});
  EXPECT_TRUE(moves_.empty()) << "it waits again";
  Load(3, {1'000, 900});
  EXPECT_EQ(moves_.moves().size(), 1u);
}

}  // namespace
}  // namespace stele::master
