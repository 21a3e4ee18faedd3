// What `--explain` prints of a read: the way to the tablets, each request with the time of its
// stages, the files that it touched, what was looked at against what came. Pure.
#pragma once

#include <string>

#include "stele/read_explanation.h"

namespace stele::cli {

// `total_us`: of the whole read, as the caller saw it.
std::string ExplanationAsText(const ReadExplanation& explanation, int64_t total_us);
std::string ExplanationAsJson(const ReadExplanation& explanation, int64_t total_us);  // one line

}  // namespace stele::cli
