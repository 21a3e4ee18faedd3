#include <iostream>
#include <nlohmann/json.hpp>

#include "client/cli/bytes_text.h"
#include "client/cli/schema_expression.h"
#include "client/cli/verbs.h"
#include "schema/model/schema_names.h"

namespace stele::cli {
namespace {

nlohmann::ordered_json AsJson(const TableDescription& table) {
  const TableSchema& schema = table.schema;
  nlohmann::ordered_json json = {{"table", schema.name},
                                 {"id", schema.id},
                                 {"version", schema.version},
                                 {"split_bytes", schema.split_bytes},
                                 {"deletion_protection", schema.deletion_protection}};
  json["families"] = nlohmann::ordered_json::array();
  for (const FamilySchema& family : schema.families) {
    json["families"].push_back({{"name", family.name},
                                {"id", family.id},
                                {"group", family.locality_group},
                                {"gc", FormatGcRule(family.gc)},
                                {"aggregate", NameOf(family.aggregate)}});
  }
  json["groups"] = nlohmann::ordered_json::array();
  for (const LocalityGroupSchema& group : schema.groups) {
    json["groups"].push_back({{"name", group.name}, {"options", FormatGroup(group)}});
  }
  json["tablets"] = nlohmann::ordered_json::array();
  for (const TabletInfo& tablet : table.tablets) {
    json["tablets"].push_back({{"id", tablet.id},
                               {"start", Escape(tablet.start_row)},
                               {"end", Escape(tablet.end_row)},
                               {"server", tablet.server_id},
                               {"address", tablet.address},
                               {"assignment", tablet.assignment},
                               {"epoch", tablet.epoch}});
  }
  return json;
}

void PrintText(const TableDescription& table, std::ostream& out) {
  const TableSchema& schema = table.schema;
  out << "table " << schema.name << " (id " << schema.id << ", version " << schema.version
      << "), splits at " << FormatBytes(schema.split_bytes)
      << (schema.deletion_protection ? ", deletion protection on" : "") << '\n';
  for (const FamilySchema& family : schema.families)
    out << "family " << FormatFamily(family) << '\n';
  for (const LocalityGroupSchema& group : schema.groups)
    out << "group " << FormatGroup(group) << '\n';
  for (const TabletInfo& tablet : table.tablets) {
    out << "tablet " << tablet.id << " (\"" << Escape(tablet.start_row) << "\", "
        << (tablet.end_row.empty() ? "end" : "\"" + Escape(tablet.end_row) + "\"") << "] "
        << tablet.assignment << ' ' << tablet.server_id << ' ' << tablet.address << '\n';
  }
}

int Run(const Invocation& call) {
  StatusOr<std::shared_ptr<Client>> client = ConnectCell(call);
  if (!client.ok()) return Fail(call, client.status());
  StatusOr<TableDescription> table = (*client)->admin().DescribeTable(call.args[0]);
  if (!table.ok()) return Fail(call, table.status());
  if (call.Has("json")) {
    *call.env->out << AsJson(*table).dump() << '\n';
  } else {
    PrintText(*table, *call.env->out);
  }
  return kOk;
}

}  // namespace

Verb TableDescribeVerb() {
  Verb verb;
  verb.name = "table describe";
  verb.arguments = "TABLE";
  verb.summary = "show a table's schema and tablets";
  verb.details = "Families and groups are shown as `table create` takes them.";
  verb.example = "stele table describe webtable --json";
  verb.min_args = verb.max_args = 1;
  verb.reads = true;
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
