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

  bool Valid() const override { return left_ != 0; }
  void SeekToFirst() override { Seek(Slice()); }
  void Seek(Slice target) override;
  void SeekBefore(Slice target) override;
  void Next() override { Move(); }
  bool Step(Slice* to_key, Slice* to_value) override {
    Move();
    if (left_ == 0) return false;
    *to_key = root_->key;
    *to_value = root_->value;
    return true;
  }
  Slice key() const override { return root_->key; }
  Slice value() const override { return root_->value; }
  Status status() const override { return status_; }

 private:
  struct Cursor {
    uint32_t file = 0;
    const SSTable* table = nullptr;
    const FileFences* fences = nullptr;
    Slice start, end;  // keys that count, [start, end); an empty end is open
    // The current cell's key or, while waiting, what the block waited for holds nothing below.
    Slice key;
    Slice value;                  // of the current cell
    uint64_t block_end_head = 0;  // of BlockEnd of the open block
    bool waiting = false;
    size_t block = 0;                 // the current block, or the one waited for
    std::unique_ptr<Iterator> cells;  // over cells_block; null: none is open
    size_t cells_block = 0;
    bool check_end = true;  // the current block may hold keys at or behind `end`
  };
  // The head of the root is not kept while it is alone.
  struct Place {
    uint64_t head = 0;  // of the cursor's key
    Cursor* cursor = nullptr;
  };

  void AddCursor(uint32_t file);
  // Makes the cursor wait for the first key >= target. False when it has none.
  bool WaitFor(Cursor* cursor, Slice target);
  // Reads the block that is waited for. Afterwards the cursor stands on a cell, waits for the next
  // block, or is done.
  Status Load(Cursor* cursor);
  // Opens the block, unless it is the one that is open.
  Status OpenBlock(Cursor* cursor);
  // Puts the cursor on its last key < target, or nowhere; an empty target is the end.
  Status PlaceBefore(Cursor* cursor, Slice target);
  // To the cursor's next cell, when that is in the same block and counts; else nothing is left of
  // the block.
  static bool StepInBlock(Cursor* cursor) {
    return cursor->cells->Step(&cursor->key, &cursor->value) &&
           (!cursor->check_end || cursor->key < cursor->end);
  }
  // Afterwards the cursor waits for the next block, or is done.
  Status LeaveBlock(Cursor* cursor);
  Status Advance(Cursor* cursor) { return StepInBlock(cursor) ? OkStatus() : LeaveBlock(cursor); }
  void WaitForNextBlock(Cursor* cursor);
  static bool IsDone(const Cursor& cursor) { return cursor.key.empty(); }
  // Next. What nearly every step needs stands here.
  __attribute__((always_inline)) void Move() {
    if (twin_ || !StepInBlock(root_)) return MoveOn();
    if (alone_) return;
    const uint64_t head = KeyHead(root_->key, skip_);
    order_[0].head = head;
    if (head >= order_[1].head) MoveBehindSecond();
  }
  // The rest of Move: the root stands on a key with others, or has left its block.
  void MoveOn();
  // The rest of Move: the root's key may be at or behind the second's.
  void MoveBehindSecond();

  static bool Before(const Place& a, const Place& b) {
    return a.head != b.head ? a.head < b.head : KeyBefore(*a.cursor, *b.cursor);
  }
  static bool KeyBefore(const Cursor& a, const Cursor& b);
  // The cursor at this place has a larger key, or is done.
  void Reorder(size_t at);
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
  absl::InlinedVector<Place, 8> places_;    // one for each cursor
  Place* order_ = nullptr;                  // these; smallest key first
  size_t left_ = 0;                         // cursors that are not done
  Cursor* root_ = nullptr;                  // the first of them
  TabletIndex::Blocks blocks_;              // of the last search
  ByteBuffer target_;                       // of the last seek; waiting cursors point into it
  Status status_;
  bool alone_ = false;  // there is no second, or the root's block ends before its key
  bool twin_ = false;   // the second stands on the root's key
};

}  // namespace stele::storage
