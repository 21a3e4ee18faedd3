// Goal: tablets that have most of a cell's load and begin on one server end on different ones, by
// themselves, each moved once and with its reason told, while no client sees an error.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "common/base/log.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "stele/client.h"
#include "tests/cluster/process_cell.h"

namespace stele {
namespace {

constexpr int kTablets = 9, kHot = 3, kClients = 3;
constexpr uint64_t kFirstOfUsers = 16;  // tables below are the system's
constexpr int64_t kPatienceMs = 120'000;

std::string RowKey(uint64_t tablet, uint64_t n) { return absl::StrCat(tablet, "/", n % 100); }

class BalanceTest : public ::testing::Test {
 protected:
  static ProcessCell::Tuning Tuning() {
    ProcessCell::Tuning tuning;
    tuning.master_words = {"--balance-after", "2s", "--balance-min-load",  "20",
                           "--split-load",    "0",  "--merge-small-after", "0s"};
    return tuning;
  }
  void SetUp() override {
    ASSERT_OK(cell_.Start());
    ClientOptions options;
    options.timeout_ms = options.admin_timeout_ms = options.connect_timeout_ms = kPatienceMs;
    ASSERT_OK_AND_ASSIGN(client_, Client::Connect(cell_.address(), options));
    std::vector<std::string> splits;
    for (int i = 1; i < kTablets; ++i) splits.push_back(std::to_string(i));
    ASSERT_OK(client_->admin().CreateTable(RowsTable(), splits));
    // Three at each; those that will be hot at one.
    for (int i = 0; i < kTablets; ++i) {
      const std::string server = absl::StrCat("ts-", i / kHot + 1);
      ASSERT_OK_AND_ASSIGN(const auto tablets, Tablets());
      const TabletSummary& tablet = tablets[static_cast<size_t>(i)];
      if (tablet.tablet.server_id == server) continue;
      TabletOrder order;
      order.tablets = {tablet.tablet.id};
      order.server = server;
      ASSERT_OK(client_->admin().Move(order).status());
    }
  }
  void TearDown() override {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

  // Those of the table, in the order of their rows.
  static EventQuery LastEvents() {
    EventQuery query;
    query.limit = 1'000;
    return query;
  }
  StatusOr<std::vector<TabletSummary>> Tablets() {
    ASSIGN_OR_RETURN(const CellStatus cell, client_->admin().GetCellStatus());
    std::map<std::string, TabletSummary> by_start;
    for (const TabletSummary& tablet : cell.tablets) {
      if (tablet.tablet.table >= kFirstOfUsers) by_start[tablet.tablet.start_row] = tablet;
    }
    std::vector<TabletSummary> tablets;
    for (auto& [start, tablet] : by_start) tablets.push_back(std::move(tablet));
    return tablets;
  }
  std::set<std::string> ServersOfHotTablets() {
    std::set<std::string> servers;
    auto tablets = Tablets();
    if (!tablets.ok()) return servers;
    for (int i = 0; i < kHot; ++i) {
      servers.insert((*tablets)[static_cast<size_t>(i)].tablet.server_id);
    }
    return servers;
  }
  // Nine of ten requests are for the hot tablets.
  void Work(uint64_t seed) {
    SeededRandom random(seed);
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("rows"));
    while (!stop_) {
      const uint64_t tablet = random.Below(random.OneIn(10) ? kTablets : kHot);
      const std::string row = RowKey(tablet, random.Next());
      absl::Status done = random.OneIn(4)
                              ? table.Apply(RowMutationBuilder(row).Set("f", "q", row).Build())
                              : table.ReadRow(row).status();
      EXPECT_OK(done);
      ++requests_;
    }
  }

  ProcessCell cell_{STELE_BINARY, 1, 3, Tuning()};
  std::unique_ptr<Client> client_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> requests_{0};
};

TEST_F(BalanceTest, HotTabletsPartWhileClientsSeeNoError) {
  ASSERT_EQ(ServersOfHotTablets(), std::set<std::string>{"ts-1"});
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  for (int i = 0; i < kClients; ++i) {
    threads_.emplace_back([this, s = seed + static_cast<uint64_t>(i)] { Work(s); });
  }
  std::set<std::string> all_three = {"ts-1", "ts-2", "ts-3"};
  EXPECT_TRUE(Eventually([&] { return ServersOfHotTablets() == all_three; }, kPatienceMs));
  // What would be done now, as who asks is told.
  ASSERT_OK_AND_ASSIGN(const auto left, client_->admin().Balance(/*dry_run=*/true));
  for (const std::string& step : left) EXPECT_TRUE(absl::StrContains(step, ": ")) << step;
  ASSERT_OK_AND_ASSIGN(const EventList told, client_->admin().ListEvents(LastEvents()));
  std::map<uint64_t, int> moves;
  for (const Event& event : told.events) {
    if (!absl::StrContains(event.text, " has a load of ")) continue;
    LOG(INFO) << event.text;
    EXPECT_EQ(event.kind, "assign");
    ++moves[event.tablet];
  }
  EXPECT_GE(moves.size(), 2u) << "the reasons are not told";
  for (const auto& [tablet, count] : moves) EXPECT_EQ(count, 1) << "tablet " << tablet;
  EXPECT_GT(requests_, 1'000u);
  LOG(INFO) << requests_ << " requests";
}

}  // namespace
}  // namespace stele
