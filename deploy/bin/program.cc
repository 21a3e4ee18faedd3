#include "deploy/bin/program.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "client/cli/verb.h"
#include "common/time/clock.h"
#include "deploy/bin/masters_of_cell.h"
#include "deploy/bin/server_verbs.h"

namespace stele::bin {
namespace {

constexpr char kCellFlag[] = "--cell";
constexpr int kUnavailable = 3;

// A cell on ZooKeeper is known to the verbs by its masters' addresses. False when they cannot be
// had; a verb that says why goes on with that.
bool FindMasters(std::vector<std::string>* words, cli::Environment* env) {
  const std::string prefix = std::string(kCellFlag) + "=";
  std::vector<std::pair<std::string*, std::string>> cells;
  for (size_t i = 1; i < words->size(); ++i) {
    std::string& word = (*words)[i];
    if (word.rfind(prefix, 0) == 0) cells.emplace_back(&word, prefix);
    if (word == kCellFlag && i + 1 < words->size()) cells.emplace_back(&(*words)[i + 1], "");
  }
  // The flag wins: what the variable names may be away.
  if (cells.empty()) cells.emplace_back(&env->cell, "");
  for (auto& [text, before] : cells) {
    auto masters = MastersOfCell(text->substr(before.size()));
    if (!masters.ok() && words->size() > 2 && (*words)[1] == "admin" &&
        ((*words)[2] == "why" || (*words)[2] == "doctor")) {
      env->locker = masters.status();
      return true;
    }
    if (!masters.ok()) {
      std::cerr << "stele: " << masters.status().message() << '\n';
      return false;
    }
    env->cell_by_locker = *masters != text->substr(before.size());
    *text = before + *masters;
  }
  return true;
}

// Those that begin with STELE_; empty ones are as good as not there.
std::map<std::string, std::string> OwnVariables() {
  std::map<std::string, std::string> own;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const size_t equals = text.find('=');
    if (text.rfind("STELE_", 0) != 0 || equals == text.npos || equals + 1 == text.size()) continue;
    own.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return own;
}

}  // namespace

int RunProgram(int argc, char** argv, FaultInjector* faults) {
  std::ios::sync_with_stdio(false);
  cli::Environment env;
  env.in = &std::cin;
  env.out = &std::cout;
  env.err = &std::cerr;
  env.progress = isatty(STDERR_FILENO) == 1;
  env.terminal = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
  const char* no_colour = std::getenv("NO_COLOR");
  env.colour = isatty(STDOUT_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0');
  env.clock = SystemClock();
  env.faults = faults;
  env.variables = OwnVariables();
  if (const auto cell = env.variables.find("STELE_CELL"); cell != env.variables.end()) {
    env.cell = cell->second;
  }

  std::vector<cli::Verb> verbs = cli::ClientVerbs();
  std::vector<cli::Verb> more = ServerVerbs();
  const auto server_verbs = static_cast<std::ptrdiff_t>(more.size());
  verbs.insert(verbs.begin(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
  std::vector<std::string> words(argv, argv + argc);
  const std::string first = words.size() > 1 ? words[1] : "";
  // What needs no cell is not kept by one that is away.
  const bool of_server =
      std::any_of(verbs.begin(), verbs.begin() + server_verbs, [&](const cli::Verb& v) {
        return v.name.substr(0, v.name.find(' ')) == first && first != "admin";
      });
  if (!of_server && !FindMasters(&words, &env)) return kUnavailable;
  std::vector<const char*> pointers;
  for (const std::string& word : words) pointers.push_back(word.c_str());
  return cli::RunCli(verbs, argc, pointers.data(), &env);
}

}  // namespace stele::bin
