// The one program: every verb in one table.
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <iterator>
#include <vector>

#include "client/cli/verb.h"
#include "common/time/clock.h"
#include "deploy/bin/server_verbs.h"

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  stele::cli::Environment env;
  env.in = &std::cin;
  env.out = &std::cout;
  env.err = &std::cerr;
  env.progress = isatty(STDERR_FILENO) == 1;
  env.terminal = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
  env.clock = stele::SystemClock();
  if (const char* cell = std::getenv("STELE_CELL"); cell != nullptr) env.cell = cell;

  std::vector<stele::cli::Verb> verbs = stele::cli::ClientVerbs();
  std::vector<stele::cli::Verb> more = stele::bin::ServerVerbs();
  verbs.insert(verbs.begin(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
  return stele::cli::RunCli(verbs, argc, argv, &env);
}
