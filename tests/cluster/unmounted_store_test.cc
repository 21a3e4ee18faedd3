// Goal: a tablet server whose shared directory is not mounted does not join a cell that has data,
// however often it is started, and claims nothing; with the directory there it serves.
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "stele/client.h"
#include "tests/cluster/process_cell.h"

namespace stele {
namespace {

constexpr int64_t kPatienceMs = 60'000;

class UnmountedStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(cell_.Start());
    ClientOptions options;
    options.timeout_ms = options.admin_timeout_ms = options.connect_timeout_ms = kPatienceMs;
    ASSERT_OK_AND_ASSIGN(client_, Client::Connect(cell_.address(), options));
    ASSERT_OK(client_->admin().CreateTable(RowsTable(), {}));
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("rows"));
    ASSERT_OK(table.Apply(RowMutationBuilder("a").Set("f", "q", "kept").Build()));
  }

  Status StartAnother(const std::string& data_dir) {
    return another_.Start(
        {cell_.binary(), "tabletserver", "--id", "ts-9", "--data-dir", data_dir, "--listen",
         "127.0.0.1:0", "--http", "none", "--locker",
         absl::StrCat("zk://", cell_.zookeeper()->server(0), "/test/cell"), "--session-timeout-ms",
         absl::StrCat(cell_.session_timeout_ms()), "--zookeeper-tick-ms",
         absl::StrCat(ZkEnsemble::kTickMs), "--disk-reserve", "1m"},
        said());
  }
  std::string said() const { return dir_.path() + "/said"; }
  std::vector<std::string> ServerIds() {
    std::vector<std::string> ids;
    StatusOr<CellStatus> status = client_->admin().GetCellStatus();
    EXPECT_OK(status.status());
    if (!status.ok()) return ids;
    for (const ServerSummary& server : status->servers) ids.push_back(server.server_id);
    return ids;
  }

  ProcessCell cell_{STELE_BINARY, /*masters=*/1, /*servers=*/1};
  std::unique_ptr<Client> client_;
  TempDir dir_;
  ChildProcess another_;
};

TEST_F(UnmountedStoreTest, IsRefusedUntilItIsThere) {
  const std::string empty = dir_.path() + "/mount";
  std::filesystem::create_directory(empty);
  for (int start = 0; start < 2; ++start) {
    ASSERT_OK(StartAnother(empty));
    EXPECT_EQ(another_.AwaitExit(kPatienceMs), ProcessCell::kExitBadConfiguration) << start;
    EXPECT_NE(TailOf(said()).find("mounted"), std::string::npos) << TailOf(said());
    EXPECT_FALSE(std::filesystem::exists(empty + "/cell")) << "claimed";
    EXPECT_EQ(ServerIds(), std::vector<std::string>{"ts-1"});
  }
  ASSERT_OK(StartAnother(cell_.data_dir()));
  EXPECT_NE(another_.AwaitLine("READY", kPatienceMs), "") << TailOf(said());
  const std::vector<std::string> both = {"ts-1", "ts-9"};
  EXPECT_TRUE(Eventually([&] { return ServerIds() == both; }, kPatienceMs));
  ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("rows"));
  ASSERT_OK_AND_ASSIGN(auto row, table.ReadRow("a"));
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ(row->cells[0].value, "kept");
  another_.Signal(SIGTERM);
  EXPECT_EQ(another_.AwaitExit(kPatienceMs), 0);
  EXPECT_OK(cell_.Check());
}

}  // namespace
}  // namespace stele
