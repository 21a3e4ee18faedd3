#include "tabletserver/filter/push_down.h"

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "common/bytes/key_head.h"

namespace stele::tabletserver {
namespace {

using Kind = Filter::Kind;
using Ranges = std::vector<ColumnRange>;

constexpr size_t kMaxRanges = 1000;  // more are not worth their search

// The byte that a regex begins with when it stands for itself, escaped or not; nullopt for
// whatever else the regex says there.
std::optional<char> TakeLiteral(Slice* regex) {
  if (regex->empty()) return std::nullopt;
  char c = regex->front();
  if (c == '\\') {
    if (regex->size() < 2) return std::nullopt;
    c = (*regex)[1];
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || static_cast<unsigned char>(c) >= 0x80;
    if (word) return std::nullopt;
    regex->remove_prefix(2);
    return c;
  }
  if (Slice(".+*?()|[]{}^$").find(c) != Slice::npos) return std::nullopt;
  regex->remove_prefix(1);
  return c;
}

// All that a regex of the form a|b|c matches.
std::optional<std::vector<std::string>> Alternatives(Slice regex) {
  std::vector<std::string> all(1);
  while (!regex.empty()) {
    if (regex.front() == '|') {
      regex.remove_prefix(1);
      all.emplace_back();
      continue;
    }
    const std::optional<char> c = TakeLiteral(&regex);
    if (!c.has_value()) return std::nullopt;
    all.back() += *c;
  }
  if (all.size() > kMaxRanges) return std::nullopt;
  return all;
}

// What every match begins with.
std::string LiteralPrefix(Slice regex) {
  if (auto all = Alternatives(regex); all.has_value()) {
    std::string prefix = all->front();
    for (const std::string& other : *all) prefix.resize(CommonPrefix(prefix, other));
    return prefix;
  }
  // Where alternatives end is the regex's own business.
  if (regex.find('|') != Slice::npos) return "";
  if (!regex.empty() && regex.front() == '^') regex.remove_prefix(1);
  std::string prefix;
  while (const std::optional<char> c = TakeLiteral(&regex)) {
    // What is repeated may be absent.
    if (!regex.empty() && Slice("*?{").find(regex.front()) != Slice::npos) break;
    prefix += *c;
  }
  return prefix;
}

// The tighter of two bounds on the same side.
Bound Tighter(const Bound& a, const Bound& b, bool start) {
  if (a.kind == Bound::Kind::kUnbounded) return b;
  if (b.kind == Bound::Kind::kUnbounded) return a;
  if (a.bytes == b.bytes) return a.kind == Bound::Kind::kOpen ? a : b;
  return (a.bytes > b.bytes) == start ? a : b;
}

bool IsEmpty(const ColumnRange& range) {
  if (range.start.kind == Bound::Kind::kUnbounded || range.end.kind == Bound::Kind::kUnbounded) {
    return range.end.kind == Bound::Kind::kOpen && range.end.bytes.empty();
  }
  if (range.start.bytes != range.end.bytes) return range.start.bytes > range.end.bytes;
  return range.start.kind == Bound::Kind::kOpen || range.end.kind == Bound::Kind::kOpen;
}

// False, and *ranges as it was, when there would be too many.
bool Intersect(const Ranges& other, Ranges* ranges) {
  if (ranges->size() * other.size() > kMaxRanges) return false;
  Ranges both;
  for (const ColumnRange& a : *ranges) {
    for (const ColumnRange& b : other) {
      if (!a.family.empty() && !b.family.empty() && a.family != b.family) continue;
      ColumnRange range{a.family.empty() ? b.family : a.family, Tighter(a.start, b.start, true),
                        Tighter(a.end, b.end, false)};
      if (!IsEmpty(range)) both.push_back(std::move(range));
    }
  }
  *ranges = std::move(both);
  return true;
}

// What the engine has to give for a place in the filter: of the row's cells that are of some range
// and in the timestamps, the first of each column, then the first.
struct Need {
  Ranges ranges = {ColumnRange{}};  // everything
  int64_t min_us = 0, max_us = 0;
  int32_t cells_per_column = 0, cells_per_row = 0;
  std::string row_prefix;
  bool exact = true;    // exactly these cells arrive at the place, if any of the row do
  bool closed = false;  // what stands behind cannot be used

  bool limited() const { return cells_per_column != 0 || cells_per_row != 0; }
};

void Narrow(const Filter& filter, Need* need);

Need Union(const std::vector<Need>& branches) {
  Need all = branches.front();
  bool same_cells = true, same_columns = true;
  bool timeless = all.max_us == 0;
  for (size_t i = 1; i < branches.size(); ++i) {
    const Need& other = branches[i];
    same_cells = same_cells && other.ranges == all.ranges && other.min_us == all.min_us &&
                 other.max_us == all.max_us;
    same_columns = same_columns && other.cells_per_column == all.cells_per_column;
    if (other.ranges != all.ranges) {
      all.ranges.insert(all.ranges.end(), other.ranges.begin(), other.ranges.end());
    }
    all.min_us = std::min(all.min_us, other.min_us);
    timeless = timeless || other.max_us == 0;
    all.max_us = std::max(all.max_us, other.max_us);
    all.row_prefix.resize(CommonPrefix(all.row_prefix, other.row_prefix));
  }
  if (timeless) all.max_us = 0;
  // Limits hold for a union only when they begin to count at the same cells.
  const auto widest = [&](int32_t Need::*limit) {
    int32_t most = 0;
    for (const Need& branch : branches) {
      if (branch.*limit == 0) return 0;
      most = std::max(most, branch.*limit);
    }
    return most;
  };
  all.cells_per_row = same_cells && same_columns ? widest(&Need::cells_per_row) : 0;
  all.cells_per_column = same_cells ? widest(&Need::cells_per_column) : 0;
  return all;
}

void NarrowBranches(const Filter& filter, Need* need) {
  std::vector<Need> branches;
  for (const Filter& child : filter.children) {
    if (child.empty()) continue;
    branches.push_back(*need);
    Narrow(child, &branches.back());
  }
  Need all = Union(branches);
  if (all.ranges.size() > kMaxRanges) {
    all.ranges = need->ranges;
    all.cells_per_column = all.cells_per_row = 0;
  }
  *need = std::move(all);
  need->closed = true;
}

void NarrowTimes(const Filter& filter, Need* need) {
  need->min_us = std::max(need->min_us, filter.start_us);
  if (filter.end_us != 0) {
    need->max_us = need->max_us == 0 ? filter.end_us : std::min(need->max_us, filter.end_us);
  }
  if (need->max_us != 0 && need->min_us >= need->max_us) need->ranges.clear();  // nothing
}

void NarrowColumns(const Ranges& ranges, Need* need) {
  if (!Intersect(ranges, &need->ranges)) need->exact = false;
}

void NarrowByRegex(const Filter& filter, Need* need) {
  const auto names = Alternatives(filter.bytes);
  if (!names.has_value()) {
    need->exact = false;
    return;
  }
  Ranges ranges;
  for (const std::string& name : *names) {
    if (filter.kind == Kind::kColumnQualifierRegex) {
      ranges.push_back({"", Bound::Closed(name), Bound::Closed(name)});
    } else if (!name.empty()) {  // no family has the empty name
      ranges.push_back({name, {}, {}});
    }
  }
  NarrowColumns(ranges, need);
}

void NarrowByLimit(const Filter& filter, int32_t* limit, Need* need) {
  if (!need->exact) {
    need->closed = true;
    return;
  }
  *limit = *limit == 0 ? filter.count : std::min(*limit, filter.count);
}

// What follows a limit: nothing moves across it but another limit in the engine's own order.
void NarrowBehindLimit(const Filter& filter, Need* need) {
  switch (filter.kind) {
    case Kind::kPassAll:
    case Kind::kStripValue:
    case Kind::kApplyLabel:
      return;
    case Kind::kCellsPerRowLimit:
      return NarrowByLimit(filter, &need->cells_per_row, need);
    case Kind::kChain:
      for (const Filter& child : filter.children) {
        if (!need->closed) NarrowBehindLimit(child, need);
      }
      return;
    default:
      need->closed = true;
  }
}

void Narrow(const Filter& filter, Need* need) {
  if (need->closed) return;
  if (need->limited()) return NarrowBehindLimit(filter, need);
  switch (filter.kind) {
    case Kind::kPassAll:
    case Kind::kStripValue:
    case Kind::kApplyLabel:
      return;
    case Kind::kBlockAll:
      need->ranges.clear();
      return;
    case Kind::kChain:
      for (const Filter& child : filter.children) Narrow(child, need);
      return;
    case Kind::kInterleave:
    case Kind::kCondition:
      return NarrowBranches(filter, need);
    case Kind::kRowKeyRegex: {
      const std::string prefix = LiteralPrefix(filter.bytes);
      if (prefix.size() > need->row_prefix.size()) need->row_prefix = prefix;
      return;
    }
    case Kind::kFamilyNameRegex:
    case Kind::kColumnQualifierRegex:
      return NarrowByRegex(filter, need);
    case Kind::kColumnRange:
      return NarrowColumns({{filter.family, filter.start, filter.end}}, need);
    case Kind::kTimestampRange:
      return NarrowTimes(filter, need);
    case Kind::kValueRegex:
    case Kind::kValueRange:
    case Kind::kValueBitmask:
      need->exact = false;
      return;
    case Kind::kCellsPerRowLimit:
      return NarrowByLimit(filter, &need->cells_per_row, need);
    case Kind::kCellsPerColumnLimit:
      return NarrowByLimit(filter, &need->cells_per_column, need);
    case Kind::kNone:
    case Kind::kSink:
    case Kind::kRowSample:
    case Kind::kCellsPerRowOffset:
      need->closed = true;
  }
}

Ranges RangesOf(const ReadSelection& selection) {
  if (selection.TakesAllColumns()) return {ColumnRange{}};
  Ranges ranges = selection.ranges;
  for (const std::string& family : selection.families) ranges.push_back({family, {}, {}});
  for (const auto& [family, qualifier] : selection.columns) {
    ranges.push_back({family, Bound::Closed(qualifier), Bound::Closed(qualifier)});
  }
  // A family without a name is none; a range without one is of all.
  std::erase_if(ranges, [&](const ColumnRange& range) {
    return range.family.empty() && std::find(selection.ranges.begin(), selection.ranges.end(),
                                             range) == selection.ranges.end();
  });
  return ranges;
}

void SetRanges(Ranges ranges, ReadSelection* selection) {
  selection->families.clear();
  selection->columns.clear();
  selection->ranges.clear();
  for (ColumnRange& range : ranges) {
    const bool open =
        range.start.kind == Bound::Kind::kUnbounded && range.end.kind == Bound::Kind::kUnbounded;
    if (range.family.empty() && open) {  // all columns
      selection->families.clear();
      selection->columns.clear();
      selection->ranges.clear();
      return;
    }
    if (!range.family.empty() && open) {
      selection->families.push_back(range.family);
    } else if (!range.family.empty() && range.start.kind == Bound::Kind::kClosed &&
               range.start == range.end) {
      selection->columns.emplace_back(range.family, range.start.bytes);
    } else {
      selection->ranges.push_back(std::move(range));
    }
  }
  if (selection->TakesAllColumns()) selection->columns.emplace_back("", "");  // takes nothing
}

}  // namespace

PushDown FindPushDown(const Filter& filter, const ReadSelection& selection,
                      const PushDownOptions& options) {
  PushDown result{selection, ""};
  if (!options.enabled || filter.empty()) return result;
  Need need;
  need.ranges = RangesOf(selection);
  need.min_us = selection.min_timestamp_us;
  need.max_us = selection.max_timestamp_us;
  // The request's own limits count cells that the filter has not seen.
  const bool limited = selection.cells_per_column != 0 || selection.cells_per_row != 0;
  Narrow(filter, &need);
  result.row_prefix = need.row_prefix;
  if (limited) return result;
  SetRanges(std::move(need.ranges), &result.selection);
  result.selection.min_timestamp_us = need.min_us;
  result.selection.max_timestamp_us = std::max(need.min_us, need.max_us);
  if (need.max_us == 0) result.selection.max_timestamp_us = 0;
  result.selection.cells_per_column = need.cells_per_column;
  result.selection.cells_per_row = need.cells_per_row;
  return result;
}

}  // namespace stele::tabletserver
