// Bytes shown as text come back as they were; sizes and durations are read as people write them.
#include "client/cli/bytes_text.h"

#include <gtest/gtest.h>

namespace stele::cli {
namespace {

TEST(Escape, ShowsTextAsItIsAndTheRestInHex) {
  EXPECT_EQ(Escape("plain text"), "plain text");
  EXPECT_EQ(Escape("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"),
            "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
  EXPECT_EQ(Escape(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(Escape("\n\r\t\\\x7F\x1B"), "\\n\\r\\t\\\\\\x7f\\x1b");
  EXPECT_EQ(Escape("\xFF\xC3"), "\\xff\\xc3");
  EXPECT_EQ(Escape("\xC0\x80"), "\\xc0\\x80") << "overlong";
  EXPECT_EQ(Escape("\xED\xA0\x80"), "\\xed\\xa0\\x80") << "surrogate";
  EXPECT_EQ(Escape("\xF4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80") << "above Unicode";
  EXPECT_EQ(Escape("\xC2\x9B"), "\\xc2\\x9b") << "a control sequence introducer";
}

TEST(Escape, IsUndoneByUnescape) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  all += all + "\xE2\x82\xAC\\x41";
  StatusOr<std::string> back = Unescape(Escape(all));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, all);
  for (const char* bad : {"\\", "\\q", "\\x", "\\x4", "\\x4g", "a\\"}) {
    EXPECT_FALSE(Unescape(bad).ok()) << bad;
  }
}

TEST(Hex, HasAWordForTheEmptyString) {
  EXPECT_EQ(ToHex(""), "_");
  EXPECT_EQ(ToHex(std::string_view("\0\xAB", 2)), "00ab");
  EXPECT_EQ(*FromHex("_"), "");
  EXPECT_EQ(*FromHex("00aB"), std::string("\0\xAB", 2));
  for (const char* bad : {"", "a", "abc", "zz", "__", "0x"}) EXPECT_FALSE(FromHex(bad).ok()) << bad;
}

TEST(ParseBytes, TakesBinaryUnits) {
  EXPECT_EQ(*ParseBytes("4096"), 4096u);
  EXPECT_EQ(*ParseBytes("64k"), 65536u);
  EXPECT_EQ(*ParseBytes("200MB"), 200u << 20);
  EXPECT_EQ(*ParseBytes("1g"), 1u << 30);
  for (const char* bad :
       {"", "k", "-1", "1.5g", "1x", "1kk", "99999999999999999999", "20000000t"}) {
    EXPECT_FALSE(ParseBytes(bad).ok()) << bad;
  }
}

TEST(ParseDuration, WantsAUnit) {
  EXPECT_EQ(*ParseDurationUs("500ms"), 500'000);
  EXPECT_EQ(*ParseDurationUs("7d"), 7 * 86'400'000'000);
  for (const char* text : {"1ms", "1500us", "90s", "5m", "12h", "7d"}) {
    EXPECT_EQ(*ParseDurationUs(FormatDurationUs(*ParseDurationUs(text))), *ParseDurationUs(text));
  }
  for (const char* bad : {"", "5", "d", "-1s", "1w", "99999999999999d"}) {
    EXPECT_FALSE(ParseDurationUs(bad).ok()) << bad;
  }
}

TEST(ParseColumn, SplitsAtTheFirstColon) {
  EXPECT_EQ(ParseColumn("f:a:b").qualifier, "a:b");
  EXPECT_TRUE(ParseColumn("f:").has_qualifier);
  EXPECT_FALSE(ParseColumn("f").has_qualifier);
  EXPECT_EQ(ParseColumn("f").family, "f");
}

TEST(FormatBytes, Rounds) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1536), "1.5 KiB");
  EXPECT_EQ(FormatBytes(3u << 30), "3.0 GiB");
}

}  // namespace
}  // namespace stele::cli
