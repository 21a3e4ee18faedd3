// Where the slices of a heat map are cut, and how heat goes from one set of cuts to another.
#include <algorithm>
#include <map>

#include "master/load/key_heat.h"

namespace stele::master {
namespace {

constexpr size_t kHotShare = 16;  // a slice with more than one part in so many is cut finer
constexpr size_t kFewestSamples = 32;

size_t SliceOf(const std::vector<std::string>& cuts, Slice row) {
  return static_cast<size_t>(
      std::lower_bound(cuts.begin(), cuts.end(), row,
                       [](const std::string& cut, Slice wanted) { return Slice(cut) < wanted; }) -
      cuts.begin());
}

std::vector<std::string> CutsByBytes(const std::vector<KeyWeight>& sizes, size_t most) {
  std::vector<std::string> cuts;
  if (sizes.empty()) return cuts;
  const uint64_t all = sizes.back().bytes;
  uint64_t next = all / (most + 1) + 1;
  for (const KeyWeight& size : sizes) {
    if (size.row.empty() || cuts.size() == most || size.bytes < next) continue;
    cuts.push_back(size.row.substr(0, KeyHeat::kMaxCutBytes));
    next = size.bytes + all / (most + 1) + 1;
  }
  return cuts;
}

// Rows between which about alike many of a slice's sampled ones are; fewer when few rows make up
// the samples.
void AddFinerCuts(const std::vector<std::string>& rows, size_t begin, size_t end, size_t parts,
                  std::vector<std::string>* cuts) {
  for (size_t part = 1; part < parts; ++part) {
    cuts->push_back(rows[begin + (end - begin) * part / parts]);
  }
  // What one row has alone is told apart from what comes before it.
  for (size_t at = begin, next = begin; at < end; at = next) {
    while (next < end && rows[next] == rows[at]) ++next;
    if ((next - at) * kHotShare < rows.size()) continue;
    cuts->push_back(rows[at]);
    if (at > begin) cuts->push_back(rows[at - 1]);
  }
}

}  // namespace

std::vector<std::string> ChooseCuts(const std::vector<KeyWeight>& sizes,
                                    std::vector<std::string> sampled_rows, size_t most) {
  std::vector<std::string> cuts = CutsByBytes(sizes, most / 2);
  for (std::string& row : sampled_rows) {
    if (row.size() > KeyHeat::kMaxCutBytes) row.resize(KeyHeat::kMaxCutBytes);
  }
  std::sort(sampled_rows.begin(), sampled_rows.end());
  if (sampled_rows.size() >= kFewestSamples) {
    std::vector<std::string> finer;
    for (size_t begin = 0, end = 0; begin < sampled_rows.size(); begin = end) {
      const size_t slice = SliceOf(cuts, sampled_rows[begin]);
      while (end < sampled_rows.size() && SliceOf(cuts, sampled_rows[end]) == slice) ++end;
      const size_t parts = (end - begin) * (most / 4) / sampled_rows.size();
      if (parts >= most / 4 / kHotShare + 1) AddFinerCuts(sampled_rows, begin, end, parts, &finer);
    }
    cuts.insert(cuts.end(), finer.begin(), finer.end());
  }
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  while (cuts.size() > most) {  // every second of the end that has too many
    for (size_t at = cuts.size() - 1; at > 0 && cuts.size() > most; at -= std::min<size_t>(at, 2)) {
      cuts.erase(cuts.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }
  return cuts;
}

std::vector<HeatCell> Recut(const std::vector<std::string>& from, const std::vector<HeatCell>& heat,
                            const std::vector<std::string>& to,
                            const std::deque<SampledLoad>& sampled) {
  std::vector<std::map<size_t, HeatCell>> lies(heat.size());  // by slice: what goes where
  std::vector<HeatCell> sampled_in(heat.size());
  for (const SampledLoad& sample : sampled) {
    const size_t slice = SliceOf(from, sample.row);
    lies[slice][SliceOf(to, sample.row)] += sample.load;
    sampled_in[slice] += sample.load;
  }
  std::vector<HeatCell> out(to.size() + 1);
  for (size_t i = 0; i < heat.size(); ++i) {
    const HeatCell &cell = heat[i], &all = sampled_in[i];
    if (cell.reads == 0 && cell.writes == 0) continue;
    for (const auto& [slice, part] : lies[i]) {
      if (all.reads > 0) out[slice].reads += cell.reads * part.reads / all.reads;
      if (all.writes > 0) out[slice].writes += cell.writes * part.writes / all.writes;
    }
    // The slice is (from[i - 1], from[i]]. The first that overlaps it ends behind its start.
    size_t first = 0;
    if (i > 0) {
      first = static_cast<size_t>(std::upper_bound(to.begin(), to.end(), from[i - 1]) - to.begin());
    }
    const size_t last = i < from.size() ? SliceOf(to, from[i]) : to.size();
    const auto parts = static_cast<float>(last - first + 1);
    for (size_t slice = first; slice <= last; ++slice) {
      if (all.reads == 0) out[slice].reads += cell.reads / parts;
      if (all.writes == 0) out[slice].writes += cell.writes / parts;
    }
  }
  return out;
}

}  // namespace stele::master
