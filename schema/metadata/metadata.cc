#include "schema/metadata/metadata.h"

#include "common/base/check.h"
#include "common/bytes/coding.h"

namespace stele {
namespace {

constexpr char kFiniteEnd = 0;
constexpr char kInfiniteEnd = 1;
constexpr size_t kRowPrefixBytes = 9;
constexpr char kLocationVersion = 1;
constexpr uint32_t kMetadataBlockBytes = 4096;  // small rows, looked up one by one

TableSchema SystemSchema(const char* name, TableId id) {
  TableSchema schema;
  schema.name = name;
  schema.id = id;
  schema.version = 1;
  schema.next_family_id = 2;
  LocalityGroupSchema group;
  group.name = "default";
  group.in_memory = true;
  schema.groups.push_back(group);
  FamilySchema family;
  family.name = kSystemFamily;
  family.id = 1;
  family.gc.kind = GcRule::Kind::kMaxVersions;
  family.gc.max_versions = 1;
  schema.families.push_back(family);
  schema.deletion_protection = true;
  return schema;
}

// METADATA tablets end at METADATA row keys.
size_t MaxEndRowBytes(TableId table) {
  return table == kMetadataTable ? kMaxEndRowBytes + kRowPrefixBytes : kMaxEndRowBytes;
}

std::string RowPrefix(TableId table, char end_kind) {
  std::string key;
  PutBig64(&key, table);
  key.push_back(end_kind);
  return key;
}

}  // namespace

TableSchema MetadataSchema() {
  TableSchema schema = SystemSchema(kMetadataTableName, kMetadataTable);
  schema.groups.front().block_bytes = kMetadataBlockBytes;
  return schema;
}

TableSchema CatalogSchema() { return SystemSchema(kCatalogTableName, kCatalogTable); }

bool IsSystemTableName(Slice name) {
  return name == kMetadataTableName || name == kCatalogTableName;
}

TabletDescriptor RootTabletDescriptor() {
  return {kRootTablet, kMetadataTable, "", MetadataRowKey(kMetadataTable, "")};
}

TabletDescriptor FirstMetadataTabletDescriptor() {
  return {kFirstMetadataTablet, kMetadataTable, RootTabletDescriptor().end_row, ""};
}

TabletDescriptor CatalogTabletDescriptor() { return {kCatalogTablet, kCatalogTable, "", ""}; }

std::string MetadataRowKey(TableId table, Slice end_row) {
  CHECK_LE(end_row.size(), MaxEndRowBytes(table));
  if (end_row.empty()) return RowPrefix(table, kInfiniteEnd);
  std::string key = RowPrefix(table, kFiniteEnd);
  key.append(end_row.data(), end_row.size());
  return key;
}

StatusOr<MetadataRow> ParseMetadataRowKey(Slice key) {
  if (key.size() < kRowPrefixBytes) return CorruptError("METADATA row key is too short");
  MetadataRow row;
  row.table = DecodeBig64(key.data());
  const char kind = key[kRowPrefixBytes - 1];
  key.remove_prefix(kRowPrefixBytes);
  if ((kind == kFiniteEnd) == key.empty() || (kind != kFiniteEnd && kind != kInfiniteEnd) ||
      (kind == kInfiniteEnd && !key.empty())) {
    return CorruptError("METADATA row key is malformed");
  }
  row.end_row = std::string(key);
  return row;
}

// The length of an end row is bounded, so for a longer row "the first end row at or after it" is
// "the first end row after its prefix of that length".
RowRange MetadataLookup(TableId table, Slice row) {
  RowRange range;
  range.start = RowPrefix(table, kFiniteEnd);
  Slice shortened = row.substr(0, MaxEndRowBytes(table));
  range.start.append(shortened.data(), shortened.size());
  range.start_open = shortened.size() < row.size();
  range.end = RowPrefix(table, kInfiniteEnd);
  range.end_open = false;
  return range;
}

RowRange RootLookup(TableId table, Slice row) {
  const RowRange inner = MetadataLookup(table, row);
  RowRange range = MetadataLookup(kMetadataTable, inner.start);
  range.start_open = range.start_open || inner.start_open;
  return range;
}

RowRange MetadataRowsOfTable(TableId table) { return MetadataLookup(table, ""); }

const char* TabletAssignmentName(TabletAssignment assignment) {
  switch (assignment) {
    case TabletAssignment::kUnassigned:
      return "unassigned";
    case TabletAssignment::kAssigned:
      return "assigned";
    case TabletAssignment::kClosing:
      return "closing";
    case TabletAssignment::kCreating:
      return "creating";
  }
  return "?";
}

std::string EncodeTabletLocation(const TabletLocation& location) {
  std::string out(1, kLocationVersion);
  PutVarint64(&out, location.tablet.id);
  PutVarint64(&out, location.tablet.table);
  PutLengthPrefixed(&out, location.tablet.start_row);
  PutLengthPrefixed(&out, location.tablet.end_row);
  PutVarint64(&out, location.epoch);
  PutVarint64(&out, static_cast<uint64_t>(location.assignment));
  PutLengthPrefixed(&out, location.server_id);
  PutVarint64(&out, location.incarnation);
  PutLengthPrefixed(&out, location.address);
  return out;
}

StatusOr<TabletLocation> DecodeTabletLocation(Slice encoded) {
  if (encoded.empty()) return CorruptError("tablet location is empty");
  if (encoded[0] != kLocationVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("tablet location has format version ", static_cast<int>(encoded[0]),
                     "; this program knows ", static_cast<int>(kLocationVersion)));
  }
  encoded.remove_prefix(1);
  TabletLocation location;
  uint64_t assignment = 0;
  Slice start, end, server, address;
  if (!GetVarint64(&encoded, &location.tablet.id) ||
      !GetVarint64(&encoded, &location.tablet.table) || !GetLengthPrefixed(&encoded, &start) ||
      !GetLengthPrefixed(&encoded, &end) || !GetVarint64(&encoded, &location.epoch) ||
      !GetVarint64(&encoded, &assignment) || !GetLengthPrefixed(&encoded, &server) ||
      !GetVarint64(&encoded, &location.incarnation) || !GetLengthPrefixed(&encoded, &address) ||
      !encoded.empty() || assignment > static_cast<uint64_t>(TabletAssignment::kCreating)) {
    return CorruptError("tablet location is malformed");
  }
  location.tablet.start_row = std::string(start);
  location.tablet.end_row = std::string(end);
  location.assignment = static_cast<TabletAssignment>(assignment);
  location.server_id = std::string(server);
  location.address = std::string(address);
  return location;
}

}  // namespace stele
