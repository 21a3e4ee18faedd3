#include "client/cli/value_flags.h"

#include "absl/strings/str_cat.h"
#include "client/cli/byte_source.h"
#include "client/cli/bytes_text.h"
#include "client/cli/transfer.h"
#include "schema/model/limits.h"

namespace stele::cli {
namespace {

constexpr size_t kPieceBytes = 256 * 1024;

// The whole file, which may be a pipe; it is a cell's value, so it is not larger than one may be.
StatusOr<std::string> ReadValueFile(const std::string& path, std::istream* standard_input) {
  StatusOr<std::unique_ptr<ByteSource>> source = OpenPlainSource(path, standard_input);
  if (!source.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("--value-file: ", source.status().message()));
  }
  std::string value;
  while (true) {
    const size_t before = value.size();
    value.resize(before + kPieceBytes);
    ASSIGN_OR_RETURN(const size_t got, (*source)->Read(value.data() + before, kPieceBytes));
    value.resize(before + got);
    if (got == 0) return value;
    if (value.size() > kMaxValueBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, " has more bytes than a value: ", kMaxValueBytes));
    }
  }
}

}  // namespace

void AddValueFlags(po::options_description* options) {
  auto add = options->add_options();
  add("value-file", po::value<std::string>(),
      "the value is what this file holds, byte for byte; - is standard input");
  add("hex", "values are in hex, `_` the empty one");
  add("base64", "values are in base64");
}

StatusOr<std::string> ValueOfArgs(const Invocation& call, size_t place, const char* name) {
  const bool in_file = call.Has("value-file");
  if (call.args.size() != place + (in_file ? 0 : 1)) {
    return absl::InvalidArgumentError(absl::StrCat("give ", name, " or --value-file, one of them"));
  }
  return in_file ? ReadValueFile(call.Get<std::string>("value-file"), call.env->in)
                 : DecodeWord(call, call.args[place], name);
}

StatusOr<std::string> DecodeWord(const Invocation& call, const std::string& word,
                                 const char* name) {
  ASSIGN_OR_RETURN(const TextEncoding encoding, EncodingOfFlags(call, TextEncoding::kRaw));
  StatusOr<std::string> bytes = Decode(word, encoding);
  return bytes.ok() ? bytes : WithContext(bytes.status(), name);
}

}  // namespace stele::cli
