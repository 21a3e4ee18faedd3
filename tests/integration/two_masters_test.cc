// Goal: a master that is stopped in the middle of a procedure, and goes on when another has long
// finished it and more was done since, changes nothing of the location tree or the catalog.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "common/base/mutex.h"
#include "common/fault/fault.h"
#include "common/store/blob_store.h"
#include "common/store/fs.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "locker/embedded/embedded_locker.h"
#include "master/master.h"
#include "stele/client.h"
#include "tabletserver/rpc/tablet_server.h"

namespace stele {
namespace {

using master::Master;
using tabletserver::TabletServer;

constexpr int64_t kSessionTimeoutMs = 3'000;
constexpr int64_t kPatienceMs = 30'000;

// Stops whoever passes a point, once, until it may go on.
class StopAt : public FaultInjector {
 public:
  explicit StopAt(std::string point) : point_(std::move(point)) {}

  Status At(Slice point) override {
    MutexLock lock(&mu_);
    if (point != point_ || stopped_) return OkStatus();
    stopped_ = true;
    changed_.SignalAll();
    while (!go_on_) changed_.Wait(&mu_);
    return OkStatus();
  }
  void AwaitStopped() {
    MutexLock lock(&mu_);
    while (!stopped_) changed_.Wait(&mu_);
  }
  bool stopped() const {
    MutexLock lock(&mu_);
    return stopped_;
  }
  void GoOn() {
    MutexLock lock(&mu_);
    go_on_ = true;
    changed_.SignalAll();
  }

 private:
  const std::string point_;
  mutable Mutex mu_;
  CondVar changed_;
  bool stopped_ GUARDED_BY(mu_) = false;
  bool go_on_ GUARDED_BY(mu_) = false;
};

// A session of a process that is stopped renews nothing.
class StoppedSession : public LockerSession {
 public:
  StoppedSession(std::unique_ptr<LockerSession> session, const StopAt* stop)
      : session_(std::move(session)), stop_(stop) {}

  StatusOr<uint64_t> TryLock(const std::string& path, const std::string& data) override {
    return session_->TryLock(path, data);
  }
  Status Unlock(const std::string& path) override { return session_->Unlock(path); }
  StatusOr<uint64_t> CreateEphemeral(const std::string& path, const std::string& data) override {
    return session_->CreateEphemeral(path, data);
  }
  StatusOr<LockerValue> Get(const std::string& path) override { return session_->Get(path); }
  Status Create(const std::string& path, const std::string& value) override {
    return session_->Create(path, value);
  }
  StatusOr<uint64_t> Set(const std::string& path, const std::string& value,
                         uint64_t expected) override {
    return session_->Set(path, value, expected);
  }
  Status Delete(const std::string& path, uint64_t expected) override {
    return session_->Delete(path, expected);
  }
  StatusOr<std::vector<std::string>> Children(const std::string& path) override {
    return session_->Children(path);
  }
  Status Watch(const std::string& path, std::function<void()> changed) override {
    return session_->Watch(path, std::move(changed));
  }
  Status Renew(const std::string& path, uint64_t epoch) override {
    if (stop_->stopped()) return absl::UnavailableError("stopped");
    return session_->Renew(path, epoch);
  }
  int64_t session_timeout_ns() const override { return session_->session_timeout_ns(); }

 private:
  const std::unique_ptr<LockerSession> session_;
  const StopAt* const stop_;
};

class StoppedLocker : public Locker {
 public:
  StoppedLocker(Locker* locker, const StopAt* stop) : locker_(locker), stop_(stop) {}
  StatusOr<std::unique_ptr<LockerSession>> OpenSession(const std::string& owner) override {
    ASSIGN_OR_RETURN(auto session, locker_->OpenSession(owner));
    return std::unique_ptr<LockerSession>(new StoppedSession(std::move(session), stop_));
  }

 private:
  Locker* const locker_;
  const StopAt* const stop_;
};

TableSchema Schema() {
  TableSchema schema;
  schema.name = "t";
  schema.groups = {LocalityGroupSchema{.name = "default"}};
  schema.families = {FamilySchema{.name = "f"}};
  return schema;
}

class TwoMastersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(store_, OpenPosixStore(PosixFs(), dir_.path(), /*create=*/true));
    ASSERT_OK_AND_ASSIGN(
        locker_, OpenEmbeddedLocker(store_.get(), SystemClock(), {kSessionTimeoutMs * 1'000'000}));
    tabletserver::TabletServerOptions options;
    options.server_id = "ts-1";
    options.rpc = rpc_;
    options.engine.log.segment_bytes = 1u << 20;
    options.disk_stall_timeout_ms = kSessionTimeoutMs;
    tabletserver::TabletServerEnv env;
    env.store = store_.get();
    env.clock = SystemClock();
    env.locker = locker_.get();
    env.on_fatal = [](const Status& status) { ADD_FAILURE() << "server: " << status; };
    ASSERT_OK_AND_ASSIGN(server_, TabletServer::Start(options, env));
  }
  void TearDown() override {
    client_.reset();
    if (stop_ != nullptr) stop_->GoOn();
    if (stopped_ != nullptr) stopped_->Stop();
    if (now_ != nullptr) now_->Stop();
    if (server_ != nullptr) ASSERT_OK(server_->Stop(/*drain=*/false));
  }

  std::unique_ptr<Master> StartMaster(Locker* locker, FaultInjector* faults) {
    master::MasterOptions options;
    options.rpc = rpc_;
    options.stand_by = true;
    master::MasterEnv env;
    env.locker = locker;
    env.clock = SystemClock();
    env.faults = faults;
    env.log_recovered = [](const std::string&) { return true; };
    env.on_fatal = [](const Status&) {};
    auto started = Master::Start(options, env);
    EXPECT_OK(started.status());
    EXPECT_OK((*started)->WaitUntilSettled(kPatienceMs));
    ClientOptions connect;
    connect.admin_timeout_ms = faults == nullptr ? kPatienceMs : kSessionTimeoutMs;
    auto client = Client::Connect((*started)->address(), connect);
    EXPECT_OK(client.status());
    client_ = *std::move(client);
    return *std::move(started);
  }
  // A master, and `work` by it, which stops it at `point`; then another, which has finished it.
  void StopFirstMasterAt(const std::string& point, const std::function<void(Admin*)>& before,
                         const std::function<void(Admin*)>& work) {
    stop_ = std::make_unique<StopAt>(point);
    stopped_locker_ = std::make_unique<StoppedLocker>(locker_.get(), stop_.get());
    stopped_ = StartMaster(stopped_locker_.get(), stop_.get());
    before(&client_->admin());
    std::thread caller([&, admin = client_->admin()]() mutable { work(&admin); });
    stop_->AwaitStopped();
    const std::unique_ptr<Client> first_client = std::move(client_);
    now_ = StartMaster(locker_.get(), nullptr);
    caller.join();  // nobody answers it
  }
  // It does what it was about to do, and ends. Then a third master reads what there is.
  void LetItGoOn() {
    stop_->GoOn();
    stopped_->Stop();
    stopped_.reset();
    now_->Stop();
    now_ = StartMaster(locker_.get(), nullptr);
  }

  Status Put(const std::string& row) {
    auto table = client_->OpenTable("t");
    if (!table.ok()) return table.status();
    return table->Apply(RowMutationBuilder(row).Set("f", "q", "of " + row).Build());
  }
  void ExpectThere(const std::string& row) {
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
    CallOptions call;
    call.timeout_ms = 5'000;
    ASSERT_OK_AND_ASSIGN(std::optional<Row> found, table.ReadRow(row, {}, call));
    ASSERT_TRUE(found.has_value()) << row;
    EXPECT_EQ(found->cells.at(0).value, "of " + row);
  }
  std::vector<uint64_t> Tablets() {
    std::vector<uint64_t> ids;
    auto table = client_->admin().DescribeTable("t");
    EXPECT_OK(table.status());
    if (!table.ok()) return ids;
    for (const TabletInfo& tablet : table->tablets) ids.push_back(tablet.id);
    return ids;
  }

  TempDir dir_;
  net::RpcOptions rpc_ = [] {
    net::RpcOptions options;
    options.cell_key = std::string(net::kCellKeyBytes, 'k');
    return options;
  }();
  std::unique_ptr<BlobStore> store_;
  std::unique_ptr<Locker> locker_;
  std::unique_ptr<TabletServer> server_;
  std::unique_ptr<StopAt> stop_;
  std::unique_ptr<StoppedLocker> stopped_locker_;
  std::unique_ptr<Master> stopped_, now_;
  std::unique_ptr<Client> client_;
};

TEST_F(TwoMastersTest, ALateEraseOfADroppedTableSparesTheNextOfItsName) {
  StopFirstMasterAt(
      "drop_table.before_erase",
      [](Admin* admin) { ASSERT_OK(admin->CreateTable(Schema()).status()); },
      [](Admin* admin) { admin->DropTable("t").IgnoreError(); });
  Status made = client_->admin().CreateTable(Schema()).status();
  ASSERT_OK(made);
  ASSERT_OK(Put("a"));
  LetItGoOn();
  ExpectThere("a");
}

TEST_F(TwoMastersTest, ALateEndOfAMergeSparesTheNextSplitAtItsRow) {
  StopFirstMasterAt(
      "merge_tablets.after_forget",
      [this](Admin* admin) {
        ASSERT_OK(admin->CreateTable(Schema(), {"m"}).status());
        ASSERT_OK(Put("a"));
        ASSERT_OK(Put("z"));
      },
      [](Admin* admin) {
        TabletOrder order;
        order.table = "t";
        admin->Merge(order).IgnoreError();
      });
  ASSERT_EQ(Tablets().size(), 1u);
  TabletOrder order;
  order.table = "t";
  order.at = "m";
  ASSERT_OK(client_->admin().Split(order).status());
  ASSERT_OK(Put("b"));
  LetItGoOn();
  EXPECT_EQ(Tablets().size(), 2u);
  for (const char* row : {"a", "b", "z"}) ExpectThere(row);
}

TEST_F(TwoMastersTest, ALateCreationOfATableDoesNotBringItBack) {
  StopFirstMasterAt(
      "create_table.after_record", [](Admin*) {},
      [](Admin* admin) { admin->CreateTable(Schema(), {"m"}).IgnoreError(); });
  ASSERT_OK(client_->admin().DropTable("t"));
  LetItGoOn();
  ASSERT_OK_AND_ASSIGN(CellStatus status, client_->admin().GetCellStatus());
  for (const TabletSummary& tablet : status.tablets) {
    EXPECT_LT(tablet.tablet.table, kFirstUserTable) << "tablet " << tablet.tablet.id;
  }
}

}  // namespace
}  // namespace stele
