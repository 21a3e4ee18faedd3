// Row sets become sorted disjoint runs, and requests never hold an illegal key.
#include "client/routing/row_ranges.h"

#include <gtest/gtest.h>

namespace stele::routing {
namespace {

const TabletDescriptor kWhole{16, 16, "", ""};

RowRanges Make(RowSet rows) {
  StatusOr<RowRanges> ranges = RowRanges::Create(rows);
  EXPECT_TRUE(ranges.ok()) << ranges.status();
  return *std::move(ranges);
}

std::string Show(const RowSet& rows) {
  std::string out;
  for (const std::string& key : rows.keys) out += "{" + key + "}";
  for (const RowRange& r : rows.ranges) {
    out += (r.start_open ? "(" : "[") + r.start + "," + r.end + (r.end_open ? ")" : "]");
  }
  return out;
}

TEST(RowRanges, SortsAndMerges) {
  RowRanges ranges =
      Make({{"x", "b", "b"},
            {{"c", false, "e", true}, {"d", true, "g", false}, {"a", true, "a2", true}}});
  EXPECT_EQ(Show(ranges.Clip(kWhole, 100).rows), "{b}{x}(a,a2)[c,g]");
  EXPECT_EQ(ranges.front(), std::string("a\0", 2));
}

TEST(RowRanges, NothingNamedIsTheWholeTable) {
  RowRanges ranges = Make({});
  EXPECT_EQ(Show(ranges.Clip(kWhole, 100).rows), "[,)");
  EXPECT_EQ(ranges.front(), "");
  ranges.DropThrough("m");
  EXPECT_EQ(Show(ranges.Clip(kWhole, 100).rows), "(m,)");
  ranges.DropBefore("");
  EXPECT_TRUE(ranges.empty());
}

TEST(RowRanges, EmptyRangesAreFineAndReversedOnesAreNot) {
  EXPECT_TRUE(Make({{}, {{"b", false, "b", true}}}).empty());
  EXPECT_FALSE(RowRanges::Create({{}, {{"c", false, "b", true}}}).ok());
  EXPECT_FALSE(RowRanges::Create({{""}, {}}).ok());
}

TEST(RowRanges, ClipStaysInTheTabletAndBelowTheLimit) {
  RowRanges ranges = Make({{"a", "c", "e", "g"}, {}});
  const TabletDescriptor tablet{16, 16, "", "e"};
  RowRanges::Part all = ranges.Clip(tablet, 100);
  EXPECT_EQ(Show(all.rows), "{a}{c}{e}");
  EXPECT_EQ(all.until, std::string("e\0", 2));
  RowRanges::Part part = ranges.Clip(tablet, 2);
  EXPECT_EQ(Show(part.rows), "{a}{c}");
  EXPECT_EQ(part.until, "e");
  ranges.DropBefore(part.until);
  EXPECT_EQ(Show(ranges.Clip(tablet, 2).rows), "{e}");
}

TEST(RowRanges, LongestKeysStayLegalOnTheWire) {
  const std::string longest(kMaxRowKeyBytes, 'k');
  RowRanges ranges = Make({{}, {{longest, true, longest + "", false}, {longest, true, "z", true}}});
  const RowSet rows = ranges.Clip(kWhole, 100).rows;
  EXPECT_TRUE(ValidateRowSet(rows).ok());
  EXPECT_EQ(rows.ranges.size(), 1u);
  EXPECT_TRUE(rows.ranges[0].start_open);
  ranges.DropThrough(longest + "");
  EXPECT_TRUE(ValidateRowSet(ranges.Clip(kWhole, 100).rows).ok());
}

TEST(RowRanges, ReversedDropsFromTheBack) {
  RowRanges ranges = Make({{"b", "x"}, {{"d", true, "g", false}}});
  EXPECT_EQ(ranges.LastRow(), "x");
  ranges.DropFrom("x");
  EXPECT_EQ(Show(ranges.Clip(kWhole, 100).rows), "{b}(d,g]");
  EXPECT_EQ(ranges.LastRow(), "g");
  ranges.DropFrom("e");
  EXPECT_EQ(Show(ranges.Clip(kWhole, 100).rows), "{b}(d,e)");
  EXPECT_EQ(ranges.end(), "e");
  ranges.DropFrom(std::string("d\0", 2));
  EXPECT_EQ(Show(ranges.Clip(kWhole, 100).rows), "{b}") << "nothing is between d and d";
  ranges.DropFrom("");
  EXPECT_TRUE(ranges.empty());
}

TEST(RowRanges, TheLastRowIsLegalAndNoneIsLarger) {
  const std::string least(1, '\0'), largest(kMaxRowKeyBytes, '\xFF');
  EXPECT_EQ(Make({}).LastRow(), largest);
  EXPECT_EQ(Make({{}, {{"a", false, "c", false}}}).LastRow(), "c");
  const std::string before_c = Make({{}, {{"a", false, "c", true}}}).LastRow();
  EXPECT_EQ(before_c, "b" + std::string(kMaxRowKeyBytes - 1, '\xFF'));
  EXPECT_EQ(Make({{largest}, {}}).LastRow(), largest);
  EXPECT_EQ(Make({{least}, {}}).LastRow(), least);
  // Nothing is before the least row.
  EXPECT_TRUE(Make({{}, {{"", false, least, true}}}).empty());
  RowRanges all = Make({});
  all.DropFrom(least);
  EXPECT_TRUE(all.empty());
}

TEST(RowRanges, ClipFromBackStaysInTheTabletAndBelowTheLimit) {
  RowRanges ranges = Make({{"a", "c", "e", "g"}, {{"h", false, "p", true}}});
  const TabletDescriptor tablet{16, 16, "c", "m"};
  RowRanges::Part all = ranges.ClipFromBack(tablet, 100);
  EXPECT_EQ(Show(all.rows), "{g}{e}[h,p)") << "c is of the tablet before";
  EXPECT_EQ(all.until, std::string("c\0", 2));
  RowRanges::Part part = ranges.ClipFromBack(tablet, 2);
  EXPECT_EQ(Show(part.rows), "{g}[h,p)");
  ranges.DropFrom(part.until);
  EXPECT_EQ(Show(ranges.Clip(kWhole, 100).rows), "{a}{c}{e}") << "what was asked for is done";
  ranges.DropFrom(all.until);
  EXPECT_EQ(Show(ranges.ClipFromBack({16, 16, "", "c"}, 100).rows), "{c}{a}");
  EXPECT_EQ(ranges.ClipFromBack({16, 16, "", "c"}, 100).until, "");
}

TEST(RowRanges, ClipFromBackCutsARangeAtTheTabletsStart) {
  RowRanges ranges = Make({{}, {{"b", true, "", true}}});
  EXPECT_EQ(Show(ranges.ClipFromBack({16, 16, "m", ""}, 100).rows), "(m,)");
  EXPECT_EQ(Show(ranges.ClipFromBack({16, 16, "b", "m"}, 100).rows), "(b,)");
  EXPECT_EQ(Show(ranges.ClipFromBack({16, 16, "", "m"}, 100).rows), "(b,)");
}

}  // namespace
}  // namespace stele::routing
