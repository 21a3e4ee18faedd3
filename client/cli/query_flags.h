// The flags by which `read`, `lookup`, `scan`, `count`, `export` and `copy` say which rows and what
// of each. Pure.
#pragma once

#include "client/cli/row_text.h"
#include "client/cli/verb.h"
#include "stele/read_query.h"

namespace stele::cli {

// --family, --column, --versions, --cells-per-row, --from, --to.
void AddSelectionFlags(po::options_description* options);
// --filter; ReadSelectionFlags reads it where it is.
void AddFilterFlag(po::options_description* options);
// --prefix, --start, --end, --limit.
void AddRangeFlags(po::options_description* options);

// Each adds what its flags say to *query; InvalidArgument names the flag.
Status ReadSelectionFlags(const Invocation& call, ReadQuery* query);
Status ReadRangeFlags(const Invocation& call, ReadQuery* query);

// The parts of ReadRangeFlags: the run of rows, and the limit (0: none).
StatusOr<RowRange> RangeOfFlags(const Invocation& call);
StatusOr<uint64_t> LimitOfFlags(const Invocation& call);
// --csv, --hex, --base64, --max-value-bytes; with --json the forms in which rows are printed.
void AddOutputFlags(po::options_description* options);
// InvalidArgument when two forms are asked for.
StatusOr<RowFormat> OutputOfFlags(const Invocation& call);
// What the flags of selection and range choose, in words that differ when the choice does.
std::string ChoiceOfFlags(const Invocation& call);
// RFC 3339 or microseconds; 0 when the flag is not given.
StatusOr<int64_t> TimeOfFlag(const Invocation& call, const char* flag);

}  // namespace stele::cli
