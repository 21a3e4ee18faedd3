// What the Webtable takes from pages, whole and broken ones.
#include "client/cli/webtable/page.h"

#include <gtest/gtest.h>

namespace stele::webtable {
namespace {

Page Extract(std::string_view html) {
  return ExtractPage(html, *ParseUrl("http://example.org/w/page.html"));
}

using Links = std::map<std::string, std::string>;

TEST(ExtractPage, TitleAndLinks) {
  const Page page = Extract(
      "<html><head><title> A\n <b>page</b> </title></head><body>"
      "<a href=other.html>the  <i>other</i>\npage</a><a href='#top'>up</a><a name=x>no link</a>"
      "<a href=page.html#x>me</a><a href='http://x.com/'><img alt=Logo src=l.png></a>"
      "<a href='mailto:a@b'>mail</a></body></html>");
  EXPECT_EQ(page.title, "A <b>page</b>");  // a title holds text, never elements
  EXPECT_EQ(page.links,
            (Links{{"com.x/", "Logo"}, {"org.example/w/other.html", "the other page"}}));
  EXPECT_EQ(page.skipped_links, 1u);
  EXPECT_FALSE(page.truncated);
}

TEST(ExtractPage, JoinsDistinctTextsOfOneTarget) {
  const Page page =
      Extract("<a href=t>one</a><a href=t#f>two</a><a href=./t>one</a><a href=t></a>");
  EXPECT_EQ(page.links, (Links{{"org.example/w/t", "one\ntwo"}}));
}

TEST(ExtractPage, CutsLongTextsAtACharacter) {
  std::string text = "x";
  while (text.size() < kMaxAnchorTextBytes + 10) text += "\xC3\xA9";
  const Page page = Extract("<meta charset=utf-8><a href=t>" + text + "</a>");
  EXPECT_EQ(page.links.at("org.example/w/t").size(), kMaxAnchorTextBytes - 1);
}

TEST(ExtractPage, FirstBaseChangesWhatLinksMean) {
  const Page page =
      Extract("<head><base href=/z/><base href=/y/></head><body><a href=a.html>a</a></body>");
  EXPECT_EQ(page.links, (Links{{"org.example/z/a.html", "a"}}));
}

TEST(ExtractPage, BrokenMarkUpGivesWhatThereIs) {
  EXPECT_EQ(Extract("<title>never closed").title, "never closed");
  EXPECT_EQ(Extract("<a href=t>open <b>and <a href=u>nested").links,
            (Links{{"org.example/w/t", "open and"}, {"org.example/w/u", "nested"}}));
  EXPECT_EQ(Extract("</p></p><<<a href=\"t\">x</a").links, (Links{{"org.example/w/t", "x"}}));
  EXPECT_EQ(Extract("").links.size(), 0u);
  EXPECT_EQ(Extract(std::string_view("\0\xFF\xFE<a hr\0ef=t>\x80", 14)).links.size(), 0u);
}

TEST(ExtractPage, DeepNestingIsMarkedAndHarmless) {
  std::string deep;
  for (int i = 0; i < kMaxElementDepth + 50; ++i) deep += "<div>";
  const Page page = Extract("<title>t</title><a href=before>b</a>" + deep + "<a href=in>x</a>");
  EXPECT_EQ(page.title, "t");
  EXPECT_TRUE(page.truncated);
  EXPECT_EQ(page.links, (Links{{"org.example/w/before", "b"}}));

  std::string absurd;
  for (int i = 0; i < 1'000'000; ++i) absurd += "<div>";
  EXPECT_TRUE(Extract(absurd).truncated);
  std::string flat = "<title>flat</title>";
  for (int i = 0; i < 20'000; ++i) flat += "<p>x<br>";
  EXPECT_FALSE(Extract(flat).truncated);
}

TEST(ExtractPage, KeysTooLongForARowAreSkipped) {
  const Page page = Extract("<a href=" + std::string(5000, 'x') + ">long</a>");
  EXPECT_TRUE(page.links.empty());
  EXPECT_EQ(page.skipped_links, 1u);
}

}  // namespace
}  // namespace stele::webtable
