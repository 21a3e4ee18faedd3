// Goal: a tablet server that is stopped for longer than its lease, at named moments of its work,
// and then goes on, ends with exit code 10 and has done nothing: each answer that it still gives
// was true, no acknowledged write is lost, every file that is needed is there.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/mutex.h"
#include "common/testing/proc_status.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "stele/client.h"
#include "tests/cluster/process_cell.h"

namespace stele {
namespace {

constexpr int kServers = 3;
constexpr int kCounters = 6;  // one a tablet at first
constexpr int64_t kPatienceMs = 90'000;
constexpr std::chrono::milliseconds kPause{20};

// A row that one thread counts up and another reads, each call a single attempt.
class Counter {
 public:
  Counter(Client* client, int number)
      : row_(absl::StrCat(number, "/count")), table_(*client->OpenTable("rows")) {
    call_.timeout_ms = kPatienceMs;
    call_.retry = RetryRule::kNever;
    threads_.emplace_back([this] { Count(); });
    threads_.emplace_back([this] { Read(); });
  }
  ~Counter() {
    {
      MutexLock lock(&mu_);
      over_ = true;
      changed_.SignalAll();
    }
    for (std::thread& thread : threads_) thread.join();
  }

  uint64_t acked() const { return acked_.load(); }
  uint64_t tried() const { return tried_.load(); }
  uint64_t reads() const { return reads_.load(); }
  const std::string& row() const { return row_; }

 private:
  void Count() {
    for (uint64_t n = 1; !Over(false); ++n) {
      tried_ = n;
      const Status status =
          table_.Apply(RowMutationBuilder(row_)
                           .SetAt("f", "q", static_cast<int64_t>(n) * 1000, std::to_string(n))
                           .Build(),
                       call_);
      if (status.ok()) acked_ = n;
      if (!status.ok() && Over(true)) return;
    }
  }
  void Read() {
    const ReadQuery newest = ReadQuery().CellsPerColumn(1);
    while (!Over(false)) {
      const uint64_t least = acked_;
      auto row = table_.ReadRow(row_, newest, call_);
      if (!row.ok()) {
        if (Over(true)) return;
        continue;
      }
      uint64_t found = 0;
      if (row->has_value()) CHECK(absl::SimpleAtoi((*row)->cells[0].value, &found));
      EXPECT_GE(found, least) << row_ << ": an acknowledged write was not seen";
      EXPECT_LE(found, tried_) << row_;
      ++reads_;
    }
  }
  // After a failure it waits a little: who is asked again at once is asked too often.
  bool Over(bool pause) {
    MutexLock lock(&mu_);
    if (pause && !over_) changed_.WaitFor(&mu_, kPause);
    return over_;
  }

  const std::string row_;
  Table table_;
  CallOptions call_;
  std::atomic<uint64_t> acked_{0}, tried_{0}, reads_{0};
  Mutex mu_;
  CondVar changed_;
  bool over_ GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;
};

class StoppedServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("STELE_FAULT_DIR", faults_.path().c_str(), 1);
    ASSERT_OK(cell_.Start());
    ASSERT_GE(cell_.AwaitActiveMaster(kPatienceMs), 0);
    ClientOptions options;
    options.timeout_ms = options.admin_timeout_ms = kPatienceMs;
    ASSERT_OK_AND_ASSIGN(client_, Client::Connect(cell_.address(), options));
    std::vector<std::string> splits;
    for (int i = 1; i < kCounters; ++i) splits.push_back(std::to_string(i));
    ASSERT_OK(client_->admin().CreateTable(RowsTable(), splits));
    for (int i = 0; i < kCounters; ++i) {
      counters_.push_back(std::make_unique<Counter>(client_.get(), i));
    }
    AwaitProgress();
  }
  void TearDown() override {
    counters_.clear();
    client_.reset();
    unsetenv("STELE_FAULT_DIR");
  }

  // Until every row is counted up and read again.
  void AwaitProgress() {
    std::vector<std::pair<uint64_t, uint64_t>> before;
    for (const auto& counter : counters_) before.emplace_back(counter->acked(), counter->reads());
    EXPECT_TRUE(Eventually(
        [&] {
          for (int i = 0; i < kCounters; ++i) {
            if (counters_[i]->acked() < before[i].first + 3) return false;
            if (counters_[i]->reads() < before[i].second + 3) return false;
          }
          return true;
        },
        kPatienceMs))
        << "some row is not served";
  }

  bool IsStopped(int server) {
    return cell_.server(server)->running() &&
           ProcState(std::to_string(cell_.server(server)->pid())) == 'T';
  }

  // Until every tablet is served by somebody else.
  void AwaitOthers(int server) {
    const std::string gone = absl::StrCat("ts-", server + 1);
    EXPECT_TRUE(Eventually(
        [&] {
          // On a machine that is busy beyond measure one may lose its lock by itself.
          for (int i = 0; i < kServers; ++i) {
            if (i != server && cell_.server(i)->running() &&
                cell_.server(i)->AwaitExit(0) == ProcessCell::kExitFenced) {
              EXPECT_OK(cell_.StartServer(i));
            }
          }
          auto state = client_->admin().GetCellStatus();
          return state.ok() && std::all_of(state->tablets.begin(), state->tablets.end(),
                                           [&](const TabletSummary& tablet) {
                                             return tablet.state == "serving" &&
                                                    tablet.tablet.server_id != gone;
                                           });
        },
        kPatienceMs));
  }

  void ContinueAndEnd(int server, const std::string& point) {
    const int64_t continued_ns = SystemClock()->BootNanos();
    cell_.server(server)->Signal(SIGCONT);
    const std::optional<int> code = cell_.server(server)->AwaitExit(kPatienceMs);
    const int64_t took_ms = (SystemClock()->BootNanos() - continued_ns) / 1'000'000;
    EXPECT_EQ(code.value_or(-1), ProcessCell::kExitFenced);
    std::cout << "[ " << point << " ] ended " << took_ms << " ms after it went on" << std::endl;
  }

  // Whichever server comes there first is stopped until others have its tablets. What brings it
  // there may wait for it, so a thread of its own does that; `before` is done on this one.
  void StopAt(
      const std::string& point, const std::function<void()>& trigger,
      const std::function<void()>& before = [] {}) {
    SCOPED_TRACE(point);
    const std::string file = faults_.path() + "/fault";
    std::ofstream(file + ".new") << "stop " << point << "\n";
    ASSERT_EQ(rename((file + ".new").c_str(), file.c_str()), 0);
    came_ = false;
    before();
    std::thread working(trigger);
    int stopped = -1;
    EXPECT_TRUE(Eventually(
        [&] {
          for (int i = 0; i < kServers; ++i) {
            if (IsStopped(i)) stopped = i;
          }
          return stopped >= 0;
        },
        kPatienceMs))
        << "nobody came there";
    came_ = true;
    if (stopped >= 0) {
      AwaitOthers(stopped);
      ContinueAndEnd(stopped, point);
    }
    for (int i = 0; i < kServers; ++i) {
      if (!cell_.server(i)->running()) EXPECT_OK(cell_.StartServer(i));
    }
    working.join();
    AwaitProgress();
  }

  // Rows of 64 KiB, until a server came where it is stopped.
  void Fill() {
    Table table = *client_->OpenTable("rows");
    SeededRandom random(TestSeed());
    for (uint64_t n = 0; !came_; ++n) {
      std::vector<RowMutation> rows;
      for (int i = 0; i < kCounters; ++i) {
        rows.push_back(RowMutationBuilder(absl::StrCat(i, "/big-", n % 8))
                           .SetAt("f", "q", 1000, random.Bytes(64u << 10))
                           .Build());
      }
      for (const Status& status : table.ApplyBatch(std::move(rows))) EXPECT_OK(status);
    }
  }
  void Increment() {
    Table table = *client_->OpenTable("rows");
    EXPECT_OK(table.ReadModifyWrite(ReadModifyWriteBuilder("3/sum").Increment("f", "q", 1).Build())
                  .status());
    ++increments_;
  }
  // Done in the end: an order to a server that is gone is given again.
  void Split(int counter) {
    TabletOrder order;
    order.table = "rows";
    order.at = absl::StrCat(counter, "/c");
    EXPECT_OK(client_->admin().Split(order).status());
  }

  void KillOneWithTablets() {
    ASSERT_OK_AND_ASSIGN(TableDescription table, client_->admin().DescribeTable("rows"));
    const std::string& server = table.tablets.back().server_id;  // ts-1 ..
    cell_.server(server.back() - '1')->Kill();
  }

  TempDir faults_;
  ProcessCell cell_{STELE_BINARY,
                    1,
                    kServers,
                    {2'000,
                     {"--ring-segment", "1m", "--ring-limit", "8m", "--memory-limit", "256m",
                      "--disk-reserve", "1m"}}};
  std::unique_ptr<Client> client_;
  std::vector<std::unique_ptr<Counter>> counters_;
  std::atomic<bool> came_{false};  // somebody is where he is to be stopped
  uint64_t increments_ = 0;
};

TEST_F(StoppedServerTest, EndsFencedAndHarmless) {
  const auto nothing = [] {};
  const auto flush = [this] { client_->admin().FlushTable("rows").IgnoreError(); };
  const auto compact = [this] { client_->admin().CompactTable("rows").IgnoreError(); };
  for (const char* point : {"log.before_append", "log.after_append", "log.before_sync",
                            "log.after_sync", "log.before_ack"}) {
    StopAt(point, nothing);
  }
  StopAt("log.wrap_before_reuse", [this] { Fill(); });
  StopAt("row.before_read", [this] { Increment(); });
  for (const char* point : {"flush.freeze", "flush.before_meta_cas", "flush.before_reclaim"}) {
    StopAt(point, flush);
  }
  StopAt("compaction.before_meta_cas", compact);
  StopAt("compaction.before_input_delete", compact);
  StopAt("split.after_intent", [this] { Split(0); });
  StopAt("split.before_commit", [this] { Split(1); });
  StopAt("recovery.flush_recovered", nothing, [this] { KillOneWithTablets(); });

  ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("rows"));
  ASSERT_OK_AND_ASSIGN(auto sum, table.ReadRow("3/sum", ReadQuery().CellsPerColumn(1)));
  ASSERT_TRUE(sum.has_value());
  EXPECT_EQ(sum->cells[0].value, std::string(7, '\0') + static_cast<char>(increments_));
  EXPECT_OK(cell_.Check());
}

}  // namespace
}  // namespace stele
