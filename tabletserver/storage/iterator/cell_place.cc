#include "tabletserver/storage/iterator/cell_place.h"

namespace stele::storage {

Status CellPlace::Enter(Slice key) {
  ParsedCellKey parsed;
  RETURN_IF_ERROR(ParseCellKey(key, &parsed, &scratch_));
  if (!SameRow(key)) {
    row_.assign(parsed.row.data(), parsed.row.size());
    const Slice row_key = EncodedRow(key);
    row_key_.assign(row_key.data(), row_key.size());
    family_.clear();
    family_id_ = 0;
    row_marker_ = drops_ != nullptr ? drops_->At(row_) : 0;
    family_marker_ = 0;
  }
  if (parsed.family_id != family_id_ || parsed.family != Slice(family_)) {
    family_.assign(parsed.family.data(), parsed.family.size());
    family_id_ = parsed.family_id;
    family_marker_ = 0;
  }
  has_qualifier_ = parsed.kind == CellKind::kSet || parsed.kind == CellKind::kDeleteColumn;
  qualifier_.assign(parsed.qualifier.data(), parsed.qualifier.size());
  const Slice column = EncodedColumn(key);
  column_key_.assign(column.data(), column.size());
  column_marker_ = 0;
  ranges_.clear();
  entered_ = true;
  return OkStatus();
}

Status CellPlace::AddMarker(Slice key, Slice value) {
  const Sequence sequence = KeySequence(key);
  switch (KeyKind(key)) {
    case CellKind::kDeleteRow:
      if (!family_.empty()) break;
      row_marker_ = std::max(row_marker_, sequence);
      return OkStatus();
    case CellKind::kDeleteFamily:
      if (family_.empty() || has_qualifier_) break;
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
