// Goal: `stele admin why` names the right cause for each of ten conditions that are brought about
// in a cell of real processes: server dead, lease lost, disk full, tablet recovering, range too
// hot, split refused because of one huge row, write stall, ZooKeeper gone, drain, corrupt file.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "stele/client.h"
#include "tests/cluster/process_cell.h"

namespace stele {
namespace {

constexpr int64_t kPatienceMs = 60'000;

class WhyTest : public ::testing::Test {
 protected:
  explicit WhyTest(const std::string& disk_reserve = "1m")
      : cell_(STELE_BINARY, 1, 2, Tuning(disk_reserve)) {}
  void SetUp() override {
    STELE_TRACE_SEED(TestSeed());
    setenv("STELE_FAULT_DIR", faults_.path().c_str(), 1);
    ASSERT_EQ(mkfifo((faults_.path() + "/held").c_str(), 0600), 0);
    ASSERT_OK(cell_.Start());
    ClientOptions options;
    options.timeout_ms = options.admin_timeout_ms = options.connect_timeout_ms = kPatienceMs;
    ASSERT_OK_AND_ASSIGN(client_, Client::Connect(cell_.address(), options));
    TableSchema schema;
    schema.name = "rows";
    schema.families = {FamilySchema{.name = "f"}};
    schema.groups = {LocalityGroupSchema{.name = "default", .codec = Codec::kNone}};
    schema.split_bytes = 1u << 20;
    ASSERT_OK(client_->admin().CreateTable(schema, {"m"}));
  }
  void TearDown() override {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    client_.reset();
    unsetenv("STELE_FAULT_DIR");
  }

  static ProcessCell::Tuning Tuning(const std::string& disk_reserve) {
    ProcessCell::Tuning tuning;
    tuning.session_timeout_ms = 3'000;
    tuning.server_words = {"--ring-segment", "1m",   "--ring-limit",   "16m",
                           "--memory-limit", "256m", "--disk-reserve", disk_reserve};
    tuning.master_words = {"--split-load", "50", "--split-load-after", "500ms"};
    return tuning;
  }

  Status Put(const std::string& row, size_t bytes) {
    ASSIGN_OR_RETURN(Table table, client_->OpenTable("rows"));
    SeededRandom random(TestSeed());
    const std::string qualifier = absl::StrCat("q", next_++);
    return table.Apply(RowMutationBuilder(row).Set("f", qualifier, random.Bytes(bytes)).Build());
  }
  // Whoever reads or writes until the end, whatever becomes of it.
  void Keep(std::function<void(Table*)> doing) {
    threads_.emplace_back([this, doing = std::move(doing)] {
      auto table = client_->OpenTable("rows");
      while (table.ok() && !stop_) doing(&*table);
    });
  }
  TabletInfo TabletOf(const std::string& row) {
    auto table = client_->admin().DescribeTable("rows");
    EXPECT_OK(table.status());
    if (!table.ok()) return {};
    for (const TabletInfo& tablet : table->tablets) {
      if (row > tablet.start_row && (tablet.end_row.empty() || row <= tablet.end_row))
        return tablet;
    }
    return {};
  }
  int ServerOf(const std::string& row) { return TabletOf(row).server_id == "ts-1" ? 0 : 1; }

  void Hold(const std::string& point) {
    std::ofstream(faults_.path() + "/fault.new") << "hold " << point << "\n";
    ASSERT_EQ(rename((faults_.path() + "/fault.new").c_str(), (faults_.path() + "/fault").c_str()),
              0);
  }
  void Release() {
    int held = -1;
    EXPECT_TRUE(Eventually(
        [&] {
          held = open((faults_.path() + "/held").c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
          return held >= 0;
        },
        kPatienceMs));
    if (held >= 0) close(held);
  }

  std::string Why(std::vector<std::string> words, const std::string& address = "") {
    words.insert(words.begin(), {cell_.binary(), "admin", "why"});
    words.insert(words.end(), {"--json", "--cell", address.empty() ? cell_.address() : address});
    ChildProcess verb;
    EXPECT_OK(verb.Start(words, faults_.path() + "/verb.err"));
    std::string line = verb.AwaitLine("{", kPatienceMs);
    if (line.empty()) line = "no answer: " + TailOf(faults_.path() + "/verb.err");
    return line;
  }
  // Soon the first cause is this one, with a sentence that has the word.
  void Expect(const std::vector<std::string>& words, const std::string& cause,
              const std::string& word, const std::string& address = "") {
    std::string said;
    EXPECT_TRUE(Eventually(
        [&] {
          said = Why(words, address);
          return absl::StartsWith(said, absl::StrCat("{\"cause\":\"", cause, "\"")) &&
                 absl::StrContains(said, word);
        },
        kPatienceMs))
        << "not " << cause << " with '" << word << "', but " << said;
  }

  TempDir faults_;
  ProcessCell cell_;
  std::unique_ptr<Client> client_;
  std::atomic<bool> stop_{false};
  std::atomic<int> next_{0};
  std::vector<std::thread> threads_;
};

TEST_F(WhyTest, NothingIsWrong) {
  ASSERT_OK(Put("a", 100));
  Expect({"ts-1"}, "none", "balance");
  Expect({"rows", "a"}, "none", "not split by size");
  EXPECT_TRUE(absl::StrContains(Why({"ts-7"}), "there is no server"));
  EXPECT_TRUE(absl::StrContains(Why({"nosuch", "a"}), "there is no table"));
  EXPECT_TRUE(absl::StrContains(Why({"999"}), "there is no tablet"));
}

TEST_F(WhyTest, ServerDeadAndItsTabletRecovering) {
  ASSERT_OK(Put("a", 100'000));
  const int dead = ServerOf("a");
  const std::string name = absl::StrCat("ts-", dead + 1), other = absl::StrCat("ts-", 2 - dead);
  for (const char* of_system : {"_METADATA", "_CATALOG"}) {
    ASSERT_OK(client_->admin().Move({.table = of_system, .server = other}));
  }
  Hold("recovery.flush_recovered");
  cell_.server(dead)->Kill();
  Expect({name}, "server-dead", "refused");
  Expect({"rows", "a"}, "tablet-recovering", name);
  Release();
  EXPECT_TRUE(Eventually([&] { return Put("a", 10).ok(); }, kPatienceMs));
  Expect({name}, "server-dead", "start it again");
}

TEST_F(WhyTest, LeaseLost) {
  ASSERT_OK(Put("a", 100));
  const int stopped = ServerOf("a");
  Hold("recovery.flush_recovered");
  cell_.server(stopped)->Signal(SIGSTOP);
  Expect({absl::StrCat("ts-", stopped + 1)}, "lease-lost", "process is still there");
  cell_.server(stopped)->Signal(SIGCONT);
}

TEST_F(WhyTest, ZooKeeperGone) {
  Expect({"ts-1"}, "none", "");
  cell_.zookeeper()->process(0)->Kill();
  Expect({"ts-1"}, "zookeeper-unreachable", "rebuild-locker",
         absl::StrCat("zk://", cell_.zookeeper()->servers(), "/test/cell"));
}

TEST_F(WhyTest, DrainInProgress) {
  ASSERT_OK(Put("a", 100'000));
  const std::string name = absl::StrCat("ts-", ServerOf("a") + 1);
  Hold("flush.before_meta_cas");
  ASSERT_OK(client_->admin().Drain(name).status());
  Expect({name}, "drain-in-progress", "are moved to other servers");
  Release();
  Expect({name}, "drain-in-progress", "undrain");
}

TEST_F(WhyTest, RangeTooHot) {
  ASSERT_OK(Put("a", 100));
  for (int i = 0; i < 2; ++i) {
    Keep([](Table* table) { table->ReadRow("a").IgnoreError(); });
  }
  Expect({"rows", "a"}, "range-too-hot", "one row has nearly all");
}

TEST_F(WhyTest, SplitRefusedBecauseOfOneHugeRow) {
  for (int i = 0; i < 24; ++i) ASSERT_OK(Put("a", 100'000));
  ASSERT_OK(client_->admin().FlushTable("rows"));
  Expect({"rows", "a"}, "one-huge-row", "a row is never divided");
}

TEST_F(WhyTest, WriteStall) {
  const std::string name = absl::StrCat("ts-", ServerOf("a") + 1);
  Hold("flush.before_meta_cas");
  for (int i = 0; i < 2; ++i) {
    // One row: its tablet cannot get out of the way by splits.
    Keep([this](Table*) { Put("a", 50'000).IgnoreError(); });
  }
  Expect({name}, "write-stall", "writers were asked to wait");
  stop_ = true;
  Release();
}

TEST_F(WhyTest, CorruptFile) {
  for (int i = 0; i < 5; ++i) ASSERT_OK(Put("a", 50'000));
  ASSERT_OK(client_->admin().FlushTable("rows"));
  Expect({"rows", "a"}, "none", "");
  const std::string tablet = std::to_string(TabletOf("a").id);
  size_t damaged = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(cell_.data_dir())) {
    if (!entry.is_regular_file() || entry.file_size() < 200'000 || entry.file_size() > 400'000) {
      continue;
    }
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100'000);
    file.write("damage", 6);
    ++damaged;
  }
  ASSERT_GE(damaged, 1u);
  Expect({tablet}, "corrupt-file", "damaged");
}

class FullDiskWhyTest : public WhyTest {
 protected:
  // So much is never free.
  FullDiskWhyTest() : WhyTest("1000000g") {}
};

TEST_F(FullDiskWhyTest, DiskFull) {
  const std::string name = absl::StrCat("ts-", ServerOf("a") + 1);
  Expect({name}, "disk-full", "kept in reserve");
  Expect({"rows", "a"}, "disk-full", name);
}

}  // namespace
}  // namespace stele
