// A verb that is watched: looks follow each other until Ctrl-C, which ends it well; on a terminal
// they are drawn over each other.
#include "client/cli/watch.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "client/cli/interrupt.h"
#include "client/cli/testing/command_line.h"

namespace stele::cli {
namespace {

struct Watched {
  int looks = 0;
  int code = kOk;
  std::string out, err;
};

// Runs a verb whose looks answer with `codes`; with its last one Ctrl-C comes.
Watched Watch(std::vector<int> codes, std::vector<std::string> flags, bool colour = false) {
  Watched seen;
  Verb verb;
  verb.name = "look";
  verb.uses_cell = true;
  verb.reads = true;
  verb.watches = true;
  verb.run = [&](const Invocation& call) {
    const auto look = static_cast<size_t>(seen.looks++);
    *call.env->out << "look " << look << '\n';
    EXPECT_TRUE(call.Has("timeout-ms"));
    if (look + 1 >= codes.size()) raise(SIGINT);
    if (codes[look] != kOk) *call.env->err << "no\n";
    return codes[look];
  };
  Interrupt interrupt;  // holds the signal back before it comes
  Environment env{};
  env.colour = colour;
  env.interrupt = &interrupt;
  flags.insert(flags.begin(), "look");
  const Outcome outcome = CommandLine({verb}, std::move(flags), std::move(env));
  seen.code = outcome.code;
  seen.out = outcome.out;
  seen.err = outcome.err;
  return seen;
}

TEST(Watch, LooksFollowEachOtherUntilCtrlC) {
  const Watched seen = Watch({kOk, kOk}, {"--watch=1"});
  EXPECT_EQ(seen.code, kOk);
  EXPECT_EQ(seen.looks, 2);
  EXPECT_EQ(seen.out.rfind("every 1 s: stele look, 2", 0), 0u) << seen.out;
  EXPECT_NE(seen.out.find("look 0\n\nevery 1 s: stele look, "), std::string::npos) << seen.out;
  EXPECT_NE(seen.out.find("look 1\n"), std::string::npos) << seen.out;
  EXPECT_EQ(seen.out.find('\x1b'), std::string::npos) << seen.out;
}

TEST(Watch, JsonStandsAlone) {
  EXPECT_EQ(Watch({kOk, kOk}, {"--json", "--watch=1"}).out, "look 0\nlook 1\n");
}

TEST(Watch, ACellThatIsAwayIsAskedAgainAndAMistakeIsNot) {
  Watched seen = Watch({kUnreachable, kOk}, {"--watch=1"});
  EXPECT_EQ(seen.looks, 2);
  EXPECT_EQ(seen.code, kOk);
  EXPECT_EQ(seen.err, "no\n");
  for (int code : {kUsage, kNotFound}) {
    seen = Watch({code, kOk}, {"--watch=1"});
    EXPECT_EQ(seen.looks, 1);
    EXPECT_EQ(seen.code, code);
  }
}

TEST(Watch, SecondsHaveLimits) {
  for (const char* bad : {"--watch=0", "--watch=3601", "--watch=-1", "--watch=x"}) {
    const Watched seen = Watch({kOk}, {bad});
    EXPECT_EQ(seen.code, kUsage) << bad;
    EXPECT_EQ(seen.looks, 0) << bad;
  }
  EXPECT_EQ(Watch({kOk}, {"--watch"}).looks, 1);
}

TEST(Watch, OnATerminalLooksAreDrawnOverEachOther) {
  const Watched seen = Watch({kOk}, {"--watch"}, /*colour=*/true);
  EXPECT_EQ(seen.out.rfind("\x1b[2J", 0), 0u);
  EXPECT_NE(seen.out.find("\x1b[H"), std::string::npos);
  EXPECT_EQ(DrawOver("a\nb\n", 24), "\x1b[Ha\x1b[K\r\nb\x1b[K\r\n\x1b[J");
  EXPECT_EQ(DrawOver("a\nb\nc\nd\n", 3), "\x1b[Ha\x1b[K\r\nb\x1b[K\r\n... 2 more lines\x1b[J");
  EXPECT_EQ(DrawOver("", 3), "\x1b[H\x1b[J");
}

}  // namespace
}  // namespace stele::cli
