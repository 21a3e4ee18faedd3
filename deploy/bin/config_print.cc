// config print: what each option would be worth, and who says so.
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>

#include "client/cli/bytes_text.h"
#include "client/cli/text_table.h"
#include "deploy/bin/role_settings.h"
#include "deploy/bin/server_verbs.h"
#include "tabletserver/tablet/exit_code.h"

namespace stele::bin {
namespace {

using config::Role;
using config::Setting;

constexpr int kBad = static_cast<int>(tabletserver::ExitCode::kBadConfiguration);

void AddFlags(cli::po::options_description* options) {
  auto add = options->add_options();
  add("config", cli::po::value<std::string>()->value_name("FILE"), "file of options");
  std::set<std::string> seen;
  for (const config::Option& option : config::AllOptions()) {
    if (!seen.insert(option.name).second) continue;
    add(option.name, cli::po::value<std::string>()->value_name("VALUE"),
        "as it would be given to the server");
  }
}

void PrintJson(const std::vector<Setting>& settings, std::ostream& out) {
  auto list = nlohmann::ordered_json::array();
  for (const Setting& setting : settings) {
    const config::Option& option = *setting.option;
    list.push_back({{"name", option.name},
                    {"value", cli::Escape(setting.value)},
                    {"source", config::NameOf(setting.source)},
                    {"place", cli::Escape(setting.place)},
                    {"default", config::DefaultText(option)},
                    {"range", config::RangeText(option)},
                    {"unit", config::UnitText(option)},
                    {"live", option.live}});
  }
  out << nlohmann::ordered_json({{"options", list}}).dump() << '\n';
}

void PrintText(const std::vector<Setting>& settings, const cli::Environment& env) {
  cli::TextTable table(
      {{"NAME"}, {"VALUE"}, {"SOURCE"}, {"DEFAULT"}, {"RANGE"}, {"UNIT"}, {"LIVE"}});
  for (const Setting& setting : settings) {
    const config::Option& option = *setting.option;
    const std::string source =
        setting.place.empty() ? config::NameOf(setting.source) : cli::Escape(setting.place);
    table.Row({option.name, setting.value.empty() ? "-" : cli::Escape(setting.value), source,
               config::DefaultText(option), config::RangeText(option), config::UnitText(option),
               option.live ? "yes" : "no"});
  }
  table.Print(env);
}

int Run(const cli::Invocation& call) {
  auto role = config::RoleOf(call.args[0]);
  if (!role.ok()) return cli::Fail(call, role.status());
  const auto source = ReadSource(call);
  if (!source.ok()) {
    cli::Fail(call, source.status());
    return kBad;
  }
  for (const auto& [name, value] : source->input.flags) {
    if (config::FindOption(*role, name) != nullptr) continue;
    return cli::Fail(call, absl::InvalidArgumentError(absl::StrCat("--", name, " is no option of ",
                                                                   config::NameOf(*role))));
  }
  config::ResolvedSettings resolved = config::Resolve(*role, source->input);
  for (const std::string& warning : resolved.warnings) {
    *call.env->err << "warning: " << warning << '\n';
  }
  for (const std::string& problem : resolved.problems) {
    *call.env->err << "stele: " << problem << '\n';
  }
  if (call.Has("json")) {
    PrintJson(resolved.settings, *call.env->out);
  } else {
    PrintText(resolved.settings, *call.env);
  }
  if (!resolved.problems.empty()) return kBad;
  const config::Settings settings(*role, std::move(resolved.settings));
  const std::vector<std::string> missing = MissingOptions(settings);
  for (const std::string& what : missing) *call.env->err << "stele: " << what << '\n';
  Status bad = CheckTogether(settings);
  if (bad.ok()) bad = CheckReachable(settings);
  if (!bad.ok()) cli::Fail(call, bad);
  return bad.ok() && missing.empty() ? cli::kOk : kBad;
}

}  // namespace

cli::Verb ConfigPrintVerb() {
  cli::Verb verb;
  verb.name = "config print";
  verb.arguments = "ROLE";
  verb.min_args = verb.max_args = 1;
  verb.summary = "print what each option of a server would be worth, and who says so";
  verb.details =
      std::string(config::kPrecedence) +
      "\nThe flags, the file and the environment are those of this call. No value is a secret: "
      "what\n"
      "is stands in a file that an option names. Exit code 13: a server would refuse it.";
  verb.example = "stele config print tabletserver --config /etc/stele/stele.conf --id ts-1";
  verb.uses_cell = false;
  verb.reads = true;
  verb.options = AddFlags;
  verb.run = Run;
  return verb;
}

}  // namespace stele::bin
