#include <iostream>

#include "client/cli/verbs.h"

namespace stele::cli {

std::string ProgramVersion() { return STELE_VERSION; }

Verb VersionVerb() {
  Verb verb;
  verb.name = "version";
  verb.summary = "print the program's version";
  verb.example = "stele version";
  verb.uses_cell = false;
  verb.run = [](const Invocation& call) {
    *call.env->out << "stele " << STELE_VERSION << '\n';
    return static_cast<int>(kOk);
  };
  return verb;
}

}  // namespace stele::cli
