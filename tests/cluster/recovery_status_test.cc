// Goal: while a dead server's log is recovered, `stele admin status` and `servers` show who does
// it, how far it is and how long it takes yet; when one is done, its pace is what a death would
// cost.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

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

class RecoveryStatusTest : public ::testing::Test {
 protected:
  void SetUp() override {
    STELE_TRACE_SEED(TestSeed());
    setenv("STELE_FAULT_DIR", faults_.path().c_str(), 1);
    ASSERT_EQ(mkfifo((faults_.path() + "/held").c_str(), 0600), 0);
    ASSERT_OK(cell_.Start());
    ClientOptions options;
    options.timeout_ms = options.admin_timeout_ms = options.connect_timeout_ms = kPatienceMs;
    ASSERT_OK_AND_ASSIGN(client_, Client::Connect(cell_.address(), options));
  }
  void TearDown() override {
    client_.reset();
    unsetenv("STELE_FAULT_DIR");
  }

  // Two tablets a server, of 1 MiB in the log each.
  void Fill() {
    TableSchema schema;
    schema.name = "rows";
    schema.families = {FamilySchema{.name = "f"}};
    ASSERT_OK(client_->admin().CreateTable(schema, {"1", "2", "3"}));
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("rows"));
    SeededRandom random(TestSeed());
    for (int i = 0; i < 64; ++i) {
      ASSERT_OK(table.Apply(RowMutationBuilder(absl::StrCat(i % 4, "/", i))
                                .Set("f", "q", random.Bytes(64u << 10))
                                .Build()));
    }
  }
  void Hold(const std::string& point) {
    std::ofstream(faults_.path() + "/fault.new") << "hold " << point << "\n";
    ASSERT_EQ(rename((faults_.path() + "/fault.new").c_str(), (faults_.path() + "/fault").c_str()),
              0);
  }
  // Waits until somebody is held, who then goes on.
  void Release() {
    int held = -1;
    EXPECT_TRUE(Eventually(
        [&] {
          held = open((faults_.path() + "/held").c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
          return held >= 0;
        },
        kPatienceMs))
        << "nobody came there";
    if (held >= 0) close(held);
  }
  CellStatus Status() {
    auto status = client_->admin().GetCellStatus();
    EXPECT_OK(status);
    return status.ok() ? *std::move(status) : CellStatus();
  }
  std::optional<RecoveryProgress> Progress() {
    for (const ServerSummary& server : Status().servers) {
      if (server.recovery.has_value()) return server.recovery;
    }
    return std::nullopt;
  }
  // The first line of what the verb prints that begins so.
  std::string Line(std::vector<std::string> words, const std::string& prefix) {
    words.insert(words.begin(), cell_.binary());
    words.insert(words.end(), {"--cell", cell_.address()});
    ChildProcess verb;
    EXPECT_OK(verb.Start(words, faults_.path() + "/verb.err"));
    std::string line = verb.AwaitLine(prefix, kPatienceMs);
    EXPECT_NE(line, "") << TailOf(faults_.path() + "/verb.err");
    return line;
  }

  static ProcessCell::Tuning Tuning() {
    ProcessCell::Tuning tuning;
    tuning.session_timeout_ms = 2'000;
    return tuning;
  }

  TempDir faults_;
  ProcessCell cell_{STELE_BINARY, 1, 2, Tuning()};
  std::unique_ptr<Client> client_;
};

TEST_F(RecoveryStatusTest, IsShownWhileItRunsAndMeasuredForTheNext) {
  Fill();
  EXPECT_TRUE(absl::EndsWith(Line({"admin", "servers"}, "ts-1"), "no recovery was measured yet"));
  ASSERT_OK_AND_ASSIGN(TableDescription table, client_->admin().DescribeTable("rows"));
  const int dead = table.tablets.back().server_id == "ts-1" ? 0 : 1;
  const std::string gone = absl::StrCat("ts-", dead + 1), other = absl::StrCat("ts-", 2 - dead);
  // What the system has in a log is recovered before, and by itself.
  for (const char* of_system : {"_METADATA", "_CATALOG"}) {
    ASSERT_OK(client_->admin().Move({.table = of_system, .server = other}));
  }
  Hold("recovery.flush_recovered");
  cell_.server(dead)->Kill();

  std::optional<RecoveryProgress> progress;
  EXPECT_TRUE(Eventually(
      [&] {
        progress = Progress();
        return progress.has_value() && progress->bytes_done == progress->bytes_total &&
               progress->tablets_total > 0;
      },
      kPatienceMs));
  ASSERT_TRUE(progress.has_value());
  EXPECT_EQ(progress->by, other);
  EXPECT_GT(progress->bytes_total, 1u << 20);
  EXPECT_LT(progress->tablets_done, progress->tablets_total);
  EXPECT_GT(progress->left_ms, 0);
  const std::string shown = absl::StrCat("recovery by ", other, ": ");
  const std::string line = Line({"admin", "servers"}, gone);
  EXPECT_TRUE(absl::StrContains(line, " recovering")) << line;
  EXPECT_TRUE(absl::StrContains(line, shown)) << line;
  EXPECT_TRUE(absl::StrContains(Line({"admin", "status"}, "server " + gone), shown));
  const std::string by = absl::StrCat(R"("recovery":{"by":")", other, R"(","bytes_done":)");
  EXPECT_TRUE(absl::StrContains(Line({"admin", "status", "--json"}, "{"), by));
  EXPECT_TRUE(absl::StrContains(Line({"admin", "servers", "--json"}, "{"), by));

  Release();
  EXPECT_TRUE(Eventually([&] { return FindTroubles(Status()).empty(); }, kPatienceMs));
  EXPECT_GT(Status().recovery_bytes_per_second, 0u);
  EXPECT_FALSE(Progress().has_value());
  const std::string measured = Line({"admin", "servers"}, other);
  EXPECT_TRUE(absl::EndsWith(measured, " s  -")) << measured;  // if it died now; nothing to note
}

}  // namespace
}  // namespace stele
