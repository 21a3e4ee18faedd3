// Goal: every line of the data model about check-and-mutate and read-modify-write, through the SDK
// against a cell of three tablet servers: what each does and answers, what it refuses, with code
// and text, and that what is refused leaves no trace.
#include <gtest/gtest.h>

#include <limits>

#include "absl/strings/escaping.h"
#include "tests/integration/model_cell.h"

namespace stele {
namespace {

constexpr int64_t kMs = 1000;
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();

std::string Big(int64_t value) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(static_cast<uint64_t>(value) >> shift));
  }
  return bytes;
}
std::string Escaped(const std::string& bytes) { return absl::CHexEscape(bytes); }

RowMutationBuilder B() { return RowMutationBuilder(""); }

class ChangeModel : public ModelTest {
 protected:
  static void SetUpTestSuite() {
    cell_ = std::make_unique<ModelCell>(ModelCell::Options{.held_clock = true});
  }
  void SetUp() override {
    ModelTest::SetUp();
    auto table = Make({Family("f"), Family("g"), Family("old", Age(1000 * kMs)),
                       Family("sum", {}, Aggregate::kSum)},
                      {"row2"});
    ASSERT_OK(table);
    table_ = std::make_unique<Table>(*std::move(table));
  }
  Status Put(const std::string& row, RowMutationBuilder changes) {
    RowMutation mutation = changes.Build();
    mutation.row = row;
    return table_->Apply(std::move(mutation));
  }
  std::string Read(const std::string& row) { return ReadText(*table_, row); }
  // "@ms" of the server's time now.
  int64_t NowMs() { return cell().clock().WallMicros() / kMs; }
  void Tick() { cell().clock().Set(cell().clock().WallMicros() + kMs); }
  std::string Modified(const ReadModifyWriteRow& change) {
    StatusOr<Row> row = table_->ReadModifyWrite(change);
    if (!row.ok()) return row.status().ToString();
    EXPECT_EQ(row->key, change.row);
    return ShowCells(row->cells);
  }
  // "true", "false" or the error.
  std::string Checked(const std::string& row, Filter predicate, RowMutationBuilder if_true,
                      RowMutationBuilder if_false) {
    CheckAndMutateRow change{row, std::move(predicate), if_true.Build().mutations,
                             if_false.Build().mutations};
    StatusOr<bool> matched = table_->CheckAndMutate(std::move(change));
    if (!matched.ok()) return matched.status().ToString();
    return *matched ? "true" : "false";
  }

  std::unique_ptr<Table> table_;
};

ReadModifyWriteBuilder Change(const std::string& row) { return ReadModifyWriteBuilder(row); }

// --- Read-modify-write

TEST_F(ChangeModel, AppendIsOldAndValue) {
  Tick();
  std::string now = absl::StrCat(NowMs());
  EXPECT_EQ(Modified(Change("r").Append("f", "q", "ab").Build()), "f:q@" + now + "=ab")
      << "missing is the empty string";
  EXPECT_EQ(Modified(Change("r").Append("f", "q", "").Build()), "f:q@" + now + "=ab");
  EXPECT_EQ(Modified(Change("r").Append("f", "q", std::string("\0\xff", 2)).Build()),
            "f:q@" + now + "=ab\\x00\\xff");
  EXPECT_EQ(Read("r"), "f:q@" + now + "=ab\\x00\\xff") << "an equal timestamp replaces";
  Tick();
  EXPECT_EQ(Modified(Change("r").Append("f", "q", "-").Build()),
            absl::StrCat("f:q@", NowMs(), "=ab\\x00\\xff-"));
  EXPECT_EQ(Read("r"), absl::StrCat("f:q@", NowMs(), "=ab\\x00\\xff- f:q@", now, "=ab\\x00\\xff"));
  EXPECT_EQ(Modified(Change("empty").Append("f", "q", "").Build()),
            absl::StrCat("f:q@", NowMs(), "="));
  EXPECT_EQ(Read("empty"), absl::StrCat("f:q@", NowMs(), "=")) << "it is written all the same";
}

TEST_F(ChangeModel, IncrementIsOf8BytesBigEndianSignedAndWraps) {
  struct Case {
    const char* line;
    std::optional<int64_t> before;
    int64_t amount, after;
  };
  const Case cases[] = {
      {"missing = 0", std::nullopt, 5, 5},
      {"by 0 on a missing column writes 8 zero bytes", std::nullopt, 0, 0},
      {"missing, negative", std::nullopt, -1, -1},
      {"sum", 40, 2, 42},
      {"to zero", -3, 3, 0},
      {"wraps upwards", kMost, 1, kLeast},
      {"wraps downwards", kLeast, -1, kMost},
      {"extremes", kLeast, kLeast, 0},
      {"by 0", 7, 0, 7},
  };
  for (const Case& c : cases) {
    Tick();
    if (c.before.has_value()) ASSERT_OK(Put(c.line, B().SetAt("f", "q", 0, Big(*c.before))));
    const std::string after = absl::StrCat("f:q@", NowMs(), "=", Escaped(Big(c.after)));
    EXPECT_EQ(Modified(Change(c.line).Increment("f", "q", c.amount).Build()), after) << c.line;
    EXPECT_EQ(ReadText(*table_, c.line, ReadQuery().CellsPerColumn(1)), after) << c.line;
  }
  for (const size_t length : {size_t{0}, size_t{1}, size_t{7}, size_t{9}, size_t{16}}) {
    const std::string row = absl::StrCat("of ", length, " bytes");
    ASSERT_OK(Put(row, B().SetAt("f", "q", 0, std::string(length, 'x'))));
    EXPECT_STATUS(
        kInvalidArgument,
        absl::StrCat("column \"f:q\": the value has ", length, " bytes; a counter has exactly 8"),
        table_->ReadModifyWrite(Change(row).Increment("f", "q", 1).Build()));
    EXPECT_EQ(Read(row), absl::StrCat("f:q@0=", std::string(length, 'x')));
  }
}

TEST_F(ChangeModel, RulesInOrderEachOnTheNewestCellAndTheAnswerHoldsTheTouchedColumns) {
  Tick();
  ASSERT_OK(Put("r", B().SetAt("f", "q", 1 * kMs, "old")
                         .SetAt("f", "q", 2 * kMs, "new")
                         .SetAt("f", "other", 0, "o")
                         .SetAt("g", "n", 0, Big(1))));
  const std::string now = absl::StrCat("@", NowMs(), "=");
  EXPECT_EQ(Modified(Change("r")
                         .Append("f", "q", "1")
                         .Increment("g", "n", 2)
                         .Append("f", "q", "2")
                         .Increment("g", "n", 3)
                         .Append("f", "a", "x")
                         .Build()),
            "f:a" + now + "x f:q" + now + "new12 g:n" + now + Escaped(Big(6)));
  EXPECT_EQ(ReadText(*table_, "r", ReadQuery().Family("f")),
            "f:a" + now + "x f:other@0=o f:q" + now + "new12 f:q@2=new f:q@1=old");
  EXPECT_STATUS(kInvalidArgument, "a counter has exactly 8",
                table_->ReadModifyWrite(
                    Change("fresh").Append("f", "q", "abc").Increment("f", "q", 1).Build()));
  EXPECT_EQ(Read("fresh"), "") << "no trace after a failure";
  EXPECT_EQ(Modified(Change("fresh").Append("f", "q", Big(4)).Increment("f", "q", 1).Build()),
            "f:q" + now + Escaped(Big(5)));
}

TEST_F(ChangeModel, TheNewTimestampIsTheLaterOfNowAndTheOldOne) {
  Tick();
  const int64_t later = NowMs() + 60'000;
  ASSERT_OK(Put("r", B().SetAt("f", "q", later * kMs, "a").SetAt("f", "q", 1 * kMs, "b")));
  EXPECT_EQ(Modified(Change("r").Append("f", "q", "+").Build()),
            absl::StrCat("f:q@", later, "=a+"));
  EXPECT_EQ(Read("r"), absl::StrCat("f:q@", later, "=a+ f:q@1=b")) << "an equal one replaces";
  constexpr int64_t kLatest = kMost / kMs * kMs;
  ASSERT_OK(Put("last", B().SetAt("f", "q", kLatest, "a")));
  EXPECT_EQ(Modified(Change("last").Append("f", "q", "+").Build()),
            absl::StrCat("f:q@", kLatest / kMs, "=a+"));
  // The next one at the server's time is behind none that it gave before.
  Tick();
  ASSERT_OK(Put("next", B().Set("f", "q", "set")));
  EXPECT_EQ(Modified(Change("next").Append("f", "q", "+").Build()),
            absl::StrCat("f:q@", NowMs(), "=set+"));
  // Cells that the rules hide are not there.
  Tick();
  ASSERT_OK(Put("hidden", B().SetAt("old", "q", 0, "old")));
  EXPECT_EQ(Modified(Change("hidden").Append("old", "q", "+").Build()),
            absl::StrCat("old:q@", NowMs(), "=+"));
}

TEST_F(ChangeModel, BadReadModifyWrites) {
  const auto change = [&](const std::string& row, std::vector<ReadModifyWriteRule> rules) {
    return table_->ReadModifyWrite({row, std::move(rules)}).status();
  };
  const ReadModifyWriteRule one = IncrementValue{"f", "n", 1};
  const std::string key(4096, 'k'), qualifier(16'384, 'q');
  EXPECT_OK(change(key, {AppendToValue{"f", qualifier, "v"}}));
  EXPECT_EQ(change(key + "k", {one}),
            absl::InvalidArgumentError("row key has 4097 bytes; the limit is 4096"));
  EXPECT_EQ(change("", {one}), absl::InvalidArgumentError("row key is empty"));
  EXPECT_EQ(change("r", {}), absl::InvalidArgumentError("No rules provided"));
  EXPECT_EQ(change("r", {one, AppendToValue{"f", qualifier + "q", "v"}}),
            absl::InvalidArgumentError("column qualifier has 16385 bytes; the limit is 16384"));
  EXPECT_EQ(change("r", {one, IncrementValue{"h", "q", 1}}),
            absl::NotFoundError("family 'h' is not in table 'BadReadModifyWrites'"));
  EXPECT_EQ(change("r", {one, IncrementValue{"sum", "q", 1}}),
            absl::InvalidArgumentError("read-modify-write in aggregate family 'sum'; it takes "
                                       "AddToCell, MergeToCell and deletes"));
  EXPECT_EQ(Read("r"), "") << "no trace";
  std::vector<ReadModifyWriteRule> rules(100'000, one);
  EXPECT_OK(change("most", rules));
  EXPECT_EQ(ReadText(*table_, "most", {}).substr(0, 4), "f:n@");
  rules.push_back(one);
  EXPECT_EQ(change("more", rules), absl::InvalidArgumentError("100001 rules; the limit is 100000"));
}

// --- Check-and-mutate

TEST_F(ChangeModel, ThePredicateDecidesTheBranch) {
  struct Case {
    const char* line;
    Filter predicate;
    bool matches;
  };
  using F = Filter;
  const Case cases[] = {
      {"no predicate = the row has a cell", F(), true},
      {"pass_all", F::PassAll(), true},
      {"block_all", F::BlockAll(), false},
      {"a cell by value", F::ValueRegex("yes"), true},
      {"no cell by value", F::ValueRegex("no"), false},
      {"the newest cell only", F::Column("f", "q") & F::Versions(1) & F::ValueRegex("older"),
       false},
      {"any version", F::Column("f", "q") & F::ValueRegex("older"), true},
      {"what is left after an offset", F::CellsPerRowOffset(3), false},
      {"what is left after a smaller one", F::CellsPerRowOffset(2), true},
      {"unknown family is empty", F::Family("nowhere"), false},
      {"a condition", F::Condition(F::Family("g"), F::BlockAll(), F::PassAll()), false},
      {"a row key", F::RowKeyRegex("row.*"), true},
      {"another row key", F::RowKeyRegex("ro"), false},
      {"stripped and labelled cells are cells", F::StripValue() & F::ApplyLabel("l"), true},
  };
  int i = 0;
  for (const Case& c : cases) {
    const std::string row = absl::StrCat("row", ++i);
    ASSERT_OK(Put(row, B().SetAt("f", "q", 2 * kMs, "yes")
                           .SetAt("f", "q", 1 * kMs, "older")
                           .SetAt("g", "q", 0, "g")));
    EXPECT_EQ(Checked(row, c.predicate, B().DeleteRow().SetAt("f", "then", 0, "t"),
                      B().DeleteRow().SetAt("f", "else", 0, "e")),
              c.matches ? "true" : "false")
        << c.line;
    EXPECT_EQ(Read(row), c.matches ? "f:then@0=t" : "f:else@0=e") << c.line;
  }
  for (const Filter& predicate : {F(), F::PassAll(), F::RowKeyRegex(".*")}) {
    EXPECT_EQ(Checked("none", predicate, B().SetAt("f", "then", 0, "t"), B()), "false")
        << "a row without a cell";
  }
  EXPECT_EQ(Read("none"), "");
}

TEST_F(ChangeModel, AnEmptyChosenBranchIsANoOpAndBothEmptyAnError) {
  ASSERT_OK(Put("r", B().SetAt("f", "q", 0, "v")));
  EXPECT_EQ(Checked("r", Filter(), B(), B().DeleteRow()), "true");
  EXPECT_EQ(Checked("r", Filter::BlockAll(), B().DeleteRow(), B()), "false");
  EXPECT_EQ(Read("r"), "f:q@0=v");
  for (const Filter& predicate : {Filter(), Filter::BlockAll()}) {
    EXPECT_EQ(table_->CheckAndMutate({"r", predicate, {}, {}}).status(),
              absl::InvalidArgumentError(
                  "No mutations provided: true_mutations and false_mutations are both empty"));
  }
}

TEST_F(ChangeModel, BothListsAreValidatedBeforeAnythingRuns) {
  ASSERT_OK(Put("r", B().SetAt("f", "q", 0, "v")));
  struct Case {
    const char* line;
    RowMutationBuilder bad;
    absl::StatusCode code;
    const char* text;
  };
  constexpr auto kBad = absl::StatusCode::kInvalidArgument;
  const Case cases[] = {
      {"family", B().DeleteFamily("h"), absl::StatusCode::kNotFound,
       "family 'h' is not in table 'BothListsAreValidatedBeforeAnythingRuns'"},
      {"timestamp", B().SetAt("f", "q", 7, "v"), kBad,
       "Timestamp granularity mismatch. Expected a multiple of 1000 (millisecond granularity), but "
       "got 7."},
      {"range", B().DeleteColumn("f", "q", 2000, 1000), kBad,
       "time range [2000, 1000) of DeleteFromColumn is empty"},
      {"aggregate", B().SetAt("sum", "q", 0, "v"), kBad,
       "SetCell in aggregate family 'sum'; it takes AddToCell, MergeToCell and deletes"},
      {"qualifier", B().DeleteColumn("f", std::string(16'385, 'q')), kBad,
       "column qualifier has 16385 bytes; the limit is 16384"},
  };
  for (const Case& c : cases) {
    RowMutationBuilder good = B().DeleteRow();
    for (const bool bad_is_chosen : {false, true}) {
      for (const Filter& predicate : {Filter::PassAll(), Filter::BlockAll()}) {
        const bool bad_first = (predicate.kind == Filter::Kind::kPassAll) == bad_is_chosen;
        CheckAndMutateRow change{"r", predicate, good.mutation().mutations,
                                 c.bad.mutation().mutations};
        if (bad_first) std::swap(change.if_true, change.if_false);
        const Status status = table_->CheckAndMutate(change).status();
        EXPECT_EQ(status.code(), c.code) << c.line << ": " << status;
        EXPECT_EQ(status.message(),
                  absl::StrCat(bad_first ? "true" : "false", "_mutations: ", c.text))
            << c.line;
        EXPECT_EQ(Read("r"), "f:q@0=v") << c.line;
      }
    }
  }
  EXPECT_STATUS(kInvalidArgument, "Error in field 'value_regex' : missing ): (",
                table_->CheckAndMutate({"r", Filter::ValueRegex("("), {DeleteFromRow{}}, {}}));
  EXPECT_EQ(table_->CheckAndMutate({"", Filter(), {DeleteFromRow{}}, {}}).status(),
            absl::InvalidArgumentError("row key is empty"));
  EXPECT_EQ(
      table_->CheckAndMutate({std::string(4097, 'k'), Filter(), {DeleteFromRow{}}, {}}).status(),
      absl::InvalidArgumentError("row key has 4097 bytes; the limit is 4096"));
  EXPECT_EQ(Read("r"), "f:q@0=v");
}

TEST_F(ChangeModel, EachBranchHasAtMost100000Mutations) {
  const std::vector<Mutation> most(100'000, DeleteFromColumn{"f", "q", 0, 0});
  std::vector<Mutation> more = most;
  more.emplace_back(DeleteFromRow{});
  ASSERT_OK(Put("r", B().SetAt("f", "q", 0, "v").SetAt("g", "q", 0, "w")));
  ASSERT_OK_AND_ASSIGN(const bool matched, table_->CheckAndMutate({"r", Filter(), most, most}));
  EXPECT_TRUE(matched);
  EXPECT_EQ(Read("r"), "g:q@0=w");
  EXPECT_EQ(table_->CheckAndMutate({"r", Filter(), more, most}).status(),
            absl::InvalidArgumentError("true_mutations: 100001 mutations of one row; the limit is "
                                       "100000"));
  EXPECT_EQ(table_->CheckAndMutate({"r", Filter(), most, more}).status(),
            absl::InvalidArgumentError("false_mutations: 100001 mutations of one row; the limit is "
                                       "100000"));
  EXPECT_EQ(Read("r"), "g:q@0=w");
}

TEST_F(ChangeModel, ABranchDoesAllThatAMutationDoes) {
  Tick();
  ASSERT_OK(Put("r", B().SetAt("f", "q", 9 * kMs, "v").AddToAggregate("sum", "n", 0, 5)));
  EXPECT_EQ(Checked("r", Filter::Family("sum"),
                    B().Set("g", "a", "1")
                        .Set("g", "b", "2")
                        .DeleteFamily("f")
                        .SetAt("f", "q", 7 * kMs, "older")
                        .AddToAggregate("sum", "n", 0, 6),
                    B()),
            "true");
  ASSERT_OK_AND_ASSIGN(std::optional<Row> row, table_->ReadRow("r"));
  ASSERT_TRUE(row.has_value());
  ASSERT_EQ(row->cells.size(), 4u) << ShowCells(row->cells);
  const std::string time = absl::StrCat(row->cells[1].timestamp_us / kMs);
  EXPECT_GE(row->cells[1].timestamp_us / kMs, NowMs());
  EXPECT_EQ(ShowCells(row->cells),
            "f:q@7=older g:a@" + time + "=1 g:b@" + time + "=2 sum:n@0=" + Escaped(Big(11)));
}

}  // namespace
}  // namespace stele
