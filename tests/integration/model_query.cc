#include "tests/integration/model_query.h"

#include <algorithm>
#include <map>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "schema/model/filter.h"
#include "stele/filter_text.h"
#include "tests/integration/model_cell.h"
#include "tests/reference/random_filter.h"
#include "tests/reference/reference_filter.h"

namespace stele {
namespace {

constexpr int kMostSamples = 3;

int CountSamples(const Filter& filter) {
  int n = filter.kind == Filter::Kind::kRowSample ? 1 : 0;
  for (const Filter& child : filter.children) n += CountSamples(child);
  return n;
}

bool InRange(const RowRange& range, const std::string& row) {
  if (range.start_open ? row <= range.start : row < range.start) return false;
  if (range.end.empty()) return true;
  return range.end_open ? row < range.end : row <= range.end;
}

bool Wants(const RowSet& rows, const std::string& key) {
  if (rows.keys.empty() && rows.ranges.empty()) return true;
  return std::count(rows.keys.begin(), rows.keys.end(), key) > 0 ||
         std::any_of(rows.ranges.begin(), rows.ranges.end(),
                     [&](const RowRange& range) { return InRange(range, key); });
}

// All that the filter may make of the row, by how its samples fall.
std::vector<std::vector<Cell>> Outcomes(const Filter& filter, const Row& row) {
  std::vector<std::vector<Cell>> outcomes;
  if (row.cells.empty()) return {{}};
  const int samples = CountSamples(filter);
  for (uint32_t way = 0; way < uint32_t{1} << samples; ++way) {
    std::map<uint32_t, uint32_t> numbers;  // of a sample's position
    ReferenceFilter reference([&](uint32_t position, double) {
      const uint32_t number =
          numbers.try_emplace(position, static_cast<uint32_t>(numbers.size())).first->second;
      return (way >> number & 1) != 0;
    });
    outcomes.push_back(reference.Apply(filter, row));
  }
  return outcomes;
}

std::string Expected(const std::string& key, const std::vector<std::vector<Cell>>& outcomes) {
  std::vector<std::string> shown;
  for (const std::vector<Cell>& cells : outcomes) shown.push_back(ShowCells(cells));
  return absl::StrCat(absl::CHexEscape(key), "{", absl::StrJoin(shown, "} or {"), "}");
}

ReadSelection SomeSelection(SeededRandom* random) {
  static const char* const kFamilies[] = {"a", "ab", "b", "none"};
  static const char* const kQualifiers[] = {"", "x", "xy", "y"};
  ReadSelection s;
  if (!random->OneIn(3)) return s;
  if (random->OneIn(3)) s.families.push_back(kFamilies[random->Below(4)]);
  for (uint64_t n = random->Below(3); n > 0; --n) {
    s.columns.emplace_back(kFamilies[random->Below(4)], kQualifiers[random->Below(4)]);
  }
  if (random->OneIn(4)) s.min_timestamp_us = static_cast<int64_t>(random->Below(8)) * 1000;
  if (random->OneIn(4)) {
    s.max_timestamp_us = s.min_timestamp_us + static_cast<int64_t>(random->Below(60)) * 1000;
  }
  if (random->OneIn(4)) s.cells_per_column = static_cast<int32_t>(random->Between(1, 3));
  if (random->OneIn(4)) s.cells_per_row = static_cast<int32_t>(random->Between(1, 6));
  return s;
}

// Each part of the filter alone, and the filter without one of its parts.
std::vector<Filter> SmallerFilters(const Filter& filter) {
  std::vector<Filter> smaller;
  if (!filter.empty()) smaller.emplace_back();
  for (size_t i = 0; i < filter.children.size(); ++i) {
    if (filter.children[i].empty()) continue;
    smaller.push_back(filter.children[i]);
    if (filter.kind != Filter::Kind::kCondition && filter.children.size() > 2) {
      Filter fewer = filter;
      fewer.children.erase(fewer.children.begin() + static_cast<ptrdiff_t>(i));
      smaller.push_back(std::move(fewer));
    }
    for (Filter& inner : SmallerFilters(filter.children[i])) {
      Filter changed = filter;
      changed.children[i] = std::move(inner);
      smaller.push_back(std::move(changed));
    }
  }
  std::erase_if(smaller, [](const Filter& f) { return !f.empty() && !ValidateFilter(f).ok(); });
  return smaller;
}

std::vector<ModelQuery> SmallerQueries(const ModelQuery& query) {
  std::vector<ModelQuery> smaller;
  auto add = [&](const std::function<void(ModelQuery*)>& change) {
    change(&smaller.emplace_back(query));
  };
  if (query.reversed) add([](ModelQuery* q) { q->reversed = false; });
  if (query.limit != 0) add([](ModelQuery* q) { q->limit = 0; });
  if (!query.push_down) add([](ModelQuery* q) { q->push_down = true; });
  if (query.selection != ReadSelection()) add([](ModelQuery* q) { q->selection = {}; });
  if (!query.one_row && query.rows != RowSet()) add([](ModelQuery* q) { q->rows = {}; });
  for (size_t i = 0; i < query.rows.keys.size() && query.rows.keys.size() > 1; ++i) {
    add([i](ModelQuery* q) {
      q->rows.keys.erase(q->rows.keys.begin() + static_cast<ptrdiff_t>(i));
    });
  }
  for (size_t i = 0; i < query.rows.ranges.size(); ++i) {
    add([i](ModelQuery* q) {
      q->rows.ranges.erase(q->rows.ranges.begin() + static_cast<ptrdiff_t>(i));
    });
  }
  for (Filter& filter : SmallerFilters(query.filter)) {
    add([&](ModelQuery* q) { q->filter = std::move(filter); });
  }
  return smaller;
}

}  // namespace

ReadQuery ModelQuery::Build() const {
  ReadQuery query(rows);
  for (const std::string& family : selection.families) query.Family(family);
  for (const auto& [family, qualifier] : selection.columns) query.Column(family, qualifier);
  query.Timestamps(selection.min_timestamp_us, selection.max_timestamp_us);
  query.CellsPerColumn(selection.cells_per_column).CellsPerRow(selection.cells_per_row);
  if (push_down) {
    query.Filter(filter);
  } else if (filter.empty()) {
    query.Filter(Filter::CellsPerRowOffset(0));
  } else {
    query.Filter(Filter::Chain(std::vector<Filter>{Filter::CellsPerRowOffset(0), filter}));
  }
  return query.Reversed(reversed).Limit(limit);
}

std::string ModelQuery::Show() const {
  std::string out = one_row ? "read" : reversed ? "scan backwards" : "scan";
  for (const std::string& key : rows.keys) absl::StrAppend(&out, " ", absl::CHexEscape(key));
  for (const RowRange& r : rows.ranges) {
    absl::StrAppend(&out, " ", r.start_open ? "(" : "[", absl::CHexEscape(r.start), ", ",
                    absl::CHexEscape(r.end), r.end_open ? ")" : "]");
  }
  if (limit != 0) absl::StrAppend(&out, " limit ", limit);
  for (const std::string& family : selection.families) absl::StrAppend(&out, " family ", family);
  for (const auto& [family, qualifier] : selection.columns) {
    absl::StrAppend(&out, " column ", family, ":", absl::CHexEscape(qualifier));
  }
  absl::StrAppend(&out, " times ", selection.min_timestamp_us, "..", selection.max_timestamp_us,
                  " per column ", selection.cells_per_column, " per row ", selection.cells_per_row);
  return absl::StrCat(out, push_down ? "" : " not pushed down", " filter ", PrintFilter(filter));
}

ModelQuery RandomQuery(SeededRandom* random, const std::vector<std::string>& keys) {
  ModelQuery query;
  auto any = [&] { return keys[random->Below(keys.size())]; };
  const uint64_t dice = random->Below(10);
  query.one_row = dice < 4;
  if (query.one_row) {
    query.rows.keys.push_back(any());
  } else if (dice < 8) {
    for (uint64_t n = random->Below(4); n > 0; --n) query.rows.keys.push_back(any());
    for (uint64_t n = random->Below(3); n > 0; --n) {
      RowRange range{any(), random->OneIn(2), any(), random->OneIn(2)};
      if (random->OneIn(5)) range.start.clear();
      if (random->OneIn(5)) range.end.clear();
      if (!range.end.empty() && range.start > range.end) std::swap(range.start, range.end);
      query.rows.ranges.push_back(std::move(range));
    }
  }
  query.reversed = !query.one_row && random->OneIn(2);
  if (!query.one_row && random->OneIn(3)) query.limit = random->Between(1, 5);
  query.selection = SomeSelection(random);
  do {
    query.filter = RandomFilter(random, static_cast<int>(1 + random->Below(6)));
  } while (CountSamples(query.filter) > kMostSamples);
  if (random->OneIn(10)) query.filter = {};
  return query;
}

std::optional<std::string> CheckAnswer(const ModelQuery& query, const std::vector<Row>& answer,
                                       const ReferenceTable& reference,
                                       const std::vector<std::string>& keys, int64_t now_us) {
  std::vector<std::string> in_order = keys;
  if (query.reversed) std::reverse(in_order.begin(), in_order.end());
  const auto wrong = [&](const std::string& what) {
    return absl::StrCat(query.Show(), "\nanswer ", ShowRows(answer), "\n", what);
  };
  size_t next = 0;
  for (const std::string& key : in_order) {
    if (query.limit != 0 && next == query.limit) break;
    if (!Wants(query.rows, key)) continue;
    const auto outcomes = Outcomes(query.filter, reference.ReadRow(key, query.selection, now_us));
    const bool came = next < answer.size() && answer[next].key == key;
    const std::vector<Cell> cells = came ? answer[next].cells : std::vector<Cell>();
    if (came && cells.empty()) return wrong("a row without a cell came");
    if (std::find(outcomes.begin(), outcomes.end(), cells) == outcomes.end()) {
      return wrong("expected " + Expected(key, outcomes));
    }
    next += came ? 1 : 0;
  }
  if (next != answer.size()) {
    return wrong("not expected, or not there: " + absl::CHexEscape(answer[next].key));
  }
  return std::nullopt;
}

ModelQuery ShrinkQuery(ModelQuery query, const std::function<bool(const ModelQuery&)>& fails) {
  for (bool smaller = true; smaller;) {
    smaller = false;
    for (ModelQuery& candidate : SmallerQueries(query)) {
      if (!fails(candidate)) continue;
      query = std::move(candidate);
      smaller = true;
      break;
    }
  }
  return query;
}

}  // namespace stele
