// The shell without a cell: words and quotes, completion, scripts that stop at the first failure.
#include <gtest/gtest.h>

#include "client/cli/shell_completion.h"
#include "client/cli/testing/command_line.h"
#include "client/cli/verb.h"
#include "client/cli/word_split.h"

namespace stele::cli {
namespace {

using Strings = std::vector<std::string>;

TEST(SplitWords, QuotesAsAShellDoes) {
  EXPECT_EQ(*SplitWords("  set t 'a b' \"c\\\"d\" e\\ f '' g# # x 'y"),
            (Strings{"set", "t", "a b", "c\"d", "e f", "", "g#"}));
  EXPECT_EQ(*SplitWords(""), Strings());
  EXPECT_EQ(*SplitWords(R"("f:\xff\\\"" qualifier~"\"^com\.\"" \xff)"),
            (Strings{R"(f:\xff\")", R"(qualifier~"^com\.")", "xff"}));
  for (const char* bad : {"'a", "\"a", "a\\"}) EXPECT_FALSE(SplitWords(bad).ok()) << bad;
  for (const char* word : {"plain", "", "a b", "it's", "\"", "\\", "#", "\n"}) {
    EXPECT_EQ(*SplitWords(QuoteWord(word)), Strings{word});
  }
}

TEST(SplitTyped, TheLastWordMayBeOpen) {
  EXPECT_EQ(SplitTyped("read 'my ta").last, "my ta");
  EXPECT_EQ(SplitTyped("read t ").before, (Strings{"read", "t"}));
  EXPECT_EQ(SplitTyped("read t ").last, "");
}

TEST(CompleteLine, VerbsFlagsTablesFamilies) {
  const ShellNames names{[] {
                           return Strings{"notes", "numbers", "web"};
                         },
                         [](const std::string& table) {
                           return table == "web" ? Strings{"anchor", "title"} : Strings();
                         }};
  const std::vector<Verb> verbs = ClientVerbs();
  const auto words = [&](const char* line) {
    return CompleteLine(line, verbs, {"exit"}, names).words;
  };
  EXPECT_EQ(words("sca"), Strings{"scan"});
  EXPECT_EQ(words("ex"), (Strings{"exit", "export"}));
  EXPECT_EQ(words("table cr"), Strings{"create"});
  EXPECT_EQ(words("help table des"), Strings{"describe"});
  EXPECT_EQ(words("scan n"), (Strings{"notes", "numbers"}));
  EXPECT_EQ(words("scan --limit 3 w"), Strings{"web"});
  EXPECT_EQ(words("scan web --fa"), Strings{"--family"});
  EXPECT_EQ(words("scan web --family "), (Strings{"anchor", "title"}));
  EXPECT_EQ(words("scan web --column t"), Strings{"title:"});
  EXPECT_EQ(words("set web row a"), Strings{"anchor:"});
  EXPECT_EQ(words("set web r"), Strings());
  for (const char* verb : {"append", "incr", "cas"}) {
    EXPECT_EQ(words(verb), Strings{verb});
    EXPECT_EQ(words((std::string(verb) + " w").c_str()), Strings{"web"});
    EXPECT_EQ(words((std::string(verb) + " web row t").c_str()), Strings{"title:"});
  }
  EXPECT_EQ(words("cas web row title: --ab"), Strings{"--absent"});
  EXPECT_EQ(words("scan web --fi"), Strings{"--filter"});
  EXPECT_EQ(words("nothing a"), Strings());
  EXPECT_EQ(CommonPrefix({"notes", "numbers"}), "n");
  EXPECT_EQ(CommonPrefix({}), "");
}

Outcome Script(const std::string& text, std::vector<std::string> flags = {}) {
  Environment env{};
  env.cell = "127.0.0.1:1";
  flags.insert(flags.begin(), "shell");
  return CommandLine(ClientVerbs(), std::move(flags), std::move(env), text);
}

TEST(Shell, AScriptStopsAtTheFirstFailure) {
  const Outcome stopped = Script("# nothing\nversion\n\nfrobnicate 'x'\nversion\n");
  EXPECT_EQ(stopped.code, kUsage);
  EXPECT_EQ(stopped.out, Script("version").out);
  EXPECT_NE(stopped.err.find("stopped at line 4"), std::string::npos) << stopped.err;
  const Outcome whole = Script("frobnicate\nversion\nread 'x\nexit\nversion\n", {"--keep-going"});
  EXPECT_EQ(whole.code, kUsage);
  EXPECT_EQ(whole.out, stopped.out);
  EXPECT_EQ(Script("help\nexit\n").code, kOk);
  EXPECT_EQ(Script("cell\n").code, kUsage);
  EXPECT_EQ(Script("import t -\n").code, kUnreachable) << "a script's rest is no data";
  EXPECT_EQ(Script("shell\n").code, kUsage);
}

}  // namespace
}  // namespace stele::cli
