// Goal: tablet servers are drained, restarted and given their shares again while clients write and
// read: nobody sees an error, every acknowledged row stays, a drain goes on when its master is
// killed, and the supervisor's exit code says that a restart was asked for.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/testing/status_asserts.h"
#include "common/time/clock.h"
#include "stele/client.h"
#include "tests/cluster/process_cell.h"

namespace stele {
namespace {

constexpr int kWriters = 2, kReaders = 2;
constexpr int kTablets = 12;
constexpr int64_t kPatienceMs = 120'000;

std::string RowKey(uint64_t n) {
  return std::to_string(10 + n % kTablets) + "/row-" + std::to_string(n);
}

class DrainTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(cell_.Start());
    ClientOptions options;
    options.timeout_ms = options.admin_timeout_ms = options.connect_timeout_ms = kPatienceMs;
    ASSERT_OK_AND_ASSIGN(client_, Client::Connect(cell_.address(), options));
    std::vector<std::string> splits;
    for (int i = 1; i < kTablets; ++i) splits.push_back(std::to_string(10 + i));
    ASSERT_OK(client_->admin().CreateTable(RowsTable(), splits));
    for (int i = 0; i < kWriters; ++i) threads_.emplace_back([this] { Write(); });
    for (int i = 0; i < kReaders; ++i) threads_.emplace_back([this, i] { Read(i); });
  }
  void TearDown() override { Stop(); }

  void Stop() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  void Time(int64_t begun_ns) {
    const int64_t took = SystemClock()->BootNanos() - begun_ns;
    int64_t longest = longest_ns_;
    while (took > longest && !longest_ns_.compare_exchange_weak(longest, took)) {
    }
  }
  void Write() {
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("rows"));
    while (!stop_) {
      const uint64_t n = next_.fetch_add(1);
      const int64_t begun = SystemClock()->BootNanos();
      ASSERT_OK(table.Apply(RowMutationBuilder(RowKey(n)).Set("f", "q", RowKey(n)).Build()));
      Time(begun);
      MutexLock lock(&mu_);
      acked_.push_back(n);
    }
  }
  void Read(uint64_t seed) {
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("rows"));
    for (uint64_t i = seed; !stop_; i += 7919) {
      uint64_t n = 0;
      {
        MutexLock lock(&mu_);
        if (acked_.empty()) continue;
        n = acked_[i % acked_.size()];
      }
      const int64_t begun = SystemClock()->BootNanos();
      auto row = table.ReadRow(RowKey(n));
      ASSERT_OK(row);
      Time(begun);
      ASSERT_TRUE(row->has_value()) << RowKey(n) << " is gone";
      ++reads_;
    }
  }

  // A verb of the program; the processes of the cell are supervised meanwhile.
  int Admin(std::vector<std::string> words, const std::function<void()>& meanwhile = nullptr) {
    words.insert(words.begin(), {cell_.binary(), "admin"});
    words.insert(words.end(), {"--cell", cell_.address()});
    ChildProcess verb;
    EXPECT_OK(verb.Start(words, cell_.data_dir() + ".admin.log"));
    if (meanwhile) meanwhile();
    std::optional<int> code;
    Eventually(
        [&] {
          EXPECT_TRUE(cell_.Supervise());
          code = verb.AwaitExit(0);
          return code.has_value();
        },
        kPatienceMs);
    if (code != 0) ADD_FAILURE() << words[2] << ": " << TailOf(cell_.data_dir() + ".admin.log");
    return code.value_or(-1);
  }
  std::optional<ServerSummary> Server(const std::string& id) {
    auto status = client_->admin().GetCellStatus();
    EXPECT_OK(status);
    if (!status.ok()) return std::nullopt;
    for (const ServerSummary& server : status->servers) {
      if (server.server_id == id && server.state == "live") return server;
    }
    return std::nullopt;
  }
  uint64_t TabletsAt(const std::string& id) {
    const auto server = Server(id);
    return server.has_value() ? server->tablets : 0;
  }
  void StopAndCheckEveryRow() {
    Stop();
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("rows"));
    std::set<std::string> missing;
    {
      MutexLock lock(&mu_);
      for (uint64_t n : acked_) missing.insert(RowKey(n));
    }
    const size_t written = missing.size();
    for (StatusOr<Row>& row : table.ReadRows(ReadQuery())) {
      ASSERT_OK(row);
      missing.erase(row->key);
    }
    EXPECT_TRUE(missing.empty()) << missing.size() << " of " << written << " rows are lost";
    EXPECT_GE(written, static_cast<size_t>(kTablets));  // a full machine is slow
    EXPECT_GE(reads_.load(), 100u);
    LOG(INFO) << written << " writes, " << reads_ << " reads, the slowest took "
              << longest_ns_ / 1'000'000 << " ms";
  }

  static ProcessCell::Tuning ByCountOnly() {
    ProcessCell::Tuning tuning;
    tuning.master_words = {"--balance-min-load", "1000000"};
    return tuning;
  }

  ProcessCell cell_{STELE_BINARY, 2, 3, ByCountOnly()};
  std::unique_ptr<Client> client_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> next_{0}, reads_{0};
  std::atomic<int64_t> longest_ns_{0};
  Mutex mu_;
  std::vector<uint64_t> acked_ GUARDED_BY(mu_);
};

TEST_F(DrainTest, DrainAndBalanceUnderLoad) {
  EXPECT_EQ(Admin({"drain", "ts-1"}), 0);
  EXPECT_EQ(TabletsAt("ts-1"), 0u);
  EXPECT_EQ(Admin({"undrain", "ts-1"}), 0);
  EXPECT_EQ(Admin({"balance"}), 0);
  for (const char* id : {"ts-1", "ts-2", "ts-3"}) EXPECT_EQ(TabletsAt(id), 5u) << id;
  StopAndCheckEveryRow();
}

TEST_F(DrainTest, ADrainGoesOnUnderAnotherMaster) {
  const int active = cell_.AwaitActiveMaster(1'000);
  ASSERT_GE(active, 0);
  EXPECT_EQ(Admin({"drain", "ts-2"}, [&] { cell_.master(active)->Kill(); }), 0);
  EXPECT_EQ(TabletsAt("ts-2"), 0u);
  const auto server = Server("ts-2");
  ASSERT_TRUE(server.has_value());
  EXPECT_TRUE(server->draining);
  ASSERT_OK(cell_.StartMaster(active));
  StopAndCheckEveryRow();
}

TEST_F(DrainTest, ARollingRestartRestartsEachAndBalances) {
  std::map<std::string, uint64_t> before;
  for (const char* id : {"ts-1", "ts-2", "ts-3"}) before[id] = Server(id).value().incarnation;
  EXPECT_EQ(Admin({"rolling-restart", "--deadline", "110s"}), 0);
  for (const auto& [id, incarnation] : before) {
    const auto server = Server(id);
    ASSERT_TRUE(server.has_value()) << id;
    EXPECT_NE(server->incarnation, incarnation) << id;
    EXPECT_FALSE(server->draining) << id;
    EXPECT_EQ(server->tablets, 5u) << id;
  }
  StopAndCheckEveryRow();
}

TEST_F(DrainTest, AServerThatIsToldToEndGivesItsTabletsAwayFirst) {
  ASSERT_GT(TabletsAt("ts-3"), 0u);
  cell_.server(2)->Signal(SIGTERM);
  const std::optional<int> code = cell_.server(2)->AwaitExit(60'000);
  ASSERT_TRUE(code.has_value());
  EXPECT_EQ(*code, 0);
  EXPECT_EQ(Admin({"wait-healthy", "--deadline", "30s"}), 0);
  EXPECT_LT(longest_ns_ / 1'000'000, cell_.session_timeout_ms()) << "nobody waited for its lease";
  ASSERT_OK(cell_.StartServer(2));
  EXPECT_EQ(Admin({"balance"}), 0);
  EXPECT_EQ(TabletsAt("ts-3"), 5u);
  StopAndCheckEveryRow();
}

TEST_F(DrainTest, TheLastOneDoesNotWaitForOthers) {
  for (int i = 0; i < 3; ++i) {
    const int64_t begun = SystemClock()->BootNanos();
    if (i == 2) Stop();
    cell_.server(i)->Signal(SIGTERM);
    const std::optional<int> code = cell_.server(i)->AwaitExit(60'000);
    ASSERT_TRUE(code.has_value());
    EXPECT_EQ(*code, 0);
    if (i == 2) EXPECT_LT(SystemClock()->BootNanos() - begun, 5'000'000'000);
  }
  for (int i = 0; i < 3; ++i) ASSERT_OK(cell_.LaunchServer(i));
  EXPECT_EQ(Admin({"wait-healthy", "--deadline", "60s"}), 0);
  StopAndCheckEveryRow();
}

}  // namespace
}  // namespace stele
