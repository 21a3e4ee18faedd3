#include "stele/prefix_range.h"

namespace stele {

RowRange PrefixRange(std::string_view prefix) {
  RowRange range;
  range.start = range.end = std::string(prefix);
  // A key behind them all is the prefix with its last byte raised; a byte 0xFF cannot be.
  while (!range.end.empty() && range.end.back() == '\xff') range.end.pop_back();
  if (!range.end.empty()) range.end.back() = static_cast<char>(range.end.back() + 1);
  return range;
}

}  // namespace stele
