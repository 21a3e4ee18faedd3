#include "tests/reference/reference_table.h"

#include <algorithm>

#include "common/base/check.h"
#include "schema/model/conditional.h"
#include "schema/model/limits.h"

namespace stele {
namespace {

void CollectLimits(const GcRule& rule, std::set<int32_t>* limits) {
  if (rule.kind == GcRule::Kind::kMaxVersions) limits->insert(rule.max_versions);
  for (const GcRule& inner : rule.rules) CollectLimits(inner, limits);
}

bool Hides(const GcRule& rule, int64_t age_us, const std::set<int32_t>& surplus_for) {
  auto hides = [&](const GcRule& inner) { return Hides(inner, age_us, surplus_for); };
  switch (rule.kind) {
    case GcRule::Kind::kNone:
      return false;
    case GcRule::Kind::kMaxVersions:
      return surplus_for.count(rule.max_versions) > 0;
    case GcRule::Kind::kMaxAge:
      return age_us > rule.max_age_us;
    case GcRule::Kind::kUnion:
      return std::any_of(rule.rules.begin(), rule.rules.end(), hides);
    case GcRule::Kind::kIntersection:
      return std::all_of(rule.rules.begin(), rule.rules.end(), hides);
  }
  return false;
}

bool Selects(const ReadSelection& selection, const std::string& family,
             const std::string& qualifier) {
  if (selection.families.empty() && selection.columns.empty() && selection.ranges.empty()) {
    return true;
  }
  for (const ColumnRange& range : selection.ranges) {
    if (!range.family.empty() && range.family != family) continue;
    const Bound &start = range.start, &end = range.end;
    if (start.kind == Bound::Kind::kClosed && qualifier < start.bytes) continue;
    if (start.kind == Bound::Kind::kOpen && qualifier <= start.bytes) continue;
    if (end.kind == Bound::Kind::kClosed && qualifier > end.bytes) continue;
    if (end.kind == Bound::Kind::kOpen && qualifier >= end.bytes) continue;
    return true;
  }
  return std::count(selection.families.begin(), selection.families.end(), family) > 0 ||
         std::count(selection.columns.begin(), selection.columns.end(),
                    std::make_pair(family, qualifier)) > 0;
}

bool InRange(const std::string& row, const RowRange& range) {
  if (row < range.start || (range.start_open && row == range.start)) return false;
  return range.end.empty() || row < range.end || (!range.end_open && row == range.end);
}

}  // namespace

void ReferenceTable::Apply(const RowMutation& mutation) {
  RowState& row = rows_[mutation.row];
  for (const Mutation& m : mutation.mutations) ApplyOne(&row, m);
}

void ReferenceTable::DropRows(const RowRange& range) {
  std::erase_if(rows_, [&](const auto& row) { return InRange(row.first, range); });
}

ReferenceTable::Family* ReferenceTable::FindFamily(RowState* row, const std::string& name) {
  const FamilySchema* family = schema_.FindFamily(name);
  CHECK(family != nullptr);
  return &(*row)[FamilyKey{name, family->id}];
}

void ReferenceTable::ApplyOne(RowState* row, const Mutation& mutation) {
  if (std::holds_alternative<DeleteFromRow>(mutation)) {
    row->clear();
  } else if (const auto* m = std::get_if<DeleteFromFamily>(&mutation)) {
    FindFamily(row, m->family)->clear();
  } else if (const auto* m = std::get_if<DeleteFromColumn>(&mutation)) {
    Column& column = (*FindFamily(row, m->family))[m->qualifier];
    std::erase_if(column, [m](const auto& version) {
      return version.first >= m->start_us && (m->end_us == 0 || version.first < m->end_us);
    });
  } else if (const auto* m = std::get_if<AddToCell>(&mutation)) {
    Add(row, m->family, m->qualifier, m->timestamp_us, m->input);
  } else if (const auto* m = std::get_if<MergeToCell>(&mutation)) {
    Add(row, m->family, m->qualifier, m->timestamp_us, DecodeCounter(m->state).value());
  } else {
    const auto& set = std::get<SetCell>(mutation);
    CHECK(set.timestamp_us >= 0);
    Column& column = (*FindFamily(row, set.family))[set.qualifier];
    column[set.timestamp_us] = Version{set.value, {}};
    std::set<int32_t> limits;
    CollectLimits(schema_.FindFamily(set.family)->gc, &limits);
    for (int32_t limit : limits) {
      int32_t counted = 0;
      for (auto& [timestamp, version] : column) {
        if (version.surplus_for.count(limit) > 0) continue;
        if (++counted > limit) version.surplus_for.insert(limit);
      }
    }
  }
}

void ReferenceTable::Add(RowState* row, const std::string& family, const std::string& qualifier,
                         int64_t timestamp_us, int64_t input) {
  const Column& column = (*FindFamily(row, family))[qualifier];
  const auto old = column.find(timestamp_us);
  if (old != column.end()) {
    const int64_t state = DecodeCounter(old->second.value).value();
    input = Combine(schema_.FindFamily(family)->aggregate, state, input);
  }
  ApplyOne(row, SetCell{family, qualifier, timestamp_us, EncodeCounter(input)});
}

StatusOr<RowMutation> ReferenceTable::Modified(const std::string& row,
                                               const std::vector<ReadModifyWriteRule>& rules,
                                               int64_t now_us) const {
  const int64_t now = now_us / kTimestampGranularityUs * kTimestampGranularityUs;
  std::map<std::pair<std::string, std::string>, SetCell> columns;
  for (const ReadModifyWriteRule& rule : rules) {
    const auto column =
        std::visit([](const auto& r) { return std::make_pair(r.family, r.qualifier); }, rule);
    auto [cell, first] = columns.try_emplace(column, SetCell{column.first, column.second, 0, ""});
    bool missing = false;
    if (first) {
      ReadSelection newest;
      newest.columns = {column};
      newest.cells_per_column = 1;
      const Row found = ReadRow(row, newest, now_us);
      missing = found.cells.empty();
      if (!missing) {
        cell->second.value = found.cells[0].value;
        cell->second.timestamp_us = found.cells[0].timestamp_us;
      }
    }
    cell->second.timestamp_us = std::max(cell->second.timestamp_us, now);
    std::string& value = cell->second.value;
    if (const auto* append = std::get_if<AppendToValue>(&rule)) {
      value += append->value;
    } else {
      int64_t old = 0;
      if (!missing) {
        ASSIGN_OR_RETURN(old, DecodeCounter(value));
      }
      value = EncodeCounter(WrappingSum(old, std::get<IncrementValue>(rule).amount));
    }
  }
  RowMutation mutation{row, {}};
  for (auto& [column, cell] : columns) mutation.mutations.push_back(std::move(cell));
  return mutation;
}

Row ReferenceTable::Select(const std::string& key, const RowState& row,
                           const ReadSelection& selection, int64_t now_us) const {
  Row out{.key = key};
  for (const auto& [family_key, columns] : row) {
    const FamilySchema* family = schema_.FindFamily(family_key.name);
    if (family == nullptr || family->id != family_key.id) continue;
    for (const auto& [qualifier, versions] : columns) {
      if (!Selects(selection, family->name, qualifier)) continue;
      int32_t of_column = 0;
      for (const auto& [timestamp, version] : versions) {
        if (Hides(family->gc, now_us - timestamp, version.surplus_for)) continue;
        if (timestamp < selection.min_timestamp_us) continue;
        if (selection.max_timestamp_us != 0 && timestamp >= selection.max_timestamp_us) continue;
        if (selection.cells_per_column != 0 && of_column == selection.cells_per_column) continue;
        ++of_column;
        out.cells.push_back(Cell{family->name, qualifier, timestamp, version.value});
      }
    }
  }
  const size_t per_row = static_cast<size_t>(selection.cells_per_row);
  if (per_row != 0 && out.cells.size() > per_row) out.cells.resize(per_row);
  return out;
}

std::vector<Row> ReferenceTable::Read(const RowRange& range, const ReadSelection& selection,
                                      int64_t now_us) const {
  std::vector<Row> out;
  for (const auto& [key, state] : rows_) {
    if (!InRange(key, range)) continue;
    Row row = Select(key, state, selection, now_us);
    if (!row.cells.empty()) out.push_back(std::move(row));
  }
  return out;
}

Row ReferenceTable::ReadRow(const std::string& row, const ReadSelection& selection,
                            int64_t now_us) const {
  auto it = rows_.find(row);
  return it == rows_.end() ? Row{.key = row} : Select(row, it->second, selection, now_us);
}

}  // namespace stele
