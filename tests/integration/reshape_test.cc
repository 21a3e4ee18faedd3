// Goal: tablets of a cell of three servers split, move and merge while clients write, read and
// scan: nobody sees an error, every acknowledged value stays and never goes back, a scan gives each
// row once; and a master or a cell that is cut off at any step leaves nothing lost or doubled.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "common/base/log.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "deploy/cell/cell.h"
#include "stele/client.h"
#include "tests/integration/hand_client.h"
#include "tests/integration/small_cell.h"

namespace stele {
namespace {

using deploy::CellOptions;

constexpr int kRows = 120;
constexpr int kWriters = 3;
constexpr int kReshapes = 18;
constexpr int64_t kPatienceNs = 120'000'000'000;

std::string RowKey(int i) { return absl::StrCat("row", 1000 + i); }

CellOptions ThreeServers(const std::string& data_dir) {
  CellOptions options = SmallCell(data_dir, 3);
  options.engine.memtable_bytes = 256u << 10;
  options.reshape.merge_small_after_ms = 0;
  return options;
}

StatusOr<wire::TabletOrderResponse> Order(HandClient* client, wire::Method method,
                                          const wire::TabletOrderRequest& request) {
  return client->CallMaster<wire::TabletOrderResponse>(method, request);
}

// The ranges in METADATA: nothing between them, nothing twice, and each served.
void ExpectTiles(HandClient* client, const std::string& name, size_t tablets) {
  ASSERT_OK_AND_ASSIGN(wire::GetTableResponse table, client->GetTable(name));
  EXPECT_EQ(table.tablets.size(), tablets);
  std::string end;
  for (const TabletLocation& location : table.tablets) {
    EXPECT_EQ(location.tablet.start_row, end);
    end = location.tablet.end_row;
  }
  EXPECT_EQ(end, "");
}

class ReshapeTest : public ::testing::Test {
 protected:
  void Start(CellOptions options) {
    auto cell = deploy::Cell::Start(options);
    ASSERT_OK(cell.status());
    cell_ = *std::move(cell);
    hand_ = std::make_unique<HandClient>(cell_->address());
    ASSERT_OK_AND_ASSIGN(client_, Client::Connect(cell_->address()));
  }
  void TearDown() override { client_.reset(); }

  TempDir dir_;
  std::unique_ptr<deploy::Cell> cell_;
  std::unique_ptr<HandClient> hand_;
  std::unique_ptr<Client> client_;
};

// What is known of each row: the last acknowledged number, and the newest timestamp that was seen.
struct Known {
  std::atomic<int64_t> acked{0};
  std::atomic<int64_t> timestamp{0};
};

class LoadedTest : public ReshapeTest {
 protected:
  static int64_t NumberOf(const Cell& cell) {
    int64_t number = -1;
    return absl::SimpleAtoi(cell.value, &number) ? number : -1;
  }
  // Each row is written by one thread: 1, 2, 3 ...
  void Write(int writer) {
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
    for (int64_t number = 1; !stop_; ++number) {
      for (int i = writer; i < kRows && !stop_; i += kWriters) {
        RowMutationBuilder row(RowKey(i));
        row.Set("f", "n", absl::StrCat(number));
        row.Set("f", "pad", std::string(200, static_cast<char>('a' + number % 26)));
        Status status = table.Apply(row);
        ASSERT_OK(status);
        known_[i].acked = number;
        ++writes_;
      }
    }
  }
  void CheckRow(const Row& row, int64_t acked_before, Known* known, int64_t timestamp_before) {
    ASSERT_EQ(row.cells.size(), 2u) << row.key;
    const int64_t number = NumberOf(row.cells[0]);
    EXPECT_GE(number, acked_before) << row.key << " went back";
    EXPECT_EQ(row.cells[1].value[0], static_cast<char>('a' + number % 26)) << "half a write";
    EXPECT_GE(row.cells[0].timestamp_us, timestamp_before) << row.key;
    int64_t seen = known->timestamp;
    while (seen < row.cells[0].timestamp_us &&
           !known->timestamp.compare_exchange_weak(seen, row.cells[0].timestamp_us)) {
    }
  }
  void Read(uint64_t seed) {
    SeededRandom random(seed);
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
    while (!stop_) {
      const int i = static_cast<int>(random.Below(kRows));
      const int64_t acked = known_[i].acked, timestamp = known_[i].timestamp;
      auto row = table.ReadRow(RowKey(i), ReadQuery().CellsPerColumn(1));
      ASSERT_OK(row);
      if (!row->has_value()) {
        ASSERT_EQ(acked, 0) << "row " << i << " is gone";
        continue;
      }
      CheckRow(**row, acked, &known_[i], timestamp);
      ++reads_;
    }
  }
  void Scan() {
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
    while (!stop_) {
      std::map<int, std::pair<int64_t, int64_t>> before;
      for (int i = 0; i < kRows; ++i) before[i] = {known_[i].acked, known_[i].timestamp};
      std::vector<std::string> keys;
      const bool reversed = scans_ % 2 == 1;
      ASSERT_OK(table.ReadRows(ReadQuery().CellsPerColumn(1).Reversed(reversed), [&](Row row) {
        int i = 0;
        EXPECT_TRUE(absl::SimpleAtoi(row.key.substr(3), &i)) << row.key;
        i -= 1000;
        keys.push_back(row.key);
        CheckRow(row, before[i].first, &known_[i], before[i].second);
        return true;
      }));
      if (reversed) std::reverse(keys.begin(), keys.end());
      EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
      EXPECT_EQ(std::adjacent_find(keys.begin(), keys.end()), keys.end()) << "a row came twice";
      for (const auto& [i, known] : before) {
        if (known.first == 0) continue;
        EXPECT_TRUE(std::binary_search(keys.begin(), keys.end(), RowKey(i))) << RowKey(i);
      }
      ++scans_;
    }
  }

  void ReshapeOnce(SeededRandom* random) {
    ASSERT_OK_AND_ASSIGN(wire::GetTableResponse table, hand_->GetTable("t"));
    const size_t i = random->Below(table.tablets.size());
    const TabletLocation& tablet = table.tablets[i];
    wire::TabletOrderRequest request;
    wire::Method method = wire::Method::kMove;
    const uint64_t dice = random->Below(3);
    if (table.tablets.size() < 2 || (dice == 0 && table.tablets.size() < 8)) {
      method = wire::Method::kSplit;
      request.table = "t";
      request.at = RowKey(static_cast<int>(random->Below(kRows - 2)) + 1);
      for (const TabletLocation& other : table.tablets) {
        if (other.tablet.end_row == request.at) request.at += "x";
      }
    } else if (dice == 1) {
      method = wire::Method::kMerge;
      const size_t left = std::min(i, table.tablets.size() - 2);
      request.tablets = {table.tablets[left].tablet.id, table.tablets[left + 1].tablet.id};
    } else {
      request.tablets = {tablet.tablet.id};
      request.server = absl::StrCat("ts-", 1 + random->Below(3));
    }
    auto done = Order(hand_.get(), method, request);
    ASSERT_OK(done.status());
    steps_ += done->steps.size();
  }

  std::vector<Known> known_ = std::vector<Known>(kRows);
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> writes_{0}, reads_{0}, scans_{0};
  size_t steps_ = 0;
};

TEST_F(LoadedTest, SplitsMovesAndMergesUnderLoad) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  ASSERT_NO_FATAL_FAILURE(Start(ThreeServers(dir_.path())));
  ASSERT_OK(hand_->CreateTable("t", {RowKey(40), RowKey(80)}).status());
  std::vector<std::thread> threads;
  for (int w = 0; w < kWriters; ++w) threads.emplace_back([this, w] { Write(w); });
  threads.emplace_back([this, s = random.Next()] { Read(s); });
  threads.emplace_back([this] { Scan(); });
  for (int i = 0; i < kReshapes && !HasFatalFailure(); ++i) ReshapeOnce(&random);
  stop_ = true;
  for (std::thread& thread : threads) thread.join();
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_GE(steps_, static_cast<size_t>(kReshapes) / 2);
  EXPECT_GT(writes_, 100u);
  EXPECT_GT(reads_, 20u);
  EXPECT_GE(scans_, 2u);
  RecordProperty("writes", static_cast<int>(writes_));
  ASSERT_OK_AND_ASSIGN(wire::GetTableResponse table, hand_->GetTable("t"));
  ASSERT_NO_FATAL_FAILURE(ExpectTiles(hand_.get(), "t", table.tablets.size()));
  client_.reset();
  ASSERT_OK(cell_->Stop(/*drain=*/false));
  cell_.reset();
  ASSERT_NO_FATAL_FAILURE(Start(ThreeServers(dir_.path())));
  ASSERT_NO_FATAL_FAILURE(ExpectTiles(hand_.get(), "t", table.tablets.size()));
  ASSERT_OK_AND_ASSIGN(Table opened, client_->OpenTable("t"));
  for (int i = 0; i < kRows; ++i) {
    auto row = opened.ReadRow(RowKey(i), ReadQuery().CellsPerColumn(1));
    ASSERT_OK(row);
    ASSERT_TRUE(row->has_value() || known_[i].acked == 0) << RowKey(i);
    if (row->has_value()) EXPECT_EQ(NumberOf((*row)->cells[0]), known_[i].acked) << RowKey(i);
  }
}

using ReversedTest = ReshapeTest;

TEST_F(ReversedTest, AScanGivesEachRowOnceWhileTabletsSplitAroundIt) {
  constexpr int kCount = 100;
  ASSERT_NO_FATAL_FAILURE(Start(ThreeServers(dir_.path())));
  client_.reset();
  ClientOptions options;
  options.scan_page_bytes = 20'000;  // five rows
  ASSERT_OK_AND_ASSIGN(client_, Client::Connect(cell_->address(), options));
  ASSERT_OK(hand_->CreateTable("t", {RowKey(30), RowKey(70)}).status());
  ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
  std::vector<std::string> expected;
  for (int i = kCount; i-- > 0;) {
    expected.push_back(RowKey(i));
    ASSERT_OK(
        table.Apply(RowMutationBuilder(RowKey(i)).Set("f", "q", std::string(4000, 'v')).Build()));
  }
  std::vector<std::string> keys;
  for (StatusOr<Row>& row : table.ReadRows(ReadQuery().Reversed())) {
    ASSERT_OK(row);
    keys.push_back(row->key);
    if (keys.size() != 10) continue;
    for (int at : {10, 50, 80, 95}) {  // before the scan, and behind it
      ASSERT_OK(
          Order(hand_.get(), wire::Method::kSplit, {.table = "t", .at = RowKey(at)}).status());
    }
  }
  EXPECT_EQ(keys, expected);
  ReadQuery part;
  part.Row(RowKey(99)).Row(RowKey(70)).Row("absent").Row(RowKey(5)).Reversed();
  part.Range(RowKey(48), RowKey(52)).Limit(5);
  keys.clear();
  for (StatusOr<Row>& row : table.ReadRows(part)) {
    ASSERT_OK(row);
    keys.push_back(row->key);
  }
  EXPECT_EQ(keys,
            (std::vector<std::string>{RowKey(99), RowKey(70), RowKey(51), RowKey(50), RowKey(49)}));
}

TEST_F(ReversedTest, AServerRefusesRowsThatASplitGaveAway) {
  ASSERT_NO_FATAL_FAILURE(Start(ThreeServers(dir_.path())));
  ASSERT_OK_AND_ASSIGN(TableSchema schema, hand_->CreateTable("t", {}));
  for (int i = 0; i < 30; ++i) ASSERT_OK(hand_->Put(schema.id, RowKey(i), "v"));
  ASSERT_OK_AND_ASSIGN(TabletLocation parent, hand_->Locate(schema.id, RowKey(29)));
  wire::ReadRowsRequest request;
  request.reversed = true;
  request.rows.ranges = {{RowKey(5), false, RowKey(29), false}};
  request.resume_after = RowKey(15);
  ASSERT_OK_AND_ASSIGN(std::vector<Row> rows, hand_->ReadAt(parent, request));
  EXPECT_EQ(rows.size(), 10u);
  ASSERT_OK(Order(hand_.get(), wire::Method::kSplit, {.table = "t", .at = RowKey(10)}).status());
  EXPECT_STATUS(kUnavailable, "", hand_->ReadAt(parent, request))
      << "rows 5 to 10 are to come, and are another tablet's";
  request.rows.ranges = {{RowKey(10), true, RowKey(29), false}};
  ASSERT_OK_AND_ASSIGN(rows, hand_->ReadAt(parent, request));
  EXPECT_EQ(rows.size(), 4u);
}

using SizeTest = ReshapeTest;

TEST_F(SizeTest, ATableGrowsIntoManyTabletsAndShrinksAgain) {
  CellOptions options = ThreeServers(dir_.path());
  options.reshape.merge_small_after_ms = 1;
  ASSERT_NO_FATAL_FAILURE(Start(options));
  TableSchema schema;
  schema.name = "t";
  schema.families = {FamilySchema{.name = "f"}};
  schema.split_bytes = 64 << 10;
  ASSERT_OK(client_->admin().CreateTable(schema));
  ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
  SeededRandom random(7);
  std::map<std::string, std::string> rows;
  size_t most = 0;
  const int64_t deadline = SystemClock()->BootNanos() + kPatienceNs;
  while (most < 4 && SystemClock()->BootNanos() < deadline) {
    for (int i = 0; i < 30; ++i) {
      std::string key = absl::StrCat("k", random.Below(1'000'000));
      RowMutationBuilder row(key);
      rows[key] = random.Bytes(1000);
      row.Set("f", "q", rows[key]);
      ASSERT_OK(table.Apply(row));
    }
    ASSERT_OK(client_->admin().FlushTable("t"));
    ASSERT_OK_AND_ASSIGN(wire::GetTableResponse now, hand_->GetTable("t"));
    most = std::max(most, now.tablets.size());
  }
  EXPECT_GE(most, 4u);
  std::map<std::string, std::string> found;
  ASSERT_OK(table.ReadRows(ReadQuery().CellsPerColumn(1), [&](Row row) {
    found[row.key] = row.cells.at(0).value;
    return true;
  }));
  EXPECT_TRUE(found == rows);
  for (const auto& [key, value] : rows) {
    ASSERT_OK(table.Apply(RowMutationBuilder(key).DeleteRow()));
  }
  size_t left = most;
  while (left > 1 && SystemClock()->BootNanos() < deadline) {
    ASSERT_OK(client_->admin().FlushTable("t"));
    ASSERT_OK(client_->admin().CompactTable("t"));
    ASSERT_OK_AND_ASSIGN(wire::GetTableResponse now, hand_->GetTable("t"));
    left = now.tablets.size();
  }
  EXPECT_EQ(left, 1u);
}

using OrderTest = ReshapeTest;

TEST_F(OrderTest, TellsWhatItWouldDoAndRefusesNonsense) {
  ASSERT_NO_FATAL_FAILURE(Start(ThreeServers(dir_.path())));
  ASSERT_OK_AND_ASSIGN(TableSchema schema, hand_->CreateTable("t", {RowKey(10), RowKey(20)}));
  for (int i = 0; i < 30; ++i) ASSERT_OK(hand_->Put(schema.id, RowKey(i), "v"));
  ASSERT_OK_AND_ASSIGN(wire::GetTableResponse table, hand_->GetTable("t"));
  const TabletId first = table.tablets[0].tablet.id, last = table.tablets[2].tablet.id;
  using wire::Method;
  auto order = [&](Method method, wire::TabletOrderRequest request) {
    return Order(hand_.get(), method, request);
  };
  wire::TabletOrderRequest dry{.table = "t", .dry_run = true};
  ASSERT_OK_AND_ASSIGN(wire::TabletOrderResponse would, order(Method::kSplit, dry));
  EXPECT_EQ(would.steps.size(), 3u);
  ASSERT_OK_AND_ASSIGN(would, order(Method::kMerge, dry));
  EXPECT_GE(would.steps.size(), 2u);
  ASSERT_NO_FATAL_FAILURE(ExpectTiles(hand_.get(), "t", 3));

  EXPECT_STATUS(kInvalidArgument, "either", order(Method::kSplit, {}));
  EXPECT_STATUS(kInvalidArgument, "either", order(Method::kSplit, {.table = "t", .tablets = {1}}));
  EXPECT_STATUS(kNotFound, "no tablet", order(Method::kSplit, {.tablets = {999'999}}));
  EXPECT_STATUS(kNotFound, "\"u\"", order(Method::kMerge, {.table = "u"}));
  EXPECT_STATUS(kFailedPrecondition, "the root", order(Method::kSplit, {.tablets = {1}}));
  EXPECT_STATUS(kFailedPrecondition, "the root", order(Method::kMerge, {.tablets = {1, 2}}));
  EXPECT_STATUS(kFailedPrecondition, "the catalog", order(Method::kSplit, {.tablets = {3}}));
  EXPECT_STATUS(kInvalidArgument, "strictly inside",
                order(Method::kSplit, {.tablets = {first}, .at = RowKey(15)}));
  EXPECT_STATUS(kInvalidArgument, "strictly inside",
                order(Method::kSplit, {.table = "t", .at = RowKey(10)}));
  EXPECT_STATUS(kNotFound, "ts-9", order(Method::kMove, {.tablets = {first}, .server = "ts-9"}));
  EXPECT_STATUS(kInvalidArgument, "neighbours", order(Method::kMerge, {.tablets = {first}}));
  EXPECT_STATUS(kFailedPrecondition, "neighbour",
                order(Method::kMerge, {.tablets = {first, last}}));

  ASSERT_OK(order(Method::kMove, {.table = "t", .server = "ts-2"}).status());
  ASSERT_OK_AND_ASSIGN(table, hand_->GetTable("t"));
  for (const TabletLocation& tablet : table.tablets) EXPECT_EQ(tablet.server_id, "ts-2");
  ASSERT_OK(order(Method::kMerge, {.table = "t"}).status());
  ASSERT_NO_FATAL_FAILURE(ExpectTiles(hand_.get(), "t", 1));
  ASSERT_OK(order(Method::kSplit, {.table = "t"}).status());
  ASSERT_NO_FATAL_FAILURE(ExpectTiles(hand_.get(), "t", 2));
  for (int i = 0; i < 30; ++i) {
    ASSERT_OK_AND_ASSIGN(std::string value, hand_->Get(schema.id, RowKey(i)));
    EXPECT_EQ(value, "v");
  }
}

// From the first passing of one point on every step of a reshape fails, on servers and master.
class StuckFrom : public FaultInjector {
 public:
  explicit StuckFrom(std::string point) : point_(std::move(point)) {}
  Status At(Slice point) override {
    bool step = false;
    for (const char* area :
         {"split.", "merge.", "split_tablet.", "merge_tablets.", "move_tablet."}) {
      step |= absl::StartsWith(point, area);
    }
    if (point == point_ && armed_) stuck_ = true;
    return step && stuck_ ? absl::InternalError("cut off here") : OkStatus();
  }
  void Arm() { armed_ = true; }
  bool stuck() const { return stuck_; }

 private:
  const std::string point_;
  std::atomic<bool> armed_{false}, stuck_{false};
};

// Of a table of a user, or of METADATA.
struct Cut {
  const char* point;
  bool metadata;
};
constexpr const char* kCutPoints[] = {
    "split.after_intent",         "split.paused",           "split.after_child",
    "split.before_commit",        "split.after_commit",     "split.opened",
    "split_tablet.before_row",    "split_tablet.after_row", "split_tablet.after_parent",
    "move_tablet.before_row",     "move_tablet.after_row",  "merge.paused",
    "merge.before_seal",          "merge.after_seal",       "merge.before_extend",
    "merge.after_extend",         "merge.opened",           "merge_tablets.before_forget",
    "merge_tablets.after_forget", "merge_tablets.after_row"};

std::vector<Cut> AllCuts() {
  std::vector<Cut> cuts;
  for (bool metadata : {false, true}) {
    for (const char* point : kCutPoints) cuts.push_back({point, metadata});
  }
  return cuts;
}

class CutReshapeTest : public ::testing::TestWithParam<Cut> {
 protected:
  static constexpr int kSomeRows = 30;
  std::string table_name() const { return GetParam().metadata ? kMetadataTableName : "t"; }
  // The root, which stays as it is, comes before METADATA's others.
  size_t first() const { return GetParam().metadata ? 1 : 0; }
  wire::Method method() const {
    const std::string point = GetParam().point;
    if (absl::StartsWith(point, "split")) return wire::Method::kSplit;
    return absl::StartsWith(point, "move") ? wire::Method::kMove : wire::Method::kMerge;
  }
  std::string Boundary(int row) const {
    return GetParam().metadata ? MetadataRowKey(table_, RowKey(row)) : RowKey(row);
  }
  wire::TabletOrderRequest RequestFor(const wire::GetTableResponse& table) const {
    const TabletLocation& left = table.tablets[first()];
    wire::TabletOrderRequest request;
    if (method() == wire::Method::kSplit) {
      request = {.table = table_name(), .at = Boundary(5)};
    } else if (method() == wire::Method::kMerge) {
      request = {.tablets = {left.tablet.id, table.tablets[first() + 1].tablet.id}};
    } else {
      const bool second = left.server_id == "ts-2";
      request = {.tablets = {left.tablet.id}, .server = second ? "ts-3" : "ts-2"};
    }
    return request;
  }
  // Three tablets of either table.
  void MakeTables(HandClient* client) {
    ASSERT_OK_AND_ASSIGN(TableSchema schema, client->CreateTable("t", {RowKey(10), RowKey(20)}));
    table_ = schema.id;
    for (int i = 0; i < kSomeRows; ++i) ASSERT_OK(client->Put(table_, RowKey(i), absl::StrCat(i)));
    if (!GetParam().metadata) return;
    for (int row : {10, 20}) {
      ASSERT_OK(Order(client, wire::Method::kSplit,
                      {.table = kMetadataTableName, .at = MetadataRowKey(table_, RowKey(row))})
                    .status());
    }
  }
  TempDir dir_;
  TableId table_ = 0;
};

TEST_P(CutReshapeTest, LosesNothingAndIsFinishedOrUndone) {
  {
    StuckFrom faults(GetParam().point);
    CellOptions options = ThreeServers(dir_.path());
    options.faults = &faults;
    auto cell = deploy::Cell::Start(options);
    ASSERT_OK(cell.status());
    HandClient client((*cell)->address());
    ASSERT_NO_FATAL_FAILURE(MakeTables(&client));
    ASSERT_OK_AND_ASSIGN(wire::GetTableResponse table, client.GetTable(table_name()));
    faults.Arm();
    ASSERT_OK_AND_ASSIGN(net::Buffer body, wire::Encode(RequestFor(table)));
    client.CallRaw(method(), std::move(body), 1500).IgnoreError();
    EXPECT_TRUE(faults.stuck()) << GetParam().point;
    ASSERT_OK((*cell)->Stop(/*drain=*/false));
  }
  auto cell = deploy::Cell::Start(ThreeServers(dir_.path()));
  ASSERT_OK(cell.status());
  HandClient client((*cell)->address());
  // The reconciler may still be finishing it: the next order waits for that, or finds it done.
  ASSERT_OK_AND_ASSIGN(wire::GetTableResponse table, client.GetTable(table_name()));
  const size_t change = method() == wire::Method::kSplit   ? 4
                        : method() == wire::Method::kMerge ? 2
                                                           : 3;
  const size_t wanted = first() + change;
  if (table.tablets.size() != wanted || method() == wire::Method::kMove) {
    auto done = Order(&client, method(), RequestFor(table));
    EXPECT_TRUE(done.ok() || done.status().code() == absl::StatusCode::kInvalidArgument ||
                IsNotFound(done.status()))
        << done.status();
  }
  ASSERT_NO_FATAL_FAILURE(ExpectTiles(&client, table_name(), wanted));
  for (int i = 0; i < kSomeRows; ++i) {
    ASSERT_OK_AND_ASSIGN(std::string value, client.Get(table_, RowKey(i)));
    EXPECT_EQ(value, absl::StrCat(i));
    ASSERT_OK(client.Put(table_, RowKey(i), "again"));
  }
  // Rows can be written in all of METADATA.
  ASSERT_OK(Order(&client, wire::Method::kSplit, {.table = "t", .at = RowKey(7)}).status());
  ASSERT_OK(client.CreateTable("u", {}).status());
  ASSERT_OK(client.DropTable("t"));
}

INSTANTIATE_TEST_SUITE_P(Points, CutReshapeTest, ::testing::ValuesIn(AllCuts()),
                         [](const auto& info) {
                           std::string name = info.param.point;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name + (info.param.metadata ? "_of_metadata" : "");
                         });

}  // namespace
}  // namespace stele

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  stele::SetMinLogLevel(stele::LogLevel::kError);
  return RUN_ALL_TESTS();
}
