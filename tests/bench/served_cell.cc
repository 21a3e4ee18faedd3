#include <algorithm>
#include <atomic>
#include <latch>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/time/clock.h"
#include "stele/client.h"
#include "tabletserver/storage/engine.h"
#include "tests/bench/bench_table.h"
#include "tests/bench/served.h"
#include "tests/cluster/process_cell.h"

namespace stele::bench {
namespace {

constexpr char kHotRow[] = "hot";
constexpr uint32_t kLoadBatches = 8;
constexpr int64_t kStartTimeoutMs = 60'000;
constexpr uint64_t kMoreQuietMs = 2'000;

// Each server could keep all rows in its cache, as the peers keep them in memory. Of data that
// grows few reads are hits; what was merged, which is much, does not go on lying in the trash.
std::vector<std::string> MemoryFor(const ServedOptions& options) {
  if (options.grows) return {"--block-cache", "32m", "--trash-keep", "0s"};
  constexpr uint64_t kMiB = 1u << 20;
  const uint64_t cache_mib = options.rows * kRowBytes * 5 / 4 / kMiB + 64;
  const uint64_t limit_mib = std::max<uint64_t>(1024, 3 * cache_mib + 256);
  return {"--memory-limit", absl::StrCat(limit_mib, "m"), "--block-cache",
          absl::StrCat(cache_mib, "m")};
}

// One client: a connection of its own.
struct Caller {
  std::unique_ptr<Client> client;
  std::unique_ptr<Table> table;
};

class CellServed : public Served {
 public:
  explicit CellServed(const ServedOptions& options)
      : cell_(STELE_BINARY, 1, options.servers,
              {.session_timeout_ms = 10'000,
               .server_words = MemoryFor(options),
               .master_words = {"--split-load", "0", "--balance-after", "1h"}}),
        cache_(options.grows ? "a cache of 32 MiB" : "a cache for all rows") {
    CHECK_OK(cell_.Start());
    CHECK(cell_.AwaitActiveMaster(kStartTimeoutMs) >= 0);
    callers_.push_back(NewClient());
    std::vector<std::string> splits;
    for (int i = 1; i < options.servers; ++i) {
      const uint64_t first = options.rows * static_cast<uint64_t>(i);
      splits.emplace_back(Key(first / static_cast<uint64_t>(options.servers)).view());
    }
    CHECK_OK(callers_[0].client->admin().CreateTable(BenchTable(), splits).status());
    OpenTable(&callers_[0]);
  }

  void Load(const Rows& rows, uint64_t count) override {
    std::vector<int64_t> unused((count + kBatchRows - 1) / kBatchRows);
    Run(rows,
        {.kind = CallKind::kBatch,
         .depth = kLoadBatches,
         .count = unused.size(),
         .row = [](uint64_t i) { return i * kBatchRows; }},
        &unused);
    CHECK_OK(callers_[0].client->admin().CompactTable(kBenchTable));
    Scan(0);
  }

  std::chrono::milliseconds Flush() override {
    CHECK_OK(callers_[0].client->admin().FlushTable(kBenchTable));
    // Until also what splits left shared is rewritten.
    return std::chrono::milliseconds(storage::EngineOptions().split_rewrite_after_ms +
                                     kMoreQuietMs);
  }

  void Connect(uint32_t clients) override {
    while (callers_.size() < clients) {
      Caller caller = NewClient();
      OpenTable(&caller);
      callers_.push_back(std::move(caller));
    }
    for (Caller& caller : callers_) CHECK_OK(caller.table->ReadRow(kHotRow).status());
  }

  void Run(const Rows& rows, const Calls& calls, std::vector<int64_t>* took_ns) override {
    CHECK(callers_.size() >= calls.clients);
    if (calls.kind == CallKind::kScan) {
      for (uint64_t i = 0; i < calls.count; ++i) (*took_ns)[i] = Scan(i);
    } else if (calls.clients == 1 && calls.depth == 1) {
      for (uint64_t i = 0; i < calls.count; ++i) (*took_ns)[i] = CallBlocking(rows, calls, i);
    } else {
      RunChains(rows, calls, took_ns);
    }
  }

  std::vector<pid_t> servers() const override {
    std::vector<pid_t> pids;
    for (int i = 0; i < cell_.servers(); ++i) pids.push_back(pid_of(i));
    return pids;
  }

  std::string Describe() const override {
    return absl::StrCat("a master and ", cell_.servers(), " tablet servers with ", cache_,
                        " over ZooKeeper, ", callers_.size(), " clients with one io thread each");
  }

 private:
  // Calls one after the other, each begun by the answer to the one before.
  struct Chain {
    Table* table;
    uint64_t next, step;
    int64_t started_ns;
  };

  pid_t pid_of(int server) const { return const_cast<ProcessCell&>(cell_).server(server)->pid(); }

  Caller NewClient() {
    StatusOr<std::unique_ptr<Client>> client = Client::Connect(cell_.address());
    CHECK_OK(client.status());
    return {*std::move(client), nullptr};
  }
  static void OpenTable(Caller* caller) {
    StatusOr<Table> table = caller->client->OpenTable(kBenchTable);
    CHECK_OK(table.status());
    caller->table = std::make_unique<Table>(*std::move(table));
  }

  int64_t CallBlocking(const Rows& rows, const Calls& calls, uint64_t i) {
    const int64_t start_ns = MonotonicNanos();
    CHECK(calls.kind == CallKind::kRead);
    StatusOr<std::optional<Row>> row = callers_[0].table->ReadRow(Key(calls.row(i)).view());
    CHECK_OK(row.status());
    CHECK(row->has_value());
    return MonotonicNanos() - start_ns;
  }

  int64_t Scan(uint64_t) {
    const int64_t start_ns = MonotonicNanos();
    uint64_t sum = 0;
    CHECK_OK(callers_[0].table->ReadRows(ReadQuery(), [&](const Row& row) {
      sum += row.key.size() + static_cast<unsigned char>(row.cells.front().value.back());
      return true;
    }));
    CHECK(sum > 0);
    return MonotonicNanos() - start_ns;
  }

  void RunChains(const Rows& rows, const Calls& calls, std::vector<int64_t>* took_ns) {
    std::vector<Chain> chains;
    for (uint64_t c = 0; c < uint64_t{calls.clients} * calls.depth; ++c) {
      chains.push_back(
          {callers_[c % calls.clients].table.get(), c, uint64_t{calls.clients} * calls.depth, 0});
    }
    std::latch done(static_cast<ptrdiff_t>(chains.size()));
    const std::function<void(Chain*)> ended = [&](Chain* chain) {
      (*took_ns)[chain->next] = MonotonicNanos() - chain->started_ns;
      chain->next += chain->step;
      Begin(rows, calls, chain, ended, &done);
    };
    for (Chain& chain : chains) Begin(rows, calls, &chain, ended, &done);
    done.wait();
  }

  static void Begin(const Rows& rows, const Calls& calls, Chain* chain,
                    const std::function<void(Chain*)>& ended, std::latch* done) {
    if (chain->next >= calls.count) return done->count_down();
    chain->started_ns = MonotonicNanos();
    const uint64_t row = calls.row(chain->next);
    switch (calls.kind) {
      case CallKind::kRead:
        return chain->table->ReadRowAsync(Key(row).view(), ReadQuery(),
                                          [&ended, chain](StatusOr<std::optional<Row>> answer) {
                                            CHECK_OK(answer.status());
                                            CHECK(answer->has_value());
                                            ended(chain);
                                          });
      case CallKind::kWrite:
        return chain->table->ApplyAsync(PutRow(rows, row), [&ended, chain](const Status& status) {
          CHECK_OK(status);
          ended(chain);
        });
      case CallKind::kIncrement:
        return chain->table->ReadModifyWriteAsync(
            ReadModifyWriteBuilder(kHotRow).Increment("f", "n", 1).Build(),
            [&ended, chain](const StatusOr<Row>& answer) {
              CHECK_OK(answer.status());
              ended(chain);
            });
      case CallKind::kBatch: {
        std::vector<RowMutation> batch;
        for (uint64_t i = 0; i < kBatchRows; ++i) batch.push_back(PutRow(rows, row + i));
        return chain->table->ApplyBatchAsync(std::move(batch),
                                             [&ended, chain](const std::vector<Status>& all) {
                                               for (const Status& status : all) CHECK_OK(status);
                                               ended(chain);
                                             });
      }
      case CallKind::kScan:
        CHECK(false);
    }
  }

  ProcessCell cell_;
  const char* const cache_;
  std::vector<Caller> callers_;
};

}  // namespace

std::unique_ptr<Served> ServeCell(const ServedOptions& options) {
  return std::make_unique<CellServed>(options);
}

}  // namespace stele::bench
