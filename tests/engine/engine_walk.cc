#include "tests/engine/engine_walk.h"

#include <algorithm>
#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace stele::storage {
namespace {

constexpr int64_t kTenMinutesUs = 600'000'000;
constexpr int kMostTries = 50;
constexpr uint64_t kMostFreeBytes = 64u << 10;  // a full disk has fewer
constexpr uint64_t kEndlessDisk = uint64_t{1} << 40;
constexpr size_t kMostCandidates = 64;

const char* NameOf(WalkOpKind kind) {
  switch (kind) {
    case WalkOpKind::kWrite:
      return "write";
    case WalkOpKind::kModify:
      return "modify";
    case WalkOpKind::kCheck:
      return "check";
    case WalkOpKind::kReadRow:
      return "read row";
    case WalkOpKind::kScan:
      return "scan";
    case WalkOpKind::kFlush:
      return "flush";
    case WalkOpKind::kMaintain:
      return "maintain";
    case WalkOpKind::kMajor:
      return "major";
    case WalkOpKind::kReopenTablet:
      return "reopen tablet";
    case WalkOpKind::kRestart:
      return "restart";
    case WalkOpKind::kCleanRestart:
      return "clean restart";
    case WalkOpKind::kPowerCut:
      return "power cut";
    case WalkOpKind::kAlter:
      return "alter";
    case WalkOpKind::kAdvanceClock:
      return "advance clock";
    case WalkOpKind::kCollectGarbage:
      return "collect garbage";
    case WalkOpKind::kReshape:
      return "reshape";
    case WalkOpKind::kFullDisk:
      return "full disk";
    case WalkOpKind::kDropRows:
      return "drop rows";
  }
  return "?";
}

std::string RandomRow(SeededRandom* random) {
  static const char* const kRows[] = {"a", "b", "bb", "m", "z"};
  return kRows[random->Below(5)];
}

std::string RandomQualifier(SeededRandom* random) {
  static const std::string kQualifiers[] = {"", "q", std::string("q\0", 2), "r"};
  return kQualifiers[random->Below(4)];
}

std::string RandomFamily(SeededRandom* random) {
  static const char* const kFamilies[] = {"a", "b", "b", "c", "d"};
  return kFamilies[random->Below(5)];
}

int64_t RandomTimestamp(SeededRandom* random, int64_t now_us) {
  if (random->OneIn(2)) return static_cast<int64_t>(1 + random->Below(5)) * 1000;
  int64_t ten_minutes = now_us / kTenMinutesUs - static_cast<int64_t>(random->Below(9));
  return std::max<int64_t>(0, ten_minutes) * kTenMinutesUs;
}

RowRange RandomRange(SeededRandom* random) {
  RowRange range;
  if (random->OneIn(2)) range.start = RandomRow(random);
  if (random->OneIn(2)) range.end = RandomRow(random);
  range.start_open = random->OneIn(2);
  range.end_open = random->OneIn(2);
  if (range.start > range.end && !range.end.empty()) std::swap(range.start, range.end);
  return range;
}

}  // namespace

std::vector<WalkOp> MakeWalk(uint64_t seed, size_t length) {
  static const std::pair<WalkOpKind, int> kWeights[] = {
      {WalkOpKind::kModify, 10},   {WalkOpKind::kCheck, 6},        {WalkOpKind::kWrite, 50},
      {WalkOpKind::kReadRow, 12},  {WalkOpKind::kScan, 10},        {WalkOpKind::kFlush, 24},
      {WalkOpKind::kMaintain, 10}, {WalkOpKind::kMajor, 1},        {WalkOpKind::kReopenTablet, 2},
      {WalkOpKind::kRestart, 2},   {WalkOpKind::kCleanRestart, 1}, {WalkOpKind::kPowerCut, 3},
      {WalkOpKind::kAlter, 2},     {WalkOpKind::kAdvanceClock, 2}, {WalkOpKind::kCollectGarbage, 2},
      {WalkOpKind::kDropRows, 3},  {WalkOpKind::kReshape, 2},      {WalkOpKind::kFullDisk, 2}};
  int total = 0;
  for (const auto& [kind, weight] : kWeights) total += weight;
  SeededRandom random(seed);
  std::vector<WalkOp> ops;
  while (ops.size() < length) {
    int dice = static_cast<int>(random.Below(static_cast<uint64_t>(total)));
    for (const auto& [kind, weight] : kWeights) {
      dice -= weight;
      if (dice >= 0) continue;
      ops.push_back({kind, random.Next()});
      break;
    }
  }
  return ops;
}

std::string ShowWalk(const std::vector<WalkOp>& ops) {
  std::string out;
  for (const WalkOp& op : ops) absl::StrAppend(&out, NameOf(op.kind), " ", op.seed, "\n");
  return out;
}

StatusOr<std::vector<WalkOp>> ParseWalk(const std::string& text) {
  std::vector<WalkOp> ops;
  size_t number = 0;
  for (const std::string& line :
       std::vector<std::string>(absl::StrSplit(text, '\n', absl::SkipEmpty()))) {
    ++number;
    const size_t space = line.rfind(' ');
    std::optional<WalkOpKind> kind;
    for (int k = 0; k <= static_cast<int>(WalkOpKind::kFullDisk); ++k) {
      if (line.substr(0, space) == NameOf(static_cast<WalkOpKind>(k))) {
        kind = static_cast<WalkOpKind>(k);
      }
    }
    uint64_t seed = 0;
    if (!kind || space == std::string::npos || !absl::SimpleAtoi(line.substr(space + 1), &seed)) {
      return absl::InvalidArgumentError(absl::StrCat("line ", number, ": ", line));
    }
    ops.push_back({*kind, seed});
  }
  return ops;
}

EngineOptions WalkOptions(uint64_t seed) {
  SeededRandom random(seed);
  EngineOptions options = TinyEngineOptions();
  options.log.segment_bytes = 1024;
  options.log.max_segments = static_cast<uint32_t>(random.Between(6, 16));
  options.log.max_group_bytes = 1024;
  options.memtable_bytes = random.Between(4096, 16384);
  options.page_bytes = random.OneIn(4) ? 0 : static_cast<uint32_t>(random.Between(40, 256));
  options.block_cache_bytes = random.OneIn(2) ? 0 : 16384;
  options.filter_cache_bytes = random.OneIn(2) ? 0 : 16384;
  // Small merges, so that most leave older and newer files out.
  options.merge_min_files = static_cast<uint32_t>(random.Between(2, 3));
  options.merge_max_files = options.merge_min_files + static_cast<uint32_t>(random.Below(2));
  if (!random.OneIn(4)) options.major_marker_percent = 101;
  if (random.OneIn(2)) options.split_rewrite_after_ms = random.Between(1, 3'600'000);
  return options;
}

RowMutation RandomMutation(SeededRandom* random, const TableSchema& schema, int64_t now_us) {
  RowMutation mutation;
  mutation.row = RandomRow(random);
  for (uint64_t n = random->Between(1, 4); n > 0; --n) {
    std::string family = RandomFamily(random);
    if (schema.FindFamily(family) == nullptr) family = "a";
    const uint64_t dice = random->Below(10);
    if (dice < 6) {
      mutation.mutations.push_back(SetCell{family, RandomQualifier(random),
                                           RandomTimestamp(random, now_us),
                                           random->Letters(random->Below(40))});
    } else if (dice < 8) {
      int64_t start = 0, end = 0;
      if (!random->OneIn(4)) {
        start = RandomTimestamp(random, now_us);
        end = start + static_cast<int64_t>(1 + random->Below(4)) * 1000;
      }
      mutation.mutations.push_back(DeleteFromColumn{family, RandomQualifier(random), start, end});
    } else if (dice < 9) {
      mutation.mutations.push_back(DeleteFromFamily{family});
    } else {
      mutation.mutations.push_back(DeleteFromRow{});
    }
  }
  return mutation;
}

// One cell of the column that all rows of these have, now and then a deletion: what scans pass many
// at a time.
RowMutation PlainMutation(SeededRandom* random) {
  RowMutation mutation{.row = absl::StrCat("p", random->Below(30)), .mutations = {}};
  if (random->OneIn(12)) {
    mutation.mutations.push_back(DeleteFromRow{});
  } else {
    const auto timestamp_us = static_cast<int64_t>(random->OneIn(6) ? 2000 : 1000);
    mutation.mutations.push_back(SetCell{"a", "q", timestamp_us, random->Letters(9)});
  }
  return mutation;
}

ReadSelection RandomSelection(SeededRandom* random) {
  ReadSelection selection;
  if (random->OneIn(2)) return selection;
  for (uint64_t n = random->Below(3); n > 0; --n) {
    selection.families.push_back(RandomFamily(random));
  }
  for (uint64_t n = random->Below(3); n > 0; --n) {
    selection.columns.emplace_back(RandomFamily(random), RandomQualifier(random));
  }
  if (random->OneIn(4)) {
    selection.ranges.push_back({random->OneIn(3) ? "" : RandomFamily(random),
                                Bound::Closed(RandomQualifier(random)),
                                random->OneIn(2) ? Bound{} : Bound::Open(RandomQualifier(random))});
  }
  if (random->OneIn(3)) selection.cells_per_column = static_cast<int32_t>(random->Between(1, 2));
  if (random->OneIn(4)) selection.cells_per_row = static_cast<int32_t>(random->Between(1, 3));
  if (random->OneIn(4)) {
    selection.min_timestamp_us = 2000;
    selection.max_timestamp_us = 5000;
  }
  return selection;
}

EngineWalk::EngineWalk(uint64_t options_seed)
    : harness_(WalkOptions(options_seed)),
      model_{TinySchema(), {ReferenceTable(TinySchema())}, std::nullopt} {
  harness_.fs().KeepInMemoryOneIn(options_seed % 4);
}

Status EngineWalk::Start() { return harness_.Open(); }

std::optional<std::string> EngineWalk::Run(const std::vector<WalkOp>& ops) {
  Status status = Start();
  for (size_t i = 0; i < ops.size() && status.ok(); ++i) {
    status = Do(ops[i]);
    if (status.ok()) status = Compare();
    if (!status.ok()) {
      return absl::StrCat("operation ", i, " (", NameOf(ops[i].kind), "): ", status.ToString());
    }
  }
  if (!status.ok()) return status.ToString();
  return std::nullopt;
}

Status EngineWalk::Do(const WalkOp& op) {
  switch (op.kind) {
    case WalkOpKind::kWrite:
      return Write(op.seed);
    case WalkOpKind::kModify:
      return Modify(op.seed);
    case WalkOpKind::kCheck:
      return Check(op.seed);
    case WalkOpKind::kReadRow:
      return ReadOneRow(op.seed);
    case WalkOpKind::kScan:
      return ScanRange(op.seed);
    case WalkOpKind::kFlush:
      return harness_.tablet()->Flush();
    case WalkOpKind::kMaintain:
      if (op.seed % 16 == 0) return harness_.Settle();
      return harness_.engine()->RunMaintenance().status();
    case WalkOpKind::kMajor:
      return harness_.tablet()->CompactMajor();
    case WalkOpKind::kReopenTablet:
      return ReopenTablet(op.seed);
    case WalkOpKind::kRestart:
    case WalkOpKind::kCleanRestart:
    case WalkOpKind::kPowerCut:
      return Reopen(op.seed, op.kind);
    case WalkOpKind::kAlter:
      return Alter(op.seed);
    case WalkOpKind::kAdvanceClock:
      harness_.clock().AdvanceMillis(static_cast<int64_t>(op.seed % 1'800'000));
      return OkStatus();
    case WalkOpKind::kCollectGarbage:
      return harness_.engine()->CollectGarbage().status();
    case WalkOpKind::kDropRows:
      return DropRows(op.seed);
    case WalkOpKind::kReshape:
      return Reshape(op.seed);
    case WalkOpKind::kFullDisk:
      return FullDisk(op.seed);
  }
  return absl::InternalError("no such operation");
}

Status EngineWalk::Write(uint64_t seed) {
  SeededRandom random(seed);
  RowMutation mutation =
      random.OneIn(3) ? PlainMutation(&random) : RandomMutation(&random, model_.schema, now_us());
  if (sign_writes_) {
    mutation.mutations.push_back(SetCell{"a", "signature", 7000, absl::StrCat(seed)});
  }
  Status status = harness_.Write(mutation);
  // A full ring: maintenance makes room.
  for (int i = 0; absl::IsResourceExhausted(status) && i < kMostTries; ++i) {
    RETURN_IF_ERROR(harness_.Settle());
    RETURN_IF_ERROR(harness_.tablet()->Flush());
    harness_.clock().AdvanceMillis(1000);
    status = harness_.Write(mutation);
  }
  Note(mutation, status);
  return status;
}

void EngineWalk::Note(const RowMutation& mutation, const Status& status) {
  if (status.ok()) {
    for (ReferenceTable& rows : model_.rows) rows.Apply(mutation);
    ++acked_;
  } else if (absl::IsUnknown(status)) {
    const size_t n = model_.rows.size();
    for (size_t i = 0; i < n; ++i) {
      model_.rows.push_back(model_.rows[i]);
      model_.rows.back().Apply(mutation);
    }
  }
}

template <typename T>
StatusOr<T> EngineWalk::Persist(const std::function<StatusOr<T>()>& change) {
  StatusOr<T> answer = change();
  for (int i = 0; absl::IsResourceExhausted(answer.status()) && i < kMostTries; ++i) {
    RETURN_IF_ERROR(harness_.Settle());
    RETURN_IF_ERROR(harness_.tablet()->Flush());
    harness_.clock().AdvanceMillis(1000);
    answer = change();
  }
  return answer;
}

Status EngineWalk::TakeChange(
    const Status& status,
    const std::function<std::optional<RowMutation>(const ReferenceTable&)>& next) {
  if (!status.ok() && !absl::IsUnknown(status)) return status;
  std::vector<ReferenceTable> candidates;
  for (const ReferenceTable& rows : model_.rows) {
    if (!status.ok()) candidates.push_back(rows);
    std::optional<RowMutation> mutation = next(rows);
    if (!mutation) continue;
    candidates.push_back(rows);
    if (!mutation->mutations.empty()) candidates.back().Apply(*mutation);
  }
  if (candidates.empty()) return absl::InternalError("no candidate gives the answer");
  model_.rows = std::move(candidates);
  if (status.ok()) ++acked_;
  return status;
}

Status EngineWalk::Modify(uint64_t seed) {
  SeededRandom random(seed);
  const std::string row = RandomRow(&random);
  std::vector<ReadModifyWriteRule> rules;
  for (uint64_t n = random.Between(1, 3); n > 0; --n) {
    std::string family = RandomFamily(&random);
    if (model_.schema.FindFamily(family) == nullptr) family = "a";
    if (random.OneIn(2)) {
      rules.push_back(IncrementValue{family, random.OneIn(6) ? "q" : "counter",
                                     static_cast<int64_t>(random.Next())});
    } else {
      rules.push_back(AppendToValue{family, RandomQualifier(&random), random.Letters(3)});
    }
  }
  StatusOr<Row> answer = Persist<Row>([&] { return harness_.ReadModifyWrite(row, rules); });
  if (absl::IsInvalidArgument(answer.status())) {  // an increment of what is no counter
    for (const ReferenceTable& rows : model_.rows) {
      if (!rows.Modified(row, rules, now_us()).ok()) return OkStatus();
    }
    return absl::InternalError(absl::StrCat("refused: ", answer.status().ToString()));
  }
  return TakeChange(answer.status(), [&](const ReferenceTable& rows) {
    std::optional<RowMutation> next;
    StatusOr<RowMutation> made = rows.Modified(row, rules, now_us());
    if (!made.ok()) return next;
    Row expected{row, {}};
    for (const Mutation& m : made->mutations) {
      const auto& set = std::get<SetCell>(m);
      expected.cells.push_back({set.family, set.qualifier, set.timestamp_us, set.value});
    }
    if (!answer.ok() || *answer == expected) next = *std::move(made);
    return next;
  });
}

Status EngineWalk::Check(uint64_t seed) {
  SeededRandom random(seed);
  RowMutation if_true = RandomMutation(&random, model_.schema, now_us());
  RowMutation if_false = RandomMutation(&random, model_.schema, now_us());
  if_false.row = if_true.row;
  if (random.OneIn(4)) if_true.mutations.clear();
  StatusOr<bool> answer = Persist<bool>([&] {
    return harness_.CheckAndMutate(if_true.row, nullptr, if_true.mutations, if_false.mutations);
  });
  return TakeChange(answer.status(), [&](const ReferenceTable& rows) {
    const bool matched = !rows.ReadRow(if_true.row, {}, now_us()).cells.empty();
    std::optional<RowMutation> next;
    if (!answer.ok() || *answer == matched) next = matched ? if_true : if_false;
    return next;
  });
}

Status EngineWalk::ReadOneRow(uint64_t seed) {
  SeededRandom random(seed);
  RowRange range;
  range.start = range.end = RandomRow(&random);
  range.end_open = false;
  return CompareScan(range, RandomSelection(&random), random.Next());
}

Status EngineWalk::ScanRange(uint64_t seed) {
  SeededRandom random(seed);
  const RowRange range = RandomRange(&random);
  return CompareScan(range, RandomSelection(&random), random.Next());
}

namespace {

// Takes rows from a cursor: pauses after some cells, and sometimes wants a row once more, which
// must be the same.
class PausingSink : public RowSink {
 public:
  explicit PausingSink(uint64_t seed) : random_(seed) {}
  void StartRow(Slice row) override {
    row_ = Row{.key = std::string(row), .cells = {}};
    wants_ = Wants::kMore;
  }
  void AddCell(Slice family, Slice qualifier, int64_t timestamp_us, Slice value) override {
    row_.cells.push_back(
        Cell{std::string(family), std::string(qualifier), timestamp_us, std::string(value)});
    wants_ = random_.OneIn(3) ? Wants::kPause : Wants::kMore;
  }
  bool EndRow() override {
    const bool again = !first_.has_value() && random_.OneIn(4);
    wants_ = again ? Wants::kAgain : Wants::kMore;
    if (again) {
      first_ = row_;
      return true;
    }
    if (first_.has_value() && *first_ != row_) error = "a row was different the second time";
    first_.reset();
    rows.push_back(std::move(row_));
    return !random_.OneIn(8);
  }
  std::vector<Row> rows;
  std::string error;

 private:
  SeededRandom random_;
  Row row_;
  std::optional<Row> first_;
};

}  // namespace

Status EngineWalk::CompareCursor(const RowRange& range, const ReadOptions& read, uint64_t seed) {
  SeededRandom random(seed);
  PausingSink sink(random.Next());
  ASSIGN_OR_RETURN(auto cursor, harness_.tablet()->OpenCursor(range, read));
  for (;;) {
    ReadBudget budget;
    budget.may_block = random.OneIn(2);
    budget.page_cache_bytes = random.OneIn(2) ? random.Below(4096) : 1u << 20;
    if (random.OneIn(2)) budget.max_keys_examined = 1 + random.Below(4);
    if (random.OneIn(4)) budget.max_rows_examined = 1;
    if (random.OneIn(4)) budget.stop = [] { return true; };
    StatusOr<ReadProgress> progress = cursor->Next(budget, &sink);
    if (!budget.may_block && absl::IsUnavailable(progress.status())) {
      budget.may_block = true;
      progress = cursor->Next(budget, &sink);
    }
    RETURN_IF_ERROR(progress.status());
    if (progress->in_row != cursor->in_row()) return absl::InternalError("in_row differs");
    if (progress->done) break;
  }
  if (!sink.error.empty()) return absl::InternalError(sink.error);
  if (read.reversed) std::reverse(sink.rows.begin(), sink.rows.end());
  return CheckRows(ShowRows(sink.rows), range, read.selection).status();
}

Status EngineWalk::CompareScan(const RowRange& range, const ReadSelection& selection,
                               uint64_t seed) {
  SeededRandom random(seed);
  RowCollector got;
  ReadOptions options;
  options.selection = selection;
  options.fill_cache = random.OneIn(2);
  options.reversed = random.OneIn(3);
  options.shortcuts = {random.OneIn(2), random.OneIn(2), random.OneIn(2), random.OneIn(2)};
  if (random.OneIn(2)) return CompareCursor(range, options, random.Next());
  if (random.OneIn(2)) options.max_bytes = 1 + random.Below(64);  // a page of about a row
  RowRange rest = range;
  for (bool done = false; !done;) {
    options.may_block = random.OneIn(2);
    options.page_cache_bytes = random.OneIn(2) ? random.Below(4096) : 1u << 20;
    const bool point =
        !rest.start.empty() && rest.start == rest.end && !rest.start_open && !rest.end_open;
    auto read = [&]() -> StatusOr<ReadProgress> {
      if (point) return harness_.tablet()->ReadRow(rest.start, options, &got);
      return harness_.tablet()->Read(rest, options, &got);
    };
    const size_t rows_before = got.rows.size();
    StatusOr<ReadProgress> progress = read();
    if (!options.may_block && absl::IsUnavailable(progress.status())) {
      got.rows.resize(rows_before);
      options.may_block = true;
      progress = read();
    }
    RETURN_IF_ERROR(progress.status());
    done = progress->done;
    if (done) break;
    (options.reversed ? rest.end : rest.start) = progress->resume_after;
    (options.reversed ? rest.end_open : rest.start_open) = true;
  }
  if (options.reversed) std::reverse(got.rows.begin(), got.rows.end());
  return CheckRows(ShowRows(got.rows), range, selection).status();
}

// Which of the candidates fit; an error when none does.
StatusOr<std::vector<bool>> EngineWalk::CheckRows(const std::string& shown, const RowRange& range,
                                                  const ReadSelection& selection) {
  std::vector<bool> fits;
  std::string expected;
  bool any = false;
  for (const ReferenceTable& rows : model_.rows) {
    const std::string candidate = ShowRows(rows.Read(range, selection, now_us()));
    fits.push_back(candidate == shown);
    any |= fits.back();
    absl::StrAppend(&expected, expected.empty() ? "expected:\n" : "or:\n", candidate);
  }
  if (any) return fits;
  return absl::InternalError(absl::StrCat("rows differ; ", expected, "got:\n", shown));
}

Status EngineWalk::Compare() {
  if (model_.rows.size() == 1) return CompareScan({}, {}, acked_);
  ASSIGN_OR_RETURN(std::vector<Row> rows, harness_.Scan());
  ASSIGN_OR_RETURN(std::vector<bool> fits, CheckRows(ShowRows(rows), {}, {}));
  // A candidate that fits may still differ in what is hidden: it stays.
  std::vector<ReferenceTable> left;
  for (size_t i = 0; i < fits.size(); ++i) {
    if (fits[i]) left.push_back(std::move(model_.rows[i]));
  }
  model_.rows = std::move(left);
  if (model_.rows.size() > kMostCandidates) return absl::InternalError("too many candidates");
  return OkStatus();
}

Status EngineWalk::Alter(uint64_t seed) {
  SeededRandom random(seed);
  TableSchema next = model_.schema;
  ++next.version;
  const std::string name = random.OneIn(2) ? "b" : "d";
  auto found = std::find_if(next.families.begin(), next.families.end(),
                            [&](const FamilySchema& f) { return f.name == name; });
  if (found != next.families.end()) {
    next.families.erase(found);
  } else {
    FamilySchema family{.name = name, .id = next.next_family_id++};
    family.locality_group = random.OneIn(2) ? "other" : "default";
    if (random.OneIn(2)) family.gc = {.kind = GcRule::Kind::kMaxVersions, .max_versions = 1};
    next.families.push_back(family);
    std::sort(next.families.begin(), next.families.end(),
              [](const FamilySchema& a, const FamilySchema& b) { return a.name < b.name; });
  }
  Status status = harness_.tablet()->AlterSchema(next);
  if (status.ok()) {
    TakeSchema(next);
  } else {
    model_.unknown_schema = next;
  }
  return status;
}

// Both halves are worked on before they are joined, so that files, sequences and drops differ.
Status EngineWalk::Reshape(uint64_t seed) {
  SeededRandom random(seed);
  constexpr uint64_t kFirstChild = 1000;
  const TabletId child = kFirstChild + seed / kFirstChild;
  RETURN_IF_ERROR(harness_.Split(child, RandomRow(&random)));
  for (TabletId tablet : {child, kTestTablet}) {
    auto store = harness_.engine()->FindTablet(tablet);
    const RowMutation mutation = RandomMutation(&random, model_.schema, now_us());
    if (store->descriptor().Contains(mutation.row)) {
      Status status = store->WriteSync(mutation);
      Note(mutation, status);
      if (!status.ok() && !absl::IsResourceExhausted(status)) return status;
    }
    if (random.OneIn(2)) RETURN_IF_ERROR(store->Flush());
    if (random.OneIn(3)) RETURN_IF_ERROR(store->CompactMajor());
  }
  if (random.OneIn(4)) RETURN_IF_ERROR(harness_.engine()->CollectGarbage().status());
  return harness_.Join();
}

// The disk is full for a while, and then it is not.
Status EngineWalk::FullDisk(uint64_t seed) {
  SeededRandom random(seed);
  FaultFs& fs = harness_.fs();
  fs.SetCapacity(fs.used_bytes() + random.Below(kMostFreeBytes));
  Status status = ActOnFullDisk(random.Next());
  fs.SetCapacity(kEndlessDisk);
  RETURN_IF_ERROR(status);
  if (harness_.tablet() == nullptr) RETURN_IF_ERROR(OpenAgain());
  harness_.clock().AdvanceMillis(1000);
  return harness_.engine()->RunMaintenance().status();
}

Status EngineWalk::ActOnFullDisk(uint64_t seed) {
  SeededRandom random(seed);
  auto unless_full = [](const Status& status) {
    return absl::IsResourceExhausted(status) ? OkStatus() : status;
  };
  harness_.clock().AdvanceMillis(1000);
  RETURN_IF_ERROR(unless_full(harness_.engine()->RunMaintenance().status()));
  const RowMutation mutation = RandomMutation(&random, model_.schema, now_us());
  Status write = harness_.Write(mutation);
  Note(mutation, write);
  RETURN_IF_ERROR(unless_full(write));
  if (write.ok() && harness_.engine()->stats().disk.full) {
    return absl::InternalError("a full disk took a write");
  }
  RETURN_IF_ERROR(Compare());
  if (random.OneIn(2)) RETURN_IF_ERROR(unless_full(harness_.tablet()->Flush()));
  if (random.OneIn(4)) RETURN_IF_ERROR(unless_full(harness_.tablet()->CompactMajor()));
  if (random.OneIn(2)) return OkStatus();
  harness_.Drop();
  Status opened = OpenAgain();
  if (!opened.ok()) harness_.Drop();
  return unless_full(opened);
}

Status EngineWalk::DropRows(uint64_t seed) {
  SeededRandom random(seed);
  const RowRange range = RandomRange(&random);
  if (model_.drop_order_done > 0 && random.OneIn(4)) {
    // An order that comes late has no effect.
    return harness_.tablet()->DropRows(range, random.Between(1, model_.drop_order_done));
  }
  const uint64_t order = ++model_.drop_order;
  Status status = harness_.tablet()->DropRows(range, order);
  if (status.ok()) {
    for (ReferenceTable& rows : model_.rows) rows.DropRows(range);
    model_.drop_order_done = order;
    return status;
  }
  const size_t n = model_.rows.size();
  for (size_t i = 0; i < n; ++i) {
    ReferenceTable dropped = model_.rows[i];
    dropped.DropRows(range);
    const bool known =
        std::find(model_.rows.begin(), model_.rows.end(), dropped) != model_.rows.end();
    if (!known) model_.rows.push_back(std::move(dropped));
  }
  return status;
}

void EngineWalk::TakeSchema(const TableSchema& schema) {
  model_.schema = schema;
  for (ReferenceTable& rows : model_.rows) rows.AlterSchema(schema);
  model_.unknown_schema.reset();
}

Status EngineWalk::OpenAgain() {
  RETURN_IF_ERROR(harness_.Open());
  const TableSchema found = harness_.tablet()->schema();
  if (model_.unknown_schema && found == *model_.unknown_schema) TakeSchema(found);
  model_.unknown_schema.reset();
  if (found == model_.schema) return OkStatus();
  return absl::InternalError(
      absl::StrCat("schema version ", found.version, ", expected ", model_.schema.version));
}

Status EngineWalk::ReopenTablet(uint64_t seed) {
  RETURN_IF_ERROR(harness_.engine()->CloseTablet(kTestTablet, /*flush=*/seed % 2 == 0));
  return harness_.OpenTablet();
}

Status EngineWalk::Reopen(uint64_t seed, WalkOpKind how) {
  if (how == WalkOpKind::kCleanRestart) RETURN_IF_ERROR(harness_.engine()->Close());
  if (how == WalkOpKind::kPowerCut) {
    harness_.PowerCut(seed % 8 < 2 ? seed % 8 : seed);
  } else {
    harness_.Drop();
  }
  return OpenAgain();
}

}  // namespace stele::storage
