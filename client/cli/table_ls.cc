#include <iostream>
#include <nlohmann/json.hpp>

#include "client/cli/bytes_text.h"
#include "client/cli/text_table.h"
#include "client/cli/verbs.h"

namespace stele::cli {
namespace {

int Run(const Invocation& call) {
  StatusOr<std::shared_ptr<Client>> client = ConnectCell(call);
  if (!client.ok()) return Fail(call, client.status());
  StatusOr<std::vector<TableSummary>> tables = (*client)->admin().ListTables();
  if (!tables.ok()) return Fail(call, tables.status());
  TextTable shown({{"TABLE"},
                   {"STATE", /*number=*/false, /*state=*/true},
                   {"TABLETS", /*number=*/true},
                   {"SERVING", /*number=*/true},
                   {"BYTES", /*number=*/true}});
  for (const TableSummary& table : *tables) {
    if (call.Has("json")) {
      const nlohmann::ordered_json json = {{"table", table.schema.name},
                                           {"state", table.state},
                                           {"families", table.schema.families.size()},
                                           {"tablets", table.tablets},
                                           {"tablets_serving", table.tablets_serving},
                                           {"bytes", table.bytes}};
      *call.env->out << json.dump() << '\n';
      continue;
    }
    shown.Row({table.schema.name, table.state, absl::StrCat(table.tablets),
               absl::StrCat(table.tablets_serving), FormatBytes(table.bytes)});
  }
  if (!call.Has("json")) shown.Print(*call.env);
  return kOk;
}

}  // namespace

Verb TableLsVerb() {
  Verb verb;
  verb.name = "table ls";
  verb.summary = "list the tables";
  verb.details =
      "A line a table: name, state, tablets serving of all, bytes in SSTables. With --json one\n"
      "object a line.";
  verb.example = "stele table ls --json";
  verb.reads = true;
  verb.watches = true;
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
