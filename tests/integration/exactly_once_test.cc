// Goal: increments, appends and check-and-mutates by several clients, retried on their own, through
// 20 kills of the server with SIGKILL: the sums are exact, nothing is done twice, nothing is lost,
// and the times of a row never go back.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "schema/model/conditional.h"
#include "stele/client.h"
#include "tests/integration/child_cell.h"

namespace stele {
namespace {

constexpr int kKills = 20;
constexpr int kClients = 4;
constexpr int kRows = 3;

TableSchema Counters() {
  TableSchema schema;
  schema.name = "counters";
  schema.groups = {LocalityGroupSchema{.name = "default"}};
  schema.families = {FamilySchema{.name = "f"}};
  schema.families.push_back(FamilySchema{.name = "sum"});
  schema.families.back().aggregate = Aggregate::kSum;
  return schema;
}

std::string RowOf(int n) { return "row-" + std::to_string(n); }

class ExactlyOnceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(cell_.Start());
    ASSERT_OK_AND_ASSIGN(auto client, Client::Connect(cell_.rpc_address()));
    ASSERT_OK(client->admin().CreateTable(Counters(), {RowOf(1)}));
  }

  // One client of its own: changes random rows until told to stop, and counts what it was told.
  void Work(int number) {
    auto client = Client::Connect(cell_.rpc_address());
    ASSERT_OK(client);
    auto table = (*client)->OpenTable("counters");
    ASSERT_OK(table);
    SeededRandom random(static_cast<uint64_t>(number) + TestSeed());
    for (uint64_t n = 0; !stop_.load(); ++n) {
      const int row = static_cast<int>(random.Below(kRows));
      Status status = OkStatus();
      switch (random.Below(4)) {
        case 0:
          status = Increment(&*table, row, static_cast<int64_t>(random.Below(100)) - 20);
          break;
        case 1:
          status = Append(&*table, row, number, n);
          break;
        case 2:
          status = Claim(&*table, number, n);
          break;
        default:
          status = Add(&*table, row, static_cast<int64_t>(random.Below(50)));
      }
      // Every kill is shorter than the deadline: nothing may stay unknown, or be refused.
      EXPECT_OK(status);
      MutexLock lock(&mu_);
      ++done_;
      progress_.SignalAll();
    }
  }

  Status Increment(Table* table, int row, int64_t amount) {
    ASSIGN_OR_RETURN(
        Row changed,
        table->ReadModifyWrite(
            ReadModifyWriteBuilder(RowOf(row)).Increment("f", "count", amount).Build()));
    MutexLock lock(&mu_);
    sums_[row] += amount;
    latest_[row] = std::max(latest_[row], changed.cells.at(0).timestamp_us);
    return OkStatus();
  }

  Status Append(Table* table, int row, int number, uint64_t n) {
    const std::string token = std::to_string(number) + "." + std::to_string(n) + ";";
    ASSIGN_OR_RETURN(Row changed,
                     table->ReadModifyWrite(
                         ReadModifyWriteBuilder(RowOf(row)).Append("f", "list", token).Build()));
    const std::string& value = changed.cells.at(0).value;
    EXPECT_TRUE(value.size() >= token.size() && value.substr(value.size() - token.size()) == token)
        << "the answer is that of the change itself";
    MutexLock lock(&mu_);
    tokens_[row].insert(token);
    return OkStatus();
  }

  // Each row is claimed once, by the only one who asks.
  Status Claim(Table* table, int number, uint64_t n) {
    const std::string row = "claim-" + std::to_string(number) + "-" + std::to_string(n);
    ASSIGN_OR_RETURN(bool taken,
                     table->CheckAndMutate(CheckAndMutateBuilder(row)
                                               .Then(RowMutationBuilder(row).Set("f", "lost", "x"))
                                               .Else(RowMutationBuilder(row).Set("f", "won", "x"))
                                               .Build()));
    EXPECT_FALSE(taken) << "a repeat met the first attempt's claim";
    MutexLock lock(&mu_);
    ++claims_;
    return OkStatus();
  }

  Status Add(Table* table, int row, int64_t input) {
    RETURN_IF_ERROR(table->Apply(
        RowMutationBuilder(RowOf(row)).AddToAggregate("sum", "s", 1000, input).Build()));
    MutexLock lock(&mu_);
    added_[row] += input;
    return OkStatus();
  }

  void AwaitProgress(uint64_t more) {
    MutexLock lock(&mu_);
    const uint64_t goal = done_ + more;
    while (done_ < goal) {
      ASSERT_TRUE(progress_.WaitFor(&mu_, std::chrono::seconds(60))) << "no change for 60 s";
    }
  }

  void CheckAll() {
    ASSERT_OK_AND_ASSIGN(auto client, Client::Connect(cell_.rpc_address()));
    ASSERT_OK_AND_ASSIGN(Table table, client->OpenTable("counters"));
    MutexLock lock(&mu_);
    for (int row = 0; row < kRows; ++row) {
      ReadQuery newest;
      newest.CellsPerColumn(1);
      ASSERT_OK_AND_ASSIGN(std::optional<Row> found, table.ReadRow(RowOf(row), newest));
      ASSERT_TRUE(found.has_value());
      std::map<std::string, Cell> cells;
      for (const Cell& cell : found->cells) cells[cell.qualifier] = cell;
      EXPECT_EQ(DecodeCounter(cells["count"].value).value(), sums_[row]);
      EXPECT_GE(cells["count"].timestamp_us, latest_[row]);
      EXPECT_EQ(DecodeCounter(cells["s"].value).value(), added_[row]);
      std::multiset<std::string> tokens;
      const std::string& list = cells["list"].value;
      for (size_t at = 0; at < list.size();) {
        const size_t end = list.find(';', at) + 1;
        tokens.insert(list.substr(at, end - at));
        at = end;
      }
      EXPECT_TRUE(
          std::equal(tokens.begin(), tokens.end(), tokens_[row].begin(), tokens_[row].end()))
          << tokens.size() << " appended, " << tokens_[row].size() << " answered";
    }
    uint64_t won = 0;
    for (StatusOr<Row>& row : table.ReadRows(ReadQuery().Prefix("claim-"))) {
      ASSERT_OK(row);
      ASSERT_EQ(row->cells.size(), 1u) << row->key;
      EXPECT_EQ(row->cells[0].qualifier, "won") << row->key;
      ++won;
    }
    EXPECT_EQ(won, claims_);
    std::printf("%llu changes, %llu claims\n", static_cast<unsigned long long>(done_),
                static_cast<unsigned long long>(claims_));
  }

  TempDir dir_;
  ChildCell cell_{STELE_BINARY, dir_.path()};
  std::atomic<bool> stop_{false};
  Mutex mu_;
  CondVar progress_;
  uint64_t done_ GUARDED_BY(mu_) = 0, claims_ GUARDED_BY(mu_) = 0;
  std::map<int, int64_t> sums_ GUARDED_BY(mu_), added_ GUARDED_BY(mu_), latest_ GUARDED_BY(mu_);
  std::map<int, std::set<std::string>> tokens_ GUARDED_BY(mu_);
};

TEST_F(ExactlyOnceTest, SumsAreExactThroughTwentyKills) {
  SeededRandom random(TestSeed());
  std::vector<std::thread> workers;
  for (int i = 0; i < kClients; ++i) workers.emplace_back([this, i] { Work(i); });
  for (int kill = 0; kill < kKills && !HasFatalFailure(); ++kill) {
    AwaitProgress(random.Between(20, 300));
    cell_.Kill();
    EXPECT_OK(cell_.Start());
  }
  stop_.store(true);
  for (std::thread& worker : workers) worker.join();
  ASSERT_TRUE(cell_.running());
  CheckAll();
  EXPECT_EQ(cell_.Stop(), 0);
  ASSERT_OK(cell_.Start());
  CheckAll();
}

}  // namespace
}  // namespace stele
