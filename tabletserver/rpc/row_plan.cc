#include "tabletserver/rpc/row_plan.h"

#include <algorithm>

#include "stele/prefix_range.h"

namespace stele::tabletserver {
namespace {

bool StartsBefore(const RowRange& a, const RowRange& b) {
  if (a.start != b.start) return a.start < b.start;
  return !a.start_open && b.start_open;
}

bool EndsBefore(const RowRange& a, const RowRange& b) {
  if (a.end.empty() || b.end.empty()) return !a.end.empty() && b.end.empty();
  if (a.end != b.end) return a.end < b.end;
  return a.end_open && !b.end_open;
}

bool IsEmpty(const RowRange& range) {
  if (range.end.empty()) return false;
  if (range.start != range.end) return range.start > range.end;
  return range.start_open || range.end_open;
}

// Whether `next`, which does not start before `range`, begins inside it or right at its end.
bool Touches(const RowRange& range, const RowRange& next) {
  if (range.end.empty() || next.start < range.end) return true;
  return next.start == range.end && !(range.end_open && next.start_open);
}

void ClipStart(RowRange* range, Slice after) {
  RowRange bound;
  bound.start = std::string(after);
  bound.start_open = true;
  if (!StartsBefore(*range, bound)) return;
  range->start = bound.start;
  range->start_open = true;
}

void ClipEnd(RowRange* range, Slice end, bool open) {
  RowRange bound;
  bound.end = std::string(end);
  bound.end_open = open;
  if (!EndsBefore(bound, *range)) return;
  range->end = bound.end;
  range->end_open = open;
}

}  // namespace

bool IsPoint(const RowRange& range) {
  return !range.start_open && !range.end_open && !range.end.empty() && range.start == range.end;
}

std::vector<RowRange> PlanRows(const RowSet& rows, const TabletDescriptor& tablet,
                               Slice resume_after, bool reversed) {
  const bool one_key = rows.keys.size() == 1 && rows.ranges.empty() && resume_after.empty();
  if (one_key && tablet.Contains(rows.keys[0])) {
    std::vector<RowRange> plan(1);
    plan[0] = {rows.keys[0], false, rows.keys[0], false};
    return plan;
  }
  std::vector<RowRange> all = rows.ranges;
  for (const std::string& key : rows.keys) all.push_back({key, false, key, false});
  if (rows.keys.empty() && rows.ranges.empty()) all.push_back({});
  for (RowRange& range : all) {
    if (!tablet.start_row.empty()) ClipStart(&range, tablet.start_row);
    if (!resume_after.empty() && !reversed) ClipStart(&range, resume_after);
    if (!tablet.end_row.empty()) ClipEnd(&range, tablet.end_row, /*open=*/false);
    if (!resume_after.empty() && reversed) ClipEnd(&range, resume_after, /*open=*/true);
  }
  std::erase_if(all, IsEmpty);
  std::sort(all.begin(), all.end(), StartsBefore);
  std::vector<RowRange> plan;
  for (RowRange& range : all) {
    if (plan.empty() || !Touches(plan.back(), range)) {
      plan.push_back(std::move(range));
    } else if (EndsBefore(plan.back(), range)) {
      plan.back().end = range.end;
      plan.back().end_open = range.end_open;
    }
  }
  if (reversed) std::reverse(plan.begin(), plan.end());
  return plan;
}

std::vector<RowRange> RowsWithPrefix(std::vector<RowRange> ranges, const std::string& prefix) {
  if (prefix.empty()) return ranges;
  const std::string end = PrefixRange(prefix).end;  // empty: no key is behind them
  std::vector<RowRange> kept;
  for (RowRange& range : ranges) {
    if (range.start < prefix) {
      range.start = prefix;
      range.start_open = false;
    }
    if (!end.empty() && (range.end.empty() || range.end >= end)) {
      range.end = end;
      range.end_open = true;
    }
    if (range.end.empty() || range.start < range.end || IsPoint(range)) {
      kept.push_back(std::move(range));
    }
  }
  return kept;
}

std::optional<std::string> FirstRowOutside(const RowSet& rows, const TabletDescriptor& tablet,
                                           Slice resume_after, bool reversed) {
  // What is still to come lies after `after` and, unless that is empty, before `before`.
  const Slice after = reversed ? Slice() : resume_after;
  const Slice before = reversed ? resume_after : Slice();
  if (tablet.start_row.empty() || after >= Slice(tablet.start_row)) return std::nullopt;
  for (const std::string& key : rows.keys) {
    const bool to_come = Slice(key) > after && (before.empty() || Slice(key) < before);
    if (to_come && key <= tablet.start_row) return key;
  }
  for (const RowRange& range : rows.ranges) {
    const bool open = range.start_open || Slice(range.start) <= after;
    std::string first = std::max(range.start, std::string(after));
    if (open ? first >= tablet.start_row : first > tablet.start_row) continue;
    if (open) first.push_back('\0');
    if (first.empty()) first.push_back('\0');
    if (!before.empty() && Slice(first) >= before) continue;
    if (!range.end.empty() && (range.end_open ? first >= range.end : first > range.end)) continue;
    return first;
  }
  return std::nullopt;
}

}  // namespace stele::tabletserver
