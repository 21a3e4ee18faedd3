// CommandLine: a command line of the program, run within a test. What it says is kept, nothing is
// printed, and it is as if no terminal were there. For tests; stateless, thread-safe.
#pragma once

#include <string>
#include <vector>

#include "client/cli/verb.h"

namespace stele::cli {

struct Outcome {
  int code;
  std::string out, err;
};

// Runs `words`, without the program's name, as one of `verbs`. `env` is what the test wants to
// stand otherwise; its streams are not used, and without a clock it has the system's.
Outcome CommandLine(const std::vector<Verb>& verbs, std::vector<std::string> words,
                    Environment env = {}, const std::string& input = "");

}  // namespace stele::cli
