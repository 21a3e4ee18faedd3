#include <iostream>
#include <nlohmann/json.hpp>

#include "client/cli/admin_wait.h"
#include "client/cli/bytes_text.h"
#include "client/cli/recovery_text.h"
#include "client/cli/verbs.h"

namespace stele::cli {
namespace {

std::vector<std::string> EscapeAll(const std::vector<std::string>& texts) {
  std::vector<std::string> escaped;
  for (const std::string& text : texts) escaped.push_back(Escape(text));
  return escaped;
}

nlohmann::ordered_json AsJson(const CellStatus& cell) {
  const std::vector<std::string> troubles = FindTroubles(cell);
  nlohmann::ordered_json json = {
      {"cell", cell.cell_name},           {"healthy", troubles.empty()},
      {"troubles", EscapeAll(troubles)},  {"work", EscapeAll(cell.work)},
      {"master", cell.master_address},    {"master_http", cell.master_http_address},
      {"master_epoch", cell.master_epoch}};
  json["servers"] = nlohmann::ordered_json::array();
  for (const auto& server : cell.servers) {
    json["servers"].push_back({{"server", server.server_id},
                               {"address", server.address},
                               {"http", server.http_address},
                               {"state", server.state},
                               {"draining", server.draining},
                               {"note", Escape(server.note)},
                               {"recovery", RecoveryJson(server.recovery)},
                               {"tablets", server.tablets},
                               {"bytes", server.bytes},
                               {"last_report_age_ms", server.last_report_age_ms}});
  }
  json["tablets"] = nlohmann::ordered_json::array();
  for (const auto& tablet : cell.tablets) {
    json["tablets"].push_back({{"id", tablet.tablet.id},
                               {"table", tablet.tablet.table},
                               {"end", Escape(tablet.tablet.end_row)},
                               {"server", tablet.tablet.server_id},
                               {"state", tablet.state},
                               {"reason", Escape(tablet.reason)},
                               {"next_step", Escape(tablet.next_step)},
                               {"state_age_ms", tablet.state_age_ms}});
  }
  return json;
}

void PrintText(const CellStatus& cell, std::ostream& out) {
  out << HealthLine(cell) << '\n';
  out << "cell " << cell.cell_name << ", master " << cell.master_address << " (epoch "
      << cell.master_epoch << ")\n";
  for (const auto& server : cell.servers) {
    out << "server " << server.server_id << ' ' << server.address << ' ' << server.state
        << (server.draining ? " draining" : "") << ", " << server.tablets << " tablets, "
        << FormatBytes(server.bytes) << (server.note.empty() ? "" : "; ") << Escape(server.note);
    if (server.recovery.has_value()) out << "; " << RecoveryLine(*server.recovery);
    out << '\n';
  }
  for (const auto& table : cell.tables) {
    out << "table " << table.schema.name << ' ' << table.state << ", " << table.tablets_serving
        << "/" << table.tablets << " tablets serving, " << FormatBytes(table.bytes) << '\n';
  }
  for (const std::string& work : cell.work) out << "in flight: " << Escape(work) << '\n';
  for (const auto& tablet : cell.tablets) {
    if (tablet.state == "serving") continue;
    out << "tablet " << tablet.tablet.id << ' ' << tablet.state << " for " << tablet.state_age_ms
        << " ms: " << Escape(tablet.reason) << "; next: " << Escape(tablet.next_step) << '\n';
  }
}

int Run(const Invocation& call) {
  StatusOr<std::shared_ptr<Client>> client = ConnectCell(call);
  if (!client.ok()) return Fail(call, client.status());
  StatusOr<CellStatus> cell = (*client)->admin().GetCellStatus();
  if (!cell.ok()) return Fail(call, cell.status());
  if (call.Has("json")) {
    *call.env->out << AsJson(*cell).dump() << '\n';
  } else {
    PrintText(*cell, *call.env->out);
  }
  return kOk;
}

}  // namespace

std::string HealthLine(const CellStatus& cell) {
  const std::vector<std::string> troubles = FindTroubles(cell);
  if (!troubles.empty()) {
    return absl::StrCat(
        "NOT HEALTHY: ", Escape(troubles[0]),
        troubles.size() == 1 ? "" : absl::StrCat(" (and ", troubles.size() - 1, " more)"));
  }
  size_t live = 0;
  for (const ServerSummary& server : cell.servers) live += server.state == "live";
  return absl::StrCat("healthy: ", cell.tablets.size(), " tablets of ", cell.tables.size(),
                      " tables served by ", live, live == 1 ? " server" : " servers");
}

Verb StatusVerb() {
  Verb verb;
  verb.name = "status";
  verb.summary = "show the cell: its health, servers, tables, tablets not served, work in flight";
  verb.details =
      "The first line says whether the cell is healthy: every tablet served, all servers "
      "reporting,\n"
      "no log waiting for its recovery. The exit code is 0 when the cell answers, healthy or not;\n"
      "`stele admin wait-healthy` tells by its code.";
  verb.example = "stele status --json";
  verb.reads = true;
  verb.watches = true;
  verb.run = Run;
  return verb;
}

Verb AdminStatusVerb() {
  Verb verb = StatusVerb();
  verb.name = "admin status";
  verb.example = "stele admin status";
  return verb;
}

}  // namespace stele::cli
