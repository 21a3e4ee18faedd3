#include "client/cli/row_drop.h"

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "client/cli/bytes_text.h"

namespace stele::cli {
namespace {

constexpr uint64_t kStepBytes = 64 * 1024;

struct Part {
  TabletInfo tablet;
  uint64_t bytes = 0, rows = 0;
};

// The last sample that is not above `row`.
RowKeySample Floor(const std::vector<RowKeySample>& samples, const std::string& row) {
  RowKeySample floor;
  for (const RowKeySample& sample : samples) {
    if (!sample.row.empty() && sample.row <= row) floor = sample;
  }
  return floor;
}

// The first sample that is not below `row`; empty: the last of all.
RowKeySample Ceiling(const std::vector<RowKeySample>& samples, const std::string& row) {
  for (const RowKeySample& sample : samples) {
    if (sample.row.empty() || (!row.empty() && sample.row >= row)) return sample;
  }
  return {};
}

// The tablets with such rows, and up to about how much they have of them.
std::vector<Part> PartsOf(const TableDescription& table, const std::vector<RowKeySample>& samples,
                          const std::string& prefix) {
  std::vector<Part> parts;
  const std::string end = PrefixRange(prefix).end;
  for (const TabletInfo& tablet : table.tablets) {
    if (!tablet.end_row.empty() && tablet.end_row < prefix) continue;
    if (!end.empty() && !tablet.start_row.empty() && tablet.start_row >= end) continue;
    const std::string first = std::max(tablet.start_row, prefix);
    const bool to_end = end.empty() || (!tablet.end_row.empty() && tablet.end_row < end);
    const RowKeySample low = Floor(samples, first);
    const RowKeySample high = Ceiling(samples, to_end ? tablet.end_row : end);
    parts.push_back({tablet, high.bytes - low.bytes, high.rows - low.rows});
  }
  return parts;
}

void PrintPlan(const Invocation& call, const std::vector<Part>& parts) {
  auto json = nlohmann::ordered_json::array();
  for (const Part& part : parts) {
    const std::string start = Escape(part.tablet.start_row), end = Escape(part.tablet.end_row);
    if (call.Has("json")) {
      json.push_back({{"tablet", part.tablet.id},
                      {"start", start},
                      {"end", end},
                      {"server", part.tablet.server_id},
                      {"about_rows", part.rows},
                      {"about_bytes", part.bytes}});
    } else {
      *call.env->out << "tablet " << part.tablet.id << " (" << start << ", "
                     << (end.empty() ? "end" : end) << "] at " << part.tablet.server_id
                     << ": up to about " << part.rows << " rows, " << part.bytes << " bytes\n";
    }
  }
  if (call.Has("json")) *call.env->out << json.dump() << '\n';
}

Status Confirm(const Invocation& call, const std::vector<Part>& parts, const std::string& prefix) {
  uint64_t bytes = 0, rows = 0;
  for (const Part& part : parts) {
    bytes += part.bytes;
    rows += part.rows;
  }
  *call.env->err << "Up to about " << rows << " rows (" << bytes << " bytes) in " << parts.size()
                 << " tablets of table " << call.args[0];
  if (!prefix.empty()) *call.env->err << " that begin with \"" << Escape(prefix) << '"';
  *call.env->err << " will be deleted.\nType the table's name to go on: " << std::flush;
  std::string typed;
  std::getline(*call.env->in, typed);
  if (typed == call.args[0]) return OkStatus();
  return absl::FailedPreconditionError("not confirmed; nothing was deleted (--yes does not ask)");
}

Status DropRows(const Invocation& call, const std::string& prefix) {
  std::shared_ptr<Client> client;
  ASSIGN_OR_RETURN(Table table, OpenTable(call, call.args[0], &client));
  if (call.Has("dry-run") || !call.Has("yes")) {
    ASSIGN_OR_RETURN(TableDescription description, client->admin().DescribeTable(call.args[0]));
    ASSIGN_OR_RETURN(std::vector<RowKeySample> samples, table.SampleRowKeys(kStepBytes));
    const std::vector<Part> parts = PartsOf(description, samples, prefix);
    if (call.Has("dry-run")) {
      PrintPlan(call, parts);
      return OkStatus();
    }
    RETURN_IF_ERROR(Confirm(call, parts, prefix));
  }
  return prefix.empty() ? client->admin().TruncateTable(call.args[0])
                        : client->admin().DropRowRange(call.args[0], prefix);
}

}  // namespace

void AddDropFlags(po::options_description* options) {
  auto add = options->add_options();
  add("yes", "do not ask");
  add("dry-run", "only show the tablets and about how many rows and bytes would go");
}

int RunDropRows(const Invocation& call, const std::string& prefix) {
  Status done = DropRows(call, prefix);
  return done.ok() ? static_cast<int>(kOk) : Fail(call, done);
}

}  // namespace stele::cli
