// Goal: what splits and merges by itself, and when: hot tablets by their load once they were hot
// for long enough, not again at once when that failed; small neighbours after a while, several
// pairs at a time, unless they are warm.
#include "master/reshaper.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "common/store/blob_store.h"
#include "common/store/fs.h"
#include "common/testing/manual_clock.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "locker/embedded/embedded_locker.h"
#include "master/reconciler.h"
#include "schema/convert/codec.h"
#include "schema/wire/method.h"

namespace stele::master {
namespace {

using wire::Method;

constexpr TableId kTable = kFirstUserTable;
constexpr TabletId kFirst = 100;
constexpr int kTablets = 4;
constexpr Epoch kEpoch = 5;
constexpr uint64_t kIncarnation = 7;
constexpr int64_t kSessionNs = 1'000'000'000'000;  // longer than any test's time

// One server that reports what the test sets, takes every row, and keeps its orders.
class FakeServer : public net::RpcClient {
 public:
  void Call(const std::string&, uint16_t method, net::Buffer body, int64_t,
            Callback done) override {
    if (static_cast<Method>(method) == Method::kReportTablets) return done(wire::Encode(report));
    if (static_cast<Method>(method) == Method::kSplitTablet) {
      EXPECT_OK(wire::Decode(body, &splits.emplace_back()));
    } else if (static_cast<Method>(method) == Method::kMergeTablets) {
      EXPECT_OK(wire::Decode(body, &merges.emplace_back()));
    }
    done(order_answer.ok() ? wire::Encode(wire::Empty()) : StatusOr<net::Buffer>(order_answer));
  }
  StatusOr<net::Buffer> CallSync(const std::string&, uint16_t method, net::Buffer body,
                                 int64_t) override {
    if (static_cast<Method>(method) == Method::kReadRows) {
      return wire::Encode(wire::ReadRowsResponse{.done = true});
    }
    wire::MutateRowsRequest rows;
    RETURN_IF_ERROR(wire::Decode(body, &rows));
    wire::MutateRowsResponse response;
    response.results.resize(rows.rows.size());
    return wire::Encode(response);
  }

  wire::ReportTabletsResponse report{.server_id = "ts-1", .incarnation = kIncarnation};
  std::vector<wire::SplitTabletRequest> splits;
  std::vector<wire::MergeTabletsRequest> merges;
  Status order_answer;
};

class ReshaperTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(store_, OpenPosixStore(PosixFs(), dir_.path(), /*create=*/true));
    ASSERT_OK_AND_ASSIGN(locker_, OpenEmbeddedLocker(store_.get(), &clock_, {kSessionNs}));
    ASSERT_OK_AND_ASSIGN(session_, locker_->OpenSession("test"));
    const ServerNode node{"ts-1", kIncarnation, "ts-1:1", ""};
    ASSERT_OK(session_->CreateEphemeral(absl::StrCat(kServersPath, "/ts-1"), EncodeServerNode(node))
                  .status());
    tablets_ = std::make_unique<TabletDirectory>(session_.get(), &access_, &revision_);
    ASSERT_OK(tablets_->LoadFromLocker());
    ASSERT_OK(tablets_->LoadMetadataTablets());
    ASSERT_OK(tablets_->Put({At(FirstMetadataTabletDescriptor())}));
    ASSERT_OK(tablets_->LoadTablets());
    ASSERT_OK(catalog_.Load());
    TableRecord record;
    record.schema.name = "t";
    record.schema.id = kTable;
    record.schema.split_bytes = 4'000;
    record.state = TableState::kServing;
    ASSERT_OK(catalog_.Put(record));
    std::string start;
    for (int i = 0; i < kTablets; ++i) {
      const std::string end = i + 1 == kTablets ? "" : std::string(1, static_cast<char>('b' + i));
      const TabletDescriptor tablet{kFirst + static_cast<TabletId>(i), kTable, start, end};
      start = end;
      ASSERT_OK(tablets_->Put({At(tablet)}));
      wire::TabletReport& report = server_.report.tablets.emplace_back();
      report.tablet = tablet;
      report.epoch = kEpoch;
      report.state = wire::TabletState::kOpen;
      report.counters.bytes = 1'000;
    }
    servers_ = std::make_unique<ServerList>(session_.get(), &server_, &clock_, 1000);
    context_ = {&catalog_, tablets_.get(), servers_.get(), &control_, &reshapes_, nullptr};
    options_.merge_small_after_ms = 0;
    options_.split_load_per_s = 100;
    options_.split_load_after_ms = 3'000;
    reshaper_ = std::make_unique<Reshaper>(options_, &clock_);
  }
  static TabletLocation At(const TabletDescriptor& tablet) {
    return {.tablet = tablet,
            .epoch = kEpoch,
            .assignment = TabletAssignment::kAssigned,
            .server_id = "ts-1",
            .incarnation = kIncarnation,
            .address = "ts-1:1"};
  }
  // Seconds pass, in each of which tablet i gets loads[i] requests.
  void Pass(int seconds, const std::vector<uint64_t>& loads) {
    for (int s = 0; s < seconds; ++s) {
      clock_.AdvanceMillis(1'000);
      for (size_t i = 0; i < loads.size(); ++i) {
        server_.report.tablets[i].counters.reads += loads[i];
      }
      ASSERT_OK(servers_->Refresh());
      reshapes_.Seen(reshapes_.Ended());
      ASSERT_OK(reshaper_->Advance(context_));
    }
  }
  void Merge(int64_t after_ms) {
    options_.merge_small_after_ms = after_ms;
    reshaper_ = std::make_unique<Reshaper>(options_, &clock_);
    for (wire::TabletReport& report : server_.report.tablets) report.counters.bytes = 400;
  }

  TempDir dir_;
  ManualClock clock_;
  FakeServer server_;
  Revision revision_{1};
  TabletAccess access_{&server_, 1000};
  Catalog catalog_{&access_, &revision_};
  TabletControl control_{&server_, &clock_, [] {}};
  TabletControl reshapes_{&server_, &clock_, [] {}};
  std::unique_ptr<BlobStore> store_;
  std::unique_ptr<Locker> locker_;
  std::unique_ptr<LockerSession> session_;
  std::unique_ptr<TabletDirectory> tablets_;
  std::unique_ptr<ServerList> servers_;
  ProcedureContext context_;
  ReshapeOptions options_;
  std::unique_ptr<Reshaper> reshaper_;
};

TEST_F(ReshaperTest, AHotTabletIsSplitByItsLoadAfterAWhile) {
  Pass(3, {0, 150, 99, 0});
  EXPECT_TRUE(server_.splits.empty()) << "two seconds since it was first seen to be hot";
  Pass(2, {0, 150, 99, 0});
  ASSERT_EQ(server_.splits.size(), 1u);
  EXPECT_EQ(server_.splits[0].tablet, kFirst + 1);
  EXPECT_TRUE(server_.splits[0].by_load);
  EXPECT_EQ(reshaper_->WhyHot(kFirst + 1), "");
}

TEST_F(ReshaperTest, WhatCannotBeCutSaysWhyAndIsTriedAgainMuchLater) {
  server_.order_answer = absl::FailedPreconditionError("one hot row: \"r\"");
  Pass(6, {0, 150});
  EXPECT_EQ(server_.splits.size(), 1u);
  EXPECT_TRUE(absl::StrContains(reshaper_->WhyHot(kFirst + 1), "one hot row"));
  Pass(20, {0, 150});
  EXPECT_EQ(server_.splits.size(), 1u);
  Pass(15, {0, 150});
  EXPECT_EQ(server_.splits.size(), 2u);
  Pass(1, {0, 0});
  EXPECT_EQ(reshaper_->WhyHot(kFirst + 1), "");
}

TEST_F(ReshaperTest, OtherRulesCountFromTheNextPass) {
  Pass(2, {0, 150, 99, 0});
  ReshapeOptions quiet = options_;
  quiet.split_load_per_s = 1'000;
  reshaper_->Retune(quiet);
  Pass(10, {0, 150, 99, 0});
  EXPECT_TRUE(server_.splits.empty()) << "150 a second are not hot any more";
  reshaper_->Retune(options_);
  Pass(5, {0, 150, 99, 0});
  EXPECT_EQ(server_.splits.size(), 1u);
}

TEST_F(ReshaperTest, WithoutALimitNothingIsHot) {
  options_.split_load_per_s = 0;
  reshaper_ = std::make_unique<Reshaper>(options_, &clock_);
  Pass(10, {1'000'000});
  EXPECT_TRUE(server_.splits.empty());
}

TEST_F(ReshaperTest, SmallNeighboursAreMergedInPairsAfterAWhile) {
  Merge(2'500);
  Pass(3, {});
  EXPECT_TRUE(server_.merges.empty());
  Pass(1, {});
  ASSERT_EQ(server_.merges.size(), 2u) << "both pairs at a time";
  EXPECT_EQ(server_.merges[0].left, kFirst);
  EXPECT_EQ(server_.merges[1].left, kFirst + 2);
}

// What was merged would be merged with its other neighbour, and its rows be lost sight of.
TEST_F(ReshaperTest, NothingIsMergedByReportsFromBeforeItsLastMerge) {
  Merge(2'500);
  Pass(4, {});
  ASSERT_EQ(server_.merges.size(), 2u);
  ASSERT_OK(reshaper_->Advance(context_));
  EXPECT_EQ(server_.merges.size(), 2u);
  Pass(1, {});
  EXPECT_EQ(server_.merges.size(), 4u) << "these reports say that nothing was done";
}

TEST_F(ReshaperTest, AWarmNeighbourDoesNotKeepTheOthersFromBeingMerged) {
  Merge(2'500);
  Pass(4, {60, 0, 0, 60});
  ASSERT_EQ(server_.merges.size(), 1u) << "the two in the middle";
  EXPECT_EQ(server_.merges[0].left, kFirst + 1);
}

TEST_F(ReshaperTest, APairWithANewNeighbourWaitsAnew) {
  Merge(2'500);
  Pass(2, {});
  // The second has grown; a new small one stands in its place.
  server_.report.tablets[1].counters.bytes = 1'000;
  Pass(1, {});
  const TabletLocation old = *tablets_->Find(kFirst + 1);
  ASSERT_OK(tablets_->Remove({old}));
  TabletDescriptor next = old.tablet;
  next.id = kFirst + 50;
  ASSERT_OK(tablets_->Put({At(next)}));
  server_.report.tablets[1].tablet = next;
  server_.report.tablets[1].counters.bytes = 400;
  Pass(1, {});
  for (const auto& merge : server_.merges) EXPECT_NE(merge.left, kFirst) << "it waits anew";
  Pass(3, {});
  EXPECT_TRUE(std::any_of(server_.merges.begin(), server_.merges.end(),
                          [](const auto& merge) { return merge.left == kFirst; }));
}

TEST_F(ReshaperTest, WarmNeighboursAreLeftAloneUntilTheyAreCool) {
  Merge(2'500);
  Pass(6, {30, 30});
  ASSERT_FALSE(server_.merges.empty());
  for (const auto& merge : server_.merges) EXPECT_NE(merge.left, kFirst);
  server_.merges.clear();
  Pass(2, {});
  for (const auto& merge : server_.merges) EXPECT_NE(merge.left, kFirst) << "it waits anew";
  Pass(3, {});
  EXPECT_TRUE(std::any_of(server_.merges.begin(), server_.merges.end(),
                          [](const auto& merge) { return merge.left == kFirst; }));
}

// A pass looks at each tablet a few times, in however many tables they are.
TEST_F(ReshaperTest, APassCostsAsMuchForManyTablesAsForOne) {
  constexpr int kTables = 500;
  for (int i = 1; i <= kTables; ++i) {
    TableRecord record;
    record.schema.name = absl::StrCat("table-", i);
    record.schema.id = kTable + static_cast<TableId>(i);
    record.state = TableState::kServing;
    ASSERT_OK(catalog_.Put(record));
    const TabletDescriptor tablet{1'000 + static_cast<TabletId>(i), record.schema.id, "", ""};
    ASSERT_OK(tablets_->Put({At(tablet)}));
    wire::TabletReport& report = server_.report.tablets.emplace_back();
    report.tablet = tablet;
    report.epoch = kEpoch;
    report.state = wire::TabletState::kOpen;
  }
  Merge(2'500);
  Reconciler reconciler({servers_.get(), tablets_.get(), &catalog_, &control_, &reshapes_, &clock_,
                         nullptr, nullptr, [](const std::string&) { return true; }});
  const uint64_t before = tablets_->given();
  ASSERT_OK(reconciler.RunPass().status());
  Pass(1, {});
  const uint64_t given = tablets_->given() - before, all = tablets_->all().size();
  EXPECT_GE(given, all) << "it is not counted";
  EXPECT_LE(given, 10 * all);
}

}  // namespace
}  // namespace stele::master
