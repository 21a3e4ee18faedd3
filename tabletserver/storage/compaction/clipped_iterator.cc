#include "tabletserver/storage/compaction/clipped_iterator.h"

#include <algorithm>
#include <string>

#include "schema/model/cell_key.h"

namespace stele::storage {
namespace {

class ClippedIterator : public Iterator {
 public:
  ClippedIterator(std::unique_ptr<Iterator> input, Slice start, Slice end)
      : input_(std::move(input)) {
    if (!start.empty()) AppendRowEnd(&first_, start);
    if (!end.empty()) AppendRowEnd(&end_, end);
  }

  bool Valid() const override {
    return input_->Valid() && (end_.empty() || input_->key() < Slice(end_));
  }
  void SeekToFirst() override {
    if (first_.empty()) {
      input_->SeekToFirst();
    } else {
      input_->Seek(first_);
    }
  }
  void Seek(Slice target) override { input_->Seek(std::max(target, Slice(first_))); }
  void Next() override { input_->Next(); }
  Slice key() const override { return input_->key(); }
  Slice value() const override { return input_->value(); }
  Status status() const override { return input_->status(); }

 private:
  const std::unique_ptr<Iterator> input_;
  std::string first_;  // the first key that counts, or below it
  std::string end_;    // above every key that counts; empty: open
};

}  // namespace

std::unique_ptr<Iterator> NewClippedIterator(std::unique_ptr<Iterator> input, Slice start,
                                             Slice end) {
  if (start.empty() && end.empty()) return input;
  return std::make_unique<ClippedIterator>(std::move(input), start, end);
}

}  // namespace stele::storage
