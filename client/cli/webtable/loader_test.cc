// Goal: the walk over a directory of pages finds each page once whatever lies in it, and names what
// it cannot take; a page's title, text and links survive any bytes.
#include "client/cli/webtable/loader.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "client/cli/webtable/page.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"

namespace stele::webtable {
namespace {

namespace stdfs = std::filesystem;

class FindPagesTest : public ::testing::Test {
 protected:
  void Touch(const std::string& path) {
    stdfs::create_directories(stdfs::path(dir_.path() + "/" + path).parent_path());
    std::ofstream(dir_.path() + "/" + path) << "x";
  }
  std::vector<std::string> Find() {
    StatusOr<std::vector<std::string>> found = FindPages(dir_.path(), &broken_);
    EXPECT_OK(found);
    return found.ok() ? *found : std::vector<std::string>();
  }
  std::string BrokenNames() const {
    std::string names;
    for (const BrokenFile& file : broken_) names += file.path + ";";
    return names;
  }

  TempDir dir_;
  std::vector<BrokenFile> broken_;
};

TEST_F(FindPagesTest, TakesPagesByNameInOrder) {
  for (const char* path : {"b.html", "a/z.HTM", "a/x.html", "a/deep/er/y.htm", "n.txt", "html"}) {
    Touch(path);
  }
  EXPECT_EQ(Find(), (std::vector<std::string>{"a/deep/er/y.htm", "a/x.html", "a/z.HTM", "b.html"}));
  EXPECT_TRUE(broken_.empty());
}

TEST_F(FindPagesTest, LoopsOfDirectoriesEnd) {
  Touch("a/x.html");
  stdfs::create_directory_symlink("..", dir_.path() + "/a/up");
  stdfs::create_directory_symlink(dir_.path(), dir_.path() + "/self");
  stdfs::create_symlink("me.html", dir_.path() + "/me.html");
  const std::vector<std::string> found = Find();
  EXPECT_EQ(std::count(found.begin(), found.end(), "a/x.html"), 1);
  EXPECT_LE(found.size(), 2u) << "me.html is found, and broken when it is read";
}

TEST_F(FindPagesTest, NamesWhatIsNoFileAndReadsOn) {
  Touch("x.html");
  Touch("folder.html/inside.html");
  stdfs::create_directory_symlink("folder.html", dir_.path() + "/link.html");
  stdfs::create_symlink("x.html", dir_.path() + "/alias.html");
  ASSERT_EQ(mkfifo((dir_.path() + "/pipe.html").c_str(), 0600), 0);
  EXPECT_EQ(Find(), (std::vector<std::string>{"alias.html", "folder.html/inside.html", "x.html"}));
  EXPECT_NE(BrokenNames().find("pipe.html;"), std::string::npos) << "to open it would wait";
  EXPECT_NE(BrokenNames().find("link.html;"), std::string::npos);
}

TEST_F(FindPagesTest, AFolderThatCannotBeWalkedIsNamed) {
  if (geteuid() == 0) GTEST_SKIP() << "root may walk everything";
  Touch("x.html");
  Touch("shut/y.html");
  chmod((dir_.path() + "/shut").c_str(), 0);
  EXPECT_EQ(Find(), (std::vector<std::string>{"x.html"}));
  EXPECT_EQ(BrokenNames(), "shut;");
  chmod((dir_.path() + "/shut").c_str(), 0700);
}

TEST_F(FindPagesTest, NotADirectoryIsNotFound) {
  Touch("x.html");
  EXPECT_STATUS(kNotFound, "x.html", FindPages(dir_.path() + "/x.html", &broken_));
  EXPECT_STATUS(kNotFound, "none", FindPages(dir_.path() + "/none", &broken_));
}

Page Extract(std::string_view html) {
  return ExtractPage(html, *ParseUrl("http://example.org/w/page.html"));
}

TEST(PageBytes, OtherEncodingsAreKeptAsTheyAre) {
  // Latin-1, UTF-16 with a mark, and bytes that are no text at all.
  const Page latin = Extract("<title>caf\xE9</title><a href='na\xEFve.html'>\xE9</a>");
  EXPECT_FALSE(latin.title.empty());
  EXPECT_EQ(latin.links.size() + latin.skipped_links, 1u);
  EXPECT_TRUE(Extract(std::string_view("\xFF\xFE<\0t\0i\0", 8)).links.empty());
  std::string noise;
  for (int i = 0; i < 70'000; ++i) noise.push_back(static_cast<char>(i * 2'654'435'761u >> 13));
  EXPECT_FALSE(Extract(noise + "</a></title><a href=t>x</a>").truncated);
}

TEST(PageBytes, ABaseMayPointElsewhereOrBeMalformed) {
  EXPECT_EQ(Extract("<base href='https://other.net:8080/q/'><a href='../r?x#f'>r</a>")
                .links.begin()
                ->first,
            "net.other:8080/r?x");
  for (const char* base :
       {"<base href='mailto:x'>", "<base href='http://'>", "<base href=''>", "<base>"}) {
    const Page page = Extract(std::string(base) + "<a href=t.html>t</a>");
    EXPECT_EQ(page.links.count("org.example/w/t.html"), 1u) << base;
  }
}

}  // namespace
}  // namespace stele::webtable
