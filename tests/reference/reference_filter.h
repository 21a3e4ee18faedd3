// ReferenceFilter: what a filter makes of a row, in the plainest way: the whole row in a vector, a
// recursion that takes and gives vectors. Written from the data model alone; shares nothing with
// tabletserver/filter. Thread-compatible.
//
// Each cell carries its trace: its number in the row, then the number of the branch at each
// interleave that it went through. "Merged in order" is the order of the traces.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "schema/model/filter.h"

namespace stele {

class ReferenceFilter {
 public:
  // Whether the row_sample at a position (parts in order, from 0) takes the row.
  using Sample = std::function<bool(uint32_t position, double probability)>;

  explicit ReferenceFilter(Sample sample) : sample_(std::move(sample)) {}

  // REQUIRES: the filter is valid.
  std::vector<Cell> Apply(const Filter& filter, const Row& row);

 private:
  struct Traced {
    std::vector<size_t> trace;
    Cell cell;
  };
  using Cells = std::vector<Traced>;

  Cells Run(const Filter& filter, uint32_t position, Cells in);
  Cells RunInterleave(const Filter& filter, uint32_t position, const Cells& in);
  Cells RunCondition(const Filter& filter, uint32_t position, const Cells& in);
  Cells Limit(const Filter& filter, const Cells& in) const;
  bool Keeps(const Filter& filter, uint32_t position, const Cell& cell) const;

  const Sample sample_;
  std::string row_key_;
  Cells sunk_;
};

}  // namespace stele
