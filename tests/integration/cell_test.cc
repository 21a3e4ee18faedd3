// Goal: a whole cell in one process, of one and of three tablet servers: tables with splits are
// created, written and read through the three-level tree, survive restarts and crashes, are altered
// and dropped; a procedure that was cut off is finished by the next master; a wrong start is one
// sentence.
#include "deploy/cell/cell.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>

#include "absl/strings/match.h"
#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "tests/integration/hand_client.h"
#include "tests/integration/small_cell.h"

namespace stele {
namespace {

using deploy::CellOptions;

std::string RowKey(int i) { return absl::StrCat("row", 1000 + i); }

class CellTest : public ::testing::TestWithParam<uint32_t> {
 protected:
  void Start(uint32_t servers) {
    auto cell = deploy::Cell::Start(SmallCell(dir_.path(), servers));
    ASSERT_OK(cell.status());
    cell_ = *std::move(cell);
    client_ = std::make_unique<HandClient>(cell_->address());
  }
  void Restart(bool drain, uint32_t servers) {
    ASSERT_OK(cell_->Stop(drain));
    cell_.reset();
    Start(servers);
  }
  void PutRows(TableId table, int begin, int end) {
    for (int i = begin; i < end; ++i) {
      ASSERT_OK(client_->Put(table, RowKey(i), absl::StrCat("value", i)));
    }
  }
  void ExpectRows(TableId table, int begin, int end) {
    for (int i = begin; i < end; ++i) {
      ASSERT_OK_AND_ASSIGN(std::string value, client_->Get(table, RowKey(i)));
      EXPECT_EQ(value, absl::StrCat("value", i));
    }
  }

  TempDir dir_;
  std::unique_ptr<deploy::Cell> cell_;
  std::unique_ptr<HandClient> client_;
};

TEST_P(CellTest, WritesAndReadsThroughTheTreeAndSurvivesRestarts) {
  ASSERT_NO_FATAL_FAILURE(Start(GetParam()));
  ASSERT_OK_AND_ASSIGN(TableSchema schema,
                       client_->CreateTable("pages", {RowKey(10), RowKey(20), RowKey(20)}));
  EXPECT_GE(schema.id, kFirstUserTable);
  ASSERT_OK_AND_ASSIGN(wire::GetTableResponse table, client_->GetTable("pages"));
  ASSERT_EQ(table.tablets.size(), 3u);
  EXPECT_EQ(table.tablets[0].tablet.end_row, RowKey(10));
  EXPECT_EQ(table.tablets[2].tablet.end_row, "");
  ASSERT_NO_FATAL_FAILURE(PutRows(schema.id, 0, 30));
  ASSERT_NO_FATAL_FAILURE(ExpectRows(schema.id, 0, 30));

  ASSERT_NO_FATAL_FAILURE(Restart(/*drain=*/true, GetParam()));
  ASSERT_NO_FATAL_FAILURE(ExpectRows(schema.id, 0, 30));
  ASSERT_NO_FATAL_FAILURE(PutRows(schema.id, 30, 40));

  ASSERT_NO_FATAL_FAILURE(Restart(/*drain=*/false, GetParam()));
  ASSERT_NO_FATAL_FAILURE(ExpectRows(schema.id, 0, 40));
}

TEST_P(CellTest, DropsATableWholeAndFreesItsName) {
  ASSERT_NO_FATAL_FAILURE(Start(GetParam()));
  ASSERT_OK_AND_ASSIGN(TableSchema old, client_->CreateTable("pages", {RowKey(10)}));
  ASSERT_NO_FATAL_FAILURE(PutRows(old.id, 0, 20));
  ASSERT_OK_AND_ASSIGN(TabletLocation tablet, client_->Locate(old.id, RowKey(3)));
  ASSERT_OK(client_->DropTable("pages"));
  EXPECT_STATUS(kNotFound, "pages", client_->GetTable("pages"));
  EXPECT_STATUS(kNotFound, "", client_->Locate(old.id, RowKey(3)));
  EXPECT_STATUS(kUnavailable, "not served",
                client_->PutAt(tablet, {{RowKey(3), {SetCell{"f", "q", kServerTime, "x"}}}}));
  EXPECT_STATUS(kNotFound, "pages", client_->DropTable("pages"));

  ASSERT_OK_AND_ASSIGN(TableSchema fresh, client_->CreateTable("pages", {}));
  EXPECT_NE(fresh.id, old.id);
  EXPECT_STATUS(kNotFound, "", client_->Get(fresh.id, RowKey(3)));
  ASSERT_NO_FATAL_FAILURE(Restart(/*drain=*/false, GetParam()));
  EXPECT_STATUS(kNotFound, "", client_->Get(fresh.id, RowKey(3)));
}

TEST_P(CellTest, AltersEveryTablet) {
  ASSERT_NO_FATAL_FAILURE(Start(GetParam()));
  ASSERT_OK_AND_ASSIGN(TableSchema schema, client_->CreateTable("pages", {"m"}));
  wire::AlterTableRequest alter;
  alter.table = "pages";
  alter.changes.emplace_back().family.name = "new";
  ASSERT_OK_AND_ASSIGN(wire::TableResponse altered,
                       client_->CallMaster<wire::TableResponse>(wire::Method::kAlterTable, alter));
  EXPECT_EQ(altered.schema.version, schema.version + 1);
  for (const char* row : {"a", "z"}) {
    ASSERT_OK_AND_ASSIGN(TabletLocation tablet, client_->Locate(schema.id, row));
    ASSERT_OK_AND_ASSIGN(
        wire::MutateRowsResponse written,
        client_->PutAt(tablet, {{row, {SetCell{"new", "q", kServerTime, "x"}}},
                                {row, {SetCell{"nowhere", "q", kServerTime, "x"}}}}));
    EXPECT_OK(written.results.at(0).status);
    EXPECT_STATUS(kNotFound, "nowhere", written.results.at(1).status);
  }
  EXPECT_STATUS(kAlreadyExists, "new",
                client_->CallMaster<wire::TableResponse>(wire::Method::kAlterTable, alter));
}

INSTANTIATE_TEST_SUITE_P(Servers, CellTest, ::testing::Values(1u, 3u));

using CellSizeTest = CellTest;

TEST_F(CellSizeTest, SpreadsTabletsAndServesThemAllWithFewerServers) {
  ASSERT_NO_FATAL_FAILURE(Start(3));
  ASSERT_OK_AND_ASSIGN(
      TableSchema schema,
      client_->CreateTable("pages", {RowKey(5), RowKey(10), RowKey(15), RowKey(20), RowKey(25)}));
  ASSERT_NO_FATAL_FAILURE(PutRows(schema.id, 0, 30));
  ASSERT_OK_AND_ASSIGN(wire::GetTableResponse table, client_->GetTable("pages"));
  std::set<std::string> owners;
  for (const TabletLocation& tablet : table.tablets) owners.insert(tablet.server_id);
  EXPECT_GE(owners.size(), 2u);
  ASSERT_NO_FATAL_FAILURE(Restart(/*drain=*/false, 1));
  ASSERT_NO_FATAL_FAILURE(ExpectRows(schema.id, 0, 30));
  ASSERT_NO_FATAL_FAILURE(Restart(/*drain=*/false, 3));
  ASSERT_NO_FATAL_FAILURE(ExpectRows(schema.id, 0, 30));
}

TEST_F(CellSizeTest, ReadsARowLargerThanAPageInParts) {
  ASSERT_NO_FATAL_FAILURE(Start(1));
  ASSERT_OK_AND_ASSIGN(TableSchema schema, client_->CreateTable("pages", {}));
  ASSERT_OK_AND_ASSIGN(TabletLocation tablet, client_->Locate(schema.id, "big"));
  constexpr int kCells = 50;
  for (int i = 0; i < kCells; ++i) {
    ASSERT_OK_AND_ASSIGN(wire::MutateRowsResponse written,
                         client_->PutAt(tablet, {{"big",
                                                  {SetCell{"f", absl::StrCat(100 + i), kServerTime,
                                                           std::string(10'000, 'x')}}}}));
    ASSERT_OK(written.results.at(0).status);
  }
  ASSERT_OK(client_->Put(schema.id, "after", "small"));
  ASSERT_OK(client_->Put(schema.id, "cig", "small"));
  wire::ReadRowsRequest request;
  request.max_bytes = 64 * 1024;
  client_->pages = 0;
  ASSERT_OK_AND_ASSIGN(std::vector<Row> rows, client_->ReadAt(tablet, request));
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[1].key, "big");
  EXPECT_EQ(rows[1].cells.size(), static_cast<size_t>(kCells));
  EXPECT_EQ(rows[1].cells.back().qualifier, absl::StrCat(100 + kCells - 1));
  EXPECT_GE(client_->pages, 8u);
  request.cursor = {12345, 0};
  EXPECT_STATUS(kNotFound, "read the row again", client_->ReadAt(tablet, request));
}

TEST_F(CellSizeTest, StoresAValueLargerThanAPageAndAConnectionsWindow) {
  CellOptions options = SmallCell(dir_.path(), 1);
  options.engine.log.segment_bytes = 64u << 20;
  options.engine.memory_limit_bytes = 512u << 20;
  auto cell = deploy::Cell::Start(options);
  ASSERT_OK(cell.status());
  HandClient client((*cell)->address());
  ASSERT_OK_AND_ASSIGN(TableSchema schema, client.CreateTable("t", {}));
  const std::string large(40u << 20, 'v');
  ASSERT_OK(client.Put(schema.id, "a", large));
  ASSERT_OK_AND_ASSIGN(std::string value, client.Get(schema.id, "a"));
  EXPECT_TRUE(value == large);
}

TEST_F(CellSizeTest, RefusesBadTables) {
  ASSERT_NO_FATAL_FAILURE(Start(1));
  EXPECT_STATUS(kInvalidArgument, "", client_->CreateTable("bad name", {}));
  EXPECT_STATUS(kInvalidArgument, "system", client_->CreateTable(kMetadataTableName, {}));
  EXPECT_STATUS(kInvalidArgument, "split_keys", client_->CreateTable("t", {""}));
  EXPECT_STATUS(kInvalidArgument, "split_keys",
                client_->CreateTable("t", {std::string(kMaxEndRowBytes + 1, 'x')}));
  EXPECT_STATUS(kInvalidArgument, "", client_->CreateTable("t", {}, {"f", "f"}));
  ASSERT_OK(client_->CreateTable("t", {}).status());
  EXPECT_STATUS(kAlreadyExists, "\"t\"", client_->CreateTable("t", {}));
  EXPECT_STATUS(kNotFound, "\"u\"", client_->DropTable("u"));
}

TEST_F(CellSizeTest, RefusesBadRequestsWithoutEffect) {
  ASSERT_NO_FATAL_FAILURE(Start(1));
  ASSERT_OK_AND_ASSIGN(TableSchema schema, client_->CreateTable("t", {"m"}));
  ASSERT_OK_AND_ASSIGN(TabletLocation tablet, client_->Locate(schema.id, "a"));
  const Mutation set = SetCell{"f", "q", kServerTime, "x"};
  // A row of another tablet: nothing of the batch is written.
  EXPECT_STATUS(kUnavailable, "row is in tablet",
                client_->PutAt(tablet, {{"a", {set}}, {"z", {set}}}));
  EXPECT_STATUS(kNotFound, "", client_->Get(schema.id, "a"));
  ASSERT_OK_AND_ASSIGN(
      wire::MutateRowsResponse mixed,
      client_->PutAt(tablet,
                     {{"", {set}}, {"b", {}}, {"c", {set}}, {"d", {SetCell{"f", "q", 1, "x"}}}}));
  EXPECT_STATUS(kInvalidArgument, "", mixed.results.at(0).status);
  EXPECT_STATUS(kInvalidArgument, "", mixed.results.at(1).status);
  EXPECT_OK(mixed.results.at(2).status);
  EXPECT_STATUS(kInvalidArgument, "granularity", mixed.results.at(3).status);
  ASSERT_OK_AND_ASSIGN(wire::MutateRowsResponse none, client_->PutAt(tablet, {}));
  EXPECT_TRUE(none.results.empty());
  TabletLocation wrong_table = tablet;
  wrong_table.tablet.table = schema.id + 1;
  EXPECT_STATUS(kUnavailable, "table", client_->PutAt(wrong_table, {{"a", {set}}}));
  EXPECT_STATUS(kUnavailable, "table", client_->ReadAt(wrong_table, {}));
  wire::ReadRowsRequest read;
  read.rows.keys = {""};
  EXPECT_STATUS(kInvalidArgument, "", client_->ReadAt(tablet, read));
  const net::Buffer garbage = net::Buffer::Copy("garbage!");
  for (uint16_t method = 1; method < static_cast<uint16_t>(wire::Method::kEnd) + 2; ++method) {
    for (const std::string& address : {cell_->address(), tablet.address}) {
      client_->CallAnything(address, method, garbage).IgnoreError();
    }
  }
  // What is between the servers of the cell is refused before it is even read.
  for (const wire::MethodInfo& method : wire::kMethods) {
    if (method.permission != wire::Permission::kCluster) continue;
    for (const std::string& address : {cell_->address(), tablet.address}) {
      EXPECT_STATUS(kPermissionDenied, method.name,
                    client_->CallAnything(address, static_cast<uint16_t>(method.method), garbage));
    }
  }
  ASSERT_OK_AND_ASSIGN(wire::GetRootResponse root, client_->CallMaster<wire::GetRootResponse>(
                                                       wire::Method::kGetRoot, wire::Empty()));
  EXPECT_STATUS(kPermissionDenied, "system", client_->PutAt(root.root, {{"a", {set}}}));
  EXPECT_STATUS(kUnimplemented, "", client_->CallAnything(cell_->address(), 999, garbage));
  EXPECT_STATUS(kUnimplemented, "", client_->CallAnything(tablet.address, 999, garbage));
  EXPECT_OK(client_->Get(schema.id, "c").status());
}

TEST_F(CellSizeTest, FlushesAndCompactsATable) {
  ASSERT_NO_FATAL_FAILURE(Start(2));
  ASSERT_OK_AND_ASSIGN(TableSchema schema, client_->CreateTable("t", {RowKey(10)}));
  ASSERT_NO_FATAL_FAILURE(PutRows(schema.id, 0, 20));
  const wire::TableNameRequest name{"t"};
  ASSERT_OK(client_->CallMaster<wire::Empty>(wire::Method::kFlushTable, name).status());
  ASSERT_OK(client_->CallMaster<wire::Empty>(wire::Method::kCompactTable, name).status());
  ASSERT_NO_FATAL_FAILURE(ExpectRows(schema.id, 0, 20));
  EXPECT_STATUS(
      kNotFound, "\"u\"",
      client_->CallMaster<wire::Empty>(wire::Method::kFlushTable, wire::TableNameRequest{"u"}));
}

TEST_F(CellSizeTest, KeepsAProtectedTable) {
  ASSERT_NO_FATAL_FAILURE(Start(1));
  wire::CreateTableRequest request;
  request.schema.name = "kept";
  request.schema.families.emplace_back().name = "f";
  request.schema.deletion_protection = true;
  ASSERT_OK(client_->CallMaster<wire::TableResponse>(wire::Method::kCreateTable, request).status());
  EXPECT_STATUS(kFailedPrecondition, "deletion protection", client_->DropTable("kept"));
  EXPECT_OK(client_->GetTable("kept").status());
}

TEST_F(CellSizeTest, ABrokenTabletHarmsNoOther) {
  ASSERT_NO_FATAL_FAILURE(Start(1));
  ASSERT_OK_AND_ASSIGN(TableSchema whole, client_->CreateTable("whole", {}));
  ASSERT_OK_AND_ASSIGN(TableSchema hurt, client_->CreateTable("hurt", {"m"}));
  ASSERT_OK(client_->Put(whole.id, "a", "1"));
  ASSERT_OK(client_->Put(hurt.id, "z", "2"));
  ASSERT_OK_AND_ASSIGN(TabletLocation tablet, client_->Locate(hurt.id, "a"));
  ASSERT_OK(cell_->Stop(/*drain=*/true));
  const std::string folder = absl::StrCat(
      dir_.path(), "/cells/tablets/", absl::Hex(tablet.tablet.id, absl::kZeroPad16), "@versions");
  ASSERT_OK_AND_ASSIGN(std::vector<std::string> versions, PosixFs()->List(folder));
  ASSERT_EQ(versions.size(), 1u);
  ASSERT_OK_AND_ASSIGN(
      auto manifest, PosixFs()->Open(absl::StrCat(folder, "/", versions[0]), Fs::Mode::kReadWrite));
  const Slice damage = "not a manifest";
  ASSERT_OK(manifest->WriteAt(0, {&damage, 1}));
  ASSERT_NO_FATAL_FAILURE(Start(1));
  ASSERT_OK_AND_ASSIGN(std::string value, client_->Get(whole.id, "a"));
  EXPECT_EQ(value, "1");
  ASSERT_OK_AND_ASSIGN(value, client_->Get(hurt.id, "z"));
  EXPECT_EQ(value, "2");
  EXPECT_STATUS(kUnavailable, "", client_->Get(hurt.id, "a"));
  const auto view = cell_->view();
  EXPECT_FALSE(view->all_serving);
  for (const wire::TabletSummary& summary : view->status.tablets) {
    const bool broken = summary.location.tablet.id == tablet.tablet.id;
    EXPECT_EQ(summary.state, broken ? "broken" : "serving");
    if (broken) {
      EXPECT_NE(summary.reason, "");
      EXPECT_NE(summary.next_step, "");
    }
  }
}

// From the first passing of one point on every step of the procedures fails: the master is stopped
// there for good.
class StuckFrom : public FaultInjector {
 public:
  explicit StuckFrom(std::string point) : point_(std::move(point)) {}
  Status At(Slice point) override {
    const bool step = absl::StartsWith(point, "create_table.") ||
                      absl::StartsWith(point, "drop_table.") ||
                      absl::StartsWith(point, "drop_range.");
    MutexLock lock(&mu_);
    if (point == point_) stuck_ = true;
    if (stuck_) changed_.SignalAll();
    return step && stuck_ ? absl::InternalError("cut off here") : OkStatus();
  }
  bool AwaitStuck(int64_t timeout_ms) {
    MutexLock lock(&mu_);
    for (bool in_time = true; !stuck_ && in_time;) {
      in_time = changed_.WaitFor(&mu_, std::chrono::milliseconds(timeout_ms));
    }
    return stuck_;
  }

 private:
  const std::string point_;
  Mutex mu_;
  CondVar changed_;
  bool stuck_ GUARDED_BY(mu_) = false;
};

// A master that stops for ever at a step, as a kill would stop it there; the next one goes on.
class CutProcedureTest : public ::testing::TestWithParam<const char*> {
 protected:
  static constexpr int64_t kPatienceMs = 30'000;
  // For a call that the master may never answer.
  static int64_t DeadlineMs(bool answers) { return answers ? kPatienceMs : 500; }
  // Runs `work` in a cell whose master fails from `point` on.
  void RunUntil(const std::string& point, const std::function<void(HandClient*)>& work) {
    StuckFrom faults(point);
    CellOptions options = SmallCell(dir_.path(), 1);
    options.faults = &faults;
    auto cell = deploy::Cell::Start(options);
    ASSERT_OK(cell.status());
    HandClient client((*cell)->address());
    work(&client);
    EXPECT_TRUE(faults.AwaitStuck(kPatienceMs)) << point;
    ASSERT_OK((*cell)->Stop(/*drain=*/false));
  }
  TempDir dir_;
};

using CutCreateTest = CutProcedureTest;

TEST_P(CutCreateTest, IsWholeOrAbsentAfterwards) {
  RunUntil(GetParam(), [](HandClient* client) {
    wire::CreateTableRequest request;
    request.schema.name = "t";
    request.split_keys = {"m"};
    request.schema.families.emplace_back().name = "f";
    ASSERT_OK_AND_ASSIGN(net::Buffer body, wire::Encode(request));
    const bool answers = std::string(GetParam()) == "create_table.after_serving";
    Status created =
        client->CallRaw(wire::Method::kCreateTable, std::move(body), DeadlineMs(answers));
    EXPECT_EQ(created.ok(), answers) << created;
  });
  auto cell = deploy::Cell::Start(SmallCell(dir_.path(), 1));
  ASSERT_OK(cell.status());
  HandClient client((*cell)->address());
  auto table = client.GetTable("t");
  if (std::string(GetParam()) == "create_table.before_record") {
    EXPECT_STATUS(kNotFound, "", table);
    ASSERT_OK(client.CreateTable("t", {"m"}).status());
    table = client.GetTable("t");
  }
  ASSERT_OK(table.status());
  EXPECT_EQ(table->tablets.size(), 2u);
  ASSERT_OK(client.Put(table->schema.id, "a", "1"));
  ASSERT_OK(client.Put(table->schema.id, "z", "2"));
}

INSTANTIATE_TEST_SUITE_P(Points, CutCreateTest,
                         ::testing::Values("create_table.before_record",
                                           "create_table.after_record", "create_table.after_rows",
                                           "create_table.before_assigned",
                                           "create_table.after_assigned",
                                           "create_table.before_serving",
                                           "create_table.after_serving"));

using CutDropTest = CutProcedureTest;

TEST_P(CutDropTest, IsWholeOrGoneAfterwards) {
  RunUntil(GetParam(), [](HandClient* client) {
    ASSERT_OK_AND_ASSIGN(TableSchema schema, client->CreateTable("t", {"m"}));
    ASSERT_OK(client->Put(schema.id, "a", "1"));
    ASSERT_OK_AND_ASSIGN(net::Buffer body, wire::Encode(wire::TableNameRequest{"t"}));
    client->CallRaw(wire::Method::kDropTable, std::move(body), 500).IgnoreError();
  });
  auto cell = deploy::Cell::Start(SmallCell(dir_.path(), 1));
  ASSERT_OK(cell.status());
  HandClient client((*cell)->address());
  if (std::string(GetParam()) == "drop_table.before_record") {
    ASSERT_OK_AND_ASSIGN(wire::GetTableResponse table, client.GetTable("t"));
    ASSERT_OK_AND_ASSIGN(std::string value, client.Get(table.schema.id, "a"));
    EXPECT_EQ(value, "1");
    return;
  }
  EXPECT_STATUS(kNotFound, "", client.GetTable("t"));
  ASSERT_OK_AND_ASSIGN(TableSchema fresh, client.CreateTable("t", {}));
  EXPECT_STATUS(kNotFound, "", client.Get(fresh.id, "a"));
}

INSTANTIATE_TEST_SUITE_P(Points, CutDropTest,
                         ::testing::Values("drop_table.before_record", "drop_table.after_record",
                                           "drop_table.after_closing",
                                           "drop_table.before_manifests",
                                           "drop_table.after_manifests", "drop_table.after_rows",
                                           "drop_table.before_erase", "drop_table.after_erase"));

class CutDropRangeTest : public CutProcedureTest {
 protected:
  // The value, or the code of the error.
  static std::string Get(HandClient* client, TableId table, const std::string& row) {
    auto value = client->Get(table, row);
    return value.ok() ? *value : absl::StatusCodeToString(value.status().code());
  }
};

TEST_P(CutDropRangeTest, IsNotBegunOrIsFinished) {
  TableId id = 0;
  RunUntil(GetParam(), [&id](HandClient* client) {
    ASSERT_OK_AND_ASSIGN(TableSchema schema, client->CreateTable("t", {"m"}));
    id = schema.id;
    for (const char* row : {"a", "mm", "p", "z"}) ASSERT_OK(client->Put(schema.id, row, "1"));
    ASSERT_OK_AND_ASSIGN(net::Buffer body, wire::Encode(wire::DropRowRangeRequest{"t", "", true}));
    const bool answers = std::string(GetParam()) == "drop_range.after_done";
    Status dropped =
        client->CallRaw(wire::Method::kDropRowRange, std::move(body), DeadlineMs(answers));
    EXPECT_EQ(dropped.ok(), answers) << dropped;
  });
  auto cell = deploy::Cell::Start(SmallCell(dir_.path(), 1));
  ASSERT_OK(cell.status());
  HandClient client((*cell)->address());
  const bool begun = std::string(GetParam()) != "drop_range.before_record";
  const int64_t deadline = SystemClock()->BootNanos() + 30'000'000'000;
  for (const char* row : {"a", "mm", "p", "z"}) {
    while (begun && Get(&client, id, row) == "1" && SystemClock()->BootNanos() < deadline) continue;
    EXPECT_EQ(Get(&client, id, row), begun ? "NOT_FOUND" : "1") << row;
  }
  // The next one is another order, with another number.
  ASSERT_OK(client.Put(id, "p", "2"));
  while (!(*cell)->view()->all_serving && SystemClock()->BootNanos() < deadline) continue;
  ASSERT_OK(client
                .CallMaster<wire::Empty>(wire::Method::kDropRowRange,
                                         wire::DropRowRangeRequest{"t", "p", false})
                .status());
  EXPECT_EQ(Get(&client, id, "p"), "NOT_FOUND");
  EXPECT_EQ(Get(&client, id, "z"), begun ? "NOT_FOUND" : "1");
}

INSTANTIATE_TEST_SUITE_P(Points, CutDropRangeTest,
                         ::testing::Values("drop_range.before_record", "drop_range.after_record",
                                           "drop_range.before_done", "drop_range.after_done"));

// The machine's time, which can jump: what a process sees that was stopped for a while.
class JumpingClock : public Clock {
 public:
  int64_t BootNanos() const override { return SystemClock()->BootNanos() + jump_ns_; }
  int64_t WallMicros() const override { return SystemClock()->WallMicros() + jump_ns_ / 1000; }
  void Jump(int64_t ns) { jump_ns_ += ns; }

 private:
  std::atomic<int64_t> jump_ns_{0};
};

TEST(CellFencingTest, AStoppedAndResumedCellAcknowledgesNothing) {
  TempDir dir;
  JumpingClock clock;
  Mutex mu;
  CondVar ended;
  std::vector<Status> fatal;
  CellOptions options = SmallCell(dir.path(), 1);
  options.clock = &clock;
  options.on_fatal = [&](const Status& status) {
    MutexLock lock(&mu);
    fatal.push_back(status);
    ended.SignalAll();
  };
  auto cell = deploy::Cell::Start(options);
  ASSERT_OK(cell.status());
  HandClient client((*cell)->address());
  ASSERT_OK_AND_ASSIGN(TableSchema schema, client.CreateTable("t", {}));
  ASSERT_OK(client.Put(schema.id, "a", "before"));
  ASSERT_OK_AND_ASSIGN(TabletLocation tablet, client.Locate(schema.id, "a"));
  clock.Jump(60'000'000'000);
  wire::ReadRowsRequest read;
  read.rows.keys = {"a"};
  EXPECT_FALSE(client.ReadAt(tablet, read).ok());
  auto written = client.PutAt(tablet, {{"a", {SetCell{"f", "q", kServerTime, "after"}}}});
  EXPECT_FALSE(written.ok() && written->results.at(0).status.ok());
  {
    MutexLock lock(&mu);
    while (fatal.empty()) ended.Wait(&mu);
    EXPECT_EQ(deploy::ExitCodeForFatal(fatal[0]), deploy::ExitCode::kFenced) << fatal[0];
  }
  ASSERT_OK((*cell)->Stop(/*drain=*/true));
  EXPECT_EQ(fatal.size(), 1u);
}

class CellStartTest : public ::testing::Test {
 protected:
  TempDir dir_;
};

TEST_F(CellStartTest, RefusesADirectoryThatIsNotItsOwn) {
  ASSERT_OK_AND_ASSIGN(auto letter,
                       PosixFs()->Open(dir_.path() + "/letter.txt", Fs::Mode::kCreateExclusive));
  const Slice text = "dear all";
  ASSERT_OK(letter->WriteAt(0, {&text, 1}));
  auto cell = deploy::Cell::Start(SmallCell(dir_.path(), 1));
  EXPECT_STATUS(kFailedPrecondition, dir_.path(), cell);
  EXPECT_EQ(deploy::ExitCodeForStart(cell.status()), deploy::ExitCode::kBadConfiguration);
}

TEST_F(CellStartTest, RefusesADirectoryOfANewerFormat) {
  ASSERT_OK(deploy::Cell::Start(SmallCell(dir_.path(), 1)).status());
  ASSERT_OK_AND_ASSIGN(auto marker, PosixFs()->Open(dir_.path() + "/STELE", Fs::Mode::kReadWrite));
  const Slice newer = "stele store format 9";
  ASSERT_OK(marker->WriteAt(0, {&newer, 1}));
  auto cell = deploy::Cell::Start(SmallCell(dir_.path(), 1));
  EXPECT_STATUS(kFailedPrecondition, "9", cell);
  EXPECT_EQ(deploy::ExitCodeForStart(cell.status()), deploy::ExitCode::kBadConfiguration);
}

TEST_F(CellStartTest, RefusesADirectoryInUse) {
  auto first = deploy::Cell::Start(SmallCell(dir_.path(), 1));
  ASSERT_OK(first.status());
  auto second = deploy::Cell::Start(SmallCell(dir_.path(), 1));
  EXPECT_STATUS(kUnavailable, "in use", second);
  EXPECT_EQ(deploy::ExitCodeForStart(second.status()), deploy::ExitCode::kNotFree);
}

TEST_F(CellStartTest, RefusesAnAddressInUse) {
  auto first = deploy::Cell::Start(SmallCell(dir_.path(), 1));
  ASSERT_OK(first.status());
  TempDir other;
  CellOptions options = SmallCell(other.path(), 1);
  options.rpc_address = (*first)->address();
  EXPECT_STATUS(kUnavailable, "in use", deploy::Cell::Start(options));
  options.rpc_address = "127.0.0.1:0";
  options.http_address = (*first)->http_address();
  EXPECT_STATUS(kUnavailable, "in use", deploy::Cell::Start(options));
  ASSERT_OK_AND_ASSIGN(auto names, PosixFs()->List(other.path()));
  EXPECT_TRUE(names.empty());
}

TEST_F(CellStartTest, RefusesBadOptions) {
  EXPECT_STATUS(kInvalidArgument, "data_dir", deploy::Cell::Start(SmallCell("", 1)));
  EXPECT_STATUS(kInvalidArgument, "tablet_servers", deploy::Cell::Start(SmallCell("d", 0)));
  CellOptions options = SmallCell("d", 1);
  options.session_timeout_ms = 1;
  EXPECT_STATUS(kInvalidArgument, "session_timeout_ms", deploy::Cell::Start(options));
}

}  // namespace
}  // namespace stele

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  stele::SetMinLogLevel(stele::LogLevel::kError);
  return RUN_ALL_TESTS();
}
