#include "client/routing/row_ranges.h"

#include <algorithm>

namespace stele::routing {
namespace {

std::string JustAfter(const std::string& row) { return row + '\0'; }

bool EndsBefore(const std::string& end, const std::string& row) {
  return !end.empty() && end < row;
}

// The least row, which is not the empty key.
const std::string& LeastRow() {
  static const std::string* const least = new std::string(1, '\0');
  return *least;
}

}  // namespace

StatusOr<RowRanges> RowRanges::Create(const RowSet& rows) {
  RETURN_IF_ERROR(ValidateRowSet(rows));
  std::vector<Run> all;
  for (const std::string& key : rows.keys) all.push_back({key, JustAfter(key)});
  for (const RowRange& range : rows.ranges) {
    Run run{range.start_open && !range.start.empty() ? JustAfter(range.start) : range.start,
            range.end_open || range.end.empty() ? range.end : JustAfter(range.end)};
    if (run.start.empty() && run.end == LeastRow()) continue;
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
  if (bound.empty()) first_ = runs_.size();
  while (!empty() && !runs_[first_].end.empty() && runs_[first_].end <= bound) ++first_;
  if (!empty() && front() < bound) runs_[first_].start = bound;
}

std::string RowRanges::LastRow() const {
  std::string row = end();
  if (row.empty()) return std::string(kMaxRowKeyBytes, '\xFF');
  if (row.back() == '\0') {
    row.pop_back();
    return row;
  }
  row.back() = static_cast<char>(static_cast<unsigned char>(row.back()) - 1);
  row.resize(std::max(row.size(), kMaxRowKeyBytes), '\xFF');
  return row;
}

void RowRanges::DropFrom(const std::string& bound) {
  while (!empty() && (runs_.back().start >= bound || bound == LeastRow())) runs_.pop_back();
  if (!empty() && (runs_.back().end.empty() || runs_.back().end > bound)) {
    runs_.back().end = bound;
  }
}

void RowRanges::AddTo(const Run& run, RowSet* rows) {
  if (!run.end.empty() && run.end == JustAfter(run.start) && !run.start.empty()) {
    rows->keys.push_back(run.start);
    return;
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
  rows->ranges.push_back(std::move(range));
}

RowRanges::Part RowRanges::Clip(const TabletDescriptor& tablet, size_t max_entries) const {
  Part part;
  RowSet& out = part.rows;
  part.until = tablet.end_row.empty() ? "" : JustAfter(tablet.end_row);
  for (size_t i = first_; i < runs_.size(); ++i) {
    const Run& run = runs_[i];
    if (!tablet.end_row.empty() && run.start > tablet.end_row) break;
    if (out.keys.size() + out.ranges.size() == max_entries) {
      part.until = run.start;
      break;
    }
    AddTo(run, &out);
  }
  return part;
}

RowRanges::Part RowRanges::ClipFromBack(const TabletDescriptor& tablet, size_t max_entries) const {
  Part part;
  part.until = tablet.start_row.empty() ? "" : JustAfter(tablet.start_row);
  const auto rend = runs_.rend() - static_cast<ptrdiff_t>(first_);
  for (auto it = runs_.rbegin(); it != rend; ++it) {
    if (!it->end.empty() && it->end <= part.until) break;
    if (part.rows.keys.size() + part.rows.ranges.size() == max_entries) {
      part.until = it->end;
      break;
    }
    // A tablet is not asked for rows before it: they may be wanted of another one since a split.
    AddTo({std::max(it->start, part.until), it->end}, &part.rows);
  }
  return part;
}

}  // namespace stele::routing
