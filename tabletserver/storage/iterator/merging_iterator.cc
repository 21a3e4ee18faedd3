#include "tabletserver/storage/iterator/merging_iterator.h"

#include <iterator>
#include <utility>

#include "common/bytes/key_head.h"

namespace stele::storage {
namespace {

// An input with its current key at hand, so that the heap compares without virtual calls.
struct Input {
  std::unique_ptr<Iterator> iterator;
  Slice key, value;
};

// A binary heap of the valid inputs, smallest key first. While one input stays below all others a
// step costs one comparison: with the smaller child of the root, which is remembered.
class MergingIterator final : public Iterator {
 public:
  explicit MergingIterator(std::vector<std::unique_ptr<Iterator>> inputs) {
    inputs_.reserve(inputs.size());
    for (auto& it : inputs) inputs_.push_back(Input{std::move(it), Slice(), Slice()});
    heap_.reserve(inputs_.size());
  }

  // Where the inputs stand, there stands the merge.
  void TakePlaces() { Rebuild(); }

  bool Valid() const override { return !heap_.empty(); }
  void SeekToFirst() override {
    for (Input& input : inputs_) input.iterator->SeekToFirst();
    Rebuild();
  }
  void Seek(Slice target) override {
    for (Input& input : inputs_) input.iterator->Seek(target);
    Rebuild();
  }
  void Next() override { Move(); }
  bool Step(Slice* to_key, Slice* to_value) override {
    Move();
    if (heap_.empty()) return false;
    *to_key = heap_[0]->key;
    *to_value = heap_[0]->value;
    return true;
  }
  Slice key() const override { return heap_[0]->key; }
  Slice value() const override { return heap_[0]->value; }
  Status status() const override { return status_; }

 private:
  void Move() {
    // Others on the same key move first, while the root's key is still alive.
    while (twin_) {
      const size_t child = SmallerChild();
      if (!MoveInput(child)) return;
      twin_ = heap_.size() > 1 && heap_[SmallerChild()]->key == heap_[0]->key;
      smaller_ = 0;
    }
    if (!MoveInput(0)) return;
    SettleRoot();
  }
  size_t SmallerChild() const {
    return heap_.size() > 2 && KeyLess(heap_[2]->key, heap_[1]->key) ? 2 : 1;
  }

  // Moves the input at heap place `at` one on; below the root, restores the heap. False when the
  // input failed: the merge is over.
  bool MoveInput(size_t at) {
    Input* input = heap_[at];
    if (input->iterator->Step(&input->key, &input->value)) {
      if (at != 0) Sink(at);
      return true;
    }
    if (Status s = input->iterator->status(); !s.ok()) {
      Fail(std::move(s));
      return false;
    }
    heap_[at] = heap_.back();
    heap_.pop_back();
    smaller_ = 0;
    if (at < heap_.size()) Sink(at);
    return true;
  }

  // The root has a new key: puts the smallest at the root and says whether another has it too.
  void SettleRoot() {
    twin_ = false;
    if (heap_.size() < 2) return;
    if (smaller_ == 0) smaller_ = SmallerChild();
    const Slice key = heap_[0]->key, other = heap_[smaller_]->key;
    const size_t common = CommonPrefix(key, other);
    if (Ascends(key, other, common)) return;
    twin_ = common == key.size() && common == other.size();
    if (twin_) return;
    std::swap(heap_[0], heap_[smaller_]);
    Sink(smaller_);
    smaller_ = SmallerChild();
    twin_ = heap_[0]->key == heap_[smaller_]->key;
  }

  void Rebuild() {
    heap_.clear();
    smaller_ = 0;
    status_ = OkStatus();
    for (Input& input : inputs_) {
      if (input.iterator->Valid()) {
        input.key = input.iterator->key();
        input.value = input.iterator->value();
        heap_.push_back(&input);
      } else if (Status s = input.iterator->status(); !s.ok()) {
        return Fail(std::move(s));
      }
    }
    for (size_t at = heap_.size() / 2; at-- > 0;) Sink(at);
    SettleRoot();
  }

  void Sink(size_t at) {
    Input* moving = heap_[at];
    for (size_t child; (child = 2 * at + 1) < heap_.size(); at = child) {
      if (child + 1 < heap_.size() && KeyLess(heap_[child + 1]->key, heap_[child]->key)) ++child;
      if (!KeyLess(heap_[child]->key, moving->key)) break;
      heap_[at] = heap_[child];
    }
    heap_[at] = moving;
  }

  void Fail(Status s) {
    status_ = std::move(s);
    heap_.clear();
    twin_ = false;
  }

  std::vector<Input> inputs_;
  std::vector<Input*> heap_;
  size_t smaller_ = 0;  // the root's smaller child; 0: not known
  bool twin_ = false;   // the smaller child stands on the root's key
  Status status_;
};

class EmptyIterator : public Iterator {
 public:
  bool Valid() const override { return false; }
  void SeekToFirst() override {}
  void Seek(Slice) override {}
  void Next() override {}
  Slice key() const override { return Slice(); }
  Slice value() const override { return Slice(); }
  Status status() const override { return OkStatus(); }
};

}  // namespace

std::unique_ptr<Iterator> NewMergingIterator(std::vector<std::unique_ptr<Iterator>> inputs) {
  if (inputs.empty()) return std::make_unique<EmptyIterator>();
  if (inputs.size() == 1) return std::move(inputs[0]);
  return std::make_unique<MergingIterator>(std::move(inputs));
}

std::unique_ptr<Iterator> MergePlaced(absl::Span<std::unique_ptr<Iterator>> inputs) {
  if (inputs.size() == 1) return std::move(inputs[0]);
  if (inputs.empty()) return std::make_unique<EmptyIterator>();
  auto merged = std::make_unique<MergingIterator>(std::vector<std::unique_ptr<Iterator>>(
      std::make_move_iterator(inputs.begin()), std::make_move_iterator(inputs.end())));
  merged->TakePlaces();
  return merged;
}

}  // namespace stele::storage
