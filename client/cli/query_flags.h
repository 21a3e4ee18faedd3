// The flags by which `read`, `scan` and `count` say which rows and what of each. Pure.
#pragma once

#include "client/cli/verb.h"
#include "stele/read_query.h"

namespace stele::cli {

// --family, --column, --versions, --from-us, --until-us.
void AddSelectionFlags(po::options_description* options);
// --prefix, --start, --end, --limit.
void AddRangeFlags(po::options_description* options);

// Each adds what its flags say to *query; InvalidArgument names the flag.
Status ReadSelectionFlags(const Invocation& call, ReadQuery* query);
Status ReadRangeFlags(const Invocation& call, ReadQuery* query);

}  // namespace stele::cli
