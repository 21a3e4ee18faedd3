// How tables for people look: columns that line up, and colours on a terminal alone.
#include "client/cli/text_table.h"

#include <gtest/gtest.h>

#include <sstream>

namespace stele::cli {
namespace {

std::string Printed(const TextTable& table, bool colour) {
  std::ostringstream out;
  Environment env;
  env.out = &out;
  env.colour = colour;
  table.Print(env);
  return out.str();
}

TEST(TextTable, ColumnsAreAsWideAsTheirWidestCell) {
  TextTable table({{"NAME"}, {"BYTES", /*number=*/true}, {"NOTE"}});
  table.Row({"a", "7", ""});
  table.Row({"größer", "12345678", "last cells have no blanks behind them"});
  EXPECT_EQ(Printed(table, false),
            "NAME       BYTES  NOTE\n"
            "a              7  -\n"
            "größer  12345678  last cells have no blanks behind them\n");
}

TEST(TextTable, WithoutRowsTheHeadingStands) {
  const TextTable table({{"A"}, {"B"}});
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(Printed(table, false), "A  B\n");
}

TEST(TextTable, ColoursAreForTerminalsAlone) {
  TextTable table({{"STATE", false, /*state=*/true}, {"X"}});
  table.Row({"dead", "1"});
  table.Row({"live draining", "2"});
  table.Row({"live", "3"});
  EXPECT_EQ(Printed(table, false).find('\x1b'), std::string::npos);
  const std::string coloured = Printed(table, true);
  EXPECT_NE(coloured.find("\x1b[1mSTATE\x1b[0m"), std::string::npos);
  EXPECT_NE(coloured.find("\x1b[31mdead\x1b[0m           1"), std::string::npos) << coloured;
  EXPECT_NE(coloured.find("\x1b[33mlive draining\x1b[0m  2"), std::string::npos) << coloured;
  EXPECT_NE(coloured.find("\x1b[32mlive\x1b[0m           3"), std::string::npos) << coloured;
}

TEST(TextTable, TonesOfStates) {
  for (const auto& [state, tone] :
       {std::pair("serving", Tone::kGood), std::pair("broken", Tone::kBad),
        std::pair("recovering", Tone::kWarning), std::pair("7", Tone::kPlain),
        std::pair("", Tone::kPlain), std::pair("serving away", Tone::kWarning)}) {
    EXPECT_EQ(ToneOfState(state), tone) << state;
  }
}

}  // namespace
}  // namespace stele::cli
