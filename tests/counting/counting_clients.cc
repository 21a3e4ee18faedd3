#include "tests/counting/counting_clients.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "schema/model/conditional.h"
#include "tests/process/child_process.h"

namespace stele {
namespace {

constexpr int64_t kPatienceMs = 60'000;

TableSchema Counters() {
  TableSchema schema;
  schema.name = CountingClients::kTable;
  schema.groups = {LocalityGroupSchema{.name = "default"}};
  schema.families = {FamilySchema{.name = "f"}};
  schema.families.push_back(FamilySchema{.name = "sum"});
  schema.families.back().aggregate = Aggregate::kSum;
  return schema;
}

}  // namespace

Status CountingClients::Start() {
  ASSIGN_OR_RETURN(auto client, Client::Connect(cell_, options_));
  std::vector<std::string> ends;
  for (int row = 0; row + 1 < rows_; ++row) ends.push_back(RowOf(row));
  RETURN_IF_ERROR(client->admin().CreateTable(Counters(), ends).status());
  for (int i = 0; i < clients_; ++i) threads_.emplace_back([this, i] { Work(i); });
  return OkStatus();
}

void CountingClients::Stop() {
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void CountingClients::Work(int number) {
  auto client = Client::Connect(cell_, options_);
  ASSERT_OK(client);
  auto table = (*client)->OpenTable(kTable);
  ASSERT_OK(table);
  SeededRandom random(static_cast<uint64_t>(number) + TestSeed());
  for (uint64_t n = 0; !stop_.load(); ++n) {
    const int row = static_cast<int>(random.Below(static_cast<uint64_t>(rows_)));
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
    EXPECT_OK(status) << "nothing may stay unknown, or be refused";
    MutexLock lock(&mu_);
    ++done_;
  }
}

Status CountingClients::Increment(Table* table, int row, int64_t amount) {
  ASSIGN_OR_RETURN(Row changed,
                   table->ReadModifyWrite(
                       ReadModifyWriteBuilder(RowOf(row)).Increment("f", "count", amount).Build()));
  MutexLock lock(&mu_);
  Told& told = told_[row];
  ++told.changes;
  told.sum += amount;
  told.latest_us = std::max(told.latest_us, changed.cells.at(0).timestamp_us);
  return OkStatus();
}

Status CountingClients::Append(Table* table, int row, int number, uint64_t n) {
  const std::string token = std::to_string(number) + "." + std::to_string(n) + ";";
  ASSIGN_OR_RETURN(Row changed,
                   table->ReadModifyWrite(
                       ReadModifyWriteBuilder(RowOf(row)).Append("f", "list", token).Build()));
  EXPECT_TRUE(changed.cells.at(0).value.ends_with(token))
      << "the answer is that of the change itself";
  MutexLock lock(&mu_);
  ++told_[row].changes;
  told_[row].tokens.insert(token);
  return OkStatus();
}

// Each row is claimed once, by the only one who asks.
Status CountingClients::Claim(Table* table, int number, uint64_t n) {
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

Status CountingClients::Add(Table* table, int row, int64_t input) {
  RETURN_IF_ERROR(
      table->Apply(RowMutationBuilder(RowOf(row)).AddToAggregate("sum", "s", 1000, input).Build()));
  MutexLock lock(&mu_);
  ++told_[row].changes;
  told_[row].added += input;
  return OkStatus();
}

bool CountingClients::AwaitProgress(uint64_t of_each_row, uint64_t in_all,
                                    const std::function<void()>& meanwhile) {
  std::map<int, uint64_t> goals;
  uint64_t all = 0;
  {
    MutexLock lock(&mu_);
    for (int row = 0; row < rows_; ++row) goals[row] = told_[row].changes + of_each_row;
    all = done_ + in_all;
  }
  return Eventually(
      [&] {
        meanwhile();
        MutexLock lock(&mu_);
        for (auto goal = goals.begin(); goal != goals.end();) {
          goal = told_[goal->first].changes >= goal->second ? goals.erase(goal) : std::next(goal);
        }
        return goals.empty() && done_ >= all;
      },
      kPatienceMs);
}

void CountingClients::CheckRow(Table* table, int row) {
  ReadQuery newest;
  newest.CellsPerColumn(1);
  ASSERT_OK_AND_ASSIGN(std::optional<Row> found, table->ReadRow(RowOf(row), newest));
  ASSERT_TRUE(found.has_value());
  std::map<std::string, Cell> cells;
  for (const Cell& cell : found->cells) cells[cell.qualifier] = cell;
  MutexLock lock(&mu_);
  const Told& told = told_[row];
  EXPECT_EQ(DecodeCounter(cells["count"].value).value(), told.sum) << RowOf(row);
  EXPECT_GE(cells["count"].timestamp_us, told.latest_us) << RowOf(row);
  EXPECT_EQ(DecodeCounter(cells["s"].value).value(), told.added) << RowOf(row);
  std::multiset<std::string> tokens;
  const std::string& list = cells["list"].value;
  for (size_t at = 0; at < list.size();) {
    const size_t end = list.find(';', at) + 1;
    tokens.insert(list.substr(at, end - at));
    at = end;
  }
  EXPECT_TRUE(std::equal(tokens.begin(), tokens.end(), told.tokens.begin(), told.tokens.end()))
      << RowOf(row) << ": " << tokens.size() << " appended, " << told.tokens.size() << " answered";
}

void CountingClients::Check() {
  ASSERT_OK_AND_ASSIGN(auto client, Client::Connect(cell_, options_));
  ASSERT_OK_AND_ASSIGN(Table table, client->OpenTable(kTable));
  for (int row = 0; row < rows_; ++row) CheckRow(&table, row);
  uint64_t won = 0;
  for (StatusOr<Row>& row : table.ReadRows(ReadQuery().Prefix("claim-"))) {
    ASSERT_OK(row);
    ASSERT_EQ(row->cells.size(), 1u) << row->key;
    EXPECT_EQ(row->cells[0].qualifier, "won") << row->key;
    ++won;
  }
  MutexLock lock(&mu_);
  EXPECT_EQ(won, claims_);
  std::printf("%llu changes, %llu claims\n", static_cast<unsigned long long>(done_),
              static_cast<unsigned long long>(claims_));
}

}  // namespace stele
