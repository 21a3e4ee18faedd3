// The options of running processes: admin options, admin set.
#include <iostream>
#include <nlohmann/json.hpp>

#include "client/cli/admin_wait.h"
#include "client/cli/bytes_text.h"
#include "client/cli/text_table.h"
#include "client/cli/verbs.h"

namespace stele::cli {
namespace {

using Json = nlohmann::ordered_json;

// Where "master" or a server listens.
StatusOr<std::string> AddressOf(Admin* admin, const std::string& target) {
  ASSIGN_OR_RETURN(const CellStatus cell, admin->GetCellStatus());
  if (target == "master") return cell.master_address;
  for (const ServerSummary& server : cell.servers) {
    if (server.server_id == target && !server.address.empty()) return server.address;
  }
  return absl::NotFoundError(absl::StrCat("there is no live server \"", Escape(target),
                                          "\"; `master` is the other target"));
}

Json OptionJson(const ProcessOption& option) {
  return {{"name", option.name},          {"value", Escape(option.value)},
          {"source", option.source},      {"place", Escape(option.place)},
          {"default", option.by_default}, {"range", option.range},
          {"unit", option.unit},          {"live", option.live}};
}

int RunOptions(const Invocation& call) {
  auto client = ConnectCell(call);
  if (!client.ok()) return Fail(call, client.status());
  Admin admin = (*client)->admin();
  auto address = AddressOf(&admin, call.args[0]);
  if (!address.ok()) return Fail(call, address.status());
  auto process = admin.DescribeProcess(*address);
  if (!process.ok()) return Fail(call, process.status());
  if (call.Has("json")) {
    Json options = Json::array();
    for (const ProcessOption& option : process->options) options.push_back(OptionJson(option));
    *call.env->out << Json({{"role", process->role},
                            {"id", process->id},
                            {"version", process->version},
                            {"options", options}})
                          .dump()
                   << '\n';
    return kOk;
  }
  TextTable table({{"NAME"}, {"VALUE"}, {"SOURCE"}, {"DEFAULT"}, {"RANGE"}, {"UNIT"}, {"LIVE"}});
  for (const ProcessOption& option : process->options) {
    const std::string source = option.place.empty()
                                   ? option.source
                                   : absl::StrCat(option.source, " ", Escape(option.place));
    table.Row({option.name, Escape(option.value), source, option.by_default, option.range,
               option.unit, option.live ? "yes" : "no"});
  }
  table.Print(*call.env);
  return kOk;
}

int RunSet(const Invocation& call) {
  const std::string& change = call.args[1];
  const size_t equals = change.find('=');
  if (equals == change.npos || equals == 0) {
    return Fail(call, absl::InvalidArgumentError(
                          absl::StrCat("\"", Escape(change), "\" is not of the form NAME=VALUE")));
  }
  auto client = ConnectCell(call);
  if (!client.ok()) return Fail(call, client.status());
  auto steps = (*client)->admin().SetOption(
      {call.args[0], change.substr(0, equals), change.substr(equals + 1)});
  if (!steps.ok()) return Fail(call, steps.status());
  PrintSteps(call, *steps, /*dry_run=*/false);
  return kOk;
}

}  // namespace

Verb AdminOptionsVerb() {
  Verb verb;
  verb.name = "admin options";
  verb.arguments = "master|SERVER";
  verb.min_args = verb.max_args = 1;
  verb.summary = "show what each option of a running process is worth, and who said so";
  verb.details = "The same as the page /config of its status pages. No value is a secret.";
  verb.example = "stele admin options ts-1";
  verb.reads = true;
  verb.watches = true;
  verb.run = RunOptions;
  return verb;
}

Verb AdminSetVerb() {
  Verb verb;
  verb.name = "admin set";
  verb.arguments = "SERVER|master|all NAME=VALUE";
  verb.min_args = verb.max_args = 2;
  verb.summary = "change an option of running processes, until they end";
  verb.details =
      "Of a tablet server, of the active master, or of all that have the option. Nothing is "
      "written\n"
      "down: a restart, and for the master's options a change of master, brings back what flag, "
      "file\n"
      "or environment say. Who asked, and for what, is an event. Options that only a restart "
      "changes\n"
      "are refused (`stele admin options` says which are live), as are values out of range.";
  verb.example = "stele admin set all compaction-rate=64m";
  verb.reads = true;
  verb.run = RunSet;
  return verb;
}

}  // namespace stele::cli
