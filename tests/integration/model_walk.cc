#include "tests/integration/model_walk.h"

#include <algorithm>
#include <deque>
#include <future>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "schema/model/conditional.h"
#include "stele/filter_text.h"
#include "tests/reference/random_filter.h"
#include "tests/reference/reference_filter.h"

namespace stele {
namespace {

constexpr int64_t kMs = 1000;
constexpr size_t kInFlight = 64;
constexpr const char* kNames[] = {"write", "modify",   "check",   "drop",    "truncate",
                                  "clock", "recreate", "flush",   "compact", "split",
                                  "move",  "merge",    "restart", "queries"};
static_assert(std::size(kNames) == static_cast<size_t>(ModelStepKind::kQueries) + 1);

const std::vector<std::string>& RowKeys() {
  static const std::vector<std::string> keys = {
      "q",     "r", "r1",  std::string("r1\0", 3), "r1x", "r2", "r22", "r2x", "r3", "s", "s\n",
      "s\x80", "t", "\xff"};
  return keys;
}

template <size_t N>
std::string Pick(SeededRandom* random, const char* const (&words)[N]) {
  return words[random->Below(N)];
}

std::string AnyQualifier(SeededRandom* random) {
  static const char* const kQualifiers[] = {"", "x", "xy", "y", "\xff"};
  return Pick(random, kQualifiers);
}
std::string AnyFamily(SeededRandom* random) {
  static const char* const kFamilies[] = {"a", "ab", "b"};
  return Pick(random, kFamilies);
}
std::string AnyValue(SeededRandom* random) {
  static const char* const kValues[] = {"", "1", "12", "2", "\n", "\xf0\x0f"};
  if (random->OneIn(40)) return random->Bytes(200);
  return random->OneIn(10) ? EncodeCounter(static_cast<int64_t>(random->Below(9)))
                           : Pick(random, kValues);
}

std::string ShowMutation(const Mutation& m) {
  if (const auto* set = std::get_if<SetCell>(&m)) {
    return ShowCells({{set->family, set->qualifier, set->timestamp_us, set->value}});
  }
  if (const auto* del = std::get_if<DeleteFromColumn>(&m)) {
    return absl::StrCat("-", del->family, ":", absl::CHexEscape(del->qualifier), "[", del->start_us,
                        ",", del->end_us, ")");
  }
  if (const auto* del = std::get_if<DeleteFromFamily>(&m)) return "-" + del->family;
  if (const auto* add = std::get_if<AddToCell>(&m)) {
    return absl::StrCat("+", add->family, ":", absl::CHexEscape(add->qualifier), "@",
                        add->timestamp_us / kMs, "+=", add->input);
  }
  return std::holds_alternative<DeleteFromRow>(m) ? "-row" : "merge";
}

std::string ShowMutations(const std::vector<Mutation>& mutations) {
  std::string out;
  for (const Mutation& m : mutations) absl::StrAppend(&out, " ", ShowMutation(m));
  return out;
}

// A change that looks at its row has its time a millisecond later than one that does not: see what
// RowTimestamps::Now and Next promise.
int64_t TimeOf(const RowMutation& mutation, int64_t now_us) {
  return now_us + (HasAdditions(mutation.mutations) ? kMs : 0);
}

}  // namespace

std::vector<ModelStep> MakeModelWalk(uint64_t seed, size_t changes) {
  using Kind = ModelStepKind;
  SeededRandom random(seed);
  std::vector<ModelStep> steps;
  for (size_t i = 0; i < changes; ++i) {
    const uint64_t dice = random.Below(50);
    const Kind kind = dice < 16   ? Kind::kWrite
                      : dice < 21 ? Kind::kModify
                      : dice < 27 ? Kind::kCheck
                      : dice < 29 ? Kind::kDropRange
                      : dice < 30 ? Kind::kTruncate
                      : dice < 32 ? Kind::kAdvanceClock
                      : dice < 33 ? Kind::kRecreate
                      : dice < 39 ? Kind::kFlush
                      : dice < 41 ? Kind::kCompact
                      : dice < 44 ? Kind::kSplit
                      : dice < 46 ? Kind::kMove
                      : dice < 49 ? Kind::kMerge
                                  : Kind::kRestart;
    // A table begins with something in it.
    for (int n = i == 0 ? 4 : 0; n > 0; --n) steps.push_back({Kind::kWrite, random.Next()});
    steps.push_back({kind, random.Next()});
    steps.push_back({Kind::kQueries, random.Next()});
  }
  return steps;
}

std::string ShowModelWalk(const std::vector<ModelStep>& steps) {
  std::string out;
  for (const ModelStep& step : steps) {
    absl::StrAppend(&out, out.empty() ? "" : " ", kNames[static_cast<size_t>(step.kind)], ":",
                    step.seed);
  }
  return out;
}

StatusOr<std::vector<ModelStep>> ParseModelWalk(const std::string& text) {
  std::vector<ModelStep> steps;
  for (absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(word, absl::MaxSplits(':', 1));
    const auto name = std::find(std::begin(kNames), std::end(kNames), parts.first);
    ModelStep step{static_cast<ModelStepKind>(name - std::begin(kNames)), 0};
    if (name == std::end(kNames) || !absl::SimpleAtoi(parts.second, &step.seed)) {
      return absl::InvalidArgumentError(absl::StrCat("no step: ", word));
    }
    steps.push_back(step);
  }
  return steps;
}

ModelWalk::ModelWalk(ModelCell* cell, std::string table, Options options)
    : cell_(cell), table_name_(std::move(table)), options_(std::move(options)) {}

// Several different max_versions in a rule and deletes of a part of a column do not go together:
// gc_policy.h says what is not promised then.
GcRule ModelWalk::MakeRule(SeededRandom* random, int depth) {
  const uint64_t dice = random->Below(depth == 0 ? 7 : 3);
  if (dice == 0) return Age(static_cast<int64_t>(random->Between(1, 60)) * kMs);
  if (dice <= 2) {
    return Versions(partial_deletes_ ? version_limit_
                                     : static_cast<int32_t>(random->Between(1, 4)));
  }
  if (dice <= 4) return {};
  std::vector<GcRule> rules;
  for (uint64_t n = random->Between(1, 3); n > 0; --n) {
    rules.push_back(MakeRule(random, depth + 1));
  }
  return dice == 5 ? Union(std::move(rules)) : Intersection(std::move(rules));
}

TableSchema ModelWalk::MakeSchema() {
  SeededRandom random(options_.seed);
  partial_deletes_ = !random.OneIn(3);
  version_limit_ = static_cast<int32_t>(random.Between(1, 4));
  TableSchema schema;
  schema.name = table_name_;
  const size_t groups = random.Between(1, 3);
  for (size_t i = 0; i < groups; ++i) {
    LocalityGroupSchema& group = schema.groups.emplace_back();
    group.name = i == 0 ? "default" : absl::StrCat("g", i);
    group.codec = static_cast<Codec>(random.Below(4));
    group.block_bytes = random.OneIn(2) ? 64 : 64 * 1024;
    group.bloom_bits_per_key = random.OneIn(3) ? 0 : 10;
    group.bloom_columns = random.OneIn(2);
    group.in_memory = random.OneIn(4);
  }
  for (const char* name : {"a", "ab", "b", "sum"}) {
    FamilySchema& family = schema.families.emplace_back(Family(name));
    family.locality_group = schema.groups[random.Below(groups)].name;
    if (family.name == "sum") {
      family.aggregate = Aggregate::kSum;
    } else {
      family.gc = MakeRule(&random, 0);
    }
  }
  return schema;
}

Status ModelWalk::Create() {
  SeededRandom random(options_.seed + 1);
  std::vector<std::string> splits;
  for (uint64_t n = random.Below(3); n > 0; --n) {
    splits.push_back(RowKeys()[random.Below(RowKeys().size())]);
  }
  ASSIGN_OR_RETURN(schema_, cell_->client().admin().CreateTable(MakeSchema(), splits));
  reference_ = std::make_unique<ReferenceTable>(schema_);
  return OpenAgain();
}

Status ModelWalk::OpenAgain() {
  ASSIGN_OR_RETURN(Table table, cell_->client().OpenTable(table_name_));
  table_ = std::make_unique<Table>(std::move(table));
  return OkStatus();
}

void ModelWalk::Tick(int64_t ms) { cell_->clock().Set(now_us() + ms * kMs); }

int64_t ModelWalk::Time(SeededRandom* random) const {
  if (random->OneIn(3)) return now_us() / kMs * kMs - static_cast<int64_t>(random->Below(9)) * kMs;
  return static_cast<int64_t>(random->Below(6)) * kMs;
}

Mutation ModelWalk::MakeMutation(SeededRandom* random, bool* server_time) {
  const std::string family = AnyFamily(random), qualifier = AnyQualifier(random);
  const uint64_t dice = random->Below(24);
  if (dice == 0) return DeleteFromRow{};
  if (dice == 1) return DeleteFromFamily{random->OneIn(5) ? "sum" : family};
  if (dice <= 4) {
    int64_t start = 0, end = 0;
    if (partial_deletes_ && !random->OneIn(3)) {
      start = Time(random);
      if (!random->OneIn(3)) end = start + static_cast<int64_t>(random->Between(1, 3)) * kMs;
    }
    return DeleteFromColumn{random->OneIn(8) ? "sum" : family, qualifier, start, end};
  }
  const int64_t small = static_cast<int64_t>(random->Below(20)) - 9;
  if (dice <= 6) return AddToCell{"sum", qualifier, Time(random), small};
  if (dice == 7) return MergeToCell{"sum", qualifier, Time(random), EncodeCounter(small)};
  int64_t time = Time(random);
  if (random->OneIn(8)) {
    time = kServerTime;
    *server_time = true;
  }
  return SetCell{family, qualifier, time, AnyValue(random)};
}

// Many changes of one column, so that each meets those before it in the list.
std::vector<Mutation> ModelWalk::MakeColumnMutations(SeededRandom* random) const {
  const bool sum = random->OneIn(2);
  const std::string family = sum ? "sum" : AnyFamily(random), qualifier = AnyQualifier(random);
  std::vector<Mutation> mutations;
  for (uint64_t n = random->Between(2, 8); n > 0; --n) {
    const int64_t time = static_cast<int64_t>(random->Below(4)) * kMs;
    if (random->OneIn(3)) {
      const int64_t end =
          random->OneIn(3) ? 0 : time + static_cast<int64_t>(random->Between(1, 2)) * kMs;
      const bool part = partial_deletes_ || sum;
      mutations.push_back(DeleteFromColumn{family, qualifier, part ? time : 0, part ? end : 0});
    } else if (sum) {
      mutations.push_back(
          AddToCell{family, qualifier, time, static_cast<int64_t>(random->Below(9))});
    } else {
      mutations.push_back(SetCell{family, qualifier, time, AnyValue(random)});
    }
  }
  return mutations;
}

RowMutation ModelWalk::MakeRowMutation(SeededRandom* random, bool* server_time) {
  RowMutation mutation{RowKeys()[random->Below(RowKeys().size())], {}};
  if (random->OneIn(4)) {
    mutation.mutations = MakeColumnMutations(random);
    return mutation;
  }
  for (uint64_t n = random->Between(1, 5); n > 0; --n) {
    mutation.mutations.push_back(MakeMutation(random, server_time));
  }
  return mutation;
}

// Tells the reference what was applied.
void ModelWalk::Tell(RowMutation mutation, int64_t server_time_us) {
  for (Mutation& m : mutation.mutations) {
    if (auto* set = std::get_if<SetCell>(&m); set != nullptr && set->timestamp_us == kServerTime) {
      set->timestamp_us = server_time_us;
    }
    m = options_.distort(m);
  }
  reference_->Apply(mutation);
  absl::StrAppend(&log_, "  ", absl::CHexEscape(mutation.row), ShowMutations(mutation.mutations),
                  "\n");
}

Status ModelWalk::Write(SeededRandom* random) {
  Tick(5);
  std::vector<RowMutation> rows;
  bool server_time = false;
  for (uint64_t n = random->Between(1, 6); n > 0 && !server_time; --n) {
    RowMutation row = MakeRowMutation(random, &server_time);
    // Times of rows that share a stripe depend on each other: a row that has one goes alone.
    if (server_time) rows.clear();
    if (std::none_of(rows.begin(), rows.end(),
                     [&](const RowMutation& other) { return other.row == row.row; })) {
      rows.push_back(std::move(row));
    }
  }
  const std::vector<Status> statuses = table_->ApplyBatch(rows);
  for (const Status& status : statuses) RETURN_IF_ERROR(status);
  for (const RowMutation& row : rows) Tell(row, TimeOf(row, now_us()));
  return OkStatus();
}

Status ModelWalk::Modify(SeededRandom* random) {
  Tick(5);
  ReadModifyWriteRow change{RowKeys()[random->Below(RowKeys().size())], {}};
  for (uint64_t n = random->Between(1, 4); n > 0; --n) {
    const std::string family = AnyFamily(random), qualifier = AnyQualifier(random);
    if (random->OneIn(2)) {
      change.rules.push_back(AppendToValue{family, qualifier, AnyValue(random)});
    } else {
      change.rules.push_back(
          IncrementValue{family, qualifier, static_cast<int64_t>(random->Below(99)) - 50});
    }
  }
  const StatusOr<RowMutation> expected = reference_->Modified(change.row, change.rules, now_us());
  const StatusOr<Row> answer = table_->ReadModifyWrite(change);
  if (!expected.ok()) {
    if (absl::IsInvalidArgument(answer.status())) return OkStatus();
    return absl::InternalError(
        absl::StrCat("an increment of what is no counter answered ", answer.status().ToString()));
  }
  RETURN_IF_ERROR(answer.status());
  Row written{change.row, {}};
  for (const Mutation& m : expected->mutations) {
    const auto& set = std::get<SetCell>(m);
    written.cells.push_back({set.family, set.qualifier, set.timestamp_us, set.value});
  }
  if (*answer != written) {
    return absl::InternalError(absl::StrCat("read-modify-write answered ", ShowRows({*answer}),
                                            ", expected ", ShowRows({written})));
  }
  Tell(*expected, 0);
  return OkStatus();
}

Status ModelWalk::Check(SeededRandom* random) {
  Tick(5);
  bool server_time = false;
  RowMutation if_true = MakeRowMutation(random, &server_time);
  RowMutation if_false = MakeRowMutation(random, &server_time);
  if_false.row = if_true.row;
  if (random->OneIn(5)) if_true.mutations.clear();
  Filter predicate;
  bool sampled = true;
  ReferenceFilter reference([&](uint32_t, double) { return sampled = true; });
  const Row row = reference_->ReadRow(if_true.row, {}, now_us());
  bool matches = !row.cells.empty();
  while (sampled && !random->OneIn(6)) {
    predicate = RandomFilter(random, static_cast<int>(random->Between(1, 6)));
    sampled = PrintFilter(predicate).find("sample(") != std::string::npos;
  }
  if (sampled) predicate = {};
  if (!predicate.empty()) matches = !reference.Apply(predicate, row).empty();
  ASSIGN_OR_RETURN(
      const bool matched,
      table_->CheckAndMutate({if_true.row, predicate, if_true.mutations, if_false.mutations}));
  if (matched != matches) {
    return absl::InternalError(absl::StrCat("predicate ", PrintFilter(predicate), " of ",
                                            ShowRows({row}), matched ? " matched" : " did not"));
  }
  Tell(matched ? if_true : if_false, now_us() + kMs);
  return OkStatus();
}

Status ModelWalk::DropRange(SeededRandom* random) {
  static const char* const kPrefixes[] = {"r", "r1", "r2", "s", "t", "\xff", "none"};
  const std::string prefix = Pick(random, kPrefixes);
  RETURN_IF_ERROR(cell_->client().admin().DropRowRange(table_name_, prefix));
  reference_->DropRows(PrefixRange(prefix));
  absl::StrAppend(&log_, "  rows ", absl::CHexEscape(prefix), "*\n");
  return OkStatus();
}

Status ModelWalk::Truncate() {
  RETURN_IF_ERROR(cell_->client().admin().TruncateTable(table_name_));
  reference_->DropRows({});
  return OkStatus();
}

Status ModelWalk::Recreate(SeededRandom* random) {
  TableChange change{.table = table_name_};
  const std::string family = AnyFamily(random);
  change.changes.push_back({FamilyChange::Kind::kDrop, Family(family)});
  change.changes.push_back({FamilyChange::Kind::kCreate, Family(family, MakeRule(random, 0))});
  ASSIGN_OR_RETURN(schema_, cell_->client().admin().AlterTable(change));
  reference_->AlterSchema(schema_);
  absl::StrAppend(&log_, "  ", family, "\n");
  return OkStatus();
}

Status ModelWalk::Restart(SeededRandom* random) {
  cell_->Restart({.held_clock = true, .caches = random->OneIn(2)});
  RETURN_IF_ERROR(cell_->status());
  return OpenAgain();
}

Status ModelWalk::Split(SeededRandom* random) {
  Status status = cell_->Split(table_name_, RowKeys()[random->Below(RowKeys().size())]);
  return absl::IsInvalidArgument(status) ? OkStatus() : status;  // it ends there already
}

Status ModelWalk::Do(const ModelStep& step) {
  SeededRandom random(step.seed);
  Admin& admin = cell_->client().admin();
  if (step.kind != ModelStepKind::kQueries) {
    absl::StrAppend(&log_, kNames[static_cast<size_t>(step.kind)], " at ", now_us(), "\n");
  }
  switch (step.kind) {
    case ModelStepKind::kWrite:
      return Write(&random);
    case ModelStepKind::kModify:
      return Modify(&random);
    case ModelStepKind::kCheck:
      return Check(&random);
    case ModelStepKind::kDropRange:
      return DropRange(&random);
    case ModelStepKind::kTruncate:
      return Truncate();
    case ModelStepKind::kAdvanceClock:
      Tick(static_cast<int64_t>(random.Below(30)));
      return OkStatus();
    case ModelStepKind::kRecreate:
      return Recreate(&random);
    case ModelStepKind::kRestart:
      return Restart(&random);
    case ModelStepKind::kFlush:
      return admin.FlushTable(table_name_);
    case ModelStepKind::kCompact:
      return admin.CompactTable(table_name_);
    case ModelStepKind::kSplit:
      return Split(&random);
    case ModelStepKind::kMove:
      return cell_->Move(table_name_, random.Below(30));
    case ModelStepKind::kMerge:
      return cell_->Merge(table_name_, random.Below(30));
    case ModelStepKind::kQueries: {
      std::optional<std::string> wrong = AskMany(step.seed);
      return wrong.has_value() ? absl::InternalError(*wrong) : OkStatus();
    }
  }
  return absl::InternalError("unknown step");
}

std::optional<std::string> ModelWalk::Run(const std::vector<ModelStep>& steps) {
  if (Status created = Create(); !created.ok()) return created.ToString();
  for (const ModelStep& step : steps) {
    Status status = Do(step);
    ++steps_done_;
    if (!status.ok()) {
      return absl::StrCat("step ", steps_done_, " ", kNames[static_cast<size_t>(step.kind)], ": ",
                          status.ToString());
    }
  }
  return std::nullopt;
}

std::optional<std::string> ModelWalk::AskMany(uint64_t seed) {
  struct Asked {
    ModelQuery query;
    std::vector<Row> rows;
    std::future<Status> done;
  };
  SeededRandom random(seed);
  std::deque<Asked> under_way;
  std::optional<std::string> wrong;
  auto ask = [&](ModelQuery query) {
    Asked& asked = under_way.emplace_back();
    asked.query = std::move(query);
    auto done = std::make_shared<std::promise<Status>>();  // outlives the call that fulfils it
    asked.done = done->get_future();
    if (asked.query.one_row) {
      table_->ReadRowAsync(asked.query.rows.keys[0], asked.query.Build(),
                           [&asked, done](StatusOr<std::optional<Row>> row) {
                             if (row.ok() && row->has_value()) asked.rows.push_back(**row);
                             done->set_value(row.status());
                           });
    } else {
      table_->ReadRowsAsync(
          asked.query.Build(),
          [&asked](Row row) {
            asked.rows.push_back(std::move(row));
            return true;
          },
          [done](Status status) { done->set_value(std::move(status)); });
    }
  };
  auto take = [&] {
    Asked& asked = under_way.front();
    const Status status = asked.done.get();
    std::optional<std::string> now;
    if (!status.ok()) {
      now = absl::StrCat(asked.query.Show(), ": ", status.ToString());
    } else {
      now = CheckAnswer(asked.query, asked.rows, *reference_, RowKeys(), now_us());
    }
    ++queries_;
    rows_ += asked.rows.size();
    for (const Row& row : asked.rows) cells_ += row.cells.size();
    if (now.has_value() && !wrong.has_value()) {
      wrong = std::move(now);
      failed_query_ = asked.query;
    }
    under_way.pop_front();
  };
  for (size_t i = 0; i < options_.queries && !wrong.has_value(); ++i) {
    ModelQuery query = RandomQuery(&random, RowKeys());
    ask(query);
    if (random.OneIn(4)) {  // the same, but not pushed down
      query.push_down = false;
      ask(std::move(query));
    }
    while (under_way.size() > kInFlight) take();
  }
  while (!under_way.empty()) take();
  return wrong;
}

std::optional<std::string> ModelWalk::Ask(const ModelQuery& query) {
  std::vector<Row> rows;
  if (query.one_row) {
    StatusOr<std::optional<Row>> row = table_->ReadRow(query.rows.keys[0], query.Build());
    if (!row.ok()) return row.status().ToString();
    if (row->has_value()) rows.push_back(**std::move(row));
  } else {
    Status status = table_->ReadRows(query.Build(), [&](Row row) {
      rows.push_back(std::move(row));
      return true;
    });
    if (!status.ok()) return status.ToString();
  }
  return CheckAnswer(query, rows, *reference_, RowKeys(), now_us());
}

std::string ModelWalk::Describe() const {
  std::string out;
  const std::function<std::string(const GcRule&)> rule = [&](const GcRule& r) {
    std::string text;
    switch (r.kind) {
      case GcRule::Kind::kNone:
        return std::string("all");
      case GcRule::Kind::kMaxVersions:
        return absl::StrCat("versions(", r.max_versions, ")");
      case GcRule::Kind::kMaxAge:
        return absl::StrCat("age(", r.max_age_us, ")");
      default:
        text = r.kind == GcRule::Kind::kUnion ? "union(" : "intersection(";
    }
    for (const GcRule& inner : r.rules) absl::StrAppend(&text, rule(inner), " ");
    return text + ")";
  };
  for (const FamilySchema& family : schema_.families) {
    absl::StrAppend(&out, family.name, " in ", family.locality_group, " keeps ", rule(family.gc),
                    "\n");
  }
  return absl::StrCat(out, log_, "now ", now_us(), "\n");
}

}  // namespace stele
