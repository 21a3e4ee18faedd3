#include "tests/bench/workload.h"

#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/mutex.h"
#include "common/time/clock.h"
#include "tests/bench/rows.h"

namespace stele::bench {
namespace {

constexpr uint64_t kSmallCacheBytes = 8u << 20;
constexpr uint32_t kOverlappingFiles = 8;
constexpr uint32_t kPutsInFlight = 256;
constexpr uint64_t kScanPasses = 3;
constexpr uint64_t kRowsPerSeek = 100;
constexpr double kMixedRate = 20'000;  // operations a second
constexpr uint64_t kGrowthCacheBytes = 32u << 20;

struct Bench {
  const CaseOptions& options;
  const std::function<void(const Measure&)>& report;
  Rows rows;
  DriverOptions driver_options;
  std::unique_ptr<Driver> driver;

  void Open() {
    driver_options.directory = options.directory;
    driver_options.data_bytes = rows.count() * kRowBytes;
    driver = OpenDriver(options.driver, driver_options);
  }
  void Report(Measure measure) {
    measure.options = driver->Describe();
    report(measure);
  }
  void Put(uint64_t row) { driver->Put(Key(row), rows.Value(row)); }
  void Load() {
    for (uint64_t i = 0; i < rows.count(); ++i) Put(rows.Shuffled(i));
  }
  void AwaitQuietStore() {
    AwaitQuiet([this] { return driver->IsWorking(); });
  }
  uint64_t CacheForAll() const { return rows.count() * kRowBytes * 3 / 2 + (64u << 20); }
};

void Write(Bench* bench, const std::string& name, bool random, uint32_t in_flight, uint64_t count) {
  bench->driver_options.puts_in_flight = in_flight;
  bench->Open();
  Meter meter;
  for (uint64_t i = 0; i < count; ++i) bench->Put(random ? bench->rows.Shuffled(i) : i);
  bench->driver->Drain();
  meter.StopClock();
  bench->driver->Settle(false);
  bench->AwaitQuietStore();
  bench->Report(meter.Finish(name, count, count * kRowBytes));
}

void WriteSynced(Bench* bench, uint32_t writers, uint64_t count) {
  bench->driver_options.sync_log = true;
  bench->Open();
  Meter meter = RunThreads(writers, count, [bench](uint64_t i) {
    const uint64_t row = bench->rows.Shuffled(i);
    bench->driver->PutSync(Key(row), bench->rows.Value(row));
  });
  bench->Report(
      meter.Finish(absl::StrCat("random_write_synced_", writers), count, count * kRowBytes));
}

void RandomReads(Bench* bench, const std::string& name, uint32_t threads, uint64_t count,
                 bool absent) {
  Meter meter = RunThreads(threads, count, [bench, absent](uint64_t i) {
    thread_local std::string value;
    const uint64_t row = bench->rows.ForRead(i);
    CHECK_EQ(bench->driver->Get(Key(row, absent), &value), !absent);
    CHECK(absent || value.size() == kValueBytes);
  });
  bench->Report(meter.Finish(name, count, absent ? 0 : count * kRowBytes));
}

void FullScans(Bench* bench, const std::string& name, uint64_t passes) {
  uint64_t bytes = 0, rows = 0;
  Meter meter;
  for (uint64_t pass = 0; pass < passes; ++pass) rows += bench->driver->Scan("", 0, &bytes);
  meter.StopClock();
  CHECK_EQ(rows, passes * bench->rows.count());
  bench->Report(meter.Finish(name, rows, bytes));
}

void Seeks(Bench* bench, uint64_t count) {
  uint64_t bytes = 0, rows = 0;
  Meter meter;
  for (uint64_t i = 0; i < count; ++i) {
    rows += bench->driver->Scan(Key(bench->rows.Shuffled(i)), kRowsPerSeek, &bytes);
  }
  meter.StopClock();
  CHECK(rows > 0);
  bench->Report(meter.Finish("seek_100", count, bytes));
}

void ReadWarm(Bench* bench) {
  bench->driver_options.puts_in_flight = kPutsInFlight;
  bench->driver_options.block_cache_bytes = bench->CacheForAll();
  bench->Open();
  bench->Load();
  bench->driver->Settle(true);
  std::string value;
  for (uint64_t row = 0; row < bench->rows.count(); ++row) {
    CHECK(bench->driver->Get(Key(row), &value));
  }
  const uint64_t count = bench->rows.count();
  RandomReads(bench, "random_read_warm_1", 1, count, false);
  RandomReads(bench, "random_read_warm_2", 2, count, false);
  FullScans(bench, "sequential_read", kScanPasses);
  Seeks(bench, std::max<uint64_t>(1, count / 50));
}

void ReadPageCache(Bench* bench) {
  bench->driver_options.puts_in_flight = kPutsInFlight;
  bench->driver_options.block_cache_bytes = kSmallCacheBytes;
  bench->Open();
  bench->Load();
  bench->driver->Settle(true);
  RandomReads(bench, "random_read_page_cache", 1, bench->rows.count() / 2, false);
}

void ReadMemtable(Bench* bench) {
  bench->driver_options.puts_in_flight = kPutsInFlight;
  bench->driver_options.memtable_bytes = bench->rows.count() * kRowBytes * 4;
  bench->Open();
  bench->Load();
  bench->driver->Drain();
  RandomReads(bench, "random_read_memtable", 1, bench->rows.count(), false);
}

// Flushed files over the same range, which are not merged.
void LoadOverlapping(Bench* bench, uint32_t files) {
  bench->driver_options.puts_in_flight = kPutsInFlight;
  bench->driver_options.block_cache_bytes = bench->CacheForAll();
  bench->driver_options.memtable_bytes = bench->rows.count() * kRowBytes * 2;
  bench->driver_options.merge = false;
  bench->Open();
  const uint64_t count = bench->rows.count();
  for (uint32_t file = 0; file < files; ++file) {
    const uint64_t end = count * (file + 1) / files;
    for (uint64_t i = count * file / files; i < end; ++i) bench->Put(bench->rows.Shuffled(i));
    bench->driver->Settle(false);
  }
}

void ReadOverlap(Bench* bench) {
  LoadOverlapping(bench, kOverlappingFiles);
  // The first brings every block into the cache, from the page cache; then all stores are warm.
  FullScans(bench, "first_scan_8_files", 1);
  FullScans(bench, "scan_8_files", kScanPasses);
  RandomReads(bench, "absent_read_8_files", 1, bench->rows.count(), true);
}

// Waits until due_ns. A store's own work must not be disturbed by a spinning thread.
void AwaitTime(int64_t due_ns) {
  Mutex mu;
  CondVar never;
  MutexLock lock(&mu);
  for (int64_t left_ns = due_ns - MonotonicNanos(); left_ns > 0;
       left_ns = due_ns - MonotonicNanos()) {
    never.WaitFor(&mu, std::chrono::nanoseconds(left_ns));
  }
}

// fn(i) at its moment, at `rate` a second in all; returns how long after that moment each ended. A
// call that is held up delays the moments of none: what others wait for it counts.
std::vector<int64_t> OpenLoop(uint32_t threads, double rate, uint64_t count,
                              const std::function<void(uint64_t)>& fn) {
  std::vector<int64_t> took_ns(count);
  std::atomic<uint64_t> next{0};
  const int64_t start_ns = MonotonicNanos();
  std::vector<std::thread> running;
  for (uint32_t t = 0; t < threads; ++t) {
    running.emplace_back([&] {
      prctl(PR_SET_TIMERSLACK, 1);
      for (uint64_t i = next++; i < count; i = next++) {
        const int64_t due_ns = start_ns + static_cast<int64_t>(static_cast<double>(i) * 1e9 / rate);
        AwaitTime(due_ns);
        fn(i);
        took_ns[i] = MonotonicNanos() - due_ns;
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  return took_ns;
}

// Reads and overwrites at a fixed rate, the same for every store, while it flushes and merges:
// latencies are those of the reads.
void Mixed(Bench* bench, const std::string& name, uint32_t read_percent) {
  bench->driver_options.memtable_bytes =
      std::max<uint64_t>(1u << 20, bench->rows.count() * kRowBytes / 50);
  bench->driver_options.block_cache_bytes = bench->CacheForAll();
  bench->Open();
  bench->Load();  // what it leaves to be merged is merged meanwhile
  const uint64_t count = bench->rows.count(), reads = count * read_percent / 100;
  const double read_rate = kMixedRate * read_percent / 100, write_rate = kMixedRate - read_rate;
  Meter meter;
  std::thread writer([&] {
    OpenLoop(2, write_rate, count - reads, [bench](uint64_t i) {
      const uint64_t row = bench->rows.Shuffled(i);
      bench->driver->PutSync(Key(row), bench->rows.Value(row));
    });
  });
  std::vector<int64_t> took_ns = OpenLoop(2, read_rate, reads, [bench](uint64_t i) {
    thread_local std::string value;
    CHECK(bench->driver->Get(Key(bench->rows.ForRead(i)), &value));
  });
  writer.join();
  Measure measure = meter.Finish(name, count, count * kRowBytes);
  std::sort(took_ns.begin(), took_ns.end());
  measure.p50_us = static_cast<double>(took_ns[reads / 2]) * 1e-3;
  measure.p99_us = static_cast<double>(took_ns[reads * 99 / 100]) * 1e-3;
  bench->Report(measure);
}

// All rows stand in the log and none in a file; the store ends as in a crash and is opened again.
void Recover(Bench* bench, const std::string& name, uint64_t rows) {
  bench->driver_options.memtable_bytes = rows * kRowBytes * 4;
  bench->driver_options.puts_in_flight = kPutsInFlight;
  bench->Open();
  for (uint64_t i = 0; i < rows; ++i) bench->Put(bench->rows.Shuffled(i));
  bench->driver->Drain();
  bench->driver.reset();
  Meter meter;
  bench->Open();
  meter.StopClock();
  std::string value;
  for (uint64_t i = 0; i < rows; i += 997) {
    CHECK(bench->driver->Get(Key(bench->rows.Shuffled(i)), &value));
  }
  bench->Report(meter.Finish(name, rows, rows * kRowBytes));
}

// The same three figures for every size of the data; the cache does not grow with it.
void Grow(Bench* bench) {
  const uint64_t count = bench->rows.count(), reads = std::min<uint64_t>(count, 200'000);
  bench->driver_options.puts_in_flight = kPutsInFlight;
  bench->driver_options.block_cache_bytes = kGrowthCacheBytes;
  bench->Open();
  Meter meter;
  bench->Load();
  bench->driver->Drain();
  meter.StopClock();
  bench->driver->Settle(false);
  bench->AwaitQuietStore();
  bench->Report(meter.Finish("growth_write", count, count * kRowBytes));
  // The page cache has what there is room for: else it is chance how much of it the kernel kept.
  uint64_t unused = 0, bytes = 0;
  CHECK_EQ(bench->driver->Scan("", 0, &unused), count);
  RandomReads(bench, "growth_read", 1, reads, false);
  Meter scan;
  CHECK_EQ(bench->driver->Scan("", 0, &bytes), count);
  bench->Report(scan.Finish("growth_scan", count, bytes));
}

// The same rows in so many overlapping files.
void GrowFiles(Bench* bench, uint32_t files) {
  LoadOverlapping(bench, files);
  RandomReads(bench, absl::StrCat("growth_files_read_", files), 1, bench->rows.count() / 2, false);
  FullScans(bench, absl::StrCat("growth_files_scan_", files), kScanPasses);
}

struct Case {
  const char* name;
  void (*run)(Bench*);
};

constexpr Case kCases[] = {
    {"random_write",
     [](Bench* b) { Write(b, "random_write", true, kPutsInFlight, b->rows.count()); }},
    {"sequential_write",
     [](Bench* b) { Write(b, "sequential_write", false, kPutsInFlight, b->rows.count()); }},
    {"random_write_blocking",
     [](Bench* b) { Write(b, "random_write_blocking", true, 1, b->rows.count() / 4); }},
    {"synced_1", [](Bench* b) { WriteSynced(b, 1, b->rows.count() / 40); }},
    {"synced_16", [](Bench* b) { WriteSynced(b, 16, b->rows.count() / 8); }},
    {"synced_64", [](Bench* b) { WriteSynced(b, 64, b->rows.count() / 4); }},
    {"read_warm", ReadWarm},
    {"read_page_cache", ReadPageCache},
    {"read_memtable", ReadMemtable},
    {"read_overlap", ReadOverlap},
    {"mixed_95", [](Bench* b) { Mixed(b, "mixed_95", 95); }},
    {"mixed_50", [](Bench* b) { Mixed(b, "mixed_50", 50); }},
    {"recover_1", [](Bench* b) { Recover(b, "recover_1", b->rows.count() / 16); }},
    {"recover_4", [](Bench* b) { Recover(b, "recover_4", b->rows.count() / 4); }},
    {"recover_16", [](Bench* b) { Recover(b, "recover_16", b->rows.count()); }},
    {"growth", Grow},
    {"growth_files_1", [](Bench* b) { GrowFiles(b, 1); }},
    {"growth_files_8", [](Bench* b) { GrowFiles(b, 8); }},
    {"growth_files_64", [](Bench* b) { GrowFiles(b, 64); }},
};

}  // namespace

std::vector<std::string> CaseNames() {
  std::vector<std::string> names;
  for (const Case& one : kCases) names.emplace_back(one.name);
  return names;
}

bool HasCase(const std::string& driver, const std::string& name) {
  if (name.rfind("growth", 0) == 0) return driver == "stele";
  return driver != "raw" || name.rfind("synced_", 0) == 0;
}

bool RunCase(const std::string& name, const CaseOptions& options,
             const std::function<void(const Measure&)>& report) {
  for (const Case& one : kCases) {
    if (name != one.name) continue;
    Bench bench{options, report, Rows(options.rows, options.seed), {}, nullptr};
    one.run(&bench);
    return true;
  }
  return false;
}

}  // namespace stele::bench
