// Goal: a read that nobody waits for any more ends in the server, whether its reader was cancelled
// or destroyed, its connection closed, or its time ran out; what was kept for it is let go. A scan
// whose filter drops everything shows its progress meanwhile.
#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "deploy/cell/cell.h"
#include "stele/client.h"
#include "tests/integration/hand_client.h"

namespace stele {
namespace {

constexpr int kTablets = 3, kRowsPerTablet = 60, kCellsPerRow = 2'000;
constexpr uint64_t kRows = kTablets * kRowsPerTablet;
constexpr int64_t kPatienceNs = 60'000'000'000;
// Far below the time for which a server keeps the state of a read by itself.
constexpr int64_t kSoonNs = 20'000'000'000;

bool Eventually(const std::function<bool()>& is_so, int64_t within_ns = kPatienceNs) {
  const int64_t give_up = SystemClock()->BootNanos() + within_ns;
  while (!is_so()) {
    if (SystemClock()->BootNanos() >= give_up) return false;
    std::this_thread::yield();
  }
  return true;
}

class ReadCancelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    deploy::CellOptions options;
    options.data_dir = dir_.path();
    auto cell = deploy::Cell::Start(options);
    ASSERT_OK(cell.status());
    cell_ = *std::move(cell);
    ClientOptions small_pages;
    small_pages.scan_page_bytes = 10'000;
    ASSERT_OK_AND_ASSIGN(client_, Client::Connect(cell_->address(), small_pages));
    TableSchema schema;
    schema.name = "t";
    schema.families = {FamilySchema{.name = "f"}};
    ASSERT_OK(client_->admin().CreateTable(schema, {"1", "2"}));
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
    table_ = std::make_unique<Table>(std::move(table));
    for (int tablet = 0; tablet < kTablets; ++tablet) {
      for (int i = 0; i < kRowsPerTablet; ++i) {
        RowMutationBuilder row(absl::StrCat(tablet, "row", 1000 + i));
        for (int c = 0; c < kCellsPerRow; ++c) row.Set("f", absl::StrCat(10'000 + c), "value");
        ASSERT_OK(table_->Apply(row.Build()));
      }
    }
  }

  int64_t Number(const std::string& name) {
    for (const wire::ServerStatusResponse& server : cell_->server_status()) {
      for (const auto& number : server.numbers) {
        if (number.name == name) return number.value;
      }
    }
    ADD_FAILURE() << "no number " << name;
    return -1;
  }
  static ReadQuery NothingPasses() { return ReadQuery().Filter(Filter::ValueRegex("no such.*")); }

  TempDir dir_;
  std::unique_ptr<deploy::Cell> cell_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<Table> table_;
};

TEST_F(ReadCancelTest, ACancelledScanEndsInTheServerAndShowsItsProgress) {
  // Between two pages there is nothing to drop: then it is tried again.
  for (int tries = 0; Number("reads.dropped") == 0; ++tries) {
    ASSERT_LT(tries, 100);
    RowReader reader = table_->ReadRows(NothingPasses());
    Status ended;
    std::thread waiting([&] { ended = reader.Next().status(); });
    EXPECT_TRUE(Eventually([&] { return reader.progress().rows > 0; }));
    reader.Cancel();
    waiting.join();
    if (ended.ok()) continue;  // it was at its end
    EXPECT_STATUS(kCancelled, "", ended);
    EXPECT_LT(reader.progress().rows, kRows);
    EXPECT_STATUS(kCancelled, "", reader.Next());
  }
  RowReader whole = table_->ReadRows(NothingPasses());
  ASSERT_OK_AND_ASSIGN(std::optional<Row> none, whole.Next());
  EXPECT_FALSE(none.has_value());
  EXPECT_EQ(whole.progress().rows, kRows);
  EXPECT_GE(whole.progress().cells, kRows * kCellsPerRow);
}

TEST_F(ReadCancelTest, AScanEndsWithItsDeadlineInTheServerToo) {
  CallOptions call;
  call.whole_scan_timeout_ms = 25;
  EXPECT_TRUE(Eventually([&] {
    RowReader reader = table_->ReadRows(NothingPasses(), call);
    EXPECT_STATUS(kDeadlineExceeded, "", reader.Next());
    return Number("reads.dropped") > 0;
  }));
}

TEST_F(ReadCancelTest, AClosedConnectionEndsItsReads) {
  HandClient hand(cell_->address());
  ASSERT_OK_AND_ASSIGN(wire::GetTableResponse table, hand.GetTable("t"));
  wire::ReadRowsRequest request;
  request.table = table.schema.id;
  request.tablet = table.tablets[0].tablet.id;
  request.filter = Filter::ValueRegex("no such.*");
  for (int tries = 0; Number("reads.dropped") == 0; ++tries) {
    ASSERT_LT(tries, 100);
    std::atomic<bool> answered{false};
    auto rpc = net::RpcClient::Create({});
    ASSERT_OK_AND_ASSIGN(net::Buffer body, wire::Encode(request));
    rpc->Call(table.tablets[0].address, static_cast<uint16_t>(wire::Method::kReadRows), body,
              60'000, [&](const StatusOr<net::Buffer>&) { answered = true; });
    ASSERT_TRUE(Eventually([&] { return answered || Number("requests.in_flight_bytes") > 0; }));
    rpc.reset();
    ASSERT_TRUE(Eventually([&] { return Number("requests.in_flight_bytes") == 0; }));
  }
}

TEST_F(ReadCancelTest, WhatIsKeptInsideARowGoesWithItsReader) {
  {
    RowReader reader = table_->ReadRows(ReadQuery());
    ASSERT_OK_AND_ASSIGN(std::optional<RowPart> part, reader.NextPart());
    ASSERT_TRUE(part.has_value());
    EXPECT_FALSE(part->last);
    ASSERT_TRUE(Eventually([&] { return Number("reads.parked") == 1; }));
  }
  EXPECT_TRUE(Eventually([&] { return Number("reads.parked") == 0; }, kSoonNs));
  // A callback that wants no more rows.
  ASSERT_OK(table_->ReadRows(ReadQuery(), [](const Row&) { return false; }));
  EXPECT_TRUE(Eventually([&] { return Number("reads.parked") == 0; }, kSoonNs));
}

TEST_F(ReadCancelTest, WhatIsKeptInsideARowGoesWithItsConnection) {
  HandClient finder(cell_->address());
  ASSERT_OK_AND_ASSIGN(wire::GetTableResponse table, finder.GetTable("t"));
  wire::ReadRowsRequest request;
  request.table = table.schema.id;
  request.tablet = table.tablets[0].tablet.id;
  request.max_bytes = 10'000;
  auto hand = std::make_unique<HandClient>(cell_->address());
  auto page = hand->Call<wire::ReadRowsResponse>(table.tablets[0].address, wire::Method::kReadRows,
                                                 request);
  ASSERT_OK(page.status());
  ASSERT_NE(page->cursor.scanner_id, 0u);
  EXPECT_EQ(Number("reads.parked"), 1);
  hand.reset();
  EXPECT_TRUE(Eventually([&] { return Number("reads.parked") == 0; }, kSoonNs));
}

}  // namespace
}  // namespace stele
