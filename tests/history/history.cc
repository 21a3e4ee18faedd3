#include "tests/history/history.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace stele {

void History::Add(Operation operation) {
  MutexLock lock(&mu_);
  operations_.push_back(std::move(operation));
}

std::vector<Operation> History::operations() const {
  MutexLock lock(&mu_);
  return operations_;
}

size_t History::size() const {
  MutexLock lock(&mu_);
  return operations_.size();
}

std::string ToString(const Operation& operation) {
  constexpr const char* kKinds[] = {"append", "add", "read"};
  constexpr const char* kOutcomes[] = {"ok", "failed", "unknown"};
  std::string line = absl::StrCat(
      "row ", operation.row, " client ", operation.client, " [", operation.begin_ns, ", ",
      operation.end_ns, "] ", kKinds[static_cast<int>(operation.kind)],
      operation.kind == Operation::Kind::kAppend ? absl::StrCat(" ", operation.id) : "", " ",
      kOutcomes[static_cast<int>(operation.outcome)]);
  if (operation.outcome != Operation::Outcome::kOk) return line;
  const SeenRow& seen = operation.seen;
  if (operation.kind != Operation::Kind::kAdd) {
    absl::StrAppend(&line, ": ", seen.ids.size(), " ids");
    if (!seen.ids.empty()) absl::StrAppend(&line, " to ", seen.ids.back());
    absl::StrAppend(&line, ", count ", seen.count);
  }
  if (operation.kind != Operation::Kind::kAppend) absl::StrAppend(&line, ", sum ", seen.sum);
  return line;
}

std::string Dump(std::vector<Operation> operations) {
  std::sort(operations.begin(), operations.end(), [](const Operation& a, const Operation& b) {
    return std::pair(a.row, a.begin_ns) < std::pair(b.row, b.begin_ns);
  });
  std::string text;
  for (const Operation& operation : operations) {
    absl::StrAppend(&text, ToString(operation), " (", absl::StrJoin(operation.seen.ids, " "),
                    ")\n");
  }
  return text;
}

}  // namespace stele
