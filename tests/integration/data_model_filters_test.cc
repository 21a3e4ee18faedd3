// Goal: every line of the data model's table of filters, its errors by code and text and its limits
// from both sides, through the SDK against a cell of three tablet servers; what a filter gives is
// the same in memory, in files and compacted, in a read of one row and in a scan either way.
#include <gtest/gtest.h>

#include <cmath>

#include "absl/strings/str_join.h"
#include "stele/filter_text.h"
#include "tests/integration/model_cell.h"

namespace stele {
namespace {

using F = Filter;

class FilterModel : public ModelTest {
 protected:
  struct Case {
    const char* line;  // of the data model
    Filter filter;
    std::string left;  // of the row; empty: the row does not come
  };

  // Family, qualifier, milliseconds, value.
  static RowMutation RowOf(const std::string& key) {
    return RowMutationBuilder(key)
        .SetAt("a", "", 5000, "e")
        .SetAt("a", "x", 9000, "1")
        .SetAt("a", "x", 7000, "12")
        .SetAt("a", "xy", 3000, "2")
        .SetAt("b", "x", 8000, "1")
        .SetAt("b", "z", 1000, "")
        .Build();
  }
  static constexpr char kAll[] = "a:@5=e a:x@9=1 a:x@7=12 a:xy@3=2 b:x@8=1 b:z@1=";

  void Run(const std::vector<Case>& cases) { Run({RowOf("key")}, cases); }
  // The cases are about the row "key".
  void Run(const std::vector<RowMutation>& rows, const std::vector<Case>& cases) {
    ASSERT_OK_AND_ASSIGN(Table table, Make({Family("a"), Family("ab"), Family("b")}, {"k", "m"}));
    for (const RowMutation& row : rows) ASSERT_OK(table.Apply(row));
    InEachState([&](const std::string& state) {
      for (const Case& c : cases) {
        SCOPED_TRACE(absl::StrCat(c.line, ": ", PrintFilter(c.filter), ", ", state));
        const ReadQuery query = ReadQuery().Filter(c.filter);
        EXPECT_EQ(ReadText(table, "key", query), c.left);
        for (const bool reversed : {false, true}) {
          ReadQuery scan = ReadQuery().Row("key").Filter(c.filter).Reversed(reversed);
          EXPECT_EQ(ScanText(table, scan), c.left.empty() ? "" : "key{" + c.left + "}");
        }
        StatusOr<bool> matched =
            table.CheckAndMutate({"key", c.filter, {}, {DeleteFromFamily{"ab"}}});
        if (!c.filter.empty() && matched.ok()) EXPECT_EQ(*matched, !c.left.empty());
      }
    });
  }
};

TEST_F(FilterModel, FlagsPassBlockStrip) {
  Run({{"no filter", F(), kAll},
       {"pass_all", F::PassAll(), kAll},
       {"block_all", F::BlockAll(), ""},
       {"strip_value", F::StripValue(), "a:@5= a:x@9= a:x@7= a:xy@3= b:x@8= b:z@1="},
       {"strip_value, what comes later sees no value", F::StripValue() & F::ValueRegex("1"), ""},
       {"strip_value, what came before did", F::ValueRegex("1") & F::StripValue(),
        "a:x@9= b:x@8="}});
}

TEST_F(FilterModel, ChainIsOneAfterTheOther) {
  Run({{"chain", F::Family("a") & F::QualifierRegex("x") & F::Versions(1), "a:x@9=1"},
       {"chain, a limit first", F::CellsPerRowLimit(1) & F::Family("b"), ""},
       {"chain, a limit last", F::Family("b") & F::CellsPerRowLimit(1), "b:x@8=1"},
       {"chain, of chains",
        F::Chain(F::Chain(F::Family("a"), F::CellsPerRowOffset(1)),
                 F::Chain(F::CellsPerRowLimit(2), F::CellsPerRowOffset(1))),
        "a:x@7=12"}});
}

TEST_F(FilterModel, InterleaveKeepsDuplicatesWhichLaterLimitsCount) {
  const Filter twice = F::PassAll() | F::PassAll();
  Run({{"interleave, merged in order", F::Family("b") | F::Family("a"), kAll},
       {"interleave, each on a copy",
        F::Family("b") | (F::QualifierRegex("x") & F::ApplyLabel("l")),
        "a:x@9=1#l a:x@7=12#l b:x@8=1 b:x@8=1#l b:z@1="},
       {"duplicates count in cells_per_row_limit", twice & F::CellsPerRowLimit(3),
        "a:@5=e a:@5=e a:x@9=1"},
       {"duplicates count in cells_per_row_offset", twice & F::CellsPerRowOffset(11), "b:z@1="},
       {"duplicates count in cells_per_column_limit", twice & F::Versions(1),
        "a:@5=e a:x@9=1 a:xy@3=2 b:x@8=1 b:z@1="},
       {"duplicates of duplicates", (twice | F::BlockAll() | twice) & F::Column("b", "z"),
        "b:z@1= b:z@1= b:z@1= b:z@1="},
       {"an inner limit is of its branch", F::CellsPerRowLimit(1) | F::CellsPerRowLimit(2),
        "a:@5=e a:@5=e a:x@9=1"}});
}

TEST_F(FilterModel, ConditionOnTheInputRow) {
  Run({{"true filter on the input row",
        F::Condition(F::ValueRegex("12"), F::QualifierRegex(""), F::Family("b")), "a:@5=e"},
       {"false filter", F::Condition(F::ValueRegex("13"), F::PassAll(), F::Family("b")),
        "b:x@8=1 b:z@1="},
       {"a missing true filter yields nothing", F::Condition(F::PassAll(), F(), F::PassAll()), ""},
       {"a missing false filter yields nothing", F::Condition(F::BlockAll(), F::PassAll(), F()),
        ""},
       {"its input row is what the chain lets through",
        F::Family("b") &
            F::Condition(F::QualifierRegex("xy"), F::PassAll(), F::CellsPerRowLimit(1)),
        "b:x@8=1"},
       {"what the predicate does to cells is forgotten",
        F::Condition(F::StripValue() & F::ApplyLabel("p") & F::CellsPerRowLimit(1),
                     F::CellsPerRowLimit(1), F()),
        "a:@5=e"},
       {"condition in a condition",
        F::Condition(F::Condition(F::ValueRegex("2"), F::Family("b"), F()),
                     F::Condition(F::RowKeyRegex("k.*"), F::Versions(1), F::BlockAll()), F()),
        "a:@5=e a:x@9=1 a:xy@3=2 b:x@8=1 b:z@1="},
       {"condition on the row's key",
        F::Condition(F::RowKeyRegex("y.*"), F::PassAll(), F::Family("a") & F::CellsPerRowLimit(1)),
        "a:@5=e"}});
}

TEST_F(FilterModel, SinkGoesStraightToTheOutput) {
  Run({{"sink", F::Sink(), kAll},
       {"past all outer filters", F::Family("b") & F::Sink() & F::BlockAll(), "b:x@8=1 b:z@1="},
       {"nothing to the parent",
        ((F::QualifierRegex("x") & F::ApplyLabel("s") & F::Sink()) | F::Family("b")) &
            F::StripValue() & F::ApplyLabel("t"),
        "a:x@9=1#s a:x@7=12#s b:x@8=1#s b:x@8=#t b:z@1=#t"},
       {"outer limits do not count them", (F::Sink() | F::PassAll()) & F::CellsPerRowLimit(1),
        "a:@5=e a:@5=e a:x@9=1 a:x@7=12 a:xy@3=2 b:x@8=1 b:z@1="}});
}

TEST_F(FilterModel, RowKeyRegexTakesTheWholeRowOrNothing) {
  Run({{"row_key_regex", F::RowKeyRegex("key"), kAll},
       {"row_key_regex, full match", F::RowKeyRegex("ke"), ""},
       {"row_key_regex, full match at its end", F::RowKeyRegex("ey"), ""},
       {"row_key_regex, pattern", F::RowKeyRegex("k.+"), kAll},
       {"row_key_regex, alternatives", F::RowKeyRegex("a|key|z"), kAll},
       {"row_key_regex, any bytes", F::RowKeyRegex("\\C*"), kAll},
       {"row_key_regex, case", F::RowKeyRegex("(?i)KEY"), kAll},
       {"row_key_regex in an interleave", F::RowKeyRegex("x") | F::Column("b", "z"), "b:z@1="}});
}

TEST_F(FilterModel, RowSampleTakesTheWholeRowOrNothing) {
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("a")}, {"row3", "row6"}));
  constexpr int kRows = 2000;
  std::vector<RowMutation> rows;
  for (int i = 0; i < kRows; ++i) {
    rows.push_back(RowMutationBuilder(absl::StrCat("row", i))
                       .SetAt("a", "p", 0, "1")
                       .SetAt("a", "q", 0, "2")
                       .Build());
  }
  for (const Status& status : table.ApplyBatch(rows)) ASSERT_OK(status);
  for (const double p : {0.001, 0.25, 0.5, 0.999}) {
    int taken = 0;
    ASSERT_OK(table.ReadRows(ReadQuery().Filter(F::RowSample(p)), [&](Row row) {
      EXPECT_EQ(row.cells.size(), 2u) << "whole rows";
      return ++taken > 0;
    }));
    EXPECT_NEAR(taken, kRows * p, 6 * std::sqrt(kRows * p * (1 - p)) + 1) << p;
  }
}

TEST_F(FilterModel, RegexesOfFamilyQualifierAndValue) {
  Run({{"family_name_regex", F::FamilyNameRegex("b"), "b:x@8=1 b:z@1="},
       {"family_name_regex, full match", F::FamilyNameRegex("a?b"), "b:x@8=1 b:z@1="},
       {"family_name_regex, pattern", F::FamilyNameRegex("[ab]"), kAll},
       {"column_qualifier_regex", F::QualifierRegex("x"), "a:x@9=1 a:x@7=12 b:x@8=1"},
       {"column_qualifier_regex, pattern", F::QualifierRegex("x.|z"), "a:xy@3=2 b:z@1="},
       {"column_qualifier_regex, \"\" matches the empty one", F::QualifierRegex(""), "a:@5=e"},
       {"column_qualifier_regex, .* does too", F::QualifierRegex(".*"), kAll},
       {"value_regex", F::ValueRegex("1"), "a:x@9=1 b:x@8=1"},
       {"value_regex, pattern", F::ValueRegex("\\d+"), "a:x@9=1 a:x@7=12 a:xy@3=2 b:x@8=1"},
       {"value_regex, \"\" matches the empty one", F::ValueRegex(""), "b:z@1="},
       {"an unknown family is empty, not an error", F::FamilyNameRegex("nowhere"), ""},
       {"... in a column range too", F::Family("nowhere"), ""}});
}

TEST_F(FilterModel, RegexesAreLatin1DotIsNotNewlineAndCIsAnyByte) {
  const RowMutation row = RowMutationBuilder("key")
                              .SetAt("a", "\n", 0, "\n")
                              .SetAt("a", "\xe4", 0, "\xe4")
                              .SetAt("a", "\xc3\xa4", 0, "\xc3\xa4")
                              .SetAt("a", std::string(1, '\0'), 0, std::string(1, '\0'))
                              .SetAt("a", "\xff", 0, "\xff")
                              .Build();
  const std::string zero = "a:\\x00@0=\\x00", line = "a:\\n@0=\\n",
                    two = "a:\\xc3\\xa4@0=\\xc3\\xa4", one = "a:\\xe4@0=\\xe4",
                    ff = "a:\\xff@0=\\xff";
  Run({row},
      {{"a byte is a character", F::ValueRegex("."), absl::StrJoin({zero, one, ff}, " ")},
       {"two bytes are two", F::ValueRegex(".."), two},
       {"\\C is any byte", F::ValueRegex("\\C"), absl::StrJoin({zero, line, one, ff}, " ")},
       {"\\C in qualifiers", F::QualifierRegex("\\C{2}"), two},
       {"the byte itself", F::ValueRegex("\xe4"), one},
       {"its escape", F::ValueRegex("\\xe4"), one},
       {"a zero byte", F::QualifierRegex("\\x00"), zero},
       {"a class", F::QualifierRegex("[\\x80-\\xff]+"), absl::StrJoin({two, one, ff}, " ")},
       {"newline by (?s)", F::ValueRegex("(?s)."), absl::StrJoin({zero, line, one, ff}, " ")}});
}

TEST_F(FilterModel, Ranges) {
  const Bound x = Bound::Closed("x"), x_open = Bound::Open("x"), z = Bound::Closed("z"),
              z_open = Bound::Open("z"), one = Bound::Closed("1"), one_open = Bound::Open("1"),
              two = Bound::Closed("2"), two_open = Bound::Open("2");
  Run({{"column_range, closed", F::ColumnRange("b", x, z), "b:x@8=1 b:z@1="},
       {"column_range, start open", F::ColumnRange("b", x_open, z), "b:z@1="},
       {"column_range, end open", F::ColumnRange("b", x, z_open), "b:x@8=1"},
       {"column_range, no start", F::ColumnRange("a", {}, x_open), "a:@5=e"},
       {"column_range, no end", F::ColumnRange("a", x_open, {}), "a:xy@3=2"},
       {"column_range, no ends", F::ColumnRange("b", {}, {}), "b:x@8=1 b:z@1="},
       {"column_range, empty", F::ColumnRange("b", x_open, x_open), ""},
       {"column_range, one column", F::ColumnRange("a", x, x), "a:x@9=1 a:x@7=12"},
       {"column_range, the empty qualifier", F::ColumnRange("a", {}, Bound::Closed("")), "a:@5=e"},
       {"value_range, closed", F::ValueRange(one, two), "a:x@9=1 a:x@7=12 a:xy@3=2 b:x@8=1"},
       {"value_range, start open", F::ValueRange(one_open, two), "a:x@7=12 a:xy@3=2"},
       {"value_range, end open", F::ValueRange(one, two_open), "a:x@9=1 a:x@7=12 b:x@8=1"},
       {"value_range, no start", F::ValueRange({}, one_open), "b:z@1="},
       {"value_range, no end", F::ValueRange(two_open, {}), "a:@5=e"},
       {"value_range, no ends", F::ValueRange({}, {}), kAll},
       {"timestamp_range, [start, end)", F::TimestampRange(3000, 8000), "a:@5=e a:x@7=12 a:xy@3=2"},
       {"timestamp_range, 0 is open at the end", F::TimestampRange(8000, 0), "a:x@9=1 b:x@8=1"},
       {"timestamp_range, 0 is open at the start", F::TimestampRange(0, 5000), "a:xy@3=2 b:z@1="},
       {"timestamp_range, both open", F::TimestampRange(0, 0), kAll},
       {"timestamp_range, empty", F::TimestampRange(5000, 5000), ""}});
}

TEST_F(FilterModel, OffsetsAndLimits) {
  Run({{"cells_per_row_offset 0", F::CellsPerRowOffset(0), kAll},
       {"cells_per_row_offset 4", F::CellsPerRowOffset(4), "b:x@8=1 b:z@1="},
       {"cells_per_row_offset 6", F::CellsPerRowOffset(6), ""},
       {"cells_per_row_offset, most", F::CellsPerRowOffset(INT32_MAX), ""},
       {"cells_per_row_limit 1", F::CellsPerRowLimit(1), "a:@5=e"},
       {"cells_per_row_limit, most", F::CellsPerRowLimit(INT32_MAX), kAll},
       {"cells_per_column_limit 1, newest first", F::Versions(1),
        "a:@5=e a:x@9=1 a:xy@3=2 b:x@8=1 b:z@1="},
       {"cells_per_column_limit 2", F::Versions(2), kAll},
       {"in order: the limit sees what the offset left",
        F::CellsPerRowOffset(1) & F::CellsPerRowLimit(2), "a:x@9=1 a:x@7=12"},
       {"in order: the offset sees what the limit left",
        F::CellsPerRowLimit(2) & F::CellsPerRowOffset(1), "a:x@9=1"},
       {"never reordered across a limit", F::Versions(1) & F::ValueRegex("12"), ""},
       {"never reordered across an offset", F::CellsPerRowOffset(5) & F::Family("a"), ""},
       {"never reordered across an interleave",
        (F::Family("a") | F::PassAll()) & F::CellsPerRowLimit(2) & F::QualifierRegex("x"), ""}});
}

TEST_F(FilterModel, LabelsAndMasks) {
  Run({{"apply_label", F::Column("b", "z") & F::ApplyLabel("l-1"), "b:z@1=#l-1"},
       {"apply_label, longest", F::Column("b", "z") & F::ApplyLabel("abcdefghijklm-9"),
        "b:z@1=#abcdefghijklm-9"},
       {"one label on each path",
        F::Column("b", "z") & (F::ApplyLabel("l") | F::ApplyLabel("m") | F::PassAll()),
        "b:z@1=#l b:z@1=#m b:z@1="},
       {"value_bitmask, equal", F::ValueBitmask("1"), "a:x@9=1 b:x@8=1"},
       {"value_bitmask, some bits", F::ValueBitmask("\x30"), "a:x@9=1 a:xy@3=2 b:x@8=1"},
       {"value_bitmask, no bits: by length", F::ValueBitmask(std::string(1, '\0')),
        "a:@5=e a:x@9=1 a:xy@3=2 b:x@8=1"},
       {"value_bitmask, lengths equal", F::ValueBitmask(std::string("\x30\x30")), "a:x@7=12"},
       {"value_bitmask, all of the bits", F::ValueBitmask("\x45"), "a:@5=e"}});
}

TEST_F(FilterModel, ErrorsByCodeAndText) {
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("a")}));
  auto flag = [](Filter filter) {
    filter.flag = false;
    return filter;
  };
  Filter nested = F::Condition(F::PassAll(), F::PassAll() & F::Sink(), F());
  const std::string two_labels =
      "Error in field 'apply_label' : label \"m\" would be the second "
      "one on its path";
  const std::pair<Filter, std::string> cases[] = {
      {flag(F::PassAll()), "Error in field 'pass_all' : the flag must be true"},
      {flag(F::BlockAll()), "Error in field 'block_all' : the flag must be true"},
      {flag(F::Sink()), "Error in field 'sink' : the flag must be true"},
      {flag(F::StripValue()), "Error in field 'strip_value' : the flag must be true"},
      {F::Chain(std::vector<Filter>{}),
       "Error in field 'chain' : 0 filters; it must have at least 2"},
      {F::Chain(std::vector<Filter>{F::PassAll()}),
       "Error in field 'chain' : 1 filters; it must have at least 2"},
      {F::Interleave(std::vector<Filter>{F::PassAll()}),
       "Error in field 'interleave' : 1 filters; it must have at least 2"},
      {F::ApplyLabel("l") & F::ApplyLabel("m"), two_labels},
      {(F::PassAll() | F::ApplyLabel("l")) & F::ApplyLabel("m"), two_labels},
      {F::ApplyLabel("l") & F::Condition(F::PassAll(), F::ApplyLabel("m"), F()), two_labels},
      {F::Condition(F(), F::PassAll(), F()), "Error in field 'condition' : it has no predicate"},
      {F::Condition(F::PassAll(), F(), F()),
       "Error in field 'condition' : it has neither a true nor a false filter"},
      {nested, "Error in field 'sink' : a sink cannot stand inside a condition"},
      {F::Condition(F::Sink(), F::PassAll(), F()),
       "Error in field 'sink' : a sink cannot stand inside a condition"},
      {F::RowKeyRegex(""), "Error in field 'row_key_regex' : the regex is empty"},
      {F::RowSample(0),
       "Error in field 'row_sample' : the probability is 0; it must be above 0 and below 1"},
      {F::RowSample(1),
       "Error in field 'row_sample' : the probability is 1; it must be above 0 and below 1"},
      {F::RowSample(-0.5), "Error in field 'row_sample' : the probability is -0.5"},
      {F::RowSample(std::nan("")), "Error in field 'row_sample' : the probability is nan"},
      {F::RowKeyRegex("("), "Error in field 'row_key_regex' : missing ): ("},
      {F::FamilyNameRegex("("), "Error in field 'family_name_regex' : missing ): ("},
      {F::QualifierRegex("*"),
       "Error in field 'column_qualifier_regex' : no argument for repetition operator: *"},
      {F::ValueRegex("[z-a]"), "Error in field 'value_regex' : invalid character class range: z-a"},
      {F::ColumnRange("a", Bound::Closed("b"), Bound::Closed("a")),
       "Error in field 'column_range' : the range is reversed: it starts at \"b\" and ends at "
       "\"a\""},
      {F::ColumnRange("a b", {}, {}), "family name holds a byte outside [-_.a-zA-Z0-9]"},
      {F::ValueRange(Bound::Open("b"), Bound::Open("a")),
       "Error in field 'value_range' : the range is reversed: it starts at \"b\" and ends at "
       "\"a\""},
      {F::TimestampRange(2000, 1000),
       "Error in field 'timestamp_range' : the range [2000, 1000) is reversed"},
      {F::TimestampRange(-1, 0),
       "Error in field 'timestamp_range' : the range [-1, 0) has a negative bound"},
      {F::CellsPerRowOffset(-1),
       "Error in field 'cells_per_row_offset' : the offset -1 is negative"},
      {F::CellsPerRowLimit(0),
       "Error in field 'cells_per_row_limit' : the limit is 0; it must be at least 1"},
      {F::CellsPerColumnLimit(-5),
       "Error in field 'cells_per_column_limit' : the limit is -5; it must be at least 1"},
      {F::ApplyLabel(""),
       "Error in field 'apply_label' : the label \"\" of 0 bytes does not match [a-z0-9\\-]{1,15}"},
      {F::ApplyLabel("abcdefghijklmnop"),
       "Error in field 'apply_label' : the label \"abcdefghijklmnop\" of 16 bytes does not match"},
      {F::ApplyLabel("A"), "Error in field 'apply_label' : the label \"A\" of 1 bytes"},
      {F::ApplyLabel("a_b"), "Error in field 'apply_label' : the label \"a_b\" of 3 bytes"},
      {F::ValueBitmask(""), "Error in field 'value_bitmask' : the mask is empty"},
      {F::Chain(F(), F::PassAll()), "a filter inside another is not set"},
  };
  for (const auto& [filter, text] : cases) {
    for (const Filter& f : {filter, F::Interleave(std::vector<Filter>{F::PassAll(), filter})}) {
      const ReadQuery query = ReadQuery().Filter(f);
      EXPECT_STATUS(kInvalidArgument, text, table.ReadRow("key", query));
      EXPECT_STATUS(kInvalidArgument, text, table.ReadRows(query, [](Row) { return true; }));
      EXPECT_STATUS(kInvalidArgument, text,
                    table.CheckAndMutate({"key", f, {DeleteFromRow{}}, {}}));
    }
  }
}

TEST_F(FilterModel, AtMost20480BytesAnd20Deep) {
  ASSERT_OK_AND_ASSIGN(Table table, Make({Family("a")}));
  ASSERT_OK(table.Apply(RowMutationBuilder("key").SetAt("a", "q", 0, "v").Build()));
  // One byte of kind and three of length stand before the mask.
  const Filter largest = F::ValueBitmask(std::string(20'480 - 4, 'm'));
  const Filter larger = F::ValueBitmask(std::string(20'480 - 3, 'm'));
  Filter deepest = F::PassAll();
  for (int i = 1; i < 20; ++i) {
    deepest = i % 2 == 0 ? F::Chain(std::vector<Filter>{F::PassAll(), std::move(deepest)})
                         : F::Condition(std::move(deepest), F::PassAll(), F());
  }
  const Filter deeper = F::Chain(std::vector<Filter>{F::PassAll(), deepest});
  auto nothing = [](Row) { return true; };
  for (const Filter& good : {largest, deepest}) {
    EXPECT_OK(table.ReadRow("key", ReadQuery().Filter(good)));
    EXPECT_OK(table.ReadRows(ReadQuery().Filter(good), nothing));
    EXPECT_OK(table.CheckAndMutate({"key", good, {}, {DeleteFromFamily{"a"}}}));
  }
  const std::pair<Filter, const char*> bad[] = {
      {larger, "filter has 20481 bytes or more; the limit is 20480"},
      {deeper, "filter is more than 20 deep, which is the limit"}};
  for (const auto& [filter, text] : bad) {
    EXPECT_STATUS(kInvalidArgument, text, table.ReadRow("key", ReadQuery().Filter(filter)));
    EXPECT_STATUS(kInvalidArgument, text, table.ReadRows(ReadQuery().Filter(filter), nothing));
    EXPECT_STATUS(kInvalidArgument, text,
                  table.CheckAndMutate({"key", filter, {DeleteFromRow{}}, {}}));
  }
}

}  // namespace
}  // namespace stele
