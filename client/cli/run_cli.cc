#include <algorithm>
#include <exception>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "client/cli/bytes_text.h"
#include "client/cli/verb.h"
#include "client/cli/watch.h"

namespace stele::cli {
namespace {

constexpr char kDefaultCell[] = "127.0.0.1:7600";

bool IsHelp(std::string_view word) { return word == "--help" || word == "-h" || word == "help"; }

void PrintOverview(const std::vector<Verb>& verbs, std::ostream& out) {
  out << "stele: a Bigtable-style store. Usage: stele VERB [ARGUMENTS] [FLAGS]\n\n";
  for (const Verb& verb : verbs) {
    std::string name = verb.name;
    name.resize(std::max<size_t>(name.size(), 16), ' ');
    out << "  " << name << ' ' << verb.summary << '\n';
  }
  out << "\n`stele help VERB` or `stele VERB --help` tells more, with an example.\n"
      << "Exit codes: " << kExitCodes;
}

void PrintHelp(const Verb& verb, std::ostream& out) {
  out << "stele " << verb.name << (verb.arguments.empty() ? "" : " ") << verb.arguments
      << " [FLAGS]\n  " << verb.summary << '\n';
  if (!verb.details.empty()) out << '\n' << verb.details << '\n';
  out << '\n'
      << OptionsOf(verb) << "\nExample:\n  " << verb.example << "\n\n"
      << "Exit codes: " << kExitCodes;
}

// The verb that the first words name, the longest name first, and the number of its words.
const Verb* FindVerb(const std::vector<Verb>& verbs, const std::vector<std::string>& words,
                     size_t* used) {
  for (size_t n = std::min<size_t>(2, words.size()); n > 0; --n) {
    const std::string name = n == 2 ? absl::StrCat(words[0], " ", words[1]) : words[0];
    for (const Verb& verb : verbs) {
      if (verb.name == name) {
        *used = n;
        return &verb;
      }
    }
  }
  return nullptr;
}

int UnknownVerb(const std::vector<Verb>& verbs, const std::string& word, Environment* env) {
  std::string group;
  for (const Verb& verb : verbs) {
    if (verb.name.substr(0, word.size() + 1) == word + " ") {
      absl::StrAppend(&group, group.empty() ? "" : ", ", verb.name.substr(word.size() + 1));
    }
  }
  if (!group.empty()) {
    *env->err << "stele: `" << word << "` needs one of: " << group << '\n';
  } else {
    *env->err << "stele: there is no verb `" << Escape(word) << "`; `stele help` lists them\n";
  }
  return kUsage;
}

Status UsageError(const Verb& verb, std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(FromStd(what), "; see `stele ", verb.name, " --help`"));
}

// Flags into `flags`, everything else into `args`.
Status Parse(const Verb& verb, const std::vector<std::string>& words, po::variables_map* flags,
             std::vector<std::string>* args) {
  po::options_description options = OptionsOf(verb);
  options.add_options()("argument", po::value<std::vector<std::string>>(), "");
  po::positional_options_description positional;
  positional.add("argument", -1);
  try {
    using Style = po::command_line_style::style_t;
    po::store(po::command_line_parser(words)
                  .options(options)
                  .positional(positional)
                  .style(Style(Style::unix_style & ~Style::allow_guessing))
                  .run(),
              *flags);
    po::notify(*flags);
  } catch (const po::error& e) {
    return UsageError(verb, e.what());
  }
  if (flags->count("argument") > 0) *args = (*flags)["argument"].as<std::vector<std::string>>();
  if (flags->count("help") > 0) return OkStatus();
  if (args->size() < verb.min_args || args->size() > verb.max_args) {
    return UsageError(
        verb, absl::StrCat("expects ", verb.arguments.empty() ? "no arguments" : "", verb.arguments,
                           ", got ", args->size(), " argument", args->size() == 1 ? "" : "s")
                  .c_str());
  }
  if (flags->count("escaped") > 0) {
    for (std::string& arg : *args) {
      ASSIGN_OR_RETURN(arg, Unescape(arg));
    }
  }
  if (flags->count("timeout-ms") > 0) {
    const int64_t ms = (*flags)["timeout-ms"].as<int64_t>();
    if (ms < 1 || ms > 86'400'000) return UsageError(verb, "--timeout-ms is 1 .. 86400000");
  }
  return OkStatus();
}

}  // namespace

po::options_description OptionsOf(const Verb& verb) {
  po::options_description options("Flags");
  auto add = options.add_options();
  add("help,h", "print this help");
  if (verb.uses_cell) {
    add("cell", po::value<std::string>(),
        "address of the cell, host:port (default: STELE_CELL, else 127.0.0.1:7600)");
    add("timeout-ms", po::value<int64_t>(), "deadline of each call (default 30000)");
    add("escaped", "arguments are escaped text: \\\\ \\n \\r \\t \\xNN");
  }
  if (verb.reads) add("json", "print JSON");
  if (verb.watches) AddWatchFlag(&options);
  if (verb.options) verb.options(&options);
  return options;
}

ExitCode ExitCodeOf(const Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kOk;
    case absl::StatusCode::kInvalidArgument:
      return kUsage;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kUnreachable;
    case absl::StatusCode::kNotFound:
      return kNotFound;
    case absl::StatusCode::kUnknown:
      return ExitCode::kUnknown;
    default:
      return kFailed;
  }
}

int Fail(const Invocation& call, const Status& status) {
  *call.env->err << "stele: " << Escape(ToStd(status.message())) << '\n';
  return ExitCodeOf(status);
}

StatusOr<std::shared_ptr<Client>> ConnectCell(const Invocation& call,
                                              const ClientOptions& options) {
  std::string cell = call.env->cell.empty() ? kDefaultCell : call.env->cell;
  if (call.Has("cell")) cell = call.Get<std::string>("cell");
  return ConnectTo(call, cell, options);
}

StatusOr<std::shared_ptr<Client>> ConnectTo(const Invocation& call, const std::string& cell,
                                            ClientOptions options) {
  if (call.Has("timeout-ms")) {
    options.timeout_ms = options.admin_timeout_ms = call.Get<int64_t>("timeout-ms");
    options.connect_timeout_ms = std::min(options.connect_timeout_ms, options.timeout_ms);
  }
  ClientCache* const kept = call.Has("timeout-ms") ? nullptr : call.env->clients;
  if (kept != nullptr) {
    if (const auto found = kept->find(cell); found != kept->end()) return found->second;
  }
  ASSIGN_OR_RETURN(std::shared_ptr<Client> client, Client::Connect(cell, options));
  if (kept != nullptr) kept->emplace(cell, client);
  return client;
}

StatusOr<Table> OpenTable(const Invocation& call, const std::string& name,
                          std::shared_ptr<Client>* client) {
  ASSIGN_OR_RETURN(*client, ConnectCell(call));
  return (*client)->OpenTable(name);
}

int RunCli(const std::vector<Verb>& verbs, int argc, const char* const* argv, Environment* env) {
  // A tied output would be flushed by the thread that reads while others write answers into it.
  env->in->tie(nullptr);
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  const bool help = !words.empty() && IsHelp(words[0]);
  if (help) words.erase(words.begin());
  if (words.empty()) {
    PrintOverview(verbs, help ? *env->out : *env->err);
    return help ? kOk : kUsage;
  }
  size_t used = 0;
  const Verb* verb = FindVerb(verbs, words, &used);
  if (verb == nullptr) return UnknownVerb(verbs, words[0], env);
  words.erase(words.begin(), words.begin() + static_cast<ptrdiff_t>(used));

  po::variables_map flags;
  Invocation call{flags, {}, env};
  Status parsed = Parse(*verb, words, &flags, &call.args);
  if (help || flags.count("help") > 0) {
    PrintHelp(*verb, *env->out);
    return kOk;
  }
  if (!parsed.ok()) return Fail(call, parsed);
  env->verbs = &verbs;
  const int code = flags.count("watch") > 0 ? RunWatched(*verb, &flags, call) : verb->run(call);
  env->out->flush();
  if (!env->out->good() && code == kOk) {
    *env->err << "stele: standard output could not be written\n";
    return kFailed;
  }
  return code;
}

}  // namespace stele::cli
