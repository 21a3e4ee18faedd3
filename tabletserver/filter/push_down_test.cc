// Goal: what is pushed down of which filter, and what is not, because it would change the answer.
#include "tabletserver/filter/push_down.h"

#include <gtest/gtest.h>

#include "absl/strings/str_join.h"
#include "common/testing/status_asserts.h"
#include "stele/filter_text.h"

namespace stele::tabletserver {
namespace {

std::string Show(const PushDown& p) {
  const ReadSelection& s = p.selection;
  std::vector<std::string> parts;
  for (const std::string& family : s.families) parts.push_back(absl::StrCat("f:", family));
  for (const auto& [family, q] : s.columns) parts.push_back(absl::StrCat("c:", family, ":", q));
  for (const ColumnRange& r : s.ranges) {
    parts.push_back(
        PrintFilter(Filter::ColumnRange(r.family.empty() ? "any" : r.family, r.start, r.end)));
  }
  if (s.min_timestamp_us != 0 || s.max_timestamp_us != 0) {
    parts.push_back(absl::StrCat("t:", s.min_timestamp_us, "..", s.max_timestamp_us));
  }
  if (s.cells_per_column != 0) parts.push_back(absl::StrCat("versions:", s.cells_per_column));
  if (s.cells_per_row != 0) parts.push_back(absl::StrCat("limit:", s.cells_per_row));
  if (!p.row_prefix.empty()) parts.push_back(absl::StrCat("row:", p.row_prefix));
  return absl::StrJoin(parts, " ");
}

std::string Pushed(Slice text, const ReadSelection& selection = {}) {
  auto filter = ParseFilter(ToStd(text));
  EXPECT_OK(filter);
  const PushDown push_down = FindPushDown(*filter, selection);
  EXPECT_OK(ValidateSelection(push_down.selection));
  return Show(push_down);
}

TEST(PushDown, WhatOnePartSays) {
  EXPECT_EQ(Pushed("pass"), "");
  EXPECT_EQ(Pushed("block"), "c::");
  EXPECT_EQ(Pushed("family(a)"), "f:a");
  EXPECT_EQ(Pushed("family~\"a|b-c\""), "f:a f:b-c");
  EXPECT_EQ(Pushed("family~\"a.*\""), "") << "only names can be looked up";
  EXPECT_EQ(Pushed("qualifier(x)"), "column(any, \"x\")");
  EXPECT_EQ(Pushed("qualifier(\"\")"), "column(any, \"\")");
  EXPECT_EQ(Pushed("column(a, \"x\")"), "c:a:x");
  EXPECT_EQ(Pushed("column(a, \"x\"<..)"), "column(a, \"x\"<..)");
  EXPECT_EQ(Pushed("column(a, ..)"), "f:a");
  EXPECT_EQ(Pushed("time(5..9)"), "t:5..9");
  EXPECT_EQ(Pushed("versions(2)"), "versions:2");
  EXPECT_EQ(Pushed("limit(2)"), "limit:2");
  EXPECT_EQ(Pushed("value(\"x\")"), "");
  EXPECT_EQ(Pushed("offset(2)"), "");
  EXPECT_EQ(Pushed("sample(0.5)"), "");
}

TEST(PushDown, RowPrefixes) {
  EXPECT_EQ(Pushed("row(\"com.x\")"), "row:com.x");
  EXPECT_EQ(Pushed("row~\"com\\.x/.*\""), "row:com.x/");
  EXPECT_EQ(Pushed("row~\"^ab*\""), "row:a");
  EXPECT_EQ(Pushed("row~\"ab+c\""), "row:ab");
  EXPECT_EQ(Pushed("row~\"ab?\""), "row:a");
  EXPECT_EQ(Pushed("row~\"ab{0,2}\""), "row:a");
  EXPECT_EQ(Pushed("row~\"abc|abd\""), "row:ab");
  EXPECT_EQ(Pushed("row~\"ab(c|d)\""), "") << "an alternative may begin anywhere";
  EXPECT_EQ(Pushed("row~\"ab[(]|x\""), "");
  EXPECT_EQ(Pushed("row~\"(?i)ab\""), "");
  EXPECT_EQ(Pushed("row~\"\\d\""), "");
  EXPECT_EQ(Pushed("row~\"ab.*\" & row~\"a.*\""), "row:ab");
  EXPECT_EQ(Pushed("row~\"ab.*\" | row~\"ac.*\""), "row:a");
  EXPECT_EQ(Pushed("row~\"ab.*\" | pass"), "");
}

TEST(PushDown, ChainsNarrow) {
  EXPECT_EQ(Pushed("family(a) & qualifier(x)"), "c:a:x");
  EXPECT_EQ(Pushed("family(a) & family(b)"), "c::");
  EXPECT_EQ(Pushed("column(a, \"b\"..\"m\") & column(a, \"d\"<..=\"z\")"),
            "column(a, \"d\"<..\"m\")");
  EXPECT_EQ(Pushed("time(2..9) & time(4..)"), "t:4..9");
  EXPECT_EQ(Pushed("time(2..3) & time(4..)"), "c:: t:4..4");
  EXPECT_EQ(Pushed("strip & family(a) & label(l) & time(3..) & limit(2)"), "f:a t:3..0 limit:2");
  EXPECT_EQ(Pushed("value~\"x\" & family(a)"), "f:a");
  EXPECT_EQ(Pushed("family(a) & versions(3) & limit(5) & limit(4)"), "f:a versions:3 limit:4");
}

TEST(PushDown, NothingMovesAcross) {
  EXPECT_EQ(Pushed("limit(3) & family(a)"), "limit:3");
  EXPECT_EQ(Pushed("versions(3) & time(2..)"), "versions:3");
  EXPECT_EQ(Pushed("limit(3) & versions(1)"), "limit:3");
  EXPECT_EQ(Pushed("offset(3) & family(a)"), "");
  EXPECT_EQ(Pushed("sample(0.5) & family(a)"), "");
  EXPECT_EQ(Pushed("(pass | pass) & family(a)"), "");
  EXPECT_EQ(Pushed("sink & family(a)"), "");
  EXPECT_EQ(Pushed("if(pass, pass) & family(a)"), "");
  EXPECT_EQ(Pushed("limit(3) & (family(a) | family(b))"), "limit:3");
}

TEST(PushDown, LimitsBehindWhatIsNotPushedStay) {
  EXPECT_EQ(Pushed("value~\"x\" & limit(3)"), "");
  EXPECT_EQ(Pushed("family~\"a.*\" & versions(3)"), "");
  EXPECT_EQ(Pushed("mask(\"x\") & versions(3) & family(a)"), "");
}

TEST(PushDown, BranchesAddUp) {
  EXPECT_EQ(Pushed("family(a) | family(b) & qualifier(x)"), "f:a c:b:x");
  EXPECT_EQ(Pushed("family(a) | pass"), "");
  EXPECT_EQ(Pushed("time(2..4) | time(3..9)"), "t:2..9");
  EXPECT_EQ(Pushed("time(2..4) | time(3..)"), "t:2..0");
  EXPECT_EQ(Pushed("limit(2) | limit(5)"), "limit:5");
  EXPECT_EQ(Pushed("limit(2) | pass"), "");
  EXPECT_EQ(Pushed("versions(2) & limit(1) | versions(3)"), "versions:3");
  EXPECT_EQ(Pushed("versions(2) & limit(1) | versions(2) & limit(4)"), "versions:2 limit:4");
  EXPECT_EQ(Pushed("family(a) & limit(2) | family(b) & limit(5)"), "f:a f:b")
      << "each counts cells of its own";
  EXPECT_EQ(Pushed("time(2..) & versions(1) | versions(1)"), "");
  EXPECT_EQ(Pushed("if(family(a), family(b), column(c, \"x\"))"), "f:a f:b c:c:x");
  EXPECT_EQ(Pushed("if(limit(1), none, limit(3))"), "limit:3");
  EXPECT_EQ(Pushed("if(pass, family(b))"), "") << "the predicate needs the row";
}

TEST(PushDown, WithinTheRequestsSelection) {
  ReadSelection selection;
  selection.families = {"a"};
  selection.columns = {{"b", "x"}};
  selection.max_timestamp_us = 9;
  EXPECT_EQ(Pushed("pass", selection), "f:a c:b:x t:0..9");
  EXPECT_EQ(Pushed("family(b)", selection), "c:b:x t:0..9");
  EXPECT_EQ(Pushed("time(3..20) & limit(2)", selection), "f:a c:b:x t:3..9 limit:2");
  EXPECT_EQ(Pushed("column(a, \"q\"..) | pass", selection), "f:a c:b:x column(a, \"q\"..) t:0..9");
  // Its limits count cells that the filter would leave out.
  selection.cells_per_row = 5;
  EXPECT_EQ(Pushed("family(b) & row(k)", selection), "f:a c:b:x t:0..9 limit:5 row:k");
}

TEST(PushDown, CanBeSwitchedOff) {
  auto filter = ParseFilter("family(a) & row(k) & limit(1)");
  ASSERT_OK(filter);
  EXPECT_EQ(Show(FindPushDown(*filter, {}, {.enabled = false})), "");
  EXPECT_EQ(Show(FindPushDown(Filter{}, {})), "");
}

// More names than are worth a search: the engine reads all, limits stay with the filter.
TEST(PushDown, TooManyColumns) {
  std::string names = "n";
  for (int i = 0; i < 1500; ++i) absl::StrAppend(&names, "|n", i);
  const Filter many = Filter::QualifierRegex(names);
  EXPECT_EQ(Show(FindPushDown(many, {})), "");
  EXPECT_EQ(Show(FindPushDown(Filter::Chain({many, Filter::CellsPerRowLimit(1)}), {})), "");
  std::vector<Filter> branches(1200, Filter::QualifierRegex("q"));
  for (size_t i = 0; i < branches.size(); ++i) branches[i].bytes = absl::StrCat("q", i);
  EXPECT_EQ(Show(FindPushDown(Filter::Interleave(branches), {})), "");
}

}  // namespace
}  // namespace stele::tabletserver
