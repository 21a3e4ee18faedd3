// The flags of `stele local`, and what they make of a cell. Pure.
#pragma once

#include "client/cli/verb.h"
#include "deploy/cell/cell.h"

namespace stele::bin {

void AddLocalFlags(cli::po::options_description* options);
// InvalidArgument names the flag.
StatusOr<deploy::CellOptions> ReadLocalFlags(const cli::Invocation& call);

}  // namespace stele::bin
