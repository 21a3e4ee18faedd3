// Goal: ValidateFilter accepts what DATA_MODEL allows and refuses, with its text, what it does not;
// every limit from both sides.
#include "schema/model/filter.h"

#include <gtest/gtest.h>

#include <cmath>

#include "common/testing/status_asserts.h"
#include "schema/model/filter_regex.h"

namespace stele {
namespace {

using F = Filter;

F Unflagged(F filter) {
  filter.flag = false;
  return filter;
}

TEST(FilterTable, FlagsMustBeTrue) {
  for (const F& f : {F::PassAll(), F::BlockAll(), F::Sink(), F::StripValue()}) {
    EXPECT_OK(ValidateFilter(f));
    EXPECT_STATUS(kInvalidArgument, "the flag must be true", ValidateFilter(Unflagged(f)));
    EXPECT_STATUS(kInvalidArgument, FilterKindName(f.kind), ValidateFilter(Unflagged(f)));
  }
}

TEST(FilterTable, ChainAndInterleaveOfFewerThanTwo) {
  using Make = F (*)(std::vector<F>);
  for (Make make : {Make{&F::Chain}, Make{&F::Interleave}}) {
    EXPECT_STATUS(kInvalidArgument, "0 filters; it must have at least 2", ValidateFilter(make({})));
    EXPECT_STATUS(kInvalidArgument, "1 filters", ValidateFilter(make({F::PassAll()})));
    EXPECT_OK(ValidateFilter(make({F::PassAll(), F::PassAll()})));
    EXPECT_STATUS(kInvalidArgument, "not set", ValidateFilter(make({F::PassAll(), F{}})));
  }
}

TEST(FilterTable, MoreThanOneLabelOnAPath) {
  const F a = F::ApplyLabel("a"), b = F::ApplyLabel("b");
  const char* const kSecond = "would be the second one on its path";
  EXPECT_STATUS(kInvalidArgument, kSecond, ValidateFilter(F::Chain({a, b})));
  EXPECT_STATUS(kInvalidArgument, kSecond,
                ValidateFilter(F::Chain({F::Interleave({a, F::PassAll()}), b})));
  EXPECT_STATUS(kInvalidArgument, kSecond,
                ValidateFilter(F::Chain({a, F::Condition(F::PassAll(), F{}, b)})));
  EXPECT_STATUS(kInvalidArgument, kSecond,
                ValidateFilter(F::Chain({a, F::Condition(b, F::PassAll(), F{})})));
  EXPECT_STATUS(kInvalidArgument, kSecond,
                ValidateFilter(F::Chain({F::Condition(F::PassAll(), a, F{}), b})));
  EXPECT_OK(ValidateFilter(F::Interleave({a, b})));
  EXPECT_OK(ValidateFilter(F::Condition(a, b, a)));
  EXPECT_OK(ValidateFilter(F::Chain({F::Condition(a, F::PassAll(), F{}), b})));
  // What a sink takes does not reach the second label.
  EXPECT_OK(ValidateFilter(F::Chain({F::Interleave({F::Chain({a, F::Sink()}), F::PassAll()}), b})));
}

TEST(FilterTable, ConditionWithoutPredicateOrBranches) {
  const F pass = F::PassAll();
  EXPECT_OK(ValidateFilter(F::Condition(pass, pass, pass)));
  EXPECT_OK(ValidateFilter(F::Condition(pass, pass, F{})));
  EXPECT_OK(ValidateFilter(F::Condition(pass, F{}, pass)));
  EXPECT_STATUS(kInvalidArgument, "no predicate", ValidateFilter(F::Condition(F{}, pass, pass)));
  EXPECT_STATUS(kInvalidArgument, "neither a true nor a false filter",
                ValidateFilter(F::Condition(pass, F{}, F{})));
  F two = F::Condition(pass, pass, pass);
  two.children.pop_back();
  EXPECT_STATUS(kInvalidArgument, "condition", ValidateFilter(two));
}

TEST(FilterTable, SinkInsideACondition) {
  const F pass = F::PassAll(), sink = F::Sink();
  const char* const kInside = "a sink cannot stand inside a condition";
  EXPECT_STATUS(kInvalidArgument, kInside, ValidateFilter(F::Condition(sink, pass, pass)));
  EXPECT_STATUS(kInvalidArgument, kInside, ValidateFilter(F::Condition(pass, sink, pass)));
  EXPECT_STATUS(kInvalidArgument, kInside,
                ValidateFilter(F::Condition(pass, pass, F::Chain({pass, sink}))));
  EXPECT_OK(ValidateFilter(F::Chain({sink, F::Condition(pass, pass, pass)})));
}

TEST(FilterTable, RowKeyRegexAndRowSample) {
  EXPECT_STATUS(kInvalidArgument,
                "Error in field 'row_key_regex' : ", ValidateFilter(F::RowKeyRegex("")));
  EXPECT_OK(ValidateFilter(F::RowKeyRegex("\\C*")));
  for (double p : {0.0, 1.0, -0.1, 1.5, std::nan(""), HUGE_VAL}) {
    EXPECT_STATUS(kInvalidArgument, "row_sample", ValidateFilter(F::RowSample(p))) << p;
  }
  EXPECT_OK(ValidateFilter(F::RowSample(1e-9)));
  EXPECT_OK(ValidateFilter(F::RowSample(0.999999)));
}

TEST(FilterTable, BadRegexNamesItsField) {
  const char* const kBad = "(a";
  EXPECT_STATUS(kInvalidArgument, "Error in field 'row_key_regex' : missing ): (a",
                ValidateFilter(F::RowKeyRegex(kBad)));
  EXPECT_STATUS(kInvalidArgument, "Error in field 'family_name_regex' : missing",
                ValidateFilter(F::FamilyNameRegex(kBad)));
  EXPECT_STATUS(kInvalidArgument, "Error in field 'column_qualifier_regex' : missing",
                ValidateFilter(F::QualifierRegex(kBad)));
  EXPECT_STATUS(kInvalidArgument, "Error in field 'value_regex' : missing",
                ValidateFilter(F::ValueRegex(kBad)));
  EXPECT_STATUS(kInvalidArgument, "Error in field 'value_regex' : ",
                ValidateFilter(F::ValueRegex("[^x]{1000}{1000}")));
  for (const F& f : {F::FamilyNameRegex(""), F::QualifierRegex(""), F::ValueRegex("")}) {
    EXPECT_OK(ValidateFilter(f));
  }
}

TEST(FilterRegex, IsLatin1AndMatchesTheWhole) {
  const auto matches = [](Slice pattern, Slice text) {
    auto regex = CompileFilterRegex("value_regex", pattern, 1);
    EXPECT_OK(regex);
    return FullMatch(**regex, text);
  };
  EXPECT_TRUE(matches("", ""));
  EXPECT_FALSE(matches("", "a"));
  EXPECT_FALSE(matches("b", "abc"));
  EXPECT_FALSE(matches(".", "\n"));
  EXPECT_TRUE(matches("\\C", "\n"));
  EXPECT_TRUE(matches(".", "\xff"));
  EXPECT_FALSE(matches(".", "\xc3\xa9"));  // two bytes, whatever they are in UTF-8
  EXPECT_TRUE(matches("\\xff", "\xff"));
  EXPECT_TRUE(matches("\xe9", "\xe9"));
  EXPECT_TRUE(matches("\\C+", Slice("\0\x80", 2)));
}

TEST(FilterTable, ReversedRanges) {
  const auto range = [](Bound a, Bound b) { return F::ColumnRange("f", a, b); };
  for (auto a : {&Bound::Closed, &Bound::Open}) {
    for (auto b : {&Bound::Closed, &Bound::Open}) {
      EXPECT_STATUS(kInvalidArgument, "reversed", ValidateFilter(range(a("b"), b("a"))));
      EXPECT_STATUS(kInvalidArgument, "value_range",
                    ValidateFilter(F::ValueRange(a("ab"), b("a"))));
      EXPECT_OK(ValidateFilter(range(a("a"), b("a"))));
      EXPECT_OK(ValidateFilter(F::ValueRange(a(""), b("a"))));
    }
  }
  EXPECT_OK(ValidateFilter(range({}, Bound::Open(""))));
  EXPECT_STATUS(kInvalidArgument, "family name", ValidateFilter(F::ColumnRange("", {}, {})));
  EXPECT_STATUS(kInvalidArgument, "has bytes",
                ValidateFilter(range({Bound::Kind::kUnbounded, "x"}, {})));
  EXPECT_STATUS(kInvalidArgument, "reversed", ValidateFilter(F::TimestampRange(2, 1)));
  EXPECT_STATUS(kInvalidArgument, "negative", ValidateFilter(F::TimestampRange(-1, 0)));
  EXPECT_STATUS(kInvalidArgument, "negative", ValidateFilter(F::TimestampRange(0, -1)));
  EXPECT_OK(ValidateFilter(F::TimestampRange(2, 2)));
  EXPECT_OK(ValidateFilter(F::TimestampRange(2, 0)));
  EXPECT_OK(ValidateFilter(F::TimestampRange(0, 0)));
}

TEST(FilterTable, OffsetsAndLimits) {
  EXPECT_OK(ValidateFilter(F::CellsPerRowOffset(0)));
  EXPECT_STATUS(kInvalidArgument, "offset -1 is negative",
                ValidateFilter(F::CellsPerRowOffset(-1)));
  for (auto make : {&F::CellsPerRowLimit, &F::CellsPerColumnLimit}) {
    EXPECT_OK(ValidateFilter(make(1)));
    EXPECT_OK(ValidateFilter(make(INT32_MAX)));
    EXPECT_STATUS(kInvalidArgument, "limit is 0", ValidateFilter(make(0)));
    EXPECT_STATUS(kInvalidArgument, "limit is -5", ValidateFilter(make(-5)));
  }
}

TEST(FilterTable, LabelsAndMasks) {
  for (const char* good : {"a", "a-1", "012345678901234"}) {
    EXPECT_OK(ValidateFilter(F::ApplyLabel(good)));
  }
  for (const char* bad : {"", "A", "a_b", "a b", "0123456789012345"}) {
    EXPECT_STATUS(kInvalidArgument, "does not match [a-z0-9\\-]{1,15}",
                  ValidateFilter(F::ApplyLabel(bad)));
  }
  EXPECT_STATUS(kInvalidArgument, "the mask is empty", ValidateFilter(F::ValueBitmask("")));
  EXPECT_OK(ValidateFilter(F::ValueBitmask(std::string_view("\0", 1))));
}

TEST(FilterLimits, Depth) {
  F filter = F::PassAll();
  for (size_t depth = 1; depth < kMaxFilterDepth; ++depth) {
    filter = F::Chain({F::PassAll(), filter});
  }
  EXPECT_OK(ValidateFilter(filter));
  EXPECT_STATUS(kInvalidArgument, "more than 20 deep",
                ValidateFilter(F::Interleave({filter, F::PassAll()})));
}

TEST(FilterLimits, Bytes) {
  // A kind, two bytes of size in the text's length, the text.
  const F fits = F::ValueBitmask(std::string(kMaxFilterBytes - 4, 'x'));
  EXPECT_EQ(FilterBytes(fits), kMaxFilterBytes);
  EXPECT_OK(ValidateFilter(fits));
  EXPECT_STATUS(kInvalidArgument, "the limit is 20480",
                ValidateFilter(F::ValueBitmask(std::string(kMaxFilterBytes - 3, 'x'))));
  std::vector<F> parts(kMaxFilterBytes - 4, F::PassAll());
  EXPECT_EQ(FilterBytes(F::Chain(parts)), kMaxFilterBytes);
  EXPECT_OK(ValidateFilter(F::Chain(parts)));
  parts.push_back(F::PassAll());
  EXPECT_STATUS(kInvalidArgument, "the limit is 20480", ValidateFilter(F::Chain(parts)));
}

// Interleaves in a chain multiply the copies of a cell.
TEST(FilterLimits, Steps) {
  const F twice = F::Interleave({F::PassAll(), F::PassAll()});
  std::vector<F> parts(12, twice);
  EXPECT_OK(ValidateFilter(F::Chain(parts)));
  parts.push_back(twice);
  EXPECT_STATUS(kInvalidArgument, "interleaves multiply", ValidateFilter(F::Chain(parts)));
  EXPECT_STATUS(kInvalidArgument, "interleaves multiply",
                ValidateFilter(F::Chain(std::vector<F>(1000, twice))));
}

TEST(FilterValidation, StrayParts) {
  F filter = F::PassAll();
  filter.children.push_back(F::PassAll());
  EXPECT_STATUS(kInvalidArgument, "can have none", ValidateFilter(filter));
  F unknown;
  unknown.kind = static_cast<F::Kind>(99);
  EXPECT_STATUS(kInvalidArgument, "unknown kind", ValidateFilter(unknown));
  F bound = F::ValueRange({static_cast<Bound::Kind>(7), ""}, {});
  EXPECT_STATUS(kInvalidArgument, "bound of unknown kind", ValidateFilter(bound));
  EXPECT_OK(ValidateFilter(F{}));
}

}  // namespace
}  // namespace stele
