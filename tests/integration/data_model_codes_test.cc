// Goal: the codes that the data model names for tables that are not there, servers that are gone
// and files that are damaged, through the SDK against a cell of three tablet servers.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "common/testing/seeded_random.h"
#include "tests/integration/model_cell.h"

namespace stele {
namespace {

class CodeModel : public ModelTest {
 protected:
  static Status Put(Table& table, const std::string& row, const std::string& value = "v") {
    return table.Apply(RowMutationBuilder(row).SetAt("f", "q", 1000, value).Build());
  }
};

TEST_F(CodeModel, UnknownTablesAreNotFound) {
  EXPECT_STATUS(kNotFound, "\"nowhere\"", client().OpenTable("nowhere"));
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f")}, {"m"}));
  ASSERT_OK(Put(table, "a"));
  EXPECT_STATUS(kAlreadyExists, Name(), Create(Name(), {Family("f")}));
  ASSERT_OK(admin().DropTable(Name()));
  EXPECT_STATUS(kNotFound, "table", Put(table, "a"));
  EXPECT_STATUS(kNotFound, "table", table.ReadRow("a"));
  EXPECT_STATUS(kNotFound, "table", table.ReadRows(ReadQuery(), [](Row) { return true; }));
  EXPECT_STATUS(kNotFound, "table",
                table.ReadModifyWrite(ReadModifyWriteBuilder("a").Append("f", "q", "v").Build()));
  EXPECT_STATUS(kNotFound, "table", table.CheckAndMutate({"a", Filter(), {}, {DeleteFromRow{}}}));
  EXPECT_STATUS(kNotFound, "table", table.SampleRowKeys());
}

// A caller's mistake is never Unknown or Internal.
TEST_F(CodeModel, MistakesOfTheCallerByTheirCode) {
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f")}, {"m"}));
  auto create = [&](const std::function<void(TableSchema*)>& change,
                    const std::vector<std::string>& splits = {}) {
    TableSchema schema;
    schema.name = "mistake";
    schema.families = {Family("f")};
    change(&schema);
    return admin().CreateTable(schema, splits).status();
  };
  auto group = [](const std::function<void(LocalityGroupSchema*)>& change) {
    return [change](TableSchema* schema) { change(&schema->groups.emplace_back()); };
  };
  auto nothing = [](TableSchema*) {};
  auto alter = [&](const std::function<void(TableChange*)>& change) {
    TableChange of{.table = Name()};
    change(&of);
    return admin().AlterTable(of).status();
  };
  constexpr auto kBad = absl::StatusCode::kInvalidArgument, kNone = absl::StatusCode::kNotFound;
  constexpr auto kDenied = absl::StatusCode::kPermissionDenied;
  struct Case {
    Status status;
    absl::StatusCode code;
    const char* text;
  };
  const Case cases[] = {
      {create([](TableSchema* s) { s->families.push_back(Family("f")); }), kBad, "given twice"},
      {create([](TableSchema* s) { s->families[0].locality_group = "g"; }), kBad, "not defined"},
      {create([](TableSchema* s) { s->families[0].aggregate = static_cast<Aggregate>(9); }), kBad,
       "aggregate"},
      {create([](TableSchema* s) { s->name.push_back('\0'); }), kBad, "table name holds"},
      {create([](TableSchema* s) { s->split_bytes = 0; }), kBad, "split_bytes is 0"},
      {create(group([](LocalityGroupSchema* g) { g->name = ""; })), kBad, "locality group name"},
      {create(group([](LocalityGroupSchema* g) { g->name = "g", g->block_bytes = 63; })), kBad,
       "block_bytes is 63"},
      {create(group([](LocalityGroupSchema* g) { g->name = "g", g->bloom_bits_per_key = 65; })),
       kBad, "bloom_bits_per_key is 65"},
      {create(
           group([](LocalityGroupSchema* g) { g->name = "g", g->codec = static_cast<Codec>(4); })),
       kBad, "codec"},
      {create(nothing, {std::string(4097, 's')}), kBad, "4097 bytes"},
      {create(nothing, {""}), kBad, "split key is empty"},
      {alter([](TableChange*) {}), kBad, ""},
      {alter([](TableChange* c) { c->split_bytes = 0; }), kBad, "split_bytes"},
      {admin().DropTable("nowhere"), kNone, "nowhere"},
      {admin().DropTable(""), kNone, "does not exist"},
      {admin().FlushTable("nowhere"), kNone, "nowhere"},
      {admin().CompactTable("nowhere"), kNone, "nowhere"},
      {admin().DescribeTable("nowhere").status(), kNone, "nowhere"},
      {admin().GetServerStatus("nowhere").status(), kBad, "nowhere"},
      {admin().DropRowRange(Name(), ""), kBad, "prefix is empty"},
      {client().OpenTable("_METADATA")->Apply(RowMutationBuilder("a").DeleteRow().Build()), kDenied,
       "read-only"},
      {table.ReadRow("a", ReadQuery().CellsPerRow(-1)).status(), kBad, "cells_per_row is -1"},
      {table.ReadRow("a", ReadQuery().Timestamps(5, 3)).status(), kBad, "is reversed"},
      {table.ReadRow("a", ReadQuery().Family(std::string(65, 'f'))).status(), kBad, "65 bytes"},
      {table.ReadRow("a", ReadQuery().Column("f", std::string(16'385, 'q'))).status(), kBad,
       "16385 bytes"},
  };
  for (size_t i = 0; i < std::size(cases); ++i) {
    EXPECT_EQ(cases[i].status.code(), cases[i].code) << i << ": " << cases[i].status;
    EXPECT_TRUE(absl::StrContains(cases[i].status.message(), cases[i].text))
        << i << ": " << cases[i].status << ", expected " << cases[i].text;
  }
  EXPECT_STATUS(kNotFound, "mistake", client().OpenTable("mistake"));
}

TEST_F(CodeModel, NoServerIsUnavailableOrTheDeadlineIsOver) {
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f")}));
  ASSERT_OK(Put(table, "a"));
  ASSERT_OK(cell().cell().Stop(/*drain=*/true));
  CallOptions soon;
  soon.timeout_ms = 300;
  auto unavailable = [](const Status& status) {
    return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
  };
  const int64_t start = SystemClock()->BootNanos();
  const Status read = table.ReadRow("a", {}, soon).status();
  EXPECT_TRUE(unavailable(read)) << read;
  const Status written = table.Apply(RowMutationBuilder("a").DeleteRow().Build(), soon);
  EXPECT_TRUE(unavailable(written)) << written << ": nobody was there to do it";
  EXPECT_LT(SystemClock()->BootNanos() - start, 5'000'000'000) << "within the deadlines";
  cell().Restart({});
  ASSERT_OK(cell().status());
  ASSERT_OK_AND_ASSIGN(Table again, client().OpenTable(Name()));
  EXPECT_EQ(ReadText(again, "a"), "f:q@1=v");
}

TEST_F(CodeModel, AFullDiskIsResourceExhaustedForWritesAlone) {
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f")}, {"m"}));
  ASSERT_OK(Put(table, "a"));
  cell().Restart({.full_disk = true});
  ASSERT_OK(cell().status());
  ASSERT_OK_AND_ASSIGN(table, client().OpenTable(Name()));
  CallOptions soon;
  soon.timeout_ms = 300;
  const std::vector<Mutation> one = {SetCell{"f", "q", 2000, "w"}};
  EXPECT_STATUS(kResourceExhausted, "disk", table.Apply(RowMutation{"a", one}, soon));
  for (const Status& status :
       table.ApplyBatch({RowMutation{"a", one}, RowMutation{"z", one}}, soon)) {
    EXPECT_STATUS(kResourceExhausted, "disk", status);
  }
  EXPECT_STATUS(
      kResourceExhausted, "disk",
      table.ReadModifyWrite(ReadModifyWriteBuilder("a").Append("f", "q", "w").Build(), soon));
  EXPECT_STATUS(kResourceExhausted, "disk", table.CheckAndMutate({"a", Filter(), one, one}, soon));
  EXPECT_EQ(ScanText(table), "a{f:q@1=v}") << "reads go on, and there was no effect";
  cell().Restart({});
  ASSERT_OK(cell().status());
  ASSERT_OK_AND_ASSIGN(table, client().OpenTable(Name()));
  EXPECT_OK(table.Apply(RowMutation{"a", one}));
  EXPECT_EQ(ScanText(table), "a{f:q@2=w f:q@1=v}");
}

TEST_F(CodeModel, AScanThatIsNotFinishedInTimeIsDeadlineExceeded) {
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f")}));
  std::vector<RowMutation> rows;
  for (int i = 0; i < 2000; ++i) {
    rows.push_back(RowMutationBuilder(absl::StrCat("r", i)).SetAt("f", "q", 0, "v").Build());
  }
  for (const Status& status : table.ApplyBatch(rows)) ASSERT_OK(status);
  ClientOptions small;
  small.scan_page_bytes = 1;
  ASSERT_OK_AND_ASSIGN(auto client, Client::Connect(cell().cell().address(), small));
  ASSERT_OK_AND_ASSIGN(Table pages, client->OpenTable(Name()));
  CallOptions soon;
  soon.whole_scan_timeout_ms = 20;
  const int64_t start = SystemClock()->BootNanos();
  EXPECT_STATUS(kDeadlineExceeded, "deadline",
                pages.ReadRows(
                    ReadQuery(), [](Row) { return true; }, soon));
  EXPECT_LT(SystemClock()->BootNanos() - start, 5'000'000'000);
}

TEST_F(CodeModel, DamageIsDataLossOfTheKeyRangeThatItHits) {
  constexpr int kRows = 600;
  SeededRandom random(TestSeed());
  STELE_TRACE_SEED(TestSeed());
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f")}));
  std::vector<std::string> values;
  std::vector<RowMutation> rows;
  auto key = [](int i) { return absl::StrCat("row", 1000 + i); };
  for (int i = 0; i < kRows; ++i) {
    values.push_back(random.Bytes(1000));
    rows.push_back(RowMutationBuilder(key(i)).SetAt("f", "q", 1000, values.back()).Build());
  }
  for (const Status& status : table.ApplyBatch(rows)) ASSERT_OK(status);
  ASSERT_OK(admin().FlushTable(Name()));
  ASSERT_OK(cell().cell().Stop(/*drain=*/true));
  // The one file that holds the middle row, and the middle of its value.
  int damaged_files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(cell().data_dir())) {
    if (!entry.is_regular_file() || entry.file_size() < 400'000 || entry.file_size() > 900'000) {
      continue;
    }
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    const size_t at = bytes.find(values[kRows / 2].substr(0, 64));
    if (at == std::string::npos) continue;
    std::fstream out(entry.path(), std::ios::binary | std::ios::in | std::ios::out);
    out.seekp(static_cast<std::streamoff>(at + 10));
    out.put(static_cast<char>(~bytes[at + 10]));
    ++damaged_files;
  }
  cell().Restart({});
  ASSERT_OK(cell().status());
  ASSERT_EQ(damaged_files, 1);
  ASSERT_OK_AND_ASSIGN(Table again, client().OpenTable(Name()));
  int lost = 0, first = kRows, last = 0;
  for (int i = 0; i < kRows; ++i) {
    StatusOr<std::optional<Row>> row = again.ReadRow(key(i));
    if (row.ok()) {
      ASSERT_TRUE(row->has_value()) << key(i);
      ASSERT_EQ((*row)->cells.at(0).value, values[static_cast<size_t>(i)]) << key(i);
      continue;
    }
    EXPECT_EQ(row.status().code(), absl::StatusCode::kDataLoss) << row.status();
    ++lost;
    first = std::min(first, i);
    last = std::max(last, i);
  }
  EXPECT_GT(lost, 0);
  EXPECT_LT(lost, kRows / 3);
  EXPECT_EQ(lost, last - first + 1) << "a run of rows";
  EXPECT_LE(first, kRows / 2);
  EXPECT_GE(last, kRows / 2);
  ASSERT_OK(Put(again, key(kRows / 2), "new")) << "it is written all the same";
}

}  // namespace
}  // namespace stele
