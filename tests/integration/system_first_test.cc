// Goal: when a server dies, what it had of the system comes back first: its root, METADATA and
// catalog serve while the rest of its log is still being sorted, and open beside tablets of users
// that are slow to open. The slowness is made: nothing here depends on time.
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/fault/fault.h"
#include "common/store/blob_store.h"
#include "common/store/fs.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "locker/embedded/embedded_locker.h"
#include "master/master.h"
#include "schema/metadata/metadata.h"
#include "stele/client.h"
#include "tabletserver/rpc/tablet_server.h"

namespace stele {
namespace {

using master::Master;
using tabletserver::TabletServer;

constexpr int64_t kSessionTimeoutMs = 3'000;
constexpr int64_t kPatienceNs = 60'000'000'000;
constexpr int kTablets = 12;

std::string RowKey(int i) { return absl::StrCat("row", 100 + i); }

// Whoever comes to a place that is held waits there until all may go on.
class Held : public FaultInjector {
 public:
  // Records of logs that are replayed once the system's part of one is done.
  void HoldSorts() { Set(&sorts_, true); }
  // Tablets of users that are opened.
  void HoldOpens() { Set(&opens_, true); }
  void GoOn() {
    Set(&sorts_, false);
    Set(&opens_, false);
  }
  Status At(Slice point) override {
    MutexLock lock(&mu_);
    if (point == "recovery.system_done") system_done_ = true;
    const bool sort = point == "recovery.replay_mid" && system_done_;
    const bool open = point == "open.user_tablet";
    if (!(sort && sorts_) && !(open && opens_)) return OkStatus();
    ++waiting_;
    while ((sort && sorts_) || (open && opens_)) changed_.Wait(&mu_);
    --waiting_;
    return OkStatus();
  }
  int waiting() const {
    MutexLock lock(&mu_);
    return waiting_;
  }

 private:
  void Set(bool* what, bool to) {
    MutexLock lock(&mu_);
    *what = to;
    changed_.SignalAll();
  }

  mutable Mutex mu_;
  CondVar changed_;
  bool sorts_ = false, opens_ = false, system_done_ = false;
  int waiting_ = 0;
};

class SystemFirstTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(store_, OpenPosixStore(PosixFs(), dir_.path(), /*create=*/true));
    ASSERT_OK_AND_ASSIGN(
        locker_, OpenEmbeddedLocker(store_.get(), SystemClock(), {kSessionTimeoutMs * 1'000'000}));
    ASSERT_NO_FATAL_FAILURE(StartServer("ts-1"));
    master::MasterOptions options;
    options.rpc = rpc_;
    master::MasterEnv env;
    env.locker = locker_.get();
    env.clock = SystemClock();
    env.on_fatal = [](const Status& status) { ADD_FAILURE() << "master: " << status; };
    ASSERT_OK_AND_ASSIGN(master_, Master::Start(options, env));
    ASSERT_OK(master_->WaitUntilSettled(kPatienceNs / 1'000'000));
    ASSERT_OK_AND_ASSIGN(client_, Client::Connect(master_->address()));
  }
  void TearDown() override {
    held_.GoOn();
    client_.reset();
    if (master_ != nullptr) master_->Stop();
    for (auto& [id, server] : servers_) server->Stop(/*drain=*/false).IgnoreError();
  }
  void StartServer(const std::string& id) {
    tabletserver::TabletServerOptions options;
    options.server_id = id;
    options.rpc = rpc_;
    options.engine.log.segment_bytes = 1u << 20;
    options.disk_stall_timeout_ms = kSessionTimeoutMs;
    options.log_of_incarnation = true;
    tabletserver::TabletServerEnv env;
    env.store = store_.get();
    env.clock = SystemClock();
    env.locker = locker_.get();
    env.faults = &held_;
    env.on_fatal = [](const Status&) {};
    ASSERT_OK_AND_ASSIGN(servers_[id], TabletServer::Start(options, env));
  }
  bool Await(const std::function<bool()>& condition) {
    const int64_t deadline = SystemClock()->BootNanos() + kPatienceNs;
    Mutex mu;
    CondVar pause;
    MutexLock lock(&mu);
    while (!condition()) {
      if (SystemClock()->BootNanos() >= deadline) return false;
      pause.WaitFor(&mu, std::chrono::milliseconds(10));
    }
    return true;
  }
  void MakeTable() {
    TableSchema schema;
    schema.name = "t";
    schema.families = {FamilySchema{.name = "f"}};
    std::vector<std::string> splits;
    for (int i = 1; i < kTablets; ++i) splits.push_back(RowKey(i));
    ASSERT_OK(client_->admin().CreateTable(schema, splits).status());
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
    for (int i = 0; i < kTablets; ++i) {
      ASSERT_OK(table.Apply(RowMutationBuilder(RowKey(i)).Set("f", "q", RowKey(i)).Build()));
    }
  }
  // As a crash would.
  void Kill(const std::string& id) {
    ASSERT_OK(servers_[id]->Stop(/*drain=*/false));
    servers_.erase(id);
  }
  void ExpectAllRows() {
    ASSERT_TRUE(Await([&] { return Serving(/*system=*/false) == kTablets; }));
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
    for (int i = 0; i < kTablets; ++i) {
      ASSERT_OK_AND_ASSIGN(auto row, table.ReadRow(RowKey(i)));
      ASSERT_TRUE(row.has_value()) << RowKey(i);
      EXPECT_EQ(row->cells.at(0).value, RowKey(i));
    }
  }
  // Of the system's tablets.
  size_t ServedBy(const std::string& server) {
    size_t serving = 0;
    const auto view = master_->view();
    for (const wire::TabletSummary& tablet : view->status.tablets) {
      serving += tablet.location.tablet.table < kFirstUserTable && tablet.state == "serving" &&
                 tablet.location.server_id == server;
    }
    return serving;
  }
  // How many of the tablets of these tables serve.
  size_t Serving(bool system) {
    size_t serving = 0;
    const auto view = master_->view();
    for (const wire::TabletSummary& tablet : view->status.tablets) {
      const bool of_system = tablet.location.tablet.table < kFirstUserTable;
      serving += of_system == system && tablet.state == "serving";
    }
    return serving;
  }

  TempDir dir_;
  Held held_;
  net::RpcOptions rpc_ = [] {
    net::RpcOptions options;
    options.cell_key = std::string(net::kCellKeyBytes, 'k');
    return options;
  }();
  std::unique_ptr<BlobStore> store_;
  std::unique_ptr<Locker> locker_;
  std::map<std::string, std::unique_ptr<TabletServer>> servers_;
  std::unique_ptr<Master> master_;
  std::unique_ptr<Client> client_;
};

TEST_F(SystemFirstTest, TheSystemServesWhileTheRestOfALogIsSorted) {
  ASSERT_NO_FATAL_FAILURE(MakeTable());
  ASSERT_NO_FATAL_FAILURE(StartServer("ts-2"));
  held_.HoldSorts();
  ASSERT_NO_FATAL_FAILURE(Kill("ts-1"));
  ASSERT_TRUE(Await([&] { return held_.waiting() > 0 && Serving(/*system=*/true) == 3; }));
  EXPECT_EQ(Serving(/*system=*/false), 0u) << "their rows are still in the log";
  // METADATA answers who looks something up.
  ASSERT_OK_AND_ASSIGN(auto fresh, Client::Connect(master_->address()));
  ASSERT_OK_AND_ASSIGN(Table metadata, fresh->OpenTable(kMetadataTableName));
  int rows = 0;
  CallOptions call;
  call.timeout_ms = kPatienceNs / 1'000'000;
  ASSERT_OK(metadata.ReadRows(
      ReadQuery(),
      [&](const Row&) {
        ++rows;
        return true;
      },
      call));
  EXPECT_EQ(rows, kTablets + 1);
  EXPECT_EQ(Serving(/*system=*/false), 0u);

  held_.GoOn();
  ExpectAllRows();
}

// As many as the server opens at once, and more.
TEST_F(SystemFirstTest, TheSystemOpensBesideUsersTabletsThatAreSlowToOpen) {
  constexpr int kOpenedAtOnce = 4;
  ASSERT_NO_FATAL_FAILURE(MakeTable());
  ASSERT_NO_FATAL_FAILURE(StartServer("ts-2"));
  held_.HoldOpens();
  TabletOrder order;
  order.table = "t";
  order.server = "ts-2";
  ASSERT_OK_AND_ASSIGN(const TableDescription table, client_->admin().DescribeTable("t"));
  for (const TabletInfo& tablet : table.tablets) {
    order.table.clear();
    order.tablets = {tablet.id};
    client_->admin().MoveAsync(order, [](const auto&) {});
  }
  ASSERT_TRUE(Await([&] { return held_.waiting() >= kOpenedAtOnce; }));
  ASSERT_NO_FATAL_FAILURE(Kill("ts-1"));
  EXPECT_TRUE(Await([&] { return ServedBy("ts-2") == 3; }));
  EXPECT_GE(held_.waiting(), kOpenedAtOnce);
  held_.GoOn();
  ExpectAllRows();
}

}  // namespace
}  // namespace stele

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  stele::SetMinLogLevel(stele::LogLevel::kError);
  return RUN_ALL_TESTS();
}
