// TabletIndex: the index block of one tablet and locality group. It merges the block indexes
// (fences) of all SSTables into one sorted array, so that one search finds, for every file at once,
// the block that can hold a key, and a scan opens a file's block only when it gets there.
//
//   entries   (file, block) of all files in the order of their fences: first keys of blocks
//   groups    every kGroupEntries entries an anchor (the fence of the group's first entry) and, for
//             each file, how many of its blocks begin before the group
//
// A search is a binary search over the anchors, one inside the group (both first on eight bytes
// behind the common prefix of all), and a count per file. (After REMIX, Zhong et al., FAST 2021;
// there over keys, here over blocks.)
//
// Immutable and thread-safe; owned by shared_ptr, swapped whole when the files change, pinned by
// its iterators. It pins its tables. Built from the files anew after a crash. The keys of fences
// are loaded once per file and shared by successive indexes.
//
// A file counts only inside (clip_start, clip_end]. Damage stays where it is: a file whose fences
// cannot be read fails only reads that reach into its rows, a bad block only those that need it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "schema/model/cell_key.h"
#include "tabletserver/storage/iterator/iterator.h"
#include "tabletserver/storage/sstable/sstable.h"

namespace stele::storage {

class FileFences;

class TabletIndex : public std::enable_shared_from_this<TabletIndex> {
 public:
  struct File {
    std::shared_ptr<const SSTable> table;
    std::string clip_start, clip_end;  // plain rows, (start, end]; empty: open
  };
  // The keys that a file's clip leaves, [first, end); an empty end is open.
  struct Clip {
    std::string first, end;
    bool HoldsRow(Slice row, Slice row_end) const {
      return row >= first && (end.empty() || row_end <= end);
    }
  };
  using Blocks = absl::InlinedVector<int32_t, 8>;
  using RowParts = absl::InlinedVector<std::unique_ptr<Iterator>, 4>;
  struct ReadOptions {
    bool fill_cache = true;
    bool may_block = true;  // false: Unavailable("would block...") for what is not in memory
    uint64_t* page_cache_bytes = nullptr;  // as in SSTable::BlockRead
    Sequence snapshot = kMaxSequence;      // files with larger sequences only are passed over
    // Files without delete markers whose cells are all older than min, or none older than max, are
    // passed over; 0: none is.
    int64_t min_timestamp_us = 0, max_timestamp_us = 0;
    ReadTrace* trace = nullptr;  // what is counted; null: nothing. Outlives the iterators
  };

  // Takes what it can from `base` (null: nothing): only fences of new files are read, only they are
  // merged into the order. Never fails: see status().
  static std::shared_ptr<const TabletIndex> Build(std::vector<File> files, const TabletIndex* base);

  // The first file whose fences could not be read, OK when there is none. The next Build tries
  // again.
  Status status() const;

  // All cells with start <= key < end of all files, merged; an empty `end` is open. Bounds are keys
  // or seek targets of cell_key.h. Seek goes to no key below `start`. Blocks are read when the scan
  // reaches them, and while one file is alone nothing is compared.
  std::unique_ptr<Iterator> NewIterator(Slice start, Slice end, const ReadOptions& options) const;

  // What the files whose filter agrees hold of one row, [encoded_row, row_end); with
  // `encoded_column` not empty, at least what concerns this column (its cells and the markers over
  // it) and no promise for others. encoded_row is EncodedRow() of a key, row_end AppendRowEnd's,
  // encoded_column EncodedColumn(). Appends iterators that stand on a key of the row, for moves to
  // what is at or behind its first key; they may show keys behind the row.
  Status FindRow(Slice encoded_row, Slice row_end, Slice encoded_column, const ReadOptions& options,
                 RowParts* parts) const;

  // For each file the number of its block that can hold `key`, -1 when all its blocks begin behind
  // it. One search.
  void FindBlocks(Slice key, Blocks* blocks) const;

  const std::vector<File>& files() const { return files_; }
  const FileFences& fences(size_t file) const { return *fences_[file]; }
  const Clip& clip(size_t file) const { return clips_[file]; }
  // The blocks of a file that hold keys inside its clip: [first, second).
  std::pair<size_t, size_t> BlocksOf(size_t file) const;
  // Of these blocks; of the whole file when it is not clipped, or its fences could not be read.
  uint64_t BytesOf(size_t file) const;
  size_t entry_count() const { return entries_.size(); }
  size_t anchor_count() const { return anchor_heads_.size(); }
  // Without the tables. Shared fences count in full.
  size_t memory_bytes() const;
  ~TabletIndex();

 private:
  struct Entry {
    uint32_t file;
    uint32_t block;
  };
  static constexpr size_t kGroupEntries = 32;

  TabletIndex() = default;
  Slice FenceOf(const Entry& entry) const;
  void TakeOrder(const TabletIndex& base, const std::vector<int64_t>& new_number);
  void MergeFile(uint32_t file);
  void BuildGroups();
  bool IsInReach(uint32_t file, Slice start, Slice end, const ReadOptions& options) const;
  // As far as the keys have no say.
  bool IsAskedFor(uint32_t file, const ReadOptions& options) const;
  // Its part of the row where it can be had in one step, standing somewhere; else null.
  std::unique_ptr<Iterator> FindInBlock(uint32_t file, Slice row, Slice row_end,
                                        const ReadOptions& options, const Blocks& blocks) const;
  void Trace(uint32_t file, bool in_reach, ReadTrace::Filter filter, ReadTrace* trace) const;

  std::vector<File> files_;
  std::vector<Clip> clips_;                                // one for each file
  std::vector<std::shared_ptr<const FileFences>> fences_;  // one for each file
  std::vector<Entry> entries_;
  // Of the groups.
  std::string common_prefix_;           // of all fences
  std::vector<uint64_t> anchor_heads_;  // the eight bytes behind it, big-endian
  std::vector<uint64_t> heads_;         // the same of each entry's fence
  std::vector<int32_t> blocks_before_;  // groups x files
};

}  // namespace stele::storage
