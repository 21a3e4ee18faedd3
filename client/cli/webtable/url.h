// Url: an absolute http(s) address, reference resolution (RFC 3986 section 5), and the Webtable's
// row key of a page. Pure functions over values; immutable once parsed.
//
// Normal form: scheme and host in lower case, the scheme's default port and the fragment dropped,
// "." and ".." segments removed, path octets percent-encoded only where the grammar demands it and
// then in upper-case hex, so that two spellings of one page have one row.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/status.h"

namespace stele::webtable {

struct Url {
  std::string scheme;  // "http" or "https"
  std::string host;
  std::string port;  // "" for the scheme's default
  std::string path;  // begins with '/'
  std::optional<std::string> query;
  bool operator==(const Url&) const = default;

  std::string ToString() const;
};

// InvalidArgument when `text` is not an absolute http or https address with a host.
StatusOr<Url> ParseUrl(std::string_view text);

// The address that `reference` means on a page at `base`; NotFound when it is not a page's address
// (another scheme: mailto, javascript, data ...), InvalidArgument when it is malformed.
StatusOr<Url> ResolveReference(const Url& base, std::string_view reference);

// The path of a file as an address: each component percent-encoded as needed, joined by '/'.
std::string EncodeFilePath(std::string_view relative_path);

// Host labels reversed, then the port if it is not the default, the path and the query:
// https://en.cppreference.com/w/cpp -> com.cppreference.en/w/cpp. The scheme is left out: http and
// https of one address are one page. An address of digits or in brackets is not reversed.
std::string PageRowKey(const Url& url);

}  // namespace stele::webtable
