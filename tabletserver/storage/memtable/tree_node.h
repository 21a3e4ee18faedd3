// TreeNode: one node of the memtable's B+-tree, and TreeCell, what its leaves point to. Both live
// in the memtable's arena: made by its writer, never moved, never freed before the whole table.
//
// A node covers a range of keys [low, high). Beside each pointer to a cell it keeps the cell's
// head: the eight bytes behind what all keys of the range have in common, so that a search touches
// the cells themselves only among equal heads. A leaf holds cells and its right neighbour; an inner
// node holds separators, each the least cell of the child to its right, and one child more.
//
// Threads: one writer, any number of readers without a lock (a sequence lock; Leis et al., The ART
// of Practical Synchronization, DaMoN 2016). The version is odd while the writer changes what
// readers may have seen. A reader takes the version, reads, then asks whether it has changed: if
// so, what it read means nothing, though no pointer in it ever dangles. All stores behind an odd
// version release and all loads before the question acquire, so no fence is needed. A cell appended
// behind the last one disturbs nobody: the version stays.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <new>

#include "common/base/slice.h"
#include "common/bytes/arena.h"
#include "common/bytes/key_head.h"

namespace stele::storage {

// Sizes, then key and value.
class TreeCell {
 public:
  static const TreeCell* Create(Arena* arena, Slice key, Slice value) {
    char* piece = arena->AllocateAligned(sizeof(TreeCell) + key.size() + value.size());
    auto* cell = new (piece) TreeCell(key.size(), value.size());
    char* bytes = piece + sizeof(TreeCell);
    std::memcpy(bytes, key.data(), key.size());
    if (!value.empty()) std::memcpy(bytes + key.size(), value.data(), value.size());
    return cell;
  }
  Slice key() const { return Slice(bytes(), key_size_); }
  Slice value() const { return Slice(bytes() + key_size_, value_size_); }

 private:
  TreeCell(size_t key_size, size_t value_size)
      : key_size_(static_cast<uint32_t>(key_size)),
        value_size_(static_cast<uint32_t>(value_size)) {}
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }

  const uint32_t key_size_;
  const uint32_t value_size_;
};

class TreeNode {
 public:
  static constexpr uint32_t kMaxCells = 64;
  // Of a leaf, from some cell on.
  struct Cells {
    uint32_t count = 0;
    const TreeNode* next = nullptr;
    const TreeCell* cells[kMaxCells];
  };

  static TreeNode* NewLeaf(Arena* arena) {
    return new (arena->AllocateAligned(sizeof(TreeNode))) TreeNode();
  }
  // With one child.
  static TreeNode* NewInner(Arena* arena, TreeNode* child) {
    char* piece = arena->AllocateAligned(sizeof(TreeNode) + sizeof(Children));
    auto* node = new (piece) TreeNode();
    node->children_ = new (piece + sizeof(TreeNode)) Children;
    Set(&node->children_->at[0], child);
    return node;
  }

  // ---- readers ----
  uint32_t Version() const { return version_.load(std::memory_order_acquire); }
  static bool IsChanging(uint32_t version) { return (version & 1) != 0; }
  bool HasChangedSince(uint32_t version) const { return Version() != version; }
  bool is_leaf() const { return children_ == nullptr; }
  uint32_t count() const { return Get(count_); }
  // How many cells (separators) are below the target, or, with `equal`, not above it.
  uint32_t CountBelow(Slice target, bool equal) const { return CountBelow(count(), target, equal); }
  // The same among the first `count`: who asks more than once must not meet cells appended between.
  uint32_t CountBelow(uint32_t count, Slice target, bool equal) const;
  TreeNode* child(uint32_t at) const { return Get(children_->at[at]); }
  const TreeCell* cell(uint32_t at) const { return Get(cells_[at]); }
  // Those of the first `count`.
  void CopyFrom(uint32_t first, uint32_t count, Cells* out) const;
  // Brings in what a search looks at.
  void Prefetch() const {
    const auto* line = reinterpret_cast<const char*>(this);
    const auto* end = reinterpret_cast<const char*>(heads_ + kMaxCells);
    for (; line < end; line += 64) __builtin_prefetch(line);
  }

  // ---- the writer ----
  bool full() const { return count() == kMaxCells; }
  // Into a leaf that is not full; `at` is CountBelow.
  void Insert(uint32_t at, const TreeCell* cell);
  // Splits this full child of `parent`, which is not full, in a range [low, high), an empty high
  // being open. The cells from `at` on go to a new node right of this one; with `at` the number of
  // cells, `cell`, which is not yet in the tree, begins it. Returns the new node.
  TreeNode* Split(Arena* arena, TreeNode* parent, uint32_t at, Slice low, Slice high,
                  const TreeCell* cell);

 private:
  struct Children {
    std::atomic<TreeNode*> at[kMaxCells + 1];
  };

  TreeNode() = default;
  template <typename T>
  static T Get(const std::atomic<T>& from) {
    return from.load(std::memory_order_acquire);
  }
  template <typename T>
  static void Set(std::atomic<T>* to, T value) {
    to->store(value, std::memory_order_release);
  }
  void BeginChange() { version_.store(Version() + 1, std::memory_order_relaxed); }
  void EndChange() { version_.store(Version() + 1, std::memory_order_release); }
  struct Heads {
    uint32_t skip;
    uint64_t of[kMaxCells];
  };
  Heads MakeHeads(uint32_t count, uint32_t skip) const;
  void SetHeads(uint32_t count, const Heads& heads);
  // With the child right of the cell in an inner node.
  void Place(uint32_t at, const TreeCell* cell, TreeNode* right);

  std::atomic<uint32_t> version_{0};
  std::atomic<uint32_t> count_{0};
  std::atomic<uint32_t> skip_{0};  // bytes that all keys of the range have in common
  Children* children_ = nullptr;   // null in a leaf
  std::atomic<TreeNode*> next_{nullptr};
  std::atomic<uint64_t> heads_[kMaxCells];
  std::atomic<const TreeCell*> cells_[kMaxCells];
};

inline uint32_t TreeNode::CountBelow(uint32_t count, Slice target, bool equal) const {
  if (count == 0) return 0;
  const uint64_t head = KeyHead(target, Get(skip_));
  uint32_t first = 0;
  for (uint32_t left = count; left > 0;) {
    const uint32_t half = (left + 1) / 2;
    first += Get(heads_[first + half - 1]) < head ? half : 0;
    left -= half;
  }
  // Among equal heads the keys decide; mostly there is one.
  uint32_t last = first;
  while (last < count && Get(heads_[last]) == head) ++last;
  while (first < last) {
    const uint32_t middle = first + (last - first) / 2;
    const int order = Get(cells_[middle])->key().compare(target);
    if (order < 0 || (order == 0 && equal)) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  return first;
}

inline void TreeNode::CopyFrom(uint32_t first, uint32_t count, Cells* out) const {
  out->count = 0;
  for (uint32_t at = first; at < count; ++at) out->cells[out->count++] = Get(cells_[at]);
  out->next = Get(next_);
}

inline TreeNode::Heads TreeNode::MakeHeads(uint32_t count, uint32_t skip) const {
  Heads heads;
  heads.skip = skip;
  for (uint32_t at = 0; at < count; ++at) heads.of[at] = KeyHead(cell(at)->key(), skip);
  return heads;
}

inline void TreeNode::SetHeads(uint32_t count, const Heads& heads) {
  Set(&skip_, heads.skip);
  for (uint32_t at = 0; at < count; ++at) Set(&heads_[at], heads.of[at]);
}

inline void TreeNode::Place(uint32_t at, const TreeCell* cell, TreeNode* right) {
  const uint32_t end = count();
  for (uint32_t to = end; to > at; --to) {
    Set(&heads_[to], Get(heads_[to - 1]));
    Set(&cells_[to], Get(cells_[to - 1]));
    if (right != nullptr) Set(&children_->at[to + 1], child(to));
  }
  Set(&heads_[at], KeyHead(cell->key(), Get(skip_)));
  Set(&cells_[at], cell);
  if (right != nullptr) Set(&children_->at[at + 1], right);
  Set(&count_, end + 1);
}

inline void TreeNode::Insert(uint32_t at, const TreeCell* cell) {
  const bool behind = at == count();
  if (!behind) BeginChange();
  Place(at, cell, nullptr);
  if (!behind) EndChange();
}

inline TreeNode* TreeNode::Split(Arena* arena, TreeNode* parent, uint32_t at, Slice low, Slice high,
                                 const TreeCell* cell) {
  const uint32_t end = count();
  const TreeCell* const separator = at == end ? cell : this->cell(at);
  // A leaf's separator is also its first cell; an inner node's goes up.
  const uint32_t from = is_leaf() ? at : at + 1;
  TreeNode* const right = is_leaf() ? NewLeaf(arena) : NewInner(arena, child(from));
  for (uint32_t i = from; i < end; ++i) {
    Set(&right->cells_[i - from], this->cell(i));
    if (!is_leaf()) Set(&right->children_->at[i - from + 1], child(i + 1));
  }
  Set(&right->count_, end - from);
  Set(&right->next_, Get(next_));
  right->SetHeads(end - from, right->MakeHeads(end - from, CommonPrefix(separator->key(), high)));
  if (at == end) right->Place(0, cell, nullptr);
  // Looks at the keys, which takes long, before readers have to wait.
  const Heads left_heads = MakeHeads(at, CommonPrefix(low, separator->key()));
  // Both are odd until both are whole: who came through the parent before will see it.
  parent->BeginChange();
  BeginChange();
  Set(&count_, at);
  if (is_leaf()) Set(&next_, right);
  SetHeads(at, left_heads);
  parent->Place(parent->CountBelow(separator->key(), true), separator, right);
  EndChange();
  parent->EndChange();
  return right;
}

}  // namespace stele::storage
