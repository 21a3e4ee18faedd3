// What may follow at the end of a line of the shell: verbs, flags, tables, families. Pure but for
// the names that it asks for.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/verb.h"

namespace stele::cli {

struct ShellNames {
  std::function<std::vector<std::string>()> tables;
  std::function<std::vector<std::string>(const std::string& table)> families;
};

struct Completion {
  size_t typed = 0;                // bytes of the word at the end that are there already
  std::vector<std::string> words;  // sorted; each begins with them
};

// `own` are the shell's words besides the verbs.
Completion CompleteLine(std::string_view line, const std::vector<Verb>& verbs,
                        const std::vector<std::string>& own, const ShellNames& names);

// What all words begin with.
std::string CommonPrefix(const std::vector<std::string>& words);

}  // namespace stele::cli
