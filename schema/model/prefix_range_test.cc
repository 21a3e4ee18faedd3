// The rows of a prefix end right behind the last key that begins with it.
#include "stele/prefix_range.h"

#include <gtest/gtest.h>

namespace stele {
namespace {

TEST(PrefixRange, EndsAtThePrefixsSuccessor) {
  EXPECT_EQ(PrefixRange("ab"), (RowRange{.start = "ab", .end = "ac"}));
  EXPECT_EQ(PrefixRange("a\xff\xff"), (RowRange{.start = "a\xff\xff", .end = "b"}));
  EXPECT_EQ(PrefixRange("\xff"), (RowRange{.start = "\xff", .end = ""}));
  EXPECT_EQ(PrefixRange("\x7f"), (RowRange{.start = "\x7f", .end = "\x80"}));
  EXPECT_EQ(PrefixRange(""), RowRange{});
}

}  // namespace
}  // namespace stele
