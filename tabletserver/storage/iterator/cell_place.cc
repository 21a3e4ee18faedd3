#include "tabletserver/storage/iterator/cell_place.h"

namespace stele::storage {

Status CellPlace::Enter(Slice key) {
  if (EnterNextRowsCell(key)) return OkStatus();
  Held& next = held_[1 - at_];
  next.key.Assign(key);
  ParsedCellKey parsed;
  RETURN_IF_ERROR(ParseCellKey(next.key.bytes(), &parsed, &next.scratch));
  const bool same_row = SameRow(key);
  if (same_row && (parsed.family_id != parsed_.family_id || parsed.family != parsed_.family)) {
    family_marker_ = 0;
  }
  at_ = 1 - at_;
  parsed_ = parsed;
  if (!same_row) EnterRow();
  has_qualifier_ = parsed.kind == CellKind::kSet || parsed.kind == CellKind::kDeleteColumn;
  column_key_bytes_ = EncodedColumn(key).size();
  plain_bytes_ = kTerminatorBytes + parsed.family.size() + kFamilyEndBytes +
                 parsed.qualifier.size() + kTerminatorBytes;
  if (!has_qualifier_ || column_key_bytes_ != parsed.row.size() + plain_bytes_) plain_bytes_ = 0;
  column_marker_ = 0;
  ranges_.clear();
  entered_ = true;
  return OkStatus();
}

Status CellPlace::AddMarker(Slice key, Slice value) {
  const Sequence sequence = KeySequence(key);
  switch (KeyKind(key)) {
    case CellKind::kDeleteRow:
      if (!family().empty()) break;
      row_marker_ = std::max(row_marker_, sequence);
      return OkStatus();
    case CellKind::kDeleteFamily:
      if (family().empty() || has_qualifier_) break;
      family_marker_ = std::max(family_marker_, sequence);
      return OkStatus();
    case CellKind::kDeleteColumn: {
      if (!has_qualifier_) break;
      RangeMarker marker{.sequence = sequence};
      RETURN_IF_ERROR(ParseMarkerRange(value, &marker.start_us, &marker.end_us));
      if (marker.end_us == 0) marker.end_us = INT64_MAX;
      if (marker.start_us == 0 && marker.end_us == INT64_MAX) {
        column_marker_ = std::max(column_marker_, sequence);
      } else if (sequence > column_marker()) {  // markers come newest first
        ranges_.push_back(marker);
      }
      return OkStatus();
    }
    case CellKind::kSet:
      break;
  }
  return CorruptError("malformed cell key: kind of marker does not fit its place");
}

}  // namespace stele::storage
