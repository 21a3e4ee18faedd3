#include "client/routing/row_ranges.h"

#include <algorithm>
#include <vector>

namespace stele::routing {
namespace {

std::string JustAfter(const std::string& row) { return row + '\0'; }

bool EndsBefore(const std::string& end, const std::string& row) {
  return !end.empty() && end < row;
}

}  // namespace

StatusOr<RowRanges> RowRanges::Create(const RowSet& rows) {
  RETURN_IF_ERROR(ValidateRowSet(rows));
  std::vector<Run> all;
  for (const std::string& key : rows.keys) all.push_back({key, JustAfter(key)});
  for (const RowRange& range : rows.ranges) {
    Run run{range.start_open && !range.start.empty() ? JustAfter(range.start) : range.start,
            range.end_open || range.end.empty() ? range.end : JustAfter(range.end)};
    if (run.end.empty() || run.start < run.end) all.push_back(std::move(run));
  }
  if (rows.keys.empty() && rows.ranges.empty()) all.push_back({"", ""});
  std::sort(all.begin(), all.end(), [](const Run& a, const Run& b) { return a.start < b.start; });
  RowRanges out;
  for (Run& run : all) {
    if (out.runs_.empty() || EndsBefore(out.runs_.back().end, run.start)) {
      out.runs_.push_back(std::move(run));
      continue;
    }
    std::string& end = out.runs_.back().end;
    if (end.empty()) break;
    if (run.end.empty() || run.end > end) end = std::move(run.end);
  }
  return out;
}

void RowRanges::DropThrough(const std::string& row) { DropBefore(JustAfter(row)); }

void RowRanges::DropBefore(const std::string& bound) {
  if (bound.empty()) return runs_.clear();
  while (!runs_.empty() && !runs_.front().end.empty() && runs_.front().end <= bound) {
    runs_.pop_front();
  }
  if (!runs_.empty() && runs_.front().start < bound) runs_.front().start = bound;
}

RowRanges::Part RowRanges::Clip(const TabletDescriptor& tablet, size_t max_entries) const {
  Part part;
  RowSet& out = part.rows;
  part.until = tablet.end_row.empty() ? "" : JustAfter(tablet.end_row);
  for (const Run& run : runs_) {
    if (!tablet.end_row.empty() && run.start > tablet.end_row) break;
    if (out.keys.size() + out.ranges.size() == max_entries) {
      part.until = run.start;
      break;
    }
    if (!run.end.empty() && run.end == JustAfter(run.start) && !run.start.empty()) {
      out.keys.push_back(run.start);
      continue;
    }
    RowRange range;
    range.start = run.start;
    // A zero byte at the end means "just after": say so, since the bound may be too long for a key.
    if (!range.start.empty() && range.start.back() == '\0') {
      range.start.pop_back();
      range.start_open = true;
    }
    range.end = run.end;
    if (!range.end.empty() && range.end.back() == '\0') {
      range.end.pop_back();
      range.end_open = false;
    }
    out.ranges.push_back(std::move(range));
  }
  return part;
}

}  // namespace stele::routing
