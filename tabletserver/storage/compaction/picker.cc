#include "tabletserver/storage/compaction/picker.h"

#include <algorithm>
#include <numeric>

#include "common/base/check.h"

namespace stele::storage {
namespace {

// So many times merge_max_files are merged even if no two share a row.
constexpr size_t kVeryMany = 20;

CompactionPick All(size_t n) {
  CompactionPick pick;
  pick.major = true;
  pick.files.resize(n);
  std::iota(pick.files.begin(), pick.files.end(), size_t{0});
  return pick;
}

bool ManyMarkers(const std::vector<PickerFile>& files, const PickerOptions& options) {
  uint64_t cells = 0, markers = 0;
  bool any_fresh = false;
  for (const PickerFile& file : files) {
    cells += file.cells;
    markers += file.markers;
    any_fresh |= !file.settled;
  }
  return any_fresh && markers > 0 &&
         static_cast<double>(markers) >= options.marker_share * static_cast<double>(cells);
}

bool AnyRows(const PickerFile& file) { return file.first_row.empty() && file.last_row.empty(); }

bool ShareRows(const PickerFile& a, const PickerFile& b) {
  if (AnyRows(a) || AnyRows(b)) return true;
  return a.first_row <= b.last_row && b.first_row <= a.last_row;
}

// Those of the files (numbers into all) that are small or share rows with another one of them.
std::vector<size_t> InTheWay(const std::vector<PickerFile>& all, const std::vector<size_t>& files,
                             const PickerOptions& options) {
  std::vector<size_t> by_row = files;
  std::sort(by_row.begin(), by_row.end(), [&](size_t a, size_t b) {
    if (AnyRows(all[a]) != AnyRows(all[b])) return AnyRows(all[a]);
    return all[a].first_row < all[b].first_row;
  });
  std::vector<bool> shares(all.size(), false);
  // In this order a file shares rows with one before it if it does with the one that ends last.
  for (size_t i = 0, last = 0; i < by_row.size(); ++i) {
    const size_t file = by_row[i];
    if (all[file].bytes <= options.small_file_bytes) shares[file] = true;
    if (i == 0) continue;
    if (ShareRows(all[by_row[last]], all[file])) shares[by_row[last]] = shares[file] = true;
    if (AnyRows(all[by_row[last]])) continue;
    if (AnyRows(all[file]) || all[file].last_row > all[by_row[last]].last_row) last = i;
  }
  std::vector<size_t> in_the_way;
  for (size_t file : files) {
    if (shares[file]) in_the_way.push_back(file);
  }
  return in_the_way;
}

// Files shared with other tablets are rewritten when there is nothing better to do: only then can
// the shared ones go. All that fit into one merge.
std::optional<CompactionPick> Clipped(const std::vector<PickerFile>& files,
                                      const PickerOptions& options) {
  CompactionPick pick;
  for (size_t i = 0; i < files.size() && pick.files.size() < options.merge_max_files; ++i) {
    if (files[i].clipped) pick.files.push_back(i);
  }
  if (pick.files.empty()) return std::nullopt;
  pick.major = pick.files.size() == files.size();
  return pick;
}

}  // namespace

std::optional<CompactionPick> PickCompaction(const std::vector<PickerFile>& files,
                                             const PickerOptions& options, bool want_major) {
  CHECK_GE(options.merge_min_files, 2u);
  CHECK_GE(options.merge_max_files, options.merge_min_files);
  if (files.empty()) return std::nullopt;
  if (want_major || ManyMarkers(files, options)) return All(files.size());
  if (files.size() < options.merge_min_files) return Clipped(files, options);

  std::vector<size_t> all(files.size());
  std::iota(all.begin(), all.end(), size_t{0});
  const bool very_many = files.size() >= kVeryMany * options.merge_max_files;
  std::vector<size_t> by_size = very_many ? all : InTheWay(files, all, options);
  auto weight = [&](size_t i) { return std::max(files[i].bytes, options.small_file_bytes); };
  std::stable_sort(by_size.begin(), by_size.end(),
                   [&](size_t a, size_t b) { return weight(a) < weight(b); });

  // Runs of neighbours by size whose largest is not much more than the others together: the longest
  // run wins, then the one with the fewest bytes to rewrite, which is the first one found.
  const size_t longest = std::min<size_t>(options.merge_max_files, by_size.size());
  for (size_t n = longest; n >= options.merge_min_files; --n) {
    for (size_t first = 0; first + n <= by_size.size(); ++first) {
      uint64_t others = 0;
      for (size_t i = first; i + 1 < first + n; ++i) others += weight(by_size[i]);
      uint64_t largest = weight(by_size[first + n - 1]);
      if (static_cast<double>(largest) > options.size_ratio * static_cast<double>(others)) continue;
      std::vector<size_t> run(by_size.begin() + static_cast<ptrdiff_t>(first),
                              by_size.begin() + static_cast<ptrdiff_t>(first + n));
      if (!very_many) run = InTheWay(files, run, options);
      if (run.size() < options.merge_min_files) continue;
      CompactionPick pick;
      pick.files = std::move(run);
      std::sort(pick.files.begin(), pick.files.end());
      pick.major = pick.files.size() == files.size();
      return pick;
    }
  }
  // No similar sizes, but too many files for a reader to merge: the smallest ones go together.
  if (by_size.size() >= 2 * size_t{options.merge_max_files}) {
    CompactionPick pick;
    pick.files.assign(by_size.begin(), by_size.begin() + options.merge_max_files);
    std::sort(pick.files.begin(), pick.files.end());
    return pick;
  }
  return Clipped(files, options);
}

}  // namespace stele::storage
