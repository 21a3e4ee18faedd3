// Include before any header of Cap'n Proto. kj 0.9 leaves out two comparisons when the compiler is
// in C++20 mode, expecting the language to reverse the member's; its own headers compare a type
// that has both == and !=, for which clang does not. Internal to this folder.
#pragma once

#include <kj/string.h>

#if __cpp_impl_three_way_comparison && defined(__clang__)
namespace kj {
inline bool operator==(const char* a, const StringPtr& b) { return b.operator==(StringPtr(a)); }
inline bool operator!=(const char* a, const StringPtr& b) { return !b.operator==(StringPtr(a)); }
}  // namespace kj
#endif
