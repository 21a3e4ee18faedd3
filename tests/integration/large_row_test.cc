// Goal: a row of 1,000,000 cells and one of 200 MB are written to a cell in a process of its own
// and read with limits, with offsets, whole in parts, and in scans of both directions while tablets
// split around them: no cell is missing, and the memory of server and client stays bounded.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iostream>

#include "common/testing/proc_status.h"
#include "common/testing/sanitized.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "stele/client.h"
#include "tests/integration/child_cell.h"
#include "tests/integration/hand_client.h"

namespace stele {
namespace {

constexpr uint64_t kMiB = 1u << 20;
constexpr uint64_t kManyCells = 1'000'000, kManyPerWrite = 20'000;
constexpr uint64_t kLargeCells = 2'000, kLargePerWrite = 20, kLargeCellBytes = 100'000;  // 200 MB
// With --memory-limit 256m the block cache takes 34 MiB; the rest is pages, and what is free but
// not yet given back.
constexpr uint64_t kServerMayGrow = 96 * kMiB, kClientMayGrow = 32 * kMiB;

// The peak of a process's resident memory, above what it was.
class Growth {
 public:
  explicit Growth(std::string pid) : pid_(std::move(pid)) {
    std::ofstream("/proc/" + pid_ + "/clear_refs") << "5";  // forgets the peak
    before_ = ProcStatusBytes(pid_, "VmRSS:");
  }
  uint64_t Bytes() const {
    const uint64_t peak = ProcStatusBytes(pid_, "VmHWM:");
    EXPECT_GT(peak, 0u);
    return peak - std::min(peak, before_);
  }

 private:
  const std::string pid_;
  uint64_t before_ = 0;
};

std::string Number(uint64_t i) {
  std::string digits = std::to_string(i);
  return std::string(8 - digits.size(), '0') + digits;
}

class LargeRowTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(cell_.Start());
    ASSERT_OK_AND_ASSIGN(client_, Client::Connect(cell_.rpc_address(), {.timeout_ms = 100'000}));
    TableSchema schema;
    schema.name = "t";
    schema.split_bytes = 1u << 30;  // only the test splits it
    schema.families = {FamilySchema{.name = "f"}};
    ASSERT_OK(client_->admin().CreateTable(schema, {}));
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
    table_ = std::make_unique<Table>(std::move(table));
  }

  void Write(const std::string& row, uint64_t cells, uint64_t cells_per_write,
             const std::function<std::string(uint64_t)>& value) {
    for (uint64_t i = 0; i < cells;) {
      RowMutationBuilder builder(row);
      for (const uint64_t end = i + cells_per_write; i < end; ++i) {
        builder.SetAt("f", Number(i), 1000, value(i));
      }
      ASSERT_OK(table_->Apply(builder.Build()));
    }
  }
  // "large" and "many", and small rows around them.
  void WriteAll() {
    for (const char* row : {"a", "m", "z"}) {
      ASSERT_OK(table_->Apply(RowMutationBuilder(row).SetAt("f", Number(0), 1000, Number(0))));
    }
    ASSERT_NO_FATAL_FAILURE(Write("many", kManyCells, kManyPerWrite, Number));
    SeededRandom random(TestSeed());
    ASSERT_NO_FATAL_FAILURE(Write("large", kLargeCells, kLargePerWrite, [&](uint64_t i) {
      return Number(i) + random.Bytes(kLargeCellBytes - 8);
    }));
    ASSERT_OK(client_->admin().FlushTable("t"));
  }

  // Reads in parts. Rows and their cells as "row first..end": each cell is checked to be the next.
  // `on_part` runs behind each part.
  std::string Read(const ReadQuery& query, const std::function<void()>& on_part = nullptr) {
    RowReader reader = table_->ReadRows(query);
    std::string seen, row;
    uint64_t first = 0, next = 0;
    for (;;) {
      StatusOr<std::optional<RowPart>> part = reader.NextPart();
      if (!part.ok()) return part.status().ToString();
      if (!part->has_value()) return seen;
      if (on_part) on_part();
      RowPart& got = **part;
      if (!got.first && got.key != row) return seen + " part of another row: " + got.key;
      if (got.first) {  // perhaps again: its state was lost by a split
        row = got.key;
        first = next = got.cells.empty() ? 0 : std::stoull(got.cells[0].qualifier);
      }
      const uint64_t bytes = got.key == "large" ? kLargeCellBytes : 8;
      for (const Cell& cell : got.cells) {
        const std::string number = Number(next++);
        const bool right = cell.qualifier == number && cell.value.size() == bytes &&
                           cell.value.compare(0, 8, number) == 0;
        if (!right) return seen + " wrong cell of " + row + ": " + cell.qualifier;
      }
      if (got.last) {
        seen += row + " " + std::to_string(first) + ".." + std::to_string(next) + "\n";
        row.clear();
      }
    }
  }

  void Split(const std::string& at) {
    HandClient hand(cell_.rpc_address());
    wire::TabletOrderRequest request{.table = "t", .at = at};
    ASSERT_OK(hand.CallMaster<wire::TabletOrderResponse>(wire::Method::kSplit, request).status());
  }

  // Whole, a limit and an offset.
  void ReadRow(const std::string& row, uint64_t cells) {
    const std::string count = std::to_string(cells);
    EXPECT_EQ(Read(ReadQuery().Row(row)), row + " 0.." + count + "\n");
    EXPECT_EQ(Read(ReadQuery().Row(row).CellsPerRow(500)), row + " 0..500\n");
    ReadQuery tail;
    tail.Row(row).Filter(Filter::CellsPerRowOffset(static_cast<int32_t>(cells - 700)));
    EXPECT_EQ(Read(tail), row + " " + std::to_string(cells - 700) + ".." + count + "\n");
  }

  TempDir dir_;
  ChildCell cell_{STELE_BINARY, dir_.path(), {"--memory-limit", "256m", "--ring-limit", "256m"}};
  std::unique_ptr<Client> client_;
  std::unique_ptr<Table> table_;
};

TEST_F(LargeRowTest, AreReadInPartsInBoundedMemoryWhileTabletsSplit) {
  ASSERT_NO_FATAL_FAILURE(WriteAll());
  Growth server(std::to_string(cell_.pid())), self("self");
  ReadRow("many", kManyCells);
  ReadRow("large", kLargeCells);
  const std::vector<std::string> rows = {"a 0..1\n", "large 0..2000\n", "m 0..1\n",
                                         "many 0..1000000\n", "z 0..1\n"};
  std::string ascending, descending;
  for (const std::string& row : rows) {
    ascending += row;
    descending = row + descending;
  }
  // A split right behind the row that is being read, which so gets into another tablet.
  int parts = 0;
  EXPECT_EQ(Read({},
                 [&] {
                   if (++parts == 20) Split("large");
                 }),
            ascending);
  parts = 0;
  EXPECT_EQ(Read(ReadQuery().Reversed(),
                 [&] {
                   if (++parts == 20) Split("many");
                 }),
            descending);
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_EQ(Read(ReadQuery().Reversed().Limit(2)), rows[4] + rows[3]);
  std::cout << "resident memory grew by " << server.Bytes() / kMiB << " MiB at the server, "
            << self.Bytes() / kMiB << " MiB at the client\n";
  if (kSanitized) return;
  EXPECT_LT(server.Bytes(), kServerMayGrow) << "a row of 190 MiB is in memory";
  EXPECT_LT(self.Bytes(), kClientMayGrow);
}

}  // namespace
}  // namespace stele
