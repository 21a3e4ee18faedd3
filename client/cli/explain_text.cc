#include "client/cli/explain_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/bytes_text.h"

namespace stele::cli {
namespace {

using Json = nlohmann::ordered_json;
using Attempt = ReadExplanation::Attempt;

constexpr size_t kFilesShown = 20;

std::string Ms(int64_t micros) {
  return absl::StrFormat("%.2f ms", static_cast<double>(micros) / 1'000);
}

std::string Place(const std::string& server, const std::string& address) {
  return server.empty() ? "no server known" : absl::StrCat(server, " (", address, ")");
}

int64_t ServerMicros(const Attempt& attempt) {
  return attempt.prepare_us + attempt.memory_us + attempt.wait_us + attempt.disk_us;
}

void AppendSteps(const ReadExplanation& explanation, std::string* out) {
  for (const ReadExplanation::Step& step : explanation.steps) {
    const std::string id = step.tablet == 0 ? "?" : absl::StrCat(step.tablet);
    absl::StrAppendFormat(out, "%-16s%-22s %-10s %s\n", step.what, id,
                          step.cached ? "cached" : "looked up", Place(step.server, step.address));
  }
}

// Those that took longest first.
void AppendFiles(const Attempt& attempt, std::string* out) {
  std::vector<ReadExplanation::File> files = attempt.files;
  std::stable_sort(files.begin(), files.end(),
                   [](const auto& a, const auto& b) { return a.read_us > b.read_us; });
  for (size_t i = 0; i < files.size() && i < kFilesShown; ++i) {
    const ReadExplanation::File& file = files[i];
    absl::StrAppend(out, "    ", file.name, "\n      filter ", file.filter, ", blocks ",
                    file.blocks_cached, " cached, ", file.blocks_read, " read");
    if (file.blocks_read > 0) {
      absl::StrAppend(out, " (", FormatBytes(file.bytes_read), ", ", Ms(file.read_us), ")");
    }
    absl::StrAppend(out, ", ", file.cells, " cells looked at\n");
  }
  if (files.size() > kFilesShown) {
    absl::StrAppend(out, "    and ", files.size() - kFilesShown, " others\n");
  }
}

void AppendAttempt(size_t number, const Attempt& attempt, std::string* out) {
  absl::StrAppend(out, "request ", number, ": ");
  if (attempt.tablet == 0) {
    absl::StrAppend(out, "no tablet was found: ", attempt.status.ToString(), ", ",
                    Ms(attempt.locate_us), "\n");
    return;
  }
  absl::StrAppend(out, "tablet ", attempt.tablet, " on ", Place(attempt.server, attempt.address),
                  ": ", attempt.status.ToString(), "\n  time      look-up ", Ms(attempt.locate_us),
                  ", then ", Ms(attempt.total_us));
  if (attempt.traced) {
    absl::StrAppend(out, ": network and coding ", Ms(attempt.total_us - ServerMicros(attempt)),
                    ", server ", Ms(ServerMicros(attempt)), "\n  server    prepare ",
                    Ms(attempt.prepare_us), ", from memory ", Ms(attempt.memory_us),
                    ", wait for a disk thread ", Ms(attempt.wait_us), ", with the disk ",
                    Ms(attempt.disk_us));
  }
  absl::StrAppend(out, "\n");
  if (attempt.traced) {
    const auto excluded =
        std::count_if(attempt.files.begin(), attempt.files.end(),
                      [](const auto& file) { return file.filter == "holds not"; });
    absl::StrAppend(out, "  memtables ", attempt.memtables, ", ", attempt.memtable_cells,
                    " cells looked at\n  SSTables  ", attempt.files.size() - excluded,
                    " looked at, ", excluded, " excluded by their filter, ",
                    attempt.files_out_of_reach, " by their keys or timestamps\n");
    AppendFiles(attempt, out);
  }
  if (!attempt.status.ok()) return;
  absl::StrAppend(out, "  came      ", attempt.rows, " rows, ", attempt.cells, " cells, ",
                  FormatBytes(attempt.bytes), "; looked at for them: ", attempt.rows_examined,
                  " rows, ", attempt.cells_examined, " cells\n");
}

Json FileJson(const ReadExplanation::File& file) {
  return {{"name", file.name},
          {"filter", file.filter},
          {"blocks_cached", file.blocks_cached},
          {"blocks_read", file.blocks_read},
          {"bytes_read", file.bytes_read},
          {"cells", file.cells},
          {"read_us", file.read_us}};
}

Json AttemptJson(const Attempt& attempt) {
  Json json = {{"tablet", attempt.tablet},       {"server", attempt.server},
               {"address", attempt.address},     {"status", attempt.status.ToString()},
               {"locate_us", attempt.locate_us}, {"total_us", attempt.total_us}};
  if (attempt.traced) {
    json["server_us"] = {{"prepare", attempt.prepare_us},
                         {"memory", attempt.memory_us},
                         {"wait", attempt.wait_us},
                         {"disk", attempt.disk_us}};
    json["memtables"] = attempt.memtables;
    json["memtable_cells"] = attempt.memtable_cells;
    json["files_out_of_reach"] = attempt.files_out_of_reach;
    json["files"] = Json::array();
    for (const ReadExplanation::File& file : attempt.files) json["files"].push_back(FileJson(file));
  }
  json["rows"] = attempt.rows;
  json["cells"] = attempt.cells;
  json["bytes"] = attempt.bytes;
  json["rows_examined"] = attempt.rows_examined;
  json["cells_examined"] = attempt.cells_examined;
  return json;
}

}  // namespace

std::string ExplanationAsText(const ReadExplanation& explanation, int64_t total_us) {
  std::string out;
  AppendSteps(explanation, &out);
  for (size_t i = 0; i < explanation.attempts.size(); ++i) {
    AppendAttempt(i + 1, explanation.attempts[i], &out);
  }
  if (explanation.attempts_left_out > 0) {
    absl::StrAppend(&out, "and ", explanation.attempts_left_out, " later requests\n");
  }
  absl::StrAppend(&out, "in all ", Ms(total_us), "\n");
  return out;
}

std::string ExplanationAsJson(const ReadExplanation& explanation, int64_t total_us) {
  Json json = {{"location", Json::array()}, {"requests", Json::array()}};
  for (const ReadExplanation::Step& step : explanation.steps) {
    json["location"].push_back({{"what", step.what},
                                {"tablet", step.tablet},
                                {"cached", step.cached},
                                {"server", step.server},
                                {"address", step.address}});
  }
  for (const Attempt& attempt : explanation.attempts) {
    json["requests"].push_back(AttemptJson(attempt));
  }
  json["requests_left_out"] = explanation.attempts_left_out;
  json["total_us"] = total_us;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace stele::cli
