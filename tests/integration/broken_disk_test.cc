// Goal: the process itself on a disk whose log fails or hangs: nothing is acknowledged from the
// first failed call on, it ends at once with the documented code, and what was acknowledged is
// there after a restart on the mended disk. A disk that is only slow costs no write.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <thread>

#include "common/base/mutex.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "stele/client.h"
#include "tests/integration/child_cell.h"

namespace stele {
namespace {

constexpr int kWriters = 4;
constexpr int kExitStorageError = 11, kExitStorageStalled = 12;
// `stele local` sets the limit of a stuck sync to half of its session timeout of 10 s; the renewer
// looks every second.
constexpr double kErrorSeconds = 1, kStallSeconds = 8;

class BrokenDiskTest : public ::testing::Test {
 protected:
  // `part`: the files concerned have it in their path.
  explicit BrokenDiskTest(const std::string& part = "/logs/ts-1@log/")
      : cell_(STELE_BINARY, dir_.path(), {},
              {"LD_PRELOAD=" BROKEN_DISK_LIBRARY, "BROKEN_DISK_CONTROL=" + control_,
               "BROKEN_DISK_PATH=" + part}) {}
  void SetUp() override {
    ASSERT_OK(cell_.Start());
    ASSERT_OK_AND_ASSIGN(client_, Client::Connect(cell_.rpc_address(), {.timeout_ms = 20'000}));
    TableSchema schema;
    schema.name = "t";
    schema.groups = {LocalityGroupSchema{.name = "default"}};
    schema.families = {FamilySchema{.name = "f"}};
    ASSERT_OK(client_->admin().CreateTable(schema, {}));
    for (int i = 0; i < kWriters; ++i) writers_.emplace_back([this, i] { Write(i); });
    ASSERT_NO_FATAL_FAILURE(AwaitMoreAcks());
  }
  void TearDown() override {
    StopWriters();
    client_.reset();
    cell_.Kill();
  }
  void StopWriters() {
    stop_ = true;
    for (std::thread& writer : writers_) writer.join();
    writers_.clear();
  }

  void Write(int writer) {
    StatusOr<Table> table = client_->OpenTable("t");
    ASSERT_OK(table);
    for (int n = 0; !stop_; ++n) {
      const std::string key = std::to_string(writer) + "/" + std::to_string(n);
      RowMutationBuilder row(key);
      row.SetAt("f", "q", 1000, key);
      if (!table->Apply(row.Build()).ok()) continue;
      MutexLock lock(&mu_);
      acked_[key] = SystemClock()->BootNanos();
      acks_.SignalAll();
    }
  }
  void AwaitMoreAcks(size_t more = 200) {
    MutexLock lock(&mu_);
    const size_t goal = acked_.size() + more;
    while (acked_.size() < goal) ASSERT_TRUE(acks_.WaitFor(&mu_, std::chrono::seconds(60)));
  }
  int64_t Break(const std::string& word) {
    std::ofstream(control_) << word;
    return SystemClock()->BootNanos();
  }
  // From the cell's /metrics; -1: it is not there.
  double Metric(const std::string& name) {
    const std::string file = dir_.path() + "/metrics";
    const std::string get = "curl -fsS http://" + cell_.http_address() + "/metrics > " + file;
    EXPECT_EQ(std::system(get.c_str()), 0);
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
      if (line.rfind(name + "{", 0) == 0) return std::stod(line.substr(line.rfind(' ')));
    }
    return -1;
  }
  void Mend() { std::remove(control_.c_str()); }

  void ExpectEveryAckedRow() {
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
    std::map<std::string, std::string> found;
    for (StatusOr<Row>& row : table.ReadRows(ReadQuery())) {
      ASSERT_OK(row);
      ASSERT_EQ(row->cells.size(), 1u) << row->key;
      found[row->key] = row->cells[0].value;
    }
    MutexLock lock(&mu_);
    for (const auto& [key, when] : acked_) ASSERT_EQ(found[key], key) << "acknowledged and lost";
  }

  // The disk breaks for good; what the process does, and what is left when it runs on a whole one.
  void ExpectEnd(const std::string& word, int exit_code, double seconds) {
    const int64_t broken_ns = Break(word);
    EXPECT_EQ(cell_.WaitForEnd(), exit_code);
    const int64_t ended_ns = SystemClock()->BootNanos();
    std::printf("%s: ended after %.2f s\n", word.c_str(),
                static_cast<double>(ended_ns - broken_ns) / 1e9);
    EXPECT_LT(static_cast<double>(ended_ns - broken_ns) / 1e9, seconds);
    {
      // A group whose calls had passed the library when the word came may still be acknowledged.
      MutexLock lock(&mu_);
      int64_t last_ns = 0;
      for (const auto& [key, when] : acked_) last_ns = std::max(last_ns, when);
      EXPECT_LT(last_ns, broken_ns + 500'000'000);
    }
    Mend();
    ASSERT_OK(cell_.Start());
    ASSERT_NO_FATAL_FAILURE(AwaitMoreAcks());
    StopWriters();
    ExpectEveryAckedRow();
  }

  TempDir dir_;
  const std::string control_ = dir_.path() + "/control";
  ChildCell cell_;
  std::unique_ptr<Client> client_;
  std::atomic<bool> stop_{false};
  std::vector<std::thread> writers_;
  Mutex mu_;
  CondVar acks_;
  std::map<std::string, int64_t> acked_ GUARDED_BY(mu_);
};

TEST_F(BrokenDiskTest, AFailedSyncEndsTheServer) {
  ExpectEnd("fail-sync", kExitStorageError, kErrorSeconds);
}

TEST_F(BrokenDiskTest, AFailedWriteEndsTheServer) {
  ExpectEnd("fail-write", kExitStorageError, kErrorSeconds);
}

TEST_F(BrokenDiskTest, ADiskThatHangsEndsTheServer) {
  ExpectEnd("hang", kExitStorageStalled, kStallSeconds);
}

class WholeDiskTest : public BrokenDiskTest {
 protected:
  WholeDiskTest() : BrokenDiskTest("/data/") {}
};

TEST_F(WholeDiskTest, EndsTheServerWhenItHangs) {
  ExpectEnd("hang", kExitStorageStalled, kStallSeconds);
}

TEST_F(BrokenDiskTest, ADiskThatIsSlowForAWhileLosesNothing) {
  EXPECT_EQ(Metric("stele_log_slow_syncs_total"), 0);
  Break("slow");
  ASSERT_NO_FATAL_FAILURE(AwaitMoreAcks(2 * kWriters));  // one of them was begun after the word
  Mend();
  ASSERT_NO_FATAL_FAILURE(AwaitMoreAcks());
  StopWriters();
  ASSERT_NO_FATAL_FAILURE(ExpectEveryAckedRow());
  EXPECT_GE(Metric("stele_log_slow_syncs_total"), 1);
}

}  // namespace
}  // namespace stele
