// Runs one core path of the code so and so often, so that callgrind can count its instructions:
//   bench_counts CASE OPERATIONS DIRECTORY
// Without arguments it lists its cases, and what one operation of each is. Only the operations are
// counted, of all threads: what prepares them is not. Everything is the same in every run: keys,
// values, names of files; nothing works in the background. DIRECTORY is empty or absent.
#include <valgrind/callgrind.h>

#include <functional>
#include <iostream>

#include "absl/strings/numbers.h"
#include "common/base/check.h"
#include "schema/convert/codec.h"
#include "tests/bench/counted_calls.h"
#include "tests/bench/driver.h"
#include "tests/bench/rows.h"

namespace stele::bench {
namespace {

constexpr uint64_t kRows = 20'000;
constexpr uint64_t kSeed = 1;
constexpr uint32_t kOverlappingFiles = 8;
constexpr uint32_t kMergedFiles = 4;
constexpr uint64_t kRowsPerSeek = 100;
constexpr uint64_t kWarmUps = 100;

struct Count {
  uint64_t operations;
  std::string directory;
};

// fn(i) for kWarmUps numbers, which are not counted, and then for each operation.
void Counted(const Count& count, const std::function<void(uint64_t)>& fn) {
  for (uint64_t i = 0; i < kWarmUps; ++i) fn(i);
  CALLGRIND_START_INSTRUMENTATION;
  for (uint64_t i = kWarmUps; i < kWarmUps + count.operations; ++i) fn(i);
  CALLGRIND_STOP_INSTRUMENTATION;
}

// Rows in so many files over the same range; 0: all in the memtable.
struct Loaded {
  Loaded(const Count& count, uint32_t files, uint64_t row_count, uint64_t cache_bytes)
      : rows(row_count, kSeed) {
    DriverOptions options;
    options.directory = count.directory;
    options.repeatable = true;
    options.data_bytes = options.memtable_bytes = 4 * row_count * kRowBytes;
    options.block_cache_bytes = cache_bytes;
    options.merge = files <= 1;
    driver = OpenStele(options);
    for (uint32_t file = 0; file < std::max(files, 1u); ++file) {
      for (uint64_t i = file; i < row_count; i += std::max(files, 1u)) Put(rows.Shuffled(i));
      if (files > 0) driver->Settle(files == 1);
    }
  }
  // kRows, with every block in the cache.
  Loaded(const Count& count, uint32_t files) : Loaded(count, files, kRows, 4 * kRows * kRowBytes) {
    uint64_t bytes = 0;
    CHECK_EQ(driver->Scan("", 0, &bytes), kRows);
  }
  void Put(uint64_t row) { driver->Put(Key(row), rows.Value(row)); }

  Rows rows;
  std::unique_ptr<Driver> driver;
};

void Reads(const Count& count, uint32_t files, bool absent) {
  Loaded loaded(count, files);
  std::string value;
  Counted(count, [&](uint64_t i) {
    CHECK_EQ(loaded.driver->Get(Key(loaded.rows.ForRead(i), absent), &value), !absent);
  });
}

void Scans(const Count& count, uint32_t files) {
  Loaded loaded(count, files);
  uint64_t bytes = 0;
  Counted(count, [&](uint64_t i) {
    const uint64_t start = loaded.rows.ForRead(i) % (kRows - kRowsPerSeek);
    CHECK_EQ(loaded.driver->Scan(Key(start), kRowsPerSeek, &bytes), kRowsPerSeek);
  });
}

void Writes(const Count& count) {
  Loaded loaded(count, 0);
  Counted(count, [&](uint64_t i) { loaded.Put(loaded.rows.ForRead(i)); });
}

// An operation is a row; next to no block is in the cache, as where there are many files.
void Merges(const Count& count) {
  Loaded loaded(count, kMergedFiles, count.operations, /*cache_bytes=*/1u << 20);
  CALLGRIND_START_INSTRUMENTATION;
  loaded.driver->Settle(/*compact=*/true);
  CALLGRIND_STOP_INSTRUMENTATION;
}

// There and back, as client and server do it.
template <typename Message>
void PassOn(const Message& message) {
  StatusOr<net::Buffer> body = wire::Encode(message);
  CHECK_OK(body.status());
  Message out;
  CHECK_OK(wire::Decode(*body, &out));
}

void MutateMessages(const Count& count) {
  const Rows rows(kRows, kSeed);
  wire::MutateRowsRequest request{.table = 7, .tablet = 100, .client_id = 5};
  request.sequences = {1};
  wire::MutateRowsResponse response;
  response.results.resize(1);
  Counted(count, [&](uint64_t i) {
    request.rows = {{std::string(Slice(Key(i))),
                     {SetCell{.family = "f", .value = std::string(rows.Value(i))}}}};
    PassOn(request);
    PassOn(response);
  });
}

void ReadMessages(const Count& count) {
  const Rows rows(kRows, kSeed);
  wire::ReadRowsRequest request{.table = 7, .tablet = 100};
  request.rows_limit = 1;
  wire::ReadRowsResponse response;
  response.done = true;
  Counted(count, [&](uint64_t i) {
    request.rows.keys = {std::string(Slice(Key(i)))};
    PassOn(request);
    response.rows = {{request.rows.keys[0],
                      {{.family = "f", .timestamp_us = 1, .value = std::string(rows.Value(i))}}}};
    PassOn(response);
  });
}

void CallOver(const Count& count, CountedCalls::Kind kind) {
  const std::unique_ptr<CountedCalls> calls = CountedCalls::Start(count.directory);
  calls->Run(kind, kWarmUps);
  CALLGRIND_START_INSTRUMENTATION;
  calls->Run(kind, count.operations);
  CALLGRIND_STOP_INSTRUMENTATION;
}

struct Case {
  const char* name;
  const char* operation;
  uint64_t operations;
  void (*run)(const Count&);
};

constexpr Case kCases[] = {
    {"read_memtable", "point read of a row in the memtable", 5000,
     [](const Count& c) { Reads(c, 0, false); }},
    {"read_cache", "point read of a row in one file, its block in the cache", 5000,
     [](const Count& c) { Reads(c, 1, false); }},
    {"read_8_files", "the same with 8 overlapping files", 5000,
     [](const Count& c) { Reads(c, kOverlappingFiles, false); }},
    {"absent_8_files", "point read of a key that no filter of 8 files knows", 5000,
     [](const Count& c) { Reads(c, kOverlappingFiles, true); }},
    {"seek_100", "seek and 100 rows from one file in the cache", 300,
     [](const Count& c) { Scans(c, 1); }},
    {"seek_100_8_files", "the same from 8 overlapping files", 300,
     [](const Count& c) { Scans(c, kOverlappingFiles); }},
    {"write", "write of one row through the engine, acknowledged, the log not synced", 5000,
     Writes},
    {"merge", "a row of 1 KB merged from 4 files", 20'000, Merges},
    {"mutate_message", "a write of one row and its answer, encoded and decoded", 5000,
     MutateMessages},
    {"read_message", "a point read and its answer with a row, encoded and decoded", 5000,
     ReadMessages},
    {"call_read", "a point read by the client library of a cell in the process, 16 under way", 5000,
     [](const Count& c) { CallOver(c, CountedCalls::Kind::kRead); }},
    {"call_write", "a write of one row likewise, acknowledged, the log synced", 5000,
     [](const Count& c) { CallOver(c, CountedCalls::Kind::kWrite); }},
    {"call_batch", "a write of 100 rows likewise", 100,
     [](const Count& c) { CallOver(c, CountedCalls::Kind::kBatch); }},
    {"call_increment", "an increment likewise, all of one row", 5000,
     [](const Count& c) { CallOver(c, CountedCalls::Kind::kIncrement); }},
};

int Main(int argc, char** argv) {
  if (argc == 1) {
    for (const Case& one : kCases) {
      std::cout << one.name << "\t" << one.operations << "\t" << one.operation << "\n";
    }
    return 0;
  }
  Count count;
  if (argc != 4 || !absl::SimpleAtoi(argv[2], &count.operations) || count.operations == 0) {
    std::cerr << "usage: bench_counts CASE OPERATIONS DIRECTORY\n";
    return 2;
  }
  count.directory = argv[3];
  for (const Case& one : kCases) {
    if (one.name != std::string(argv[1])) continue;
    one.run(count);
    return 0;
  }
  std::cerr << "bench_counts: no case " << argv[1] << "\n";
  return 2;
}

}  // namespace
}  // namespace stele::bench

int main(int argc, char** argv) { return stele::bench::Main(argc, argv); }
