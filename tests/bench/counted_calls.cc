#include "tests/bench/counted_calls.h"

#include <atomic>
#include <functional>
#include <latch>
#include <vector>

#include "common/base/check.h"
#include "deploy/cell/cell.h"
#include "stele/client.h"
#include "tests/bench/bench_table.h"

namespace stele::bench {
namespace {

constexpr uint64_t kSeed = 1;
constexpr uint64_t kRowsOfBatch = 100;

class Calls : public CountedCalls {
 public:
  explicit Calls(const std::string& directory) : rows_(kRows, kSeed) {
    deploy::CellOptions options;
    options.data_dir = directory;
    options.http_address = "";
    options.garbage_collection_interval_ms = 0;
    auto cell = deploy::Cell::Start(options);
    CHECK_OK(cell.status());
    cell_ = *std::move(cell);
    auto client = Client::Connect(cell_->address());
    CHECK_OK(client.status());
    client_ = *std::move(client);
    CHECK_OK(client_->admin().CreateTable(BenchTable(), {}).status());
    auto table = client_->OpenTable(kBenchTable);
    CHECK_OK(table.status());
    table_ = std::make_unique<Table>(*std::move(table));
    Run(Kind::kBatch, kRows / kRowsOfBatch);
    CHECK_OK(client_->admin().CompactTable(kBenchTable));
    Run(Kind::kRead, 2 * kRows);
  }

  void Run(Kind kind, uint64_t calls) override {
    std::latch answered(static_cast<ptrdiff_t>(calls));
    std::atomic<uint64_t> begun{0};
    std::function<void()> next = [&] {
      const uint64_t i = begun.fetch_add(1);
      if (i >= calls) return;
      Begin(kind, i, [&] {
        next();
        answered.count_down();
      });
    };
    for (uint32_t i = 0; i < kDepth; ++i) next();
    answered.wait();
  }

 private:
  void Begin(Kind kind, uint64_t i, std::function<void()> answered) {
    switch (kind) {
      case Kind::kRead:
        return table_->ReadRowAsync(Key(rows_.ForRead(i)).view(), ReadQuery(),
                                    [answered](StatusOr<std::optional<Row>> row) {
                                      CHECK_OK(row.status());
                                      CHECK(row->has_value());
                                      answered();
                                    });
      case Kind::kWrite:
        return table_->ApplyAsync(PutRow(rows_, rows_.ForRead(i)),
                                  [answered](const Status& status) {
                                    CHECK_OK(status);
                                    answered();
                                  });
      case Kind::kBatch: {
        std::vector<RowMutation> batch;
        for (uint64_t row = 0; row < kRowsOfBatch; ++row) {
          batch.push_back(PutRow(rows_, (i * kRowsOfBatch + row) % kRows));
        }
        return table_->ApplyBatchAsync(std::move(batch), [answered](const auto& statuses) {
          for (const Status& status : statuses) CHECK_OK(status);
          answered();
        });
      }
      case Kind::kIncrement:
        return table_->ReadModifyWriteAsync(
            ReadModifyWriteBuilder("hot").Increment("f", "n", 1).Build(),
            [answered](const StatusOr<Row>& row) {
              CHECK_OK(row.status());
              answered();
            });
    }
  }

  const Rows rows_;
  std::unique_ptr<deploy::Cell> cell_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<Table> table_;
};

}  // namespace

std::unique_ptr<CountedCalls> CountedCalls::Start(const std::string& directory) {
  return std::make_unique<Calls>(directory);
}

}  // namespace stele::bench
