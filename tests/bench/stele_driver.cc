#include <algorithm>
#include <atomic>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/mutex.h"
#include "common/base/random.h"
#include "common/store/blob_store.h"
#include "common/store/fs.h"
#include "common/time/clock.h"
#include "schema/model/model.h"
#include "tabletserver/storage/engine.h"
#include "tabletserver/storage/write_throttle.h"
#include "tests/bench/driver.h"

namespace stele::bench {
namespace {

// Names that are the same in every run.
class CountingRandom : public RandomSource {
 public:
  uint64_t Next64() override { return next_.fetch_add(1) * 0x9E3779B97F4A7C15ull; }

 private:
  std::atomic<uint64_t> next_{1};
};

constexpr TabletId kTablet = 100;
constexpr TableId kTable = 7;
constexpr Epoch kEpoch = 1;

TableSchema BenchSchema() {
  TableSchema schema;
  schema.name = "bench";
  schema.id = kTable;
  schema.version = 1;
  schema.next_family_id = 2;
  schema.groups = {{.name = "default",
                    .codec = Codec::kNone,
                    .block_bytes = kBlockBytes,
                    .bloom_bits_per_key = kBloomBitsPerKey}};
  GcRule one{.kind = GcRule::Kind::kMaxVersions, .max_versions = 1};
  schema.families = {{.name = "f", .id = 1, .gc = one}};
  return schema;
}

// Keeps the value of the last cell.
class ValueSink : public storage::RowSink {
 public:
  explicit ValueSink(std::string* value) : value_(value) {}
  void StartRow(Slice row) override { found_ = true; }
  void AddCell(Slice family, Slice qualifier, int64_t timestamp_us, Slice value) override {
    value_->assign(value.data(), value.size());
  }
  bool EndRow() override { return true; }
  bool found() const { return found_; }

 private:
  std::string* const value_;
  bool found_ = false;
};

class CountingSink : public storage::RowSink {
 public:
  void StartRow(Slice row) override {
    ++rows;
    bytes += row.size();
  }
  void AddCell(Slice family, Slice qualifier, int64_t timestamp_us, Slice value) override {
    bytes += value.size();
    sum += static_cast<unsigned char>(value[value.size() - 1]);
  }
  bool EndRow() override { return true; }
  uint64_t rows = 0, bytes = 0, sum = 0;
};

class SteleDriver : public Driver {
 public:
  explicit SteleDriver(const DriverOptions& options) : options_(options) {
    StatusOr<std::unique_ptr<BlobStore>> store =
        OpenPosixStore(PosixFs(), options.directory, /*create=*/true);
    CHECK_OK(store.status());
    store_ = *std::move(store);
    storage::EngineOptions engine;
    engine.log.sync = options.sync_log;
    engine.log.max_segments =
        std::max<uint64_t>(16, 4 * options.data_bytes / engine.log.segment_bytes);
    engine.memtable_bytes = options.memtable_bytes;
    engine.block_cache_bytes = options.block_cache_bytes;
    engine.gc_grace_ms = engine.trash_keep_ms = 0;  // as the peers, which keep nothing
    engine.memory_limit_bytes =
        std::max<uint64_t>(1u << 30, 4 * options.memtable_bytes + 2 * options.block_cache_bytes);
    if (options.repeatable) engine.maintenance_threads = 0;
    if (!options.merge) engine.merge_min_files = engine.merge_max_files = 1000;
    storage::EngineEnv env;
    env.store = store_.get();
    env.clock = SystemClock();
    if (options.repeatable) env.random = &random_;
    env.server_id = "bench";
    env.lease_check = [] { return OkStatus(); };
    env.on_fatal = [](const Status& status) { CHECK_OK(status); };
    StatusOr<std::unique_ptr<storage::Engine>> opened = storage::Engine::Open(engine, env);
    CHECK_OK(opened.status());
    engine_ = *std::move(opened);
    const Status made =
        engine_->CreateTablet({.id = kTablet, .table = kTable}, BenchSchema(), kEpoch);
    CHECK(made.ok() || absl::IsAlreadyExists(made)) << made.ToString();
    StatusOr<std::shared_ptr<storage::TabletStore>> tablet = engine_->OpenTablet(kTablet, kEpoch);
    CHECK_OK(tablet.status());
    tablet_ = *std::move(tablet);
  }

  ~SteleDriver() override {
    Drain();
    tablet_.reset();
    engine_.reset();
  }

  void Put(Slice key, Slice value) override {
    const RowMutation mutation = Mutation(key, value);
    CollectNowAndThen(key.size() + value.size());
    if (options_.puts_in_flight <= 1) {
      CHECK_OK(tablet_->WriteSync(mutation));
      return;
    }
    WaitForRoom(options_.puts_in_flight);
    while (true) {
      {
        MutexLock lock(&mu_);
        ++in_flight_;
      }
      Status status = tablet_->Write(mutation, [this](const Status& outcome) {
        CHECK_OK(outcome);
        MutexLock lock(&mu_);
        // Half empty wakes the writer: it then refills in one go.
        if (--in_flight_ == waited_for_) changed_.SignalAll();
      });
      if (status.ok()) return;
      MutexLock lock(&mu_);
      --in_flight_;
      const int64_t delay_ms = storage::RetryDelayMs(status);
      CHECK(delay_ms > 0) << status.ToString();
      changed_.WaitFor(&mu_, std::chrono::milliseconds(delay_ms));
    }
  }

  void Drain() override { WaitForRoom(1); }

  void PutSync(Slice key, Slice value) override {
    CHECK_OK(tablet_->WriteSync(Mutation(key, value)));
  }

  bool Get(Slice key, std::string* value) override {
    ValueSink sink(value);
    CHECK_OK(tablet_->ReadRow(key, point_, &sink).status());
    return sink.found();
  }

  uint64_t Scan(Slice start, uint64_t rows, uint64_t* bytes) override {
    CountingSink sink;
    storage::ReadOptions page;
    page.max_bytes = options_.page_bytes;
    RowRange rest{.start = std::string(start)};
    while (true) {
      if (rows != 0) page.rows_limit = rows - sink.rows;
      StatusOr<storage::ReadProgress> progress = tablet_->Read(rest, page, &sink);
      CHECK_OK(progress.status());
      if (progress->done || (rows != 0 && sink.rows >= rows)) break;
      rest.start = progress->resume_after;
      rest.start_open = true;
    }
    *bytes += sink.bytes;
    return sink.rows;
  }

  void Settle(bool compact) override {
    Drain();
    CHECK_OK(tablet_->Flush());
    if (compact) CHECK_OK(tablet_->CompactMajor());
    CHECK_OK(engine_->CollectGarbage().status());
  }

  bool IsWorking() const override {
    return !engine_->stats().running.empty() || !engine_->waiting().empty();
  }

  std::string Describe() const override {
    return absl::StrCat("log ring of 64 MiB segments, 1 maintenance thread, ",
                        options_.puts_in_flight, " puts in flight, ", tablet_->stats().files,
                        " files");
  }

 private:
  // A tablet server does so by time.
  void CollectNowAndThen(uint64_t bytes) {
    constexpr uint64_t kEveryBytes = 1u << 30;
    if ((put_bytes_ += bytes) < kEveryBytes) return;
    put_bytes_ = 0;
    CHECK_OK(engine_->CollectGarbage().status());
  }

  static RowMutation Mutation(Slice key, Slice value) {
    return {std::string(key), {SetCell{.family = "f", .value = std::string(value)}}};
  }

  void WaitForRoom(uint32_t limit) {
    MutexLock lock(&mu_);
    if (in_flight_ < limit) return;
    waited_for_ = limit / 2;
    while (in_flight_ > waited_for_) changed_.Wait(&mu_);
    waited_for_ = kNobodyWaits;
  }

  static constexpr uint32_t kNobodyWaits = ~0u;
  const DriverOptions options_;
  const storage::ReadOptions point_;
  uint64_t put_bytes_ = 0;  // since files were last collected
  Mutex mu_;
  CondVar changed_;
  uint32_t in_flight_ GUARDED_BY(mu_) = 0;
  uint32_t waited_for_ GUARDED_BY(mu_) = kNobodyWaits;
  CountingRandom random_;
  std::unique_ptr<BlobStore> store_;
  std::unique_ptr<storage::Engine> engine_;
  std::shared_ptr<storage::TabletStore> tablet_;
};

}  // namespace

std::unique_ptr<Driver> OpenStele(const DriverOptions& options) {
  return std::make_unique<SteleDriver>(options);
}

}  // namespace stele::bench
