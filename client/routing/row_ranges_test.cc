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

}  // namespace
}  // namespace stele::routing
