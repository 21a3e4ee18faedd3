// CellKey: the engine's sort key, one byte string whose memcmp order is the data model's total
// order (row asc, family asc, qualifier asc, timestamp desc, sequence desc). One comparator for
// memtable, files, merges, compactions. Pure functions, thread-safe.
//
//   - key: esc(row) family 00 family_id:be16 column timestamp:be64 tail:be64
//   - esc(s): s with each 00 replaced by 00 FF, then 00 01
//   - column: esc(qualifier), or 00 00 for "no qualifier": the place of row and family markers,
//     before every column
//   - timestamp: ~ts of a set cell, 0 in a marker (before every cell: ~ts of a legal timestamp is
//     never 0)
//   - tail: ~(sequence << 8 | kind)
//
// Kinds that sort by place: a row marker has family "" and id 0; a family marker has no qualifier;
// a column marker stands at the head of its column. A column marker's value holds its range of
// timestamps; the value of the others is empty. A marker shadows what has a smaller sequence, never
// by timestamp.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/status.h"
#include "common/bytes/byte_buffer.h"
#include "common/bytes/coding.h"

namespace stele {

enum class CellKind : uint8_t {
  kSet = 1,
  kDeleteColumn = 2,
  kDeleteFamily = 3,
  kDeleteRow = 4,
};

inline constexpr uint64_t kMaxSequence = (uint64_t{1} << 56) - 1;
inline constexpr size_t kKeyTimestampBytes = 8;
inline constexpr size_t kKeyTailBytes = 8;

// The decoded key. `row` and `qualifier` point into `scratch` of the parser when they were escaped,
// else into the key.
struct ParsedCellKey {
  Slice row;
  Slice family;
  uint16_t family_id = 0;
  Slice qualifier;
  int64_t timestamp_us = 0;  // 0 for markers
  uint64_t sequence = 0;
  CellKind kind = CellKind::kSet;
  size_t row_key_bytes = 0;  // of esc(row), at the key's front
};

// Appends esc(s).
void AppendEscaped(std::string* out, Slice s);

// Each appends a whole key to *out. REQUIRES: row not empty, sequence <= kMaxSequence, family not
// empty and without 00 bytes, timestamp_us >= 0.
void AppendSetKey(std::string* out, Slice row, Slice family, uint16_t family_id, Slice qualifier,
                  int64_t timestamp_us, uint64_t sequence);
void AppendColumnMarkerKey(std::string* out, Slice row, Slice family, uint16_t family_id,
                           Slice qualifier, uint64_t sequence);
void AppendFamilyMarkerKey(std::string* out, Slice row, Slice family, uint16_t family_id,
                           uint64_t sequence);
void AppendRowMarkerKey(std::string* out, Slice row, uint64_t sequence);

// The value of a column marker: start:varint64 end:varint64, 0 = open on that side. Parse gives
// DataLoss for anything that is not two varints that fit.
void AppendMarkerRange(std::string* out, int64_t start_us, int64_t end_us);
Status ParseMarkerRange(Slice value, int64_t* start_us, int64_t* end_us);

// Seek targets. RowStart: at or before every key of the row. RowEnd: after every key of the row, at
// or before the next row's.
void AppendRowStart(std::string* out, Slice row);
void AppendRowEnd(std::string* out, Slice row);
// The same two, as all that `out` holds: of a short row without an allocation.
void AssignRowStart(ByteBuffer* out, Slice row);
void AssignRowEnd(ByteBuffer* out, Slice row);
// At or before every key of the family / of the column (its column markers included), after what
// sorts before it.
void AppendFamilyStart(std::string* out, Slice row, Slice family, uint16_t family_id);
void AppendColumnStart(std::string* out, Slice row, Slice family, uint16_t family_id,
                       Slice qualifier);

// Pieces of an encoded key without decoding the whole; the key must be valid.
Slice EncodedRow(Slice key);              // esc(row), terminator included
inline Slice KeyWithoutTail(Slice key) {  // identity: everything before the tail
  return key.substr(0, key.size() - kKeyTailBytes);
}
inline Slice EncodedColumn(Slice key) {  // everything before the timestamp: row, family, column
  return key.substr(0, key.size() - kKeyTailBytes - kKeyTimestampBytes);
}
inline uint64_t KeyTail(Slice key) {  // sequence << 8 | kind
  return ~DecodeBig64(key.data() + key.size() - kKeyTailBytes);
}
inline uint64_t KeySequence(Slice key) { return KeyTail(key) >> 8; }
inline CellKind KeyKind(Slice key) { return static_cast<CellKind>(KeyTail(key) & 0xff); }

// DataLoss when `key` is not a well-formed key. `scratch` must live as long as the result is used.
Status ParseCellKey(Slice key, ParsedCellKey* parsed, std::string* scratch);
// Undoes AppendEscaped for a slice that ends with the terminator (appends to *out); DataLoss when
// malformed.
Status Unescape(Slice escaped, std::string* out);

}  // namespace stele
