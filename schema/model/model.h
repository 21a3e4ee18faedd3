// The data model as plain values: what the SDK, the wire and the engine pass each other. No
// behaviour but validation. Thread-compatible value types.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/status.h"
#include "schema/model/limits.h"

namespace stele {

using TabletId = uint64_t;  // never reused
using TableId = uint64_t;
using Epoch = uint64_t;
using Sequence = uint64_t;  // per tablet, continues across owners; orders equal timestamps

inline constexpr int64_t kServerTime = -1;  // a SetCell timestamp: let the server choose

struct Cell {
  std::string family;
  std::string qualifier;
  int64_t timestamp_us = 0;
  std::string value;
  std::string label = {};  // given by a filter; empty: none
  bool operator==(const Cell&) const = default;
};

struct Row {
  std::string key;
  std::vector<Cell> cells;  // families ascending, qualifiers ascending, timestamps descending
  bool operator==(const Row&) const = default;
};

struct SetCell {
  std::string family;
  std::string qualifier;
  int64_t timestamp_us = kServerTime;
  std::string value;
  bool operator==(const SetCell&) const = default;
};
// Removes the cells of the column with start_us <= timestamp < end_us; 0 is open on that side.
struct DeleteFromColumn {
  std::string family;
  std::string qualifier;
  int64_t start_us = 0;
  int64_t end_us = 0;
  bool operator==(const DeleteFromColumn&) const = default;
};
struct DeleteFromFamily {
  std::string family;
  bool operator==(const DeleteFromFamily&) const = default;
};
struct DeleteFromRow {
  bool operator==(const DeleteFromRow&) const = default;
};
// Of aggregate families only, which take no SetCell. The cell (family, qualifier, timestamp)
// becomes its old state combined with the input as the family says; a missing cell takes the input.
// The timestamp is the caller's.
struct AddToCell {
  std::string family;
  std::string qualifier;
  int64_t timestamp_us = 0;
  int64_t input = 0;
  bool operator==(const AddToCell&) const = default;
};
// The same with the state of another cell: 8 bytes, big-endian, signed.
struct MergeToCell {
  std::string family;
  std::string qualifier;
  int64_t timestamp_us = 0;
  std::string state;
  bool operator==(const MergeToCell&) const = default;
};
using Mutation = std::variant<SetCell, DeleteFromColumn, DeleteFromFamily, DeleteFromRow, AddToCell,
                              MergeToCell>;

struct RowMutation {
  std::string row;
  std::vector<Mutation> mutations;  // applied in order, all or none
  bool operator==(const RowMutation&) const = default;
};

// Half-open or closed run of row keys. An empty `end` is +infinity; an empty `start` is the first
// row.
struct RowRange {
  std::string start;
  bool start_open = false;
  std::string end;
  bool end_open = true;
  bool operator==(const RowRange&) const = default;
};

struct RowSet {
  std::vector<std::string> keys;
  std::vector<RowRange> ranges;  // keys and ranges both empty: the whole table
  bool operator==(const RowSet&) const = default;
};

// One end of a range of bytes.
struct Bound {
  enum class Kind : uint8_t { kUnbounded = 0, kClosed = 1, kOpen = 2 };
  Kind kind = Kind::kUnbounded;
  std::string bytes;  // empty when unbounded
  static Bound Closed(Slice bytes) { return {Kind::kClosed, std::string(bytes)}; }
  static Bound Open(Slice bytes) { return {Kind::kOpen, std::string(bytes)}; }
  bool operator==(const Bound&) const = default;
};

// What of each row to return, before the filter (schema/model/filter.h) sees it.
struct ReadSelection {
  std::vector<std::string> families;  // empty: all
  std::vector<std::pair<std::string, std::string>>
      columns;                   // (family, qualifier); with families: either matches
  int64_t min_timestamp_us = 0;  // inclusive; 0 open
  int64_t max_timestamp_us = 0;  // exclusive; 0 open
  int32_t cells_per_column = 0;  // newest first; 0: all
  int32_t cells_per_row = 0;     // 0: all
  bool operator==(const ReadSelection&) const = default;
};

// Garbage collection: a cell may go when the rule says so. kNone keeps everything.
struct GcRule {
  enum class Kind { kNone, kMaxVersions, kMaxAge, kUnion, kIntersection };
  Kind kind = Kind::kNone;
  int32_t max_versions = 0;  // >= 1
  int64_t max_age_us = 0;    // >= 1000
  std::vector<GcRule> rules;
  bool operator==(const GcRule&) const = default;
};

enum class Codec : uint8_t { kNone = 0, kSnappy = 1, kLz4 = 2, kZstd = 3 };

struct LocalityGroupSchema {
  std::string name;
  Codec codec = Codec::kLz4;
  uint32_t block_bytes = 64 * 1024;
  uint32_t bloom_bits_per_key = 10;  // 0: no filter
  bool bloom_columns = false;        // also hash row+column
  bool in_memory = false;
  bool operator==(const LocalityGroupSchema&) const = default;
};

// What the cells of a family are. kNone: any bytes. Else int64, 8 bytes big-endian: sums (which
// wrap), minima or maxima of what was added.
enum class Aggregate : uint8_t { kNone = 0, kSum = 1, kMin = 2, kMax = 3 };

struct FamilySchema {
  std::string name;
  uint16_t id = 0;  // unique over the table's life: a dropped and re-created family has another
  std::string locality_group = "default";
  GcRule gc;
  Aggregate aggregate = Aggregate::kNone;  // never changes
  bool operator==(const FamilySchema&) const = default;
};

struct TableSchema {
  std::string name;
  TableId id = 0;
  uint64_t version = 0;  // +1 a change
  uint16_t next_family_id = 1;
  std::vector<FamilySchema> families;  // ascending by name
  std::vector<LocalityGroupSchema> groups;
  uint64_t split_bytes = 200u << 20;
  bool deletion_protection = false;

  const FamilySchema* FindFamily(Slice name) const;
  const LocalityGroupSchema* FindGroup(Slice name) const;
  bool operator==(const TableSchema&) const = default;
};

// A tablet: the rows of `table` in (start_row, end_row]; an empty end_row is +infinity, an empty
// start_row the beginning.
struct TabletDescriptor {
  TabletId id = 0;
  TableId table = 0;
  std::string start_row;  // exclusive
  std::string end_row;    // inclusive
  bool Contains(Slice row) const {
    return row > Slice(start_row) && (end_row.empty() || row <= Slice(end_row));
  }
  bool operator==(const TabletDescriptor&) const = default;
};

// Validation: InvalidArgument naming the field, the value's size and the limit.
Status ValidateTableName(Slice name);
Status ValidateFamilyName(Slice name);
Status ValidateRowKey(Slice row);
Status ValidateGcRule(const GcRule& rule);
Status ValidateSchema(const TableSchema& schema);
// Structure, limits and timestamps; families against `schema` when it is not null (NotFound naming
// the family).
Status ValidateRowMutation(const RowMutation& mutation, const TableSchema* schema);
Status ValidateRowSet(const RowSet& rows);
Status ValidateSelection(const ReadSelection& selection);

}  // namespace stele
