// Goal: a table grows from one tablet to 64 by itself under load, over two servers, and shrinks to
// one again when its rows are dropped; scans in both orders meanwhile give each row that nobody
// touches exactly once, in order.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "deploy/cell/cell.h"
#include "stele/client.h"
#include "tests/integration/hand_client.h"
#include "tests/integration/small_cell.h"

namespace stele {
namespace {

constexpr size_t kManyTablets = 64;
constexpr int kWriters = 2;
constexpr int kKept = 8;  // rows on either side of those that are dropped
constexpr size_t kValueBytes = 900;
constexpr int64_t kPatienceNs = 40'000'000'000;

std::string ValueOf(const std::string& key) {
  uint64_t seed = 1;
  for (char c : key) seed = seed * 131 + static_cast<uint8_t>(c);
  return SeededRandom(seed).Bytes(kValueBytes);
}

class GrowthTest : public ::testing::Test {
 protected:
  void Start() {
    deploy::CellOptions options = SmallCell(dir_.path(), 2);
    options.engine.log.segment_bytes = 4u << 20;
    options.engine.memtable_bytes = 32u << 10;
    options.reshape.merge_small_after_ms = 100;
    ASSERT_OK_AND_ASSIGN(cell_, deploy::Cell::Start(options));
    hand_ = std::make_unique<HandClient>(cell_->address());
    ASSERT_OK_AND_ASSIGN(client_, Client::Connect(cell_->address()));
    TableSchema schema;
    schema.name = "t";
    schema.groups = {LocalityGroupSchema{.name = "default", .block_bytes = 2048}};
    schema.families = {FamilySchema{.name = "f"}};
    schema.split_bytes = 48 << 10;
    ASSERT_OK(client_->admin().CreateTable(schema));
  }
  void TearDown() override { client_.reset(); }

  void Put(Table* table, const std::vector<std::string>& keys) {
    for (const std::string& key : keys) {
      ASSERT_OK(table->Apply(RowMutationBuilder(key).Set("f", "q", ValueOf(key)).Build()));
    }
    MutexLock lock(&mu_);
    rows_.insert(rows_.end(), keys.begin(), keys.end());
  }
  void Write(uint64_t seed) {
    SeededRandom random(seed);
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
    for (uint64_t n = 0; !grown_; ++n) {
      Put(&table, {absl::StrCat("m", random.Next() % 1'000'000, "-", seed, "-", n)});
      if (HasFatalFailure()) return;
    }
  }
  // All rows that were there before it began, unless they are being dropped.
  void ScanOnce(Table* table, bool reversed) {
    std::vector<std::string> expected;
    const bool dropping = dropping_;
    {
      MutexLock lock(&mu_);
      expected = rows_;
    }
    std::vector<std::string> keys;
    ASSERT_OK(table->ReadRows(ReadQuery().CellsPerColumn(1).Reversed(reversed), [&](Row row) {
      EXPECT_EQ(row.cells.at(0).value, ValueOf(row.key)) << row.key;
      keys.push_back(row.key);
      return true;
    }));
    if (reversed) std::reverse(keys.begin(), keys.end());
    ASSERT_TRUE(std::is_sorted(keys.begin(), keys.end()));
    ASSERT_EQ(std::adjacent_find(keys.begin(), keys.end()), keys.end()) << "a row came twice";
    for (const std::string& key : expected) {
      if ((dropping || dropping_) && key[0] == 'm') continue;
      ASSERT_TRUE(std::binary_search(keys.begin(), keys.end(), key)) << key << " is missing";
    }
  }
  void Scan(bool reversed) {
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
    for (; !stop_; ++scans_) ASSERT_NO_FATAL_FAILURE(ScanOnce(&table, reversed));
  }
  size_t Tablets() {
    auto table = hand_->GetTable("t");
    EXPECT_OK(table.status());
    return table.ok() ? table->tablets.size() : 0;
  }
  // Waits until the number of tablets is as wanted; the last one seen.
  size_t Await(const std::function<bool(size_t)>& wanted) {
    const int64_t deadline = SystemClock()->BootNanos() + kPatienceNs;
    Mutex mu;
    CondVar pause;
    MutexLock lock(&mu);
    size_t tablets = Tablets();
    while (!wanted(tablets) && SystemClock()->BootNanos() < deadline && !HasFatalFailure()) {
      pause.WaitFor(&mu, std::chrono::milliseconds(20));
      tablets = Tablets();
    }
    return tablets;
  }

  TempDir dir_;
  std::unique_ptr<deploy::Cell> cell_;
  std::unique_ptr<HandClient> hand_;
  std::unique_ptr<Client> client_;
  std::atomic<bool> grown_{false}, dropping_{false}, stop_{false};
  std::atomic<int> scans_{0};
  Mutex mu_;
  std::vector<std::string> rows_ GUARDED_BY(mu_);
};

TEST_F(GrowthTest, FromOneTabletToManyAndBack) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
  for (int i = 0; i < kKept / 2; ++i) {
    ASSERT_NO_FATAL_FAILURE(Put(&table, {absl::StrCat("a", i), absl::StrCat("z", i)}));
  }
  EXPECT_EQ(Tablets(), 1u);
  std::vector<std::thread> writers, threads;
  for (int w = 0; w < kWriters; ++w) writers.emplace_back([this, s = seed + w] { Write(s); });
  threads.emplace_back([this] { Scan(/*reversed=*/false); });
  threads.emplace_back([this] { Scan(/*reversed=*/true); });
  Await([](size_t tablets) { return tablets >= kManyTablets / 4; });
  EXPECT_OK(hand_
                ->CallMaster<wire::TabletOrderResponse>(wire::Method::kBalance,
                                                        wire::TabletOrderRequest{})
                .status());
  EXPECT_GE(Await([](size_t tablets) { return tablets >= kManyTablets; }), kManyTablets);
  grown_ = true;
  // A write that is under way may come after the drop, and would rightly stay.
  for (std::thread& writer : writers) writer.join();
  const int scans_of_growth = scans_;
  EXPECT_GE(scans_of_growth, 2);
  dropping_ = true;
  EXPECT_OK(client_->admin().DropRowRange("t", "m"));
  EXPECT_EQ(Await([](size_t tablets) { return tablets == 1; }), 1u);
  const int scans_of_shrinking = scans_ - scans_of_growth;
  EXPECT_GE(scans_of_shrinking, 2);
  stop_ = true;
  for (std::thread& thread : threads) thread.join();
  ASSERT_FALSE(HasFatalFailure());
  std::vector<std::string> left;
  ASSERT_OK(table.ReadRows(ReadQuery(), [&](Row row) {
    left.push_back(row.key);
    return true;
  }));
  EXPECT_EQ(left, (std::vector<std::string>{"a0", "a1", "a2", "a3", "z0", "z1", "z2", "z3"}));
}

}  // namespace
}  // namespace stele

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  stele::SetMinLogLevel(stele::LogLevel::kError);
  return RUN_ALL_TESTS();
}
