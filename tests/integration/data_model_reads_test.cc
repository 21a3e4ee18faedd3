// Goal: every line of the data model about reads, through the SDK against a cell of three tablet
// servers.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/integration/model_cell.h"

namespace stele {
namespace {

using KeyList = std::vector<std::string>;

class ReadModel : public ModelTest {
 protected:
  static Status Put(Table& table, const std::string& row, const std::string& value = "v") {
    return table.Apply(RowMutationBuilder(row).SetAt("f", "q", 1000, value).Build());
  }
  // A client whose pages hold one row.
  StatusOr<Table> SmallPages(uint64_t page_bytes = 1) {
    ClientOptions options;
    options.scan_page_bytes = page_bytes;
    ASSIGN_OR_RETURN(small_, Client::Connect(cell().cell().address(), options));
    return small_->OpenTable(Name());
  }

  std::unique_ptr<Client> small_;
};

ReadQuery Query(RowSet rows, bool reversed = false, uint64_t limit = 0) {
  return ReadQuery(std::move(rows)).Reversed(reversed).Limit(limit);
}

TEST_F(ReadModel, RowSetsAreMergedEachRowOnceInOrder) {
  const KeyList rows = {"a", "b", "b!", "ba", "c", "d", "e", "f", "m", "z", "~"};
  ASSERT_OK_AND_ASSIGN(Table whole, Make({Family("f")}, {"b!", "c", "dd", "m"}));
  ASSERT_OK_AND_ASSIGN(Table pages, SmallPages());
  for (const std::string& row : rows) ASSERT_OK(Put(whole, row));
  struct Case {
    const char* line;
    RowSet rows;
    std::string found;
  };
  const std::string all = absl::StrJoin(rows, " ");
  const std::string longest(4096, '\xff');
  const Case cases[] = {
      {"none = whole table", {}, all},
      {"a key", {{"c"}, {}}, "c"},
      {"a key that is not there", {{"cc"}, {}}, ""},
      {"keys ascend", {{"z", "a", "c", "nothing"}, {}}, "a c z"},
      {"each row once",
       {{"c", "c"}, {{"b", false, "d", true}, {"c", false, "f", true}}},
       "b b! ba c d e"},
      {"[start, end)", {{}, {{"b", false, "d", true}}}, "b b! ba c"},
      {"[start, end]", {{}, {{"b", false, "d", false}}}, "b b! ba c d"},
      {"(start, end)", {{}, {{"b", true, "d", true}}}, "b! ba c"},
      {"(start, end]", {{}, {{"b", true, "d", false}}}, "b! ba c d"},
      {"no start", {{}, {{"", false, "b", false}}}, "a b"},
      {"no end", {{}, {{"m", false, "", true}}}, "m z ~"},
      {"no end, closed", {{}, {{"m", true, "", false}}}, "z ~"},
      {"[b, b) is empty and fine", {{}, {{"b", false, "b", true}}}, ""},
      {"(b, b) too", {{}, {{"b", true, "b", true}}}, ""},
      {"[b, b] is b", {{}, {{"b", false, "b", false}}}, "b"},
      {"between two tablets", {{}, {{"c", true, "dd", false}}}, "d"},
      {"up to the longest key", {{longest}, {{"m", false, longest, false}}}, "m z ~"},
      {"behind a key with a zero byte", {{}, {{std::string("b\0", 2), false, "c", true}}}, "b! ba"},
      {"ranges out of order", {{}, {{"m", false, "", true}, {"", false, "b", true}}}, "a m z ~"},
      {"ranges that touch",
       {{}, {{"a", false, "c", true}, {"c", false, "e", true}}},
       "a b b! ba c d"},
      {"an empty range beside a key", {{"e"}, {{"b", true, "b", false}}}, "e"},
  };
  InEachState([&](const std::string& state) {
    for (const Case& c : cases) {
      const KeyList expected = absl::StrSplit(c.found, ' ', absl::SkipEmpty());
      for (Table* table : {&whole, &pages}) {
        for (const bool reversed : {false, true}) {
          for (const uint64_t limit : {uint64_t{0}, uint64_t{1}, uint64_t{3}}) {
            SCOPED_TRACE(absl::StrCat(c.line, ", ", state, reversed ? ", reversed" : "", ", limit ",
                                      limit, table == &pages ? ", one row a page" : ""));
            KeyList in_order = expected;
            if (reversed) std::reverse(in_order.begin(), in_order.end());
            if (limit != 0 && in_order.size() > limit) in_order.resize(limit);
            EXPECT_EQ(Keys(*table, Query(c.rows, reversed, limit)), absl::StrJoin(in_order, " "));
          }
        }
      }
    }
  });
}

TEST_F(ReadModel, BadRowSets) {
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f")}, {"m"}));
  const std::string long_key(4097, 'k'), longest(4096, 'k');
  const std::pair<RowSet, const char*> cases[] = {
      {{{""}, {}}, "row key is empty"},
      {{{"a", ""}, {}}, "row key is empty"},
      {{{long_key}, {}}, "row key has 4097 bytes; the limit is 4096"},
      {{{}, {{"b", false, "a", true}}}, "row range starts after its end"},
      {{{}, {{"b", true, "a", false}}}, "row range starts after its end"},
      {{{}, {{long_key, false, "", true}}},
       "start of the row range has 4097 bytes; the limit is 4096"},
      {{{}, {{"", false, long_key, true}}},
       "end of the row range has 4097 bytes; the limit is 4096"},
  };
  for (const auto& [rows, text] : cases) {
    for (const bool reversed : {false, true}) {
      const Status status = table.ReadRows(Query(rows, reversed), [](Row) { return true; });
      EXPECT_EQ(status, absl::InvalidArgumentError(text));
    }
  }
  EXPECT_EQ(table.ReadRow("").status(), absl::InvalidArgumentError("row key is empty"));
  EXPECT_OK(table.ReadRow(longest));
  EXPECT_OK(table.ReadRows(Query({{longest}, {{longest, true, longest, false}}}),
                           [](Row) { return true; }));
}

TEST_F(ReadModel, RowsLimitCountsRowsThatHaveACellAfterTheFilter) {
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f")}, {"r3", "r7"}));
  for (int i = 0; i < 10; ++i) {
    ASSERT_OK(Put(table, absl::StrCat("r", i), i % 3 == 0 ? "third" : "other"));
  }
  ASSERT_OK(table.Apply(RowMutationBuilder("r0").DeleteRow()));
  ASSERT_OK_AND_ASSIGN(Table pages, SmallPages());
  const Filter third = Filter::ValueRegex("third");
  for (Table* t : {&table, &pages}) {
    auto keys = [&](uint64_t limit, bool reversed) {
      return Keys(*t, ReadQuery().Filter(third).Limit(limit).Reversed(reversed));
    };
    EXPECT_EQ(keys(0, false), "r3 r6 r9");
    EXPECT_EQ(keys(1, false), "r3");
    EXPECT_EQ(keys(2, false), "r3 r6");
    EXPECT_EQ(keys(3, false), "r3 r6 r9");
    EXPECT_EQ(keys(9, false), "r3 r6 r9");
    EXPECT_EQ(keys(2, true), "r9 r6");
    EXPECT_EQ(Keys(*t, ReadQuery().Limit(2)), "r1 r2") << "r0 has no cell";
    EXPECT_EQ(Keys(*t, ReadQuery().Column("f", "none").Limit(1)), "");
  }
}

TEST_F(ReadModel, ARowIsOneStateThatItReallyHad) {
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f"), Family("g")}, {"m"}));
  std::atomic<bool> stop{false};
  std::atomic<int> written{0};
  std::thread writer([&] {
    for (int i = 1; !stop; ++i) {
      RowMutationBuilder row("r");
      if (i % 7 == 0) row.DeleteRow();
      row.SetAt("f", "a", 1000, absl::StrCat(i)).SetAt("f", "b", 2000, absl::StrCat(i));
      row.SetAt("g", "c", 3000, absl::StrCat(i));
      ASSERT_OK(table.Apply(row));
      written = i;
    }
  });
  for (int round = 0; round < 60 || written < 30; ++round) {
    const int before = written;
    ASSERT_OK_AND_ASSIGN(std::optional<Row> row, table.ReadRow("r"));
    if (before == 0) continue;
    ASSERT_TRUE(row.has_value());
    ASSERT_EQ(row->cells.size(), 3u) << ShowCells(row->cells);
    for (const Cell& cell : row->cells) ASSERT_EQ(cell.value, row->cells[0].value);
    EXPECT_GE(std::stoi(row->cells[0].value), before) << "it goes back";
    if (round == 20) EXPECT_OK(admin().FlushTable(Name()));
    if (round == 40) EXPECT_OK(admin().CompactTable(Name()));
  }
  stop = true;
  writer.join();
}

TEST_F(ReadModel, AScanGivesEachUnmodifiedRowOnceAcrossSplitsMovesAndMerges) {
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f")}, {"r30", "r60"}));
  ASSERT_OK_AND_ASSIGN(Table pages, SmallPages());
  KeyList rows;
  for (int i = 10; i < 90; ++i) {
    rows.push_back(absl::StrCat("r", i));
    ASSERT_OK(Put(table, rows.back()));
  }
  int change = 0;
  for (const bool reversed : {false, true, false, true}) {
    KeyList seen;
    for (StatusOr<Row>& row : pages.ReadRows(ReadQuery().Reversed(reversed))) {
      ASSERT_OK(row);
      seen.push_back(row->key);
      if (seen.size() % 9 != 4) continue;
      // Before, at and behind the place where the scan stands.
      const std::string at = rows[(change * 37 + 11) % rows.size()];
      Status done;
      if (change % 3 == 0) done = cell().Split(Name(), at);
      if (change % 3 == 1) done = cell().Move(Name(), static_cast<size_t>(change));
      if (change % 3 == 2) done = cell().Merge(Name(), static_cast<size_t>(change));
      EXPECT_TRUE(done.ok() || done.code() == absl::StatusCode::kInvalidArgument) << done;
      ++change;
    }
    if (reversed) std::reverse(seen.begin(), seen.end());
    EXPECT_EQ(seen, rows);
  }
  EXPECT_GT(change, 20);
}

TEST_F(ReadModel, ALargeRowComesInPartsOfOneState) {
  constexpr int kCells = 400;
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f")}, {"m"}));
  auto write = [&](char value) {
    RowMutationBuilder row("large");
    for (int i = 0; i < kCells; ++i) {
      row.SetAt("f", absl::StrCat("q", 1000 + i), 1000, std::string(100, value));
    }
    ASSERT_OK(table.Apply(row));
  };
  ASSERT_OK(Put(table, "before"));
  ASSERT_OK(Put(table, "z"));
  ASSERT_OK_AND_ASSIGN(Table pages, SmallPages(2000));
  char value = 'a';
  for (const bool reversed : {false, true}) {
    ASSERT_NO_FATAL_FAILURE(write(++value));
    RowReader reader = pages.ReadRows(ReadQuery().Reversed(reversed));
    std::vector<Cell> cells;
    int parts = 0;
    bool whole = false;
    for (;;) {
      ASSERT_OK_AND_ASSIGN(std::optional<RowPart> part, reader.NextPart());
      if (!part.has_value()) break;
      if (part->key != "large") continue;
      if (part->first) cells.clear();
      cells.insert(cells.end(), part->cells.begin(), part->cells.end());
      whole = part->last;
      if (++parts == 3) {  // in the middle: it is another row from now on, in other files
        ASSERT_NO_FATAL_FAILURE(write(++value));
        ASSERT_OK(admin().FlushTable(Name()));
        ASSERT_OK(admin().CompactTable(Name()));
      }
    }
    EXPECT_GT(parts, 10);
    EXPECT_TRUE(whole);
    ASSERT_EQ(cells.size(), size_t{kCells});
    for (const Cell& cell : cells) ASSERT_EQ(cell.value, cells[0].value) << cell.qualifier;
  }
}

}  // namespace
}  // namespace stele
