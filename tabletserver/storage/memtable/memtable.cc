#include "tabletserver/storage/memtable/memtable.h"

#include <array>
#include <atomic>
#include <cstring>
#include <new>

#include "common/base/check.h"
#include "common/bytes/arena.h"

namespace stele::storage {
namespace {

constexpr int kMaxHeight = 16;  // enough for 4^16 cells
constexpr size_t kMaxKeyBytes = 1u << 24;
constexpr size_t kMaxStoredValueBytes = UINT32_MAX;

// Header, then `height` links, key and value, all in one piece of the arena.
class Node {
 public:
  using Link = std::atomic<Node*>;

  static Node* Create(Arena* arena, int height, Slice key, Slice value) {
    const size_t links = sizeof(Link) * static_cast<size_t>(height);
    char* piece = arena->AllocateAligned(sizeof(Node) + links + key.size() + value.size());
    Node* node = new (piece) Node(height, key.size(), value.size());
    for (int level = 0; level < height; ++level) new (node->links() + level) Link(nullptr);
    char* bytes = piece + sizeof(Node) + links;
    if (!key.empty()) std::memcpy(bytes, key.data(), key.size());
    if (!value.empty()) std::memcpy(bytes + key.size(), value.data(), value.size());
    return node;
  }

  int height() const { return static_cast<int>(size_and_height_ & 0xff); }
  Slice key() const { return Slice(bytes(), size_and_height_ >> 8); }
  Slice value() const { return Slice(bytes() + (size_and_height_ >> 8), value_size_); }

  // For readers: everything written before the node was linked is seen.
  Node* Next(int level) const { return links()[level].load(std::memory_order_acquire); }
  // For the writer, which sees its own stores.
  Node* OwnNext(int level) const { return links()[level].load(std::memory_order_relaxed); }
  void Prepare(int level, Node* next) { links()[level].store(next, std::memory_order_relaxed); }
  void Publish(int level, Node* next) { links()[level].store(next, std::memory_order_release); }

 private:
  Node(int height, size_t key_size, size_t value_size)
      : size_and_height_(static_cast<uint32_t>(key_size << 8) | static_cast<uint32_t>(height)),
        value_size_(static_cast<uint32_t>(value_size)) {}
  Link* links() { return reinterpret_cast<Link*>(this + 1); }
  const Link* links() const { return reinterpret_cast<const Link*>(this + 1); }
  const char* bytes() const { return reinterpret_cast<const char*>(links() + height()); }

  const uint32_t size_and_height_;  // key bytes << 8 | links
  const uint32_t value_size_;
};
static_assert(sizeof(Node) == 8 && sizeof(Node::Link) == 8);

// First node with key >= target; null when there is none.
const Node* FindFrom(const Node* head, int height, Slice target) {
  const Node* before = head;
  const Node* greater = nullptr;  // known >= target: need not be compared again one level down
  for (int level = height - 1; level >= 0; --level) {
    const Node* next = before->Next(level);
    while (next != nullptr && next != greater) {
      const Node* after = next->Next(level);
      __builtin_prefetch(after);
      if (!(next->key() < target)) break;
      before = next;
      next = after;
    }
    greater = next;
  }
  return greater;
}

// Last node with key < target, or the last of all when target is empty; null when there is none.
const Node* FindBefore(const Node* head, int height, Slice target) {
  const Node* before = head;
  for (int level = height - 1; level >= 0; --level) {
    for (const Node* next = before->Next(level);
         next != nullptr && (target.empty() || next->key() < target); next = before->Next(level)) {
      before = next;
    }
  }
  return before == head ? nullptr : before;
}

class MemtableIterator : public Iterator {
 public:
  MemtableIterator(const Node* head, const std::atomic<int>* height)
      : head_(head), height_(height) {}
  bool Valid() const override { return node_ != nullptr; }
  void SeekToFirst() override { node_ = head_->Next(0); }
  void Seek(Slice target) override {
    node_ = FindFrom(head_, height_->load(std::memory_order_relaxed), target);
  }
  void SeekBefore(Slice target) override {
    node_ = FindBefore(head_, height_->load(std::memory_order_relaxed), target);
  }
  void Next() override { node_ = node_->Next(0); }
  Slice key() const override { return node_->key(); }
  Slice value() const override { return node_->value(); }
  Status status() const override { return OkStatus(); }

 private:
  const Node* const head_;
  const std::atomic<int>* const height_;
  const Node* node_ = nullptr;
};

}  // namespace

struct Memtable::Rep {
  Rep() : head(Node::Create(&arena, kMaxHeight, "", "")) { before.fill(head); }

  // One level more with probability 1/4: xorshift, seeded alike in every table, since the heights
  // need not be secret.
  int RandomHeight() {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    int h = 1;
    for (uint64_t bits = random; h < kMaxHeight && (bits & 3) == 0; bits >>= 2) ++h;
    return h;
  }

  // Makes before[level] the last node below `key` on every level. Ascending keys, as loads write
  // them, are found beside the last insert with two comparisons.
  void FindPlace(Slice key) {
    if (before[0] != head && before[0]->key() < key) {
      const Node* next = before[0]->OwnNext(0);
      if (next == nullptr || key < next->key()) return;
    }
    Node* node = head;
    const Node* greater = nullptr;
    for (int level = kMaxHeight - 1; level >= 0; --level) {
      Node* next = node->OwnNext(level);
      while (next != nullptr && next != greater) {
        Node* after = next->OwnNext(level);
        __builtin_prefetch(after);
        if (!(next->key() < key)) break;
        node = next;
        next = after;
      }
      before[static_cast<size_t>(level)] = node;
      greater = next;
    }
  }

  Arena arena;
  Node* const head;
  std::atomic<int> height{1};
  std::atomic<uint64_t> cells{0};
  // The writer's own state.
  std::array<Node*, kMaxHeight> before;
  uint64_t random = 0x9e3779b97f4a7c15u;
};

Memtable::Memtable() : rep_(std::make_unique<Rep>()) {}
Memtable::~Memtable() = default;

void Memtable::Add(Slice key, Slice value) {
  CHECK(!key.empty() && key.size() < kMaxKeyBytes) << " key of " << key.size() << " bytes";
  CHECK_LE(value.size(), kMaxStoredValueBytes);
  Rep& rep = *rep_;
  rep.FindPlace(key);
  const Node* next = rep.before[0]->OwnNext(0);
  CHECK(next == nullptr || next->key() != key) << " the same key was added twice";
  const int height = rep.RandomHeight();
  Node* node = Node::Create(&rep.arena, height, key, value);
  for (int level = 0; level < height; ++level) {
    Node*& before = rep.before[static_cast<size_t>(level)];
    node->Prepare(level, before->OwnNext(level));
    before->Publish(level, node);
    before = node;
  }
  // A reader with the old height only starts lower.
  if (height > rep.height.load(std::memory_order_relaxed)) {
    rep.height.store(height, std::memory_order_relaxed);
  }
  rep.cells.store(rep.cells.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

size_t Memtable::memory_bytes() const {
  return sizeof(*this) + sizeof(Rep) + rep_->arena.memory_bytes();
}

uint64_t Memtable::cell_count() const { return rep_->cells.load(std::memory_order_acquire); }

std::unique_ptr<Iterator> Memtable::NewIterator() const {
  return std::make_unique<MemtableIterator>(rep_->head, &rep_->height);
}

}  // namespace stele::storage
