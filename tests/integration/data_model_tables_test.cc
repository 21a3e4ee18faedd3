// Goal: every line of the data model about names, limits, garbage collection and tables, through
// the SDK against a cell of three tablet servers: what is allowed works up to the limit, what is
// not is refused one step behind it, with its code and a text that names field, size and limit.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_join.h"
#include "tests/integration/model_cell.h"

namespace stele {
namespace {

using Kind = FamilyChange::Kind;

class TableModel : public ModelTest {
 protected:
  StatusOr<TableSchema> Alter(const std::vector<std::pair<Kind, FamilySchema>>& changes) {
    TableChange change;
    change.table = Name();
    for (const auto& [kind, family] : changes) change.changes.push_back({kind, family});
    return admin().AlterTable(change);
  }
  static Status Put(Table& table, const std::string& row, const std::string& value = "v") {
    return table.Apply(RowMutationBuilder(row).SetAt("f", "q", 1000, value).Build());
  }
  // "timestamp/1000 ..." of the row's cells.
  static std::string Stamps(Table& table, const std::string& row) {
    StatusOr<std::optional<Row>> got = table.ReadRow(row);
    if (!got.ok()) return got.status().ToString();
    std::vector<std::string> stamps;
    if (got->has_value()) {
      for (const Cell& cell : (*got)->cells) {
        stamps.push_back(absl::StrCat(cell.timestamp_us / 1000));
      }
    }
    return absl::StrJoin(stamps, " ");
  }
};

// --- Names and limits

TEST_F(TableModel, TableNames) {
  const std::string longest(50, 't');
  for (const std::string& good :
       {std::string("t"), std::string("_"), std::string("0"), std::string("Az09_-."), longest}) {
    EXPECT_OK(Create(good, {Family("f")})) << good;
    EXPECT_OK(admin().DropTable(good)) << good;
  }
  EXPECT_STATUS(kInvalidArgument, "table name is empty", Create("", {Family("f")}));
  EXPECT_STATUS(kInvalidArgument, "table name has 51 bytes; the limit is 50",
                Create(longest + "t", {Family("f")}));
  for (const char* bad : {"-t", ".t"}) {
    EXPECT_STATUS(kInvalidArgument, "table name begins", Create(bad, {Family("f")})) << bad;
  }
  for (const char* bad : {"a b", "a/b", "\xc3\xa4", "a\n"}) {
    EXPECT_STATUS(kInvalidArgument, "table name holds", Create(bad, {Family("f")})) << bad;
  }
}

TEST_F(TableModel, FamilyNames) {
  const std::string longest(64, 'f');
  ASSERT_OK(
      Create(Name(), {Family("-"), Family("."), Family("0"), Family("Az_"), Family(longest)}));
  EXPECT_STATUS(kInvalidArgument, "family name is empty", Create("x", {Family("")}));
  EXPECT_STATUS(kInvalidArgument, "family name: 65 bytes, limit 64",
                Create("x", {Family(longest + "f")}));
  for (const char* bad : {"a b", "a:b", "\xff"}) {
    EXPECT_STATUS(kInvalidArgument, "family name holds", Create("x", {Family(bad)})) << bad;
  }
  EXPECT_STATUS(kNotFound, "", client().OpenTable("x").status()) << "a refused table is not there";
}

TEST_F(TableModel, AtMost100Families) {
  std::vector<FamilySchema> families;
  for (int i = 0; i < 100; ++i) families.push_back(Family(absl::StrCat("f", i)));
  ASSERT_OK(Create(Name(), families));
  families.push_back(Family("one_more"));
  EXPECT_STATUS(kInvalidArgument, "families: 101 entries, limit 100", Create("x", families));
  EXPECT_STATUS(kInvalidArgument, "101 families; the limit is 100",
                Alter({{Kind::kCreate, Family("one_more")}}));
  EXPECT_OK(Alter({{Kind::kCreate, Family("one_more")}, {Kind::kDrop, Family("f0")}}).status());
}

TEST_F(TableModel, RowKeys) {
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f")}, {"m"}));
  const std::string longest(4096, 'z');
  for (const std::string& key : {std::string(1, '\0'), std::string("\xff"), longest}) {
    ASSERT_OK(Put(table, key));
    EXPECT_EQ(Stamps(table, key), "1");
  }
  EXPECT_STATUS(kInvalidArgument, "row key is empty", Put(table, ""));
  EXPECT_STATUS(kInvalidArgument, "row key has 4097 bytes; the limit is 4096",
                Put(table, longest + "z"));
}

TEST_F(TableModel, Qualifiers) {
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f")}));
  const std::string longest(16 * 1024, 'q');
  for (const std::string& qualifier : {std::string(), std::string(1, '\0'), longest}) {
    ASSERT_OK(table.Apply(RowMutationBuilder("r").SetAt("f", qualifier, 1000, "v").Build()));
  }
  ASSERT_OK_AND_ASSIGN(std::optional<Row> row, table.ReadRow("r"));
  ASSERT_TRUE(row.has_value());
  ASSERT_EQ(row->cells.size(), 3u);
  EXPECT_EQ(row->cells[0].qualifier, "");
  EXPECT_EQ(row->cells[2].qualifier, longest);
  EXPECT_STATUS(kInvalidArgument, "column qualifier has 16385 bytes; the limit is 16384",
                table.Apply(RowMutationBuilder("r").SetAt("f", longest + "q", 1000, "v").Build()));
}

TEST_F(TableModel, MutationsOfOneRowAndOfABatch) {
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f")}));
  RowMutation most;
  most.row = "r";
  for (int i = 0; i < 100'000; ++i) {
    most.mutations.push_back(DeleteFromColumn{"f", absl::StrCat(i % 10), 0, 0});
  }
  EXPECT_OK(table.Apply(most));
  RowMutation more = most;
  more.mutations.push_back(DeleteFromRow{});
  EXPECT_STATUS(kInvalidArgument, "batch has 100001 mutations; the limit is 100000",
                table.Apply(more));
  EXPECT_STATUS(kInvalidArgument, "No mutations provided", table.Apply(RowMutation{"r", {}}));
  std::vector<RowMutation> batch = {most, RowMutation{"s", {DeleteFromRow{}}}};
  std::vector<absl::Status> statuses = table.ApplyBatch(batch);
  ASSERT_EQ(statuses.size(), 2u);
  for (const absl::Status& status : statuses) {
    EXPECT_STATUS(kInvalidArgument, "batch has 100001 mutations; the limit is 100000", status);
  }
}

TEST_F(TableModel, GcRulesOf500Bytes) {
  // A union takes 3 bytes here, each max_versions(1) two more.
  ASSERT_OK(Create(Name(), {Family("f", Union(std::vector<GcRule>(248, Versions(1))))}));
  EXPECT_STATUS(kInvalidArgument, "GC rule has 501 bytes; the limit is 500",
                Create("x", {Family("f", Union(std::vector<GcRule>(249, Versions(1))))}));
  GcRule deep = Versions(1);
  for (int i = 1; i < 20; ++i) deep = i % 2 == 0 ? Union({deep}) : Intersection({deep});
  ASSERT_OK_AND_ASSIGN(TableSchema schema, Alter({{Kind::kCreate, Family("g", deep)}}));
  EXPECT_EQ(schema.families[1].gc, deep);
  EXPECT_STATUS(kInvalidArgument, "gc rule: deeper than 20",
                Alter({{Kind::kCreate, Family("h", Union({deep}))}}));
}

// --- Garbage collection

TEST_F(TableModel, GcRulesAreGivenBackExactlyAsSet) {
  const std::vector<GcRule> rules = {
      {},
      Versions(1),
      Versions(INT32_MAX),
      Age(1000),
      Age(1001),
      Union({Versions(3)}),
      Union({Versions(3), Versions(3)}),
      Intersection({Age(5'000'000), Union({Versions(2), Intersection({Age(1000), Versions(9)})})}),
  };
  std::vector<FamilySchema> families;
  for (const GcRule& rule : rules)
    families.push_back(Family(absl::StrCat("f", families.size()), rule));
  ASSERT_OK(Create(Name(), families));
  ASSERT_OK_AND_ASSIGN(TableDescription table, admin().DescribeTable(Name()));
  for (size_t i = 0; i < rules.size(); ++i) EXPECT_EQ(table.schema.families[i].gc, rules[i]) << i;
}

TEST_F(TableModel, BadGcRules) {
  const std::pair<GcRule, const char*> bad[] = {
      {Versions(0), "max_versions is 0"},
      {Versions(-1), "max_versions is -1"},
      {Age(999), "max_age is 999 us"},
      {Union({}), "no rules"},
      {Intersection({}), "no rules"},
      {Union({Versions(1), GcRule{}}), "not set"},
      {Intersection({Union({Age(1)})}), "max_age is 1 us"},
  };
  ASSERT_OK(Create(Name(), {Family("f", Versions(7))}));
  for (const auto& [rule, text] : bad) {
    EXPECT_STATUS(kInvalidArgument, text, Create("x", {Family("f", rule)}));
    EXPECT_STATUS(kInvalidArgument, text, Alter({{Kind::kUpdate, Family("f", rule)}}));
  }
  ASSERT_OK_AND_ASSIGN(TableDescription table, admin().DescribeTable(Name()));
  EXPECT_EQ(table.schema.families[0].gc, Versions(7));
  EXPECT_EQ(table.schema.version, 1u);
}

TEST_F(TableModel, GarbageIsHiddenAtReadAndDroppedAtCompaction) {
  const GcRule old = Age(3'600'000'000);
  ASSERT_OK_AND_ASSIGN(
      Table table,
      Make({Family("all"), Family("age", old), Family("both", Intersection({Versions(2), old})),
            Family("either", Union({Versions(2), old})), Family("two", Versions(2))},
           {"m"}));
  const int64_t now = SystemClock()->WallMicros() / 1'000'000 * 1'000'000;
  const std::vector<int64_t> stamps = {1000, 2000, 3000, now - 1'000'000, now};
  for (const char* row : {"a", "z"}) {
    RowMutationBuilder builder(row);
    for (const char* family : {"all", "age", "both", "either", "two"}) {
      for (int64_t stamp : stamps) builder.SetAt(family, "q", stamp, "v");
    }
    ASSERT_OK(table.Apply(builder));
  }
  const std::string a = absl::StrCat(now / 1000), b = absl::StrCat((now - 1'000'000) / 1000);
  const std::string expected =
      absl::StrJoin({a + " " + b,             // age
                     a + " " + b + " 3 2 1",  // all
                     a + " " + b,             // both: what is neither among two nor young goes
                     a + " " + b,             // either
                     a + " " + b},
                    " ");
  for (const char* row : {"a", "z"}) EXPECT_EQ(Stamps(table, row), expected) << "at the read";
  ASSERT_OK(admin().FlushTable(Name()));
  for (const char* row : {"a", "z"}) EXPECT_EQ(Stamps(table, row), expected) << "flushed";
  ASSERT_OK(admin().CompactTable(Name()));
  for (const char* row : {"a", "z"}) EXPECT_EQ(Stamps(table, row), expected) << "compacted";
}

// --- Tables

TEST_F(TableModel, CreateWithSplitKeys) {
  ASSERT_OK(Create(Name(), {Family("f")}, {"t", "g", "t", "g", "a"}));
  ASSERT_OK_AND_ASSIGN(TableDescription table, admin().DescribeTable(Name()));
  std::vector<std::string> ends;
  std::set<std::string> servers;
  for (const TabletInfo& tablet : table.tablets) {
    EXPECT_EQ(tablet.start_row, ends.empty() ? "" : ends.back());
    ends.push_back(tablet.end_row);
    servers.insert(tablet.server_id);
  }
  EXPECT_EQ(ends, (std::vector<std::string>{"a", "g", "t", ""}));
  EXPECT_GE(servers.size(), 2u);
  EXPECT_STATUS(kAlreadyExists, Name(), Create(Name(), {Family("f")}));
  EXPECT_STATUS(kInvalidArgument, "split key is empty", Create("x", {Family("f")}, {"a", ""}));
  EXPECT_STATUS(kNotFound, "", client().OpenTable("x").status());
}

TEST_F(TableModel, ModifyFamiliesIsAnOrderedAtomicList) {
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f"), Family("g")}, {"m"}));
  for (const char* row : {"a", "z"}) ASSERT_OK(Put(table, row));
  // In order: dropped and made again is empty; made and changed and dropped is not there.
  ASSERT_OK_AND_ASSIGN(TableSchema schema, Alter({{Kind::kDrop, Family("f")},
                                                  {Kind::kCreate, Family("f")},
                                                  {Kind::kUpdate, Family("f", Versions(5))},
                                                  {Kind::kCreate, Family("h")},
                                                  {Kind::kDrop, Family("h")}}));
  ASSERT_EQ(schema.families.size(), 2u);
  EXPECT_EQ(schema.families[0].gc, Versions(5));
  EXPECT_EQ(Keys(table), "") << "the cells of the dropped family are gone";
  for (const char* row : {"a", "z"}) ASSERT_OK(Put(table, row));
  // A failure in the middle leaves nothing changed.
  struct Case {
    std::vector<std::pair<Kind, FamilySchema>> changes;
    absl::StatusCode code;
  };
  const Case cases[] = {
      {{{Kind::kDrop, Family("f")}, {Kind::kCreate, Family("g")}},
       absl::StatusCode::kAlreadyExists},
      {{{Kind::kDrop, Family("f")}, {Kind::kDrop, Family("f")}}, absl::StatusCode::kNotFound},
      {{{Kind::kDrop, Family("f")}, {Kind::kUpdate, Family("f")}}, absl::StatusCode::kNotFound},
      {{{Kind::kDrop, Family("f")}, {Kind::kCreate, Family("a b")}},
       absl::StatusCode::kInvalidArgument},
      {{{Kind::kDrop, Family("f")}, {Kind::kUpdate, Family("g", Versions(0))}},
       absl::StatusCode::kInvalidArgument},
      {{}, absl::StatusCode::kInvalidArgument},
  };
  for (const Case& c : cases) {
    StatusOr<TableSchema> refused = Alter(c.changes);
    EXPECT_EQ(refused.status().code(), c.code) << refused.status();
    ASSERT_OK_AND_ASSIGN(TableDescription now, admin().DescribeTable(Name()));
    EXPECT_EQ(now.schema, schema);
  }
  EXPECT_EQ(Keys(table), "a z");
  TableChange unknown;
  unknown.table = "nowhere";
  unknown.deletion_protection = true;
  EXPECT_STATUS(kNotFound, "nowhere", admin().AlterTable(unknown).status());
}

TEST_F(TableModel, DropARowRangeByPrefix) {
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f")}, {"b", "bm", "c"}));
  const std::vector<std::string> rows = {"a", "b",  "ba",   "bz",      "b\xff",
                                         "c", "ca", "\xff", "\xff\xff"};
  for (const std::string& row : rows) ASSERT_OK(Put(table, row));
  ASSERT_OK(admin().FlushTable(Name()));
  ASSERT_OK(Put(table, "bb"));
  ASSERT_OK(admin().DropRowRange(Name(), "b"));
  EXPECT_EQ(Keys(table), "a c ca \\xff \\xff\\xff") << "done when it returns, over four tablets";
  ASSERT_OK(Put(table, "ba"));
  EXPECT_EQ(Keys(table), "a ba c ca \\xff \\xff\\xff") << "what is written later stays";
  ASSERT_OK(admin().DropRowRange(Name(), "\xff"));
  EXPECT_EQ(Keys(table), "a ba c ca");
  ASSERT_OK(admin().DropRowRange(Name(), "nothing"));
  ASSERT_OK(admin().CompactTable(Name()));
  EXPECT_EQ(Keys(table), "a ba c ca") << "an answer never depends on a compaction";
  ASSERT_OK(admin().TruncateTable(Name()));
  EXPECT_EQ(Keys(table), "");
  ASSERT_OK(Put(table, "b"));
  EXPECT_EQ(Keys(table), "b");
  EXPECT_STATUS(kInvalidArgument, "prefix is empty", admin().DropRowRange(Name(), ""));
  EXPECT_STATUS(kInvalidArgument, "4097", admin().DropRowRange(Name(), std::string(4097, 'p')));
  EXPECT_OK(admin().DropRowRange(Name(), std::string(4096, 'p')));
  EXPECT_STATUS(kNotFound, "nowhere", admin().DropRowRange("nowhere", "a"));
  EXPECT_STATUS(kNotFound, "nowhere", admin().TruncateTable("nowhere"));
  EXPECT_EQ(Keys(table), "b");
}

TEST_F(TableModel, DeletionProtection) {
  TableSchema schema;
  schema.name = Name();
  schema.families = {Family("f"), Family("g")};
  schema.deletion_protection = true;
  ASSERT_OK(admin().CreateTable(schema).status());
  ASSERT_OK_AND_ASSIGN(Table table, client().OpenTable(Name()));
  for (const char* row : {"a", "b"}) ASSERT_OK(Put(table, row));
  EXPECT_STATUS(kFailedPrecondition, "deletion protection", admin().DropTable(Name()));
  EXPECT_STATUS(kFailedPrecondition, "deletion protection", admin().TruncateTable(Name()));
  EXPECT_STATUS(kFailedPrecondition, "deletion protection",
                Alter({{Kind::kCreate, Family("h")}, {Kind::kDrop, Family("g")}}));
  EXPECT_EQ(Keys(table), "a b");
  EXPECT_OK(
      Alter({{Kind::kCreate, Family("h")}, {Kind::kUpdate, Family("g", Versions(1))}}).status());
  EXPECT_OK(admin().DropRowRange(Name(), "b")) << "rows are not protected";
  EXPECT_EQ(Keys(table), "a");
  TableChange off;
  off.table = Name();
  off.deletion_protection = false;
  ASSERT_OK(admin().AlterTable(off).status());
  EXPECT_OK(Alter({{Kind::kDrop, Family("g")}}).status());
  EXPECT_OK(admin().TruncateTable(Name()));
  EXPECT_OK(admin().DropTable(Name()));
}

TEST_F(TableModel, SampleRowKeys) {
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f")}, {"g", "t"}));
  ASSERT_OK_AND_ASSIGN(std::vector<RowKeySample> samples, table.SampleRowKeys());
  std::vector<std::string> keys;
  for (const RowKeySample& sample : samples) keys.push_back(sample.row);
  EXPECT_EQ(keys, (std::vector<std::string>{"g", "t", ""})) << "no error for an empty table";
  EXPECT_EQ(samples.back().bytes, 0u);
  ASSERT_OK_AND_ASSIGN(samples, table.SampleRowKeysAsync().get());
  EXPECT_EQ(samples.size(), keys.size());

  constexpr int kRows = 600;
  std::vector<RowMutation> batch;
  for (int i = 0; i < kRows; ++i) {
    const std::string row = absl::StrCat(i % 2 == 0 ? "a" : "m", 10'000 + i);
    std::string value(2000, '\0');  // of bytes that no codec makes smaller
    uint64_t state = static_cast<uint64_t>(i) * 0x9e3779b97f4a7c15;
    for (char& c : value) {
      state = state * 6364136223846793005 + 1442695040888963407;
      c = static_cast<char>(state >> 56);
    }
    batch.push_back(RowMutationBuilder(row).SetAt("f", "q", 1000, value).Build());
  }
  for (const absl::Status& status : table.ApplyBatch(batch)) ASSERT_OK(status);
  for (const bool flushed : {false, true}) {
    if (flushed) ASSERT_OK(admin().FlushTable(Name()));
    ASSERT_OK_AND_ASSIGN(samples, table.SampleRowKeys(128 * 1024));
    EXPECT_GT(samples.size(), 6u);
    EXPECT_LT(samples.size(), 20u);
    EXPECT_EQ(samples.back().row, "");
    EXPECT_NEAR(static_cast<double>(samples.back().bytes), kRows * 2040.0, kRows * 100.0);
    EXPECT_NEAR(static_cast<double>(samples.back().rows), kRows, kRows / 10.0);
    for (size_t i = 0; i + 1 < samples.size(); ++i) {
      EXPECT_LE(samples[i].bytes, samples[i + 1].bytes);
      if (i + 2 < samples.size()) EXPECT_LT(samples[i].row, samples[i + 1].row);
    }
    // The parts of a scan together are the table, each row once.
    uint64_t rows = 0;
    const std::vector<RowRange> parts = CutRows(samples, 4);
    EXPECT_EQ(parts.size(), 4u);
    for (const RowRange& part : parts) {
      uint64_t of_part = 0;
      ASSERT_OK(table.ReadRows(ReadQuery().Range(part), [&](Row) { return ++of_part > 0; }));
      EXPECT_GT(of_part, uint64_t{kRows / 10});
      rows += of_part;
    }
    EXPECT_EQ(rows, uint64_t{kRows});
  }
  ASSERT_OK(admin().TruncateTable(Name()));
  ASSERT_OK_AND_ASSIGN(samples, table.SampleRowKeys());
  EXPECT_EQ(samples.back().bytes, 0u);
  EXPECT_EQ(CutRows({}, 3).size(), 1u);
}

}  // namespace
}  // namespace stele
