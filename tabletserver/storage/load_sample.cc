#include "tabletserver/storage/load_sample.h"

#include <algorithm>

#include "absl/strings/escaping.h"

namespace stele::storage {
namespace {

constexpr size_t kFewestRows = 32;
constexpr size_t kMostInOneHalfPercent = 80;

// So that clients who ask in turns are not all taken for one.
uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// Beside the string itself; short ones need nothing.
int64_t HeapBytes(const std::string& row) {
  static const size_t inside = std::string().capacity();
  return row.capacity() > inside ? static_cast<int64_t>(row.capacity()) + 1 : 0;
}

}  // namespace

LoadSample::~LoadSample() {
  MutexLock lock(&mu_);
  memory_->Release(charged_);
}

void LoadSample::Add(Slice row, bool write) {
  if (Mix(requests_.fetch_add(1, std::memory_order_relaxed)) % kOneIn != 0) return;
  const Slice kept = row.substr(0, kMaxRowBytes);
  MutexLock lock(&mu_);
  ++taken_;
  int64_t more = 0;
  if (sampled_.size() < kMaxRows) {
    if (sampled_.empty()) {
      sampled_.reserve(kMaxRows);
      more += kMaxRows * sizeof(Request);
    }
    sampled_.push_back({std::string(kept), write});
    more += HeapBytes(sampled_.back().row);
  } else {
    Request& oldest = sampled_[next_];
    more -= HeapBytes(oldest.row);
    std::string(kept).swap(oldest.row);  // not into the room of the longest so far
    oldest.write = write;
    more += HeapBytes(oldest.row);
    next_ = (next_ + 1) % kMaxRows;
  }
  charged_ += more;
  more < 0 ? memory_->Release(-more) : memory_->Charge(more);
}

std::vector<std::string> LoadSample::Rows() const {
  std::vector<std::string> rows;
  MutexLock lock(&mu_);
  rows.reserve(sampled_.size());
  for (const Request& request : sampled_) rows.push_back(request.row);
  return rows;
}

LoadSample::Newest LoadSample::ReadNewest(size_t most) const {
  Newest newest;
  MutexLock lock(&mu_);
  newest.taken = taken_;
  const size_t count = std::min(most, sampled_.size());
  newest.requests.reserve(count);
  for (size_t i = sampled_.size() - count; i < sampled_.size(); ++i) {
    newest.requests.push_back(sampled_[(next_ + i) % sampled_.size()]);
  }
  return newest;
}

StatusOr<std::string> ChooseLoadSplitRow(const TabletDescriptor& tablet,
                                         std::vector<std::string> rows) {
  if (rows.size() < kFewestRows) {
    return absl::FailedPreconditionError(
        absl::StrCat("only ", rows.size(), " requests were sampled"));
  }
  std::sort(rows.begin(), rows.end());
  const std::string* best = nullptr;
  size_t best_larger = rows.size();
  size_t hottest = 0, hottest_count = 0;
  for (size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
    while (end < rows.size() && rows[end] == rows[begin]) ++end;
    if (end - begin > hottest_count) {
      hottest = begin;
      hottest_count = end - begin;
    }
    const size_t larger = std::max(end, rows.size() - end);
    if (rows[begin] == tablet.end_row || !tablet.Contains(rows[begin])) continue;
    if (larger >= best_larger) continue;
    best = &rows[begin];
    best_larger = larger;
  }
  if (best != nullptr && best_larger * 100 <= rows.size() * kMostInOneHalfPercent) return *best;
  return absl::FailedPreconditionError(
      absl::StrCat("one hot row: \"", absl::CHexEscape(rows[hottest]), "\" has ",
                   hottest_count * 100 / rows.size(), " % of the requests"));
}

}  // namespace stele::storage
