#include "master/catalog/catalog.h"

#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/bytes/coding.h"

namespace stele::master {
namespace {

constexpr char kTablePrefix[] = "t/";
constexpr char kIdsRow[] = "ids";
constexpr char kDrainPrefix[] = "d/";
constexpr char kEventPrefix[] = "e/", kEventsEnd[] = "e0";
constexpr char kValueQualifier[] = "value";
constexpr uint64_t kTableIdBlock = 16;
constexpr uint64_t kTabletIdBlock = 1024;

std::string EventRow(uint64_t number) {
  return absl::StrCat(kEventPrefix, absl::Dec(number, absl::kZeroPad20));
}

RowRange Rows(const char* start, const char* end) {
  RowRange range;
  range.start = start;
  range.end = end;
  return range;
}

}  // namespace

const TableRecord* Catalog::FindTable(const std::string& name) const {
  auto it = tables_.find(name);
  return it == tables_.end() ? nullptr : &it->second;
}

const TableRecord* Catalog::FindTable(TableId id) const {
  for (const auto& [name, record] : tables_) {
    if (record.schema.id == id) return &record;
  }
  return nullptr;
}

Status Catalog::Load() {
  // Around the events, which are many and can wait.
  ASSIGN_OR_RETURN(std::vector<Row> rows, access_->ReadAll(location_, Rows("", kEventPrefix)));
  ASSIGN_OR_RETURN(std::vector<Row> more, access_->ReadAll(location_, Rows(kEventsEnd, "")));
  rows.insert(rows.end(), std::make_move_iterator(more.begin()),
              std::make_move_iterator(more.end()));
  std::map<std::string, TableRecord> tables;
  std::set<std::string> drained;
  TableId next_table = kFirstUserTable;
  TabletId next_tablet = kFirstUserTablet;
  for (const Row& row : rows) {
    if (row.cells.empty()) continue;
    Slice value = row.cells[0].value;
    if (row.key == kIdsRow) {
      if (!GetVarint64(&value, &next_table) || !GetVarint64(&value, &next_tablet)) {
        return CorruptError("catalog row \"ids\" is malformed");
      }
    } else if (absl::StartsWith(row.key, kTablePrefix)) {
      auto record = DecodeTableRecord(value);
      if (!record.ok()) return WithContext(record.status(), absl::StrCat("catalog ", row.key));
      std::string name = record->schema.name;
      tables[std::move(name)] = *std::move(record);
    } else if (absl::StartsWith(row.key, kDrainPrefix)) {
      drained.insert(row.key.substr(sizeof(kDrainPrefix) - 1));
    }
  }
  tables_ = std::move(tables);
  drained_ = std::move(drained);
  next_table_ = next_table;
  next_tablet_ = next_tablet;
  id_limits_ = {next_table, next_tablet};
  loaded_ = true;
  return OkStatus();
}

Status Catalog::Write(const RowMutation& row) {
  Status written = access_->Write(location_, {row});
  if (!written.ok()) loaded_ = false;
  return WithContext(written, "catalog");
}

Status Catalog::Put(const TableRecord& record) {
  ASSIGN_OR_RETURN(std::string encoded, EncodeTableRecord(record));
  RowMutation row;
  row.row = kTablePrefix + record.schema.name;
  row.mutations.push_back(
      SetCell{kSystemFamily, kValueQualifier, revision_->NextTimestamp(), std::move(encoded)});
  RETURN_IF_ERROR(Write(row));
  tables_[record.schema.name] = record;
  return OkStatus();
}

Status Catalog::Erase(const std::string& name) {
  RowMutation row;
  row.row = kTablePrefix + name;
  row.mutations.push_back(DeleteFromRow{});
  RETURN_IF_ERROR(Write(row));
  tables_.erase(name);
  return OkStatus();
}

Status Catalog::PutDrained(const std::string& server_id) {
  if (drained_.contains(server_id)) return OkStatus();
  RowMutation row;
  row.row = kDrainPrefix + server_id;
  row.mutations.push_back(
      SetCell{kSystemFamily, kValueQualifier, revision_->NextTimestamp(), server_id});
  RETURN_IF_ERROR(Write(row));
  drained_.insert(server_id);
  return OkStatus();
}

Status Catalog::EraseDrained(const std::string& server_id) {
  if (!drained_.contains(server_id)) return OkStatus();
  RowMutation row;
  row.row = kDrainPrefix + server_id;
  row.mutations.push_back(DeleteFromRow{});
  RETURN_IF_ERROR(Write(row));
  drained_.erase(server_id);
  return OkStatus();
}

StatusOr<std::map<uint64_t, std::string>> Catalog::ReadEvents() {
  ASSIGN_OR_RETURN(std::vector<Row> rows,
                   access_->ReadAll(location_, Rows(kEventPrefix, kEventsEnd)));
  std::map<uint64_t, std::string> events;
  for (Row& row : rows) {
    uint64_t number = 0;
    const std::string digits = row.key.substr(sizeof(kEventPrefix) - 1);
    if (row.cells.empty() || !absl::SimpleAtoi(digits, &number)) continue;
    events[number] = std::move(row.cells[0].value);
  }
  return events;
}

Status Catalog::WriteEvents(const std::map<uint64_t, std::string>& put,
                            const std::vector<uint64_t>& erase) {
  std::vector<RowMutation> rows;
  for (const auto& [number, record] : put) {
    RowMutation& row = rows.emplace_back();
    row.row = EventRow(number);
    row.mutations.push_back(
        SetCell{kSystemFamily, kValueQualifier, revision_->NextTimestamp(), record});
  }
  for (uint64_t number : erase) {
    RowMutation& row = rows.emplace_back();
    row.row = EventRow(number);
    row.mutations.push_back(DeleteFromRow{});
  }
  return WithContext(access_->Write(location_, rows), "events");
}

Status Catalog::WriteIds(TableId next_table, TabletId next_tablet) {
  std::string value;
  PutVarint64(&value, next_table);
  PutVarint64(&value, next_tablet);
  RowMutation row;
  row.row = kIdsRow;
  row.mutations.push_back(
      SetCell{kSystemFamily, kValueQualifier, revision_->NextTimestamp(), std::move(value)});
  RETURN_IF_ERROR(Write(row));
  id_limits_ = {next_table, next_tablet};
  return OkStatus();
}

StatusOr<TableId> Catalog::NewTableId() {
  if (next_table_ >= id_limits_.table) {
    RETURN_IF_ERROR(WriteIds(next_table_ + kTableIdBlock, id_limits_.tablet));
  }
  return next_table_++;
}

StatusOr<TabletId> Catalog::NewTabletIds(uint64_t count) {
  if (next_tablet_ + count > id_limits_.tablet) {
    RETURN_IF_ERROR(WriteIds(id_limits_.table, next_tablet_ + count + kTabletIdBlock));
  }
  const TabletId first = next_tablet_;
  next_tablet_ += count;
  return first;
}

}  // namespace stele::master
