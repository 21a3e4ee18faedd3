// The addresses of the Webtable: RFC 3986 resolution, normal forms, and row keys of pages.
#include "client/cli/webtable/url.h"

#include <gtest/gtest.h>

namespace stele::webtable {
namespace {

Url Parse(std::string_view text) {
  StatusOr<Url> url = ParseUrl(text);
  EXPECT_TRUE(url.ok()) << text << ": " << url.status();
  return url.ok() ? *url : Url();
}

std::string Resolve(std::string_view base, std::string_view reference) {
  StatusOr<Url> url = ResolveReference(Parse(base), reference);
  return url.ok() ? url->ToString() : std::string(url.status().message());
}

TEST(ResolveReference, FollowsTheExamplesOfTheStandard) {
  const char base[] = "http://a/b/c/d;p?q";
  const std::pair<const char*, const char*> kCases[] = {
      {"g", "http://a/b/c/g"},
      {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"},
      {"//g", "http://g/"},
      {"?y", "http://a/b/c/d;p?y"},
      {"g?y", "http://a/b/c/g?y"},
      {"#s", "http://a/b/c/d;p?q"},
      {"g#s", "http://a/b/c/g"},
      {";x", "http://a/b/c/;x"},
      {"", "http://a/b/c/d;p?q"},
      {".", "http://a/b/c/"},
      {"./", "http://a/b/c/"},
      {"..", "http://a/b/"},
      {"../g", "http://a/b/g"},
      {"../..", "http://a/"},
      {"../../g", "http://a/g"},
      {"../../../g", "http://a/g"},
      {"/./g", "http://a/g"},
      {"/../g", "http://a/g"},
      {"g.", "http://a/b/c/g."},
      {"..g", "http://a/b/c/..g"},
      {"./../g", "http://a/b/g"},
      {"./g/.", "http://a/b/c/g/"},
      {"g/./h", "http://a/b/c/g/h"},
      {"g/../h", "http://a/b/c/h"},
      {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
      {"g?y/../x", "http://a/b/c/g?y/../x"},
  };
  for (const auto& [reference, expected] : kCases) {
    EXPECT_EQ(Resolve(base, reference), expected) << reference;
  }
}

TEST(ResolveReference, BringsSpellingsOfOnePageTogether) {
  const char base[] = "https://Example.ORG:443/w/x.html";
  EXPECT_EQ(Resolve(base, "operator%3d%3d.html"), "https://example.org/w/operator==.html");
  EXPECT_EQ(Resolve(base, "operator==.html"), "https://example.org/w/operator==.html");
  EXPECT_EQ(Resolve(base, "a b\xC3\xA9"), "https://example.org/w/a%20b%C3%A9");
  EXPECT_EQ(Resolve(base, "a%2fb"), "https://example.org/w/a%2Fb");
  EXPECT_EQ(Resolve(base, "100%"), "https://example.org/w/100%25");
  EXPECT_EQ(Resolve(base, "  y.html\n"), "https://example.org/w/y.html");
  EXPECT_EQ(Resolve(base, "http://example.org:80"), "http://example.org/");
  EXPECT_EQ(Resolve(base, "HTTP://u:p@Host.:8080/z"), "http://host:8080/z");
}

TEST(ResolveReference, TellsWhatIsNoPage) {
  const Url base = Parse("http://a/b");
  for (const char* reference :
       {"mailto:a@b", "javascript:void(0)", "data:text/plain,x", "ftp://a/b"}) {
    EXPECT_TRUE(IsNotFound(ResolveReference(base, reference).status())) << reference;
  }
  for (const char* reference : {"http:", "http:x", "http://", "http://a:b/", "http://a b/"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ResolveReference(base, reference).status())) << reference;
  }
}

TEST(ParseUrl, WantsAnAbsoluteAddress) {
  for (const char* text :
       {"", "a/b", "/a", "//a/b", "file:///a", "http:///a", "en.example.com/w/"}) {
    EXPECT_FALSE(ParseUrl(text).ok()) << text;
  }
}

TEST(EncodeFilePath, MatchesTheLinkToTheFile) {
  const Url base = Parse("http://a/w/");
  StatusOr<Url> file = ResolveReference(base, "./" + EncodeFilePath("d/operator%=:#?.html"));
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->ToString(), "http://a/w/d/operator%25=:%23%3F.html");
  StatusOr<Url> link = ResolveReference(base, "d/operator%25%3D:%23%3f.html");
  ASSERT_TRUE(link.ok());
  EXPECT_EQ(*link, *file);
}

TEST(PageRowKey, ReversesHostNamesOnly) {
  EXPECT_EQ(PageRowKey(Parse("https://en.cppreference.com/w/cpp")), "com.cppreference.en/w/cpp");
  EXPECT_EQ(PageRowKey(Parse("http://a.b:8080/?q=1")), "b.a:8080/?q=1");
  EXPECT_EQ(PageRowKey(Parse("http://127.0.0.1/x")), "127.0.0.1/x");
  EXPECT_EQ(PageRowKey(Parse("http://[::1]:81/x")), "[::1]:81/x");
  EXPECT_EQ(PageRowKey(Parse("http://localhost")), "localhost/");
}

}  // namespace
}  // namespace stele::webtable
