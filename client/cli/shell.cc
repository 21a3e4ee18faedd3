#include <cstdlib>
#include <iostream>
#include <optional>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "client/cli/bytes_text.h"
#include "client/cli/interrupt.h"
#include "client/cli/line_editor.h"
#include "client/cli/shell_completion.h"
#include "client/cli/verbs.h"
#include "client/cli/word_split.h"

namespace stele::cli {
namespace {

constexpr char kOwnHelp[] =
    "\nIn the shell besides: cell ADDRESS (the cell of the commands that follow), exit. Words may "
    "stand\nin '...' or \"...\"; # begins a comment. Ctrl-C ends the command, not the shell.\n";

class Shell {
 public:
  explicit Shell(const Invocation& call) : call_(call), env_(*call.env) {
    env_.in = &no_input_;  // the shell's own input is commands
    env_.clients = &clients_;
    env_.interrupt = &interrupt_;
    if (call.Has("cell")) env_.cell = call.Get<std::string>("cell");
    for (Verb& verb : ClientVerbs()) {
      if (verb.name != "shell" && verb.name != "probe") verbs_.push_back(std::move(verb));
    }
  }

  int RunTerminal();
  int RunScript();

 private:
  // The command's exit code; nullopt: the shell ends.
  std::optional<int> RunLine(const std::string& line);
  std::vector<std::string> Tables();
  std::vector<std::string> Families(const std::string& table);
  StatusOr<std::shared_ptr<Client>> Connect() {
    return ConnectCell(Invocation{po::variables_map(), {}, &env_});
  }

  const Invocation& call_;
  Interrupt interrupt_;  // before the clients, whose threads must not take signals
  ClientCache clients_;
  std::istringstream no_input_;
  Environment env_;
  std::vector<Verb> verbs_;
};

std::optional<int> Shell::RunLine(const std::string& line) {
  StatusOr<std::vector<std::string>> words = SplitWords(line);
  if (!words.ok()) return Fail(call_, words.status());
  if (words->empty()) return kOk;
  const std::string first = words->front();
  if (first == "exit" || first == "quit") return std::nullopt;
  if (first == "cell") {
    if (words->size() != 2) {
      return Fail(call_, absl::InvalidArgumentError("cell expects ADDRESS"));
    }
    env_.cell = (*words)[1];
    return kOk;
  }
  std::vector<const char*> argv{"stele"};
  for (const std::string& word : *words) argv.push_back(word.c_str());
  no_input_.clear();
  int code = RunCli(verbs_, static_cast<int>(argv.size()), argv.data(), &env_);
  if (words->size() == 1 && first == "help") *env_.out << kOwnHelp << std::flush;
  if (interrupt_.Pending()) {
    if (code != kInterrupted) *env_.err << "stele: interrupted\n";
    code = kInterrupted;
    interrupt_.Reset();
  }
  return code;
}

std::vector<std::string> Shell::Tables() {
  std::vector<std::string> names;
  StatusOr<std::shared_ptr<Client>> client = Connect();
  if (!client.ok()) return names;
  auto tables = (*client)->admin().ListTables();
  if (!tables.ok()) return names;
  for (const auto& table : *tables) names.push_back(table.schema.name);
  return names;
}

std::vector<std::string> Shell::Families(const std::string& table) {
  std::vector<std::string> names;
  StatusOr<std::shared_ptr<Client>> client = Connect();
  if (!client.ok()) return names;
  StatusOr<Table> opened = (*client)->OpenTable(table);
  if (!opened.ok()) return names;
  for (const FamilySchema& family : opened->schema().families) names.push_back(family.name);
  return names;
}

int Shell::RunTerminal() {
  std::string history;
  if (call_.Has("history")) {
    history = call_.Get<std::string>("history");
  } else if (const char* home = std::getenv("HOME"); home != nullptr) {
    history = absl::StrCat(home, "/.stele_history");
  }
  const ShellNames names{[this] { return Tables(); },
                         [this](const std::string& table) { return Families(table); }};
  LineEditor editor("stele> ", history, [&](std::string_view line) {
    return CompleteLine(line, verbs_, {"help", "exit", "cell"}, names);
  });
  while (std::optional<std::string> line = editor.Next()) {
    if (!RunLine(*line).has_value()) return kOk;
  }
  *env_.out << '\n';
  return kOk;
}

int Shell::RunScript() {
  std::string line;
  int worst = kOk;
  for (uint64_t number = 1; std::getline(*call_.env->in, line); ++number) {
    const std::optional<int> code = RunLine(line);
    if (!code.has_value()) break;
    if (*code == kOk) continue;
    if (*code == kInterrupted || !call_.Has("keep-going")) {
      *env_.err << "stele: stopped at line " << number << '\n';
      return *code;
    }
    if (worst == kOk) worst = *code;
  }
  return worst;
}

}  // namespace

Verb ShellVerb() {
  Verb verb;
  verb.name = "shell";
  verb.summary = "run verbs one after another, typed or from a pipe";
  verb.details =
      "Lines are verbs without the word stele, over one connection a cell; words may stand in "
      "quotes\n"
      "and # begins a comment. On a terminal: history, the tab key completes verbs, flags, tables "
      "and\n"
      "families, Ctrl-C ends the command only. From a pipe the first failure stops it and is the "
      "exit\n"
      "code; with --keep-going the rest runs too.";
  verb.example = "printf 'set notes a text:x y\\nread notes a\\n' | stele shell";
  verb.options = [](po::options_description* options) {
    auto add = options->add_options();
    add("keep-going", "from a pipe: go on after failures");
    add("history", po::value<std::string>(), "history file (default: ~/.stele_history)");
  };
  verb.run = [](const Invocation& call) {
    Shell shell(call);
    return call.env->terminal ? shell.RunTerminal() : shell.RunScript();
  };
  return verb;
}

}  // namespace stele::cli
