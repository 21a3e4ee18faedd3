#include <deque>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/time/clock.h"
#include "tests/bench/driver.h"
#include "tests/bench/raw_log.h"
#include "tests/bench/served.h"

namespace stele::bench {
namespace {

// Each client is a thread that waits for the oldest of its records.
class RawLogServed : public Served {
 public:
  explicit RawLogServed(const ServedOptions& options) : log_(options.directory) {}
  void Load(const Rows& rows, uint64_t count) override {}
  void Connect(uint32_t clients) override {}
  void Run(const Rows& rows, const Calls& calls, std::vector<int64_t>* took_ns) override {
    std::vector<std::thread> threads;
    for (uint32_t c = 0; c < calls.clients; ++c) {
      threads.emplace_back([&, c] { RunClient(rows, calls, c, took_ns); });
    }
    for (std::thread& thread : threads) thread.join();
  }
  std::string Describe() const override { return RawLog::Describe(); }

 private:
  void RunClient(const Rows& rows, const Calls& calls, uint64_t first,
                 std::vector<int64_t>* took_ns) {
    std::deque<std::pair<uint64_t, uint64_t>> under_way;  // call, ticket
    const auto await_oldest = [&] {
      log_.Await(under_way.front().second);
      (*took_ns)[under_way.front().first] += MonotonicNanos();
      under_way.pop_front();
    };
    for (uint64_t i = first; i < calls.count; i += calls.clients) {
      (*took_ns)[i] = -MonotonicNanos();
      const uint64_t row = calls.row(i);
      under_way.emplace_back(i, log_.Submit(Key(row), rows.Value(row)));
      if (under_way.size() >= calls.depth) await_oldest();
    }
    while (!under_way.empty()) await_oldest();
  }

  RawLog log_;
};

class EngineServed : public Served {
 public:
  explicit EngineServed(const ServedOptions& options) {
    DriverOptions driver;
    driver.directory = options.directory;
    driver.sync_log = true;
    driver.data_bytes = 4 * options.rows * kRowBytes;
    driver.block_cache_bytes = 2 * options.rows * kRowBytes + (64u << 20);
    driver.puts_in_flight = kPutsInFlight;
    driver_ = OpenStele(driver);
  }
  void Load(const Rows& rows, uint64_t count) override {
    for (uint64_t row = 0; row < count; ++row) driver_->Put(Key(row), rows.Value(row));
    driver_->Settle(true);
    Scan();
  }
  void Connect(uint32_t clients) override {}
  // Batches of all clients go through one queue: how long one took is not known.
  void Run(const Rows& rows, const Calls& calls, std::vector<int64_t>* took_ns) override {
    for (uint64_t i = 0; i < calls.count; ++i) {
      const int64_t start_ns = MonotonicNanos();
      if (calls.kind == CallKind::kScan) {
        Scan();
        (*took_ns)[i] = MonotonicNanos() - start_ns;
        continue;
      }
      CHECK(calls.kind == CallKind::kBatch);
      for (uint64_t n = 0; n < kBatchRows; ++n) {
        const uint64_t row = calls.row(i) + n;
        driver_->Put(Key(row), rows.Value(row));
      }
    }
    driver_->Drain();
  }
  std::string Describe() const override {
    return absl::StrCat("in process, log synced: ", driver_->Describe());
  }

 private:
  static constexpr uint32_t kPutsInFlight = 4 * kBatchRows;

  void Scan() {
    uint64_t bytes = 0;
    CHECK(driver_->Scan("", 0, &bytes) > 0);
  }

  std::unique_ptr<Driver> driver_;
};

}  // namespace

std::unique_ptr<Served> ServeRawLog(const ServedOptions& options) {
  return std::make_unique<RawLogServed>(options);
}
std::unique_ptr<Served> ServeEngine(const ServedOptions& options) {
  return std::make_unique<EngineServed>(options);
}

}  // namespace stele::bench
