// Goal: a cell is killed with SIGKILL 20 times at random moments while it is being loaded; after
// restarts every acknowledged row is there with all its cells, and no row is half there.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "stele/client.h"
#include "tests/integration/child_cell.h"

namespace stele {
namespace {

constexpr int kKills = 20;
constexpr int kWriters = 4;
constexpr int kRowsPerBatch = 8;
constexpr int64_t kTimestampUs = 5'000'000;

std::string RowKey(uint64_t n) {
  return "com.example/page-" + std::to_string(n * 2'654'435'761u % 1'000'003) + "-" +
         std::to_string(n);
}

// A page like those of the Webtable: contents, title and some anchors, all determined by n.
RowMutation Page(uint64_t n) {
  SeededRandom random(n + 17);
  RowMutationBuilder row(RowKey(n));
  row.SetAt("contents", "", kTimestampUs, random.Bytes(random.Between(1, 30'000)));
  row.SetAt("title", "", kTimestampUs, "Page " + std::to_string(n));
  for (uint64_t links = random.Below(6); links > 0; --links) {
    row.SetAt("anchor", "com.example/from-" + std::to_string(links), kTimestampUs,
              random.Letters(12));
  }
  return row.Build();
}

Row Expected(uint64_t n) {
  const RowMutation page = Page(n);
  std::map<std::pair<std::string, std::string>, Cell> cells;
  for (const Mutation& m : page.mutations) {
    const auto& set = std::get<SetCell>(m);
    cells[{set.family, set.qualifier}] =
        Cell{set.family, set.qualifier, set.timestamp_us, set.value};
  }
  Row row{.key = page.row, .cells = {}};
  for (auto& [column, cell] : cells) row.cells.push_back(std::move(cell));
  return row;
}

TableSchema Webtable() {
  TableSchema schema;
  schema.name = "webtable";
  schema.groups = {LocalityGroupSchema{.name = "default"},
                   LocalityGroupSchema{.name = "pages", .codec = Codec::kZstd}};
  schema.families = {FamilySchema{.name = "anchor"},
                     FamilySchema{.name = "contents", .locality_group = "pages"},
                     FamilySchema{.name = "title"}};
  return schema;
}

class KillTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(cell_.Start());
    ASSERT_OK_AND_ASSIGN(client_, Client::Connect(cell_.rpc_address()));
    ASSERT_OK(
        client_->admin().CreateTable(Webtable(), {"com.example/page-3", "com.example/page-6"}));
  }

  // Loads batches of new pages until told to stop, and remembers which rows were acknowledged.
  void Write() {
    StatusOr<Table> table = client_->OpenTable("webtable");
    ASSERT_OK(table);
    while (!stop_.load()) {
      std::vector<uint64_t> numbers;
      std::vector<RowMutation> batch;
      for (int i = 0; i < kRowsPerBatch; ++i) {
        numbers.push_back(next_.fetch_add(1));
        batch.push_back(Page(numbers.back()));
      }
      const std::vector<Status> answers = table->ApplyBatch(std::move(batch));
      MutexLock lock(&mu_);
      for (size_t i = 0; i < answers.size(); ++i) {
        tried_[RowKey(numbers[i])] = {numbers[i], answers[i].ok()};
        acked_ += answers[i].ok() ? 1 : 0;
      }
      progress_.SignalAll();
    }
  }

  // Lets at least `more` rows be acknowledged and then a random moment pass.
  void AwaitProgress(uint64_t more, std::chrono::microseconds moment) {
    MutexLock lock(&mu_);
    const uint64_t goal = acked_ + more;
    while (acked_ < goal) {
      ASSERT_TRUE(progress_.WaitFor(&mu_, std::chrono::seconds(60)))
          << "no write was acknowledged for 60 s";
    }
    const uint64_t now = acked_;
    while (acked_ < now + 1'000'000 && progress_.WaitFor(&mu_, moment)) moment /= 2;
  }

  void CheckEveryRow() {
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("webtable"));
    std::map<std::string, std::pair<uint64_t, bool>> missing;
    {
      MutexLock lock(&mu_);
      missing = tried_;
    }
    uint64_t rows = 0;
    for (StatusOr<Row>& row : table.ReadRows(ReadQuery())) {
      ASSERT_OK(row);
      auto found = missing.find(row->key);
      ASSERT_NE(found, missing.end()) << "a row that nobody wrote, or twice: " << row->key;
      ASSERT_TRUE(*row == Expected(found->second.first))
          << "half a row, or a wrong cell: " << row->key;
      missing.erase(found);
      ++rows;
    }
    for (const auto& [key, tried] : missing)
      ASSERT_FALSE(tried.second) << "acknowledged and lost: " << key;
    MutexLock lock(&mu_);
    std::printf("%d kills: %zu rows tried, %llu acknowledged, %llu found\n", kKills, tried_.size(),
                static_cast<unsigned long long>(acked_), static_cast<unsigned long long>(rows));
  }

  TempDir dir_;
  ChildCell cell_{STELE_BINARY, dir_.path()};
  std::unique_ptr<Client> client_;
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> next_{0};
  Mutex mu_;
  CondVar progress_;
  std::map<std::string, std::pair<uint64_t, bool>> tried_
      GUARDED_BY(mu_);  // key -> number, acknowledged
  uint64_t acked_ GUARDED_BY(mu_) = 0;
};

TEST_F(KillTest, NothingAcknowledgedIsLost) {
  SeededRandom random(TestSeed());
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; ++i) writers.emplace_back([this] { Write(); });
  for (int kill = 0; kill < kKills && !HasFatalFailure(); ++kill) {
    AwaitProgress(random.Between(8, 200), std::chrono::microseconds(random.Between(1, 50'000)));
    cell_.Kill();
    EXPECT_OK(cell_.Start());
  }
  stop_.store(true);
  for (std::thread& writer : writers) writer.join();
  ASSERT_TRUE(cell_.running());
  CheckEveryRow();
  EXPECT_EQ(cell_.Stop(), 0);
  ASSERT_OK(cell_.Start());
  CheckEveryRow();
}

}  // namespace
}  // namespace stele
