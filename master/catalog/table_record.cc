#include "master/catalog/table_record.h"

#include <utility>

#include "common/bytes/coding.h"
#include "schema/convert/codec.h"

namespace stele::master {
namespace {

constexpr char kRecordVersion = 2;  // 1: without drops of rows

// Rows are dropped from a start, inclusive, to an end, exclusive.
bool ReadDrop(Slice* in, TableRecord* record) {
  if (!GetVarint64(in, &record->last_drop_order) || in->empty()) return false;
  const char dropping = in->front();
  in->remove_prefix(1);
  if (dropping == 0) return true;
  Slice start, end;
  if (dropping != 1 || !GetLengthPrefixed(in, &start) || !GetLengthPrefixed(in, &end)) return false;
  RowRange& range = record->dropping.emplace();
  range.start = std::string(start);
  range.end = std::string(end);
  return true;
}

}  // namespace

const char* TableStateName(TableState state) {
  switch (state) {
    case TableState::kCreating:
      return "creating";
    case TableState::kServing:
      return "serving";
    case TableState::kDropping:
      return "dropping";
  }
  return "?";
}

std::vector<TabletDescriptor> InitialTablets(const TableRecord& record) {
  std::vector<TabletDescriptor> tablets;
  std::string start;
  TabletId id = record.first_tablet;
  for (const std::string& split : record.split_keys) {
    tablets.push_back({id++, record.schema.id, start, split});
    start = split;
  }
  tablets.push_back({id, record.schema.id, start, ""});
  return tablets;
}

StatusOr<std::string> EncodeTableRecord(const TableRecord& record) {
  ASSIGN_OR_RETURN(net::Buffer schema, wire::Encode(record.schema));
  std::string out(1, kRecordVersion);
  out.push_back(static_cast<char>(record.state));
  PutVarint64(&out, record.first_tablet);
  PutVarint64(&out, record.split_keys.size());
  for (const std::string& split : record.split_keys) PutLengthPrefixed(&out, split);
  PutLengthPrefixed(&out, schema.bytes());
  PutVarint64(&out, record.last_drop_order);
  out.push_back(record.dropping.has_value() ? 1 : 0);
  if (record.dropping.has_value()) {
    PutLengthPrefixed(&out, record.dropping->start);
    PutLengthPrefixed(&out, record.dropping->end);
  }
  return out;
}

StatusOr<TableRecord> DecodeTableRecord(Slice encoded) {
  if (encoded.size() < 2) return CorruptError("table record is too short");
  const char version = encoded[0];
  if (version < 1 || version > kRecordVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("table record has format version ", static_cast<int>(encoded[0]),
                     "; this program knows ", static_cast<int>(kRecordVersion)));
  }
  const auto state = static_cast<uint8_t>(encoded[1]);
  if (state > static_cast<uint8_t>(TableState::kDropping)) {
    return CorruptError("table record has an unknown state");
  }
  encoded.remove_prefix(2);
  TableRecord record;
  record.state = static_cast<TableState>(state);
  uint64_t splits = 0;
  bool good = GetVarint64(&encoded, &record.first_tablet) && GetVarint64(&encoded, &splits);
  for (uint64_t i = 0; good && i < splits; ++i) {
    Slice split;
    good = GetLengthPrefixed(&encoded, &split);
    if (good) record.split_keys.emplace_back(split);
  }
  Slice schema;
  good = good && GetLengthPrefixed(&encoded, &schema);
  if (good && version >= 2) good = ReadDrop(&encoded, &record);
  if (!good || !encoded.empty()) {
    return CorruptError("table record is malformed");
  }
  RETURN_IF_ERROR(
      WithContext(wire::Decode(net::Buffer::Copy(schema), &record.schema), "table record"));
  return record;
}

}  // namespace stele::master
