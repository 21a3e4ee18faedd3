#include "client/cli/tablet_names.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "client/cli/bytes_text.h"

namespace stele::cli {
namespace {

bool IsNumber(const std::string& word) {
  return !word.empty() &&
         std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Status ReadTabletNames(const std::vector<std::string>& words, TabletOrder* order) {
  if (words.size() == 1 && !IsNumber(words[0])) {
    order->table = words[0];
    return OkStatus();
  }
  for (const std::string& word : words) {
    uint64_t id = 0;
    if (!IsNumber(word) || !absl::SimpleAtoi(word, &id)) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", Escape(word), "\" is not the number of a tablet"));
    }
    order->tablets.push_back(id);
  }
  return OkStatus();
}

}  // namespace stele::cli
