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

#include "schema/model/cell_key.h"
#include "tabletserver/storage/iterator/dropped_rows.h"
#include "tabletserver/storage/iterator/range_marker.h"

namespace stele::storage {

class CellPlace {
 public:
  // A drop is met with its row, as a row marker of its sequence would be. Null: none; outlives the
  // place.
  explicit CellPlace(const DroppedRows* drops = nullptr) : drops_(drops) {}

  // Decodes the key and forgets the markers that do not reach its column. DataLoss when malformed.
  Status Enter(Slice key);
  // Takes a marker of this place. DataLoss when its value is malformed.
  Status AddMarker(Slice key, Slice value);

  bool SameRow(Slice key) const { return entered_ && key.substr(0, row_key_.size()) == row_key_; }
  bool SameColumn(Slice key) const {
    return entered_ && key.size() == column_key_.size() + kKeyTimestampBytes + kKeyTailBytes &&
           key.substr(0, column_key_.size()) == column_key_;
  }
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
  void LeaveColumn() { column_key_.clear(); }

  Slice row() const { return row_; }
  Slice family() const { return family_; }
  uint16_t family_id() const { return family_id_; }
  Slice qualifier() const { return qualifier_; }
  bool has_qualifier() const { return has_qualifier_; }
  Slice row_key() const { return row_key_; }        // esc(row)
  Slice column_key() const { return column_key_; }  // EncodedColumn of the keys

  // All smaller sequences in this row, family, column are shadowed; 0: none.
  Sequence row_marker() const { return row_marker_; }
  Sequence family_marker() const { return std::max(row_marker_, family_marker_); }
  Sequence column_marker() const { return std::max(family_marker(), column_marker_); }
  // Markers over a part of the timestamps of the column, none older than column_marker(), newest
  // first.
  const std::vector<RangeMarker>& ranges() const { return ranges_; }

 private:
  const DroppedRows* const drops_;
  bool entered_ = false;
  std::string row_, family_, qualifier_, scratch_;
  uint16_t family_id_ = 0;
  bool has_qualifier_ = false;
  std::string row_key_, column_key_;
  Sequence row_marker_ = 0, family_marker_ = 0, column_marker_ = 0;
  std::vector<RangeMarker> ranges_;
};

}  // namespace stele::storage
