// man: the manual, made of the verbs.
#include <filesystem>
#include <fstream>
#include <iostream>

#include "absl/strings/str_join.h"
#include "client/cli/bytes_text.h"
#include "client/cli/man_page.h"
#include "client/cli/verbs.h"

namespace stele::cli {
namespace {

Status WriteFile(const std::filesystem::path& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (out) return OkStatus();
  return absl::InternalError(absl::StrCat(Escape(path.string()), " cannot be written"));
}

int WriteAll(const Invocation& call, const std::string& directory) {
  const std::vector<Verb>& verbs = *call.env->verbs;
  std::error_code error;
  std::filesystem::create_directories(directory, error);  // writing tells what is wrong
  const std::filesystem::path place(directory);
  Status written = WriteFile(place / "stele.1", ManOverview(verbs));
  for (size_t i = 0; i < verbs.size() && written.ok(); ++i) {
    written = WriteFile(place / (ManNameOf(verbs[i].name) + ".1"), ManPage(verbs[i]));
  }
  if (!written.ok()) return Fail(call, written);
  *call.env->out << verbs.size() + 1 << " pages in " << Escape(directory) << '\n';
  return kOk;
}

int Run(const Invocation& call) {
  if (call.Has("all")) {
    if (call.args.empty()) return WriteAll(call, call.Get<std::string>("all"));
    return Fail(call, absl::InvalidArgumentError("--all DIR writes every page: no VERB with it"));
  }
  const std::string name = absl::StrJoin(call.args, " ");
  if (name.empty()) {
    *call.env->out << ManOverview(*call.env->verbs);
    return kOk;
  }
  for (const Verb& verb : *call.env->verbs) {
    if (verb.name != name) continue;
    *call.env->out << ManPage(verb);
    return kOk;
  }
  return Fail(call, absl::InvalidArgumentError(absl::StrCat("there is no verb `", Escape(name),
                                                            "`; `stele help` lists them")));
}

}  // namespace

Verb ManVerb() {
  Verb verb;
  verb.name = "man";
  verb.arguments = "[VERB]";
  verb.max_args = 2;
  verb.summary = "print a page of the manual as roff, or write them all";
  verb.details = "Without a verb the overview, stele(1). To read one: stele man scan | man -l -";
  verb.example = "stele man --all /usr/local/share/man/man1";
  verb.uses_cell = false;
  verb.options = [](po::options_description* options) {
    options->add_options()("all", po::value<std::string>()->value_name("DIR"),
                           "write every page into this directory, which is made when absent");
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
