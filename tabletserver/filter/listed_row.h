// ListedRow: a row of cells in a vector, for tests of what filters make of one: it can be read
// several times, counts how often and how far, and keeps what comes out. Bound to one thread.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tabletserver/filter/row_filter.h"

namespace stele::tabletserver {

class ListedRow : public RepeatableRow, public FilterOutput {
 public:
  explicit ListedRow(std::vector<Cell> cells) : cells_(std::move(cells)) {}
  Status Read(const std::function<bool(const CellView&)>& take) override {
    ++reads;
    for (const Cell& c : cells_) {
      ++cells_read;
      if (!take({c.family, c.qualifier, c.timestamp_us, c.value, {}})) break;
    }
    return status;
  }
  void AddCell(const CellView& c) override {
    out.push_back({std::string(c.family), std::string(c.qualifier), c.timestamp_us,
                   std::string(c.value), std::string(c.label)});
  }

  int reads = 0;
  int cells_read = 0;
  Status status;  // what a read ends with
  std::vector<Cell> out;

 private:
  const std::vector<Cell> cells_;
};

// "f:q@ts=value#label", parted by blanks.
inline std::string Shown(const std::vector<Cell>& cells) {
  std::string text;
  for (const Cell& c : cells) {
    absl::StrAppend(&text, text.empty() ? "" : " ", c.family, ":", c.qualifier, "@", c.timestamp_us,
                    "=", c.value, c.label.empty() ? "" : "#", c.label);
  }
  return text;
}

}  // namespace stele::tabletserver
