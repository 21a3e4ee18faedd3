// The merged scan over some files of a tablet index. Thread-compatible.
//
// Each file has a cursor that either stands on a cell or waits before a block: then its place in
// the merge is the block's fence (or the seek's target, when that lies inside the block), and the
// block is read only when everything below that is passed. While the block of one cursor ends below
// all others, its cells come out without a comparison.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "common/bytes/byte_buffer.h"
#include "common/bytes/key_head.h"
#include "tabletserver/storage/index/tablet_index.h"

namespace stele::storage {

class IndexIterator final : public Iterator {
 public:
  // `files` are numbers of files of the index. Bounds as in TabletIndex::NewIterator.
  IndexIterator(std::shared_ptr<const TabletIndex> index, absl::Span<const uint32_t> files,
                Slice start, Slice end, const TabletIndex::ReadOptions& options);

  bool Valid() const override { return !heap_.empty(); }
  void SeekToFirst() override { Seek(Slice()); }
  void Seek(Slice target) override;
  void SeekBefore(Slice target) override;
  void Next() override;
  Slice key() const override { return heap_[0]->key; }
  Slice value() const override { return heap_[0]->cells->value(); }
  Status status() const override { return status_; }

 private:
  struct Cursor {
    uint32_t file = 0;
    const SSTable* table = nullptr;
    const FileFences* fences = nullptr;
    Slice start, end;  // keys that count, [start, end); an empty end is open
    std::string clip_start, clip_end;
    // The current cell's key or, while waiting, what the block waited for holds nothing below.
    Slice key;
    uint64_t head = 0;            // of the key
    uint64_t block_end_head = 0;  // of BlockEnd of the open block
    bool waiting = false;
    size_t block = 0;                 // the current block, or the one waited for
    std::unique_ptr<Iterator> cells;  // over cells_block; null: none is open
    size_t cells_block = 0;
    bool check_end = true;  // the current block may hold keys at or behind `end`
  };

  void AddCursor(uint32_t file);
  void SetKey(Cursor* cursor, Slice key) const {
    cursor->key = key;
    cursor->head = KeyHead(key, skip_);
  }
  // Makes the cursor wait for the first key >= target. False when it has none.
  bool Place(Cursor* cursor, Slice target);
  // Reads the block that is waited for. Afterwards the cursor stands on a cell, waits for the next
  // block, or is done.
  Status Load(Cursor* cursor);
  // Opens the block, unless it is the one that is open.
  Status OpenBlock(Cursor* cursor);
  // Puts the cursor on its last key < target, or nowhere; an empty target is the end.
  Status PlaceBefore(Cursor* cursor, Slice target);
  Status Advance(Cursor* cursor);
  void WaitForNextBlock(Cursor* cursor);
  static bool IsDone(const Cursor& cursor) { return cursor.key.empty(); }

  static int Compare(const Cursor& a, const Cursor& b) {
    if (a.head != b.head) return a.head < b.head ? -1 : 1;
    return a.key.compare(b.key);
  }
  static bool Before(const Cursor& a, const Cursor& b);
  // The cursor at this place of the heap has another key, or is done.
  void Reorder(size_t at);
  void Sink(size_t at);
  // Loads whatever waits at the root, then looks at the second.
  void Settle();
  void FindSecond();
  Slice BlockEnd(const Cursor& cursor) const;
  void Fail(Status status);

  const std::shared_ptr<const TabletIndex> index_;
  const TabletIndex::ReadOptions options_;
  ByteBuffer start_, end_;
  size_t skip_ = 0;                         // bytes that all keys of the files share
  absl::InlinedVector<Cursor, 1> cursors_;  // never moved
  absl::InlinedVector<Cursor*, 8> heap_;    // smallest key first
  TabletIndex::Blocks blocks_;              // of the last search
  ByteBuffer target_;                       // of the last seek; waiting cursors point into it
  Status status_;
  size_t second_ = 0;   // place of the smallest cursor below the root; 0: there is none
  bool alone_ = false;  // the root's block ends before the second's key
  bool twin_ = false;   // the second stands on the root's key
};

}  // namespace stele::storage
