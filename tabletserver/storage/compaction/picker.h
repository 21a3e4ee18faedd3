// The compaction picker: which files of one locality group to merge next. Pure: it decides from
// what it is given and reads no file and no clock, so every decision can be tested and repeated.
//
// Size-tiered: files of similar size are merged, the largest no more than the others together: what
// is rewritten comes to be in a file at least twice as large, so a byte is about log(size) times.
// Files that share no rows are left as they are, unless they are small or very many: who reads a
// row looks at one of them, and rows loaded in order are written once. So the files are looked at
// in heaps: two that share rows are in one heap.
// Any set of files of a group may be merged (cells carry their sequences); only all that share rows
// may drop markers, which is a major compaction of these rows. Values, thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/slice.h"

namespace stele::storage {

inline constexpr uint32_t kVeryMany = 4;

struct PickerOptions {
  uint32_t merge_min_files = 4;  // >= 2
  uint32_t merge_max_files = 10;
  uint64_t small_file_bytes = 1u << 20;  // files below count as equally small, and as in the way
  uint32_t very_many = kVeryMany;        // times merge_max_files are merged whatever their rows
  double size_ratio = 1.0;               // the largest of a merge against the sum of the others
  double marker_share = 0.25;            // of all cells: from here on a major is worth its bytes
  bool rewrite_clipped = true;           // for its own sake, when nothing else is to do
};

struct PickerFile {
  uint64_t bytes = 0;  // inside the clip
  uint64_t cells = 0;  // markers included
  uint64_t markers = 0;
  // Rows, both included; the views outlive the call. Both empty: it may hold any.
  Slice first_row, last_row;
  bool clipped = false;  // holds rows that are another tablet's
  bool settled = false;  // came out of a major compaction: its markers cannot be dropped yet
};

struct CompactionPick {
  std::vector<size_t> files;  // indexes into the input, ascending
  bool major = false;         // no other file shares rows with them
};

// Whether a row can be in both.
bool ShareRows(const PickerFile& a, const PickerFile& b);

// How many files at most hold one and the same row: what a reader must merge.
size_t MostOverARow(const std::vector<PickerFile>& files);

// What to do for a group now; nullopt: nothing. `want_major` is an operator's or a split's request.
std::optional<CompactionPick> PickCompaction(const std::vector<PickerFile>& files,
                                             const PickerOptions& options, bool want_major);

}  // namespace stele::storage
