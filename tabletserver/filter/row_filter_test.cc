// Goal: every line of DATA_MODEL's table of filters, by its name, on one row; then what streaming
// promises: how often a row is read, and no further than needed.
#include "tabletserver/filter/row_filter.h"

#include <gtest/gtest.h>

#include "absl/strings/str_split.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "stele/filter_text.h"
#include "tabletserver/filter/listed_row.h"

namespace stele::tabletserver {
namespace {

// "f:q@ts=value" parted by blanks.
std::vector<Cell> Cells(Slice text) {
  std::vector<Cell> cells;
  for (Slice word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    const std::vector<std::string> parts = absl::StrSplit(word, absl::ByAnyChar(":@="));
    cells.push_back({parts[0], parts[1], std::stoll(parts[2]), parts[3]});
  }
  return cells;
}

std::shared_ptr<const RowFilter> Compiled(Slice text) {
  auto filter = ParseFilter(ToStd(text));
  EXPECT_OK(filter);
  auto compiled = RowFilter::Compile(*filter);
  EXPECT_OK(compiled);
  return *compiled;
}

constexpr char kRow[] = "a:@5=e a:x@9=1 a:x@7=12 a:xy@3=2 b:x@8=1 b:z@1=";

// What comes out of the row "key", parted by blanks.
std::string Filtered(Slice text, Slice cells = kRow, Slice key = "key") {
  RowFilterRun run(Compiled(text), 1);
  ListedRow row(Cells(cells));
  EXPECT_OK(FilterRow(&run, key, &row, &row));
  auto yields = FilterYieldsCell(&run, key, &row);
  EXPECT_OK(yields);
  EXPECT_EQ(*yields, !row.out.empty());
  return Shown(row.out);
}

TEST(FilterTable, PassAll) { EXPECT_EQ(Filtered("pass"), kRow); }
TEST(FilterTable, BlockAll) { EXPECT_EQ(Filtered("block"), ""); }
TEST(FilterTable, StripValue) {
  EXPECT_EQ(Filtered("strip"), "a:@5= a:x@9= a:x@7= a:xy@3= b:x@8= b:z@1=");
  EXPECT_EQ(Filtered("strip & value(\"1\")"), "");
  EXPECT_EQ(Filtered("value(\"1\") & strip"), "a:x@9= b:x@8=");
}
TEST(FilterTable, Chain) {
  EXPECT_EQ(Filtered("family(a) & qualifier(x) & versions(1)"), "a:x@9=1");
  EXPECT_EQ(Filtered("limit(1) & family(b)"), "");
  EXPECT_EQ(Filtered("family(b) & limit(1)"), "b:x@8=1");
}
TEST(FilterTable, InterleaveMergesInOrderAndKeepsDuplicates) {
  EXPECT_EQ(Filtered("family(b) | family(a)"), kRow);
  EXPECT_EQ(Filtered("family(b) | qualifier(x) & label(l)"),
            "a:x@9=1#l a:x@7=12#l b:x@8=1 b:x@8=1#l b:z@1=");
}
TEST(FilterTable, InterleaveDuplicatesCountInLaterLimits) {
  EXPECT_EQ(Filtered("(pass | pass) & limit(3)"), "a:@5=e a:@5=e a:x@9=1");
  EXPECT_EQ(Filtered("(pass | pass) & versions(1)"), "a:@5=e a:x@9=1 a:xy@3=2 b:x@8=1 b:z@1=");
  EXPECT_EQ(Filtered("(pass | pass) & offset(11)"), "b:z@1=");
}
TEST(FilterTable, ConditionOnTheInputRow) {
  EXPECT_EQ(Filtered("if(value(\"12\"), qualifier(\"\"), family(b))"), "a:@5=e");
  EXPECT_EQ(Filtered("if(value(\"13\"), qualifier(\"\"), family(b))"), "b:x@8=1 b:z@1=");
  EXPECT_EQ(Filtered("family(b) & if(qualifier(xy), pass, limit(1))"), "b:x@8=1")
      << "its input row is what the chain lets through";
  EXPECT_EQ(Filtered("if(strip & label(p) & limit(1), limit(1))"), "a:@5=e")
      << "what the predicate does to cells is forgotten";
}
TEST(FilterTable, ConditionMissingBranchYieldsNothing) {
  EXPECT_EQ(Filtered("if(pass, none, pass)"), "");
  EXPECT_EQ(Filtered("if(block, pass)"), "");
}
TEST(FilterTable, SinkGoesPastAllOuterFilters) {
  EXPECT_EQ(Filtered("sink"), kRow);
  EXPECT_EQ(Filtered("family(b) & sink & block"), "b:x@8=1 b:z@1=");
  EXPECT_EQ(Filtered("(qualifier(x) & label(s) & sink | family(b)) & strip & label(t)"),
            "a:x@9=1#s a:x@7=12#s b:x@8=1#s b:x@8=#t b:z@1=#t");
  EXPECT_EQ(Filtered("((value(\"1\") & sink | pass) & family(a) | block) & limit(1)"),
            "a:@5=e a:x@9=1 b:x@8=1");
}
TEST(FilterTable, RowKeyRegexTakesWholeRowOrNothing) {
  EXPECT_EQ(Filtered("row~\"k..\""), kRow);
  EXPECT_EQ(Filtered("row~\"k\""), "");
  EXPECT_EQ(Filtered("row~\"k.y\"", kRow, "k\ny"), "");
  EXPECT_EQ(Filtered("row~\"k\\Cy\"", kRow, "k\ny"), kRow);
}
TEST(FilterTable, FamilyNameRegex) {
  EXPECT_EQ(Filtered("family~\"[b-z]\""), "b:x@8=1 b:z@1=");
  EXPECT_EQ(Filtered("family(nowhere)"), "") << "an unknown family is empty, not an error";
  EXPECT_EQ(Filtered("column(nowhere, ..)"), "");
}
TEST(FilterTable, ColumnQualifierRegex) {
  EXPECT_EQ(Filtered("qualifier~\"\""), "a:@5=e") << "\"\" matches the empty qualifier";
  EXPECT_EQ(Filtered("qualifier~\"x.?\""), "a:x@9=1 a:x@7=12 a:xy@3=2 b:x@8=1");
}
TEST(FilterTable, ValueRegex) {
  EXPECT_EQ(Filtered("value~\"[0-9]\""), "a:x@9=1 a:xy@3=2 b:x@8=1");
  EXPECT_EQ(Filtered("value~\"\""), "b:z@1=");
}
TEST(FilterTable, ColumnRange) {
  EXPECT_EQ(Filtered("column(a, \"x\"..\"xy\")"), "a:x@9=1 a:x@7=12");
  EXPECT_EQ(Filtered("column(a, \"x\"<..=\"xy\")"), "a:xy@3=2");
  EXPECT_EQ(Filtered("column(b, ..)"), "b:x@8=1 b:z@1=");
  EXPECT_EQ(Filtered("column(a, ..\"x\")"), "a:@5=e");
  EXPECT_EQ(Filtered("column(a, \"x\"<..)"), "a:xy@3=2");
  EXPECT_EQ(Filtered("column(a, \"x\"..\"x\")"), "") << "empty, and no error";
}
TEST(FilterTable, ValueRange) {
  EXPECT_EQ(Filtered("value(\"1\"..\"2\")"), "a:x@9=1 a:x@7=12 b:x@8=1");
  EXPECT_EQ(Filtered("value(\"1\"<..=\"2\")"), "a:x@7=12 a:xy@3=2");
  EXPECT_EQ(Filtered("value(..\"1\")"), "b:z@1=");
}
TEST(FilterTable, TimestampRange) {
  EXPECT_EQ(Filtered("time(5..8)"), "a:@5=e a:x@7=12");
  EXPECT_EQ(Filtered("time(8..)"), "a:x@9=1 b:x@8=1");
  EXPECT_EQ(Filtered("time(..3)"), "b:z@1=");
  EXPECT_EQ(Filtered("time(5..5)"), "");
}
TEST(FilterTable, CellsPerRowOffset) {
  EXPECT_EQ(Filtered("offset(4)"), "b:x@8=1 b:z@1=");
  EXPECT_EQ(Filtered("offset(0)"), kRow);
  EXPECT_EQ(Filtered("offset(6)"), "");
}
TEST(FilterTable, CellsPerRowLimit) {
  EXPECT_EQ(Filtered("limit(2)"), "a:@5=e a:x@9=1");
  EXPECT_EQ(Filtered("limit(100)"), kRow);
}
TEST(FilterTable, CellsPerColumnLimitTakesTheNewest) {
  EXPECT_EQ(Filtered("versions(1)"), "a:@5=e a:x@9=1 a:xy@3=2 b:x@8=1 b:z@1=");
  EXPECT_EQ(Filtered("versions(1)", "a:x@9=1 b:x@9=1"), "a:x@9=1 b:x@9=1")
      << "the same qualifier of another family is another column";
}
TEST(FilterTable, ApplyLabel) { EXPECT_EQ(Filtered("limit(1) & label(l-1)"), "a:@5=e#l-1"); }
TEST(FilterTable, ValueBitmask) {
  EXPECT_EQ(Filtered("mask(\"\\x31\")"), "a:x@9=1 b:x@8=1");
  EXPECT_EQ(Filtered("mask(\"\\x21\")"), "a:@5=e a:x@9=1 b:x@8=1");
  EXPECT_EQ(Filtered("mask(\"\\x00\\x00\")"), "a:x@7=12") << "the lengths are equal";
}
TEST(FilterTable, NoFilterLetsEverythingThrough) {
  auto compiled = RowFilter::Compile(Filter{});
  ASSERT_OK(compiled);
  RowFilterRun run(*compiled, 1);
  ListedRow row(Cells(kRow));
  ASSERT_OK(FilterRow(&run, "key", &row, &row));
  EXPECT_EQ(Shown(row.out), kRow);
}
TEST(FilterTable, InvalidFilterDoesNotCompile) {
  EXPECT_STATUS(kInvalidArgument, "probability", RowFilter::Compile(Filter::RowSample(2)));
}

TEST(FilterTable, RowSampleIsAFractionAndTheSameEveryTime) {
  constexpr int kRows = 20'000;
  RowFilterRun run(Compiled("sample(0.3)"), 7), again(Compiled("sample(0.3)"), 7);
  RowFilterRun other(Compiled("sample(0.3)"), 8), twice(Compiled("sample(0.3) & sample(0.5)"), 7);
  int taken = 0, differ = 0, both = 0;
  for (int i = 0; i < kRows; ++i) {
    const std::string key = absl::StrCat("row", i);
    ListedRow row(Cells("a:x@1=v a:y@1=v"));
    const auto takes = [&](RowFilterRun* r) {
      row.out.clear();
      EXPECT_OK(FilterRow(r, key, &row, &row));
      EXPECT_TRUE(row.out.empty() || row.out.size() == 2) << "whole row or nothing";
      return !row.out.empty();
    };
    const bool first = takes(&run);
    taken += first ? 1 : 0;
    EXPECT_EQ(takes(&again), first);
    differ += takes(&other) != first ? 1 : 0;
    both += takes(&twice) ? 1 : 0;
  }
  EXPECT_NEAR(taken, kRows * 0.3, kRows * 0.02);
  EXPECT_NEAR(differ, kRows * 0.42, kRows * 0.02) << "another seed, another choice";
  EXPECT_NEAR(both, kRows * 0.15, kRows * 0.02) << "two samples choose independently";
}

struct Passes {
  const char* filter;
  int passes;      // as the program says
  int reads;       // of the row kRow
  int cells_read;  // in all of them
};

TEST(FilterStreaming, ReadsARowNoOftenerAndNoFurtherThanNeeded) {
  const Passes kCases[] = {
      {"pass", 1, 1, 6},
      {"limit(2)", 1, 1, 2},
      {"limit(2) | family(a) & limit(1)", 1, 1, 2},
      {"block", 1, 0, 0},
      {"row(\"other\")", 1, 0, 0},
      {"row(\"other\") | limit(1)", 1, 1, 1},
      {"limit(1) & (sink | pass)", 1, 1, 1},
      {"sink & limit(1)", 1, 1, 6},
      {"if(value(\"1\"), limit(1))", 2, 2, 2 + 1},
      {"if(value(\"none\"), pass)", 2, 1, 6},
      {"if(row(\"key\"), limit(1), pass)", 1, 1, 1},
      {"if(row(\"other\") & limit(3) | block, pass)", 1, 0, 0},
      {"if(row(\"other\") | qualifier(xy), limit(1))", 2, 2, 4 + 1},
      // A condition in a branch does not wait; one behind another does, and one in a predicate.
      {"if(value(\"1\"), if(value(\"12\"), limit(1)))", 2, 2, 3 + 1},
      {"if(value(\"1\"), pass) & if(value(\"12\"), limit(1))", 3, 3, 2 + 3 + 1},
      {"if(if(value(\"1\"), value(\"12\")), limit(1))", 3, 3, 2 + 3 + 1},
      {"if(limit(1), limit(1))", 1, 1, 1},
      {"if(offset(3), limit(1))", 2, 2, 4 + 1},
  };
  for (const Passes& c : kCases) {
    SCOPED_TRACE(c.filter);
    RowFilterRun run(Compiled(c.filter), 1);
    ListedRow row(Cells(kRow));
    ASSERT_OK(FilterRow(&run, "key", &row, &row));
    EXPECT_EQ(run.passes(), c.passes);
    EXPECT_EQ(row.reads, c.reads);
    EXPECT_EQ(row.cells_read, c.cells_read);
  }
}

TEST(FilterStreaming, YieldsCellStopsAtTheFirst) {
  RowFilterRun run(Compiled("family(a) & value~\"1.*\""), 1);
  ListedRow row(Cells(kRow));
  ASSERT_OK_AND_ASSIGN(const bool yields, FilterYieldsCell(&run, "key", &row));
  EXPECT_TRUE(yields);
  EXPECT_EQ(row.cells_read, 2);
}

TEST(FilterStreaming, SaysWhenAColumnIsDone) {
  const auto done = [](Slice filter, Slice cells) {
    RowFilterRun run(Compiled(filter), 1);
    ListedRow row({});
    run.StartRow("key");
    run.StartPass(0);
    std::string answers;
    for (const Cell& c : Cells(cells)) {
      run.AddCell({c.family, c.qualifier, c.timestamp_us, c.value, {}}, &row);
      answers += run.ColumnDone() ? 'd' : '.';
    }
    return answers;
  };
  const char* const kTwo = "a:x@9=1 a:x@7=1 a:x@5=1 a:y@6=1 a:y@4=1";
  EXPECT_EQ(done("pass", kTwo), ".....");
  EXPECT_EQ(done("block", kTwo), "ddddd");
  EXPECT_EQ(done("versions(2)", kTwo), ".dd.d");
  EXPECT_EQ(done("qualifier(y)", kTwo), "ddd..");
  EXPECT_EQ(done("family(b)", kTwo), "ddddd");
  EXPECT_EQ(done("column(a, \"y\"..)", kTwo), "ddd..");
  EXPECT_EQ(done("time(7..)", kTwo), ".dddd");
  EXPECT_EQ(done("time(5..8)", kTwo), "..d.d");
  EXPECT_EQ(done("versions(1) | qualifier(y)", kTwo), "ddd..");
  EXPECT_EQ(done("limit(4) & qualifier(y)", kTwo), "...dd") << "the row's count goes on";
  EXPECT_EQ(done("qualifier(y) & offset(1)", kTwo), "ddd..");
  EXPECT_EQ(done("if(qualifier(y), pass)", kTwo), "ddddd")
      << "the predicate's pass ends when it is true";
}

TEST(FilterStreaming, ErrorsOfTheRowComeBack) {
  RowFilterRun run(Compiled("if(value(\"1\"), pass)"), 1);
  ListedRow row(Cells(kRow));
  row.status = absl::DataLossError("a block is damaged");
  EXPECT_STATUS(kDataLoss, "damaged", FilterRow(&run, "key", &row, &row));
  EXPECT_STATUS(kDataLoss, "damaged", FilterYieldsCell(&run, "key", &row));
}

// A run left in the middle of a row begins the next one clean.
TEST(FilterStreaming, RowsDoNotLeakIntoEachOther) {
  RowFilterRun run(Compiled("versions(1) & offset(1) & limit(2)"), 1);
  ListedRow row(Cells(kRow));
  run.StartRow("first");
  run.StartPass(0);
  run.AddCell({"a", "x", 9, "1", {}}, &row);
  ASSERT_OK(FilterRow(&run, "key", &row, &row));
  EXPECT_EQ(Shown(row.out), "a:x@9=1 a:xy@3=2");
}

// The cells of a very large row pass without being kept, and the costliest filter is bearable.
TEST(FilterStreaming, AMillionCells) {
  class Count : public FilterOutput {
   public:
    void AddCell(const CellView& cell) override { bytes += cell.value.size(); }
    uint64_t bytes = 0;
  } count;
  RowFilterRun run(Compiled("(family(a) & strip | versions(2) & value~\".*\") & offset(10)"), 1);
  const std::string value(200, 'v');
  run.StartRow("key");
  run.StartPass(0);
  for (int i = 0; i < 1'000'000; ++i) {
    run.AddCell({"a", "x", 1'000'000 - i, value, {}}, &count);
  }
  EXPECT_EQ(count.bytes, 0u) << "both versions are within the offset";
  EXPECT_FALSE(run.RowDone());

  std::vector<Filter> twice(12, Filter::Interleave({Filter::PassAll(), Filter::PassAll()}));
  auto copies = RowFilter::Compile(Filter::Chain(twice));
  ASSERT_OK(copies);
  RowFilterRun many(*copies, 1);
  many.StartRow("key");
  many.StartPass(0);
  many.AddCell({"a", "x", 1, "v", {}}, &count);
  EXPECT_EQ(count.bytes, 4096u);
}

// Thousands of interleaves one after the other need no stack.
TEST(FilterStreaming, LongChainsDoNotRecurse) {
  std::vector<Filter> parts(3'000, Filter::Interleave({Filter::PassAll(), Filter::Sink()}));
  auto filter = RowFilter::Compile(Filter::Chain(parts));
  ASSERT_OK(filter);
  RowFilterRun run(*filter, 1);
  ListedRow row(Cells("a:x@1=v"));
  ASSERT_OK(FilterRow(&run, "key", &row, &row));
  EXPECT_EQ(row.out.size(), 3'001u);
}

}  // namespace
}  // namespace stele::tabletserver
