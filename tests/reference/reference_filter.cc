#include "tests/reference/reference_filter.h"

#include <re2/re2.h>

#include <algorithm>
#include <map>
#include <utility>

namespace stele {
namespace {

using Kind = Filter::Kind;

bool Matches(const std::string& pattern, const std::string& text) {
  thread_local std::map<std::string, std::unique_ptr<re2::RE2>> compiled;
  std::unique_ptr<re2::RE2>& regex = compiled[pattern];
  if (regex == nullptr) regex = std::make_unique<re2::RE2>(pattern, re2::RE2::Latin1);
  return re2::RE2::FullMatch(text, *regex);
}

bool Inside(const std::string& bytes, const Bound& start, const Bound& end) {
  if (start.kind == Bound::Kind::kClosed && bytes < start.bytes) return false;
  if (start.kind == Bound::Kind::kOpen && bytes <= start.bytes) return false;
  if (end.kind == Bound::Kind::kClosed && bytes > end.bytes) return false;
  if (end.kind == Bound::Kind::kOpen && bytes >= end.bytes) return false;
  return true;
}

uint32_t Parts(const Filter& filter) {
  uint32_t n = 1;
  for (const Filter& child : filter.children) n += Parts(child);
  return n;
}

}  // namespace

std::vector<Cell> ReferenceFilter::Apply(const Filter& filter, const Row& row) {
  row_key_ = row.key;
  sunk_.clear();
  Cells in;
  for (size_t i = 0; i < row.cells.size(); ++i) in.push_back({{i}, row.cells[i]});
  Cells out = filter.empty() ? in : Run(filter, 0, in);
  out.insert(out.end(), sunk_.begin(), sunk_.end());
  std::sort(out.begin(), out.end(),
            [](const Traced& a, const Traced& b) { return a.trace < b.trace; });
  std::vector<Cell> cells;
  for (Traced& traced : out) cells.push_back(std::move(traced.cell));
  return cells;
}

ReferenceFilter::Cells ReferenceFilter::Run(const Filter& filter, uint32_t position, Cells in) {
  switch (filter.kind) {
    case Kind::kChain: {
      uint32_t child_position = position + 1;
      for (const Filter& child : filter.children) {
        in = Run(child, child_position, std::move(in));
        child_position += Parts(child);
      }
      return in;
    }
    case Kind::kInterleave:
      return RunInterleave(filter, position, in);
    case Kind::kCondition:
      return RunCondition(filter, position, in);
    case Kind::kSink:
      sunk_.insert(sunk_.end(), in.begin(), in.end());
      return {};
    case Kind::kStripValue:
      for (Traced& traced : in) traced.cell.value.clear();
      return in;
    case Kind::kApplyLabel:
      for (Traced& traced : in) traced.cell.label = filter.bytes;
      return in;
    case Kind::kCellsPerRowOffset:
    case Kind::kCellsPerRowLimit:
    case Kind::kCellsPerColumnLimit:
      return Limit(filter, in);
    default: {
      Cells out;
      for (const Traced& traced : in) {
        if (Keeps(filter, position, traced.cell)) out.push_back(traced);
      }
      return out;
    }
  }
}

ReferenceFilter::Cells ReferenceFilter::RunInterleave(const Filter& filter, uint32_t position,
                                                      const Cells& in) {
  Cells out;
  uint32_t child_position = position + 1;
  for (size_t i = 0; i < filter.children.size(); ++i) {
    Cells copy = in;
    for (Traced& traced : copy) traced.trace.push_back(i);
    Cells branch = Run(filter.children[i], child_position, std::move(copy));
    out.insert(out.end(), branch.begin(), branch.end());
    child_position += Parts(filter.children[i]);
  }
  std::sort(out.begin(), out.end(),
            [](const Traced& a, const Traced& b) { return a.trace < b.trace; });
  return out;
}

ReferenceFilter::Cells ReferenceFilter::RunCondition(const Filter& filter, uint32_t position,
                                                     const Cells& in) {
  const uint32_t on_true = position + 1 + Parts(filter.children[0]);
  const uint32_t on_false = on_true + Parts(filter.children[1]);
  const bool yes = !Run(filter.children[0], position + 1, in).empty();
  const Filter& branch = filter.children[yes ? 1 : 2];
  return branch.empty() ? Cells{} : Run(branch, yes ? on_true : on_false, in);
}

ReferenceFilter::Cells ReferenceFilter::Limit(const Filter& filter, const Cells& in) const {
  const size_t n = static_cast<size_t>(filter.count);
  if (filter.kind == Kind::kCellsPerRowLimit) {
    return Cells(in.begin(), in.begin() + static_cast<ptrdiff_t>(std::min(n, in.size())));
  }
  if (filter.kind == Kind::kCellsPerRowOffset) {
    return Cells(in.begin() + static_cast<ptrdiff_t>(std::min(n, in.size())), in.end());
  }
  std::map<std::pair<std::string, std::string>, size_t> of_column;
  Cells out;
  for (const Traced& traced : in) {
    if (++of_column[{traced.cell.family, traced.cell.qualifier}] <= n) out.push_back(traced);
  }
  return out;
}

bool ReferenceFilter::Keeps(const Filter& filter, uint32_t position, const Cell& cell) const {
  switch (filter.kind) {
    case Kind::kBlockAll:
      return false;
    case Kind::kRowKeyRegex:
      return Matches(filter.bytes, row_key_);
    case Kind::kRowSample:
      return sample_(position, filter.probability);
    case Kind::kFamilyNameRegex:
      return Matches(filter.bytes, cell.family);
    case Kind::kColumnQualifierRegex:
      return Matches(filter.bytes, cell.qualifier);
    case Kind::kValueRegex:
      return Matches(filter.bytes, cell.value);
    case Kind::kColumnRange:
      return cell.family == filter.family && Inside(cell.qualifier, filter.start, filter.end);
    case Kind::kValueRange:
      return Inside(cell.value, filter.start, filter.end);
    case Kind::kTimestampRange:
      return cell.timestamp_us >= filter.start_us &&
             (filter.end_us == 0 || cell.timestamp_us < filter.end_us);
    case Kind::kValueBitmask: {
      if (cell.value.size() != filter.bytes.size()) return false;
      for (size_t i = 0; i < cell.value.size(); ++i) {
        if ((cell.value[i] & filter.bytes[i]) != filter.bytes[i]) return false;
      }
      return true;
    }
    default:
      return true;
  }
}

}  // namespace stele
