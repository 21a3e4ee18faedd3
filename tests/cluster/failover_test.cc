// Goal: any process of a cell is killed, or stopped for longer than its lease, while rows are
// written: others take over, every acknowledged row is there, and who comes to itself too late ends
// with exit code 10.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <filesystem>
#include <set>
#include <thread>

#include "common/base/mutex.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "stele/client.h"
#include "tests/cluster/process_cell.h"

namespace stele {
namespace {

constexpr int kWriters = 3;
constexpr int kTablets = 9;
constexpr int kSteps = 5;
constexpr int64_t kPatienceMs = 90'000;

std::string RowKey(uint64_t n) {
  return std::to_string(n % kTablets) + "/row-" + std::to_string(n);
}
std::string ValueOf(uint64_t n) {
  SeededRandom random(n);
  return random.Letters(random.Between(10, 2000));
}

class FailoverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(cell_.Start());
    ClientOptions options;
    options.timeout_ms = options.admin_timeout_ms = kPatienceMs;
    options.connect_timeout_ms = kPatienceMs;
    Status connected;
    EXPECT_TRUE(Eventually(
        [&] {
          auto client = Client::Connect(cell_.address(), options);
          connected = client.status();
          if (client.ok()) client_ = *std::move(client);
          return client.ok();
        },
        kPatienceMs));
    ASSERT_OK(connected);
    std::vector<std::string> splits;
    for (int i = 1; i < kTablets; ++i) splits.push_back(std::to_string(i));
    ASSERT_OK(client_->admin().CreateTable(RowsTable(), splits));
    for (int i = 0; i < kWriters; ++i) writers_.emplace_back([this] { Write(); });
    AwaitRowsInAllTablets();
  }
  void TearDown() override {
    stop_ = true;
    for (std::thread& writer : writers_) writer.join();
    client_.reset();
  }

  void Write() {
    StatusOr<Table> table = client_->OpenTable("rows");
    ASSERT_OK(table);
    while (!stop_) {
      const uint64_t n = next_.fetch_add(1);
      Status applied =
          table->Apply(RowMutationBuilder(RowKey(n)).Set("f", "q", ValueOf(n)).Build());
      MutexLock lock(&mu_);
      if (applied.ok()) {
        acked_.insert(n);
        ++acked_of_[n % kTablets];
      } else {
        ADD_FAILURE() << "a write failed: " << applied.ToString();
        stop_ = true;
      }
    }
  }

  // Until every tablet has taken new rows: all are served.
  void AwaitRowsInAllTablets() {
    std::vector<uint64_t> before;
    {
      MutexLock lock(&mu_);
      before.assign(acked_of_, acked_of_ + kTablets);
    }
    EXPECT_TRUE(Eventually(
        [&] {
          EXPECT_TRUE(cell_.Supervise());
          MutexLock lock(&mu_);
          for (int i = 0; i < kTablets; ++i) {
            if (acked_of_[i] < before[i] + 5) return stop_.load();
          }
          return true;
        },
        kPatienceMs))
        << "some tablet takes no rows";
  }

  void StopAndCheckEveryRow() {
    stop_ = true;
    for (std::thread& writer : writers_) writer.join();
    writers_.clear();
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("rows"));
    std::set<uint64_t> missing;
    {
      MutexLock lock(&mu_);
      missing = acked_;
    }
    const size_t written = missing.size();
    for (StatusOr<Row>& row : table.ReadRows(ReadQuery())) {
      ASSERT_OK(row);
      const uint64_t n = std::stoull(row->key.substr(row->key.rfind('-') + 1));
      ASSERT_EQ(row->key, RowKey(n));
      ASSERT_EQ(row->cells.size(), 1u);
      ASSERT_EQ(row->cells[0].value, ValueOf(n));
      missing.erase(n);
    }
    EXPECT_TRUE(missing.empty()) << missing.size() << " acknowledged rows of " << written
                                 << " are lost, the first " << *missing.begin();
    EXPECT_GE(written, static_cast<size_t>(kTablets) * 5);
  }

  // A verb that wants nobody to live; sessions of the dead last for a while.
  void Rebuild(const std::string& what) {
    const std::string locker = "zk://" + cell_.zookeeper()->servers() + "/test/cell";
    const std::string log = cell_.data_dir() + ".rebuild.log";
    EXPECT_TRUE(Eventually(
        [&] {
          ChildProcess verb;
          EXPECT_OK(verb.Start(
              {cell_.binary(), "admin", what, "--locker", locker, "--data-dir", cell_.data_dir()},
              log));
          return verb.AwaitExit(60'000) == 0;
        },
        60'000))
        << TailOf(log);
  }

  ProcessCell cell_{STELE_BINARY, 2, 3};
  std::unique_ptr<Client> client_;
  std::vector<std::thread> writers_;
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> next_{0};
  Mutex mu_;
  std::set<uint64_t> acked_ GUARDED_BY(mu_);
  uint64_t acked_of_[kTablets] GUARDED_BY(mu_) = {};
};

TEST_F(FailoverTest, TheTabletsOfAKilledServerGoToOthers) {
  cell_.server(0)->Kill();
  AwaitRowsInAllTablets();
  cell_.server(1)->Kill();
  AwaitRowsInAllTablets();
  // They come back, with empty hands, and the last one that has everything goes.
  ASSERT_OK(cell_.StartServer(0));
  ASSERT_OK(cell_.StartServer(1));
  cell_.server(2)->Kill();
  AwaitRowsInAllTablets();
  StopAndCheckEveryRow();
}

TEST_F(FailoverTest, AServerStoppedForLongerThanItsLeaseEndsWithoutHarm) {
  cell_.server(1)->Signal(SIGSTOP);
  AwaitRowsInAllTablets();  // others have its tablets by now
  cell_.server(1)->Signal(SIGCONT);
  const std::optional<int> code = cell_.server(1)->AwaitExit(10'000);
  ASSERT_TRUE(code.has_value()) << "it still runs";
  EXPECT_EQ(*code, ProcessCell::kExitFenced);
  ASSERT_OK(cell_.StartServer(1));
  AwaitRowsInAllTablets();
  StopAndCheckEveryRow();
}

TEST_F(FailoverTest, AStandbyTakesOverAndRecoversWhatDiesThen) {
  const int first = cell_.AwaitActiveMaster(1'000);
  ASSERT_GE(first, 0);
  cell_.master(first)->Kill();
  AwaitRowsInAllTablets();  // nobody needs a master for that
  cell_.server(2)->Kill();  // at once: the next master has never seen it, or sees it go
  const int second = cell_.AwaitActiveMaster(30'000);
  ASSERT_EQ(second, 1 - first);
  AwaitRowsInAllTablets();
  ASSERT_OK(cell_.StartMaster(first));
  cell_.master(second)->Kill();
  EXPECT_EQ(cell_.AwaitActiveMaster(30'000), first);
  cell_.server(0)->Kill();
  AwaitRowsInAllTablets();
  StopAndCheckEveryRow();
}

TEST_F(FailoverTest, AllAreKilledAndComeBack) {
  for (int i = 0; i < 3; ++i) cell_.server(i)->Kill();
  for (int i = 0; i < 2; ++i) cell_.master(i)->Kill();
  cell_.zookeeper()->process(0)->Kill();
  ASSERT_OK(cell_.zookeeper()->StartServer(0));
  for (int i = 0; i < 2; ++i) ASSERT_OK(cell_.StartMaster(i));
  for (int i = 0; i < 3; ++i) ASSERT_OK(cell_.LaunchServer(i));
  AwaitRowsInAllTablets();
  StopAndCheckEveryRow();
}

TEST_F(FailoverTest, ZooKeeperIsAwayForLongerThanTheSessions) {
  cell_.zookeeper()->process(0)->Kill();
  for (int i = 0; i < 3; ++i) {
    const std::optional<int> code = cell_.server(i)->AwaitExit(30'000);
    ASSERT_TRUE(code.has_value()) << "server " << i << " serves without a lease";
    EXPECT_EQ(*code, ProcessCell::kExitFenced);
  }
  ASSERT_OK(cell_.zookeeper()->StartServer(0));
  for (int i = 0; i < 3; ++i) ASSERT_OK(cell_.LaunchServer(i));
  for (int i = 0; i < 2; ++i) {
    if (cell_.master(i)->running() && !cell_.master(i)->AwaitExit(1'000).has_value()) continue;
    ASSERT_OK(cell_.StartMaster(i));  // the active one has lost its lock; the standby waits on
  }
  AwaitRowsInAllTablets();
  StopAndCheckEveryRow();
}

// Kills and stops that fall into moves and splits: whoever had a tablet last may die before it has
// told or flushed. Who is stopped stays so until all its tablets are served by others.
TEST_F(FailoverTest, ARandomWalkOfMovesSplitsKillsAndStops) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  for (int step = 0; step < kSteps && !HasFailure(); ++step) {
    ChildProcess order;
    const std::string to = "ts-" + std::to_string(random.Between(1, 3));
    const bool move = random.OneIn(2);
    std::vector<std::string> words = {STELE_BINARY, "admin", move ? "move" : "split", "rows"};
    if (move) words.push_back(to);
    words.insert(words.end(), {"--cell", cell_.address(), "--timeout-ms", "60000"});
    ASSERT_OK(order.Start(words, "/dev/null"));
    Eventually([] { return false; }, static_cast<int64_t>(random.Below(400)));  // some moment
    const int victim = static_cast<int>(random.Below(3));
    const int master = cell_.AwaitActiveMaster(30'000);
    ASSERT_GE(master, 0);
    const bool master_too = random.OneIn(3);
    const bool stop = random.OneIn(2);
    stop ? cell_.server(victim)->Signal(SIGSTOP) : cell_.server(victim)->Kill();
    if (master_too) cell_.master(master)->Kill();
    AwaitRowsInAllTablets();
    if (stop) {
      cell_.server(victim)->Signal(SIGCONT);
      // It goes on if the others were ready within its lease.
      EXPECT_EQ(cell_.server(victim)->AwaitExit(1'500).value_or(ProcessCell::kExitFenced),
                ProcessCell::kExitFenced);
    }
    if (master_too && !cell_.master(master)->running()) ASSERT_OK(cell_.StartMaster(master));
    if (!cell_.server(victim)->running()) ASSERT_OK(cell_.StartServer(victim));
    AwaitRowsInAllTablets();
  }
  StopAndCheckEveryRow();
}

// Its new cell key is not the one in the directory: nobody serves what nobody could fence.
TEST_F(FailoverTest, AZooKeeperThatForgotEverythingIsNoticedAndMadeAnew) {
  StopAndCheckEveryRow();
  for (int i = 0; i < 3; ++i) cell_.server(i)->Kill();
  for (int i = 0; i < 2; ++i) cell_.master(i)->Kill();
  cell_.zookeeper()->process(0)->Kill();
  cell_.zookeeper()->Wipe(0);
  ASSERT_OK(cell_.zookeeper()->StartServer(0));
  ASSERT_OK(cell_.StartMaster(0));
  ASSERT_OK(cell_.LaunchServer(0));
  const std::optional<int> code = cell_.server(0)->AwaitExit(60'000);
  ASSERT_TRUE(code.has_value());
  EXPECT_EQ(*code, ProcessCell::kExitBadConfiguration);

  // What it has to know is in the directory.
  cell_.master(0)->Kill();
  Rebuild("rebuild-locker");
  for (int i = 0; i < 2; ++i) ASSERT_OK(cell_.StartMaster(i));
  for (int i = 0; i < 3; ++i) ASSERT_OK(cell_.LaunchServer(i));
  StopAndCheckEveryRow();
}

TEST_F(FailoverTest, AMetadataTableThatIsLostIsMadeAnew) {
  StopAndCheckEveryRow();
  for (int i = 0; i < 3; ++i) cell_.server(i)->Kill();
  for (int i = 0; i < 2; ++i) cell_.master(i)->Kill();
  const std::string manifests = cell_.data_dir() + "/cells/tablets/";
  EXPECT_GT(std::filesystem::remove_all(manifests + "0000000000000001@versions"), 1u);
  EXPECT_GT(std::filesystem::remove_all(manifests + "0000000000000002@versions"), 1u);
  Rebuild("rebuild-metadata");
  for (int i = 0; i < 2; ++i) ASSERT_OK(cell_.StartMaster(i));
  for (int i = 0; i < 3; ++i) ASSERT_OK(cell_.LaunchServer(i));
  StopAndCheckEveryRow();
}

TEST_F(FailoverTest, DrainsLeaveNothingToRecover) {
  cell_.server(0)->Signal(SIGTERM);
  const std::optional<int> code = cell_.server(0)->AwaitExit(30'000);
  ASSERT_TRUE(code.has_value());
  EXPECT_EQ(*code, 0);
  AwaitRowsInAllTablets();
  StopAndCheckEveryRow();
}

}  // namespace
}  // namespace stele
