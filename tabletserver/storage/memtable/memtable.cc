#include "tabletserver/storage/memtable/memtable.h"

#include <immintrin.h>

#include <thread>

#include "common/base/check.h"
#include "common/bytes/arena.h"
#include "tabletserver/storage/memtable/tree_node.h"

namespace stele::storage {
namespace {

constexpr size_t kMaxKeyBytes = 1u << 24;
constexpr size_t kMaxStoredValueBytes = UINT32_MAX;

// A leaf that was reached, and its version before anything was read of it.
struct Place {
  const TreeNode* leaf;
  uint32_t version;
};

// Which leaf of the tree: the one whose range holds the target, or the last that has a key below
// it, or below everything.
enum class Goal { kHolds, kBelow, kLast };

// One try; false beside a change.
bool TryDescend(const std::atomic<TreeNode*>& root, Slice target, Goal goal, Place* place) {
  const TreeNode* node = root.load(std::memory_order_acquire);
  uint32_t version = node->Version();
  if (TreeNode::IsChanging(version)) return false;
  // A root that was split before its version was read is no longer the whole tree.
  if (root.load(std::memory_order_acquire) != node) return false;
  while (!node->is_leaf()) {
    const uint32_t at =
        goal == Goal::kLast ? node->count() : node->CountBelow(target, goal == Goal::kHolds);
    const TreeNode* child = node->child(at);
    child->Prefetch();
    const uint32_t child_version = child->Version();
    if (TreeNode::IsChanging(child_version) || node->HasChangedSince(version)) return false;
    node = child;
    version = child_version;
  }
  *place = {node, version};
  return true;
}

// Between tries beside a change: the writer needs the processor more.
class Patience {
 public:
  void Wait() {
    if (++tries_ % kTriesBeforeYield == 0) {
      std::this_thread::yield();
    } else {
      _mm_pause();
    }
  }

 private:
  static constexpr int kTriesBeforeYield = 64;
  int tries_ = 0;
};

class MemtableIterator : public Iterator {
 public:
  explicit MemtableIterator(const std::atomic<TreeNode*>* root) : root_(root) {}
  bool Valid() const override { return at_ < cells_.count; }
  void SeekToFirst() override { Seek(Slice()); }
  void Seek(Slice target) override {
    for (Patience patience;; patience.Wait()) {
      Place place;
      if (!TryDescend(*root_, target, Goal::kHolds, &place)) continue;
      // One count for both: a cell that is appended meanwhile may be below the target.
      const uint32_t count = place.leaf->count();
      place.leaf->CopyFrom(place.leaf->CountBelow(count, target, false), count, &cells_);
      if (!place.leaf->HasChangedSince(place.version)) break;
    }
    at_ = 0;
    if (cells_.count == 0) Enter(cells_.next);
  }
  void SeekBefore(Slice target) override {
    const bool last = target.empty();
    for (Patience patience;; patience.Wait()) {
      Place place;
      if (!TryDescend(*root_, target, last ? Goal::kLast : Goal::kBelow, &place)) continue;
      const TreeNode* leaf = place.leaf;
      const uint32_t below = last ? leaf->count() : leaf->CountBelow(target, false);
      cells_.count = 0;
      cells_.next = nullptr;
      if (below > 0) cells_.cells[cells_.count++] = leaf->cell(below - 1);
      if (!leaf->HasChangedSince(place.version)) break;
    }
    at_ = 0;
  }
  void Next() override {
    if (++at_ == cells_.count) Enter(cells_.next);
  }
  Slice key() const override { return cells_.cells[at_]->key(); }
  Slice value() const override { return cells_.cells[at_]->value(); }
  Status status() const override { return OkStatus(); }

 private:
  // Goes to the first cell of a leaf and those right of it. What a split moved away from the leaf
  // that was copied before is in leaves between the two, and in the copy.
  void Enter(const TreeNode* leaf) {
    at_ = 0;
    cells_.count = 0;
    Patience patience;
    while (leaf != nullptr && cells_.count == 0) {
      const uint32_t version = leaf->Version();
      if (!TreeNode::IsChanging(version)) {
        leaf->CopyFrom(0, leaf->count(), &cells_);
        if (!leaf->HasChangedSince(version)) {
          leaf = cells_.next;
          continue;
        }
      }
      cells_.count = 0;
      patience.Wait();
    }
  }

  const std::atomic<TreeNode*>* const root_;
  TreeNode::Cells cells_;  // of a leaf as it was at some moment
  uint32_t at_ = 0;
};

}  // namespace

struct Memtable::Rep {
  Rep() : root(TreeNode::NewLeaf(&arena)), last{root.load(std::memory_order_relaxed), "", ""} {}

  // A node and its range [low, high); an empty high is open.
  struct Range {
    TreeNode* node;
    Slice low, high;
    bool Holds(Slice key) const { return low <= key && (high.empty() || key < high); }
  };

  void Insert(const TreeCell* cell);
  bool InsertInto(const Range& leaf, const TreeCell* cell);
  Range ChildFor(const Range& parent, Slice key);
  void Grow();

  Arena arena;
  std::atomic<TreeNode*> root;
  std::atomic<uint64_t> cells{0};
  Range last;  // the leaf of the last insert: the writer's own
};

// Ascending keys, as loads write them, come into the leaf of the last one.
void Memtable::Rep::Insert(const TreeCell* cell) {
  const Slice key = cell->key();
  if (last.Holds(key) && InsertInto(last, cell)) return;
  if (root.load(std::memory_order_relaxed)->full()) Grow();
  Range at = {root.load(std::memory_order_relaxed), "", ""};
  while (!at.node->is_leaf()) {
    Range child = ChildFor(at, key);
    if (child.node->full()) {
      const uint32_t count = child.node->count();
      const bool behind = child.node->is_leaf() && child.node->CountBelow(key, false) == count;
      child.node->Split(&arena, at.node, behind ? count : count / 2, child.low, child.high, cell);
      child = ChildFor(at, key);
      if (behind) {  // it has begun the new leaf
        last = child;
        return;
      }
    }
    at = child;
  }
  last = at;
  CHECK(InsertInto(at, cell));
}

// False when the leaf is full.
bool Memtable::Rep::InsertInto(const Range& leaf, const TreeCell* cell) {
  if (leaf.node->full()) return false;
  const uint32_t at = leaf.node->CountBelow(cell->key(), false);
  CHECK(at == leaf.node->count() || leaf.node->cell(at)->key() != cell->key())
      << " the same key was added twice";
  leaf.node->Insert(at, cell);
  return true;
}

Memtable::Rep::Range Memtable::Rep::ChildFor(const Range& parent, Slice key) {
  const TreeNode* node = parent.node;
  const uint32_t at = node->CountBelow(key, true);
  Range child = {node->child(at), parent.low, parent.high};
  child.node->Prefetch();
  if (at > 0) child.low = node->cell(at - 1)->key();
  if (at < node->count()) child.high = node->cell(at)->key();
  return child;
}

// A new root above the full one, which is split at the next step down.
void Memtable::Rep::Grow() {
  TreeNode* const old = root.load(std::memory_order_relaxed);
  root.store(TreeNode::NewInner(&arena, old), std::memory_order_release);
}

Memtable::Memtable() : rep_(std::make_unique<Rep>()) {}
Memtable::~Memtable() = default;

void Memtable::Add(Slice key, Slice value) {
  CHECK(!key.empty() && key.size() < kMaxKeyBytes) << " key of " << key.size() << " bytes";
  CHECK_LE(value.size(), kMaxStoredValueBytes);
  Rep& rep = *rep_;
  rep.Insert(TreeCell::Create(&rep.arena, key, value));
  rep.cells.store(rep.cells.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

size_t Memtable::memory_bytes() const {
  return sizeof(*this) + sizeof(Rep) + rep_->arena.memory_bytes();
}

uint64_t Memtable::cell_count() const { return rep_->cells.load(std::memory_order_acquire); }

std::unique_ptr<Iterator> Memtable::NewIterator() const {
  return std::make_unique<MemtableIterator>(&rep_->root);
}

}  // namespace stele::storage
