// Whether this build is one with a sanitizer: it is many times slower, and keeps freed memory, red
// zones and shadows resident.
#pragma once

namespace stele {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define STELE_SANITIZED
#endif
#endif
#ifdef STELE_SANITIZED
inline constexpr bool kSanitized = true;
#undef STELE_SANITIZED
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace stele
