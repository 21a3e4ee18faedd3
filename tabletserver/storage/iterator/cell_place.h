// CellPlace: where a walk over the stream of keys stands (row, family, column) and the markers met
// on the way down to it. Shared by the row resolver and the garbage collector, so that both mean
// the same by "shadowed". Thread-compatible.
//
// A walk calls Enter with the first key of each column (or place of row or family markers), then
// AddMarker for each marker in it, before it looks at the cells.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "common/bytes/byte_buffer.h"
#include "common/bytes/key_head.h"
#include "schema/model/cell_key.h"
#include "tabletserver/storage/iterator/dropped_rows.h"
#include "tabletserver/storage/iterator/range_marker.h"

namespace stele::storage {

class CellPlace {
 public:
  // A drop is met with its row, as a row marker of its sequence would be. Null: none; outlives the
  // place.
  explicit CellPlace(const DroppedRows* drops = nullptr) : drops_(drops) {}

  // Decodes the key and forgets the markers that do not reach its column. DataLoss when malformed:
  // then the place stays.
  Status Enter(Slice key);
  // Enters the key if it is that of a cell of the same column, where neither row nor qualifier hold
  // zeros: most rows follow such a one. False: nothing was done.
  bool EnterNextRowsCell(Slice key) {
    Slice row;
    if (plain_bytes_ == 0 || !IsPlainCell(key, &row)) return false;
    const bool same_row = entered_ && row == parsed_.row;
    TakePlainCell(key, row);
    if (!same_row) EnterRow();
    return true;
  }
  int64_t timestamp_us() const { return parsed_.timestamp_us; }
  Sequence sequence() const { return parsed_.sequence; }
  // Takes a marker of this place. DataLoss when its value is malformed.
  Status AddMarker(Slice key, Slice value);

  // What a key shares with the place.
  enum class Shared : uint8_t { kNothing, kRow, kColumn };
  Shared SharedBy(Slice key) const {
    if (!entered_) return Shared::kNothing;
    const Slice column = column_key();
    const size_t common = CommonPrefix(key, column);
    if (common == column.size() && key.size() == common + kCellEndBytes) return Shared::kColumn;
    return common >= parsed_.row_key_bytes ? Shared::kRow : Shared::kNothing;
  }
  bool SameRow(Slice key) const { return SharedBy(key) != Shared::kNothing; }
  bool SameColumn(Slice key) const { return SharedBy(key) == Shared::kColumn; }
  // Of a key of this column: the timestamp of a cell, or what it is instead.
  static constexpr int64_t kMarker = -1, kMalformed = -2;
  static int64_t CellTimestamp(Slice key) {
    const uint64_t field =
        DecodeBig64(key.data() + key.size() - kKeyTimestampBytes - kKeyTailBytes);
    const bool set = KeyKind(key) == CellKind::kSet;
    if ((field >> 63) != 0 && set) return static_cast<int64_t>(~field);
    return field == 0 && !set ? kMarker : kMalformed;
  }
  // The walk begins anew: the next key may be any.
  void Leave() { entered_ = false; }
  // The walk comes to the column anew: its first key is entered again. Row and family stay.
  void LeaveColumn() {
    column_key_bytes_ = parsed_.row_key_bytes;
    has_qualifier_ = false;
    plain_bytes_ = 0;
  }

  Slice row() const { return parsed_.row; }
  Slice family() const { return parsed_.family; }
  uint16_t family_id() const { return parsed_.family_id; }
  Slice qualifier() const { return parsed_.qualifier; }
  bool has_qualifier() const { return has_qualifier_; }
  // esc(row), and EncodedColumn of the keys.
  Slice row_key() const { return held_[at_].key.bytes().substr(0, parsed_.row_key_bytes); }
  Slice column_key() const { return held_[at_].key.bytes().substr(0, column_key_bytes_); }
  // What of it stands behind the row, where neither row nor qualifier hold zeros; else empty.
  Slice plain_column() const {
    return column_key().substr(column_key_bytes_ - plain_bytes_, plain_bytes_);
  }

  // All smaller sequences in this row, family, column are shadowed; 0: none.
  Sequence row_marker() const { return row_marker_; }
  Sequence family_marker() const { return std::max(row_marker_, family_marker_); }
  Sequence column_marker() const { return std::max(family_marker(), column_marker_); }
  // Markers over a part of the timestamps of the column, none older than column_marker(), newest
  // first.
  const std::vector<RangeMarker>& ranges() const { return ranges_; }

 private:
  static constexpr size_t kCellEndBytes = kKeyTimestampBytes + kKeyTailBytes;
  static constexpr size_t kTerminatorBytes = 2, kFamilyEndBytes = 3;  // as cell_key.h has them

  void EnterRow() {
    row_marker_ = drops_ != nullptr && !drops_->empty() ? drops_->At(parsed_.row) : 0;
    family_marker_ = 0;
  }
  // Whether it is the key of a cell of the column, which is plain, without a zero in its row.
  bool IsPlainCell(Slice key, Slice* row) const {
    const size_t behind_row = plain_bytes_ + kCellEndBytes;
    if (key.size() <= behind_row) return false;
    const size_t bytes = key.size() - behind_row;
    const char* const column = held_[at_].key.bytes().data() + parsed_.row.size();
    *row = key.substr(0, bytes);
    return EqualBytes(key.data() + bytes, column, plain_bytes_) && CellTimestamp(key) >= 0 &&
           FindZero(*row) == bytes;
  }
  void TakePlainCell(Slice key, Slice row) {
    at_ = 1 - at_;
    ByteBuffer& held = held_[at_].key;
    held.Assign(key);
    const char* const begin = held.bytes().data();
    const char* const family = begin + row.size() + kTerminatorBytes;
    parsed_.row = Slice(begin, row.size());
    parsed_.row_key_bytes = row.size() + kTerminatorBytes;
    parsed_.family = Slice(family, parsed_.family.size());
    const char* const qualifier = family + parsed_.family.size() + kFamilyEndBytes;
    parsed_.qualifier = Slice(qualifier, parsed_.qualifier.size());
    const char* const end = begin + key.size() - kCellEndBytes;
    parsed_.kind = CellKind::kSet;
    parsed_.timestamp_us = static_cast<int64_t>(~DecodeBig64(end));
    parsed_.sequence = KeySequence(key);
    column_key_bytes_ = row.size() + plain_bytes_;
    column_marker_ = 0;
    ranges_.clear();
    entered_ = true;
  }

  const DroppedRows* const drops_;
  bool entered_ = false;
  bool has_qualifier_ = false;
  // The first key of the column; beside it the room for the next one's.
  struct Held {
    ByteBuffer key;
    std::string scratch;
  } held_[2];
  uint8_t at_ = 0;
  ParsedCellKey parsed_;  // points into held_[at_]
  size_t column_key_bytes_ = 0;
  // Of these the ones behind the row, where neither it nor the qualifier hold zeros: then they are
  // their own encodings, and parsed_ points into the key. Else 0.
  size_t plain_bytes_ = 0;
  Sequence row_marker_ = 0, family_marker_ = 0, column_marker_ = 0;
  std::vector<RangeMarker> ranges_;
};

}  // namespace stele::storage
