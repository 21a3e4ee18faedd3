#include "client/cli/query_flags.h"

#include "absl/strings/str_cat.h"
#include "client/cli/bytes_text.h"
#include "schema/model/model.h"

namespace stele::cli {
namespace {

using Strings = std::vector<std::string>;

StatusOr<std::string> Text(const Invocation& call, const std::string& value) {
  if (call.Has("escaped")) return Unescape(value);
  return value;
}

}  // namespace

void AddSelectionFlags(po::options_description* options) {
  auto add = options->add_options();
  add("family", po::value<Strings>()->composing(), "only this family; may be repeated");
  add("column", po::value<Strings>()->composing(), "only this FAMILY:QUALIFIER; may be repeated");
  add("versions", po::value<int32_t>(), "newest cells of each column (default: all)");
  add("from-us", po::value<int64_t>(), "only cells from this timestamp on, microseconds");
  add("until-us", po::value<int64_t>(), "only cells before this timestamp, microseconds");
}

void AddRangeFlags(po::options_description* options) {
  auto add = options->add_options();
  add("prefix", po::value<std::string>(), "rows that begin with this");
  add("start", po::value<std::string>(), "from this row on");
  add("end", po::value<std::string>(), "rows before this one");
  add("limit", po::value<int64_t>(), "at most so many rows");
}

Status ReadSelectionFlags(const Invocation& call, ReadQuery* query) {
  if (call.Has("family")) {
    for (const std::string& family : call.Get<Strings>("family")) {
      RETURN_IF_ERROR(ValidateFamilyName(family));
      query->Family(family);
    }
  }
  if (call.Has("column")) {
    for (const std::string& text : call.Get<Strings>("column")) {
      ASSIGN_OR_RETURN(std::string bytes, Text(call, text));
      ColumnName column = ParseColumn(bytes);
      if (!column.has_qualifier) {
        return absl::InvalidArgumentError(
            absl::StrCat("--column \"", Escape(text), "\" is not FAMILY:QUALIFIER"));
      }
      query->Column(column.family, column.qualifier);
    }
  }
  if (call.Has("versions")) {
    const int32_t versions = call.Get<int32_t>("versions");
    if (versions < 1) return absl::InvalidArgumentError("--versions is at least 1");
    query->CellsPerColumn(versions);
  }
  query->Timestamps(call.Has("from-us") ? call.Get<int64_t>("from-us") : 0,
                    call.Has("until-us") ? call.Get<int64_t>("until-us") : 0);
  return ValidateSelection(query->selection());
}

Status ReadRangeFlags(const Invocation& call, ReadQuery* query) {
  const bool bounds = call.Has("start") || call.Has("end");
  if (call.Has("prefix") && bounds) {
    return absl::InvalidArgumentError("--prefix does not go with --start or --end");
  }
  if (call.Has("prefix")) {
    ASSIGN_OR_RETURN(std::string prefix, Text(call, call.Get<std::string>("prefix")));
    query->Prefix(prefix);
  } else if (bounds) {
    std::string start, end;
    if (call.Has("start")) {
      ASSIGN_OR_RETURN(start, Text(call, call.Get<std::string>("start")));
    }
    if (call.Has("end")) {
      ASSIGN_OR_RETURN(end, Text(call, call.Get<std::string>("end")));
    }
    query->Range(start, end);
  }
  if (call.Has("limit")) {
    const int64_t limit = call.Get<int64_t>("limit");
    if (limit < 1) return absl::InvalidArgumentError("--limit is at least 1");
    query->Limit(static_cast<uint64_t>(limit));
  }
  return ValidateRowSet(query->rows());
}

}  // namespace stele::cli
