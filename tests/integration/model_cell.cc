#include "tests/integration/model_cell.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_join.h"
#include "common/base/log.h"
#include "tests/integration/hand_client.h"

namespace stele {
namespace {

using wire::Method;

StatusOr<wire::TabletOrderResponse> Order(HandClient* client, Method method,
                                          const wire::TabletOrderRequest& request) {
  return client->CallMaster<wire::TabletOrderResponse>(method, request);
}

}  // namespace

ModelCell::ModelCell(const Options& options) {
  SetMinLogLevel(LogLevel::kOff);
  if (options.start_us != 0) clock_.Set(options.start_us);
  Start(options);
}
ModelCell::~ModelCell() = default;

void ModelCell::Start(const Options& options) {
  deploy::CellOptions cell;
  cell.data_dir = dir_.path();
  cell.tablet_servers = 3;
  cell.http_address = "";
  cell.session_timeout_ms = 120'000;  // a busy disk may take seconds to sync the largest values
  cell.engine.log.segment_bytes = 32u << 20;
  cell.engine.memory_limit_bytes = 512u << 20;
  cell.engine.block_cache_bytes = options.caches ? 8u << 20 : 0;
  cell.engine.filter_cache_bytes = options.caches ? 1u << 20 : 0;
  cell.io_threads = 2;
  if (options.full_disk) cell.engine.disk_reserve_bytes = uint64_t{1} << 60;
  if (options.held_clock) cell.clock = &clock_;
  cell_ = deploy::Cell::Start(cell);
  if (!cell_.ok()) return;
  client_ = Client::Connect((*cell_)->address());
  hand_ = std::make_unique<HandClient>((*cell_)->address());
}

void ModelCell::Restart(const Options& options) {
  client_ = absl::UnavailableError("not connected");
  hand_.reset();
  if (cell_.ok()) (*cell_)->Stop(/*drain=*/false).IgnoreError();
  cell_ = absl::UnavailableError("not started");
  Start(options);
}

Status ModelCell::status() const { return cell_.ok() ? client_.status() : cell_.status(); }

Status ModelCell::Split(const std::string& table, const std::string& at) {
  return Order(hand_.get(), Method::kSplit, {.table = table, .at = at}).status();
}

Status ModelCell::Merge(const std::string& table, size_t which) {
  ASSIGN_OR_RETURN(wire::GetTableResponse found, hand_->GetTable(table));
  if (found.tablets.size() < 2) return OkStatus();
  const size_t left = which % (found.tablets.size() - 1);
  return Order(hand_.get(), Method::kMerge,
               {.tablets = {found.tablets[left].tablet.id, found.tablets[left + 1].tablet.id}})
      .status();
}

Status ModelCell::Move(const std::string& table, size_t which) {
  ASSIGN_OR_RETURN(wire::GetTableResponse found, hand_->GetTable(table));
  const TabletLocation& tablet = found.tablets[which % found.tablets.size()];
  const std::string to = absl::StrCat("ts-", 1 + which % 3);
  return Order(hand_.get(), Method::kMove, {.tablets = {tablet.tablet.id}, .server = to}).status();
}

FamilySchema Family(std::string name, GcRule gc, Aggregate aggregate) {
  FamilySchema family;
  family.name = std::move(name);
  family.gc = std::move(gc);
  family.aggregate = aggregate;
  return family;
}

std::string ShowCells(const std::vector<Cell>& cells) {
  std::vector<std::string> shown;
  for (const Cell& c : cells) {
    std::string time = absl::StrCat(c.timestamp_us / 1000);
    if (c.timestamp_us % 1000 != 0) absl::StrAppend(&time, ".", c.timestamp_us % 1000);
    shown.push_back(absl::StrCat(c.family, ":", absl::CHexEscape(c.qualifier), "@", time, "=",
                                 absl::CHexEscape(c.value), c.label.empty() ? "" : "#", c.label));
  }
  return absl::StrJoin(shown, " ");
}

std::string ShowRows(const std::vector<Row>& rows) {
  std::vector<std::string> shown;
  for (const Row& row : rows) {
    shown.push_back(absl::StrCat(absl::CHexEscape(row.key), "{", ShowCells(row.cells), "}"));
  }
  return absl::StrJoin(shown, " ");
}

std::string ModelTest::Name() const {
  const std::string name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
  return name.substr(0, 50);
}

Status ModelTest::Create(const std::string& name, const std::vector<FamilySchema>& families,
                         const std::vector<std::string>& splits) {
  TableSchema schema;
  schema.name = name;
  schema.families = families;
  return admin().CreateTable(schema, splits).status();
}

StatusOr<Table> ModelTest::Make(const std::vector<FamilySchema>& families,
                                const std::vector<std::string>& splits) {
  RETURN_IF_ERROR(Create(Name(), families, splits));
  return client().OpenTable(Name());
}

std::string ModelTest::ReadText(Table& table, const std::string& row, const ReadQuery& what) {
  StatusOr<std::optional<Row>> got = table.ReadRow(row, what);
  if (!got.ok()) return got.status().ToString();
  return got->has_value() ? ShowCells((*got)->cells) : "";
}

std::string ModelTest::ScanText(Table& table, const ReadQuery& query) {
  std::vector<Row> rows;
  for (StatusOr<Row>& row : table.ReadRows(query)) {
    if (!row.ok()) return row.status().ToString();
    rows.push_back(*std::move(row));
  }
  return ShowRows(rows);
}

std::string ModelTest::Keys(Table& table, const ReadQuery& query) {
  std::vector<std::string> keys;
  for (StatusOr<Row>& row : table.ReadRows(query)) {
    if (!row.ok()) return row.status().ToString();
    keys.push_back(absl::CHexEscape(row->key));
  }
  return absl::StrJoin(keys, " ");
}

void ModelTest::InEachState(const std::function<void(const std::string&)>& check) {
  check("in memory");
  ASSERT_OK(admin().FlushTable(Name()));
  check("in SSTables");
  ASSERT_OK(admin().CompactTable(Name()));
  check("compacted");
}

}  // namespace stele
