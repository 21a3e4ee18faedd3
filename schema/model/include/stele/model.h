/// @file
/// The data model as plain values: rows, cells, mutations, sets of rows. What the SDK takes and
/// gives, and what the inside passes on. No behaviour. Thread-compatible value types.
///
/// Keys, qualifiers and values are bytes, not text: any byte may stand in them. A timestamp is in
/// microseconds since 1970, at least 0, and a multiple of 1000.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace stele {

/// Of a table; never used again. Below 16: the cell's own tables.
using TableId = uint64_t;

/// As a SetCell timestamp: the server chooses the time, one for the whole mutation, strictly
/// increasing in the row even if a clock goes back.
inline constexpr int64_t kServerTime = -1;

/// One value at (row, family:qualifier, timestamp).
struct Cell {
  std::string family;                            ///< name of the column family
  std::string qualifier;                         ///< 0 .. 16 KiB; empty is a legal column
  int64_t timestamp_us = 0;                      ///< microseconds since 1970
  std::string value;                             ///< 0 .. 100 MiB
  std::string label = {};                        ///< given by a filter; empty: none
  bool operator==(const Cell&) const = default;  ///< by all fields
};

/// The cells of one row that were asked for.
struct Row {
  std::string key;  ///< 1 .. 4096 bytes
  /// Families ascending, qualifiers ascending, timestamps descending.
  std::vector<Cell> cells;
  bool operator==(const Row&) const = default;  ///< by all fields
};

/// A part of a row: of one larger than a page (ClientOptions::scan_page_bytes) they come one by
/// one, so that no one has to hold it whole. All parts of a row are of one state of it.
struct RowPart {
  std::string key;          ///< of the row
  std::vector<Cell> cells;  ///< those that follow the last part's; the last part may have none
  /// The row begins here. When the last part before it was not its row's last, that row's state was
  /// lost on the way (a server went away): forget what came of it. If it still has cells it begins
  /// anew with this very part.
  bool first = true;
  bool last = true;  ///< the row is complete
};

/// What the servers have looked at for a scan, whatever came through its filter.
struct ScanProgress {
  uint64_t rows = 0;   ///< rows, also those without a visible cell
  uint64_t cells = 0;  ///< stored cells, also deleted and older ones
  uint64_t bytes = 0;  ///< keys and values that the filter has seen
};

/// Writes a cell; one with the same family, qualifier and timestamp is replaced.
struct SetCell {
  std::string family;                               ///< must exist in the table
  std::string qualifier;                            ///< 0 .. 16 KiB
  int64_t timestamp_us = kServerTime;               ///< or a multiple of 1000, >= 0
  std::string value;                                ///< 0 .. 100 MiB
  bool operator==(const SetCell&) const = default;  ///< by all fields
};
/// Removes the cells of the column with start_us <= timestamp < end_us; 0 is open on that side.
struct DeleteFromColumn {
  std::string family;                                        ///< must exist in the table
  std::string qualifier;                                     ///< of the one column
  int64_t start_us = 0;                                      ///< inclusive; 0: from the first
  int64_t end_us = 0;                                        ///< exclusive; 0: to the last
  bool operator==(const DeleteFromColumn&) const = default;  ///< by all fields
};
/// Removes all cells that the row has in the family.
struct DeleteFromFamily {
  std::string family;                                        ///< must exist in the table
  bool operator==(const DeleteFromFamily&) const = default;  ///< by all fields
};
/// Removes all cells of the row.
struct DeleteFromRow {
  bool operator==(const DeleteFromRow&) const = default;  ///< by all fields
};
/// Of aggregate families only, which take no SetCell. The cell (family, qualifier, timestamp)
/// becomes its old state combined with the input as the family says; a missing cell takes the
/// input.
struct AddToCell {
  std::string family;        ///< must be an aggregate family of the table
  std::string qualifier;     ///< 0 .. 16 KiB
  int64_t timestamp_us = 0;  ///< a multiple of 1000, >= 0; the server's time cannot be asked for
  int64_t input = 0;         ///< sums wrap
  bool operator==(const AddToCell&) const = default;  ///< by all fields
};
/// The same with the state of another cell.
struct MergeToCell {
  std::string family;        ///< must be an aggregate family of the table
  std::string qualifier;     ///< 0 .. 16 KiB
  int64_t timestamp_us = 0;  ///< a multiple of 1000, >= 0; the server's time cannot be asked for
  std::string state;         ///< 8 bytes, big-endian, signed
  bool operator==(const MergeToCell&) const = default;  ///< by all fields
};
/// One change of a row. A delete removes what exists then, and nothing that is written later,
/// whatever its timestamp.
using Mutation = std::variant<SetCell, DeleteFromColumn, DeleteFromFamily, DeleteFromRow, AddToCell,
                              MergeToCell>;

/// Read-modify-write: appends to the newest cell of the column; a missing one counts as "".
struct AppendToValue {
  std::string family;     ///< must exist in the table; not an aggregate
  std::string qualifier;  ///< 0 .. 16 KiB
  std::string value;      ///< old and new together at most 100 MiB
  bool operator==(const AppendToValue&) const = default;  ///< by all fields
};
/// Read-modify-write: adds to the newest cell of the column, which must have exactly 8 bytes,
/// big-endian, signed; a missing one counts as 0. The sum wraps.
struct IncrementValue {
  std::string family;     ///< must exist in the table; not an aggregate
  std::string qualifier;  ///< 0 .. 16 KiB
  int64_t amount = 0;     ///< 0 on a missing column writes a zero
  bool operator==(const IncrementValue&) const = default;  ///< by all fields
};
/// One step of a read-modify-write.
using ReadModifyWriteRule = std::variant<AppendToValue, IncrementValue>;

/// Changes of one row: applied in order, all or none. RowMutationBuilder makes them.
struct RowMutation {
  std::string row;                                      ///< 1 .. 4096 bytes
  std::vector<Mutation> mutations;                      ///< 1 .. 100 000
  bool operator==(const RowMutation&) const = default;  ///< by all fields
};

/// Half-open or closed run of row keys.
struct RowRange {
  std::string start;                                 ///< empty: the first row
  bool start_open = false;                           ///< true: `start` itself is left out
  std::string end;                                   ///< empty: the end of the table
  bool end_open = true;                              ///< true: `end` itself is left out
  bool operator==(const RowRange&) const = default;  ///< by all fields
};

/// Rows to read: keys and ranges, each row once however often it is named.
struct RowSet {
  std::vector<std::string> keys;                   ///< none may be empty
  std::vector<RowRange> ranges;                    ///< keys and ranges both empty: the whole table
  bool operator==(const RowSet&) const = default;  ///< by all fields
};

/// One end of a range of bytes.
struct Bound {
  /// Whether there is an end, and whether it belongs to the range.
  enum class Kind : uint8_t {
    kUnbounded = 0,  ///< no end
    kClosed = 1,     ///< `bytes` itself is inside
    kOpen = 2        ///< `bytes` itself is outside
  };
  Kind kind = Kind::kUnbounded;  ///< what `bytes` means
  std::string bytes;             ///< empty when unbounded
  /// An end that is inside.
  static Bound Closed(std::string_view bytes) { return {Kind::kClosed, std::string(bytes)}; }
  /// An end that is outside.
  static Bound Open(std::string_view bytes) { return {Kind::kOpen, std::string(bytes)}; }
  bool operator==(const Bound&) const = default;  ///< by all fields
};

/// A run of columns of one family, or of each.
struct ColumnRange {
  std::string family;                                   ///< empty: every family
  Bound start;                                          ///< of the qualifiers
  Bound end;                                            ///< of the qualifiers
  bool operator==(const ColumnRange&) const = default;  ///< by all fields
};

/// What of each row to return, before the filter (stele/filter.h) sees it.
struct ReadSelection {
  std::vector<std::string> families;  ///< empty: all
  /// (family, qualifier); with families: either matches.
  std::vector<std::pair<std::string, std::string>> columns;
  int64_t min_timestamp_us = 0;     ///< inclusive; 0 open
  int64_t max_timestamp_us = 0;     ///< exclusive; 0 open
  int32_t cells_per_column = 0;     ///< newest first; 0: all
  int32_t cells_per_row = 0;        ///< 0: all
  std::vector<ColumnRange> ranges;  ///< with families or columns: any of the three matches

  /// Whether no cell is left out for its column.
  bool TakesAllColumns() const { return families.empty() && columns.empty() && ranges.empty(); }
  /// Whether some column of the family may be taken.
  bool TakesFamily(std::string_view family) const;
  bool operator==(const ReadSelection&) const = default;  ///< by all fields
};

}  // namespace stele
