// Runs one case of one store in this process and prints a JSON line a measure:
//   bench_engine DRIVER CASE ROWS SEED DIRECTORY
// Without arguments it lists its cases, each with its drivers. `run` interleaves such processes.
#include <algorithm>
#include <iostream>

#include "absl/strings/numbers.h"
#include "tests/bench/workload.h"

namespace stele::bench {

std::unique_ptr<Driver> OpenDriver(Slice name, const DriverOptions& options) {
  if (name == "stele") return OpenStele(options);
  if (name == "raw") return OpenRawLog(options);
#ifdef STELE_BENCH_ROCKSDB
  if (name == "rocksdb") return OpenRocksDb(options);
#endif
#ifdef STELE_BENCH_LEVELDB
  if (name == "leveldb") return OpenLevelDb(options);
#endif
  return nullptr;
}

namespace {

std::vector<std::string> DriverNames() {
  std::vector<std::string> names = {"stele"};
#ifdef STELE_BENCH_ROCKSDB
  names.emplace_back("rocksdb");
#endif
#ifdef STELE_BENCH_LEVELDB
  names.emplace_back("leveldb");
#endif
  names.emplace_back("raw");
  return names;
}

int Main(int argc, char** argv) {
  if (argc == 1) {
    for (const std::string& name : CaseNames()) {
      std::cout << name;
      for (const std::string& driver : DriverNames()) {
        if (HasCase(driver, name)) std::cout << " " << driver;
      }
      std::cout << "\n";
    }
    return 0;
  }
  const std::vector<std::string> known = DriverNames();
  CaseOptions options;
  if (argc != 6 || std::find(known.begin(), known.end(), argv[1]) == known.end() ||
      !absl::SimpleAtoi(argv[3], &options.rows) || !absl::SimpleAtoi(argv[4], &options.seed) ||
      options.rows < 1000) {
    std::cerr << "usage: bench_engine DRIVER CASE ROWS SEED DIRECTORY (at least 1,000 rows)\n";
    return 2;
  }
  options.driver = argv[1];
  options.directory = argv[5];
  const bool ran = RunCase(
      argv[2], options, [](const Measure& measure) { std::cout << ToJson(measure) << std::endl; });
  if (!ran) std::cerr << "bench_engine: no case " << argv[2] << "\n";
  return ran ? 0 : 2;
}

}  // namespace
}  // namespace stele::bench

int main(int argc, char** argv) { return stele::bench::Main(argc, argv); }
