// PlainRun: rows of one cell each, all of the same column, whose keys hold no zeros: what scans
// mostly pass. Knows from one key to the next what both have in common, so that a row costs a
// comparison and a copy. Owned by the row resolver for such a run; thread-compatible.
#pragma once

#include <bit>
#include <cstring>

#include "common/bytes/byte_buffer.h"
#include "common/bytes/key_head.h"
#include "tabletserver/storage/iterator/cell_place.h"

namespace stele::storage {

class PlainRun {
 public:
  // Behind the row of the place, whose column the run has. Is of no rows when the place is not
  // plain.
  explicit PlainRun(const CellPlace& place) {
    column_.Assign(place.plain_column());
    const Slice column = column_.bytes();
    column_bytes_ = column.size();
    if (column_bytes_ == 0) return;
    first_ = DecodeFixed64(column.data());
    last_ = DecodeFixed64(column.data() + column_bytes_ - kWordBytes);
    row_bytes_[0] = place.row().size();
    keys_[0].Assign(place.column_key());
    family_ = column.substr(kTerminatorBytes, place.family().size());
    qualifier_ = column.substr(kTerminatorBytes + family_.size() + kFamilyEndBytes,
                               place.qualifier().size());
  }

  // Whether a key that is behind all keys of the last row is that of a cell of the column in
  // another row without zeros; then RowOf and Take may follow.
  __attribute__((always_inline)) bool IsNextRow(Slice key) {
    const size_t behind_row = column_bytes_ + kCellEndBytes, last_bytes = row_bytes_[at_];
    if (column_bytes_ == 0 || key.size() <= behind_row || key.size() < last_bytes + kWordBytes) {
      return false;
    }
    const char* const begin = key.data();
    const size_t row_bytes = key.size() - behind_row;
    if (!HasColumn(begin + row_bytes) || !IsCellEnd(begin + key.size())) return false;
    // The row ends with a zero, and the last one has none: they differ where the shorter ends. The
    // held key reaches a word beyond its row.
    const char* const held = keys_[at_].bytes().data();
    size_t at = 0;
    uint64_t differs;
    while ((differs = DecodeFixed64(begin + at) ^ DecodeFixed64(held + at)) == 0) {
      at += kWordBytes;
      if (at > last_bytes) return false;
    }
    const size_t common = at + static_cast<size_t>(std::countr_zero(differs)) / 8;
    if (common > last_bytes || !HasNoZero(begin, common, row_bytes)) return false;
    next_row_bytes_ = row_bytes;
    return true;
  }
  // Of the key that IsNextRow was asked about, in it.
  Slice RowOf(Slice key) const { return {key.data(), next_row_bytes_}; }
  // This key's row is the last now.
  __attribute__((always_inline)) void Take(Slice key) {
    at_ = 1 - at_;
    keys_[at_].Assign(key);
    row_bytes_[at_] = next_row_bytes_;
  }

  // The last row's, and the row before it.
  Slice key() const { return keys_[at_].bytes(); }
  Slice row_before() const { return keys_[1 - at_].bytes().substr(0, row_bytes_[1 - at_]); }
  Slice family() const { return family_; }
  Slice qualifier() const { return qualifier_; }

 private:
  static constexpr size_t kWordBytes = 8;
  static constexpr size_t kCellEndBytes = kKeyTimestampBytes + kKeyTailBytes;
  // As cell_key.h has them. With a family a column is no shorter than a word.
  static constexpr size_t kTerminatorBytes = 2, kFamilyEndBytes = 3;

  bool HasColumn(const char* p) const {
    return DecodeFixed64(p) == first_ && DecodeFixed64(p + column_bytes_ - kWordBytes) == last_ &&
           (column_bytes_ <= 2 * kWordBytes ||
            std::memcmp(p, column_.bytes().data(), column_bytes_) == 0);
  }
  // As CellPlace::CellTimestamp has it.
  static bool IsCellEnd(const char* end) {
    return (*(end - kCellEndBytes) & 0x80) != 0 &&
           *(end - 1) == static_cast<char>(~static_cast<uint8_t>(CellKind::kSet));
  }
  // Of key[from, to); before `from` there is none.
  static bool HasNoZero(const char* key, size_t from, size_t to) {
    if (to < kWordBytes || to - from > kWordBytes) {
      return FindZero(Slice(key + from, to - from)) == to - from;
    }
    const uint64_t bytes = DecodeFixed64(key + to - kWordBytes);
    return ((bytes - 0x0101010101010101u) & ~bytes & 0x8080808080808080u) == 0;
  }

  ByteBuffer column_;  // what stands between row and timestamp
  size_t column_bytes_ = 0;
  uint64_t first_ = 0, last_ = 0;  // words of it
  Slice family_, qualifier_;
  size_t next_row_bytes_ = 0;
  ByteBuffer keys_[2];  // of the last row, and of the one before
  size_t row_bytes_[2] = {0, 0};
  size_t at_ = 0;
};

}  // namespace stele::storage
