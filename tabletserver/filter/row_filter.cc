#include "tabletserver/filter/row_filter.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

#include "common/base/check.h"
#include "schema/model/filter_regex.h"
#include "tabletserver/filter/filter_program.h"

namespace stele::tabletserver {
namespace {

using internal::FilterNode;
using internal::FilterOp;
using internal::FilterProgram;

bool InRange(Slice bytes, const Bound& start, const Bound& end) {
  if (start.kind != Bound::Kind::kUnbounded) {
    const int order = bytes.compare(start.bytes);
    if (order < 0 || (order == 0 && start.kind == Bound::Kind::kOpen)) return false;
  }
  if (end.kind != Bound::Kind::kUnbounded) {
    const int order = bytes.compare(end.bytes);
    if (order > 0 || (order == 0 && end.kind == Bound::Kind::kOpen)) return false;
  }
  return true;
}

bool HasBits(Slice value, Slice mask) {
  if (value.size() != mask.size()) return false;
  for (size_t i = 0; i < mask.size(); ++i) {
    if ((value[i] & mask[i]) != mask[i]) return false;
  }
  return true;
}

}  // namespace

bool RowIsSampled(Slice row, uint64_t seed, uint32_t position, double probability) {
  // An odd multiplier keeps the seeds of the positions of one scan apart.
  const uint64_t mixed = seed + (position + uint64_t{1}) * 0x9E3779B97F4A7C15u;
  const uint64_t hash = XXH3_64bits_withSeed(row.data(), row.size(), mixed);
  return static_cast<double>(hash >> 11) * 0x1p-53 < probability;
}

RowFilter::RowFilter(std::unique_ptr<const FilterProgram> program) : program_(std::move(program)) {}
RowFilter::~RowFilter() = default;
int RowFilter::passes() const { return program_->passes(); }

StatusOr<std::shared_ptr<const RowFilter>> RowFilter::Compile(const Filter& filter) {
  RETURN_IF_ERROR(ValidateFilter(filter));
  ASSIGN_OR_RETURN(auto program, FilterProgram::Compile(filter));
  return std::shared_ptr<const RowFilter>(new RowFilter(std::move(program)));
}

struct RowFilterRun::State {
  // A copy of the cell on its way.
  struct Traveller {
    uint32_t node = 0;
    bool stripped = false;
    const std::string* label = nullptr;
  };
  struct NodeState {
    bool alive = false;     // a cell that comes here can make a difference
    bool open = false;      // the same for the rest of the column
    bool takes_row = true;  // kRowKeyRegex, kRowSample
    bool answer = false;    // of the regex or range for `place`
    uint64_t place = 0;     // the family or column for which answer, or count, holds; 0: none
    uint64_t count = 0;     // of cells let through, or held back by an offset
  };

  State(std::shared_ptr<const RowFilter> row_filter, uint64_t seed)
      : filter(std::move(row_filter)),
        program(filter->program()),
        sample_seed(seed),
        nodes(program.nodes().size()),
        matched(program.conditions().size()) {}

  void FindAlive();
  void FindColumnDone();
  // Whether a further cell of the column that comes here can make a difference or be counted.
  bool IsOpen(const FilterNode& node, const NodeState& state) const;
  bool IsAlive(const FilterNode& node, const NodeState& state) const;
  // True, false or not yet known.
  bool IsDecided(uint32_t condition) const {
    const auto& c = program.conditions()[condition];
    return c.constant || c.level <= pass;
  }
  uint32_t Chosen(const FilterNode& node) const {
    const bool constant = program.conditions()[node.condition].constant;
    const bool yes = constant ? nodes[node.branches[0]].alive : matched[node.condition];
    return node.branches[yes ? 1 : 2];
  }
  void EnterColumn(const CellView& cell);
  void Travel(Traveller traveller, const CellView& cell, FilterOutput* output);
  // Whether a cell at a node that looks at it goes on.
  bool Takes(const FilterNode& node, NodeState* state, const CellView& cell,
             const Traveller& traveller);
  bool TakesColumn(const FilterNode& node, NodeState* state, const CellView& cell);
  bool Counts(const FilterNode& node, NodeState* state);
  void Branch(const FilterNode& node, const Traveller& traveller);

  const std::shared_ptr<const RowFilter> filter;
  const FilterProgram& program;
  const uint64_t sample_seed;
  std::vector<NodeState> nodes;
  std::vector<bool> matched;  // conditions whose predicate has yielded a cell
  std::vector<Traveller> waiting;
  int pass = 0;
  bool alive_is_stale = true;
  // Numbers of the family and the column of the cell, never used twice by this run.
  uint64_t family_number = 0, column_number = 0;
  bool in_column = false;
  bool column_done = false;
  bool column_is_stale = false;  // column_done is to be found anew
  int64_t timestamp_us = 0;      // of the last cell
  std::string family, qualifier;
};

bool RowFilterRun::State::IsAlive(const FilterNode& node, const NodeState& state) const {
  auto alive = [this](uint32_t other) { return nodes[other].alive; };
  switch (node.op) {
    case FilterOp::kOutput:
      return pass + 1 == program.passes();
    case FilterOp::kMatch: {
      const auto& condition = program.conditions()[node.condition];
      // A constant predicate is answered by whether its input is alive.
      return condition.constant || (condition.level == pass + 1 && !matched[node.condition]);
    }
    case FilterOp::kDrop:
      return false;
    case FilterOp::kRowKeyRegex:
    case FilterOp::kRowSample:
      return state.takes_row && alive(node.next);
    case FilterOp::kRowLimit:
      return state.count < static_cast<uint64_t>(node.part.count) && alive(node.next);
    case FilterOp::kInterleave:
      return std::any_of(node.branches.begin(), node.branches.end(), alive);
    case FilterOp::kCondition:
      if (IsDecided(node.condition)) return alive(Chosen(node));
      return std::any_of(node.branches.begin(), node.branches.end(), alive);
    default:
      return alive(node.next);
  }
}

void RowFilterRun::State::FindAlive() {
  // What a node leads to stands before it.
  for (size_t i = 0; i < nodes.size(); ++i) {
    nodes[i].alive = IsAlive(program.nodes()[i], nodes[i]);
  }
  alive_is_stale = false;
  column_is_stale = true;
}

bool RowFilterRun::State::IsOpen(const FilterNode& node, const NodeState& state) const {
  auto open = [this](uint32_t other) { return nodes[other].open; };
  if (!state.alive) return false;
  switch (node.op) {
    case FilterOp::kOutput:
    case FilterOp::kMatch:
    case FilterOp::kRowOffset:
    case FilterOp::kRowLimit:  // the row's counts have to be right in the next column
      return true;
    case FilterOp::kFamilyNameRegex:
      return (state.place != family_number || state.answer) && open(node.next);
    case FilterOp::kQualifierRegex:
    case FilterOp::kColumnRange:
      return (state.place != column_number || state.answer) && open(node.next);
    case FilterOp::kColumnLimit: {
      const bool full =
          state.place == column_number && state.count >= static_cast<uint64_t>(node.part.count);
      return !full && open(node.next);
    }
    case FilterOp::kTimestampRange:  // further cells are older
      return timestamp_us > node.part.start_us && open(node.next);
    case FilterOp::kInterleave:
      return std::any_of(node.branches.begin(), node.branches.end(), open);
    case FilterOp::kCondition:
      if (IsDecided(node.condition)) return open(Chosen(node));
      return std::any_of(node.branches.begin(), node.branches.end(), open);
    default:
      return open(node.next);
  }
}

void RowFilterRun::State::FindColumnDone() {
  for (size_t i = 0; i < nodes.size(); ++i) nodes[i].open = IsOpen(program.nodes()[i], nodes[i]);
  column_done = !nodes[program.entry()].open;
  column_is_stale = false;
}

void RowFilterRun::State::EnterColumn(const CellView& cell) {
  const bool same_family = in_column && cell.family == Slice(family);
  if (same_family && cell.qualifier == Slice(qualifier)) return;
  if (!same_family) {
    ++family_number;
    family.assign(cell.family.data(), cell.family.size());
  }
  ++column_number;
  column_is_stale = true;
  qualifier.assign(cell.qualifier.data(), cell.qualifier.size());
  in_column = true;
}

bool RowFilterRun::State::TakesColumn(const FilterNode& node, NodeState* state,
                                      const CellView& cell) {
  const bool of_family = node.op == FilterOp::kFamilyNameRegex;
  const uint64_t place = of_family ? family_number : column_number;
  if (state->place == place) return state->answer;
  state->place = place;
  if (of_family) {
    state->answer = FullMatch(*node.regex, cell.family);
  } else if (node.op == FilterOp::kQualifierRegex) {
    state->answer = FullMatch(*node.regex, cell.qualifier);
  } else {
    state->answer = cell.family == Slice(node.part.family) &&
                    InRange(cell.qualifier, node.part.start, node.part.end);
  }
  return state->answer;
}

bool RowFilterRun::State::Counts(const FilterNode& node, NodeState* state) {
  const uint64_t limit = static_cast<uint64_t>(node.part.count);
  if (node.op == FilterOp::kColumnLimit && state->place != column_number) {
    state->place = column_number;
    state->count = 0;
  }
  const bool full = state->count >= limit;
  if (!full && ++state->count == limit) column_is_stale = true;
  if (node.op == FilterOp::kRowOffset) return full;
  if (node.op == FilterOp::kRowLimit && state->count == limit) alive_is_stale = true;
  return !full;
}

bool RowFilterRun::State::Takes(const FilterNode& node, NodeState* state, const CellView& cell,
                                const Traveller& traveller) {
  const Slice value = traveller.stripped ? Slice() : cell.value;
  switch (node.op) {
    case FilterOp::kFamilyNameRegex:
    case FilterOp::kQualifierRegex:
    case FilterOp::kColumnRange:
      return TakesColumn(node, state, cell);
    case FilterOp::kValueRegex:
      return FullMatch(*node.regex, value);
    case FilterOp::kValueRange:
      return InRange(value, node.part.start, node.part.end);
    case FilterOp::kValueBitmask:
      return HasBits(value, node.part.bytes);
    case FilterOp::kTimestampRange:
      if (cell.timestamp_us <= node.part.start_us) column_is_stale = true;
      return cell.timestamp_us >= node.part.start_us &&
             (node.part.end_us == 0 || cell.timestamp_us < node.part.end_us);
    case FilterOp::kRowOffset:
    case FilterOp::kRowLimit:
    case FilterOp::kColumnLimit:
      return Counts(node, state);
    default:
      return true;  // what the row decides has been decided by alive
  }
}

// Lets the copies wait so that the first branch's is taken first, all the way to the output.
void RowFilterRun::State::Branch(const FilterNode& node, const Traveller& traveller) {
  for (size_t i = node.branches.size(); i > 0; --i) {
    if (!nodes[node.branches[i - 1]].alive) continue;
    waiting.push_back(traveller);
    waiting.back().node = node.branches[i - 1];
  }
}

void RowFilterRun::State::Travel(Traveller traveller, const CellView& cell, FilterOutput* output) {
  while (nodes[traveller.node].alive) {
    const FilterNode& node = program.nodes()[traveller.node];
    switch (node.op) {
      case FilterOp::kOutput: {
        CellView out = cell;
        if (traveller.stripped) out.value = Slice();
        if (traveller.label != nullptr) out.label = *traveller.label;
        output->AddCell(out);
        return;
      }
      case FilterOp::kMatch:
        alive_is_stale |= !matched[node.condition];
        matched[node.condition] = true;
        return;
      case FilterOp::kDrop:
        return;
      case FilterOp::kInterleave:
        return Branch(node, traveller);
      case FilterOp::kCondition:
        if (!IsDecided(node.condition)) return Branch(node, traveller);
        traveller.node = Chosen(node);
        continue;
      case FilterOp::kStripValue:
        traveller.stripped = true;
        break;
      case FilterOp::kApplyLabel:
        traveller.label = &node.part.bytes;
        break;
      default:
        if (!Takes(node, &nodes[traveller.node], cell, traveller)) return;
    }
    traveller.node = node.next;
  }
}

RowFilterRun::RowFilterRun(std::shared_ptr<const RowFilter> filter, uint64_t sample_seed)
    : state_(std::make_unique<State>(std::move(filter), sample_seed)) {}
RowFilterRun::~RowFilterRun() = default;
RowFilterRun::RowFilterRun(RowFilterRun&&) noexcept = default;

void RowFilterRun::StartRow(Slice key) {
  State& s = *state_;
  for (size_t i = 0; i < s.nodes.size(); ++i) {
    const FilterNode& node = s.program.nodes()[i];
    if (node.op == FilterOp::kRowKeyRegex) {
      s.nodes[i].takes_row = FullMatch(*node.regex, key);
    } else if (node.op == FilterOp::kRowSample) {
      s.nodes[i].takes_row = RowIsSampled(key, s.sample_seed, node.position, node.part.probability);
    }
  }
  std::fill(s.matched.begin(), s.matched.end(), false);
}

void RowFilterRun::StartPass(int pass) {
  CHECK(pass >= 0 && pass < state_->program.passes());
  State& s = *state_;
  s.pass = pass;
  s.in_column = false;
  for (State::NodeState& node : s.nodes) {
    node.count = 0;
    node.place = 0;
  }
  s.FindAlive();
}

void RowFilterRun::AddCell(const CellView& cell, FilterOutput* output) {
  State& s = *state_;
  if (s.alive_is_stale) s.FindAlive();
  s.EnterColumn(cell);
  s.timestamp_us = cell.timestamp_us;
  s.waiting.push_back({.node = s.program.entry()});
  while (!s.waiting.empty()) {
    const State::Traveller next = s.waiting.back();
    s.waiting.pop_back();
    s.Travel(next, cell, output);
  }
}

bool RowFilterRun::RowDone() {
  if (state_->alive_is_stale) state_->FindAlive();
  return !state_->nodes[state_->program.entry()].alive;
}

bool RowFilterRun::ColumnDone() {
  if (RowDone()) return true;
  if (state_->column_is_stale) state_->FindColumnDone();
  return state_->column_done;
}

Status FilterRow(RowFilterRun* run, Slice key, RepeatableRow* row, FilterOutput* output) {
  run->StartRow(key);
  for (int pass = 0; pass < run->passes(); ++pass) {
    run->StartPass(pass);
    if (run->RowDone()) continue;
    RETURN_IF_ERROR(row->Read([&](const CellView& cell) {
      run->AddCell(cell, output);
      return !run->RowDone();
    }));
  }
  return OkStatus();
}

namespace {

class CountingOutput : public FilterOutput {
 public:
  void AddCell(const CellView&) override { ++cells; }
  uint64_t cells = 0;
};

}  // namespace

StatusOr<bool> FilterYieldsCell(RowFilterRun* run, Slice key, RepeatableRow* row) {
  CountingOutput output;
  run->StartRow(key);
  for (int pass = 0; pass < run->passes(); ++pass) {
    run->StartPass(pass);
    if (run->RowDone()) continue;
    RETURN_IF_ERROR(row->Read([&](const CellView& cell) {
      run->AddCell(cell, &output);
      return output.cells == 0 && !run->RowDone();
    }));
  }
  return output.cells > 0;
}

int RowFilterRun::passes() const { return state_->program.passes(); }

}  // namespace stele::tabletserver
