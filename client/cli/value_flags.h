// The value that `set`, `append` and `cas` write: a word of the command, plain, in hex or in
// base64, or what a file holds. Reads that file; else pure.
#pragma once

#include <string>

#include "client/cli/verb.h"

namespace stele::cli {

// --value-file, --hex, --base64.
void AddValueFlags(po::options_description* options);

// Argument `place`, which the usage calls `name`, or the file. InvalidArgument when both or none
// are given, or the value is larger than one may be.
StatusOr<std::string> ValueOfArgs(const Invocation& call, size_t place, const char* name);
// A word written as --hex and --base64 say.
StatusOr<std::string> DecodeWord(const Invocation& call, const std::string& word, const char* name);

}  // namespace stele::cli
