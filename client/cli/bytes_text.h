// Bytes as text a person or a script can read and give back, and numbers with units. Pure
// functions.
//
// Escaped text: printable ASCII and well-formed UTF-8 stand for themselves; the backslash is \\,
// line ends and tabs are \n \r \t, every other byte is \xNN. Unescape undoes it exactly. Hex: two
// lower-case digits a byte, `_` for the empty string.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/status.h"

namespace stele::cli {

std::string Escape(std::string_view bytes);
StatusOr<std::string> Unescape(std::string_view text);  // InvalidArgument

std::string ToHex(std::string_view bytes);
StatusOr<std::string> FromHex(std::string_view text);  // InvalidArgument; upper case too

std::string ToBase64(std::string_view bytes);             // RFC 4648, padded
StatusOr<std::string> FromBase64(std::string_view text);  // InvalidArgument

// How a verb writes bytes down.
enum class TextEncoding { kRaw, kEscaped, kHex, kBase64 };
std::string Encode(std::string_view bytes, TextEncoding encoding);
StatusOr<std::string> Decode(std::string_view text, TextEncoding encoding);  // InvalidArgument

// Whether a JSON string can hold the bytes: well-formed UTF-8. C1 controls do not count as such.
bool IsUtf8(std::string_view bytes);

// "64k", "200MB", "1g": powers of 1024; a bare number is bytes.
StatusOr<uint64_t> ParseBytes(std::string_view text);
// "500ms", "30s", "10m", "12h", "7d": microseconds. The unit is required.
StatusOr<int64_t> ParseDurationUs(std::string_view text);
std::string FormatBytes(uint64_t bytes);
// As an option says it: the largest unit that divides it.
std::string FormatDurationUs(int64_t us);

// "family:qualifier" or "family"; the qualifier may be empty and may hold more colons.
struct ColumnName {
  std::string family;
  std::string qualifier;
  bool has_qualifier = false;
};
ColumnName ParseColumn(std::string_view text);

}  // namespace stele::cli
