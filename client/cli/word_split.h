// Lines of the shell as words, as a POSIX shell reads them: blanks part words, '...' is literal,
// outside of quotes a backslash takes the next character as it is, in "..." it does so before $, `,
// " and itself and else stands for itself, # begins a comment where a word would. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"

namespace stele::cli {

// InvalidArgument when a quote is not closed or the line ends with a backslash.
StatusOr<std::vector<std::string>> SplitWords(std::string_view line);

// The words before the one that is being typed at the end of `line`, and that one's begin, without
// quotes. A quote that is still open is closed.
struct TypedWords {
  std::vector<std::string> before;
  std::string last;
};
TypedWords SplitTyped(std::string_view line);

// The word so that SplitWords gives it back; without quotes where none are needed.
std::string QuoteWord(std::string_view word);

}  // namespace stele::cli
