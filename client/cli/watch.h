// --watch: a verb that only looks, again and again until Ctrl-C. On a terminal each look is drawn
// over the last one, cut to the screen; elsewhere the looks follow each other as blocks, each with
// its time above, or, with --json, with nothing but the JSON. A cell that does not answer is told
// and asked again; a usage error ends it. Used by one thread.
#pragma once

#include "client/cli/verb.h"

namespace stele::cli {

// The flag: --watch or --watch=SECONDS.
void AddWatchFlag(po::options_description* options);

// REQUIRES: verb.watches, and the flag is given. `flags` are those of the call; they get a deadline
// for each call when they have none. The exit code: 0 after Ctrl-C, or when nobody reads any more.
int RunWatched(const Verb& verb, po::variables_map* flags, const Invocation& call);

// A look as the screen shows it: over the one before, lines above `rows` left out and counted.
std::string DrawOver(const std::string& look, size_t rows);

}  // namespace stele::cli
