#include "client/cli/query_flags.h"

#include "absl/strings/str_cat.h"
#include "client/cli/bytes_text.h"
#include "client/cli/transfer.h"
#include "schema/model/model.h"
#include "schema/model/time_text.h"
#include "stele/filter_text.h"

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
  add("cells-per-row", po::value<int32_t>(), "first cells of each row (default: all)");
  add("from", po::value<std::string>(),
      "only cells from this time on, RFC 3339 (2024-01-31T12:00:00Z) or microseconds");
  add("to", po::value<std::string>(), "only cells before this time");
}

void AddFilterFlag(po::options_description* options) {
  options->add_options()("filter", po::value<std::string>(),
                         "of those, only cells that this filter lets through; `stele scan --help` "
                         "has the grammar");
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
  if (call.Has("cells-per-row")) {
    const int32_t cells = call.Get<int32_t>("cells-per-row");
    if (cells < 1) return absl::InvalidArgumentError("--cells-per-row is at least 1");
    query->CellsPerRow(cells);
  }
  ASSIGN_OR_RETURN(const int64_t from, TimeOfFlag(call, "from"));
  ASSIGN_OR_RETURN(const int64_t to, TimeOfFlag(call, "to"));
  query->Timestamps(from, to);
  if (call.Has("filter")) {
    StatusOr<stele::Filter> filter = ParseFilter(call.Get<std::string>("filter"));
    if (!filter.ok()) return WithContext(filter.status(), "--filter");
    query->Filter(*std::move(filter));
  }
  return ValidateSelection(query->selection());
}

StatusOr<int64_t> TimeOfFlag(const Invocation& call, const char* flag) {
  if (!call.Has(flag)) return int64_t{0};
  StatusOr<int64_t> us = ParseTimeUs(call.Get<std::string>(flag));
  return us.ok() ? us : WithContext(us.status(), absl::StrCat("--", flag));
}

StatusOr<RowRange> RangeOfFlags(const Invocation& call) {
  const bool bounds = call.Has("start") || call.Has("end");
  if (call.Has("prefix") && bounds) {
    return absl::InvalidArgumentError("--prefix does not go with --start or --end");
  }
  RowRange range;
  if (call.Has("prefix")) {
    ASSIGN_OR_RETURN(range.start, Text(call, call.Get<std::string>("prefix")));
    range = PrefixRange(range.start);
  }
  if (call.Has("start")) {
    ASSIGN_OR_RETURN(range.start, Text(call, call.Get<std::string>("start")));
  }
  if (call.Has("end")) {
    ASSIGN_OR_RETURN(range.end, Text(call, call.Get<std::string>("end")));
  }
  RowSet rows;
  rows.ranges.push_back(range);
  RETURN_IF_ERROR(ValidateRowSet(rows));
  return range;
}

StatusOr<uint64_t> LimitOfFlags(const Invocation& call) {
  if (!call.Has("limit")) return uint64_t{0};
  const int64_t limit = call.Get<int64_t>("limit");
  if (limit < 1) return absl::InvalidArgumentError("--limit is at least 1");
  return static_cast<uint64_t>(limit);
}

void AddOutputFlags(po::options_description* options) {
  auto add = options->add_options();
  add("csv", "print a cell a line, or with --column alone a row a line, as `stele export` does");
  AddEncodingFlags(options);
  add("max-value-bytes", po::value<int64_t>()->default_value(0),
      "text: cut longer values; 0: never");
}

StatusOr<RowFormat> OutputOfFlags(const Invocation& call) {
  if (call.Has("csv") && call.Has("json")) {
    return absl::InvalidArgumentError("--csv does not go with --json");
  }
  RowFormat format;
  format.form = call.Has("csv")    ? RowForm::kCsv
                : call.Has("json") ? RowForm::kJson
                                   : RowForm::kText;
  const TextEncoding plain =
      format.form == RowForm::kText ? TextEncoding::kEscaped : TextEncoding::kRaw;
  ASSIGN_OR_RETURN(format.encoding, EncodingOfFlags(call, plain));
  const int64_t most = call.Get<int64_t>("max-value-bytes");
  if (most < 0) return absl::InvalidArgumentError("--max-value-bytes is at least 0");
  format.max_value_bytes = static_cast<size_t>(most);
  ReadQuery query;
  RETURN_IF_ERROR(ReadSelectionFlags(call, &query));
  if (query.selection().families.empty()) format.columns = query.selection().columns;
  return format;
}

std::string ChoiceOfFlags(const Invocation& call) {
  std::string choice;
  for (const char* flag : {"prefix", "start", "end", "from", "to", "filter"}) {
    if (call.Has(flag)) absl::StrAppend(&choice, " ", flag, "=", call.Get<std::string>(flag));
  }
  for (const char* flag : {"family", "column"}) {
    if (!call.Has(flag)) continue;
    for (const std::string& text : call.Get<Strings>(flag)) {
      absl::StrAppend(&choice, " ", flag, "=", text);
    }
  }
  for (const char* flag : {"versions", "cells-per-row"}) {
    if (call.Has(flag)) absl::StrAppend(&choice, " ", flag, "=", call.Get<int32_t>(flag));
  }
  if (call.Has("limit")) absl::StrAppend(&choice, " limit=", call.Get<int64_t>("limit"));
  if (call.Has("escaped")) choice += " escaped";
  return choice;
}

Status ReadRangeFlags(const Invocation& call, ReadQuery* query) {
  ASSIGN_OR_RETURN(RowRange range, RangeOfFlags(call));
  if (!range.start.empty() || !range.end.empty()) query->Range(std::move(range));
  ASSIGN_OR_RETURN(const uint64_t limit, LimitOfFlags(call));
  query->Limit(limit);
  return OkStatus();
}

}  // namespace stele::cli
