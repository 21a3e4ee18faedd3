#include "tests/engine/engine_harness.h"

#include <algorithm>
#include <optional>

#include "common/store/fs.h"

namespace stele::storage {

EngineOptions TinyEngineOptions() {
  EngineOptions options;
  options.log.segment_bytes = 4096;
  options.log.initial_segments = 2;
  options.log.max_segments = 16;
  options.log.max_group_bytes = 4096;
  options.memory_limit_bytes = 64u << 20;
  options.memtable_bytes = 64u << 10;
  options.page_bytes = 80;  // the schema's blocks have a few
  options.block_cache_bytes = 1u << 20;
  options.filter_cache_bytes = 1u << 18;
  options.maintenance_threads = 0;
  options.split_rewrite_after_ms = 0;
  options.gc_grace_ms = 1000;
  options.trash_keep_ms = 60'000;
  return options;
}

TableSchema TinySchema() {
  TableSchema schema;
  schema.name = "test";
  schema.id = kTestTable;
  schema.version = 1;
  schema.next_family_id = 4;
  schema.groups = {{.name = "default", .codec = Codec::kLz4, .block_bytes = 256},
                   {.name = "other", .codec = Codec::kNone, .block_bytes = 512}};
  GcRule two{.kind = GcRule::Kind::kMaxVersions, .max_versions = 2};
  GcRule hour{.kind = GcRule::Kind::kMaxAge, .max_age_us = 3'600'000'000};
  schema.families = {{.name = "a", .id = 1},
                     {.name = "b", .id = 2, .gc = two},
                     {.name = "c", .id = 3, .locality_group = "other", .gc = hour}};
  return schema;
}

TabletDescriptor TestTablet(TabletId id, std::string start, std::string end) {
  return {.id = id, .table = kTestTable, .start_row = std::move(start), .end_row = std::move(end)};
}

void RowCollector::StartRow(Slice row) {
  row_ = Row();
  row_.key = std::string(row);
}

void RowCollector::AddCell(Slice family, Slice qualifier, int64_t timestamp_us, Slice value) {
  row_.cells.push_back(
      {std::string(family), std::string(qualifier), timestamp_us, std::string(value)});
}

bool RowCollector::EndRow() {
  rows.push_back(std::move(row_));
  return stop_after == 0 || rows.size() < stop_after;
}

std::string ShowRows(const std::vector<Row>& rows) {
  std::string out;
  for (const Row& row : rows) {
    for (const Cell& cell : row.cells) {
      absl::StrAppend(&out, row.key, " ", cell.family, ":", cell.qualifier, "@", cell.timestamp_us,
                      "=", cell.value, "\n");
    }
  }
  return out;
}

RowMutation Put(std::string row, std::string family, std::string qualifier, int64_t timestamp_us,
                std::string value) {
  return {std::move(row),
          {SetCell{std::move(family), std::move(qualifier), timestamp_us, std::move(value)}}};
}

EngineHarness::EngineHarness(EngineOptions options)
    : options_(std::move(options)), fs_(std::make_unique<FaultFs>(&clock_)) {}

EngineHarness::~EngineHarness() { Drop(); }

Status EngineHarness::OpenEngine() {
  {
    MutexLock lock(&mu_);
    fatal_.clear();
  }
  if (store_ == nullptr) {
    ASSIGN_OR_RETURN(store_, OpenPosixStore(fs_.get(), "/store", /*create=*/true));
  }
  EngineEnv env;
  env.store = store_.get();
  env.clock = &clock_;
  env.faults = &faults_;
  env.random = &random_;
  env.server_id = "server";
  env.run_blocking = run_blocking;
  env.lease_check = [this] { return lease_; };
  env.on_fatal = [this](const Status& status) {
    MutexLock lock(&mu_);
    fatal_.push_back(status);
  };
  ASSIGN_OR_RETURN(engine_, Engine::Open(options_, env));
  // By turns under callers who commit themselves, and as under a server.
  options_.log.give_turns = !options_.log.give_turns;
  return OkStatus();
}

Status EngineHarness::OpenTablet() {
  Status created = engine_->CreateTablet(TestTablet(), TinySchema(), 1);
  if (!created.ok() && !absl::IsAlreadyExists(created)) return created;
  ASSIGN_OR_RETURN(StoredManifest stored, ReadManifest(store_.get(), kTestTablet));
  epoch_ = std::max(epoch_, stored.manifest.epoch) + 1;
  ASSIGN_OR_RETURN(tablet_, engine_->OpenTablet(kTestTablet, epoch_));
  return Join();
}

Status EngineHarness::Split(TabletId child, const std::string& at) {
  RETURN_IF_ERROR(engine_->SplitTablet(kTestTablet, child, at));
  tablet_ = engine_->FindTablet(kTestTablet);
  return OkStatus();
}

Status EngineHarness::Join() {
  if (!tablet_->descriptor().start_row.empty()) {
    const TabletId left = tablet_->last_split().child;
    ASSIGN_OR_RETURN(StoredManifest stored, ReadManifest(store_.get(), left));
    if (stored.manifest.merged_into == 0 && engine_->FindTablet(left) == nullptr) {
      RETURN_IF_ERROR(engine_->OpenTablet(left, stored.manifest.epoch + 1).status());
    }
    RETURN_IF_ERROR(engine_->MergeTablets(left, kTestTablet));
    tablet_ = engine_->FindTablet(kTestTablet);
  }
  ASSIGN_OR_RETURN(std::vector<std::string> cells, store_->ListCells(kManifestCellPrefix));
  for (const std::string& cell : cells) {
    ASSIGN_OR_RETURN(const TabletId tablet, ParseManifestCellName(cell));
    if (tablet == kTestTablet) continue;
    StatusOr<StoredManifest> stored = ReadManifest(store_.get(), tablet);
    if (IsCorrupt(stored.status())) continue;  // another's
    RETURN_IF_ERROR(stored.status());
    if (stored->manifest.merged_into != kTestTablet) continue;
    RETURN_IF_ERROR(engine_->ForgetMerged(tablet, kTestTablet));
  }
  return OkStatus();
}

Status EngineHarness::Open() {
  RETURN_IF_ERROR(OpenEngine());
  return OpenTablet();
}

std::vector<Status> EngineHarness::fatal() const {
  MutexLock lock(&mu_);
  return fatal_;
}

void EngineHarness::Drop() {
  tablet_.reset();
  engine_.reset();
  store_.reset();
}

void EngineHarness::DropEngine() {
  tablet_.reset();
  engine_.reset();
}

void EngineHarness::PowerCut(uint64_t seed) {
  fs_->CutPower();
  Drop();
  fs_->Restart(seed);
}

void EngineHarness::UseDisk(std::unique_ptr<FaultFs> fs) {
  Drop();
  fs_ = std::move(fs);
}

namespace {

template <typename T>
struct Waiter {
  std::function<void(StatusOr<T>)> Taker() {
    return [this](StatusOr<T> value) {
      MutexLock lock(&mu);
      answer = std::move(value);
      came.SignalAll();
    };
  }
  StatusOr<T> Wait(const Status& started) {
    RETURN_IF_ERROR(started);
    MutexLock lock(&mu);
    while (!answer.has_value()) came.Wait(&mu);
    return *std::move(answer);
  }
  Mutex mu;
  CondVar came;
  std::optional<StatusOr<T>> answer GUARDED_BY(mu);
};

}  // namespace

StatusOr<Row> EngineHarness::ReadModifyWrite(const std::string& row,
                                             const std::vector<ReadModifyWriteRule>& rules,
                                             const ChangeContext& context) {
  Waiter<Row> waiter;
  return waiter.Wait(tablet_->ReadModifyWrite(row, rules, context, waiter.Taker()));
}

StatusOr<bool> EngineHarness::CheckAndMutate(const std::string& row,
                                             std::shared_ptr<RowPredicate> predicate,
                                             std::vector<Mutation> if_true,
                                             std::vector<Mutation> if_false,
                                             const ChangeContext& context) {
  Waiter<bool> waiter;
  return waiter.Wait(tablet_->CheckAndMutate(row, std::move(predicate), std::move(if_true),
                                             std::move(if_false), context, waiter.Taker()));
}

StatusOr<std::vector<Row>> EngineHarness::Scan(const RowRange& range, const ReadOptions& options) {
  RowCollector rows;
  RowRange rest = range;
  while (true) {
    ASSIGN_OR_RETURN(ReadProgress progress, tablet_->Read(rest, options, &rows));
    if (progress.done) return std::move(rows.rows);
    if (options.rows_limit != 0 && rows.rows.size() >= options.rows_limit) {
      return std::move(rows.rows);
    }
    rest.start = progress.resume_after;
    rest.start_open = true;
  }
}

std::string EngineHarness::Get(const std::string& row, const std::string& family,
                               const std::string& qualifier) {
  ReadOptions options;
  options.selection.columns = {{family, qualifier}};
  options.selection.cells_per_column = 1;
  RowCollector rows;
  StatusOr<ReadProgress> progress = tablet_->ReadRow(row, options, &rows);
  if (!progress.ok()) return absl::StatusCodeToString(progress.status().code());
  if (rows.rows.empty()) return "<none>";
  return rows.rows[0].cells[0].value;
}

Status EngineHarness::Settle() {
  while (true) {
    ASSIGN_OR_RETURN(bool did, engine_->RunMaintenance());
    if (!did) return OkStatus();
  }
}

}  // namespace stele::storage
