// FilterProgram: a Filter as a graph of nodes in which every node knows where a cell goes next.
// A chain is gone into its parts' `next`; the branches of an interleave share theirs, so a limit
// behind them counts what all of them let through. A node stands behind (has a larger index than)
// all it leads to. Immutable, thread-safe; owned by its RowFilter.
//
// Conditions have a level: one more than those that decide what reaches them, and those inside
// their predicate. Pass p decides the conditions of level p + 1; a condition inside a branch of
// another does not wait for it, its predicate is fed on the chance that the branch is taken. A
// predicate that only looks at the row's key and needs no pass makes its condition `constant`.
#pragma once

#include <re2/re2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "schema/model/filter.h"

namespace stele::tabletserver::internal {

enum class FilterOp : uint8_t {
  kOutput,  // the cell comes out
  kMatch,   // of a predicate: its condition is true
  kDrop,    // a missing branch, block_all
  kStripValue,
  kApplyLabel,
  kInterleave,
  kCondition,
  kRowKeyRegex,
  kRowSample,
  kFamilyNameRegex,
  kQualifierRegex,
  kValueRegex,
  kColumnRange,
  kValueRange,
  kTimestampRange,
  kRowOffset,
  kRowLimit,
  kColumnLimit,
  kValueBitmask,
};

struct FilterNode {
  FilterOp op = FilterOp::kDrop;
  uint32_t next = 0;
  std::vector<uint32_t> branches;  // kInterleave; kCondition: predicate, true, false
  uint32_t condition = 0;          // kMatch, kCondition: which
  uint32_t position = 0;           // kRowSample: of its part in the Filter
  std::unique_ptr<const re2::RE2> regex;
  Filter part;  // the arguments
};

struct FilterCondition {
  bool constant = false;
  int level = 0;  // from 1, unless constant
};

class FilterProgram {
 public:
  // REQUIRES: ValidateFilter is OK with it.
  static StatusOr<std::unique_ptr<const FilterProgram>> Compile(const Filter& filter);

  const std::vector<FilterNode>& nodes() const { return nodes_; }
  const std::vector<FilterCondition>& conditions() const { return conditions_; }
  uint32_t entry() const { return entry_; }
  int passes() const { return passes_; }

 private:
  FilterProgram() = default;

  // Levels of the conditions in the part at `position`, reached by what conditions up to level
  // `in` let through. Returns the level of what leaves the part.
  int FindLevels(const Filter& filter, uint32_t position, int in);
  // Adds the nodes of the part, whose output goes to `next`; returns where its input goes.
  StatusOr<uint32_t> Add(const Filter& filter, uint32_t position, uint32_t next);
  StatusOr<uint32_t> AddChain(const Filter& filter, uint32_t position, uint32_t next);
  StatusOr<uint32_t> AddInterleave(const Filter& filter, uint32_t position, uint32_t next);
  StatusOr<uint32_t> AddCondition(const Filter& filter, uint32_t position, uint32_t next);
  StatusOr<uint32_t> AddRegex(const Filter& filter, FilterOp op, uint32_t next);
  uint32_t AddNode(FilterOp op, uint32_t next);
  uint32_t AddLeaf(const Filter& filter, FilterOp op, uint32_t next);

  static constexpr uint32_t kOutputNode = 0, kDropNode = 1;
  std::vector<FilterNode> nodes_;
  std::vector<FilterCondition> conditions_;
  std::vector<FilterCondition> found_;  // by position
  uint32_t entry_ = kOutputNode;
  int passes_ = 1;
  size_t regexes_ = 0;
};

}  // namespace stele::tabletserver::internal
