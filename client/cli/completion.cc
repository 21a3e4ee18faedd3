// completion: scripts that complete the words of `stele` in a shell, made of the verbs: names,
// flags, and for arguments the cell's tables, roles or files.
#include <iostream>
#include <map>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "client/cli/verbs.h"

namespace stele::cli {
namespace {

// The cell is asked while somebody types: it answers soon or not at all.
constexpr char kTablesCommand[] =
    "stele table ls --json --timeout-ms 1000 2>/dev/null | sed -n "
    "'s/^{\"table\":\"\\([^\"\\\\]*\\)\".*/\\1/p'";

struct Group {
  std::string summary;             // of the verb of that name; "": it has others below it
  std::vector<const Verb*> verbs;  // "table create" below "table"
};

// By the first word of their names.
std::map<std::string, Group> Groups(const std::vector<Verb>& verbs) {
  std::map<std::string, Group> groups;
  for (const Verb& verb : verbs) {
    const size_t blank = verb.name.find(' ');
    Group& group = groups[verb.name.substr(0, blank)];
    if (blank == verb.name.npos) {
      group.summary = verb.summary;
    } else {
      group.verbs.push_back(&verb);
    }
  }
  groups["help"].summary = "tell about a verb";
  return groups;
}

std::string SecondWord(const Verb& verb) { return verb.name.substr(verb.name.find(' ') + 1); }

std::vector<std::string> SecondWords(const Group& group) {
  std::vector<std::string> words;
  for (const Verb* verb : group.verbs) words.push_back(SecondWord(*verb));
  return words;
}

// What the first argument of the verb is, as the scripts say it.
std::string ArgumentOf(const Verb& verb) {
  const std::string& text = verb.arguments;
  if (text.rfind("TABLE", 0) == 0 || text.rfind("[TABLE", 0) == 0) return "tables";
  if (text.rfind("ROLE", 0) == 0) return "local master tabletserver";
  if (text.rfind("bash|zsh", 0) == 0) return "bash zsh";
  return "";
}

std::vector<std::string> FlagsOf(const Verb& verb) {
  std::vector<std::string> flags;
  const po::options_description options = OptionsOf(verb);
  for (const auto& option : options.options()) flags.push_back("--" + option->long_name());
  return flags;
}

void PrintBash(const std::vector<Verb>& verbs, std::ostream& out) {
  const std::map<std::string, Group> groups = Groups(verbs);
  std::vector<std::string> first;
  for (const auto& [name, group] : groups) first.push_back(name);
  out << "# bash completion of stele; made by `stele completion bash`.\n"
         "_stele() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} place=2 flags= argument=\n"
         "  COMPREPLY=()\n"
         "  if ((COMP_CWORD == 1)); then\n"
         "    COMPREPLY=($(compgen -W '"
      << absl::StrJoin(first, " ")
      << "' -- \"$word\"))\n    return\n  fi\n"
         "  case $verb in\n";
  for (const auto& [name, group] : groups) {
    if (group.verbs.empty()) continue;
    out << "    " << name << ")\n      if ((COMP_CWORD == 2)); then\n"
        << "        COMPREPLY=($(compgen -W '" << absl::StrJoin(SecondWords(group), " ")
        << "' -- \"$word\"))\n        return\n      fi\n"
        << "      verb=\"$verb ${COMP_WORDS[2]}\" place=3 ;;\n";
  }
  out << "  esac\n  case $verb in\n";
  for (const Verb& verb : verbs) {
    out << "    '" << verb.name << "') flags='" << absl::StrJoin(FlagsOf(verb), " ")
        << "' argument='" << ArgumentOf(verb) << "' ;;\n";
  }
  out << "  esac\n"
         "  if [[ $word == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$flags\" -- \"$word\"))\n"
         "  elif ((COMP_CWORD == place)) && [[ $argument == tables ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$("
      << kTablesCommand
      << ")\" -- \"$word\"))\n"
         "  elif ((COMP_CWORD == place)) && [[ -n $argument ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$argument\" -- \"$word\"))\n"
         "  fi\n"
         "}\n"
         "complete -o default -F _stele stele\n";
}

// 'name:what it is', quoted for a list of zsh's _describe.
std::string Described(const std::string& name, const std::string& what) {
  const std::string line = what.empty()
                               ? name
                               : absl::StrCat(absl::StrReplaceAll(name, {{":", "\\:"}}), ":",
                                              absl::StrReplaceAll(what, {{"\n", " "}}));
  return absl::StrCat("'", absl::StrReplaceAll(line, {{"'", "'\\''"}}), "'");
}

void PrintZshFlags(const Verb& verb, std::ostream& out) {
  out << "    ('" << verb.name << "') argument='" << ArgumentOf(verb) << "' flags=(";
  const po::options_description options = OptionsOf(verb);
  for (const auto& option : options.options()) {
    out << "\n      " << Described("--" + option->long_name(), option->description());
  }
  out << ") ;;\n";
}

void PrintZsh(const std::vector<Verb>& verbs, std::ostream& out) {
  const std::map<std::string, Group> groups = Groups(verbs);
  out << "#compdef stele\n# zsh completion of stele; made by `stele completion zsh`.\n"
         "_stele() {\n"
         "  local verb=$words[2] argument= place=3\n  local -a list flags\n"
         "  if (( CURRENT == 2 )); then\n    list=(";
  for (const auto& [name, group] : groups) {
    out << "\n      "
        << Described(name,
                     group.verbs.empty() ? group.summary : absl::StrJoin(SecondWords(group), ", "));
  }
  out << ")\n    _describe verb list\n    return\n  fi\n  case $verb in\n";
  for (const auto& [name, group] : groups) {
    if (group.verbs.empty()) continue;
    out << "    (" << name << ")\n      if (( CURRENT == 3 )); then\n        list=(";
    for (const Verb* verb : group.verbs) {
      out << "\n          " << Described(SecondWord(*verb), verb->summary);
    }
    out << ")\n        _describe verb list\n        return\n      fi\n"
           "      verb=\"$verb $words[3]\" place=4 ;;\n";
  }
  out << "  esac\n  case $verb in\n";
  for (const Verb& verb : verbs) PrintZshFlags(verb, out);
  out << "  esac\n"
         "  if [[ $PREFIX == -* ]]; then\n    _describe -o flag flags\n"
         "  elif (( CURRENT == place )) && [[ $argument == tables ]]; then\n"
         "    list=(${(f)\"$("
      << kTablesCommand
      << ")\"})\n    compadd -a list\n"
         "  elif (( CURRENT == place )) && [[ -n $argument ]]; then\n"
         "    list=(${=argument})\n    compadd -a list\n"
         "  else\n    _files\n  fi\n"
         "}\n"
         "if [[ $funcstack[1] == _stele ]]; then _stele \"$@\"; else compdef _stele stele; fi\n";
}

int Run(const Invocation& call) {
  if (call.args[0] == "bash") {
    PrintBash(*call.env->verbs, *call.env->out);
  } else if (call.args[0] == "zsh") {
    PrintZsh(*call.env->verbs, *call.env->out);
  } else {
    return Fail(call, absl::InvalidArgumentError("completion is for bash or zsh"));
  }
  return kOk;
}

}  // namespace

Verb CompletionVerb() {
  Verb verb;
  verb.name = "completion";
  verb.arguments = "bash|zsh";
  verb.min_args = verb.max_args = 1;
  verb.summary = "print a script that completes verbs, flags and tables in a shell";
  verb.details =
      "For bash: source it, or write it to /usr/share/bash-completion/completions/stele. For zsh:\n"
      "source it behind compinit, or write it to a file _stele in a directory of $fpath. Tables "
      "are\n"
      "those of the cell of STELE_CELL, which is asked for a second at most.";
  verb.example = "source <(stele completion bash)";
  verb.uses_cell = false;
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
