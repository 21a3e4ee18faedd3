// Goal: every line of the data model about cells, their order, timestamps and the mutations of one
// row, through the SDK against a cell of three tablet servers. What a list of changes leaves is the
// same whether it lies in memory, in files of one change each, or compacted.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/str_join.h"
#include "common/testing/seeded_random.h"
#include "tests/integration/model_cell.h"

namespace stele {
namespace {

constexpr int64_t kMs = 1000;
constexpr int64_t kLatestUs = std::numeric_limits<int64_t>::max() / kMs * kMs;
constexpr char kGranularity[] =
    "Timestamp granularity mismatch. Expected a multiple of 1000 (millisecond granularity), but "
    "got ";

class MutationModel : public ModelTest {
 protected:
  static void SetUpTestSuite() {
    cell_ = std::make_unique<ModelCell>(ModelCell::Options{.held_clock = true});
  }
};

// Changes of some row, in requests one after the other, and what they leave of it.
struct Case {
  const char* line;  // of the data model
  std::vector<RowMutationBuilder> requests;
  std::string left;
};

RowMutationBuilder B() { return RowMutationBuilder(""); }
RowMutationBuilder Set(int64_t ms, std::string_view value, std::string_view qualifier = "q",
                       std::string_view family = "f") {
  return B().SetAt(family, qualifier, ms * kMs, value);
}
RowMutation Of(const std::string& row, const RowMutationBuilder& changes) {
  RowMutation mutation = changes.mutation();
  mutation.row = row;
  return mutation;
}

// All cases at once: in one table the cells stay in memory until all is written, in the other each
// request of a case goes to files of its own.
class CasesTest : public MutationModel {
 protected:
  void Run(const std::vector<FamilySchema>& families, const std::vector<Case>& cases) {
    const std::string name_of_both = Name().substr(0, 40);
    const std::string kept = name_of_both + "_kept", flushed = name_of_both + "_flushed";
    const std::vector<std::string> splits = {RowOf(cases.size() / 3), RowOf(cases.size() * 2 / 3)};
    size_t longest = 0;
    for (const Case& c : cases) longest = std::max(longest, c.requests.size());
    for (const std::string& name : {kept, flushed}) {
      ASSERT_OK(Create(name, families, splits));
      ASSERT_OK_AND_ASSIGN(Table table, client().OpenTable(name));
      for (size_t step = 0; step < longest; ++step) {
        for (size_t i = 0; i < cases.size(); ++i) {
          if (step >= cases[i].requests.size()) continue;
          ASSERT_OK(table.Apply(Of(RowOf(i), cases[i].requests[step]))) << cases[i].line;
        }
        if (name == flushed) ASSERT_OK(admin().FlushTable(name));
      }
      Check(&table, cases, name == kept ? "in memory" : "in files of one request each");
      ASSERT_OK(admin().FlushTable(name));
      Check(&table, cases, "in files");
      ASSERT_OK(admin().CompactTable(name));
      Check(&table, cases, "compacted");
    }
  }

 private:
  static std::string RowOf(size_t i) { return absl::StrCat("case", 1000 + i); }
  static void Check(Table* table, const std::vector<Case>& cases, const char* state) {
    for (size_t i = 0; i < cases.size(); ++i) {
      EXPECT_EQ(ReadText(*table, RowOf(i)), cases[i].left) << cases[i].line << ", " << state;
    }
  }
};

// --- Cells and order

TEST_F(CasesTest, Identity) {
  Run({Family("f"), Family("g")},
      {
          {"identity is (row, family, qualifier, timestamp)",
           {Set(1, "a")
                .SetAt("f", "q", 2 * kMs, "b")
                .SetAt("f", "p", kMs, "c")
                .SetAt("g", "q", kMs, "d")},
           "f:p@1=c f:q@2=b f:q@1=a g:q@1=d"},
          {"writing an identity again replaces the value", {Set(1, "a"), Set(1, "b")}, "f:q@1=b"},
          {"... also by an empty one", {Set(1, "a"), Set(1, "")}, "f:q@1="},
          {"... later in the list too", {Set(1, "a").SetAt("f", "q", kMs, "b")}, "f:q@1=b"},
          {"the later commit wins, not the larger value", {Set(1, "z"), Set(1, "a")}, "f:q@1=a"},
          {"the later commit wins three times", {Set(1, "a"), Set(1, "b"), Set(1, "a")}, "f:q@1=a"},
          {"an older timestamp replaces nothing", {Set(2, "a"), Set(1, "b")}, "f:q@2=a f:q@1=b"},
      });
}

TEST_F(CasesTest, CellsAscendButTimestampsDescend) {
  // Families are stored in two groups of files, their order is by name all the same.
  RowMutationBuilder families = B(), qualifiers = B(), times = B();
  const std::vector<std::string> in_order = {"-", ".", "0", "A", "Z", "_", "a", "a-", "a.b", "ab"};
  std::vector<FamilySchema> schema;
  std::string left, of_families, of_qualifiers;
  for (const std::string& family : in_order) {
    schema.insert(schema.begin(), Family(family));
    families.SetAt(family, "q", kMs, "v");
    absl::StrAppend(&of_families, of_families.empty() ? "" : " ", family, ":q@1=v");
  }
  const std::vector<std::string> bytes = {"",
                                          std::string(1, '\0'),
                                          std::string(2, '\0'),
                                          "\x01",
                                          "a",
                                          std::string("a\0", 2),
                                          "aa",
                                          "b",
                                          "\x7f",
                                          "\x80",
                                          "\xff",
                                          "\xff\xff"};
  for (size_t i = bytes.size(); i > 0; --i) qualifiers.SetAt("a", bytes[i - 1], kMs, "v");
  for (const std::string& q : bytes) {
    std::vector<Cell> one = {{"a", q, kMs, "v"}};
    absl::StrAppend(&of_qualifiers, of_qualifiers.empty() ? "" : " ", ShowCells(one));
  }
  for (const int64_t us : {int64_t{0}, kMs, 2 * kMs, kLatestUs}) times.SetAt("a", "q", us, "v");
  Run(schema, {{"families ascend by name", {families}, of_families},
               {"qualifiers ascend bytewise", {qualifiers}, of_qualifiers},
               {"timestamps descend",
                {times},
                absl::StrCat("a:q@", kLatestUs / kMs, "=v a:q@2=v a:q@1=v a:q@0=v")}});
}

TEST_F(MutationModel, FamiliesOfSeveralGroupsAscendByName) {
  TableSchema schema;
  schema.name = Name();
  for (const char* group : {"default", "one", "two"}) schema.groups.emplace_back().name = group;
  const char* const groups[] = {"two", "default", "one"};
  RowMutationBuilder row("r");
  std::string expected;
  for (int i = 0; i < 9; ++i) {
    schema.families.push_back(Family(absl::StrCat("f", i)));
    schema.families.back().locality_group = groups[i % 3];
    row.SetAt(absl::StrCat("f", 8 - i), "q", kMs, "v");
    absl::StrAppend(&expected, i == 0 ? "" : " ", "f", i, ":q@1=v");
  }
  ASSERT_OK(admin().CreateTable(schema));
  ASSERT_OK_AND_ASSIGN(Table table, client().OpenTable(Name()));
  ASSERT_OK(table.Apply(row));
  InEachState(
      [&](const std::string& state) { EXPECT_EQ(ReadText(table, "r"), expected) << state; });
}

TEST_F(MutationModel, RowsAscendBytewise) {
  const std::vector<std::string> keys = {std::string(1, '\0'),
                                         std::string(2, '\0'),
                                         std::string("\0\1", 2),
                                         "\x01",
                                         "A",
                                         "a",
                                         std::string("a\0", 2),
                                         std::string("a\0b", 3),
                                         "a\x01",
                                         "aa",
                                         "b",
                                         "\x7f",
                                         "\x80",
                                         "\xff",
                                         std::string(4096, '\xff')};
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f")}, {keys[5], keys[6], keys[13]}));
  std::vector<std::string> shown;
  for (size_t i = keys.size(); i > 0; --i) {
    ASSERT_OK(table.Apply(Of(keys[i - 1], Set(1, "v"))));
  }
  for (const std::string& key : keys) shown.push_back(absl::CHexEscape(key));
  InEachState([&](const std::string& state) {
    EXPECT_EQ(Keys(table), absl::StrJoin(shown, " ")) << state;
  });
}

TEST_F(MutationModel, ATimestampIsAMultipleOf1000) {
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f"), Family("s", {}, Aggregate::kSum)}));
  ASSERT_OK(table.Apply(Of("r", Set(1, "kept"))));
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
  for (const int64_t us : {int64_t{1}, int64_t{999}, int64_t{1001}, int64_t{-2}, int64_t{-1000},
                           kLeast, std::numeric_limits<int64_t>::max()}) {
    const std::string text = absl::StrCat(kGranularity, us, ".");
    const RowMutationBuilder bad[] = {
        B().SetAt("f", "q", us, "v"),
        B().DeleteColumn("f", "q", us, 0),
        B().DeleteColumn("f", "q", 0, us),
        B().AddToAggregate("s", "q", us, 1),
        B().MergeToAggregate("s", "q", us, std::string(8, '\0')),
    };
    for (const RowMutationBuilder& changes : bad) {
      const Status status = table.Apply(Of("r", changes));
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << us;
      EXPECT_EQ(status.message(), text);
    }
  }
  const std::string none = absl::StrCat(kGranularity, "-1.");
  EXPECT_STATUS(kInvalidArgument, none, table.Apply(Of("r", B().DeleteColumn("f", "q", -1, 0))));
  EXPECT_STATUS(kInvalidArgument, none,
                table.Apply(Of("r", B().AddToAggregate("s", "q", kServerTime, 1))));
  EXPECT_EQ(ReadText(table, "r"), "f:q@1=kept");
  EXPECT_OK(table.Apply(Of("r", B().SetAt("f", "q", 0, "least"))));
  EXPECT_OK(table.Apply(Of("r", B().SetAt("f", "q", kLatestUs, "most"))));
  EXPECT_EQ(ReadText(table, "r"),
            absl::StrCat("f:q@", kLatestUs / kMs, "=most f:q@1=kept f:q@0=least"));
}

TEST_F(MutationModel, ServerTimeIsOneForTheRequestAndStrictlyIncreasing) {
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f"), Family("g")}, {"m"}));
  int64_t last = 0;
  auto write = [&](const char* when) {
    ASSERT_OK(table.Apply(
        Of("r", B().DeleteRow().Set("f", "p", "1").Set("f", "q", "2").Set("g", "q", "3"))));
    ASSERT_OK_AND_ASSIGN(std::optional<Row> row, table.ReadRow("r"));
    ASSERT_TRUE(row.has_value());
    ASSERT_EQ(row->cells.size(), 3u);
    for (const Cell& cell : row->cells) {
      EXPECT_EQ(cell.timestamp_us, row->cells[0].timestamp_us) << when;
    }
    EXPECT_EQ(row->cells[0].timestamp_us % kMs, 0);
    EXPECT_GT(row->cells[0].timestamp_us, last) << when;
    last = row->cells[0].timestamp_us;
  };
  constexpr int64_t kNow = HeldWallClock::kStartMicros + 3'600'000'000;
  cell().clock().Set(kNow + 999);
  ASSERT_NO_FATAL_FAILURE(write("at once"));
  EXPECT_EQ(last, kNow) << "the server's time, cut to milliseconds";
  for (int i = 0; i < 5; ++i) ASSERT_NO_FATAL_FAILURE(write("while the clock stands"));
  cell().clock().Set(kNow - 1'800'000'000);
  for (int i = 0; i < 3; ++i) ASSERT_NO_FATAL_FAILURE(write("after the clock went back"));
  ASSERT_OK(admin().FlushTable(Name()));
  ASSERT_NO_FATAL_FAILURE(write("after a flush"));
  for (size_t server = 0; server < 3; ++server) {
    ASSERT_OK(cell().Move(Name(), server * 2));  // the first of two tablets
    ASSERT_NO_FATAL_FAILURE(write("after a move, with the clock behind"));
  }
  ASSERT_OK(cell().Split(Name(), "c"));
  ASSERT_NO_FATAL_FAILURE(write("after a split"));
  cell().Restart({.held_clock = true});
  ASSERT_OK(cell().status());
  ASSERT_OK_AND_ASSIGN(table, client().OpenTable(Name()));
  ASSERT_NO_FATAL_FAILURE(write("after a restart, with the clock behind"));
  cell().clock().Set(kNow + 1'000'000);
}

TEST_F(MutationModel, ARowExistsWhileItHasACellThatTheRulesKeep) {
  const int64_t now = cell().clock().WallMicros() / kMs * kMs;
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f", Age(3600 * kMs * kMs)), Family("g")}));
  ASSERT_OK(table.Apply(Of("deleted", Set(1, "v", "q", "g"))));
  ASSERT_OK(table.Apply(Of("deleted", B().DeleteColumn("g", "q"))));
  ASSERT_OK(table.Apply(Of("old", B().SetAt("f", "q", 1000, "v"))));
  ASSERT_OK(table.Apply(Of("young", B().SetAt("f", "q", now, "v"))));
  InEachState([&](const std::string& state) {
    EXPECT_EQ(Keys(table), "young") << state;
    EXPECT_EQ(Keys(table, ReadQuery().Limit(1)), "young") << state;
    EXPECT_EQ(ReadText(table, "old"), "");
  });
  // Nothing happened to it but time.
  cell().clock().Set(now + 3600 * kMs * kMs);
  EXPECT_EQ(Keys(table), "young") << "exactly as old as the rule says is kept";
  cell().clock().Set(now + 3600 * kMs * kMs + 1);
  EXPECT_EQ(Keys(table), "");
  ASSERT_OK_AND_ASSIGN(const bool there,
                       table.CheckAndMutate(CheckAndMutateBuilder("young")
                                                .Then(B().DeleteRow())
                                                .Else(B().SetAt("g", "was", 0, "gone"))
                                                .Build()));
  EXPECT_FALSE(there);
  EXPECT_EQ(ReadText(table, "young"), "g:was@0=gone");
}

// --- Mutations of one row

TEST_F(CasesTest, Deletes) {
  const RowMutationBuilder five = B().SetAt("f", "q", 1000, "a")
                                      .SetAt("f", "q", 2000, "b")
                                      .SetAt("f", "q", 3000, "c")
                                      .SetAt("f", "q", 4000, "d")
                                      .SetAt("f", "p", 2000, "p")
                                      .SetAt("g", "q", 2000, "g");
  const std::string others = " g:q@2=g";
  Run({Family("f"), Family("g")},
      {
          {"DeleteFromColumn, both ends open",
           {five, B().DeleteColumn("f", "q")},
           "f:p@2=p" + others},
          {"DeleteFromColumn [start, end)",
           {five, B().DeleteColumn("f", "q", 2000, 4000)},
           "f:p@2=p f:q@4=d f:q@1=a" + others},
          {"DeleteFromColumn, one timestamp",
           {five, B().DeleteColumn("f", "q", 2000, 3000)},
           "f:p@2=p f:q@4=d f:q@3=c f:q@1=a" + others},
          {"DeleteFromColumn, start open",
           {five, B().DeleteColumn("f", "q", 0, 3000)},
           "f:p@2=p f:q@4=d f:q@3=c" + others},
          {"DeleteFromColumn, end open",
           {five, B().DeleteColumn("f", "q", 3000, 0)},
           "f:p@2=p f:q@2=b f:q@1=a" + others},
          {"DeleteFromColumn of other timestamps",
           {five, B().DeleteColumn("f", "q", 5000, 9000)},
           "f:p@2=p f:q@4=d f:q@3=c f:q@2=b f:q@1=a" + others},
          {"DeleteFromColumn to the last of all times",
           {Set(1, "a").SetAt("f", "q", kLatestUs, "z"), B().DeleteColumn("f", "q", kLatestUs, 0)},
           "f:q@1=a"},
          {"DeleteFromColumn of the empty qualifier",
           {Set(1, "a", "").SetAt("f", "q", 1000, "b"), B().DeleteColumn("f", "")},
           "f:q@1=b"},
          {"DeleteFromFamily", {five, B().DeleteFamily("f")}, "g:q@2=g"},
          {"DeleteFromRow", {five, B().DeleteRow()}, ""},
          {"deleting what is not there is fine",
           {B().DeleteColumn("f", "q"), B().DeleteColumn("f", "q", 1000, 2000),
            B().DeleteFamily("g"), B().DeleteRow()},
           ""},
          {"applied in list order: a cell after the delete stays",
           {five, B().DeleteRow().SetAt("f", "q", 1000, "new")},
           "f:q@1=new"},
          {"applied in list order: a cell before it goes",
           {five, B().SetAt("f", "x", 9000, "new").DeleteFamily("f")},
           "g:q@2=g"},
      });
}

TEST_F(CasesTest, ADeleteRemovesWhatExistsThenAndNothingLater) {
  const RowMutationBuilder deletes[] = {B().DeleteRow(), B().DeleteFamily("f"),
                                        B().DeleteColumn("f", "q"),
                                        B().DeleteColumn("f", "q", 1000, 20'000)};
  std::vector<Case> cases;
  for (const RowMutationBuilder& remove : deletes) {
    cases.push_back({"a write with an older timestamp is visible",
                     {Set(9, "new"), remove, Set(7, "old")},
                     "f:q@7=old"});
    cases.push_back({"the same timestamp again", {Set(9, "a"), remove, Set(9, "b")}, "f:q@9=b"});
    cases.push_back({"the same value again", {Set(9, "a"), remove, Set(9, "a")}, "f:q@9=a"});
    cases.push_back(
        {"deleted twice", {Set(9, "a"), remove, Set(8, "b"), remove, Set(7, "c")}, "f:q@7=c"});
    cases.push_back({"and then nothing", {Set(9, "a"), remove, Set(8, "b"), remove}, ""});
    RowMutationBuilder one = Set(9, "new");
    RowMutation joined = one.Build();
    joined.mutations.push_back(remove.mutation().mutations[0]);
    RowMutationBuilder request = B();
    for (const Mutation& m : joined.mutations) {
      if (const auto* set = std::get_if<SetCell>(&m)) {
        request.SetAt(set->family, set->qualifier, set->timestamp_us, set->value);
      } else if (std::holds_alternative<DeleteFromRow>(m)) {
        request.DeleteRow();
      } else if (std::holds_alternative<DeleteFromFamily>(m)) {
        request.DeleteFamily("f");
      } else {
        const auto& column = std::get<DeleteFromColumn>(m);
        request.DeleteColumn("f", "q", column.start_us, column.end_us);
      }
    }
    request.SetAt("f", "q", 7000, "old");
    cases.push_back(
        {"Set@9000, Delete, Set@7000 in one request leaves @7000", {request}, "f:q@7=old"});
  }
  cases.push_back({"a marker that covers some timestamps hides no later write into them",
                   {Set(5, "a"), B().DeleteColumn("f", "q", 4000, 6000), Set(4, "b"), Set(5, "c")},
                   "f:q@5=c f:q@4=b"});
  Run({Family("f")}, cases);
}

TEST_F(CasesTest, AddToCellAndMergeToCell) {
  auto big = [](int64_t value) {
    std::string bytes;
    for (int shift = 56; shift >= 0; shift -= 8) {
      bytes.push_back(static_cast<char>(static_cast<uint64_t>(value) >> shift));
    }
    return bytes;
  };
  auto text = [&](const std::string& family, int64_t value, int64_t ms = 1) {
    return ShowCells({{family, "q", ms * kMs, big(value)}});
  };
  auto add = [](const char* family, int64_t value, int64_t ms = 1) {
    return B().AddToAggregate(family, "q", ms * kMs, value);
  };
  auto merge = [&](const char* family, int64_t value) {
    return B().MergeToAggregate(family, "q", kMs, big(value));
  };
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
  Run({Family("max", {}, Aggregate::kMax), Family("min", {}, Aggregate::kMin),
       Family("sum", {}, Aggregate::kSum)},
      {
          {"sum", {add("sum", 5), add("sum", -7)}, text("sum", -2)},
          {"sum in one list", {add("sum", 5).AddToAggregate("sum", "q", kMs, 6)}, text("sum", 11)},
          {"sum wraps", {add("sum", kMost), add("sum", 1)}, text("sum", kLeast)},
          {"min", {add("min", 5), add("min", -7), add("min", 3)}, text("min", -7)},
          {"min of extremes", {add("min", kMost), add("min", kLeast)}, text("min", kLeast)},
          {"max", {add("max", -5), add("max", -7), add("max", -3)}, text("max", -3)},
          {"a missing cell takes the input", {add("min", 5)}, text("min", 5)},
          {"MergeToCell, sum", {merge("sum", 5), merge("sum", 6), add("sum", 1)}, text("sum", 12)},
          {"MergeToCell, min", {merge("min", 5), merge("min", 6)}, text("min", 5)},
          {"MergeToCell, max", {merge("max", 5), merge("max", 6)}, text("max", 6)},
          {"each timestamp is a cell of its own",
           {add("sum", 1), add("sum", 2, 2)},
           text("sum", 2, 2) + " " + text("sum", 1)},
          {"a delete begins it anew",
           {add("sum", 5), B().DeleteColumn("sum", "q"), add("sum", 2)},
           text("sum", 2)},
          {"... in one list too",
           {add("sum", 5), B().DeleteRow().AddToAggregate("sum", "q", kMs, 2)},
           text("sum", 2)},
          {"a delete of other timestamps does not",
           {add("sum", 5), B().DeleteColumn("sum", "q", 2000, 0), add("sum", 2)},
           text("sum", 7)},
      });
}

TEST_F(MutationModel, NoTraceAfterAFailure) {
  ASSERT_OK_AND_ASSIGN(Table table,
                       Make({Family("f"), Family("g"), Family("s", {}, Aggregate::kSum)}));
  ASSERT_OK(table.Apply(Of("r", Set(1, "kept"))));
  ASSERT_OK(table.Apply(Of("r", B().AddToAggregate("s", "q", 0, 7))));
  const std::string before = ReadText(table, "r");
  struct Bad {
    const char* line;
    RowMutationBuilder last;
    absl::StatusCode code;
    const char* text;
  };
  constexpr auto kBad = absl::StatusCode::kInvalidArgument, kNone = absl::StatusCode::kNotFound;
  const std::string family_h = "family 'h' is not in table 'NoTraceAfterAFailure'";
  const Bad cases[] = {
      {"unknown family, SetCell", Set(1, "v", "q", "h"), kNone, family_h.c_str()},
      {"unknown family, DeleteFromColumn", B().DeleteColumn("h", "q"), kNone, family_h.c_str()},
      {"unknown family, DeleteFromFamily", B().DeleteFamily("h"), kNone, family_h.c_str()},
      {"unknown family, AddToCell", B().AddToAggregate("h", "q", 0, 1), kNone, family_h.c_str()},
      {"unknown family, MergeToCell", B().MergeToAggregate("h", "q", 0, std::string(8, 'x')), kNone,
       family_h.c_str()},
      {"start > end", B().DeleteColumn("f", "q", 3000, 2000), kBad,
       "time range [3000, 2000) of DeleteFromColumn is empty"},
      {"start = end", B().DeleteColumn("f", "q", 1000, 1000), kBad,
       "time range [1000, 1000) of DeleteFromColumn is empty"},
      {"timestamp", B().SetAt("f", "q", 1001, "v"), kBad,
       "Timestamp granularity mismatch. Expected a multiple of 1000 (millisecond granularity), but "
       "got 1001."},
      {"SetCell in an aggregate", Set(1, "v", "q", "s"), kBad,
       "SetCell in aggregate family 's'; it takes AddToCell, MergeToCell and deletes"},
      {"AddToCell elsewhere", B().AddToAggregate("f", "q", 0, 1), kBad,
       "AddToCell in family 'f', which is not an aggregate"},
      {"MergeToCell elsewhere", B().MergeToAggregate("f", "q", 0, std::string(8, 'x')), kBad,
       "MergeToCell in family 'f', which is not an aggregate"},
      {"state of 7 bytes", B().MergeToAggregate("s", "q", 0, std::string(7, 'x')), kBad,
       "state of MergeToCell has 7 bytes; it must be 8"},
      {"state of 9 bytes", B().MergeToAggregate("s", "q", 0, std::string(9, 'x')), kBad,
       "state of MergeToCell has 9 bytes; it must be 8"},
      {"qualifier", Set(1, "v", std::string(16'385, 'q')), kBad,
       "column qualifier has 16385 bytes; the limit is 16384"},
      {"family name", B().DeleteFamily("a b"), kBad,
       "family name holds a byte outside [-_.a-zA-Z0-9]"},
  };
  for (const Bad& c : cases) {
    RowMutation mutation =
        B().SetAt("f", "q", 1000, "lost").AddToAggregate("s", "q", 0, 1).DeleteFamily("f").Build();
    mutation.row = "r";
    for (const Mutation& m : c.last.mutation().mutations) mutation.mutations.push_back(m);
    const Status status = table.Apply(mutation);
    EXPECT_EQ(status.code(), c.code) << c.line << ": " << status;
    EXPECT_EQ(status.message(), c.text) << c.line;
    EXPECT_EQ(ReadText(table, "r"), before) << c.line;
  }
  Status status = table.Apply(RowMutation{"r", {}});
  EXPECT_EQ(status, absl::InvalidArgumentError("No mutations provided"));
}

TEST_F(MutationModel, ABatchIsAtomicPerRowAndEachEntryGetsItsStatus) {
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("f")}, {"c", "m"}));
  SeededRandom random(TestSeed());
  STELE_TRACE_SEED(TestSeed());
  std::vector<RowMutation> batch;
  std::vector<absl::StatusCode> expected;
  std::set<std::string> good;
  for (int i = 0; i < 300; ++i) {
    const std::string row = absl::StrCat(std::string(1, static_cast<char>('a' + i % 26)), i);
    RowMutationBuilder changes = B().SetAt("f", "q", kMs, "v");
    const uint64_t dice = random.Below(4);
    if (dice == 0) changes.SetAt("nowhere", "q", kMs, "v");
    if (dice == 1) changes.SetAt("f", "q", 1, "v");
    batch.push_back(Of(dice == 2 && i % 8 == 0 ? "" : row, changes));
    if (batch.back().row.empty() || dice == 1) {
      expected.push_back(absl::StatusCode::kInvalidArgument);
    } else {
      expected.push_back(dice == 0 ? absl::StatusCode::kNotFound : absl::StatusCode::kOk);
    }
    if (expected.back() == absl::StatusCode::kOk) good.insert(row);
  }
  const std::vector<Status> statuses = table.ApplyBatch(batch);
  ASSERT_EQ(statuses.size(), batch.size());
  for (size_t i = 0; i < batch.size(); ++i) {
    EXPECT_EQ(statuses[i].code(), expected[i]) << i << ": " << statuses[i];
  }
  EXPECT_EQ(Keys(table), absl::StrJoin(good, " "));
  EXPECT_TRUE(table.ApplyBatch({}).empty());
}

}  // namespace
}  // namespace stele
