#include "tabletserver/storage/iterator/cell_place.h"

#include <cstring>

namespace stele::storage {

bool CellPlace::IsNextRowsCell(Slice key) const {
  const Slice held = held_[at_].key.bytes();
  const size_t row_bytes = parsed_.row.size();
  // Row and qualifier hold no zeros: they are their own encodings.
  const size_t plain_bytes =
      row_bytes + 2 + parsed_.family.size() + 3 + parsed_.qualifier.size() + 2;
  if (!has_qualifier_ || column_key_bytes_ != plain_bytes || key.size() != held.size()) {
    return false;
  }
  return std::memcmp(key.data() + row_bytes, held.data() + row_bytes, plain_bytes - row_bytes) ==
             0 &&
         CellTimestamp(key) >= 0 && FindZero(key.substr(0, row_bytes)) == row_bytes;
}

Status CellPlace::Enter(Slice key) {
  Held& next = held_[1 - at_];
  next.key.Assign(key);
  ParsedCellKey parsed;
  if (IsNextRowsCell(key)) {
    const Slice held = held_[at_].key.bytes(), bytes = next.key.bytes();
    const auto moved = [&](Slice piece) {
      return bytes.substr(static_cast<size_t>(piece.data() - held.data()), piece.size());
    };
    parsed = parsed_;
    parsed.kind = CellKind::kSet;
    parsed.timestamp_us = CellTimestamp(key);
    parsed.sequence = KeySequence(key);
    parsed.row = moved(parsed_.row);
    parsed.family = moved(parsed_.family);
    parsed.qualifier = moved(parsed_.qualifier);
  } else {
    RETURN_IF_ERROR(ParseCellKey(next.key.bytes(), &parsed, &next.scratch));
  }
  if (!SameRow(key)) {
    row_marker_ = drops_ != nullptr ? drops_->At(parsed.row) : 0;
    family_marker_ = 0;
  } else if (parsed.family_id != parsed_.family_id || parsed.family != parsed_.family) {
    family_marker_ = 0;
  }
  at_ = 1 - at_;
  parsed_ = parsed;
  has_qualifier_ = parsed.kind == CellKind::kSet || parsed.kind == CellKind::kDeleteColumn;
  column_key_bytes_ = EncodedColumn(key).size();
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
