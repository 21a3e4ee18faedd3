// Slice: the project's name for a borrowed run of bytes. Debian's Abseil has a string_view of its
// own that Abseil's functions take, so the inside of the project uses it everywhere; the SDK's face
// uses std::string_view and converts.
#pragma once

#include <string>
#include <string_view>

#include "absl/strings/string_view.h"

namespace stele {

using Slice = absl::string_view;

inline std::string_view ToStd(Slice s) { return {s.data(), s.size()}; }
inline Slice FromStd(std::string_view s) { return {s.data(), s.size()}; }

}  // namespace stele
