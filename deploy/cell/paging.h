// A part of a long list: `limit` entries behind the one named by `after`, which need not be there
// any more, so whoever goes through a list while it changes meets each entry that stays. Pages tell
// where they are and link to the first and to the next part. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/net/http.h"
#include "common/obs/page.h"
#include "schema/convert/messages.h"

namespace stele::deploy {

inline constexpr uint64_t kListedAtOnce = 200, kMaxListed = 1'000;

struct ListWindow {
  std::string after;  // empty: from the beginning
  uint64_t limit = kListedAtOnce;
};
// Of ?after= and ?limit= (1 .. kMaxListed). InvalidArgument.
StatusOr<ListWindow> WindowOf(const net::HttpRequest& request);

// Entries [first, end) of a list; `next` is what `after` is for those behind them, empty: none are.
struct ListPart {
  size_t first = 0, end = 0, size = 0;
  std::string next;
};
// Of a list whose keys ascend; `key_of(i)` of entry i. Log time.
template <typename KeyOf>
ListPart PartOf(const ListWindow& window, size_t size, const KeyOf& key_of) {
  ListPart part;
  part.size = size;
  size_t end = size;
  while (!window.after.empty() && part.first < end) {
    const size_t middle = part.first + (end - part.first) / 2;
    key_of(middle) <= window.after ? part.first = middle + 1 : end = middle;
  }
  part.end = std::min<size_t>(size, part.first + window.limit);
  if (part.end < size) part.next = key_of(part.end - 1);
  return part;
}

// "17:row": of a tablet among all, in the order of tables and rows. The last row of a table, which
// has no name, is behind all others.
std::string TabletKey(const TabletDescriptor& tablet);
// As TabletKey, but for a person's `after` of a list of one table: a plain row.
std::string TabletKeyOf(TableId table, const std::string& row);

// A link to this page with other parameters; what is not named stays.
std::string LinkWith(const net::HttpRequest& request,
                     const std::vector<std::pair<std::string, std::string>>& parameters);
nlohmann::json PartJson(const net::HttpRequest& request, const ListPart& part);
// "201 to 400 of 1,234", with links to the first and the next part; nothing when all is shown.
void AddPartLinks(const net::HttpRequest& request, const ListPart& part, obs::Page* page);

}  // namespace stele::deploy
