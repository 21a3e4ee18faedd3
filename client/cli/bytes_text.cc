#include "client/cli/bytes_text.h"

#include <array>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace stele::cli {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Length of the well-formed UTF-8 character of several bytes at the front, 0 when there is none.
// Overlong forms, surrogates and what lies above U+10FFFF are not well formed.
size_t WideCharacter(std::string_view s) {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned char lead = at(0);
  size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                  : lead >= 0xE0 && lead <= 0xEF ? 3
                  : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                 : 0;
  if (length == 0 || s.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xE0 && at(1) < 0xA0) || (lead == 0xF0 && at(1) < 0x90);
  const bool too_large = (lead == 0xED && at(1) > 0x9F) || (lead == 0xF4 && at(1) > 0x8F);
  const bool control = lead == 0xC2 && at(1) < 0xA0;  // a terminal may obey it
  return overlong || too_large || control ? 0 : length;
}

struct Unit {
  std::string_view name;
  int64_t factor;
};

// Splits "12ms" into 12 and "ms"; false when there is no number in front or it overflows.
bool SplitNumber(std::string_view text, uint64_t* number, std::string_view* unit) {
  size_t digits = text.find_first_not_of("0123456789");
  if (digits == text.npos) digits = text.size();
  if (digits == 0 || !absl::SimpleAtoi(FromStd(text.substr(0, digits)), number)) return false;
  *unit = text.substr(digits);
  return true;
}

constexpr std::array<Unit, 6> kDurations = {{{"d", 86'400'000'000},
                                             {"h", 3'600'000'000},
                                             {"m", 60'000'000},
                                             {"s", 1'000'000},
                                             {"ms", 1000},
                                             {"us", 1}}};

}  // namespace

std::string Escape(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (size_t i = 0; i < bytes.size();) {
    const unsigned char c = bytes[i];
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c >= 0x20 && c < 0x7F) {
      out += static_cast<char>(c);
    } else if (size_t n = c < 0x80 ? 0 : WideCharacter(bytes.substr(i)); n > 0) {
      out.append(bytes.substr(i, n));
      i += n;
      continue;
    } else {
      out += {'\\', 'x', kHexDigits[c >> 4], kHexDigits[c & 15]};
    }
    ++i;
  }
  return out;
}

StatusOr<std::string> Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const char kind = i + 1 < text.size() ? text[++i] : '\0';
    if (kind == '\\') {
      out += '\\';
    } else if (kind == 'n') {
      out += '\n';
    } else if (kind == 'r') {
      out += '\r';
    } else if (kind == 't') {
      out += '\t';
    } else if (kind == 'x' && i + 2 < text.size() && HexValue(text[i + 1]) >= 0 &&
               HexValue(text[i + 2]) >= 0) {
      out += static_cast<char>(HexValue(text[i + 1]) * 16 + HexValue(text[i + 2]));
      i += 2;
    } else {
      return absl::InvalidArgumentError(absl::StrCat(
          "\"", FromStd(text), "\": a backslash must begin \\\\, \\n, \\r, \\t or \\xNN"));
    }
  }
  return out;
}

std::string ToHex(std::string_view bytes) {
  if (bytes.empty()) return "_";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (unsigned char c : bytes) out += {kHexDigits[c >> 4], kHexDigits[c & 15]};
  return out;
}

StatusOr<std::string> FromHex(std::string_view text) {
  if (text == "_") return std::string();
  std::string out;
  bool good = !text.empty() && text.size() % 2 == 0;
  for (size_t i = 0; good && i < text.size(); i += 2) {
    const int high = HexValue(text[i]), low = HexValue(text[i + 1]);
    good = high >= 0 && low >= 0;
    out += static_cast<char>(high * 16 + low);
  }
  if (good) return out;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", Escape(text), "\" is not hex (an even number of digits, or _ for empty)"));
}

std::string ToBase64(std::string_view bytes) { return absl::Base64Escape(FromStd(bytes)); }

StatusOr<std::string> FromBase64(std::string_view text) {
  std::string out;
  // Abseil's decoder passes over blanks and takes a missing padding; one form is enough here.
  if (text.size() % 4 == 0 && absl::Base64Unescape(FromStd(text), &out) && ToBase64(out) == text) {
    return out;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", Escape(text.substr(0, 100)), "\" is not base64 (padded, + and /)"));
}

std::string Encode(std::string_view bytes, TextEncoding encoding) {
  switch (encoding) {
    case TextEncoding::kRaw:
      return std::string(bytes);
    case TextEncoding::kEscaped:
      return Escape(bytes);
    case TextEncoding::kHex:
      return ToHex(bytes);
    case TextEncoding::kBase64:
      return ToBase64(bytes);
  }
  return {};
}

StatusOr<std::string> Decode(std::string_view text, TextEncoding encoding) {
  switch (encoding) {
    case TextEncoding::kRaw:
      return std::string(text);
    case TextEncoding::kEscaped:
      return Unescape(text);
    case TextEncoding::kHex:
      return FromHex(text);
    case TextEncoding::kBase64:
      return FromBase64(text);
  }
  return std::string();
}

bool IsUtf8(std::string_view bytes) {
  for (size_t i = 0; i < bytes.size();) {
    const size_t n =
        static_cast<unsigned char>(bytes[i]) < 0x80 ? 1 : WideCharacter(bytes.substr(i));
    if (n == 0) return false;
    i += n;
  }
  return true;
}

StatusOr<uint64_t> ParseBytes(std::string_view text) {
  uint64_t number = 0;
  std::string_view unit;
  if (SplitNumber(text, &number, &unit)) {
    std::string lower;
    for (char c : unit) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    if (lower.size() > 1 && lower.back() == 'b') lower.pop_back();
    static constexpr std::string_view kUnits = "bkmgt";
    const size_t power = lower.empty() ? 0 : kUnits.find(lower);
    if (power != kUnits.npos && lower.size() <= 1) {
      const uint64_t factor = uint64_t{1} << (10 * power);
      if (number <= UINT64_MAX / factor) return number * factor;
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", Escape(text), "\" is not a size (such as 4096, 64k, 200m, 1g)"));
}

StatusOr<int64_t> ParseDurationUs(std::string_view text) {
  uint64_t number = 0;
  std::string_view unit;
  if (SplitNumber(text, &number, &unit)) {
    for (const Unit& known : kDurations) {
      if (unit == known.name && number <= static_cast<uint64_t>(INT64_MAX / known.factor)) {
        return static_cast<int64_t>(number) * known.factor;
      }
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", Escape(text), "\" is not a duration (such as 500ms, 30s, 10m, 12h, 7d)"));
}

std::string FormatBytes(uint64_t bytes) {
  static constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  uint64_t scaled = bytes * 10;
  while (scaled >= 10'240 && unit + 1 < std::size(kUnits)) {
    scaled /= 1024;
    ++unit;
  }
  if (unit == 0) return absl::StrCat(bytes, " B");
  return absl::StrCat(scaled / 10, ".", scaled % 10, " ", FromStd(kUnits[unit]));
}

std::string FormatDurationUs(int64_t us) {
  for (const Unit& unit : kDurations) {
    if (us != 0 && us % unit.factor == 0) return absl::StrCat(us / unit.factor, FromStd(unit.name));
  }
  return absl::StrCat(us, "us");
}

ColumnName ParseColumn(std::string_view text) {
  ColumnName column;
  const size_t colon = text.find(':');
  column.has_qualifier = colon != text.npos;
  column.family = std::string(text.substr(0, colon));
  if (column.has_qualifier) column.qualifier = std::string(text.substr(colon + 1));
  return column;
}

}  // namespace stele::cli
