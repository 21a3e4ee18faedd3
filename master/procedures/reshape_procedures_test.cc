// Goal: splits, merges and moves are begun only on tablets that serve and stand still, are finished
// from what servers report whatever was written down before, and each step that is repeated, or cut
// off, does no harm.
#include <gtest/gtest.h>

#include "common/store/blob_store.h"
#include "common/store/fs.h"
#include "common/testing/manual_clock.h"
#include "common/testing/scripted_faults.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "locker/embedded/embedded_locker.h"
#include "master/procedures/create_table.h"
#include "master/procedures/drop_table.h"
#include "master/procedures/merge_tablets.h"
#include "master/procedures/move_tablet.h"
#include "master/procedures/split_tablet.h"
#include "schema/convert/codec.h"

namespace stele::master {
namespace {

using wire::Method;

constexpr TableId kTable = kFirstUserTable;
constexpr TabletId kLeft = 100, kRight = 101;
constexpr Epoch kEpoch = 5;
constexpr uint64_t kIncarnation = 7;

// Servers that report what the test sets, take every row, and keep the orders they are given.
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
    orders.push_back({static_cast<Method>(method), address, std::move(body)});
    done(order_answer.ok() ? wire::Encode(wire::Empty()) : StatusOr<net::Buffer>(order_answer));
  }
  StatusOr<net::Buffer> CallSync(const std::string& address, uint16_t method, net::Buffer body,
                                 int64_t) override {
    if (static_cast<Method>(method) == Method::kForgetMerged) {
      orders.push_back({Method::kForgetMerged, address, std::move(body)});
      RETURN_IF_ERROR(order_answer);
      return wire::Encode(wire::Empty());
    }
    if (static_cast<Method>(method) == Method::kReadRows) {
      wire::ReadRowsResponse page;
      page.done = true;
      return wire::Encode(page);
    }
    wire::MutateRowsRequest rows;
    RETURN_IF_ERROR(wire::Decode(body, &rows));
    written.push_back(rows.tablet);
    wire::MutateRowsResponse response;
    response.results.resize(rows.rows.size());
    return wire::Encode(response);
  }

  struct Order {
    Method method;
    std::string address;
    net::Buffer body;
  };
  std::map<std::string, wire::ReportTabletsResponse> reports;
  std::vector<Order> orders;
  std::vector<TabletId> written;  // the tablet of each batch of rows
  Status order_answer;
};

class ReshapeProceduresTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(store_, OpenPosixStore(PosixFs(), dir_.path(), /*create=*/true));
    ASSERT_OK_AND_ASSIGN(locker_, OpenEmbeddedLocker(store_.get(), &clock_, {10'000'000'000}));
    ASSERT_OK_AND_ASSIGN(session_, locker_->OpenSession("test"));
    for (const char* id : {"ts-1", "ts-2"}) {
      const ServerNode node{id, kIncarnation, absl::StrCat(id, ":1"), ""};
      ASSERT_OK(
          session_->CreateEphemeral(absl::StrCat(kServersPath, "/", id), EncodeServerNode(node)));
      wire::ReportTabletsResponse& report = client_.reports[node.address];
      report.server_id = id;
      report.incarnation = kIncarnation;
    }
    tablets_ = std::make_unique<TabletDirectory>(session_.get(), &access_, &revision_);
    ASSERT_OK(tablets_->LoadFromLocker());
    ASSERT_OK(tablets_->LoadMetadataTablets());
    ASSERT_OK(tablets_->Put({At(FirstMetadataTabletDescriptor())}));
    ASSERT_OK(tablets_->LoadTablets());
    ASSERT_OK(catalog_.Load());
    TableRecord record;
    record.schema.name = "t";
    record.schema.id = kTable;
    record.state = TableState::kServing;
    ASSERT_OK(catalog_.Put(record));
    ASSERT_OK(tablets_->Put({At({kLeft, kTable, "", "m"}), At({kRight, kTable, "m", ""})}));
    servers_ = std::make_unique<ServerList>(session_.get(), &client_, &clock_, 1000);
    context_ = {&catalog_, tablets_.get(), servers_.get(), &control_, &reshapes_, &faults_};
    Report({kLeft, kTable, "", "m"});
    Report({kRight, kTable, "m", ""});
    ASSERT_OK(servers_->Refresh());
  }

  static TabletLocation At(const TabletDescriptor& tablet, const std::string& server = "ts-1") {
    return {.tablet = tablet,
            .epoch = kEpoch,
            .assignment = TabletAssignment::kAssigned,
            .server_id = server,
            .incarnation = kIncarnation,
            .address = server + ":1"};
  }
  // What ts-1 (or another) says of the tablet from the next Refresh on.
  wire::TabletReport& Report(const TabletDescriptor& tablet, const std::string& server = "ts-1") {
    auto& tablets = client_.reports[server + ":1"].tablets;
    std::erase_if(tablets, [&](const auto& old) { return old.tablet.id == tablet.id; });
    wire::TabletReport& report = tablets.emplace_back();
    report.tablet = tablet;
    report.epoch = kEpoch;
    report.state = wire::TabletState::kOpen;
    return report;
  }
  // 0 is the first tablet in key order. Good until the servers report again.
  TabletView View(size_t i) { return ViewTable(context_, kTable).at(i); }
  // The table in METADATA: "100:m 101:".
  std::string Rows() const {
    std::string text;
    for (const TabletLocation& row : tablets_->TabletsOf(kTable)) {
      absl::StrAppend(&text, text.empty() ? "" : " ", row.tablet.id, "(", row.tablet.start_row, ",",
                      row.tablet.end_row, "]");
    }
    return text;
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
  std::unique_ptr<TabletDirectory> tablets_;
  std::unique_ptr<ServerList> servers_;
  ProcedureContext context_;
};

TEST_F(ReshapeProceduresTest, ASplitIsOrderedWithAChildThatWasNeverUsed) {
  ASSERT_OK_AND_ASSIGN(const TabletId child, BeginSplitTablet(context_, View(0), "g"));
  ASSERT_EQ(client_.orders.size(), 1u);
  EXPECT_EQ(client_.orders[0].method, Method::kSplitTablet);
  EXPECT_EQ(client_.orders[0].address, "ts-1:1");
  wire::SplitTabletRequest request;
  ASSERT_OK(wire::Decode(client_.orders[0].body, &request));
  EXPECT_EQ(request, (wire::SplitTabletRequest{kLeft, kEpoch, "", child, "g"}));
  ASSERT_OK_AND_ASSIGN(const TabletId next, BeginSplitTablet(context_, View(1), ""));
  EXPECT_NE(next, child);
  EXPECT_EQ(Rows(), "100(,m] 101(m,]") << "nothing is written until the server has committed it";
}

TEST_F(ReshapeProceduresTest, MetadataSplitsIntoTabletsOfTheSystemButItsRootNever) {
  Report(RootTabletDescriptor());
  Report(FirstMetadataTabletDescriptor());
  ASSERT_OK(tablets_->Put({At(RootTabletDescriptor())}));
  ASSERT_OK(servers_->Refresh());
  const std::vector<TabletView> views = ViewTable(context_, kMetadataTable);
  ASSERT_EQ(views.size(), 2u);
  EXPECT_STATUS(kFailedPrecondition, "never splits",
                BeginSplitTablet(context_, views[0], "").status());
  EXPECT_STATUS(kFailedPrecondition, "never merged",
                BeginMergeTablets(context_, views[0], views[1]));
  const std::string at = MetadataRowKey(kTable, "m");
  ASSERT_OK_AND_ASSIGN(const TabletId child, BeginSplitTablet(context_, views[1], at));
  EXPECT_TRUE(IsSystemTablet(child));
  EXPECT_GT(child, kSystemTabletBit);
  EXPECT_TRUE(FindSmallNeighbours(views, 1'000'000).empty()) << "one of them is the root";

  wire::TabletReport& parent = Report({kFirstMetadataTablet, kMetadataTable, at, ""});
  parent.split_child = child;
  parent.split_start_row = RootTabletDescriptor().end_row;
  ASSERT_OK(servers_->Refresh());
  ASSERT_OK(RegisterSplits(context_, kMetadataTable));
  ASSERT_EQ(tablets_->TabletsOf(kMetadataTable).size(), 3u);
  EXPECT_EQ(tablets_->Find(child)->tablet.end_row, at);
  EXPECT_EQ(tablets_->Find(kFirstMetadataTablet)->tablet.start_row, at);
  // Rows go to the tablet that has them now.
  client_.written.clear();
  ASSERT_OK(tablets_->Put({*tablets_->Find(kLeft), *tablets_->Find(kRight)}));
  EXPECT_EQ(client_.written, (std::vector<TabletId>{kFirstMetadataTablet, child}));
}

TEST_F(ReshapeProceduresTest, MetadataOutgrowsASizeOfItsOwn) {
  Report(RootTabletDescriptor()).counters.bytes = 5000;
  Report(FirstMetadataTabletDescriptor()).counters.bytes = 1001;
  ASSERT_OK(tablets_->Put({At(RootTabletDescriptor())}));
  ASSERT_OK(servers_->Refresh());
  ASSERT_OK(SplitLargeTablets(context_, 1001));
  EXPECT_TRUE(client_.orders.empty());
  ASSERT_OK(SplitLargeTablets(context_, 1000));
  ASSERT_EQ(client_.orders.size(), 1u);
  wire::SplitTabletRequest request;
  ASSERT_OK(wire::Decode(client_.orders[0].body, &request));
  EXPECT_EQ(request.tablet, kFirstMetadataTablet);
}

TEST_F(ReshapeProceduresTest, WhatDoesNotServeOrStandStillIsLeftAlone) {
  EXPECT_STATUS(
      kInvalidArgument, "limit",
      BeginSplitTablet(context_, View(0), std::string(kMaxEndRowBytes + 1, 'x')).status());
  client_.order_answer = absl::InternalError("disk");  // a failed order is put off
  ASSERT_OK(BeginSplitTablet(context_, View(0), "g").status());
  EXPECT_STATUS(kUnavailable, "changing", BeginSplitTablet(context_, View(0), "g").status());
  EXPECT_STATUS(kUnavailable, "changing", BeginMergeTablets(context_, View(0), View(1)));
  EXPECT_STATUS(kUnavailable, "changing", BeginMoveTablet(context_, View(0), "ts-2"));
  Report({kRight, kTable, "m", ""}).epoch = kEpoch - 1;  // an owner before this one
  const size_t orders = client_.orders.size();
  ASSERT_OK(servers_->Refresh());
  EXPECT_STATUS(kUnavailable, "serve", BeginSplitTablet(context_, View(1), "p").status());
  EXPECT_STATUS(kUnavailable, "serve", BeginMoveTablet(context_, View(1), "ts-2"));
  client_.reports.erase("ts-1:1");
  ASSERT_OK(servers_->Refresh());
  EXPECT_STATUS(kUnavailable, "serve", BeginSplitTablet(context_, View(1), "p").status());
  EXPECT_EQ(client_.orders.size(), orders);
}

TEST_F(ReshapeProceduresTest, ACommittedSplitIsWrittenDownChildFirst) {
  wire::TabletReport& parent = Report({kLeft, kTable, "g", "m"});
  parent.split_child = 200;
  parent.split_start_row = "";
  faults_.FailAt("split_tablet.before_row", 1, absl::InternalError("cut"));
  ASSERT_OK(servers_->Refresh());
  EXPECT_STATUS(kInternal, "cut", RegisterSplitsOfUsers(context_));
  EXPECT_EQ(Rows(), "100(,m] 101(m,]");
  faults_.FailAt("split_tablet.after_row", 1, absl::InternalError("cut"));
  EXPECT_STATUS(kInternal, "cut", RegisterSplitsOfUsers(context_));
  EXPECT_EQ(Rows(), "200(,g] 100(,m] 101(m,]") << "its parent's range ends it for who looks up";
  for (int again = 0; again < 2; ++again) {
    ASSERT_OK(RegisterSplitsOfUsers(context_));
    EXPECT_EQ(Rows(), "200(,g] 100(g,m] 101(m,]");
  }
  const TabletLocation child = *tablets_->Find(200);
  EXPECT_EQ(child.server_id, "ts-1");
  EXPECT_EQ(child.epoch, kEpoch);
  EXPECT_EQ(child.assignment, TabletAssignment::kAssigned);
}

TEST_F(ReshapeProceduresTest, AChildOfATableThatIsBeingDroppedIsDroppedWithIt) {
  TabletLocation closing = *tablets_->Find(kLeft);
  closing.assignment = TabletAssignment::kClosing;
  ASSERT_OK(tablets_->Put({closing}));
  Report({kLeft, kTable, "g", "m"}).split_child = 200;
  ASSERT_OK(servers_->Refresh());
  ASSERT_OK(RegisterSplitsOfUsers(context_));
  EXPECT_EQ(tablets_->Find(200)->assignment, TabletAssignment::kClosing);
  EXPECT_EQ(tablets_->Find(200)->epoch, kEpoch + 1) << "a delayed open does nothing";
}

TEST_F(ReshapeProceduresTest, RowsThatNobodyHasAreGivenToNobody) {
  Report({kRight, kTable, "p", ""});  // without a word of a child
  ASSERT_OK(servers_->Refresh());
  ASSERT_OK(RegisterSplitsOfUsers(context_));
  EXPECT_EQ(Rows(), "100(,m] 101(m,]");
}

TEST_F(ReshapeProceduresTest, OnlyNeighboursOnOneServerAreMerged) {
  EXPECT_STATUS(kFailedPrecondition, "no neighbours",
                BeginMergeTablets(context_, View(1), View(0)));
  TabletLocation moved = At({kRight, kTable, "m", ""}, "ts-2");
  ASSERT_OK(tablets_->Put({moved}));
  std::erase_if(client_.reports["ts-1:1"].tablets,
                [](const auto& report) { return report.tablet.id == kRight; });
  Report(moved.tablet, "ts-2");
  ASSERT_OK(servers_->Refresh());
  EXPECT_STATUS(kFailedPrecondition, "two servers", BeginMergeTablets(context_, View(0), View(1)));
  EXPECT_TRUE(client_.orders.empty());
}

TEST_F(ReshapeProceduresTest, NothingIsMergedWhileRowsAreDropped) {
  TableRecord record = *catalog_.FindTable(kTable);
  record.dropping = RowRange{};
  ASSERT_OK(catalog_.Put(record));
  EXPECT_STATUS(kUnavailable, "being dropped", BeginMergeTablets(context_, View(0), View(1)));
  EXPECT_TRUE(client_.orders.empty());
}

TEST_F(ReshapeProceduresTest, TheNameOfATableIsTakenUntilItIsGone) {
  TableRecord record = *catalog_.FindTable(kTable);
  record.state = TableState::kDropping;
  ASSERT_OK(catalog_.Put(record));
  EXPECT_STATUS(kUnavailable, "being dropped", BeginDropTable(context_, {record.schema.name}));
  wire::CreateTableRequest again;
  again.schema.name = record.schema.name;
  EXPECT_STATUS(kUnavailable, "being dropped", BeginCreateTable(context_, again));
}

TEST_F(ReshapeProceduresTest, AMergeIsOrderedOfTheRightOne) {
  ASSERT_OK(BeginMergeTablets(context_, View(0), View(1)));
  ASSERT_EQ(client_.orders.size(), 1u);
  EXPECT_EQ(client_.orders[0].method, Method::kMergeTablets);
  wire::MergeTabletsRequest request;
  ASSERT_OK(wire::Decode(client_.orders[0].body, &request));
  EXPECT_EQ(request, (wire::MergeTabletsRequest{kLeft, kEpoch, kRight, kEpoch, "m"}));
  EXPECT_EQ(Rows(), "100(,m] 101(m,]");
}

TEST_F(ReshapeProceduresTest, ASealedLeftTabletIsTakenOverByWhoeverHasTheRightOne) {
  wire::TabletReport& left = Report({kLeft, kTable, "", "m"});
  left.state = wire::TabletState::kFailed;
  left.merged_into = kRight;
  ASSERT_OK(servers_->Refresh());
  ASSERT_OK(FinishMergesOfUsers(context_));
  ASSERT_EQ(client_.orders.size(), 1u);
  EXPECT_EQ(client_.orders[0].method, Method::kMergeTablets);
  EXPECT_EQ(Rows(), "100(,m] 101(m,]");
}

TEST_F(ReshapeProceduresTest, TheLeftRowGoesOnceTheRightTabletHasTheRows) {
  Report({kRight, kTable, "", ""});
  ASSERT_OK(servers_->Refresh());
  faults_.FailAt("merge_tablets.before_forget", 1, absl::InternalError("cut"));
  EXPECT_STATUS(kInternal, "cut", FinishMergesOfUsers(context_));
  EXPECT_TRUE(client_.orders.empty());
  client_.order_answer = absl::UnavailableError("lost");
  EXPECT_STATUS(kUnavailable, "lost", FinishMergesOfUsers(context_));
  EXPECT_EQ(Rows(), "100(,m] 101(m,]") << "its manifest must be gone first";
  client_.order_answer = OkStatus();
  faults_.FailAt("merge_tablets.after_forget", 1, absl::InternalError("cut"));
  EXPECT_STATUS(kInternal, "cut", FinishMergesOfUsers(context_));
  EXPECT_EQ(Rows(), "100(,m] 101(m,]");
  ASSERT_OK(FinishMergesOfUsers(context_));
  EXPECT_EQ(Rows(), "101(,]");
  EXPECT_EQ(tablets_->Find(kLeft), nullptr);
  for (const auto& order : client_.orders) EXPECT_EQ(order.method, Method::kForgetMerged);
}

TEST_F(ReshapeProceduresTest, AMoveIsOneWriteOfTheNewOwnerUnderAHigherEpoch) {
  EXPECT_STATUS(kNotFound, "no live server", BeginMoveTablet(context_, View(0), "ts-3"));
  faults_.FailAt("move_tablet.before_row", 1, absl::InternalError("cut"));
  EXPECT_STATUS(kInternal, "cut", BeginMoveTablet(context_, View(0), "ts-2"));
  EXPECT_EQ(tablets_->Find(kLeft)->server_id, "ts-1");
  ASSERT_OK(BeginMoveTablet(context_, View(0), "ts-2"));
  const TabletLocation moved = *tablets_->Find(kLeft);
  EXPECT_EQ(moved.server_id, "ts-2");
  EXPECT_EQ(moved.address, "ts-2:1");
  EXPECT_EQ(moved.incarnation, kIncarnation);
  EXPECT_EQ(moved.epoch, kEpoch + 1);
  ASSERT_OK(BeginMoveTablet(context_, View(0), "ts-2")) << "it is there already";
  EXPECT_EQ(tablets_->Find(kLeft)->epoch, kEpoch + 1);
  client_.reports.erase("ts-2:1");
  ASSERT_OK(servers_->Refresh());
  EXPECT_STATUS(kUnavailable, "does not report", BeginMoveTablet(context_, View(1), "ts-2"));
}

TEST_F(ReshapeProceduresTest, TabletsAboveTheirTablesSizeAreSplit) {
  Report({kLeft, kTable, "", "m"}).counters.bytes = 1001;
  Report({kRight, kTable, "m", ""}).counters.bytes = 1000;
  ASSERT_OK(servers_->Refresh());
  ASSERT_OK(SplitLargeTablets(context_, 0));
  EXPECT_TRUE(client_.orders.empty()) << "0: never by itself";
  TableRecord record = *catalog_.FindTable(kTable);
  record.schema.split_bytes = 1000;
  ASSERT_OK(catalog_.Put(record));
  ASSERT_OK(SplitLargeTablets(context_, 0));
  ASSERT_EQ(client_.orders.size(), 1u);
  wire::SplitTabletRequest request;
  ASSERT_OK(wire::Decode(client_.orders[0].body, &request));
  EXPECT_EQ(request.tablet, kLeft);
  EXPECT_EQ(request.at, "");
}

TEST_F(ReshapeProceduresTest, SmallNeighboursAreFoundByWhatTheyHoldTogether) {
  Report({kLeft, kTable, "", "m"}).counters.bytes = 600;
  Report({kRight, kTable, "m", ""}).counters.memtable_bytes = 400;
  ASSERT_OK(servers_->Refresh());
  const std::vector<TabletView> views = ViewTable(context_, kTable);
  EXPECT_EQ(FindSmallNeighbours(views, 1000), std::vector<size_t>{0});
  EXPECT_TRUE(FindSmallNeighbours(views, 999).empty());
}

}  // namespace
}  // namespace stele::master
