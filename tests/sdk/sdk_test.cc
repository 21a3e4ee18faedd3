// Goal: everything public of the SDK against a real cell: each call in each form, bulk loading in
// bounds, metrics, what happens after Close, and each error by code and text.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <set>
#include <thread>

#include "common/base/log.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "deploy/cell/cell.h"
#include "stele/bulk_mutator.h"
#include "stele/client.h"
#include "stele/filter_text.h"

namespace stele {
namespace {

class SdkTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    SetMinLogLevel(LogLevel::kWarning);
    dir_ = new TempDir;
    deploy::CellOptions options;
    options.data_dir = dir_->path();
    options.http_address.clear();
    options.tablet_servers = 2;
    options.engine.log.segment_bytes = 4u << 20;
    options.engine.memory_limit_bytes = 128u << 20;
    options.engine.block_cache_bytes = 8u << 20;
    options.engine.filter_cache_bytes = 1u << 20;
    options.io_threads = 2;
    auto cell = deploy::Cell::Start(options);
    ASSERT_OK(cell.status());
    cell_ = cell->release();
  }
  static void TearDownTestSuite() {
    delete cell_;
    delete dir_;
  }

  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(client_, Client::Connect(cell_->address()));
    name_ = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    TableSchema schema;
    schema.name = name_;
    schema.families.resize(2);
    schema.families[0].name = "f";
    schema.families[1].name = "g";
    ASSERT_OK(client_->admin().CreateTable(schema, {"m"}));
  }
  Table Open() {
    auto table = client_->OpenTable(name_);
    EXPECT_OK(table.status());
    return *table;
  }
  static RowMutation Put(const std::string& row, const std::string& value) {
    return RowMutationBuilder(row).SetAt("f", "q", 1000, value).Build();
  }
  static std::string Key(int i) { return absl::StrCat(i % 2 == 0 ? "a" : "z", 10'000 + i); }

  static TempDir* dir_;
  static deploy::Cell* cell_;
  std::unique_ptr<Client> client_;
  std::string name_;
};

TempDir* SdkTest::dir_ = nullptr;
deploy::Cell* SdkTest::cell_ = nullptr;

TEST_F(SdkTest, EachCallInEachForm) {
  Table table = Open();
  ASSERT_OK(table.Apply(Put("a", "1")));
  ASSERT_OK(table.ApplyAsync(Put("b", "2")).get());
  std::promise<Status> applied;
  table.ApplyAsync(Put("y", "3"), [&](Status s) { applied.set_value(std::move(s)); });
  ASSERT_OK(applied.get_future().get());
  for (const Status& s : table.ApplyBatch({Put("n", "4"), Put("z", "5")})) EXPECT_OK(s);
  for (const Status& s : table.ApplyBatchAsync({Put("o", "6")}).get()) EXPECT_OK(s);

  ASSERT_OK_AND_ASSIGN(std::optional<Row> row, table.ReadRow("a"));
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ(*row, (Row{"a", {Cell{"f", "q", 1000, "1"}}}));
  ASSERT_OK_AND_ASSIGN(row, table.ReadRowAsync("z").get());
  EXPECT_EQ(row->cells.at(0).value, "5");
  ASSERT_OK_AND_ASSIGN(row, table.ReadRowAsync("none").get());
  EXPECT_FALSE(row.has_value());

  const std::vector<std::string> all = {"a", "b", "n", "o", "y", "z"};
  std::vector<std::string> seen;
  for (StatusOr<Row>& one : table.ReadRows(ReadQuery())) {
    ASSERT_OK(one.status());
    seen.push_back(one->key);
  }
  EXPECT_EQ(seen, all);
  seen.clear();
  ASSERT_OK(table.ReadRows(ReadQuery().Limit(3), [&](Row one) {
    seen.push_back(one.key);
    return true;
  }));
  EXPECT_EQ(seen, std::vector<std::string>({"a", "b", "n"}));
}

TEST_F(SdkTest, EachConditionalChangeInEachForm) {
  Table table = Open();
  const auto add = [](int64_t n) {
    return ReadModifyWriteBuilder("r").Increment("f", "n", n).Build();
  };
  const auto number = [](const StatusOr<Row>& row) {
    return row.ok() ? row->cells.at(0).value : row.status().ToString();
  };
  EXPECT_EQ(number(table.ReadModifyWrite(add(1))), std::string("\0\0\0\0\0\0\0\1", 8));
  EXPECT_EQ(number(table.ReadModifyWriteAsync(add(2)).get()), std::string("\0\0\0\0\0\0\0\3", 8));
  std::promise<StatusOr<Row>> added;
  table.ReadModifyWriteAsync(add(4), [&](StatusOr<Row> row) { added.set_value(std::move(row)); });
  EXPECT_EQ(number(added.get_future().get()), std::string("\0\0\0\0\0\0\0\7", 8));
  EXPECT_STATUS(
      kInvalidArgument, "row key is empty",
      table.ReadModifyWriteAsync(ReadModifyWriteBuilder("").Append("f", "q", "v").Build()).get());

  const auto put_if_absent = [](const char* row) {
    return CheckAndMutateBuilder(row).Else(RowMutationBuilder(row).Set("f", "q", "v")).Build();
  };
  EXPECT_EQ(table.CheckAndMutate(put_if_absent("c")).value(), false);
  EXPECT_EQ(table.CheckAndMutateAsync(put_if_absent("c")).get().value(), true);
  std::promise<StatusOr<bool>> checked;
  table.CheckAndMutateAsync(put_if_absent("d"),
                            [&](StatusOr<bool> matched) { checked.set_value(matched); });
  EXPECT_EQ(checked.get_future().get().value(), false);
  EXPECT_STATUS(kInvalidArgument, "both",
                table.CheckAndMutateAsync(CheckAndMutateBuilder("c").Build()).get());
}

TEST_F(SdkTest, OptionsOfACallAreChecked) {
  Table table = Open();
  const CallOptions wrong{.max_backoff_ms = -1};
  constexpr char kWhy[] = "max_backoff_ms is -1; it must be 0 .. 60000";
  const auto change = ReadModifyWriteBuilder("r").Append("f", "q", "v").Build();
  const auto check = CheckAndMutateBuilder("r").Else(RowMutationBuilder("r").DeleteRow()).Build();
  EXPECT_STATUS(kInvalidArgument, kWhy, table.Apply(Put("a", "v"), wrong));
  EXPECT_STATUS(kInvalidArgument, kWhy, table.ApplyBatch({Put("a", "v")}, wrong).at(0));
  EXPECT_STATUS(kInvalidArgument, kWhy, table.ReadModifyWrite(change, wrong));
  EXPECT_STATUS(kInvalidArgument, kWhy, table.CheckAndMutate(check, wrong));
  EXPECT_STATUS(kInvalidArgument, kWhy, table.ReadRow("a", {}, wrong));
  EXPECT_STATUS(kInvalidArgument, kWhy,
                table.ReadRows(
                    ReadQuery(), [](Row) { return true; }, wrong));
  EXPECT_STATUS(kInvalidArgument, kWhy, table.SampleRowKeys(0, wrong));
  EXPECT_STATUS(kInvalidArgument, kWhy, table.SampleRowKeysAsync(0, wrong).get());
  BulkOptions bulk;
  bulk.call = wrong;
  EXPECT_STATUS(kInvalidArgument, kWhy, BulkMutator::Create(table, bulk));
  EXPECT_STATUS(kInvalidArgument, "timeout_ms is 9223372036854775807",
                table.Apply(Put("a", "v"), {.timeout_ms = INT64_MAX}));
  EXPECT_OK(table.Apply(Put("a", "v"), {.timeout_ms = 60'000,
                                        .retry = RetryRule::kNever,
                                        .max_attempts = 1,
                                        .first_backoff_ms = 1,
                                        .max_backoff_ms = 1}));
}

TEST_F(SdkTest, ACallbackScanGivesRowsInOrderAndStops) {
  ClientOptions small;
  small.scan_page_bytes = 1000;  // many pages
  ASSERT_OK_AND_ASSIGN(auto client, Client::Connect(cell_->address(), small));
  ASSERT_OK_AND_ASSIGN(Table table, client->OpenTable(name_));
  std::vector<RowMutation> rows;
  std::set<std::string> keys;
  for (int i = 0; i < 200; ++i) {
    rows.push_back(Put(Key(i), std::string(100, 'v')));
    keys.insert(Key(i));
  }
  for (const Status& s : table.ApplyBatch(rows)) ASSERT_OK(s);
  for (const size_t wanted : {size_t{0}, size_t{7}, size_t{1000}}) {
    std::vector<std::string> seen;
    std::promise<Status> ended;
    table.ReadRowsAsync(
        ReadQuery(),
        [&](Row row) {
          if (seen.size() == wanted) return false;
          seen.push_back(std::move(row.key));
          return true;
        },
        [&](Status s) { ended.set_value(std::move(s)); });
    ASSERT_OK(ended.get_future().get());
    const auto end = std::next(keys.begin(), std::min(wanted, keys.size()));
    EXPECT_EQ(seen, std::vector<std::string>(keys.begin(), end)) << wanted;
  }
  std::promise<Status> refused;
  table.ReadRowsAsync(
      ReadQuery().Row(""), [](Row) { return true; },
      [&](Status s) { refused.set_value(std::move(s)); });
  EXPECT_STATUS(kInvalidArgument, "row key is empty", refused.get_future().get());
}

TEST_F(SdkTest, BulkLoadingStaysInItsBounds) {
  Table table = Open();
  BulkOptions options;
  options.max_outstanding_rows = 50;
  options.max_outstanding_bytes = 4'000;
  options.batch_rows = 7;
  options.batches_in_flight = 3;
  ASSERT_OK_AND_ASSIGN(auto bulk, BulkMutator::Create(table, options));
  constexpr int kRows = 1'000;
  for (int i = 0; i < kRows; ++i) {
    ASSERT_OK(bulk->Add(Put(Key(i), "value")));
    const BulkStats now = bulk->stats();
    EXPECT_LE(now.outstanding_rows, options.max_outstanding_rows);
    EXPECT_LE(now.outstanding_bytes, options.max_outstanding_bytes);
  }
  ASSERT_OK(bulk->Flush());
  const BulkStats stats = bulk->stats();
  EXPECT_EQ(stats.rows_added, uint64_t{kRows});
  EXPECT_EQ(stats.rows_applied, uint64_t{kRows});
  EXPECT_EQ(stats.outstanding_rows, 0u);
  EXPECT_EQ(stats.outstanding_bytes, 0u);
  EXPECT_GT(stats.waits, 0u);
  EXPECT_GE(stats.batches, uint64_t{kRows / 7});
  int found = 0;
  ASSERT_OK(table.ReadRows(ReadQuery(), [&](Row) { return ++found > 0; }));
  EXPECT_EQ(found, kRows);
}

TEST_F(SdkTest, ABulkRowIsSentWhenItLingeredOrIsLarger) {
  Table table = Open();
  BulkOptions options;
  options.linger_ms = 1;
  options.max_outstanding_bytes = 100;
  std::promise<void> failed;
  options.on_failure = [&](const RowMutation&, const Status&) { failed.set_value(); };
  ASSERT_OK_AND_ASSIGN(auto bulk, BulkMutator::Create(table, options));
  // Without Flush: its failure is told when it was sent.
  ASSERT_OK(bulk->Add(RowMutationBuilder("r").Set("nowhere", "q", "v")));
  failed.get_future().wait();
  EXPECT_STATUS(kNotFound, "nowhere", bulk->Flush());
  ASSERT_OK(bulk->Add(Put("large", std::string(1'000, 'v'))));
  ASSERT_OK(bulk->Close());
  ASSERT_OK_AND_ASSIGN(std::optional<Row> row, table.ReadRow("large"));
  EXPECT_TRUE(row.has_value());
  EXPECT_STATUS(kFailedPrecondition, "the bulk mutator is closed", bulk->Add(Put("late", "v")));
  EXPECT_OK(bulk->Close());
}

TEST_F(SdkTest, BulkFailuresAreToldOnceEach) {
  Table table = Open();
  BulkOptions options;
  options.batch_rows = 3;
  Mutex mu;
  std::map<std::string, Status> failures;
  options.on_failure = [&](const RowMutation& row, const Status& why) {
    MutexLock lock(&mu);
    EXPECT_TRUE(failures.emplace(row.row, why).second) << row.row;
  };
  ASSERT_OK_AND_ASSIGN(auto bulk, BulkMutator::Create(table, options));
  for (int i = 0; i < 20; ++i) {
    RowMutationBuilder row(Key(i));
    row.SetAt(i % 5 == 0 ? "nowhere" : "f", "q", 1000, "v");
    ASSERT_OK(bulk->Add(row));
  }
  EXPECT_STATUS(kNotFound, "nowhere", bulk->Flush());
  EXPECT_OK(bulk->Flush()) << "told once";
  EXPECT_EQ(bulk->stats().rows_failed, 4u);
  EXPECT_EQ(bulk->stats().rows_applied, 16u);
  ASSERT_EQ(failures.size(), 4u);
  for (const auto& [row, why] : failures) EXPECT_STATUS(kNotFound, "nowhere", why);
}

TEST_F(SdkTest, TryAddNeverWaits) {
  Table table = Open();
  BulkOptions options;
  options.max_outstanding_rows = 1;
  options.linger_ms = 60'000;
  ASSERT_OK_AND_ASSIGN(auto bulk, BulkMutator::Create(table, options));
  ASSERT_OK(bulk->TryAdd(Put("a", "1")));
  RowMutation second = Put("b", "2");
  EXPECT_STATUS(kResourceExhausted, "1 rows of", bulk->TryAdd(std::move(second)));
  EXPECT_EQ(second, Put("b", "2"));
  ASSERT_OK(bulk->Flush());
  ASSERT_OK(bulk->TryAdd(std::move(second)));
}

TEST_F(SdkTest, MetricsCountCallsErrorsAndBytes) {
  Table table = Open();
  for (int i = 0; i < 5; ++i) ASSERT_OK(table.Apply(Put(Key(i), "v")));
  EXPECT_STATUS(kInvalidArgument, "", table.Apply(Put("", "v")));
  std::vector<Status> batch = table.ApplyBatch({Put("a", "v"), Put("", "v"), Put("", "v")});
  ASSERT_OK(table.ReadRow("a"));
  ASSERT_OK(table.ReadRows(ReadQuery(), [](Row) { return true; }));
  ASSERT_OK(table.ReadModifyWrite(ReadModifyWriteBuilder("a").Append("f", "q", "w").Build()));
  EXPECT_STATUS(
      kNotFound, "nowhere",
      table.ReadModifyWrite(ReadModifyWriteBuilder("a").Append("nowhere", "q", "w").Build()));
  const auto check = CheckAndMutateBuilder("a").Then(RowMutationBuilder("a").DeleteRow()).Build();
  ASSERT_OK(table.CheckAndMutateAsync(check).get());
  EXPECT_STATUS(kInvalidArgument, "", table.CheckAndMutate(CheckAndMutateBuilder("a").Build()));
  ASSERT_OK(table.SampleRowKeys());
  const ClientMetrics metrics = client_->metrics();
  std::map<std::string, CallMetrics> calls;
  for (const CallMetrics& call : metrics.calls) calls[call.call] = call;
  EXPECT_EQ(calls.size(), 8u);
  EXPECT_EQ(calls["Apply"].started, 6u);
  EXPECT_EQ(calls["Apply"].latency.count, 6u);
  ASSERT_EQ(calls["Apply"].errors.size(), 1u);
  EXPECT_EQ(calls["Apply"].errors[0], std::pair(absl::StatusCode::kInvalidArgument, uint64_t{1}));
  ASSERT_EQ(calls["ApplyBatch"].errors.size(), 1u);
  EXPECT_EQ(calls["ApplyBatch"].errors[0].second, 2u);
  for (const auto& [name, code] :
       {std::pair("ReadModifyWrite", absl::StatusCode::kNotFound),
        std::pair("CheckAndMutate", absl::StatusCode::kInvalidArgument)}) {
    EXPECT_EQ(calls[name].started, 2u) << name;
    EXPECT_EQ(calls[name].latency.count, 2u) << name;
    ASSERT_EQ(calls[name].errors.size(), 1u) << name;
    EXPECT_EQ(calls[name].errors[0], std::pair(code, uint64_t{1})) << name;
  }
  EXPECT_EQ(calls["SampleRowKeys"].started, 1u);
  EXPECT_EQ(calls["ReadRow"].started, 1u);
  EXPECT_EQ(calls["ReadRows"].started, 1u);
  EXPECT_EQ(calls["Admin"].started, 2u);  // CreateTable, OpenTable
  for (const auto& [name, call] : calls) {
    EXPECT_EQ(call.in_flight, 0) << name;
    EXPECT_LE(call.latency.p50_us, call.latency.p99_us) << name;
    EXPECT_LE(call.latency.p99_us, call.latency.max_us) << name;
    EXPECT_GT(call.latency.mean_us, 0) << name;
  }
  EXPECT_GE(metrics.requests, 8u);
  EXPECT_GT(metrics.request_bytes, 0u);
  EXPECT_GT(metrics.response_bytes, 0u);
}

TEST_F(SdkTest, AfterCloseEachCallIsRefused) {
  Table table = Open();
  Admin admin = client_->admin();
  ASSERT_OK(table.Apply(Put("a", "v")));
  RowReader reader = table.ReadRows(ReadQuery());
  ASSERT_OK_AND_ASSIGN(auto bulk, BulkMutator::Create(table, {}));
  client_->Close();
  client_->Close();
  constexpr char kWhy[] = "the client is closed";
  auto refused = [&] {
    EXPECT_STATUS(kCancelled, kWhy, table.Apply(Put("b", "v")));
    EXPECT_STATUS(kCancelled, kWhy, table.ApplyAsync(Put("b", "v")).get());
    EXPECT_STATUS(kCancelled, kWhy, table.ApplyBatch({Put("b", "v")}).at(0));
    EXPECT_STATUS(kCancelled, kWhy, table.ReadRow("a"));
    EXPECT_STATUS(kCancelled, kWhy, table.ReadRows(ReadQuery(), [](Row) { return true; }));
    EXPECT_STATUS(kCancelled, kWhy, admin.ListTables());
    EXPECT_STATUS(kCancelled, kWhy, admin.GetServerStatus(cell_->address()));
    EXPECT_STATUS(kCancelled, kWhy, admin.DropTableAsync(name_).get());
    EXPECT_STATUS(kCancelled, kWhy, admin.RestartServerAsync(cell_->address()).get());
    EXPECT_STATUS(kCancelled, kWhy, bulk->Add(Put("b", "v")));
  };
  refused();
  EXPECT_STATUS(kCancelled, kWhy, client_->OpenTable(name_));
  EXPECT_STATUS(kCancelled, kWhy, client_->OpenTableAsync(name_).get());
  client_.reset();
  refused();  // the handles outlive it
}

// Threads that use one client until told to stop: each call ends well, or with Cancelled when the
// client was closed or the scan cancelled.
class Busy {
 public:
  ~Busy() { Join(); }
  void Run(std::function<Status()> call) {
    auto done = std::make_shared<std::atomic<uint64_t>>(0);
    rounds_.push_back(done);
    threads_.emplace_back([this, done, call = std::move(call)] {
      while (!stop_) {
        const Status status = call();
        EXPECT_TRUE(status.ok() || absl::IsCancelled(status)) << status;
        ++*done;
      }
    });
  }
  // Every thread has come round some times more.
  void AwaitRounds() {
    for (const auto& rounds : rounds_) {
      for (const uint64_t enough = *rounds + 3; *rounds < enough;) std::this_thread::yield();
    }
  }
  void Join() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  std::atomic<bool> stop_{false};
  std::vector<std::shared_ptr<std::atomic<uint64_t>>> rounds_;
  std::vector<std::thread> threads_;
};

Status ScanAsync(Table* table, int rows) {
  std::promise<Status> done;
  table->ReadRowsAsync(
      ReadQuery(), [&](Row) { return --rows > 0; },
      [&](Status status) { done.set_value(std::move(status)); });
  return done.get_future().get();
}

Status ScanCancelledByAnotherThread(Table* table) {
  RowReader reader = table->ReadRows(ReadQuery());
  std::atomic<bool> ended{false};
  std::thread other([&] {
    while (reader.progress().rows == 0 && !ended) std::this_thread::yield();
    reader.Cancel();
  });
  Status status;
  for (bool more = true; more;) {
    StatusOr<std::optional<Row>> row = reader.Next();
    status = row.status();
    more = row.ok() && row->has_value();
  }
  ended = true;
  other.join();
  return status;
}

TEST_F(SdkTest, ThreadsShareAClientThatIsClosedUnderThem) {
  ClientOptions small;
  small.scan_page_bytes = 2'000;
  ASSERT_OK_AND_ASSIGN(client_, Client::Connect(cell_->address(), small));
  Table table = Open();
  for (int i = 0; i < 200; ++i) ASSERT_OK(table.Apply(Put(Key(i), std::string(100, 'v'))));
  BulkOptions options;
  options.max_outstanding_rows = 40;
  options.batch_rows = 7;
  options.linger_ms = 1;
  std::atomic<uint64_t> failures{0};
  options.on_failure = [&](const RowMutation&, const Status&) { ++failures; };
  ASSERT_OK_AND_ASSIGN(auto bulk, BulkMutator::Create(table, options));
  Busy busy;
  for (int t = 0; t < 2; ++t) {
    busy.Run([&, t] { return bulk->Add(Put(Key(t), "added")); });
    busy.Run([&] { return table.ReadRows(ReadQuery(), [](Row) { return true; }); });
  }
  busy.Run([&] {
    return bulk->stats().outstanding_rows <= 40 ? OkStatus() : absl::InternalError("bounds");
  });
  busy.Run([&] { return table.ReadRows(ReadQuery()).Next().status(); });
  busy.Run([&] { return ScanAsync(&table, 1); });
  busy.Run([&] { return ScanAsync(&table, 1'000); });
  busy.Run([&] { return ScanCancelledByAnotherThread(&table); });
  busy.AwaitRounds();
  busy.Run([&] { return bulk->Flush(); });  // may wait until nothing is added any more
  client_->Close();
  busy.AwaitRounds();
  busy.Join();
  bulk->Close().IgnoreError();
  const BulkStats stats = bulk->stats();
  EXPECT_EQ(stats.rows_added, stats.rows_applied + stats.rows_failed + stats.rows_unknown);
  EXPECT_EQ(stats.outstanding_rows, 0u);
  EXPECT_EQ(failures, stats.rows_failed + stats.rows_unknown);
  client_.reset();
}

TEST_F(SdkTest, AdminShowsTheCell) {
  Table table = Open();
  ASSERT_OK(table.Apply(Put("a", "v")));
  ASSERT_OK_AND_ASSIGN(TableDescription description, client_->admin().DescribeTable(name_));
  EXPECT_EQ(description.schema.families.size(), 2u);
  ASSERT_EQ(description.tablets.size(), 2u);
  EXPECT_EQ(description.tablets[0].end_row, "m");
  EXPECT_EQ(description.tablets[1].start_row, "m");
  EXPECT_EQ(description.tablets[1].end_row, "");
  EXPECT_EQ(description.tablets[0].table, description.schema.id);
  EXPECT_EQ(description.tablets[0].assignment, "assigned");
  EXPECT_FALSE(description.tablets[0].address.empty());

  TableChange change;
  change.table = name_;
  change.changes.emplace_back().family.name = "new";
  change.changes.emplace_back().kind = FamilyChange::Kind::kDrop;
  change.changes[1].family.name = "g";
  change.split_bytes = 1u << 20;
  ASSERT_OK_AND_ASSIGN(TableSchema changed, client_->admin().AlterTable(change));
  EXPECT_NE(changed.FindFamily("new"), nullptr);
  EXPECT_EQ(changed.FindFamily("g"), nullptr);
  EXPECT_EQ(changed.split_bytes, 1u << 20);
  ASSERT_OK(client_->admin().FlushTable(name_));
  ASSERT_OK(client_->admin().CompactTable(name_));

  ASSERT_OK_AND_ASSIGN(CellStatus cell, client_->admin().GetCellStatus());
  ASSERT_EQ(cell.servers.size(), 2u);
  EXPECT_EQ(cell.servers[0].state, "live");
  ASSERT_OK_AND_ASSIGN(ServerStatus server,
                       client_->admin().GetServerStatus(cell.servers[0].address));
  EXPECT_EQ(server.server_id, cell.servers[0].server_id);
  EXPECT_EQ(server.state, "serving");
  EXPECT_GT(server.ring.segments, 0u);
  EXPECT_FALSE(server.numbers.empty());
  ASSERT_OK_AND_ASSIGN(std::vector<TableSummary> tables, client_->admin().ListTables());
  auto mine = [&](const TableSummary& t) { return t.schema.name == name_; };
  EXPECT_EQ(std::count_if(tables.begin(), tables.end(), mine), 1);
  ASSERT_OK(client_->admin().DropTable(name_));
  EXPECT_STATUS(kNotFound, name_, client_->OpenTable(name_));
}

// Begins a call with a callback and blocks until it came.
template <typename T>
T CalledBack(const std::function<void(std::function<void(T)>)>& start) {
  std::promise<T> answer;
  start([&answer](T value) { answer.set_value(std::move(value)); });
  return answer.get_future().get();
}

TEST_F(SdkTest, TheAdminWithFutures) {
  Admin& admin = client_->admin();
  TableSchema schema;
  schema.name = name_ + "-f";
  schema.families.emplace_back().name = "f";
  ASSERT_OK_AND_ASSIGN(TableSchema made, admin.CreateTableAsync(schema, {"m"}).get());
  EXPECT_STATUS(kAlreadyExists, schema.name, admin.CreateTableAsync(schema).get());
  ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTableAsync(schema.name).get());
  EXPECT_EQ(table.schema().id, made.id);
  ASSERT_OK(table.Apply(Put("a", "v")));
  TableChange change;
  change.table = schema.name;
  change.deletion_protection = true;
  ASSERT_OK_AND_ASSIGN(made, admin.AlterTableAsync(change).get());
  EXPECT_TRUE(made.deletion_protection);
  EXPECT_STATUS(kFailedPrecondition, "protect", admin.TruncateTableAsync(schema.name).get());
  change.deletion_protection = false;
  ASSERT_OK(admin.AlterTableAsync(change).get());
  ASSERT_OK(admin.FlushTableAsync(schema.name).get());
  ASSERT_OK(admin.CompactTableAsync(schema.name).get());
  ASSERT_OK_AND_ASSIGN(TableDescription description, admin.DescribeTableAsync(schema.name).get());
  ASSERT_EQ(description.tablets.size(), 2u);
  ASSERT_OK_AND_ASSIGN(TabletVerification files,
                       admin.VerifyTabletAsync(description.tablets[0]).get());
  EXPECT_EQ(files.files, 1u);
  ASSERT_OK(admin.DropRowRangeAsync(schema.name, "a").get());
  EXPECT_EQ(table.ReadRow("a")->has_value(), false);
  TabletOrder order{schema.name, {}, "", "", /*dry_run=*/true};
  ASSERT_OK_AND_ASSIGN(Admin::Steps steps, admin.MergeAsync(order).get());
  EXPECT_FALSE(steps.empty());
  ASSERT_OK(admin.FlushAsync(order).get());
  ASSERT_OK(admin.CompactAsync(order).get());
  EXPECT_STATUS(kNotFound, "no-such", admin.DrainAsync("no-such").get());
  ASSERT_OK(admin.BalanceAsync(/*dry_run=*/true).get());
  ASSERT_OK(admin.DropTableAsync(schema.name).get());
  EXPECT_STATUS(kNotFound, schema.name, client_->OpenTableAsync(schema.name).get());
  EXPECT_STATUS(kInvalidArgument, "table name", client_->OpenTableAsync("").get());
}

TEST_F(SdkTest, TheAdminWithCallbacks) {
  Admin& admin = client_->admin();
  TableSchema schema;
  schema.name = name_ + "-c";
  schema.families.emplace_back().name = "f";
  ASSERT_OK(CalledBack<StatusOr<TableSchema>>(
      [&](auto done) { admin.CreateTableAsync(schema, {"m"}, done); }));
  ASSERT_OK_AND_ASSIGN(Table table, CalledBack<StatusOr<Table>>([&](auto done) {
                         client_->OpenTableAsync(schema.name, done);
                       }));
  ASSERT_OK(table.Apply(Put("a", "v")));
  ASSERT_OK_AND_ASSIGN(CellStatus cell, CalledBack<StatusOr<CellStatus>>(
                                            [&](auto done) { admin.GetCellStatusAsync(done); }));
  ASSERT_EQ(cell.servers.size(), 2u);
  ASSERT_OK_AND_ASSIGN(ServerStatus server, CalledBack<StatusOr<ServerStatus>>([&](auto done) {
                         admin.GetServerStatusAsync(cell.servers[1].address, done);
                       }));
  EXPECT_EQ(server.server_id, cell.servers[1].server_id);
  ASSERT_OK_AND_ASSIGN(std::vector<TableSummary> tables,
                       CalledBack<StatusOr<std::vector<TableSummary>>>(
                           [&](auto done) { admin.ListTablesAsync(done); }));
  EXPECT_GE(tables.size(), 2u);
  const TabletOrder order{schema.name, {}, "", cell.servers[0].server_id};
  ASSERT_OK(CalledBack<StatusOr<Admin::Steps>>([&](auto done) { admin.MoveAsync(order, done); }));
  ASSERT_OK_AND_ASSIGN(TableDescription description, admin.DescribeTable(schema.name));
  for (const TabletInfo& tablet : description.tablets) {
    EXPECT_EQ(tablet.server_id, order.server);
  }
  EXPECT_STATUS(kInvalidArgument, "table name", CalledBack<StatusOr<TableSchema>>([&](auto done) {
                  admin.CreateTableAsync({}, {}, done);
                }));
  EXPECT_STATUS(kUnavailable, "127.0.0.1:1", CalledBack<StatusOr<ServerStatus>>([&](auto done) {
                  admin.GetServerStatusAsync("127.0.0.1:1", done);
                }));
  ASSERT_OK(CalledBack<Status>([&](auto done) { admin.DropTableAsync(schema.name, done); }));
  EXPECT_STATUS(kNotFound, schema.name, CalledBack<StatusOr<Table>>([&](auto done) {
                  client_->OpenTableAsync(schema.name, done);
                }));
}

TEST_F(SdkTest, WriteErrorsByCodeAndText) {
  Table table = Open();
  const std::string longest(4096, 'k');
  struct Case {
    RowMutation mutation;
    absl::StatusCode code;
    const char* text;
  };
  auto set = [](const std::string& row, const std::string& qualifier, int64_t us) {
    return RowMutationBuilder(row).SetAt("f", qualifier, us, "v").Build();
  };
  constexpr auto kOk = absl::StatusCode::kOk, kBad = absl::StatusCode::kInvalidArgument;
  const std::vector<Case> cases = {
      {set("k", "", 0), kOk, ""},
      {set(longest, "q", 0), kOk, ""},
      {set(longest + "k", "q", 0), kBad, "row key has 4097 bytes; the limit is 4096"},
      {set("", "q", 0), kBad, "row key is empty"},
      {set("k", std::string(16'384, 'q'), 0), kOk, ""},
      {set("k", std::string(16'385, 'q'), 0), kBad,
       "column qualifier has 16385 bytes; the limit is 16384"},
      {set("k", "q", 1000), kOk, ""},
      {set("k", "q", 1001), kBad,
       "Timestamp granularity mismatch. Expected a multiple of 1000 (millisecond granularity), "
       "but got 1001."},
      {set("k", "q", -2), kBad, "Timestamp granularity mismatch"},
      {RowMutationBuilder("k").Build(), kBad, "No mutations provided"},
      {RowMutationBuilder("k").Set("h", "q", "v").Build(), absl::StatusCode::kNotFound, "'h'"},
      {RowMutationBuilder("k").DeleteColumn("f", "q", 2000, 1000).Build(), kBad, "is empty"},
      {RowMutationBuilder("k").DeleteColumn("f", "q", 1000, 2000).Build(), kOk, ""},
      {RowMutationBuilder("k").DeleteFamily("g").DeleteRow().Build(), kOk, ""},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    const Status got = table.Apply(cases[i].mutation);
    EXPECT_EQ(got.code(), cases[i].code) << i << ' ' << got;
    EXPECT_TRUE(absl::StrContains(got.message(), cases[i].text)) << i << ' ' << got;
  }
  RowMutation many{"k", std::vector<Mutation>(100'000, DeleteFromFamily{"g"})};
  EXPECT_OK(table.Apply(many));
  many.mutations.emplace_back(DeleteFromFamily{"g"});
  EXPECT_STATUS(kInvalidArgument, "100001 mutations; the limit is 100000", table.Apply(many));
  ASSERT_OK_AND_ASSIGN(Table metadata, client_->OpenTable("_METADATA"));
  EXPECT_STATUS(kPermissionDenied, "read-only", metadata.Apply(Put("k", "v")));
}

TEST_F(SdkTest, ReadErrorsByCodeAndText) {
  Table table = Open();
  auto nothing = [](Row) { return true; };
  const std::vector<std::pair<ReadQuery, const char*>> bad = {
      {ReadQuery().Row(""), "row key is empty"},
      {ReadQuery().Row(std::string(4097, 'k')), "row key has 4097 bytes; the limit is 4096"},
      {ReadQuery().Range("b", "a"), "row range starts after its end"},
      {ReadQuery().Timestamps(-1, 0), "has a negative bound"},
      {ReadQuery().Timestamps(2000, 1000), "is reversed"},
      {ReadQuery().CellsPerColumn(-1), "cells_per_column is -1"},
      {ReadQuery().CellsPerRow(-1), "cells_per_row is -1"},
      {ReadQuery().Filter(Filter::Versions(0)), "cells_per_column_limit"},
      {ReadQuery().Filter(Filter::ValueRegex("(")), "Error in field 'value_regex'"},
  };
  for (const auto& [query, text] : bad) {
    EXPECT_STATUS(kInvalidArgument, text, table.ReadRows(query, nothing));
    if (query.rows() == RowSet()) EXPECT_STATUS(kInvalidArgument, text, table.ReadRow("a", query));
  }
  EXPECT_OK(table.ReadRows(ReadQuery().Range("b", "b").Row(std::string(4096, 'k')), nothing));
}

TEST_F(SdkTest, OptionsAndNamesByCodeAndText) {
  const std::string cell = cell_->address();
  struct Case {
    std::function<void(ClientOptions*)> set;
    const char* text;  // null: fine
  };
  const std::vector<Case> cases = {
      {[](ClientOptions* o) { o->timeout_ms = 0; }, "timeout_ms is 0; it must be 1 .. 86400000"},
      {[](ClientOptions* o) { o->timeout_ms = 86'400'001; }, "timeout_ms is 86400001"},
      {[](ClientOptions* o) { o->admin_timeout_ms = 0; }, "admin_timeout_ms is 0"},
      {[](ClientOptions* o) { o->io_threads = 65; }, "io_threads is 65; it must be 1 .. 64"},
      {[](ClientOptions* o) { o->scan_page_bytes = 0; }, "scan_page_bytes is 0"},
      {[](ClientOptions* o) { o->retry_policy.max_backoff_ms = 9; }, "it must be 10 .. 60000"},
      {[](ClientOptions* o) { o->retry_policy.budget_percent = 0; }, "budget_percent is 0"},
      {[](ClientOptions* o) { o->timeout_ms = 86'400'000; }, nullptr},
      {[](ClientOptions* o) { o->io_threads = 64; }, nullptr},
      {[](ClientOptions* o) { o->silence_timeout_ms = 99; }, "silence_timeout_ms is 99"},
      {[](ClientOptions* o) { o->silence_timeout_ms = 0; }, nullptr},
  };
  for (const Case& one : cases) {
    ClientOptions options;
    one.set(&options);
    if (one.text == nullptr) {
      EXPECT_OK(Client::Connect(cell, options));
    } else {
      EXPECT_STATUS(kInvalidArgument, one.text, Client::Connect(cell, options));
    }
  }
  for (const char* address : {"", "host", ":1", "host:", "host:0", "host:65536", "host:x"}) {
    EXPECT_STATUS(kInvalidArgument, "is not of the form host:port", Client::Connect(address));
  }
  ClientOptions hasty;
  hasty.connect_timeout_ms = 200;
  EXPECT_STATUS(kUnavailable, "no cell answers at 127.0.0.1:1",
                Client::Connect("127.0.0.1:1", hasty));
  EXPECT_STATUS(kNotFound, "nothing", client_->OpenTable("nothing"));
  EXPECT_STATUS(kInvalidArgument, "table name", client_->OpenTable("a b"));
  TableSchema schema;
  schema.name = name_;
  EXPECT_STATUS(kAlreadyExists, name_, client_->admin().CreateTable(schema));
  Table table = Open();
  BulkOptions bulk;
  bulk.batch_rows = 0;
  EXPECT_STATUS(kInvalidArgument, "batch_rows is 0; it must be 1 .. 100000",
                BulkMutator::Create(table, bulk));
}

TEST_F(SdkTest, AFilterOfTextReadsAsTheBuiltOne) {
  Table table = Open();
  ASSERT_OK(table.Apply(RowMutationBuilder("r")
                            .SetAt("f", "q", 1000, "old")
                            .SetAt("f", "q", 2000, "new")
                            .SetAt("g", "q", 1000, "g")));
  ASSERT_OK_AND_ASSIGN(Filter filter, ParseFilter("family(f) & versions(1)"));
  EXPECT_EQ(filter, Filter::FamilyNameRegex("f") & Filter::Versions(1));
  ASSERT_OK_AND_ASSIGN(std::optional<Row> row, table.ReadRow("r", ReadQuery().Filter(filter)));
  EXPECT_EQ(*row, (Row{"r", {Cell{"f", "q", 2000, "new"}}}));
  EXPECT_EQ(PrintFilter(filter), "family(f) & versions(1)");
  EXPECT_STATUS(kInvalidArgument, "column 8", ParseFilter("family("));
}

TEST(FilterBuilderTest, OperatorsJoinAndNamesAreExact) {
  using F = Filter;
  EXPECT_EQ(F::Family("x") & F::Versions(1), F::Chain(F::Family("x"), F::Versions(1)));
  EXPECT_EQ((F::Family("x") & F::Versions(1)) & F::StripValue(),
            F::Chain(F::Family("x"), F::Versions(1), F::StripValue()));
  EXPECT_EQ(F::Family("x") | (F::Family("y") | F::Family("z")),
            F::Interleave({F::Family("x"), F::Family("y"), F::Family("z")}));
  EXPECT_EQ((F::Family("x") | F::Family("y")) & F::Versions(1),
            F::Chain(F::Interleave(F::Family("x"), F::Family("y")), F::Versions(1)));
  EXPECT_EQ(F::Column("f", "a.b"), F::ColumnRange("f", Bound::Closed("a.b"), Bound::Closed("a.b")));
}

}  // namespace
}  // namespace stele
