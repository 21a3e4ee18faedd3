#include "client/cli/testing/command_line.h"

#include <sstream>

#include "common/time/clock.h"

namespace stele::cli {

Outcome CommandLine(const std::vector<Verb>& verbs, std::vector<std::string> words, Environment env,
                    const std::string& input) {
  std::istringstream in(input);
  std::ostringstream out, err;
  env.in = &in;
  env.out = &out;
  env.err = &err;
  if (env.clock == nullptr) env.clock = SystemClock();
  words.insert(words.begin(), "stele");
  std::vector<const char*> pointers;
  for (const std::string& word : words) pointers.push_back(word.c_str());
  const int code = RunCli(verbs, static_cast<int>(words.size()), pointers.data(), &env);
  return {code, out.str(), err.str()};
}

}  // namespace stele::cli
