#include <iostream>
#include <nlohmann/json.hpp>

#include "client/cli/bytes_text.h"
#include "client/cli/verbs.h"

namespace stele::cli {
namespace {

nlohmann::ordered_json AsJson(const CellStatus& cell) {
  nlohmann::ordered_json json = {{"cell", cell.cell_name},
                                 {"master", cell.master_address},
                                 {"master_http", cell.master_http_address},
                                 {"master_epoch", cell.master_epoch}};
  json["servers"] = nlohmann::ordered_json::array();
  for (const auto& server : cell.servers) {
    json["servers"].push_back({{"server", server.server_id},
                               {"address", server.address},
                               {"http", server.http_address},
                               {"state", server.state},
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
  out << "cell " << cell.cell_name << ", master " << cell.master_address << " (epoch "
      << cell.master_epoch << ")\n";
  for (const auto& server : cell.servers) {
    out << "server " << server.server_id << ' ' << server.address << ' ' << server.state << ", "
        << server.tablets << " tablets, " << FormatBytes(server.bytes) << '\n';
  }
  for (const auto& table : cell.tables) {
    out << "table " << table.schema.name << ' ' << table.state << ", " << table.tablets_serving
        << "/" << table.tablets << " tablets serving, " << FormatBytes(table.bytes) << '\n';
  }
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

Verb StatusVerb() {
  Verb verb;
  verb.name = "status";
  verb.summary = "show the cell: servers, tables, tablets that are not serving";
  verb.example = "stele status --json";
  verb.reads = true;
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
