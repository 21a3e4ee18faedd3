// An iterator over sorted pairs in memory, which it may own or share. Thread-compatible.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tabletserver/storage/iterator/iterator.h"

namespace stele::storage {

using KeyValues = std::vector<std::pair<std::string, std::string>>;

class VectorIterator : public Iterator {
 public:
  // `end` is the status when the pairs are used up. REQUIRES: keys ascending.
  explicit VectorIterator(std::shared_ptr<const KeyValues> pairs, Status end = OkStatus())
      : pairs_(std::move(pairs)), end_(std::move(end)), at_(pairs_->size()) {}
  explicit VectorIterator(KeyValues pairs, Status end = OkStatus())
      : VectorIterator(std::make_shared<const KeyValues>(std::move(pairs)), std::move(end)) {}

  bool Valid() const override { return at_ < pairs_->size(); }
  void SeekToFirst() override { at_ = 0; }
  void Seek(Slice target) override {
    auto it = std::lower_bound(pairs_->begin(), pairs_->end(), target,
                               [](const auto& pair, Slice t) { return Slice(pair.first) < t; });
    at_ = static_cast<size_t>(it - pairs_->begin());
  }
  void Next() override { ++at_; }
  Slice key() const override { return (*pairs_)[at_].first; }
  Slice value() const override { return (*pairs_)[at_].second; }
  Status status() const override { return Valid() ? OkStatus() : end_; }

 private:
  const std::shared_ptr<const KeyValues> pairs_;
  const Status end_;
  size_t at_;
};

}  // namespace stele::storage
