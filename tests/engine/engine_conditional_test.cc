// Goal: conditional changes are exactly what DATA_MODEL says, atomic on their row, and cost a hot
// row no sync each; what is not durable is neither shown nor answered; a request with an id is done
// once, whatever happens to the server.
#include <gtest/gtest.h>

#include <optional>

#include "common/base/log.h"
#include "common/testing/status_asserts.h"
#include "tests/engine/engine_harness.h"

namespace stele::storage {
namespace {

using Rules = std::vector<ReadModifyWriteRule>;

// Answers of changes that were started and not waited for.
template <typename T>
class Answers {
 public:
  std::function<void(StatusOr<T>)> Next() {
    MutexLock lock(&mu_);
    const size_t i = answers_.size();
    answers_.emplace_back();
    return [this, i](StatusOr<T> answer) {
      MutexLock lock(&mu_);
      EXPECT_FALSE(answers_[i].has_value()) << "answered twice";
      answers_[i] = std::move(answer);
      ++done_;
      changed_.SignalAll();
    };
  }
  size_t done() const {
    MutexLock lock(&mu_);
    return done_;
  }
  std::vector<StatusOr<T>> Wait() {
    MutexLock lock(&mu_);
    while (done_ < answers_.size()) changed_.Wait(&mu_);
    std::vector<StatusOr<T>> out;
    for (auto& answer : answers_) out.push_back(*answer);
    return out;
  }

 private:
  mutable Mutex mu_;
  CondVar changed_;
  std::vector<std::optional<StatusOr<T>>> answers_ GUARDED_BY(mu_);
  size_t done_ GUARDED_BY(mu_) = 0;
};

// A ring with room for what the tests queue at once.
EngineOptions RoomyOptions() {
  EngineOptions options = TinyEngineOptions();
  options.log.segment_bytes = 256u << 10;
  options.log.max_group_bytes = 1u << 20;
  return options;
}

class ConditionalTest : public ::testing::Test {
 protected:
  ConditionalTest() { SetMinLogLevel(LogLevel::kOff); }
  void SetUp() override { ASSERT_OK(h_.Open()); }

  StatusOr<Row> Modify(const std::string& row, const Rules& rules, const ChangeContext& with = {}) {
    return h_.ReadModifyWrite(row, rules, with);
  }
  // The value that the increment makes, or the error.
  StatusOr<int64_t> Increment(const std::string& row, int64_t amount,
                              const ChangeContext& with = {}) {
    ASSIGN_OR_RETURN(Row changed, Modify(row, {IncrementValue{"a", "n", amount}}, with));
    return DecodeCounter(changed.cells.at(0).value);
  }
  StatusOr<bool> Check(const std::string& row, std::vector<Mutation> if_true,
                       std::vector<Mutation> if_false, const ChangeContext& with = {}) {
    return h_.CheckAndMutate(row, nullptr, std::move(if_true), std::move(if_false), with);
  }
  uint64_t syncs() { return h_.faults().hits("log.before_sync"); }
  // The log thread stands before its next sync, with a write of another row in its hands.
  void HoldTheLog() {
    h_.faults().PauseAt("log.before_sync", syncs() + 1);
    ASSERT_OK(h_.tablet()->Write(Put("other", "a", "q", 1000, "v"), [](const Status&) {}));
    ASSERT_TRUE(h_.faults().WaitUntilPaused("log.before_sync"));
  }

  int64_t NewestTime(const std::string& row, const std::string& qualifier) {
    ReadOptions options;
    options.selection.columns = {{"a", qualifier}};
    options.selection.cells_per_column = 1;
    RowCollector rows;
    EXPECT_OK(h_.tablet()->ReadRow(row, options, &rows).status());
    return rows.rows.empty() ? 0 : rows.rows[0].cells[0].timestamp_us;
  }

  EngineHarness h_{RoomyOptions()};
};

SetCell Set(const std::string& value, int64_t timestamp_us = 1000) {
  return SetCell{"a", "q", timestamp_us, value};
}

TEST_F(ConditionalTest, RulesActInOrderOnTheNewestCell) {
  const int64_t now = h_.clock().WallMicros() / 1000 * 1000;
  ASSERT_OK_AND_ASSIGN(Row made,
                       Modify("r", {AppendToValue{"b", "t", "x"}, IncrementValue{"a", "n", 5},
                                    IncrementValue{"a", "n", -7}, AppendToValue{"a", "m", ""}}));
  EXPECT_EQ(
      made,
      (Row{"r", {{"a", "m", now, ""}, {"a", "n", now, EncodeCounter(-2)}, {"b", "t", now, "x"}}}));
  ASSERT_OK_AND_ASSIGN(made, Modify("r", {AppendToValue{"b", "t", "y"}}));
  EXPECT_EQ(made, (Row{"r", {{"b", "t", now, "xy"}}})) << "the touched columns only";
  // An old timestamp that is later than now is kept, and its cell replaced.
  ASSERT_OK(h_.Write(Put("r", "b", "t", now + 5'000'000, "late")));
  ASSERT_OK_AND_ASSIGN(made, Modify("r", {AppendToValue{"b", "t", "!"}}));
  EXPECT_EQ(made, (Row{"r", {{"b", "t", now + 5'000'000, "late!"}}}));
  ASSERT_OK_AND_ASSIGN(std::vector<Row> rows, h_.Scan());
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].cells.size(), 4u) << "equal timestamps replace";
}

TEST_F(ConditionalTest, IncrementsNeedEightBytesAndWrap) {
  EXPECT_EQ(Increment("r", 0).value(), 0);
  EXPECT_EQ(h_.Get("r", "a", "n"), std::string(8, '\0'));
  EXPECT_EQ(Increment("r", INT64_MAX).value(), INT64_MAX);
  EXPECT_EQ(Increment("r", 1).value(), INT64_MIN);
  ASSERT_OK(h_.Write(Put("s", "a", "n", 1000, "1234567")));
  EXPECT_STATUS(kInvalidArgument, "column \"a:n\": the value has 7 bytes",
                Increment("s", 1).status());
  EXPECT_EQ(h_.Get("s", "a", "n"), "1234567");
  EXPECT_STATUS(kNotFound, "family 'x'", Modify("r", {AppendToValue{"x", "q", ""}}).status());
  EXPECT_STATUS(kInvalidArgument, "No rules", Modify("r", {}).status());
}

TEST_F(ConditionalTest, OneBadRuleChangesNothing) {
  ASSERT_OK(h_.Write(Put("r", "a", "bad", 1000, "x")));
  EXPECT_STATUS(kInvalidArgument, "",
                Modify("r", {IncrementValue{"a", "n", 1}, IncrementValue{"a", "bad", 1}}).status());
  EXPECT_EQ(h_.Get("r", "a", "n"), "<none>");
}

TEST_F(ConditionalTest, TimesNeverGoBack) {
  int64_t last = 0;
  for (int i = 0; i < 6; ++i) {
    ASSERT_OK_AND_ASSIGN(Row made, Modify("r", {IncrementValue{"a", "n", 1}}));
    EXPECT_GE(made.cells[0].timestamp_us, last);
    ASSERT_OK(h_.Write({"r", {SetCell{"a", "s", kServerTime, "v"}}}));
    EXPECT_GT(NewestTime("r", "s"), made.cells[0].timestamp_us) << "strictly, for a set";
    last = NewestTime("r", "s");
    h_.clock().SetWallMicros(h_.clock().WallMicros() - 60'000'000);
    if (i == 3) {
      ASSERT_OK(h_.tablet()->Flush());
      h_.Drop();
      ASSERT_OK(h_.Open());
    }
  }
  EXPECT_EQ(Increment("r", 0).value(), 6) << "the newest cell holds the sum";
}

TEST_F(ConditionalTest, CheckAndMutateTakesOneBranch) {
  EXPECT_FALSE(Check("r", {}, {Set("made")}).value());
  EXPECT_EQ(h_.Get("r", "a", "q"), "made");
  EXPECT_TRUE(Check("r", {Set("seen", 2000)}, {DeleteFromRow{}}).value());
  EXPECT_EQ(h_.Get("r", "a", "q"), "seen");
  const uint64_t before = syncs();
  EXPECT_TRUE(Check("r", {}, {Set("not")}).value()) << "an empty branch is a no-op";
  EXPECT_FALSE(Check("none", {Set("not")}, {}).value());
  EXPECT_EQ(syncs(), before) << "and needs no record";
  EXPECT_EQ(h_.Get("r", "a", "q"), "seen");
  EXPECT_STATUS(kInvalidArgument, "No mutations", Check("r", {}, {}).status());
  EXPECT_STATUS(kNotFound, "false_mutations",
                Check("r", {Set("x")}, {DeleteFromFamily{"x"}}).status());
  EXPECT_EQ(h_.Get("r", "a", "q"), "seen") << "both lists are validated before anything runs";
}

// Sees whether some cell has the value.
class HasValue : public RowPredicate {
 public:
  explicit HasValue(std::string value) : value_(std::move(value)) {}
  StatusOr<bool> Matches(Slice row, RowState* state) override {
    RowCollector rows;
    RETURN_IF_ERROR(state->Read({}, &rows));
    for (const Row& found : rows.rows) {
      for (const Cell& cell : found.cells) {
        if (cell.value == value_) return true;
      }
    }
    return false;
  }

 private:
  const std::string value_;
};

TEST_F(ConditionalTest, PredicatesSeeTheRow) {
  ASSERT_OK(h_.Write(Put("r", "a", "q", 1000, "one")));
  ASSERT_OK(h_.tablet()->Flush());
  ASSERT_OK(h_.Write(Put("r", "b", "q", 1000, "two")));
  auto check = [&](const char* value) {
    return h_.CheckAndMutate("r", std::make_shared<HasValue>(value), {Set("yes", 5000)},
                             {Set("no", 6000)});
  };
  EXPECT_TRUE(check("one").value());
  EXPECT_TRUE(check("two").value());
  EXPECT_FALSE(check("three").value());
  EXPECT_EQ(h_.Get("r", "a", "q"), "no");
}

TEST_F(ConditionalTest, AHotRowSharesSyncs) {
  HoldTheLog();
  constexpr int kCount = 500;
  Answers<Row> sums;
  for (int i = 0; i < kCount; ++i) {
    ASSERT_OK(h_.tablet()->ReadModifyWrite("hot", {IncrementValue{"a", "n", 1}}, {}, sums.Next()));
  }
  EXPECT_EQ(sums.done(), 0u);
  EXPECT_EQ(h_.Get("hot", "a", "n"), "<none>") << "nothing is shown before its sync";
  const uint64_t before = syncs();
  h_.faults().Resume("log.before_sync");
  int64_t expected = 0;
  for (const StatusOr<Row>& sum : sums.Wait()) {
    ASSERT_OK(sum);
    EXPECT_EQ(sum->cells[0].value, EncodeCounter(++expected));
  }
  EXPECT_LE(syncs() - before, 3u);
  EXPECT_EQ(Increment("hot", 0).value(), kCount);
}

TEST_F(ConditionalTest, ReadsWhatIsQueuedBeforeIt) {
  HoldTheLog();
  Answers<Row> sums;
  Answers<bool> checks;
  Answers<bool> writes;
  auto write = [&](const RowMutation& mutation) {
    auto done = writes.Next();
    return h_.tablet()->Write(
        mutation, [done](const Status& status) { status.ok() ? done(true) : done(status); });
  };
  auto increment = [&] {
    return h_.tablet()->ReadModifyWrite("r", {IncrementValue{"a", "n", 1}}, {}, sums.Next());
  };
  // A plain write, an increment that must see it, a delete that must come between, and a check.
  ASSERT_OK(write(Put("r", "a", "n", 1000, EncodeCounter(10))));
  ASSERT_OK(increment());
  ASSERT_OK(write({"r", {DeleteFromRow{}}}));
  ASSERT_OK(h_.tablet()->CheckAndMutate("r", nullptr, {Set("wrong")}, {}, {}, checks.Next()));
  ASSERT_OK(increment());
  EXPECT_EQ(sums.done() + checks.done() + writes.done(), 0u)
      << "also a no-op waits for what it saw";
  h_.faults().Resume("log.before_sync");
  const auto sum = sums.Wait();
  ASSERT_OK(sum[0]);
  ASSERT_OK(sum[1]);
  EXPECT_EQ(sum[0]->cells[0].value, EncodeCounter(11));
  EXPECT_EQ(sum[1]->cells[0].value, EncodeCounter(1));
  EXPECT_FALSE(checks.Wait()[0].value());
  for (const auto& answer : writes.Wait()) EXPECT_OK(answer);
  EXPECT_EQ(h_.Get("r", "a", "q"), "<none>");
}

TEST_F(ConditionalTest, AllThatSawALostRecordShareItsFate) {
  HoldTheLog();
  Answers<Row> sums;
  Answers<bool> checks;
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(h_.tablet()->ReadModifyWrite("r", {IncrementValue{"a", "n", 1}}, {}, sums.Next()));
  }
  ASSERT_OK(h_.tablet()->CheckAndMutate("r", nullptr, {}, {Set("x")}, {}, checks.Next()));
  h_.faults().FailAt("log.before_sync", syncs() + 1, absl::InternalError("injected"));
  h_.faults().Resume("log.before_sync");
  for (const auto& sum : sums.Wait()) EXPECT_FALSE(sum.ok());
  EXPECT_FALSE(checks.Wait()[0].ok());
  EXPECT_EQ(h_.Get("r", "a", "n"), "UNAVAILABLE") << "nothing is shown any more";
  EXPECT_EQ(h_.fatal().size(), 1u);
}

TEST_F(ConditionalTest, FaultsBeforeTheQueueHaveNoEffect) {
  EXPECT_EQ(Increment("r", 1).value(), 1);
  for (const char* point : {"row.before_read", "row.before_queue"}) {
    h_.faults().FailAt(point, h_.faults().hits(point) + 1, absl::InternalError("injected"));
    EXPECT_STATUS(kInternal, "injected", Increment("r", 1, {{7, 1, 1}, 0}).status());
    EXPECT_EQ(Increment("r", 0).value(), 1) << point;
  }
  EXPECT_EQ(Increment("r", 1, {{7, 1, 1}, 0}).value(), 2) << "the id is free again";
}

TEST_F(ConditionalTest, ALateChangeIsNotBegun) {
  const int64_t past = h_.clock().BootNanos();
  EXPECT_STATUS(kDeadlineExceeded, "", Increment("r", 1, {{}, past}).status());
  EXPECT_EQ(Increment("r", 0, {{}, past + 1'000'000'000}).value(), 0);
}

TEST_F(ConditionalTest, AClosingTabletRefusesAndForgetsNothing) {
  EXPECT_EQ(Increment("r", 4).value(), 4);
  auto tablet = h_.engine()->FindTablet(kTestTablet);
  ASSERT_OK(h_.engine()->CloseTablet(kTestTablet, /*flush=*/true));
  EXPECT_STATUS(kUnavailable, "clos",
                tablet->ReadModifyWrite("r", {IncrementValue{"a", "n", 1}}, {}, [](auto) {}));
  ASSERT_OK(h_.OpenTablet());
  EXPECT_EQ(Increment("r", 1).value(), 5);
}

// ---- exactly once ----

TEST_F(ConditionalTest, ARepeatedRequestIsDoneOnce) {
  const ChangeContext first{{7, 1, 1}, 0}, second{{7, 2, 1}, 0}, third{{7, 3, 1}, 0};
  auto repeat = [&](const char* when) {
    EXPECT_EQ(Increment("r", 5, first).value(), 5) << when;
    EXPECT_FALSE(Check("s", {}, {Set("made")}, second).value()) << when;
    bool done = false;
    ASSERT_OK(h_.tablet()->Write({"w", {SetCell{"a", "q", kServerTime, "v"}}}, third,
                                 [&](const Status& status) { done = status.ok(); }))
        << when;
    EXPECT_EQ(Increment("x", 0).value(), 0);  // everything before it is answered
    EXPECT_TRUE(done) << when;
  };
  repeat("at first");
  repeat("from memory");
  ASSERT_OK(h_.Write(Put("r", "a", "n", h_.clock().WallMicros() / 1000 * 1000 + 1000, "changed")));
  repeat("with the same answer, whatever the row holds now");
  h_.PowerCut(3);
  ASSERT_OK(h_.Open());
  repeat("from the log");
  ASSERT_OK(h_.tablet()->Flush());
  h_.Drop();
  ASSERT_OK(h_.Open());
  repeat("from the manifest");
  ASSERT_OK(h_.tablet()->CompactMajor());
  ASSERT_OK(h_.engine()->CloseTablet(kTestTablet, /*flush=*/true));
  ASSERT_OK(h_.OpenTablet());
  repeat("after a move");
  ASSERT_OK_AND_ASSIGN(std::vector<Row> rows, h_.Scan());
  EXPECT_EQ(rows.back().key, "x");
  for (const Row& row : rows) {
    if (row.key == "w") EXPECT_EQ(row.cells.size(), 1u);
  }
}

TEST_F(ConditionalTest, ARepeatJoinsTheFirstAttempt) {
  HoldTheLog();
  Answers<Row> sums;
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(h_.tablet()->ReadModifyWrite("r", {IncrementValue{"a", "n", 1}}, {{7, 1, 1}, 0},
                                           sums.Next()));
  }
  EXPECT_EQ(sums.done(), 0u);
  h_.faults().Resume("log.before_sync");
  for (const auto& sum : sums.Wait()) {
    ASSERT_OK(sum);
    EXPECT_EQ(sum->cells[0].value, EncodeCounter(1));
  }
  EXPECT_EQ(Increment("r", 0).value(), 1);
}

TEST_F(ConditionalTest, StaleAndMisusedIdsAreRefused) {
  EXPECT_EQ(Increment("r", 1, {{7, 1, 1}, 0}).value(), 1);
  EXPECT_STATUS(kInvalidArgument, "another kind",
                Check("r", {Set("x")}, {}, {{7, 1, 1}, 0}).status());
  EXPECT_EQ(Increment("r", 1, {{7, 3, 3}, 0}).value(), 2);
  EXPECT_STATUS(kFailedPrecondition, "given up", Increment("r", 1, {{7, 1, 1}, 0}).status());
  EXPECT_STATUS(kInvalidArgument, "first_incomplete", Increment("r", 1, {{7, 3, 4}, 0}).status());
  EXPECT_EQ(Increment("r", 0).value(), 2);
}

TEST_F(ConditionalTest, AnAnswerTooLargeToKeepIsToldSo) {
  const std::string large(kMaxRememberedRowBytes + 1, 'x');
  const ChangeContext once{{7, 1, 1}, 0};
  ASSERT_OK(Modify("r", {AppendToValue{"a", "q", large}}, once).status());
  EXPECT_STATUS(kAlreadyExists, "done, once",
                Modify("r", {AppendToValue{"a", "q", large}}, once).status());
  EXPECT_EQ(h_.Get("r", "a", "q").size(), large.size());
}

// ---- aggregates ----

class AggregateTest : public ConditionalTest {
 protected:
  void SetUp() override {
    ConditionalTest::SetUp();
    TableSchema schema = h_.tablet()->schema();
    ++schema.version;
    for (const auto& [name, kind] :
         {std::pair("max", Aggregate::kMax), std::pair("min", Aggregate::kMin),
          std::pair("sum", Aggregate::kSum)}) {
      FamilySchema family{.name = name, .id = schema.next_family_id++};
      family.aggregate = kind;
      schema.families.push_back(family);
    }
    std::sort(schema.families.begin(), schema.families.end(),
              [](const FamilySchema& a, const FamilySchema& b) { return a.name < b.name; });
    ASSERT_OK(h_.tablet()->AlterSchema(schema));
  }
  std::string Number(const std::string& family, const std::string& qualifier = "q") {
    const std::string value = h_.Get("r", family, qualifier);
    StatusOr<int64_t> number = DecodeCounter(value);
    return number.ok() ? std::to_string(*number) : value;
  }
};

TEST_F(AggregateTest, AdditionsCombineWheneverCompactionsRun) {
  for (int64_t input : {5, -3, 4}) {
    RowMutation add{"r", {}};
    for (const char* family : {"max", "min", "sum"}) {
      add.mutations.push_back(AddToCell{family, "q", 1000, input});
    }
    ASSERT_OK(h_.Write(add));
    if (input == 5) ASSERT_OK(h_.tablet()->Flush());
    if (input == -3) ASSERT_OK(h_.tablet()->CompactMajor());
  }
  EXPECT_EQ(Number("sum"), "6");
  EXPECT_EQ(Number("min"), "-3");
  EXPECT_EQ(Number("max"), "5");
  ASSERT_OK(h_.Write({"r", {MergeToCell{"sum", "q", 1000, EncodeCounter(INT64_MAX)}}}));
  EXPECT_EQ(Number("sum"), std::to_string(WrappingSum(INT64_MAX, 6)));
  ASSERT_OK(h_.Write({"r", {AddToCell{"sum", "q", 2000, 1}}}));
  EXPECT_EQ(Number("sum"), "1") << "each timestamp is a cell of its own";
  h_.PowerCut(1);
  ASSERT_OK(h_.Open());
  EXPECT_EQ(Number("max"), "5");
}

TEST_F(AggregateTest, TheListIsAppliedInOrder) {
  ASSERT_OK(h_.Write({"r", {AddToCell{"sum", "q", 1000, 10}, AddToCell{"sum", "p", 1000, 10}}}));
  ASSERT_OK(h_.Write({"r",
                      {AddToCell{"sum", "q", 1000, 1}, DeleteFromColumn{"sum", "q", 1000, 2000},
                       AddToCell{"sum", "q", 1000, 2}, AddToCell{"sum", "q", 1000, 3}}}));
  EXPECT_EQ(Number("sum"), "5");
  EXPECT_EQ(Number("sum", "p"), "10");
  ASSERT_OK(h_.Write({"r", {DeleteFromFamily{"sum"}, AddToCell{"sum", "p", 1000, 7}}}));
  EXPECT_EQ(Number("sum"), "<none>");
  EXPECT_EQ(Number("sum", "p"), "7");
  ASSERT_OK(h_.Write({"r", {DeleteFromRow{}, AddToCell{"sum", "p", 1000, 1}}}));
  EXPECT_EQ(Number("sum", "p"), "1");
}

TEST_F(AggregateTest, ConditionalBranchesAddToo) {
  EXPECT_FALSE(Check("r", {}, {AddToCell{"sum", "q", 1000, 2}}).value());
  EXPECT_TRUE(Check("r", {AddToCell{"sum", "q", 1000, 3}}, {}).value());
  EXPECT_EQ(Number("sum"), "5");
}

TEST_F(AggregateTest, FamiliesKeepTheirKind) {
  EXPECT_STATUS(kInvalidArgument, "aggregate", h_.Write({"r", {SetCell{"sum", "q", 1000, "x"}}}));
  EXPECT_STATUS(kInvalidArgument, "aggregate", h_.Write({"r", {AddToCell{"a", "q", 1000, 1}}}));
  EXPECT_STATUS(kInvalidArgument, "aggregate",
                Modify("r", {IncrementValue{"sum", "q", 1}}).status());
  TableSchema schema = h_.tablet()->schema();
  ++schema.version;
  for (FamilySchema& family : schema.families) family.aggregate = Aggregate::kNone;
  EXPECT_STATUS(kInvalidArgument, "cannot change its name, locality group or aggregate",
                h_.tablet()->AlterSchema(schema));
}

}  // namespace
}  // namespace stele::storage
