// The location tree's data, shared by everyone who walks or writes it: fixed ids and schemas of the
// system tables, the METADATA row key, and TabletLocation, the value of a METADATA row and of the
// Locker's root and catalog nodes.
//
//   Locker /root -> root tablet -> METADATA tablets -> user tablets
//
// Root tablet and METADATA tablets are tablets of one table (kMetadataTable): the root tablet is
// its first and holds the rows of the table's own other tablets; it never splits. The row of a
// tablet is
//
//   key = table:be64 00 end_row        a tablet that ends at end_row (inclusive)
//       | table:be64 01                a tablet that ends at +infinity, after all others
//
// so a tablet is found by one seek: the first row at or after the key of the row looked for. The
// end row of a tablet has at most kMaxEndRowBytes, so that even the key of a METADATA tablet, which
// wraps such a key once more, is a legal row key. Pure functions; thread-compatible values.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/status.h"
#include "schema/model/model.h"

namespace stele {

inline constexpr TableId kMetadataTable = 1;
inline constexpr TableId kCatalogTable = 2;
inline constexpr TableId kFirstUserTable = 16;  // ids below are the system's
inline constexpr TabletId kRootTablet = 1;
inline constexpr TabletId kFirstMetadataTablet = 2;
inline constexpr TabletId kCatalogTablet = 3;

inline constexpr char kMetadataTableName[] = "_METADATA";
inline constexpr char kCatalogTableName[] = "_CATALOG";
// The one family of each system table, and the one column of a METADATA row.
inline constexpr char kSystemFamily[] = "s";
inline constexpr char kLocationQualifier[] = "location";

inline constexpr size_t kMaxEndRowBytes = kMaxRowKeyBytes - 96;

// All in memory, versions 1.
TableSchema MetadataSchema();
TableSchema CatalogSchema();
bool IsSystemTableName(Slice name);

TabletDescriptor RootTabletDescriptor();           // ("", key(METADATA, +infinity)]
TabletDescriptor FirstMetadataTabletDescriptor();  // the rest of the table
TabletDescriptor CatalogTabletDescriptor();

// REQUIRES end_row.size() <= kMaxEndRowBytes.
std::string MetadataRowKey(TableId table, Slice end_row);
struct MetadataRow {
  TableId table = 0;
  std::string end_row;
};
StatusOr<MetadataRow> ParseMetadataRowKey(Slice key);  // DataLoss

// The rows of the METADATA table whose first row is that of the tablet holding `row` (of any legal
// length) of `table`; bounded by the table's last possible row. `row` empty: the table's first.
RowRange MetadataLookup(TableId table, Slice row);
// The same, one level up: where in the root tablet to look for the METADATA tablet that holds
// MetadataLookup(table, row).
RowRange RootLookup(TableId table, Slice row);
// All METADATA rows of a table.
RowRange MetadataRowsOfTable(TableId table);

enum class TabletAssignment : uint8_t {
  kUnassigned = 0,  // has no owner; the master will choose one
  kAssigned = 1,    // `server_id` in this incarnation owns it under `epoch`
  kClosing = 2,     // leaves its owner for good: its table is being dropped
  kCreating = 3,    // may have no manifest yet: its owner, if any, makes it at the first open
};
const char* TabletAssignmentName(TabletAssignment assignment);

struct TabletLocation {
  TabletDescriptor tablet;
  Epoch epoch = 0;  // raised by every change of owner
  TabletAssignment assignment = TabletAssignment::kUnassigned;
  std::string server_id;
  uint64_t incarnation = 0;  // epoch of the owner's /servers node
  std::string address;       // rpc, host:port
  bool operator==(const TabletLocation&) const = default;
};
std::string EncodeTabletLocation(const TabletLocation& location);
// DataLoss when malformed, FailedPrecondition for a newer version.
StatusOr<TabletLocation> DecodeTabletLocation(Slice encoded);

}  // namespace stele
