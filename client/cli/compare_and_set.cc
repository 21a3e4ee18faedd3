#include "client/cli/compare_and_set.h"

namespace stele::cli {

CompareAndSet MakeCompareAndSet(std::string_view row, std::string_view family,
                                std::string_view qualifier,
                                const std::optional<std::string>& expected, std::string value) {
  CompareAndSet out;
  out.matched_answer = expected.has_value();
  out.change.row = std::string(row);
  out.change.predicate = Filter::Column(family, qualifier) & Filter::Versions(1);
  if (expected.has_value()) {
    out.change.predicate = std::move(out.change.predicate) &
                           Filter::ValueRange(Bound::Closed(*expected), Bound::Closed(*expected));
  }
  (out.matched_answer ? out.change.if_true : out.change.if_false) = {
      SetCell{std::string(family), std::string(qualifier), kServerTime, std::move(value)}};
  return out;
}

}  // namespace stele::cli
