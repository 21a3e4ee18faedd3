#include <filesystem>

#include "common/base/check.h"
#include "stele/client.h"
#include "tests/bench/driver.h"
#include "tests/integration/child_cell.h"

namespace stele::bench {
namespace {

constexpr char kTable[] = "bench";

class CellDriver : public Driver {
 public:
  explicit CellDriver(const DriverOptions& options)
      : cell_(STELE_BINARY, MadeDirectory(options.directory)) {
    CHECK_OK(cell_.Start());
    StatusOr<std::unique_ptr<Client>> client = Client::Connect(cell_.rpc_address());
    CHECK_OK(client.status());
    client_ = *std::move(client);
    TableSchema schema;
    schema.name = kTable;
    schema.groups = {{.name = "default", .codec = Codec::kNone}};
    schema.families = {{.name = "f"}};
    CHECK_OK(client_->admin().CreateTable(schema).status());
    StatusOr<Table> table = client_->OpenTable(kTable);
    CHECK_OK(table.status());
    table_ = std::make_unique<Table>(*std::move(table));
  }

  void Put(Slice key, Slice value) override {
    CHECK_OK(
        table_->Apply({std::string(key), {SetCell{.family = "f", .value = std::string(value)}}}));
  }

  bool Get(Slice key, std::string* value) override {
    StatusOr<std::optional<Row>> row = table_->ReadRow(std::string(key));
    CHECK_OK(row.status());
    if (!row->has_value()) return false;
    *value = std::move((*row)->cells.front().value);
    return true;
  }

  uint64_t Scan(Slice start, uint64_t rows, uint64_t* bytes) override {
    ReadQuery query;
    uint64_t seen = 0;
    CHECK_OK(table_->ReadRows(query, [&](const Row& row) {
      if (row.key < start) return true;
      *bytes += row.key.size() + row.cells.front().value.size();
      return ++seen != rows;
    }));
    return seen;
  }

  void Settle(bool compact) override {
    CHECK_OK(compact ? client_->admin().CompactTable(kTable) : client_->admin().FlushTable(kTable));
  }

  std::string Describe() const override {
    return "stele local with its defaults, one client with one io thread";
  }

 private:
  static std::string MadeDirectory(const std::string& directory) {
    std::filesystem::create_directories(directory);
    return directory;
  }

  ChildCell cell_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<Table> table_;
};

}  // namespace

std::unique_ptr<Driver> OpenCell(const DriverOptions& options) {
  return std::make_unique<CellDriver>(options);
}

}  // namespace stele::bench
