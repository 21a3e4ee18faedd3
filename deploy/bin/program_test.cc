// The whole program: which cell a call asks when both the environment and a flag name one.
#include "deploy/bin/program.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

namespace stele::bin {
namespace {

struct Ended {
  int code;
  std::string err;
};

Ended RunWith(std::vector<std::string> words) {
  words.insert(words.begin(), "stele");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  testing::internal::CaptureStderr();
  const int code = RunProgram(static_cast<int>(argv.size()), argv.data(), nullptr);
  return {code, testing::internal::GetCapturedStderr()};
}

// Nothing listens on either port: the answer tells which was asked.
TEST(Program, TheFlagNamesTheCellAndTheVariableIsNotAsked) {
  ASSERT_EQ(setenv("STELE_CELL", "zk://127.0.0.1:1/away", /*overwrite=*/1), 0);
  for (const std::vector<std::string>& flag :
       {std::vector<std::string>{"--cell", "127.0.0.1:2"}, {"--cell=127.0.0.1:2"}}) {
    std::vector<std::string> words = {"table", "ls"};
    words.insert(words.end(), flag.begin(), flag.end());
    const Ended ended = RunWith(words);
    EXPECT_EQ(ended.code, 3);
    EXPECT_NE(ended.err.find("127.0.0.1:2"), std::string::npos) << ended.err;
    EXPECT_EQ(ended.err.find("ZooKeeper"), std::string::npos) << ended.err;
  }
  unsetenv("STELE_CELL");
}

}  // namespace
}  // namespace stele::bin
