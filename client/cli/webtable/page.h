// What the Webtable keeps of one HTML page: its title and its links. The parser follows the HTML
// standard's recovery rules, so any bytes give a page; broken mark-up is never an error. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "client/cli/webtable/url.h"

namespace stele::webtable {

// Texts of several links of one page to one target are joined by kTextSeparator in the page's
// order, each distinct text once, at most kMaxAnchorTextBytes in all (whole characters).
inline constexpr char kTextSeparator[] = "\n";
inline constexpr size_t kMaxAnchorTextBytes = 16 * 1024;
// Deeper nesting than any real page's. What lies deeper is left out and the page is marked.
inline constexpr int kMaxElementDepth = 400;
inline constexpr int kMaxOpenTags = 5000;

struct Page {
  std::string title;  // white space collapsed; "" when the page has none
  // Row key of the target -> link text. A link's text is that of the <a> element with white space
  // collapsed and images replaced by their alt text. Links of a page to itself are left out: an
  // anchor tells what others call a page.
  std::map<std::string, std::string> links;
  uint64_t skipped_links = 0;  // no page's address, malformed, or a row key too long
  bool truncated = false;      // nested too deeply to be read whole
};

// `html` is the page at `url`. A <base href> in it changes what its relative links mean.
Page ExtractPage(std::string_view html, const Url& url);

}  // namespace stele::webtable
