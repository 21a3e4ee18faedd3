// The manual: every verb has a page with its parts, nothing of a text becomes a request of roff,
// and the scripts of the shells know every verb and flag.
#include "client/cli/man_page.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "client/cli/testing/command_line.h"
#include "common/testing/temp_dir.h"

namespace stele::cli {
namespace {

Outcome Stele(std::vector<std::string> words) {
  return CommandLine(ClientVerbs(), std::move(words));
}

TEST(ManPage, TextIsNothingButText) {
  for (const auto& [text, roff] :
       {std::pair("plain", "plain"), std::pair(".TH x", "\\&.TH x"), std::pair("'s", "\\&\\(aqs"),
        std::pair("a\\nb", "a\\enb"), std::pair("--json", "\\-\\-json"),
        std::pair("1 … 2 \xe2\x86\x92", "1 \\[u2026] 2 \\[u2192]"), std::pair("\xff", "\\[u00FF]"),
        std::pair("\xe2\x86", "\\[u00E2]\\[u0086]"),
        std::pair("`a` \"b\" ~ ^", "\\(gaa\\(ga \\(dqb\\(dq \\(ti \\(ha"), std::pair("", "")}) {
    EXPECT_EQ(RoffText(text), roff) << text;
  }
}

TEST(ManPage, EveryVerbHasAPage) {
  TempDir dir;
  const std::string pages = dir.path() + "/man/man1";
  ASSERT_EQ(Stele({"man", "--all", pages}).code, kOk);
  std::ifstream overview(pages + "/stele.1");
  const std::string all((std::istreambuf_iterator<char>(overview)), {});
  for (const Verb& verb : ClientVerbs()) {
    const std::string name = ManNameOf(verb.name);
    EXPECT_NE(all.find(RoffText(name) + " (1)"), std::string::npos) << name;
    std::ifstream file(pages + "/" + name + ".1");
    const std::string page((std::istreambuf_iterator<char>(file)), {});
    EXPECT_EQ(page, ManPage(verb));
    for (const char* part : {".TH ", ".SH NAME\n", ".SH SYNOPSIS\n", ".SH OPTIONS\n",
                             ".SH EXAMPLES\n", ".SH EXIT STATUS\n", ".SH SEE ALSO\n"}) {
      EXPECT_NE(page.find(part), std::string::npos) << name << " " << part;
    }
    const po::options_description options = OptionsOf(verb);
    for (const auto& option : options.options()) {
      EXPECT_NE(page.find("\\fB" + RoffText("--" + option->long_name()) + "\\fR"),
                std::string::npos)
          << name << " " << option->long_name();
    }
  }
}

TEST(ManPage, OneAndWhatIsNone) {
  EXPECT_EQ(Stele({"man", "table", "create"}).out.rfind(".TH STELE\\-TABLE\\-CREATE 1", 0), 0u);
  EXPECT_EQ(Stele({"man"}).out.rfind(".TH STELE 1", 0), 0u);
  EXPECT_EQ(Stele({"man", "frob"}).code, kUsage);
  EXPECT_EQ(Stele({"man", "table"}).code, kUsage);
  EXPECT_EQ(Stele({"man", "scan", "--all", "/nowhere"}).code, kUsage);
  TempDir dir;
  std::ofstream(dir.path() + "/file") << "x";
  EXPECT_EQ(Stele({"man", "--all", dir.path() + "/file"}).code, kFailed);
}

TEST(Completion, KnowsEveryVerbAndFlag) {
  for (const char* shell : {"bash", "zsh"}) {
    const std::string script = Stele({"completion", shell}).out;
    for (const Verb& verb : ClientVerbs()) {
      EXPECT_NE(script.find("'" + verb.name + "')"), std::string::npos) << shell << verb.name;
      const po::options_description options = OptionsOf(verb);
      for (const auto& option : options.options()) {
        EXPECT_NE(script.find("--" + option->long_name()), std::string::npos) << shell << verb.name;
      }
    }
  }
  EXPECT_EQ(Stele({"completion", "fish"}).code, kUsage);
  EXPECT_EQ(Stele({"completion"}).code, kUsage);
}

}  // namespace
}  // namespace stele::cli
