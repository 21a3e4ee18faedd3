#include "client/cli/value_flags.h"

#include "absl/strings/str_cat.h"
#include "client/cli/bytes_text.h"
#include "client/cli/transfer.h"
#include "common/store/fs.h"
#include "schema/model/limits.h"

namespace stele::cli {
namespace {

// The whole file; it is a cell's value, so it is not larger than one may be.
StatusOr<std::string> ReadValueFile(const std::string& path) {
  ASSIGN_OR_RETURN(std::unique_ptr<FsFile> file, PosixFs()->Open(path, Fs::Mode::kRead));
  ASSIGN_OR_RETURN(uint64_t size, file->Size());
  if (size > kMaxValueBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " has ", size, " bytes; a value has at most ", kMaxValueBytes));
  }
  std::string value(size, '\0');
  ASSIGN_OR_RETURN(size_t got, file->ReadAt(0, size, value.data()));
  value.resize(got);
  return value;
}

}  // namespace

void AddValueFlags(po::options_description* options) {
  auto add = options->add_options();
  add("value-file", po::value<std::string>(), "the value is what this file holds, byte for byte");
  add("hex", "values are in hex, `_` the empty one");
  add("base64", "values are in base64");
}

StatusOr<std::string> ValueOfArgs(const Invocation& call, size_t place, const char* name) {
  const bool in_file = call.Has("value-file");
  if (call.args.size() != place + (in_file ? 0 : 1)) {
    return absl::InvalidArgumentError(absl::StrCat("give ", name, " or --value-file, one of them"));
  }
  return in_file ? ReadValueFile(call.Get<std::string>("value-file"))
                 : DecodeWord(call, call.args[place], name);
}

StatusOr<std::string> DecodeWord(const Invocation& call, const std::string& word,
                                 const char* name) {
  ASSIGN_OR_RETURN(const TextEncoding encoding, EncodingOfFlags(call, TextEncoding::kRaw));
  StatusOr<std::string> bytes = Decode(word, encoding);
  return bytes.ok() ? bytes : WithContext(bytes.status(), name);
}

}  // namespace stele::cli
