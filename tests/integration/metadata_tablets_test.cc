// Goal: METADATA of many tablets serves clients with cold, warm and stale caches while it splits,
// moves and merges; tables come and go across its boundaries; it splits and merges by its size; and
// the cell is whole afterwards and after a crash.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "common/base/log.h"
#include "common/store/blob_store.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "deploy/cell/cell.h"
#include "deploy/check/check.h"
#include "stele/client.h"
#include "tests/integration/hand_client.h"
#include "tests/integration/small_cell.h"

namespace stele {
namespace {

using deploy::CellOptions;

constexpr int kTablets = 150;
constexpr int kRows = 2 * kTablets;
constexpr int kReshapes = 16;
constexpr int64_t kPatienceNs = 60'000'000'000;

std::string RowKey(int i) { return absl::StrCat("row", 1000 + i); }

CellOptions ThreeServers(const std::string& data_dir) {
  CellOptions options = SmallCell(data_dir, 3);
  options.engine.memtable_bytes = 256u << 10;
  options.reshape.merge_small_after_ms = 0;
  return options;
}

class MetadataTabletsTest : public ::testing::Test {
 protected:
  void Start(const CellOptions& options) {
    auto cell = deploy::Cell::Start(options);
    ASSERT_OK(cell.status());
    cell_ = *std::move(cell);
    hand_ = std::make_unique<HandClient>(cell_->address());
    ASSERT_OK_AND_ASSIGN(client_, Client::Connect(cell_->address()));
  }
  void TearDown() override {
    client_.reset();
    stale_.clear();
  }
  void MakeTable() {
    std::vector<std::string> splits;
    for (int i = 1; i < kTablets; ++i) splits.push_back(RowKey(2 * i));
    ASSERT_OK_AND_ASSIGN(TableSchema schema, hand_->CreateTable("t", splits));
    table_ = schema.id;
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
    for (int i = 0; i < kRows; ++i) {
      ASSERT_OK(table.Apply(RowMutationBuilder(RowKey(i)).Set("f", "q", RowKey(i)).Build()));
    }
  }
  Status Order(wire::Method method, const wire::TabletOrderRequest& request) {
    return hand_->CallMaster<wire::TabletOrderResponse>(method, request).status();
  }
  // Without the root.
  std::vector<TabletLocation> Metadata() {
    auto table = hand_->GetTable(kMetadataTableName);
    EXPECT_OK(table.status());
    if (!table.ok()) return {};
    return {table->tablets.begin() + 1, table->tablets.end()};
  }
  static void ExpectRow(Table* table, int i) {
    auto row = table->ReadRow(RowKey(i));
    ASSERT_OK(row);
    ASSERT_TRUE(row->has_value()) << RowKey(i);
    EXPECT_EQ((*row)->cells.at(0).value, RowKey(i));
  }
  static void ExpectAllRowsInOrder(Table* table, bool reversed) {
    std::vector<std::string> keys;
    ASSERT_OK(table->ReadRows(ReadQuery().CellsPerColumn(1).Reversed(reversed), [&](Row row) {
      keys.push_back(row.key);
      return true;
    }));
    if (reversed) std::reverse(keys.begin(), keys.end());
    ASSERT_EQ(keys.size(), static_cast<size_t>(kRows));
    for (int i = 0; i < kRows; ++i) ASSERT_EQ(keys[i], RowKey(i));
  }

  void Warm(uint64_t seed) {
    SeededRandom random(seed);
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
    while (!stop_) {
      const int i = static_cast<int>(random.Below(kRows));
      ASSERT_OK(table.Apply(RowMutationBuilder(RowKey(i)).Set("f", "q", RowKey(i)).Build()));
      ASSERT_NO_FATAL_FAILURE(ExpectRow(&table, static_cast<int>(random.Below(kRows))));
      ++warm_;
    }
  }
  void Cold(uint64_t seed) {
    SeededRandom random(seed);
    while (!stop_) {
      ASSERT_OK_AND_ASSIGN(auto client, Client::Connect(cell_->address()));
      ASSERT_OK_AND_ASSIGN(Table table, client->OpenTable("t"));
      ASSERT_NO_FATAL_FAILURE(ExpectRow(&table, static_cast<int>(random.Below(kRows))));
      ++cold_;
    }
  }
  void Scan() {
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
    for (; !stop_; ++scans_) {
      ASSERT_NO_FATAL_FAILURE(ExpectAllRowsInOrder(&table, scans_ % 2 == 1));
    }
  }
  // Tables whose rows in METADATA stand in several of its tablets, if it has a boundary there.
  void Tables() {
    for (; !stop_; ++tables_) {
      const std::string name = absl::StrCat("x", tables_.load());
      TableSchema schema;
      schema.name = name;
      schema.families = {FamilySchema{.name = "f"}};
      ASSERT_OK(client_->admin().CreateTable(schema, {"b", "e", "k"}));
      ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable(name));
      for (const char* row : {"a", "d", "h", "z"}) {
        ASSERT_OK(table.Apply(RowMutationBuilder(row).Set("f", "q", "v").Build()));
      }
      ASSERT_OK(client_->admin().DropTable(name));
    }
  }
  void ReshapeOnce(SeededRandom* random) {
    const std::vector<TabletLocation> tablets = Metadata();
    ASSERT_FALSE(tablets.empty());
    most_ = std::max(most_, tablets.size());
    const size_t i = random->Below(tablets.size());
    const uint64_t dice = random->Below(4);
    if (tablets.size() < 5 || (dice == 0 && tablets.size() < 8)) {
      const int row = static_cast<int>(random->Below(kRows - 1)) + 1;
      Status split = Order(wire::Method::kSplit, {.table = kMetadataTableName,
                                                  .at = MetadataRowKey(table_, RowKey(row))});
      EXPECT_TRUE(split.ok() || split.code() == absl::StatusCode::kInvalidArgument) << split;
    } else if (dice == 1) {
      const size_t left = std::min(i, tablets.size() - 2);
      ASSERT_OK(Order(wire::Method::kMerge,
                      {.tablets = {tablets[left].tablet.id, tablets[left + 1].tablet.id}}));
    } else {
      ASSERT_OK(Order(wire::Method::kMove, {.tablets = {tablets[i].tablet.id},
                                            .server = absl::StrCat("ts-", 1 + random->Below(3))}));
    }
    // One that has known the tree as it was some time ago.
    if (stale_.empty()) return;
    ASSERT_OK_AND_ASSIGN(Table table, stale_.back()->OpenTable("t"));
    for (int row = 0; row < kRows; row += 17) ASSERT_NO_FATAL_FAILURE(ExpectRow(&table, row));
    stale_.pop_back();
  }
  void ExpectWhole(const std::string& data_dir) {
    ASSERT_OK_AND_ASSIGN(Table metadata, client_->OpenTable(kMetadataTableName));
    ASSERT_OK_AND_ASSIGN(auto store, OpenPosixStore(PosixFs(), data_dir, /*create=*/false));
    ASSERT_OK_AND_ASSIGN(deploy::CheckInput input, deploy::ReadStore(store.get(), 0, 0));
    ASSERT_OK(metadata.ReadRows(ReadQuery().CellsPerColumn(1), [&](Row row) {
      auto location = DecodeTabletLocation(row.cells.at(0).value);
      EXPECT_OK(location.status());
      if (location.ok()) input.locations.push_back(*location);
      return true;
    }));
    for (const deploy::Finding& finding : deploy::FindDamage(input)) {
      EXPECT_FALSE(finding.damage) << finding.text;
    }
    EXPECT_TRUE(deploy::VerifyFiles(store.get(), input).empty());
  }

  TempDir dir_;
  std::unique_ptr<deploy::Cell> cell_;
  std::unique_ptr<HandClient> hand_;
  std::unique_ptr<Client> client_;
  std::vector<std::unique_ptr<Client>> stale_;
  TableId table_ = 0;
  size_t most_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<int> warm_{0}, cold_{0}, scans_{0}, tables_{0};
};

TEST_F(MetadataTabletsTest, ServesAllKindsOfClientsWhileItChanges) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  ASSERT_NO_FATAL_FAILURE(Start(ThreeServers(dir_.path())));
  ASSERT_NO_FATAL_FAILURE(MakeTable());
  for (int i = 0; i < kReshapes / 2; ++i) {
    ASSERT_OK_AND_ASSIGN(auto client, Client::Connect(cell_->address()));
    ASSERT_OK_AND_ASSIGN(Table table, client->OpenTable("t"));
    ASSERT_NO_FATAL_FAILURE(ExpectAllRowsInOrder(&table, /*reversed=*/false));
    stale_.push_back(std::move(client));
  }
  // The rows of tables that are to come will stand on both sides of these.
  for (TableId next : {table_ + 1, table_ + 2, table_ + 3}) {
    ASSERT_OK(Order(wire::Method::kSplit,
                    {.table = kMetadataTableName, .at = MetadataRowKey(next, "e")}));
  }
  EXPECT_EQ(Metadata().size(), 4u);
  std::vector<std::thread> threads;
  threads.emplace_back([this, s = random.Next()] { Warm(s); });
  threads.emplace_back([this, s = random.Next()] { Cold(s); });
  threads.emplace_back([this] { Scan(); });
  threads.emplace_back([this] { Tables(); });
  for (int i = 0; i < kReshapes && !HasFatalFailure(); ++i) ReshapeOnce(&random);
  const int64_t deadline = SystemClock()->BootNanos() + kPatienceNs;
  while ((tables_ < 3 || scans_ < 2) && SystemClock()->BootNanos() < deadline &&
         !HasFatalFailure()) {
    ReshapeOnce(&random);
  }
  stop_ = true;
  for (std::thread& thread : threads) thread.join();
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_GE(most_, 4u);
  EXPECT_GT(warm_, 20);
  EXPECT_GT(cold_, 5);
  ASSERT_NO_FATAL_FAILURE(ExpectWhole(dir_.path()));

  const size_t tablets = Metadata().size();
  client_.reset();
  stale_.clear();
  ASSERT_OK(cell_->Stop(/*drain=*/false));
  cell_.reset();
  ASSERT_NO_FATAL_FAILURE(Start(ThreeServers(dir_.path())));
  EXPECT_EQ(Metadata().size(), tablets);
  ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
  ASSERT_NO_FATAL_FAILURE(ExpectAllRowsInOrder(&table, /*reversed=*/false));
  ASSERT_OK(Order(wire::Method::kMerge, {.table = kMetadataTableName}));
  EXPECT_EQ(Metadata().size(), 1u);
  ASSERT_NO_FATAL_FAILURE(ExpectAllRowsInOrder(&table, /*reversed=*/true));
  ASSERT_NO_FATAL_FAILURE(ExpectWhole(dir_.path()));
}

TEST_F(MetadataTabletsTest, SplitsAndMergesByItsSize) {
  constexpr size_t kKeyBytes = 500;
  CellOptions options = ThreeServers(dir_.path());
  options.reshape.metadata_split_bytes = 48 << 10;
  options.reshape.merge_small_after_ms = 1;
  ASSERT_NO_FATAL_FAILURE(Start(options));
  SeededRandom random(7);
  std::vector<std::string> splits;
  for (int i = 0; i < 120; ++i) splits.push_back(random.Bytes(kKeyBytes));
  std::sort(splits.begin(), splits.end());
  TableSchema schema;
  schema.name = "t";
  schema.families = {FamilySchema{.name = "f"}};
  schema.split_bytes = 3;  // a quarter of it is nothing: its tablets are never merged
  ASSERT_OK(client_->admin().CreateTable(schema, {splits.begin(), splits.end()}));
  const int64_t deadline = SystemClock()->BootNanos() + kPatienceNs;
  size_t most = 0;
  while (most < 4 && SystemClock()->BootNanos() < deadline) {
    ASSERT_OK(client_->admin().FlushTable(kMetadataTableName));
    most = std::max(most, Metadata().size());
  }
  EXPECT_GE(most, 4u);
  for (const TabletLocation& tablet : Metadata()) {
    EXPECT_TRUE(IsSystemTablet(tablet.tablet.id)) << tablet.tablet.id;
  }
  ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
  for (const std::string& row : splits) {
    ASSERT_OK(table.Apply(RowMutationBuilder(row).Set("f", "q", "v").Build()));
  }
  ASSERT_NO_FATAL_FAILURE(ExpectWhole(dir_.path()));
  ASSERT_OK(client_->admin().DropTable("t"));
  size_t left = most;
  while (left > 1 && SystemClock()->BootNanos() < deadline) {
    ASSERT_OK(client_->admin().FlushTable(kMetadataTableName));
    ASSERT_OK(client_->admin().CompactTable(kMetadataTableName));
    left = Metadata().size();
  }
  EXPECT_EQ(left, 1u);
  ASSERT_NO_FATAL_FAILURE(ExpectWhole(dir_.path()));
}

}  // namespace
}  // namespace stele

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  stele::SetMinLogLevel(stele::LogLevel::kError);
  return RUN_ALL_TESTS();
}
