#include "tabletserver/storage/row_change.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace stele::storage {
namespace {

constexpr uint64_t kCellOverheadBytes = 64;

using Column = std::pair<std::string, std::string>;

class CellCollector : public RowSink {
 public:
  void StartRow(Slice) override {}
  void AddCell(Slice family, Slice qualifier, int64_t timestamp_us, Slice value) override {
    cells.push_back(
        {std::string(family), std::string(qualifier), timestamp_us, std::string(value)});
  }
  bool EndRow() override { return true; }
  std::vector<Cell> cells;
};

std::string ColumnName(const Column& column) {
  return absl::StrCat("column \"", column.first, ":", column.second, "\"");
}

// ---- additions ----
// The aggregate cells that a list of mutations touches, and what the list makes of them in its
// order: a delete before an addition lets it begin anew.
class AggregateCells {
 public:
  AggregateCells(const TableSchema& schema, const std::vector<Mutation>& mutations)
      : schema_(schema), mutations_(mutations) {}

  Status Read(RowState* state) {
    ReadSelection selection;
    std::set<Column> columns;
    int64_t first = INT64_MAX, last = 0;
    auto touch = [&](const auto& addition) {
      columns.emplace(addition.family, addition.qualifier);
      first = std::min(first, addition.timestamp_us);
      last = std::max(last, addition.timestamp_us);
    };
    for (const Mutation& m : mutations_) {
      if (const auto* add = std::get_if<AddToCell>(&m)) touch(*add);
      if (const auto* merge = std::get_if<MergeToCell>(&m)) touch(*merge);
    }
    selection.columns.assign(columns.begin(), columns.end());
    selection.min_timestamp_us = first;
    if (last < INT64_MAX) selection.max_timestamp_us = last + 1;
    CellCollector found;
    RETURN_IF_ERROR(state->Read(selection, &found));
    for (Cell& cell : found.cells) {
      StatusOr<int64_t> value = DecodeCounter(cell.value);
      const Column column(cell.family, cell.qualifier);
      if (!value.ok()) {
        return CorruptError(absl::StrCat(ColumnName(column),
                                         " of an aggregate family: ", value.status().message()));
      }
      cells_[{cell.family, cell.qualifier, cell.timestamp_us}] = *value;
    }
    return OkStatus();
  }

  std::vector<Mutation> Resolve() {
    std::vector<Mutation> out;
    out.reserve(mutations_.size());
    for (const Mutation& m : mutations_) {
      if (const auto* add = std::get_if<AddToCell>(&m)) {
        out.push_back(Combined(add->family, add->qualifier, add->timestamp_us, add->input));
      } else if (const auto* merge = std::get_if<MergeToCell>(&m)) {
        const int64_t state = DecodeCounter(merge->state).value();
        out.push_back(Combined(merge->family, merge->qualifier, merge->timestamp_us, state));
      } else {
        Delete(m);
        out.push_back(m);
      }
    }
    return out;
  }

 private:
  Mutation Combined(const std::string& family, const std::string& qualifier, int64_t timestamp_us,
                    int64_t input) {
    auto [cell, missing] = cells_.try_emplace({family, qualifier, timestamp_us}, input);
    if (!missing) {
      cell->second = Combine(schema_.FindFamily(family)->aggregate, cell->second, input);
    }
    return SetCell{family, qualifier, timestamp_us, EncodeCounter(cell->second)};
  }

  void Delete(const Mutation& m) {
    if (std::holds_alternative<DeleteFromRow>(m)) return cells_.clear();
    std::erase_if(cells_, [&](const auto& entry) {
      const auto& [family, qualifier, timestamp_us] = entry.first;
      if (const auto* all = std::get_if<DeleteFromFamily>(&m)) return all->family == family;
      const auto* column = std::get_if<DeleteFromColumn>(&m);
      return column != nullptr && column->family == family && column->qualifier == qualifier &&
             timestamp_us >= column->start_us &&
             (column->end_us == 0 || timestamp_us < column->end_us);
    });
  }

  const TableSchema& schema_;
  const std::vector<Mutation>& mutations_;
  std::map<std::tuple<std::string, std::string, int64_t>, int64_t> cells_;
};

// The mutations as plain sets and deletes.
StatusOr<std::vector<Mutation>> WithoutAdditions(const TableSchema& schema,
                                                 const std::vector<Mutation>& mutations,
                                                 RowState* state) {
  if (!HasAdditions(mutations)) return mutations;
  AggregateCells cells(schema, mutations);
  RETURN_IF_ERROR(cells.Read(state));
  return cells.Resolve();
}

class Write : public RowChange {
 public:
  explicit Write(std::vector<Mutation> mutations)
      : mutations_(std::move(mutations)), reads_(HasAdditions(mutations_)) {}
  bool Reads() const override { return reads_; }
  uint64_t bytes() const override { return row.size() + SizeOf(mutations_); }
  StatusOr<Plan> Decide(RowState* state, int64_t) override {
    Plan plan;
    ASSIGN_OR_RETURN(plan.mutations, WithoutAdditions(*schema, mutations_, state));
    return plan;
  }

 private:
  const std::vector<Mutation> mutations_;
  const bool reads_;
};

class ReadModifyWrite : public RowChange {
 public:
  explicit ReadModifyWrite(std::vector<ReadModifyWriteRule> rules) : rules_(std::move(rules)) {}

  uint64_t bytes() const override {
    uint64_t bytes = row.size();
    for (const ReadModifyWriteRule& rule : rules_) {
      const auto* append = std::get_if<AppendToValue>(&rule);
      bytes += kCellOverheadBytes + kAggregateBytes;
      if (append != nullptr) bytes += append->value.size();
    }
    return bytes;
  }

  StatusOr<Plan> Decide(RowState* state, int64_t now_us) override {
    std::map<Column, std::optional<Cell>> columns;
    for (const ReadModifyWriteRule& rule : rules_) columns.emplace(ColumnOf(rule), std::nullopt);
    ReadSelection selection;
    for (const auto& [column, none] : columns) selection.columns.push_back(column);
    selection.cells_per_column = 1;
    CellCollector found;
    RETURN_IF_ERROR(state->Read(selection, &found));
    for (Cell& cell : found.cells) {
      Column column(cell.family, cell.qualifier);
      columns.at(column) = std::move(cell);
    }
    for (const ReadModifyWriteRule& rule : rules_) {
      const Column column = ColumnOf(rule);
      RETURN_IF_ERROR(WithContext(Apply(rule, now_us, &columns.at(column)), ColumnName(column)));
    }
    Plan plan;
    plan.server_time_us = now_us;
    auto touched = std::make_shared<Row>();
    touched->key = row;
    for (auto& [column, cell] : columns) {
      plan.mutations.push_back(
          SetCell{cell->family, cell->qualifier, cell->timestamp_us, cell->value});
      touched->cells.push_back(*std::move(cell));
    }
    plan.outcome = {ChangeKind::kRow, std::move(touched)};
    return plan;
  }

 private:
  static Column ColumnOf(const ReadModifyWriteRule& rule) {
    return std::visit([](const auto& r) { return Column(r.family, r.qualifier); }, rule);
  }

  // *cell: the newest of the column, or none; becomes what the rule makes of it.
  static Status Apply(const ReadModifyWriteRule& rule, int64_t now_us, std::optional<Cell>* cell) {
    const bool missing = !cell->has_value();
    if (missing) {
      const Column column = ColumnOf(rule);
      *cell = Cell{column.first, column.second, 0, {}};
    }
    (*cell)->timestamp_us = std::max((*cell)->timestamp_us, now_us);
    std::string& value = (*cell)->value;
    if (const auto* append = std::get_if<AppendToValue>(&rule)) {
      value += append->value;
      if (value.size() <= kMaxValueBytes) return OkStatus();
      return absl::InvalidArgumentError(absl::StrCat("the appended cell value has ", value.size(),
                                                     " bytes; the limit is ", kMaxValueBytes));
    }
    int64_t number = 0;
    if (!missing) {
      ASSIGN_OR_RETURN(number, DecodeCounter(value));
    }
    value = EncodeCounter(WrappingSum(number, std::get<IncrementValue>(rule).amount));
    return OkStatus();
  }

  const std::vector<ReadModifyWriteRule> rules_;
};

class CheckAndMutate : public RowChange {
 public:
  CheckAndMutate(std::shared_ptr<RowPredicate> predicate, std::vector<Mutation> if_true,
                 std::vector<Mutation> if_false)
      : predicate_(std::move(predicate)),
        if_true_(std::move(if_true)),
        if_false_(std::move(if_false)) {}

  uint64_t bytes() const override {
    return row.size() + std::max(SizeOf(if_true_), SizeOf(if_false_));
  }

  StatusOr<Plan> Decide(RowState* state, int64_t) override {
    ASSIGN_OR_RETURN(const bool matched, Matches(state));
    Plan plan;
    plan.outcome.kind = matched ? ChangeKind::kMatched : ChangeKind::kNotMatched;
    ASSIGN_OR_RETURN(plan.mutations,
                     WithoutAdditions(*schema, matched ? if_true_ : if_false_, state));
    return plan;
  }

 private:
  StatusOr<bool> Matches(RowState* state) {
    if (predicate_ != nullptr) return predicate_->Matches(row, state);
    ReadSelection any;
    any.cells_per_row = 1;
    CellCollector found;
    RETURN_IF_ERROR(state->Read(any, &found));
    return !found.cells.empty();
  }

  const std::shared_ptr<RowPredicate> predicate_;
  const std::vector<Mutation> if_true_, if_false_;
};

}  // namespace

std::unique_ptr<RowChange> NewWrite(std::vector<Mutation> mutations) {
  return std::make_unique<Write>(std::move(mutations));
}

std::unique_ptr<RowChange> NewReadModifyWrite(std::vector<ReadModifyWriteRule> rules) {
  return std::make_unique<ReadModifyWrite>(std::move(rules));
}

std::unique_ptr<RowChange> NewCheckAndMutate(std::shared_ptr<RowPredicate> predicate,
                                             std::vector<Mutation> if_true,
                                             std::vector<Mutation> if_false) {
  return std::make_unique<CheckAndMutate>(std::move(predicate), std::move(if_true),
                                          std::move(if_false));
}

uint64_t SizeOf(const std::vector<Mutation>& mutations) {
  uint64_t bytes = 0;
  for (const Mutation& m : mutations) {
    bytes += kCellOverheadBytes;
    if (const auto* set = std::get_if<SetCell>(&m)) {
      bytes += set->qualifier.size() + set->value.size();
    }
  }
  return bytes;
}

}  // namespace stele::storage
