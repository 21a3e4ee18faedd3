// config check: what of a file a server would refuse, and where.
#include <sys/stat.h>

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "client/cli/bytes_text.h"
#include "deploy/bin/role_settings.h"
#include "deploy/bin/server_verbs.h"
#include "tabletserver/tablet/exit_code.h"

namespace stele::bin {
namespace {

using config::ConfigProblem;
using config::Role;

constexpr int kBad = static_cast<int>(tabletserver::ExitCode::kBadConfiguration);

// What a role makes of a file whose lines are right one by one.
void CheckRole(const config::ConfigFile& file, Role role, bool whole,
               std::vector<ConfigProblem>* problems, std::vector<ConfigProblem>* warnings) {
  config::SettingsInput input;
  input.file = &file;
  const config::Settings settings(role, config::Resolve(role, input).settings);
  const std::string who = absl::StrCat("for ", config::NameOf(role), ": ");
  if (whole) {
    for (const std::string& what : MissingOptions(settings)) {
      problems->push_back({0, absl::StrCat(who, what)});
    }
  }
  Status bad = CheckTogether(settings);
  if (!bad.ok()) problems->push_back({0, absl::StrCat(who, bad.message())});
  // Several processes of a file each get a flag with a place of their own.
  Status nowhere = CheckReachable(settings);
  if (!nowhere.ok()) warnings->push_back({0, absl::StrCat(who, nowhere.message())});
}

// What is allowed, and may yet be a mistake on the machine where the file is to be used.
void CheckSecrets(const config::ConfigFile& file, std::vector<ConfigProblem>* warnings) {
  // A group that may read is how a service gets it that another user owns.
  constexpr mode_t kOpen = S_IRWXO | S_IWGRP | S_IXGRP;
  for (const config::ConfigLine& line : file.lines) {
    const config::Option* option = nullptr;
    for (Role role : config::RolesOf(line.roles)) {
      if (option == nullptr) option = config::FindOption(role, line.name);
    }
    if (option == nullptr || option->kind != config::OptionKind::kSecretFile) continue;
    struct stat found {};
    if (stat(line.value.c_str(), &found) != 0) {
      warnings->push_back(
          {line.line, absl::StrCat(cli::Escape(line.value), " is not there, on this machine")});
    } else if ((found.st_mode & kOpen) != 0) {
      const bool of_group = (found.st_mode & (S_IWGRP | S_IXGRP)) != 0;
      warnings->push_back({line.line, absl::StrCat(cli::Escape(line.value), " is open to others: ",
                                                   of_group ? "chmod g-wx,o-rwx" : "chmod o-rwx")});
    }
  }
}

nlohmann::ordered_json AsJson(const std::vector<ConfigProblem>& problems) {
  auto list = nlohmann::ordered_json::array();
  for (const ConfigProblem& problem : problems) {
    list.push_back({{"line", problem.line}, {"text", problem.text}});
  }
  return list;
}

void Print(const std::string& path, const char* what, const std::vector<ConfigProblem>& problems,
           std::ostream& out) {
  for (const ConfigProblem& problem : problems) {
    out << cli::Escape(path) << ':';
    if (problem.line > 0) out << problem.line << ':';
    out << what << ' ' << problem.text << '\n';
  }
}

int Run(const cli::Invocation& call) {
  config::RoleSet roles = config::kAllRoles;
  if (call.Has("role")) {
    auto role = config::RoleOf(call.Get<std::string>("role"));
    if (!role.ok()) return cli::Fail(call, role.status());
    roles = config::Only(*role);
  }
  auto file = config::ReadConfigFile(call.args[0]);
  if (!file.ok()) {
    cli::Fail(call, file.status());
    return kBad;
  }
  std::vector<ConfigProblem> problems = config::CheckConfig(*file, roles);
  std::vector<ConfigProblem> warnings;
  CheckSecrets(*file, &warnings);
  if (problems.empty()) {
    const config::RoleSet whole = call.Has("role") ? roles : file->sections;
    for (Role role : config::RolesOf(roles)) {
      CheckRole(*file, role, (whole & config::Only(role)) != 0, &problems, &warnings);
    }
  }
  if (call.Has("json")) {
    const nlohmann::ordered_json json = {{"file", file->path},
                                         {"ok", problems.empty()},
                                         {"problems", AsJson(problems)},
                                         {"warnings", AsJson(warnings)}};
    *call.env->out << json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  } else {
    Print(file->path, "", problems, *call.env->out);
    Print(file->path, " warning:", warnings, *call.env->out);
    if (problems.empty()) {
      *call.env->out << cli::Escape(file->path) << ": ok, " << file->lines.size() << " options\n";
    }
  }
  return problems.empty() ? cli::kOk : kBad;
}

}  // namespace

cli::Verb ConfigCheckVerb() {
  cli::Verb verb;
  verb.name = "config check";
  verb.arguments = "FILE";
  verb.min_args = verb.max_args = 1;
  verb.summary = "say what of a file of options a server would refuse, with line numbers";
  verb.details =
      "Unknown and repeated names, values that are none or out of range, and options that do not "
      "go\n"
      "together; and what must be given and is not, for --role or the sections that there are, "
      "but\n"
      "--id. The file: `name = value` lines; # and ; begin comments; what stands before the\n"
      "first [local], [master] or [tabletserver] is for every role that has the option.\n"
      "Exit code 0: a server takes it. 13: it does not, as the server would end.";
  verb.example = "stele config check /etc/stele/stele.conf --role tabletserver";
  verb.uses_cell = false;
  verb.reads = true;
  verb.options = [](cli::po::options_description* flags) {
    flags->add_options()("role", cli::po::value<std::string>()->value_name("ROLE"),
                         "only what concerns local, master or tabletserver; default: all");
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::bin
