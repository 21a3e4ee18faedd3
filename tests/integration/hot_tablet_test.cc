// Goal: a tablet that gets many requests is split where they halve, and again, but never because of
// one hot row, which is named; what is hot is not merged however small, and is once it is cool.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "deploy/cell/cell.h"
#include "stele/client.h"
#include "tests/integration/hand_client.h"

namespace stele {
namespace {

constexpr int kRows = 1'000;
constexpr int kHotRows = 100;  // the last ones
constexpr int kReaders = 2;
constexpr int64_t kPatienceNs = 60'000'000'000;

std::string RowKey(int i) { return absl::StrCat("row", 1000 + i); }

class HotTabletTest : public ::testing::Test {
 protected:
  void SetUp() override {
    deploy::CellOptions options;
    options.data_dir = dir_.path();
    options.engine.log.segment_bytes = 1u << 20;
    options.engine.memory_limit_bytes = 64u << 20;
    options.reshape.split_load_per_s = 100;
    options.reshape.split_load_after_ms = 300;
    options.reshape.merge_small_after_ms = 300;
    ASSERT_OK_AND_ASSIGN(cell_, deploy::Cell::Start(options));
    hand_ = std::make_unique<HandClient>(cell_->address());
    ASSERT_OK_AND_ASSIGN(client_, Client::Connect(cell_->address()));
    ASSERT_OK(hand_->CreateTable("t", {}).status());
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
    std::vector<RowMutation> rows;
    for (int i = 0; i < kRows; ++i) {
      rows.push_back(RowMutationBuilder(RowKey(i)).Set("f", "q", RowKey(i)).Build());
    }
    for (const absl::Status& status : table.ApplyBatch(rows)) ASSERT_OK(status);
  }
  void TearDown() override {
    Cool();
    client_.reset();
  }
  // Readers of the rows from `first` on, `count` of them.
  void Heat(int first, int count) {
    stop_ = false;
    for (int r = 0; r < kReaders; ++r) {
      readers_.emplace_back([this, first, count, seed = TestSeed() + static_cast<uint64_t>(r)] {
        SeededRandom random(seed);
        ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
        while (!stop_) {
          const int i = first + static_cast<int>(random.Below(static_cast<uint64_t>(count)));
          ASSERT_OK_AND_ASSIGN(auto row, table.ReadRow(RowKey(i)));
          ASSERT_TRUE(row.has_value());
          EXPECT_EQ(row->cells.at(0).value, RowKey(i));
        }
      });
    }
  }
  void Cool() {
    stop_ = true;
    for (std::thread& reader : readers_) reader.join();
    readers_.clear();
  }
  std::vector<TabletLocation> Tablets() {
    auto table = hand_->GetTable("t");
    EXPECT_OK(table.status());
    return table.ok() ? table->tablets : std::vector<TabletLocation>();
  }
  std::string Reasons() const {
    std::string reasons;
    const auto view = cell_->view();
    for (const wire::TabletSummary& tablet : view->status.tablets) {
      if (tablet.location.tablet.table >= kFirstUserTable) reasons += tablet.reason;
    }
    return reasons;
  }
  bool Await(const std::function<bool()>& condition) {
    const int64_t deadline = SystemClock()->BootNanos() + kPatienceNs;
    Mutex mu;
    CondVar pause;
    MutexLock lock(&mu);
    while (!condition()) {
      if (SystemClock()->BootNanos() >= deadline || HasFailure()) return false;
      pause.WaitFor(&mu, std::chrono::milliseconds(20));
    }
    return true;
  }

  TempDir dir_;
  std::unique_ptr<deploy::Cell> cell_;
  std::unique_ptr<HandClient> hand_;
  std::unique_ptr<Client> client_;
  std::atomic<bool> stop_{false};
  std::vector<std::thread> readers_;
};

TEST_F(HotTabletTest, SplitsWhereItsRequestsHalveAndMergesWhenItIsCool) {
  Heat(kRows - kHotRows, kHotRows);
  ASSERT_TRUE(Await([&] { return Tablets().size() >= 3; }));
  for (const TabletLocation& tablet : Tablets()) {
    if (tablet.tablet.end_row.empty()) continue;
    EXPECT_GE(tablet.tablet.end_row, RowKey(kRows - kHotRows)) << "not where the bytes halve";
  }
  Cool();
  EXPECT_TRUE(Await([&] { return Tablets().size() == 1; }));
}

TEST_F(HotTabletTest, OneHotRowIsNamedAndStays) {
  Heat(kRows / 2, 1);
  EXPECT_TRUE(Await([&] { return absl::StrContains(Reasons(), "one hot row: \"row1500\""); }));
  EXPECT_EQ(Tablets().size(), 1u);
  Cool();
  EXPECT_TRUE(Await([&] { return Reasons().empty(); }));
}

}  // namespace
}  // namespace stele

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  stele::SetMinLogLevel(stele::LogLevel::kError);
  return RUN_ALL_TESTS();
}
