#include "tests/bench/workload.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "tests/bench/rows.h"

namespace stele::bench {
namespace {

constexpr uint64_t kSmallCacheBytes = 8u << 20;
constexpr uint32_t kOverlappingFiles = 8;
constexpr uint32_t kPutsInFlight = 256;
constexpr uint64_t kScanPasses = 3;
constexpr uint64_t kRowsPerSeek = 100;

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
  AwaitQuiet();
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

void FullScans(Bench* bench, const std::string& name) {
  uint64_t bytes = 0, rows = 0;
  Meter meter;
  for (uint64_t pass = 0; pass < kScanPasses; ++pass) rows += bench->driver->Scan("", 0, &bytes);
  meter.StopClock();
  CHECK_EQ(rows, kScanPasses * bench->rows.count());
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
  FullScans(bench, "sequential_read");
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

void ReadOverlap(Bench* bench) {
  bench->driver_options.puts_in_flight = kPutsInFlight;
  bench->driver_options.block_cache_bytes = bench->CacheForAll();
  bench->driver_options.memtable_bytes = bench->rows.count() * kRowBytes / 2;
  bench->driver_options.merge = false;
  bench->Open();
  const uint64_t count = bench->rows.count();
  for (uint32_t file = 0; file < kOverlappingFiles; ++file) {
    const uint64_t end = count * (file + 1) / kOverlappingFiles;
    for (uint64_t i = count * file / kOverlappingFiles; i < end; ++i) {
      bench->Put(bench->rows.Shuffled(i));
    }
    bench->driver->Settle(false);
  }
  RandomReads(bench, "absent_read_8_files", 1, count, true);
  FullScans(bench, "scan_8_files");
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
};

}  // namespace

std::vector<std::string> CaseNames() {
  std::vector<std::string> names;
  for (const Case& one : kCases) names.emplace_back(one.name);
  return names;
}

bool HasCase(const std::string& driver, const std::string& name) {
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
