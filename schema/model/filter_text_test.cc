// Goal: expressions mean what the grammar says, every valid filter survives print and parse, and an
// error names the column and what was expected there.
#include "stele/filter_text.h"

#include <gtest/gtest.h>

#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "schema/model/filter.h"
#include "schema/model/time_text.h"
#include "tests/reference/random_filter.h"

namespace stele {
namespace {

using F = Filter;

struct Case {
  const char* text;
  F filter;
  const char* printed = nullptr;  // when not the text
};

std::vector<Case> Cases() {
  const auto closed = &Bound::Closed;
  const auto open = &Bound::Open;
  const F a = F::FamilyNameRegex("a"), b = F::FamilyNameRegex("b"), p = F::PassAll();
  return {
      {"pass", p},
      {"block", F::BlockAll()},
      {"sink", F::Sink()},
      {"strip", F::StripValue()},
      {"family(contents) & versions(1)",
       F::Chain({F::FamilyNameRegex("contents"), F::CellsPerColumnLimit(1)})},
      {"qualifier~\"^com\\.\"", F::QualifierRegex("^com\\.")},
      {"value(\"a\"..\"b\")", F::ValueRange(closed("a"), open("b"))},
      {"value(\"a\"..=\"b\")", F::ValueRange(closed("a"), closed("b"))},
      {"value(\"a\"<..\"b\")", F::ValueRange(open("a"), open("b"))},
      {"value(\"a\"<..=\"b\")", F::ValueRange(open("a"), closed("b"))},
      {"value(\"a\"..)", F::ValueRange(closed("a"), {})},
      {"value(..\"b\")", F::ValueRange({}, open("b"))},
      {"value(..=\"b\")", F::ValueRange({}, closed("b"))},
      {"value(..)", F::ValueRange({}, {})},
      {"value(\"v\")", F::ValueRange(closed("v"), closed("v"))},
      {"column(fam, \"a\"..\"b\")", F::ColumnRange("fam", closed("a"), open("b"))},
      {"column(fam,\"a\\x00\")",
       F::ColumnRange("fam", closed(std::string_view("a\0", 2)),
                      closed(std::string_view("a\0", 2))),
       "column(fam, \"a\\x00\")"},
      {"family(a) | family(b)", F::Interleave({a, b})},
      {"family(a)&pass|family(b)", F::Interleave({F::Chain({a, p}), b}),
       "family(a) & pass | family(b)"},
      {"family(a) & (pass | family(b))", F::Chain({a, F::Interleave({p, b})})},
      {"(family(a) & pass) & family(b)", F::Chain({F::Chain({a, p}), b})},
      {"(family(a) | pass) | family(b)", F::Interleave({F::Interleave({a, p}), b})},
      {"if(family(a), pass, family(b))", F::Condition(a, p, b)},
      {"if(family(a), pass)", F::Condition(a, p, F{})},
      {"if(family(a), none, pass | family(b))", F::Condition(a, F{}, F::Interleave({p, b}))},
      {"label(x-1)", F::ApplyLabel("x-1")},
      {"sample(0.1)", F::RowSample(0.1)},
      {"sample(1e-9)", F::RowSample(1e-9), "sample(1e-09)"},
      {"row~\"r.*\"", F::RowKeyRegex("r.*")},
      {"row(\"a.b\")", F::RowKeyRegex("a\\.b")},
      {"qualifier(x) | row(y.z)", F::Interleave({F::QualifierRegex("x"), F::RowKeyRegex("y\\.z")}),
       "qualifier(\"x\") | row(\"y.z\")"},
      {"qualifier(\"\")", F::QualifierRegex("")},
      {"qualifier~\"\"", F::QualifierRegex(""), "qualifier(\"\")"},
      {"value~\"\\xff\\\\\"", F::ValueRegex("\\xff\\\\")},
      {"value~b\"\\xff\\\"\"", F::ValueRegex("\xff\"")},
      {"value~\"a\\\"b\"", F::ValueRegex("a\"b"), "value~b\"a\\\"b\""},
      {"family~\"a|b\"", F::FamilyNameRegex("a|b")},
      {"family(\"a b\")", F::FamilyNameRegex("a\\ b")},
      {"time(2024-01-01T00:00:00Z..)", F::TimestampRange(1'704'067'200'000'000, 0)},
      {"time(..1704067200000000)", F::TimestampRange(0, 1'704'067'200'000'000),
       "time(..2024-01-01T00:00:00Z)"},
      {"time(2024-01-01T00:00:00.5Z..2024-01-01T02:00:00+01:00)",
       F::TimestampRange(1'704'067'200'500'000, 1'704'070'800'000'000),
       "time(2024-01-01T00:00:00.5Z..2024-01-01T01:00:00Z)"},
      {"time(..)", F::TimestampRange(0, 0)},
      {"offset(2)", F::CellsPerRowOffset(2)},
      {"limit(3)", F::CellsPerRowLimit(3)},
      {"mask(\"\\xff\")", F::ValueBitmask("\xff")},
      {" mask ( \"\\n\\t\\r\\0\\\\\\\"x\" ) ",
       F::ValueBitmask(std::string_view("\n\t\r\0\\\"x", 7)), "mask(\"\\n\\t\\r\\x00\\\\\\\"x\")"},
  };
}

TEST(FilterText, MeansWhatTheGrammarSays) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.text);
    auto filter = ParseFilter(c.text);
    ASSERT_OK(filter);
    EXPECT_EQ(*filter, c.filter);
    EXPECT_EQ(PrintFilter(c.filter), c.printed == nullptr ? c.text : c.printed);
    auto again = ParseFilter(PrintFilter(c.filter));
    ASSERT_OK(again);
    EXPECT_EQ(*again, c.filter);
  }
}

TEST(FilterText, ErrorsNameTheColumn) {
  struct {
    const char* text;
    const char* error;
  } const kCases[] = {
      {"", "column 1: expected a filter, found the end"},
      {"famly(a)", "column 1: expected a filter, found \"famly\""},
      {"pass &", "column 7: expected a filter, found the end"},
      {"pass pass", "column 6: expected &, | or the end, found \"pass\""},
      {"(pass", "column 6: expected \")\", found the end"},
      {"versions(x)", "column 10: expected a number, found \"x)\""},
      {"versions(99999999999)", "column 10: expected a number"},
      {"pass & versions(0)", "column 8: Error in field 'cells_per_column_limit' : the limit is 0"},
      {"offset(-1)", "column 1: Error in field 'cells_per_row_offset' : the offset -1"},
      {"sample(x)", "column 8: expected a number between 0 and 1"},
      {"sample(nan)", "column 1: Error in field 'row_sample'"},
      {"value(a)", "column 7: expected a string or \"..\", found \"a)\""},
      {"value(..=)", "column 10: expected a string in quotes, found \")\""},
      {"value(\"a\"<=\"b\")", "column 10: expected \")\""},
      {"value(\"a", "column 7: the string is not closed"},
      {"value~a", "column 7: expected a regex in quotes"},
      {"value~\"a", "column 7: the regex is not closed"},
      {"pass | value~\"(\"", "column 8: Error in field 'value_regex' : missing )"},
      {"mask(\"\\q\")", "column 7: expected one of the escapes"},
      {"mask(\"\\x1\")", "column 7: expected one of the escapes"},
      {"time(yesterday..)", "column 6: expected a time"},
      {"time(1)", "column 7: expected \"..\""},
      {"column(f)", "column 9: expected \",\""},
      {"family()", "column 8: expected a family name"},
      {"label(Big)", "column 1: Error in field 'apply_label'"},
      {"if(pass)", "column 8: expected \",\""},
      {"none", "column 1: expected a filter, found \"none\""},
      {"if(pass, none)", "neither a true nor a false filter"},
      {"if(sink, pass)", "a sink cannot stand inside a condition"},
      {"label(a) & label(b)", "second one on its path"},
      {"\x01", "found \"\\x01\""},
  };
  for (const auto& c : kCases) {
    EXPECT_STATUS(kInvalidArgument, c.error, ParseFilter(c.text)) << c.text;
  }
  EXPECT_STATUS(kInvalidArgument, "nested too deep", ParseFilter(std::string(10'000, '(')));
  EXPECT_STATUS(kInvalidArgument, "filter text of", ParseFilter(std::string(1'000'000, ' ')));
}

TEST(FilterText, DeepestFilterIsReadBack) {
  F filter = F::PassAll();
  for (size_t depth = 1; depth < kMaxFilterDepth; ++depth) {
    filter = depth % 2 == 0 ? F::Chain({F::PassAll(), filter})
                            : F::Condition(filter, F::Chain({filter, F::PassAll()}), F{});
    if (!ValidateFilter(filter).ok()) break;
    ASSERT_OK_AND_ASSIGN(const F again, ParseFilter(PrintFilter(filter)));
    ASSERT_EQ(again, filter);
  }
}

TEST(FilterText, RandomFiltersSurvivePrintAndParse) {
  const uint64_t seed = TestSeed();
  STELE_TRACE_SEED(seed);
  SeededRandom random(seed);
  for (int i = 0; i < 5'000; ++i) {
    F filter = RandomFilter(&random, static_cast<int>(1 + random.Below(6)));
    if (random.OneIn(3)) {
      const std::string bytes = random.Bytes(1 + random.Below(20));
      filter = F::Chain({filter, F::ValueBitmask(bytes)});
    }
    const std::string text = PrintFilter(filter);
    auto again = ParseFilter(text);
    ASSERT_OK(again) << text;
    ASSERT_EQ(*again, filter) << text;
    for (char c : text) ASSERT_TRUE(c >= 0x20 && c < 0x7F) << text;
  }
}

TEST(TimeText, Rfc3339AndMicroseconds) {
  struct {
    const char* text;
    int64_t us;
  } const kCases[] = {
      {"0", 0},
      {"1234567", 1'234'567},
      {"1970-01-01T00:00:00Z", 0},
      {"2000-02-29T23:59:59.000001Z", 951'868'799'000'001},
      {"2024-01-01t00:00:00z", 1'704'067'200'000'000},
      {"2024-01-01T01:30:00+01:30", 1'704'067'200'000'000},
      {"2023-12-31T22:00:00-02:00", 1'704'067'200'000'000},
      {"9999-12-31T23:59:59.999999Z", 253'402'300'799'999'999},
  };
  for (const auto& c : kCases) {
    auto us = ParseTimeUs(c.text);
    ASSERT_OK(us) << c.text;
    EXPECT_EQ(*us, c.us) << c.text;
    auto again = ParseTimeUs(FormatTimeUs(c.us));
    ASSERT_OK(again);
    EXPECT_EQ(*again, c.us);
  }
  EXPECT_EQ(FormatTimeUs(1'704'067'200'250'000), "2024-01-01T00:00:00.25Z");
  EXPECT_EQ(FormatTimeUs(INT64_MAX), "9223372036854775807");
}

TEST(TimeText, RefusesTheRest) {
  for (const char* text :
       {"", "x", "-1", "99999999999999999999", "2024-01-01", "2024-13-01T00:00:00Z",
        "2023-02-29T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:60Z", "2024-01-01T00:00:00", "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00:00.1234567Z", "2024-01-01T00:00:00+1:00", "2024-01-01T00:00:00Zx",
        "1969-12-31T23:59:59Z", "2024-1-01T00:00:00Z"}) {
    EXPECT_STATUS(kInvalidArgument, "is not a time", ParseTimeUs(text)) << text;
  }
}

}  // namespace
}  // namespace stele
