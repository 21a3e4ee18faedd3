// Compiling the regular expressions of filters: RE2 over Latin-1, full match, quiet. The one place
// that decides their options, so that what validation accepts is what a read runs. Pure.
#pragma once

#include <re2/re2.h>

#include <memory>

#include "common/base/status.h"

namespace stele {

// What the regexes of one filter may take together, compiled and while they run.
inline constexpr int64_t kFilterRegexMemoryBytes = 32 << 20;

// `field` is the name in the error: "Error in field 'value_regex' : missing ): (a". `regexes` is
// how many the filter has; they share the memory. InvalidArgument.
StatusOr<std::unique_ptr<const re2::RE2>> CompileFilterRegex(Slice field, Slice pattern,
                                                             size_t regexes);
bool FullMatch(const re2::RE2& regex, Slice bytes);

}  // namespace stele
