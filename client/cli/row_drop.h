// What `table truncate` and `table drop-range` have in common: the plan, the question, the drop.
#pragma once

#include <string>

#include "client/cli/verb.h"

namespace stele::cli {

// --dry-run, --yes.
void AddDropFlags(po::options_description* options);

// Drops the rows of table args[0] with the prefix, all when it is empty. With --dry-run prints the
// tablets and about how much of each would go instead; without --yes asks on standard input.
int RunDropRows(const Invocation& call, const std::string& prefix);

}  // namespace stele::cli
