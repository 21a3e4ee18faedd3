#include "client/cli/ycsb/runner.h"

#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "common/base/check.h"
#include "common/base/mutex.h"

namespace stele::cli::ycsb {
namespace {

constexpr std::chrono::milliseconds kWatchInterval(100);
constexpr size_t kPoolBytes = 1u << 20;
constexpr double kNanos = 1e9;
// When only the time is given: so many operations a second are thought possible.
constexpr double kMostOperationsPerSecond = 100'000;

// The numbers of new records. A number below `known` is of a record that is there, like all below.
class NewRecords {
 public:
  explicit NewRecords(uint64_t records) : next_(records), known_(records) {}
  uint64_t Take() { return next_.fetch_add(1); }
  // Also of one that failed: whoever reads it finds nothing, and others are not held up.
  void Done(uint64_t record) {
    MutexLock lock(&mu_);
    done_.insert(record);
    uint64_t known = known_.load();
    for (; !done_.empty() && *done_.begin() == known; ++known) done_.erase(done_.begin());
    known_.store(known);
  }
  uint64_t known() const { return known_.load(); }

 private:
  std::atomic<uint64_t> next_, known_;
  Mutex mu_;
  std::set<uint64_t> done_ GUARDED_BY(mu_);
};

class Runner {
 public:
  Runner(Table* table, const RunOptions& options, Clock* clock)
      : table_(*table),
        options_(options),
        clock_(clock),
        new_records_(options.load ? 0 : options.records),
        limit_(options.load ? options.records : options.operations) {
    Draws draws(options.seed);
    pool_.resize(kPoolBytes + options.field_bytes);
    for (char& c : pool_) c = static_cast<char>(' ' + draws.Below(95));
  }

  RunResult Run(const std::function<bool(uint64_t)>& watch) {
    start_ns_ = clock_->BootNanos();
    end_ns_ = options_.seconds > 0 ? start_ns_ + static_cast<int64_t>(options_.seconds * kNanos)
                                   : INT64_MAX;
    std::vector<RunResult> results(options_.threads);
    std::vector<std::thread> threads;
    {
      MutexLock lock(&mu_);
      running_ = options_.threads;
    }
    for (uint32_t t = 0; t < options_.threads; ++t) {
      threads.emplace_back([this, t, &results] { RunThread(t, &results[t]); });
    }
    RunResult all;
    all.interrupted = !Watch(watch);
    for (std::thread& thread : threads) thread.join();
    all.seconds = static_cast<double>(clock_->BootNanos() - start_ns_) / kNanos;
    for (const RunResult& one : results) Add(one, &all);
    if (options_.rate > 0 && options_.seconds > 0 && !all.interrupted) {
      uint64_t due = static_cast<uint64_t>(options_.rate * options_.seconds);
      if (limit_ > 0) due = std::min(due, limit_);
      const uint64_t begun = all.operations() + all.failed();
      all.not_begun = due > begun ? due - begun : 0;
    }
    return all;
  }

 private:
  static void Add(const RunResult& one, RunResult* all) {
    for (size_t i = 0; i < kOperationKinds; ++i) {
      KindResult& sum = all->kinds[i];
      sum.latencies.Merge(one.kinds[i].latencies);
      sum.failed += one.kinds[i].failed;
      sum.not_found += one.kinds[i].not_found;
      if (sum.first_error.ok()) sum.first_error = one.kinds[i].first_error;
    }
    all->rows_scanned += one.rows_scanned;
  }

  // Until the threads are done; false: it was told to stop them.
  bool Watch(const std::function<bool(uint64_t)>& watch) {
    MutexLock lock(&mu_);
    while (running_ > 0) {
      changed_.WaitFor(&mu_, kWatchInterval);
      if (stop_ || watch(done_.load())) continue;
      stop_ = true;
      changed_.SignalAll();
    }
    return !stop_;
  }

  void RunThread(uint32_t number, RunResult* result) {
    prctl(PR_SET_TIMERSLACK, 1);  // an operation should begin when it is due
    OperationSource source(options_.workload, std::max<uint64_t>(options_.records, 1),
                           MostRecords(), options_.seed + 1 + number);
    while (true) {
      const uint64_t index = begun_.fetch_add(1);
      if (limit_ > 0 && index >= limit_) break;
      int64_t due_ns = clock_->BootNanos();
      if (options_.rate > 0) {
        due_ns =
            start_ns_ + static_cast<int64_t>(static_cast<double>(index) * kNanos / options_.rate);
      }
      if (due_ns >= end_ns_ || !AwaitTime(due_ns) || clock_->BootNanos() >= end_ns_) break;
      Operation operation{.kind = OperationKind::kInsert};
      if (!options_.load) operation = source.Next(new_records_.known());
      Status status = Do(operation, &source, result);
      KindResult& kind = result->kinds[static_cast<size_t>(operation.kind)];
      if (status.ok()) {
        kind.latencies.Add(clock_->BootNanos() - due_ns);
        done_.fetch_add(1);
      } else if (++kind.failed == 1) {
        kind.first_error = std::move(status);
      }
    }
    MutexLock lock(&mu_);
    --running_;
    changed_.SignalAll();
  }

  // Popularity must not shift while records are added: room for twice as many as are expected.
  uint64_t MostRecords() const {
    const double most = options_.rate > 0 ? options_.rate : kMostOperationsPerSecond;
    const double operations = limit_ > 0 ? static_cast<double>(limit_) : options_.seconds * most;
    const double inserts = operations * options_.workload.share(OperationKind::kInsert);
    return std::max<uint64_t>(options_.records, 1) + static_cast<uint64_t>(2 * inserts);
  }

  // False when the run is stopped.
  bool AwaitTime(int64_t due_ns) {
    MutexLock lock(&mu_);
    while (!stop_) {
      const int64_t left_ns = due_ns - clock_->BootNanos();
      if (left_ns <= 0) return true;
      changed_.WaitFor(&mu_, std::chrono::nanoseconds(left_ns));
    }
    return false;
  }

  Status Do(const Operation& operation, OperationSource* source, RunResult* result) {
    switch (operation.kind) {
      case OperationKind::kRead:
        return Read(operation.record, &result->kinds[static_cast<size_t>(operation.kind)]);
      case OperationKind::kUpdate:
        return Update(operation.record, source->draws());
      case OperationKind::kInsert:
        return Insert(source->draws());
      case OperationKind::kScan:
        return Scan(operation, &result->rows_scanned);
      case OperationKind::kReadModifyWrite:
        RETURN_IF_ERROR(
            Read(operation.record, &result->kinds[static_cast<size_t>(operation.kind)]));
        return Update(operation.record, source->draws());
    }
    return OkStatus();
  }

  Status Read(uint64_t record, KindResult* kind) {
    ASSIGN_OR_RETURN(const std::optional<Row> row, table_.ReadRow(RecordKey(record)));
    if (!row.has_value()) ++kind->not_found;
    return OkStatus();
  }

  Status Update(uint64_t record, Draws* draws) {
    RowMutationBuilder change(RecordKey(record));
    SetField(draws->Below(options_.fields), draws, &change);
    return table_.Apply(change);
  }

  Status Insert(Draws* draws) {
    const uint64_t record = new_records_.Take();
    RowMutationBuilder change(RecordKey(record));
    for (uint64_t field = 0; field < options_.fields; ++field) SetField(field, draws, &change);
    const Status status = table_.Apply(change);
    new_records_.Done(record);
    return status;
  }

  Status Scan(const Operation& operation, uint64_t* rows) {
    return table_.ReadRows(
        ReadQuery().Range(RecordKey(operation.record), "").Limit(operation.scan_rows),
        [rows](const Row&) {
          ++*rows;
          return true;
        });
  }

  void SetField(uint64_t field, Draws* draws, RowMutationBuilder* change) {
    change->Set(options_.family, "field" + std::to_string(field),
                pool_.substr(draws->Below(kPoolBytes), options_.field_bytes));
  }

  Table table_;
  const RunOptions options_;
  Clock* const clock_;
  NewRecords new_records_;
  const uint64_t limit_;
  std::string pool_;  // values are cut out of it
  int64_t start_ns_ = 0, end_ns_ = 0;
  std::atomic<uint64_t> begun_{0}, done_{0};
  Mutex mu_;
  CondVar changed_;
  uint32_t running_ GUARDED_BY(mu_) = 0;
  bool stop_ GUARDED_BY(mu_) = false;
};

}  // namespace

uint64_t RunResult::operations() const {
  uint64_t sum = 0;
  for (const KindResult& kind : kinds) sum += kind.latencies.count();
  return sum;
}

uint64_t RunResult::failed() const {
  uint64_t sum = 0;
  for (const KindResult& kind : kinds) sum += kind.failed;
  return sum;
}

RunResult RunWorkload(Table* table, const RunOptions& options, Clock* clock,
                      const std::function<bool(uint64_t)>& watch) {
  CHECK(options.threads > 0 && options.fields > 0);
  CHECK(options.load || options.operations > 0 || options.seconds > 0);
  return Runner(table, options, clock).Run(watch);
}

}  // namespace stele::cli::ycsb
