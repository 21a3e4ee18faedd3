// Runs one case against one peer and prints a JSON line a measure:
//   bench_cell PEER CASE ROWS SEED DIRECTORY
// Without arguments it lists its peers and cases. `run` interleaves such processes. The costs in a
// line are those of the servers, where there are any beside this process.
#include <algorithm>
#include <iostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include "tests/bench/served.h"

namespace stele::bench {
namespace {

constexpr uint32_t kHotClients = 64;
constexpr uint64_t kScanPasses = 5;
constexpr char kGrowth[] = "growth_cell";

struct Peer {
  const char* name;
  std::unique_ptr<Served> (*open)(const ServedOptions&);
};
constexpr Peer kPeers[] = {{"cell", ServeCell},
                           {"echo", ServeEcho},
                           {"redis", ServeRedis},
                           {"raw", ServeRawLog},
                           {"engine", ServeEngine}};

struct Run {
  Served* served;
  Rows rows;

  // Measures the calls; each is of so many rows. `settle`: costs go on until all is in files.
  void Measured(const std::string& name, const Calls& calls, uint64_t rows_of_call,
                bool settle = false) {
    served->Connect(calls.clients);
    std::vector<int64_t> took_ns(calls.count, 0);
    Meter meter(served->servers());
    served->Run(rows, calls, &took_ns);
    meter.StopClock();
    if (settle) meter.AwaitQuiet(served->Flush());
    Measure measure =
        meter.Finish(name, calls.count * rows_of_call, calls.count * rows_of_call * kRowBytes);
    std::sort(took_ns.begin(), took_ns.end());
    measure.p50_us = static_cast<double>(took_ns[calls.count / 2]) * 1e-3;
    measure.p99_us = static_cast<double>(took_ns[calls.count * 99 / 100]) * 1e-3;
    measure.options = served->Describe();
    std::cout << ToJson(measure) << std::endl;
  }
  // The page cache has what there is room for: else it is chance how much of it the kernel kept.
  void Warm() {
    served->Connect(1);
    std::vector<int64_t> took_ns(1);
    served->Run(rows, Of(CallKind::kScan, 1, 1, 1), &took_ns);
  }
  Calls Of(CallKind kind, uint32_t clients, uint32_t depth, uint64_t count) const {
    return {kind, clients, depth, std::max<uint64_t>(count, 1),
            [this](uint64_t i) { return rows.ForRead(i); }};
  }
};

void Reads(Run* run) {
  const uint64_t rows = run->rows.count();
  run->served->Load(run->rows, rows);
  run->Measured("cell_read_1x1", run->Of(CallKind::kRead, 1, 1, rows / 4), 1);
  run->Measured("cell_read_16x1", run->Of(CallKind::kRead, 16, 1, rows), 1);
  run->Measured("cell_read_16x16", run->Of(CallKind::kRead, 16, 16, 3 * rows), 1);
}

void Writes(Run* run) {
  run->Measured("cell_write_16x16", run->Of(CallKind::kWrite, 16, 16, run->rows.count()), 1);
}

void Batches(Run* run) {
  Calls calls = run->Of(CallKind::kBatch, 4, 1, 2 * run->rows.count() / kBatchRows);
  const uint64_t batches = run->rows.count() / kBatchRows;
  calls.row = [batches](uint64_t i) { return i % batches * kBatchRows; };
  run->Measured("cell_batch_100", calls, kBatchRows);
}

// The peer does one after the other: what a sync takes is what an increment would, alone.
void Increments(Run* run, bool alone) {
  const uint64_t count = run->rows.count() / 4;
  run->Measured("cell_increment_hot",
                alone ? run->Of(CallKind::kWrite, 1, 1, count / 8)
                      : run->Of(CallKind::kIncrement, kHotClients, 1, count),
                1);
}

void Scans(Run* run) {
  run->served->Load(run->rows, run->rows.count());
  run->Measured("cell_scan", run->Of(CallKind::kScan, 1, 1, kScanPasses), run->rows.count());
}

// Each server has as many calls under way on each connection, whatever their number: what an
// operation costs all of them together.
void GrowServers(Run* run, int servers) {
  const auto depth = static_cast<uint32_t>(4 * servers);
  run->served->Load(run->rows, run->rows.count());
  run->Measured(absl::StrCat("growth_servers_read_", servers),
                run->Of(CallKind::kRead, 16, depth, 2 * run->rows.count()), 1);
  run->Measured(absl::StrCat("growth_servers_write_", servers),
                run->Of(CallKind::kWrite, 16, depth, run->rows.count()), 1);
}

// A cell whose table splits as it grows, its memory and caches of one size.
void Grow(Run* run) {
  const uint64_t rows = run->rows.count();
  Calls writes = run->Of(CallKind::kWrite, 16, 16, rows);
  writes.row = [run](uint64_t i) { return run->rows.Shuffled(i); };
  run->Measured("growth_cell_write", writes, 1, /*settle=*/true);
  run->Warm();
  run->Measured("growth_cell_read",
                run->Of(CallKind::kRead, 16, 4, std::min<uint64_t>(rows, 400'000)), 1);
  run->Measured("growth_cell_scan", run->Of(CallKind::kScan, 1, 1, 1), rows);
}

struct Case {
  const char* name;
  const char* peers;
  int servers;
  void (*run)(Run*, const std::string& peer);
};
constexpr Case kCases[] = {
    {"read", "cell echo redis", 1, [](Run* run, const std::string&) { Reads(run); }},
    {"write", "cell raw", 1, [](Run* run, const std::string&) { Writes(run); }},
    {"batch", "cell engine", 1, [](Run* run, const std::string&) { Batches(run); }},
    {"increment", "cell raw", 1,
     [](Run* run, const std::string& peer) { Increments(run, peer == "raw"); }},
    {"scan", "cell engine", 1, [](Run* run, const std::string&) { Scans(run); }},
    {kGrowth, "cell", 1, [](Run* run, const std::string&) { Grow(run); }},
    {"growth_servers_1", "cell", 1, [](Run* run, const std::string&) { GrowServers(run, 1); }},
    {"growth_servers_2", "cell", 2, [](Run* run, const std::string&) { GrowServers(run, 2); }},
    {"growth_servers_4", "cell", 4, [](Run* run, const std::string&) { GrowServers(run, 4); }},
};

int Main(int argc, char** argv) {
  if (argc == 1) {
    for (const Case& one : kCases) std::cout << one.name << " " << one.peers << "\n";
    return 0;
  }
  uint64_t rows = 0, seed = 0;
  if (argc != 6 || !absl::SimpleAtoi(argv[3], &rows) || !absl::SimpleAtoi(argv[4], &seed) ||
      rows < 1000) {
    std::cerr << "usage: bench_cell PEER CASE ROWS SEED DIRECTORY (at least 1,000 rows)\n";
    return 2;
  }
  for (const Peer& peer : kPeers) {
    if (peer.name != std::string(argv[1])) continue;
    for (const Case& one : kCases) {
      if (one.name != std::string(argv[2])) continue;
      const bool grows = std::string_view(one.name) == kGrowth;
      const std::unique_ptr<Served> served = peer.open({argv[5], rows, one.servers, grows});
      Run run{served.get(), Rows(rows, seed)};
      one.run(&run, peer.name);
      return 0;
    }
  }
  std::cerr << "bench_cell: no peer " << argv[1] << " or no case " << argv[2] << "\n";
  return 2;
}

}  // namespace
}  // namespace stele::bench

int main(int argc, char** argv) { return stele::bench::Main(argc, argv); }
