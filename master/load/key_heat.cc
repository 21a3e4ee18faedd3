#include "master/load/key_heat.h"

#include <algorithm>
#include <numeric>

namespace stele::master {
namespace {

// Columns of a length are joined to the next longer ones at an age.
struct Level {
  int64_t length_ms, until_ms;
};
constexpr Level kLevels[] = {{10'000, 600'000}, {60'000, 7'200'000}, {600'000, KeyHeat::kDayMs}};
constexpr int64_t kChooseAgainMs = 60'000, kChooseSoonMs = 5'000;
constexpr int64_t kHalveHotMs = 30'000;
constexpr size_t kRecentOfOne = 32;
constexpr int64_t kRecutMs = 60'000;  // of younger columns the recent samples tell
// A slice with one part in so many may want to be cut finer: some time, soon.
constexpr double kUnevenShare = 8, kVeryUnevenShare = 3;

int64_t RoundDown(int64_t time_ms, int64_t length_ms) { return time_ms / length_ms * length_ms; }

size_t BytesOf(const std::vector<std::string>& rows) {
  size_t bytes = 0;
  for (const std::string& row : rows) bytes += sizeof(row) + row.capacity();
  return bytes;
}

size_t SliceOf(const std::vector<std::string>& cuts, const std::string& row) {
  return static_cast<size_t>(std::lower_bound(cuts.begin(), cuts.end(), row) - cuts.begin());
}

// Into a column that is younger or of the same time, whose cuts are kept.
void Join(const HeatColumn& from, HeatColumn* into) {
  const std::vector<HeatCell> heat =
      from.cuts == into->cuts ? from.slices : Recut(*from.cuts, from.slices, *into->cuts);
  for (size_t i = 0; i < heat.size(); ++i) into->slices[i] += heat[i];
}

}  // namespace

// Whether a slice has so much of the recent load that it should be cut finer, and can be.
bool KeyHeat::WantsOtherCuts(int64_t now_ms, const Table& table) {
  const int64_t age_ms = now_ms - table.chosen_ms;
  if (age_ms < kChooseSoonMs) return false;
  const double share = age_ms < kChooseAgainMs ? kVeryUnevenShare : kUnevenShare;
  struct Load {
    double all = 0, most_of_one = 0;
  };
  std::map<size_t, Load> slices;
  std::map<std::string, double> rows;
  double all = 0;
  for (const auto& [row, load] : table.recent) {
    const double weight = load.reads + load.writes;
    Load& slice = slices[SliceOf(*table.cuts, row)];
    slice.all += weight;
    slice.most_of_one = std::max(slice.most_of_one, rows[row] += weight);
    all += weight;
  }
  return std::any_of(slices.begin(), slices.end(), [&](const auto& slice) {
    return slice.second.all * share > all && slice.second.most_of_one * 2 < slice.second.all;
  });
}

void KeyHeat::ChooseCutsOf(int64_t now_ms, Table* table) {
  table->choose_again = false;
  table->chosen_ms = table->checked_ms = now_ms;
  double all = 0;
  for (const auto& [row, load] : table->recent) all += load.reads + load.writes;
  std::vector<std::string> rows;  // each as often as it is hot, roughly
  for (const auto& [row, load] : table->recent) {
    const double share = all == 0 ? 0 : (load.reads + load.writes) / all;
    rows.insert(rows.end(), static_cast<size_t>(share * 2 * kMaxRecentRows + 0.5), row);
  }
  auto cuts = ChooseCuts(table->sizes, std::move(rows), kMaxSlices - 1);
  if (table->cuts == nullptr || *table->cuts != cuts) {
    table->cuts = std::make_shared<const std::vector<std::string>>(std::move(cuts));
  }
}

void KeyHeat::Measure(Table* table) {
  size_t bytes = sizeof(Table);
  const std::vector<std::string>* counted = nullptr;
  for (const HeatColumn& column : table->columns) {
    bytes += sizeof(column) + column.slices.capacity() * sizeof(HeatCell);
    if (column.cuts.get() != counted) bytes += BytesOf(*column.cuts);
    counted = column.cuts.get();
  }
  for (const KeyWeight& size : table->sizes) bytes += sizeof(size) + size.row.capacity();
  for (const SampledLoad& sample : table->recent) bytes += sizeof(sample) + sample.row.capacity();
  for (const auto& [row, hot] : table->hot) bytes += sizeof(hot) + 2 * row.capacity() + 96;
  table->bytes = bytes;
}

// The column of now, cut as is best by what is known.
HeatColumn* KeyHeat::Current(int64_t now_ms, Table* table) {
  const int64_t begin_ms = RoundDown(now_ms, kLevels[0].length_ms);
  const bool fresh = table->columns.empty() ||
                     table->columns.back().begin_ms + table->columns.back().length_ms <= now_ms;
  if (!table->choose_again && now_ms - table->checked_ms >= kChooseSoonMs) {
    table->checked_ms = now_ms;  // to look costs, and each loaded tablet of the table comes here
    table->choose_again = WantsOtherCuts(now_ms, *table);
  }
  if (table->choose_again) ChooseCutsOf(now_ms, table);
  if (fresh) {
    HeatColumn column{begin_ms, kLevels[0].length_ms, table->cuts, {}};
    column.slices.resize(table->cuts->size() + 1);
    table->columns.push_back(std::move(column));
  }
  RecutYoung(now_ms, table);
  return &table->columns.back();
}

// Columns of the last minute follow new cuts, as the recent samples tell: what is hot now is told
// apart at once from what lies beside it.
void KeyHeat::RecutYoung(int64_t now_ms, Table* table) {
  for (auto column = table->columns.rbegin(); column != table->columns.rend(); ++column) {
    if (column->begin_ms + kRecutMs <= now_ms) break;
    if (column->cuts == table->cuts) continue;
    column->slices = Recut(*column->cuts, column->slices, *table->cuts, table->recent);
    column->cuts = table->cuts;
  }
}

// Of so many rows the coolest go; what was hot a while ago counts half each half minute.
void KeyHeat::NoteHotRows(int64_t now_ms, const std::vector<wire::SampledRow>& sampled,
                          double per_read, double per_write, Table* table) {
  if (now_ms - table->hot_halved_ms >= kHalveHotMs) {
    table->hot_halved_ms = now_ms;
    for (auto& [row, hot] : table->hot) {
      hot.reads /= 2;
      hot.writes /= 2;
    }
    std::erase_if(table->hot,
                  [](const auto& hot) { return hot.second.reads + hot.second.writes < 1; });
  }
  for (const wire::SampledRow& sample : sampled) {
    HotRow& hot = table->hot[sample.row];
    hot.row = sample.row;
    (sample.write ? hot.writes : hot.reads) += sample.write ? per_write : per_read;
  }
  while (table->hot.size() > kMaxHotRows) {
    auto coolest =
        std::min_element(table->hot.begin(), table->hot.end(), [](const auto& a, const auto& b) {
          return a.second.reads + a.second.writes < b.second.reads + b.second.writes;
        });
    table->hot.erase(coolest);
  }
}

void KeyHeat::NoteRecent(const std::vector<wire::SampledRow>& sampled, double per_read,
                         double per_write, Table* table) {
  const size_t count = std::min(sampled.size(), kRecentOfOne);
  for (size_t i = 0; i < count; ++i) {
    const wire::SampledRow& sample = sampled[i * sampled.size() / count];
    SampledLoad& noted = table->recent.emplace_back();
    noted.row = sample.row.substr(0, kMaxCutBytes + 1);
    (sample.write ? noted.load.writes : noted.load.reads) =
        static_cast<float>(sample.write ? per_write : per_read);
  }
  while (table->recent.size() > kMaxRecentRows) table->recent.pop_front();
}

void KeyHeat::Add(int64_t now_ms, const TabletDescriptor& tablet, uint64_t reads, uint64_t writes,
                  const std::vector<wire::SampledRow>& sampled) {
  if (reads + writes == 0) return;
  Table& table = tables_[tablet.table];
  const auto read_samples = static_cast<double>(std::count_if(
      sampled.begin(), sampled.end(), [](const wire::SampledRow& row) { return !row.write; }));
  const double write_samples = static_cast<double>(sampled.size()) - read_samples;
  const double per_read = read_samples == 0 ? 0 : static_cast<double>(reads) / read_samples;
  const double per_write = write_samples == 0 ? 0 : static_cast<double>(writes) / write_samples;
  NoteHotRows(now_ms, sampled, per_read, per_write, &table);
  NoteRecent(sampled, per_read, per_write, &table);
  HeatColumn* column = Current(now_ms, &table);
  for (const wire::SampledRow& row : sampled) {
    HeatCell& cell = column->slices[SliceOf(*column->cuts, row.row)];
    (row.write ? cell.writes : cell.reads) += static_cast<float>(row.write ? per_write : per_read);
  }
  // Without a sample of its kind it is shared evenly by the tablet's slices.
  const std::vector<std::string>& cuts = *column->cuts;
  const auto first = static_cast<size_t>(
      std::upper_bound(cuts.begin(), cuts.end(), tablet.start_row) - cuts.begin());
  const size_t last = tablet.end_row.empty() ? cuts.size() : SliceOf(cuts, tablet.end_row);
  const auto parts = static_cast<float>(last - first + 1);
  for (size_t slice = first; slice <= last; ++slice) {
    if (read_samples == 0) column->slices[slice].reads += static_cast<float>(reads) / parts;
    if (write_samples == 0) column->slices[slice].writes += static_cast<float>(writes) / parts;
  }
}

void KeyHeat::SetSizes(TableId table, std::vector<KeyWeight> sizes) {
  auto found = tables_.find(table);
  if (found == tables_.end() || found->second.sizes == sizes) return;
  found->second.sizes = std::move(sizes);
  found->second.choose_again = true;
}

void KeyHeat::Forget(TableId table) {
  auto found = tables_.find(table);
  if (found == tables_.end()) return;
  bytes_ -= found->second.bytes;
  tables_.erase(found);
}

void KeyHeat::Age(int64_t now_ms) {
  for (auto& [id, table] : tables_) {
    std::deque<HeatColumn> aged;
    for (HeatColumn& column : table.columns) {
      size_t level = 0;
      while (level + 1 < std::size(kLevels) &&
             column.begin_ms + column.length_ms + kLevels[level].until_ms <= now_ms) {
        ++level;
      }
      if (column.begin_ms + column.length_ms + kDayMs <= now_ms) continue;
      const int64_t length = std::max(column.length_ms, kLevels[level].length_ms);
      column.begin_ms = RoundDown(column.begin_ms, length);
      column.length_ms = length;
      if (!aged.empty() && aged.back().begin_ms + aged.back().length_ms > column.begin_ms) {
        // The younger one's cuts know more.
        Join(aged.back(), &column);
        column.begin_ms = aged.back().begin_ms;
        column.length_ms = aged.back().length_ms;
        aged.pop_back();
      }
      aged.push_back(std::move(column));
    }
    table.columns = std::move(aged);
    Measure(&table);
  }
  std::erase_if(tables_, [](const auto& table) { return table.second.columns.empty(); });
  bytes_ = 0;
  for (const auto& [id, table] : tables_) bytes_ += table.bytes;
  KeepWithinBound();
}

void KeyHeat::KeepWithinBound() {
  while (bytes_ > max_bytes_) {
    auto largest = std::max_element(
        tables_.begin(), tables_.end(),
        [](const auto& a, const auto& b) { return a.second.bytes < b.second.bytes; });
    Table& table = largest->second;
    if (table.columns.size() <= 1) {
      Forget(largest->first);
      continue;
    }
    const size_t before = table.bytes;
    // A quarter at once: to measure costs as much as to drop.
    const auto quarter = static_cast<std::ptrdiff_t>(table.columns.size() + 3) / 4;
    table.columns.erase(table.columns.begin(), table.columns.begin() + quarter);
    Measure(&table);
    bytes_ -= before - table.bytes;
  }
}

std::vector<TableId> KeyHeat::tables() const {
  std::vector<TableId> ids;
  for (const auto& [id, table] : tables_) ids.push_back(id);
  return ids;
}

std::vector<HeatColumn> KeyHeat::Columns(TableId table) const {
  auto found = tables_.find(table);
  if (found == tables_.end()) return {};
  return {found->second.columns.begin(), found->second.columns.end()};
}

std::vector<HotRow> KeyHeat::HotRows(TableId table, size_t most) const {
  auto found = tables_.find(table);
  std::vector<HotRow> rows;
  if (found == tables_.end()) return rows;
  for (const auto& [row, hot] : found->second.hot) rows.push_back(hot);
  std::sort(rows.begin(), rows.end(), [](const HotRow& a, const HotRow& b) {
    return a.reads + a.writes > b.reads + b.writes;
  });
  if (rows.size() > most) rows.resize(most);
  return rows;
}

}  // namespace stele::master
