#include "client/cli/webtable/url.h"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace stele::webtable {
namespace {

// A reference's five parts (RFC 3986 appendix B). An absent part is not the same as an empty one.
struct Parts {
  std::optional<std::string_view> scheme, authority, query;
  std::string_view path;
};

bool IsSchemeName(std::string_view s) {
  if (s.empty() || !absl::ascii_isalpha(s[0])) return false;
  return std::all_of(s.begin(), s.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '+' || c == '-' || c == '.';
  });
}

// Blanks around an address, and line breaks and tabs inside it, are layout of the page's source.
std::string WithoutLayout(std::string_view text) {
  std::string out(absl::StripAsciiWhitespace(FromStd(text)));
  out.erase(std::remove_if(out.begin(), out.end(),
                           [](char c) { return c == '\n' || c == '\r' || c == '\t'; }),
            out.end());
  return out;
}

Parts Split(std::string_view text) {
  Parts parts;
  text = text.substr(0, text.find('#'));
  if (size_t colon = text.find_first_of(":/?");
      colon != text.npos && text[colon] == ':' && IsSchemeName(text.substr(0, colon))) {
    parts.scheme = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  if (text.substr(0, 2) == "//") {
    text.remove_prefix(2);
    size_t end = std::min(text.find_first_of("/?"), text.size());
    parts.authority = text.substr(0, end);
    text.remove_prefix(end);
  }
  if (size_t mark = text.find('?'); mark != text.npos) {
    parts.query = text.substr(mark + 1);
    text = text.substr(0, mark);
  }
  parts.path = text;
  return parts;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsPathOctet(unsigned char c) {
  static constexpr std::string_view kMarks = "-._~!$&'()*+,;=:@";
  return c < 0x80 && (absl::ascii_isalnum(c) || kMarks.find(static_cast<char>(c)) != kMarks.npos);
}

void AppendPercent(std::string* out, unsigned char c) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  *out += {'%', kHex[c >> 4], kHex[c & 15]};
}

// Brings percent-encoding to its normal form. `also` are delimiters that stay as they are. An
// encoded octet that is legal bare becomes bare; every other is encoded; "%2F" never becomes '/'.
std::string Normalize(std::string_view text, std::string_view also) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char c = text[i];
    if (c == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
        HexDigit(text[i + 2]) >= 0) {
      c = static_cast<unsigned char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2]));
      i += 2;
      if (IsPathOctet(c)) {
        out += static_cast<char>(c);
      } else {
        AppendPercent(&out, c);
      }
    } else if (IsPathOctet(c) || also.find(static_cast<char>(c)) != also.npos) {
      out += static_cast<char>(c);
    } else {
      AppendPercent(&out, c);
    }
  }
  return out;
}

// Section 5.2.4: "." and ".." are steps, not names; a step above the root stays at the root.
std::string RemoveDotSegments(std::string_view path) {
  std::vector<std::string_view> kept;
  bool ends_in_step = false;
  for (absl::string_view piece : absl::StrSplit(FromStd(path.substr(1)), '/')) {
    ends_in_step = piece == "." || piece == "..";
    if (piece == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (piece != ".") {
      kept.push_back(ToStd(piece));
    }
  }
  std::string out;
  for (std::string_view segment : kept) out.append("/").append(segment);
  if (ends_in_step || out.empty()) out += '/';
  return out;
}

Status SetAuthority(std::string_view authority, Url* url) {
  if (size_t at = authority.rfind('@'); at != authority.npos) authority.remove_prefix(at + 1);
  size_t colon = authority.rfind(':');
  if (colon != authority.npos && authority.find(']', colon) == authority.npos) {
    url->port = std::string(authority.substr(colon + 1));
    authority = authority.substr(0, colon);
  }
  if (!std::all_of(url->port.begin(), url->port.end(), absl::ascii_isdigit) ||
      url->port.size() > 5) {
    return absl::InvalidArgumentError(absl::StrCat("port \"", url->port, "\" is not a number"));
  }
  if (url->port == (url->scheme == "http" ? "80" : "443")) url->port.clear();
  url->host = absl::AsciiStrToLower(FromStd(authority));
  while (!url->host.empty() && url->host.back() == '.') url->host.pop_back();
  bool legal = std::all_of(url->host.begin(), url->host.end(), [](unsigned char c) {
    return c > ' ' && c != '/' && c != '\\' && c != '<' && c != '>' && c != '"';
  });
  if (url->host.empty() || !legal) {
    return absl::InvalidArgumentError(absl::StrCat("host \"", url->host, "\" is not a host name"));
  }
  return OkStatus();
}

}  // namespace

std::string Url::ToString() const {
  return absl::StrCat(scheme, "://", host, port.empty() ? "" : ":", port, path,
                      query.has_value() ? "?" : "", query.value_or(""));
}

StatusOr<Url> ParseUrl(std::string_view text) {
  StatusOr<Url> url = ResolveReference(Url(), text);
  if (url.ok() && !url->scheme.empty() && !url->host.empty()) return url;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", FromStd(text), "\" is not an address like https://example.org/path/"));
}

StatusOr<Url> ResolveReference(const Url& base, std::string_view reference) {
  const std::string text = WithoutLayout(reference);
  Parts parts = Split(text);
  Url out = base;
  out.query.reset();
  if (parts.scheme.has_value()) {
    out.scheme = absl::AsciiStrToLower(FromStd(*parts.scheme));
    if (out.scheme != "http" && out.scheme != "https") {
      return absl::NotFoundError(absl::StrCat("scheme ", out.scheme, " names no page"));
    }
    if (!parts.authority.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" has no host"));
    }
  }
  if (parts.query.has_value()) out.query = Normalize(*parts.query, "/?");
  if (parts.authority.has_value()) {
    out.port.clear();
    RETURN_IF_ERROR(SetAuthority(*parts.authority, &out));
  } else if (parts.path.empty()) {
    if (!parts.query.has_value()) out.query = base.query;
    return out;
  }
  std::string path = Normalize(parts.path, "/");
  if (path.empty() || path[0] != '/') {
    // Section 5.2.3: a relative path replaces what follows the last '/' of the base.
    std::string folder = parts.authority.has_value() || base.path.empty()
                             ? "/"
                             : base.path.substr(0, base.path.rfind('/') + 1);
    path = folder + path;
  }
  out.path = RemoveDotSegments(path);
  return out;
}

std::string EncodeFilePath(std::string_view relative_path) {
  std::string out;
  for (char c : relative_path) {
    if (c == '/' || IsPathOctet(static_cast<unsigned char>(c))) {
      out += c;
    } else {
      AppendPercent(&out, static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string PageRowKey(const Url& url) {
  std::string key;
  bool numeric =
      url.host.front() == '[' || url.host.find_first_not_of("0123456789.") == url.host.npos;
  if (numeric) {
    key = url.host;
  } else {
    std::vector<std::string> labels = absl::StrSplit(url.host, '.');
    std::reverse(labels.begin(), labels.end());
    key = absl::StrJoin(labels, ".");
  }
  if (!url.port.empty()) absl::StrAppend(&key, ":", url.port);
  absl::StrAppend(&key, url.path);
  if (url.query.has_value()) absl::StrAppend(&key, "?", *url.query);
  return key;
}

}  // namespace stele::webtable
