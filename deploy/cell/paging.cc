#include "deploy/cell/paging.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "deploy/cell/page_parts.h"

namespace stele::deploy {
namespace {

std::string PercentEncode(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~' || c == ':' || c == '/';
    if (plain) {
      out.push_back(c);
    } else {
      absl::StrAppendFormat(&out, "%%%02X", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace

StatusOr<ListWindow> WindowOf(const net::HttpRequest& request) {
  ListWindow window;
  window.after = ParameterOf(request, "after");
  ASSIGN_OR_RETURN(window.limit, NumberOf(request, "limit", kListedAtOnce));
  if (window.limit < 1 || window.limit > kMaxListed) {
    return absl::InvalidArgumentError(absl::StrCat("?limit= is not in 1 .. ", kMaxListed));
  }
  return window;
}

// Ids in a width of their own, so that text and number have one order; the last tablet's key is
// behind every row's.
std::string TabletKeyOf(TableId table, const std::string& row) {
  return absl::StrCat(absl::Dec(table, absl::kZeroPad10), ":", row);
}

std::string TabletKey(const TabletDescriptor& tablet) {
  return tablet.end_row.empty() ? absl::StrCat(absl::Dec(tablet.table, absl::kZeroPad10), ";")
                                : TabletKeyOf(tablet.table, tablet.end_row);
}

std::string LinkWith(const net::HttpRequest& request,
                     const std::vector<std::pair<std::string, std::string>>& parameters) {
  auto query = request.query;
  query.erase("format");
  for (const auto& [name, value] : parameters) query[name] = value;
  std::string link = request.path;
  char before = '?';
  for (const auto& [name, value] : query) {
    if (value.empty()) continue;
    absl::StrAppend(&link, std::string(1, before), PercentEncode(name), "=", PercentEncode(value));
    before = '&';
  }
  return link;
}

// The JSON form of the next part, by its own address.
nlohmann::json PartJson(const net::HttpRequest& request, const ListPart& part) {
  nlohmann::json json = {{"first", part.first}, {"end", part.end}, {"size", part.size}};
  if (!part.next.empty()) {
    json["next"] = LinkWith(request, {{"after", part.next}}) + "&format=json";
  }
  return json;
}

void AddPartLinks(const net::HttpRequest& request, const ListPart& part, obs::Page* page) {
  if (part.first == 0 && part.end == part.size) return;
  if (part.first == part.end) {
    page->Text(absl::StrCat("No more of ", obs::FormatCount(part.size), "."));
  } else {
    page->Text(absl::StrCat(obs::FormatCount(part.first + 1), " to ", obs::FormatCount(part.end),
                            " of ", obs::FormatCount(part.size)));
  }
  std::vector<obs::PageCell> links;
  if (part.first > 0) links.emplace_back("First", LinkWith(request, {{"after", ""}}));
  if (!part.next.empty()) links.emplace_back("Next", LinkWith(request, {{"after", part.next}}));
  page->Navigation(links);
}

}  // namespace stele::deploy
