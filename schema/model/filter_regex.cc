#include "schema/model/filter_regex.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace stele {
namespace {

constexpr int64_t kMaxRegexMemoryBytes = 8 << 20;  // RE2's own default
constexpr int64_t kMinRegexMemoryBytes = 64 << 10;

re2::StringPiece Piece(Slice bytes) { return {bytes.data(), bytes.size()}; }

}  // namespace

StatusOr<std::unique_ptr<const re2::RE2>> CompileFilterRegex(Slice field, Slice pattern,
                                                             size_t regexes) {
  re2::RE2::Options options(re2::RE2::Latin1);
  options.set_log_errors(false);
  const int64_t share =
      kFilterRegexMemoryBytes / static_cast<int64_t>(std::max<size_t>(regexes, 1));
  options.set_max_mem(std::clamp(share, kMinRegexMemoryBytes, kMaxRegexMemoryBytes));
  auto regex = std::make_unique<const re2::RE2>(Piece(pattern), options);
  if (!regex->ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("Error in field '", field, "' : ", regex->error()));
  }
  return regex;
}

bool FullMatch(const re2::RE2& regex, Slice bytes) {
  return re2::RE2::FullMatch(Piece(bytes), regex);
}

}  // namespace stele
