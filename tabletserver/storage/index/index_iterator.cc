#include "tabletserver/storage/index/index_iterator.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/bytes/key_head.h"
#include "schema/model/cell_key.h"
#include "tabletserver/storage/index/file_fences.h"

namespace stele::storage {
namespace {

// Among so many a cursor's place is looked for one by one.
constexpr size_t kNearPlaces = 12;

}  // namespace

IndexIterator::IndexIterator(std::shared_ptr<const TabletIndex> index,
                             absl::Span<const uint32_t> files, Slice start, Slice end,
                             const TabletIndex::ReadOptions& options)
    : index_(std::move(index)), options_(options) {
  start_.Assign(start);
  end_.Assign(end);
  cursors_.reserve(files.size());
  places_.resize(files.size());
  order_ = places_.data();
  for (uint32_t file : files) AddCursor(file);
  if (files.size() < 2) return;
  // Whatever is between two keys begins with what both begin with.
  const Slice first = cursors_[0].table->properties().first_key;
  skip_ = first.size();
  for (const Cursor& cursor : cursors_) {
    const SSTableProperties& p = cursor.table->properties();
    skip_ = std::min(skip_, CommonPrefix(first, p.first_key));
    skip_ = std::min(skip_, CommonPrefix(first, p.last_key));
  }
}

void IndexIterator::AddCursor(uint32_t file) {
  const TabletIndex::File& f = index_->files()[file];
  Cursor& cursor = cursors_.emplace_back();
  cursor.file = file;
  cursor.table = f.table.get();
  cursor.fences = &index_->fences(file);
  cursor.start = std::max(start_.bytes(), Slice(f.table->properties().first_key));
  const TabletIndex::Clip& clip = index_->clip(file);
  cursor.start = std::max(cursor.start, Slice(clip.first));
  cursor.end = end_.bytes();
  if (!clip.end.empty() && (cursor.end.empty() || Slice(clip.end) < cursor.end)) {
    cursor.end = clip.end;
  }
}

void IndexIterator::Seek(Slice target) {
  target_.Assign(target);
  status_ = OkStatus();
  left_ = 0;
  index_->FindBlocks(target_.bytes(), &blocks_);
  for (Cursor& cursor : cursors_) {
    if (WaitFor(&cursor, target_.bytes())) {
      order_[left_++] = {KeyHead(cursor.key, skip_), &cursor};
    }
  }
  if (left_ > 1) std::sort(order_, order_ + left_, Before);
  Settle();
}

bool IndexIterator::WaitFor(Cursor* cursor, Slice target) {
  const bool from_start = target < cursor->start;
  const Slice from = from_start ? cursor->start : target;
  cursor->key = Slice();
  if ((!cursor->end.empty() && from >= cursor->end) ||
      from > Slice(cursor->table->properties().last_key)) {
    return false;
  }
  const int32_t floor = from_start ? cursor->fences->FindBlock(from) : blocks_[cursor->file];
  cursor->block = floor < 0 ? 0 : static_cast<size_t>(floor);
  cursor->key = from;
  cursor->waiting = true;
  return true;
}

void IndexIterator::SeekBefore(Slice target) {
  target_.Assign(target);
  status_ = OkStatus();
  left_ = 0;
  twin_ = alone_ = false;
  Cursor* last = nullptr;
  for (Cursor& cursor : cursors_) {
    if (Status s = PlaceBefore(&cursor, target_.bytes()); !s.ok()) return Fail(std::move(s));
    if (!IsDone(cursor) && (last == nullptr || last->key < cursor.key)) last = &cursor;
  }
  if (last == nullptr) return;
  order_[left_++] = {0, last};
  root_ = last;
}

Status IndexIterator::PlaceBefore(Cursor* cursor, Slice target) {
  cursor->key = Slice();
  cursor->waiting = false;
  Slice before = target;
  if (!cursor->end.empty() && (before.empty() || cursor->end < before)) before = cursor->end;
  if (!before.empty() && before <= cursor->start) return OkStatus();
  RETURN_IF_ERROR(cursor->fences->status());
  int32_t block = static_cast<int32_t>(cursor->fences->size()) - 1;
  if (!before.empty()) block = cursor->fences->FindBlock(before);
  // The key may be in the block before: a fence is at or below the first key of its block.
  for (; block >= 0; --block) {
    cursor->block = static_cast<size_t>(block);
    RETURN_IF_ERROR(OpenBlock(cursor));
    cursor->cells->SeekBefore(before);
    RETURN_IF_ERROR(cursor->cells->status());
    if (!cursor->cells->Valid()) continue;
    if (cursor->cells->key() >= cursor->start) cursor->key = cursor->cells->key();
    break;
  }
  return OkStatus();
}

Status IndexIterator::OpenBlock(Cursor* cursor) {
  if (cursor->cells != nullptr && cursor->cells_block == cursor->block) return OkStatus();
  const BlockHandle& handle = cursor->fences->handle(cursor->block);
  cursor->cells = nullptr;
  ReadTrace::File* const trace =
      options_.trace == nullptr ? nullptr : options_.trace->Of(cursor->table->name());
  ASSIGN_OR_RETURN(cursor->cells,
                   cursor->table->OpenBlock(handle, {.fill_cache = options_.fill_cache,
                                                     .may_block = options_.may_block,
                                                     .page_cache_bytes = options_.page_cache_bytes,
                                                     .end = cursor->end,
                                                     .trace = trace}));
  if (trace != nullptr) {
    cursor->cells = std::make_unique<CountingIterator>(std::move(cursor->cells), &trace->cells);
  }
  cursor->cells_block = cursor->block;
  return OkStatus();
}

Status IndexIterator::Load(Cursor* cursor) {
  RETURN_IF_ERROR(cursor->fences->status());
  const Slice from = cursor->key;
  // Who comes from another block walks: it will want the whole of this one.
  const bool walks = cursor->cells != nullptr;
  RETURN_IF_ERROR(OpenBlock(cursor));
  const Slice block_end = BlockEnd(*cursor);
  cursor->block_end_head = KeyHead(block_end, skip_);
  cursor->check_end = !cursor->end.empty() && block_end >= cursor->end;
  if (walks && from <= cursor->fences->key(cursor->block)) {
    cursor->cells->SeekToFirst();
  } else {
    cursor->cells->Seek(from);
  }
  cursor->waiting = false;
  if (!cursor->cells->Valid()) {
    RETURN_IF_ERROR(cursor->cells->status());
    WaitForNextBlock(cursor);
    return OkStatus();
  }
  cursor->key = cursor->cells->key();
  cursor->value = cursor->cells->value();
  if (cursor->check_end && cursor->key >= cursor->end) cursor->key = Slice();
  return OkStatus();
}

Status IndexIterator::LeaveBlock(Cursor* cursor) {
  if (cursor->cells->Valid()) {  // on a key that does not count
    cursor->key = Slice();
    return OkStatus();
  }
  RETURN_IF_ERROR(cursor->cells->status());
  WaitForNextBlock(cursor);
  return OkStatus();
}

void IndexIterator::WaitForNextBlock(Cursor* cursor) {
  cursor->key = Slice();
  if (++cursor->block == cursor->fences->size()) return;
  const Slice fence = cursor->fences->key(cursor->block);
  if (!cursor->end.empty() && fence >= cursor->end) return;
  cursor->key = fence;
  cursor->waiting = true;
}

// At or behind every key of the cursor's block.
Slice IndexIterator::BlockEnd(const Cursor& cursor) const {
  return cursor.block + 1 < cursor.fences->size() ? cursor.fences->key(cursor.block + 1)
                                                  : Slice(cursor.table->properties().last_key);
}

void IndexIterator::MoveOn() {
  if (twin_) {
    // Others on the same key move first, while the root's key is still alive.
    while (twin_) {
      if (Status s = Advance(order_[1].cursor); !s.ok()) return Fail(std::move(s));
      Reorder(1);
      FindSecond();
    }
    return Move();
  }
  if (Status s = LeaveBlock(root_); !s.ok()) return Fail(std::move(s));
  Reorder(0);
  Settle();
}

void IndexIterator::MoveBehindSecond() {
  const Cursor& second = *order_[1].cursor;
  if (order_[0].head == order_[1].head) {
    const int order = root_->key.compare(second.key);
    if (order < 0) return;
    if (order == 0 && !second.waiting) {
      twin_ = true;
      return;
    }
  }
  Reorder(0);
  Settle();
}

// What waits goes before what stands on the same key: its block may hold that key, too.
bool IndexIterator::KeyBefore(const Cursor& a, const Cursor& b) {
  const int order = a.key.compare(b.key);
  return order < 0 || (order == 0 && a.waiting && !b.waiting);
}

void IndexIterator::Reorder(size_t at) {
  Cursor* const cursor = order_[at].cursor;
  if (IsDone(*cursor)) {
    std::copy(order_ + at + 1, order_ + left_, order_ + at);
    --left_;
    return;
  }
  const Place moving{KeyHead(cursor->key, skip_), cursor};
  // Mostly it does not go far.
  const size_t near = std::min(left_, at + kNearPlaces);
  for (; at + 1 < near && Before(order_[at + 1], moving); ++at) order_[at] = order_[at + 1];
  if (at + 1 == near) {
    Place* const behind = std::partition_point(
        order_ + near, order_ + left_, [&](const Place& other) { return Before(other, moving); });
    std::copy(order_ + near, behind, order_ + at);
    at = static_cast<size_t>(behind - order_) - 1;
  }
  order_[at] = moving;
}

void IndexIterator::Settle() {
  while (left_ != 0 && order_[0].cursor->waiting) {
    if (Status s = Load(order_[0].cursor); !s.ok()) return Fail(std::move(s));
    Reorder(0);
  }
  FindSecond();
}

void IndexIterator::FindSecond() {
  root_ = order_[0].cursor;
  alone_ = left_ < 2;
  twin_ = false;
  if (alone_) return;
  const Place& second = order_[1];
  // A block's end is a key of the next block at the earliest, but in the last block its last key.
  if (root_->block_end_head <= second.head) {
    const Slice end = BlockEnd(*root_), key = second.cursor->key;
    alone_ = root_->block + 1 < root_->fences->size() ? end <= key : end < key;
    if (alone_) return;
  }
  twin_ =
      !second.cursor->waiting && order_[0].head == second.head && root_->key == second.cursor->key;
}

void IndexIterator::Fail(Status status) {
  status_ = std::move(status);
  left_ = 0;
  twin_ = alone_ = false;
}

}  // namespace stele::storage
