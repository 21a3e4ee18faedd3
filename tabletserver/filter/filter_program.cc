#include "tabletserver/filter/filter_program.h"

#include <algorithm>

#include "common/base/check.h"
#include "schema/model/filter_regex.h"

namespace stele::tabletserver::internal {
namespace {

using Kind = Filter::Kind;

uint32_t Parts(const Filter& filter) {
  uint32_t n = 1;
  for (const Filter& child : filter.children) n += Parts(child);
  return n;
}

size_t Regexes(const Filter& filter) {
  size_t n = filter.kind == Kind::kRowKeyRegex || filter.kind == Kind::kFamilyNameRegex ||
             filter.kind == Kind::kColumnQualifierRegex || filter.kind == Kind::kValueRegex;
  for (const Filter& child : filter.children) n += Regexes(child);
  return n;
}

// Whether the first cell of a row decides if the part, fed a whole row, yields one, and all that
// matters of the cell is its row.
bool DecidedByRow(const Filter& filter) {
  switch (filter.kind) {
    case Kind::kNone:
    case Kind::kPassAll:
    case Kind::kBlockAll:
    case Kind::kStripValue:
    case Kind::kApplyLabel:
    case Kind::kRowKeyRegex:
    case Kind::kRowSample:
    case Kind::kCellsPerRowLimit:
    case Kind::kCellsPerColumnLimit:
      return true;
    case Kind::kCellsPerRowOffset:
      return filter.count == 0;
    case Kind::kChain:
    case Kind::kInterleave:
    case Kind::kCondition:
      return std::all_of(filter.children.begin(), filter.children.end(), DecidedByRow);
    default:
      return false;
  }
}

}  // namespace

StatusOr<std::unique_ptr<const FilterProgram>> FilterProgram::Compile(const Filter& filter) {
  std::unique_ptr<FilterProgram> program(new FilterProgram());
  program->AddNode(FilterOp::kOutput, 0);
  program->AddNode(FilterOp::kDrop, 0);
  if (filter.empty()) return program;
  program->found_.resize(Parts(filter));
  program->regexes_ = Regexes(filter);
  program->FindLevels(filter, 0, 0);
  ASSIGN_OR_RETURN(program->entry_, program->Add(filter, 0, kOutputNode));
  for (const FilterCondition& condition : program->conditions_) {
    program->passes_ = std::max(program->passes_, condition.level + 1);
  }
  return program;
}

int FilterProgram::FindLevels(const Filter& filter, uint32_t position, int in) {
  const bool chain = filter.kind == Kind::kChain;
  int out = in;
  std::vector<int> levels;  // of what leaves the children
  uint32_t child_position = position + 1;
  for (const Filter& child : filter.children) {
    levels.push_back(FindLevels(child, child_position, chain ? out : in));
    out = std::max(out, levels.back());
    child_position += Parts(child);
  }
  if (filter.kind != Kind::kCondition) return out;
  FilterCondition& condition = found_[position];
  condition.constant = DecidedByRow(filter.children[0]);
  if (!condition.constant) condition.level = levels[0] + 1;
  return std::max(out, condition.level);
}

uint32_t FilterProgram::AddNode(FilterOp op, uint32_t next) {
  nodes_.emplace_back();
  nodes_.back().op = op;
  nodes_.back().next = next;
  return static_cast<uint32_t>(nodes_.size() - 1);
}

uint32_t FilterProgram::AddLeaf(const Filter& filter, FilterOp op, uint32_t next) {
  const uint32_t index = AddNode(op, next);
  nodes_[index].part = filter;
  return index;
}

StatusOr<uint32_t> FilterProgram::AddRegex(const Filter& filter, FilterOp op, uint32_t next) {
  ASSIGN_OR_RETURN(auto regex,
                   CompileFilterRegex(FilterKindName(filter.kind), filter.bytes, regexes_));
  const uint32_t index = AddNode(op, next);
  nodes_[index].regex = std::move(regex);
  return index;
}

StatusOr<uint32_t> FilterProgram::AddChain(const Filter& filter, uint32_t position, uint32_t next) {
  std::vector<uint32_t> positions;
  uint32_t child_position = position + 1;
  for (const Filter& child : filter.children) {
    positions.push_back(child_position);
    child_position += Parts(child);
  }
  for (size_t i = filter.children.size(); i > 0; --i) {
    ASSIGN_OR_RETURN(next, Add(filter.children[i - 1], positions[i - 1], next));
  }
  return next;
}

StatusOr<uint32_t> FilterProgram::AddInterleave(const Filter& filter, uint32_t position,
                                                uint32_t next) {
  std::vector<uint32_t> branches;
  uint32_t child_position = position + 1;
  for (const Filter& child : filter.children) {
    ASSIGN_OR_RETURN(uint32_t branch, Add(child, child_position, next));
    branches.push_back(branch);
    child_position += Parts(child);
  }
  const uint32_t index = AddNode(FilterOp::kInterleave, next);
  nodes_[index].branches = std::move(branches);
  return index;
}

StatusOr<uint32_t> FilterProgram::AddCondition(const Filter& filter, uint32_t position,
                                               uint32_t next) {
  const uint32_t id = static_cast<uint32_t>(conditions_.size());
  conditions_.push_back(found_[position]);
  const uint32_t match = AddNode(FilterOp::kMatch, 0);
  nodes_[match].condition = id;
  std::vector<uint32_t> branches;
  uint32_t child_position = position + 1;
  for (const Filter& child : filter.children) {
    uint32_t branch = kDropNode;
    if (!child.empty()) {
      ASSIGN_OR_RETURN(branch, Add(child, child_position, branches.empty() ? match : next));
    }
    branches.push_back(branch);
    child_position += Parts(child);
  }
  const uint32_t index = AddNode(FilterOp::kCondition, next);
  nodes_[index].condition = id;
  nodes_[index].branches = std::move(branches);
  return index;
}

StatusOr<uint32_t> FilterProgram::Add(const Filter& filter, uint32_t position, uint32_t next) {
  switch (filter.kind) {
    case Kind::kNone:
      break;
    case Kind::kPassAll:
      return next;
    case Kind::kBlockAll:
      return kDropNode;
    case Kind::kSink:
      return kOutputNode;
    case Kind::kStripValue:
      return AddNode(FilterOp::kStripValue, next);
    case Kind::kChain:
      return AddChain(filter, position, next);
    case Kind::kInterleave:
      return AddInterleave(filter, position, next);
    case Kind::kCondition:
      return AddCondition(filter, position, next);
    case Kind::kRowKeyRegex:
      return AddRegex(filter, FilterOp::kRowKeyRegex, next);
    case Kind::kRowSample: {
      const uint32_t index = AddLeaf(filter, FilterOp::kRowSample, next);
      nodes_[index].position = position;
      return index;
    }
    case Kind::kFamilyNameRegex:
      return AddRegex(filter, FilterOp::kFamilyNameRegex, next);
    case Kind::kColumnQualifierRegex:
      return AddRegex(filter, FilterOp::kQualifierRegex, next);
    case Kind::kValueRegex:
      return AddRegex(filter, FilterOp::kValueRegex, next);
    case Kind::kColumnRange:
      return AddLeaf(filter, FilterOp::kColumnRange, next);
    case Kind::kValueRange:
      return AddLeaf(filter, FilterOp::kValueRange, next);
    case Kind::kTimestampRange:
      return AddLeaf(filter, FilterOp::kTimestampRange, next);
    case Kind::kCellsPerRowOffset:
      return AddLeaf(filter, FilterOp::kRowOffset, next);
    case Kind::kCellsPerRowLimit:
      return AddLeaf(filter, FilterOp::kRowLimit, next);
    case Kind::kCellsPerColumnLimit:
      return AddLeaf(filter, FilterOp::kColumnLimit, next);
    case Kind::kApplyLabel:
      return AddLeaf(filter, FilterOp::kApplyLabel, next);
    case Kind::kValueBitmask:
      return AddLeaf(filter, FilterOp::kValueBitmask, next);
  }
  CHECK(false) << "a part that validation refuses";
  return kDropNode;
}

}  // namespace stele::tabletserver::internal
