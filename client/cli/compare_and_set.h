// The newest value of a column compared and, when it is the expected one, set: one step of the row.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "stele/row_change.h"

namespace stele::cli {

struct CompareAndSet {
  CheckAndMutateRow change;
  // What CheckAndMutate answers when the value was the expected one and is set.
  bool matched_answer = true;
};

// Without `expected`: when the column has no cell. The value is set at the server's time.
CompareAndSet MakeCompareAndSet(std::string_view row, std::string_view family,
                                std::string_view qualifier,
                                const std::optional<std::string>& expected, std::string value);

}  // namespace stele::cli
