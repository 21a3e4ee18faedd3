// What the program says without a cell: help, usage errors, exit codes, and how rows and progress
// look.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "client/cli/progress.h"
#include "client/cli/row_text.h"
#include "client/cli/testing/command_line.h"
#include "client/cli/verb.h"

namespace stele::cli {
namespace {

Outcome Stele(std::vector<std::string> words) {
  Environment env{};
  env.cell = "127.0.0.1:1";
  return CommandLine(ClientVerbs(), std::move(words), std::move(env));
}

TEST(RunCli, HelpHasAnExampleForEachVerb) {
  const Outcome overview = Stele({"help"});
  EXPECT_EQ(overview.code, kOk);
  for (const Verb& verb : ClientVerbs()) {
    EXPECT_NE(overview.out.find(verb.name), std::string::npos) << verb.name;
    std::vector<std::string> words{verb.name};
    if (size_t blank = verb.name.find(' '); blank != std::string::npos) {
      words = {verb.name.substr(0, blank), verb.name.substr(blank + 1)};
    }
    words.push_back("--help");
    const Outcome help = Stele(words);
    EXPECT_EQ(help.code, kOk) << verb.name;
    EXPECT_NE(help.out.find("Example:\n  "), std::string::npos) << verb.name;
    EXPECT_NE(help.out.find(verb.name, help.out.find("Example:")), std::string::npos) << verb.name;
    EXPECT_NE(help.out.find("Exit codes:"), std::string::npos) << verb.name;
    const bool json = help.out.find("  --json") != std::string::npos;
    EXPECT_EQ(json, verb.reads) << verb.name;
  }
}

// The probe's answers came twice when reading its input flushed its output behind the lock.
TEST(RunCli, ReadingNeverFlushesTheOutput) {
  std::istringstream in;
  std::ostringstream out, err;
  in.tie(&out);
  Environment env;
  env.in = &in;
  env.out = &out;
  env.err = &err;
  env.clock = SystemClock();
  const char* words[] = {"stele", "version"};
  EXPECT_EQ(RunCli(ClientVerbs(), 2, words, &env), kOk);
  EXPECT_EQ(in.tie(), nullptr);
}

TEST(RunCli, WhyAnswersJsonWhateverTheBytes) {
  for (const char* form : {"--json", "--quick"}) {
    Environment env{};
    env.locker = absl::UnavailableError("ZooKeeper says \xfe");
    const Outcome outcome = CommandLine(ClientVerbs(), {"admin", "why", "\xff", form}, env);
    EXPECT_EQ(outcome.code, kOk) << outcome.err;
    const std::string& text = outcome.out;
    EXPECT_TRUE(std::all_of(text.begin(), text.end(), [](char c) { return c > 0; })) << text;
    EXPECT_NE(text.find("\\xff"), std::string::npos) << text;
    EXPECT_NE(text.find("zookeeper-unreachable"), std::string::npos) << text;
  }
}

using Lines = std::vector<std::vector<std::string>>;

void ExpectUsageErrors(const Lines& lines) {
  for (const auto& line : lines) {
    const Outcome outcome = Stele(line);
    std::string shown;
    for (const std::string& word : line) shown += word.substr(0, 40) + " ";
    EXPECT_EQ(outcome.code, kUsage) << shown << outcome.err;
    EXPECT_EQ(outcome.out, "") << shown;
    EXPECT_EQ(outcome.err.rfind("stele: ", 0), 0u) << shown << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }
}

TEST(RunCli, UsageErrorsAreOneSentence) {
  const std::string longest(4097, 'k');
  const std::vector<std::vector<std::string>> kLines = {
      {"frobnicate"},
      {"table"},
      {"table", "frob"},
      {"set", "t", "r", "f:q"},
      {"set", "t", "r", "f:q", "v", "more"},
      {"set", "t", "", "f:q", "v"},
      {"set", "t", longest, "f:q", "v"},
      {"set", "t", "r", "f:q", "v", "--ts-us", "7"},
      {"set", "t", "r", "f:q", "v", "--frob"},
      {"set", "t", "r", "bad family:q", "v"},
      {"read", "t", ""},
      {"read", "t", "r", "--versions", "0"},
      {"read", "t", "r", "--versions", "many"},
      {"read", "t", "r", "--column", "f"},
      {"scan", "t", "--prefix", "a", "--start", "b"},
      {"scan", "t", "--start", "b", "--end", "a"},
      {"scan", "t", "--limit", "0"},
      {"scan", "t", "--limit", "-1"},
      {"count", "t", "--top", "0"},
      {"delete", "t", "r", "f", "--from", "1000"},
      {"set", "t", "\\q", "f:q", "v", "--escaped"},
      {"table", "create", "t"},
      {"table", "create", "t", "--family", "f:max_versions=0"},
      {"table", "create", "bad name", "--family", "f"},
      {"table", "alter", "t"},
      {"load", "webtable", "/nowhere"},
      {"read", "t", "r", "--from", "yesterday"},
      {"read", "t", "r", "--filter", "family(f) &"},
      {"scan", "t", "--filter", "versions(0)"},
      {"lookup", "t", "r", "--filter", "qualifier~\"(\""},
      {"count", "t", "--filter", ""},
      {"export", "t", "-", "--filter", "pass("},
      {"copy", "t", "u", "--filter", "pass("},
      {"count", "t", "--top", "-1"},
      {"scan", "t", "--max-value-bytes", "-1"},
      {"scan", "t", "--cells-per-row", "0"},
      {"import", "t"},
      {"import", "t", "/nowhere.csv"},
      {"import", "t", "/dev/null"},
      {"import", "t", "/", "--format", "csv"},
      {"import", "t", "-", "--format", "xml"},
      {"import", "t", "-", "--hex", "--base64"},
      {"import", "t", "-", "--ts-us", "1"},
      {"import", "t", "-", "--family", "bad family"},
      {"export", "t", "x"},
      {"export", "t", "-", "--format", "deb822"},
      {"export", "t", "-", "--limit", "0"},
      {"copy", "t", "t"},
      {"load", "webtable", "/nowhere", "--base-url", "https://example.org/"},
      {"read", "t", "r", "--cell", "nowhere"},
      {"read", "t", "r", "--timeout-ms", "0"},
  };
  ExpectUsageErrors(kLines);
}

TEST(RunCli, ChangesOfOneColumnSayWhatIsWrong) {
  const std::string too_large(20'480, 'v');  // for a filter
  ExpectUsageErrors({
      {"set", "t", "r", "f", "v"},
      {"set", "t", "r", "f:q", "--value-file", "run_cli_test.no_such_file"},
      {"append", "t", "r", "f", "v"},
      {"incr", "t", "r", "f"},
      {"cas", "t", "r", "f", "old", "new"},
      {"cas", "t", "r", "f:q", "old", "--value-file", "run_cli_test.no_such_file"},
      {"add", "t", "r", "f", "1"},
      {"add", "t", "r", "f:q"},
      {"add", "t", "r", "f:q", "1.5"},
      {"add", "t", "r", "f:q", "1", "--ts-us", "-1"},
      {"set", "t", "r", "f:q", "zz", "--hex"},
      {"set", "t", "r", "f:q", "v", "--value-file", "/dev/null"},
      {"append", "t", "r", "f:q"},
      {"append", "t", "", "f:q", "v"},
      {"append", "t", "r", "f:q", "v", "--value-file", "/dev/null"},
      {"append", "t", "r", "f:q", "6", "--hex"},
      {"append", "t", "r", "f:q", "61", "--hex", "--base64"},
      {"incr", "t", "r"},
      {"incr", "t", "r", "f:q", "one"},
      {"incr", "t", "r", "f:q", "9223372036854775808"},
      {"incr", "t", "r", "bad family:q"},
      {"cas", "t", "r", "f:q"},
      {"cas", "t", "r", "f:q", "v"},
      {"cas", "t", "r", "f:q", "--absent"},
      {"cas", "t", "r", "f:q", "old", "new", "--absent"},
      {"cas", "t", "r", "f:q", "old", "new", "--value-file", "/dev/null"},
      {"cas", "t", "r", "f:q", "6", "6161", "--hex"},
      {"cas", "t", "", "f:q", "old", "new"},
      {"cas", "t", "r", "f:q", too_large, "new"},
  });
}

TEST(RunCli, AWrongFilterIsPointedAt) {
  const Outcome outcome = Stele({"scan", "t", "--filter", "family(f) & nothing(1)"});
  EXPECT_EQ(outcome.code, kUsage);
  EXPECT_NE(outcome.err.find("--filter"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("column 13:"), std::string::npos) << outcome.err;
  const Outcome help = Stele({"scan", "--help"});
  EXPECT_NE(help.out.find("if(P, A, B)"), std::string::npos) << help.out;
}

TEST(RunCli, WhatIsRightGetsAsFarAsTheCell) {
  const std::vector<std::vector<std::string>> kLines = {
      {"append", "t", "r", "f:q", "_", "--hex"},
      {"incr", "t", "r", "f:q", "--", "-9223372036854775808"},
      {"cas", "t", "r", "f:q", "", "new"},
      {"cas", "t", "r", "f:q", "new", "--absent"},
      {"add", "t", "r", "f:q", "--", "-5"},
      {"count", "t", "--filter", "family(f) | family(g)"},
      {"export", "t", "-", "--filter", "pass"},
      {"copy", "t", "u", "--filter", "pass"},
  };
  for (auto line : kLines) {
    line.insert(line.begin() + 1, {"--timeout-ms", "300"});
    const Outcome outcome = Stele(line);
    EXPECT_EQ(outcome.code, kUnreachable) << line[0] << ": " << outcome.err;
  }
}

TEST(RunCli, NoCellIsItsOwnExitCode) {
  const Outcome outcome = Stele({"read", "t", "r", "--timeout-ms", "500"});
  EXPECT_EQ(outcome.code, kUnreachable) << outcome.err;
  EXPECT_NE(outcome.err.find("127.0.0.1:1"), std::string::npos) << outcome.err;
}

TEST(ExitCodeOf, TellsKindsOfFailureApart) {
  EXPECT_EQ(ExitCodeOf(OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(absl::DataLossError("")), kFailed);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("")), kUsage);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("")), kUnreachable);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("")), kNotFound);
  EXPECT_EQ(ExitCodeOf(absl::UnknownError("")), static_cast<int>(ExitCode::kUnknown));
}

TEST(RowText, JsonAndTextAreBinarySafe) {
  const Row row{std::string("k\0\xFF", 3), {{"f", "q\n", 1000, "\"quoted\"\xC3\xA9"}}};
  EXPECT_EQ(RowAsJson(row),
            "{\"row_base64\":\"awD/\",\"cells\":[{\"family\":\"f\",\"qualifier\":\"q\\n\","
            "\"timestamp_us\":1000,\"value\":\"\\\"quoted\\\"\xC3\xA9\"}]}");
  EXPECT_EQ(RowAsJson(Row{"k", {{"f", "", 0, "", "l"}}}, TextEncoding::kHex),
            "{\"row_hex\":\"6b\",\"cells\":[{\"family\":\"f\",\"qualifier_hex\":\"_\","
            "\"timestamp_us\":0,\"value_hex\":\"_\",\"label\":\"l\"}]}");
  std::ostringstream out;
  PrintRow(row, 4, &out);
  EXPECT_EQ(out.str(), "k\\x00\\xff\n  f:q\\n @1000  \"quo... (10 bytes)\n");
}

TEST(Progress, LineHasRateAndTimeLeft) {
  EXPECT_EQ(Progress::Line(1000, 4424, 10'000'000'000, "pages"),
            "1,000 of 4,424 pages, 100/s, 35 s left");
  EXPECT_EQ(Progress::Line(1'234'567, 0, 1'000'000'000, "rows"), "1,234,567 rows, 1,234,567/s");
  EXPECT_EQ(Progress::Line(0, 10, 0, "pages"), "0 of 10 pages, 0/s");
  std::ostringstream err;
  {
    Progress silent(&err, false, SystemClock(), "rows", 0);
    silent.Update(5);
  }
  EXPECT_EQ(err.str(), "") << "nothing in a pipe";
}

}  // namespace
}  // namespace stele::cli
