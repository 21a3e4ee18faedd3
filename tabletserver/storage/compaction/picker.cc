#include "tabletserver/storage/compaction/picker.h"

#include <algorithm>
#include <numeric>

#include "common/base/check.h"

namespace stele::storage {
namespace {

using Numbers = std::vector<size_t>;  // of files

bool AnyRows(const PickerFile& file) { return file.first_row.empty() && file.last_row.empty(); }

Numbers All(size_t n) {
  Numbers all(n);
  std::iota(all.begin(), all.end(), size_t{0});
  return all;
}

// The files in heaps: two that share rows are in one heap.
std::vector<Numbers> Heaps(const std::vector<PickerFile>& files) {
  Numbers by_row = All(files.size());
  std::stable_sort(by_row.begin(), by_row.end(), [&](size_t a, size_t b) {
    if (AnyRows(files[a]) != AnyRows(files[b])) return AnyRows(files[a]);
    return files[a].first_row < files[b].first_row;
  });
  std::vector<Numbers> heaps;
  size_t last = 0;  // of the heap, the file that ends last
  for (size_t file : by_row) {
    if (heaps.empty() || !ShareRows(files[last], files[file])) {
      heaps.push_back({file});
      last = file;
      continue;
    }
    heaps.back().push_back(file);
    if (!AnyRows(files[last]) && files[file].last_row > files[last].last_row) last = file;
  }
  for (Numbers& heap : heaps) std::sort(heap.begin(), heap.end());
  return heaps;
}

CompactionPick PickOf(const std::vector<PickerFile>& files, Numbers numbers) {
  CompactionPick pick;
  std::sort(numbers.begin(), numbers.end());
  pick.files = std::move(numbers);
  pick.major = true;
  for (size_t other = 0; other < files.size() && pick.major; ++other) {
    if (std::binary_search(pick.files.begin(), pick.files.end(), other)) continue;
    pick.major = std::none_of(pick.files.begin(), pick.files.end(),
                              [&](size_t file) { return ShareRows(files[file], files[other]); });
  }
  return pick;
}

bool ManyMarkers(const std::vector<PickerFile>& files, const Numbers& heap,
                 const PickerOptions& options) {
  uint64_t cells = 0, markers = 0;
  bool any_fresh = false;
  for (size_t file : heap) {
    cells += files[file].cells;
    markers += files[file].markers;
    any_fresh |= !files[file].settled;
  }
  return any_fresh && markers > 0 &&
         static_cast<double>(markers) >= options.marker_share * static_cast<double>(cells);
}

// Files shared with other tablets are rewritten when there is nothing better to do: only then can
// the shared ones go. All that fit into one merge.
std::optional<CompactionPick> Clipped(const std::vector<PickerFile>& files,
                                      const PickerOptions& options) {
  Numbers clipped;
  for (size_t i = 0; i < files.size() && clipped.size() < options.merge_max_files; ++i) {
    if (files[i].clipped) clipped.push_back(i);
  }
  if (clipped.empty()) return std::nullopt;
  return PickOf(files, std::move(clipped));
}

// What merges are looked for in: the heaps of merge_min_files and more, and the small files of the
// others taken together.
std::vector<Numbers> Candidates(const std::vector<PickerFile>& files, std::vector<Numbers> heaps,
                                const PickerOptions& options) {
  if (files.size() >= size_t{options.very_many} * options.merge_max_files) {
    return {All(files.size())};
  }
  std::vector<Numbers> candidates;
  Numbers small;
  for (Numbers& heap : heaps) {
    if (heap.size() >= options.merge_min_files) {
      candidates.push_back(std::move(heap));
      continue;
    }
    for (size_t file : heap) {
      if (files[file].bytes <= options.small_file_bytes) small.push_back(file);
    }
  }
  std::sort(small.begin(), small.end());
  if (small.size() >= options.merge_min_files) candidates.push_back(std::move(small));
  return candidates;
}

// Runs of neighbours by size whose largest is not much more than the others together: the longest
// run wins, then the one with the fewest bytes to rewrite.
class SimilarSizes {
 public:
  SimilarSizes(const std::vector<PickerFile>& files, const PickerOptions& options)
      : files_(files), options_(options) {}

  void Consider(Numbers by_size) {
    std::stable_sort(by_size.begin(), by_size.end(),
                     [&](size_t a, size_t b) { return Weight(a) < Weight(b); });
    const size_t longest = std::min<size_t>(options_.merge_max_files, by_size.size());
    for (size_t n = longest; n >= std::max<size_t>(options_.merge_min_files, best_.size()); --n) {
      for (size_t first = 0; first + n <= by_size.size(); ++first) {
        uint64_t others = 0;
        for (size_t i = first; i + 1 < first + n; ++i) others += Weight(by_size[i]);
        const uint64_t largest = Weight(by_size[first + n - 1]);
        if (static_cast<double>(largest) > options_.size_ratio * static_cast<double>(others)) {
          continue;
        }
        if (n == best_.size() && others + largest >= best_weight_) return;
        best_.assign(by_size.begin() + static_cast<ptrdiff_t>(first),
                     by_size.begin() + static_cast<ptrdiff_t>(first + n));
        best_weight_ = others + largest;
        return;
      }
    }
    // No similar sizes, but too many files for a reader to merge: the smallest ones go together.
    if (best_.empty() && by_size.size() >= 2 * size_t{options_.merge_max_files}) {
      smallest_.assign(by_size.begin(), by_size.begin() + options_.merge_max_files);
    }
  }
  // Empty: there is none.
  const Numbers& best() const { return best_.empty() ? smallest_ : best_; }

 private:
  uint64_t Weight(size_t file) const {
    return std::max(files_[file].bytes, options_.small_file_bytes);
  }

  const std::vector<PickerFile>& files_;
  const PickerOptions& options_;
  Numbers best_, smallest_;
  uint64_t best_weight_ = 0;
};

}  // namespace

bool ShareRows(const PickerFile& a, const PickerFile& b) {
  if (AnyRows(a) || AnyRows(b)) return true;
  return a.first_row <= b.last_row && b.first_row <= a.last_row;
}

size_t MostOverARow(const std::vector<PickerFile>& files) {
  size_t everywhere = 0;
  std::vector<Slice> firsts, lasts;
  for (const PickerFile& file : files) {
    if (AnyRows(file)) {
      ++everywhere;
      continue;
    }
    firsts.push_back(file.first_row);
    lasts.push_back(file.last_row);
  }
  std::sort(firsts.begin(), firsts.end());
  std::sort(lasts.begin(), lasts.end());
  size_t most = 0, ended = 0;
  for (size_t begun = 0; begun < firsts.size(); ++begun) {
    while (lasts[ended] < firsts[begun]) ++ended;
    most = std::max(most, begun + 1 - ended);
  }
  return everywhere + most;
}

std::optional<CompactionPick> PickCompaction(const std::vector<PickerFile>& files,
                                             const PickerOptions& options, bool want_major) {
  CHECK_GE(options.merge_min_files, 2u);
  CHECK_GE(options.merge_max_files, options.merge_min_files);
  if (files.empty()) return std::nullopt;
  if (want_major) return PickOf(files, All(files.size()));
  std::vector<Numbers> heaps = Heaps(files);
  for (const Numbers& heap : heaps) {
    if (ManyMarkers(files, heap, options)) return PickOf(files, heap);
  }
  SimilarSizes similar(files, options);
  for (Numbers& candidate : Candidates(files, std::move(heaps), options)) {
    similar.Consider(std::move(candidate));
  }
  if (!similar.best().empty()) return PickOf(files, similar.best());
  return options.rewrite_clipped ? Clipped(files, options) : std::nullopt;
}

}  // namespace stele::storage
