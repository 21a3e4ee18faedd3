#include "deploy/cell/heat_map.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "schema/model/time_text.h"

namespace stele::deploy {
namespace {

using master::HeatCell;
using master::HeatColumn;

constexpr int64_t kNowMs = 60'000;  // "now" is the last minute
constexpr size_t kMaxHottest = 5, kMaxGap = 2;
constexpr double kHotterThanMean = 2, kRestOfHottest = 0.25;
constexpr size_t kRowLabels = 9, kColumnLabels = 5;
constexpr size_t kLabelBytes = 24;

struct Span {
  const char* name;
  int64_t ms;
};
constexpr Span kSpans[] = {
    {"10m", 600'000}, {"1h", 3'600'000}, {"6h", 6 * 3'600'000}, {"1d", 24 * 3'600'000}};

std::string ParameterOf(const net::HttpRequest& request, const char* name) {
  auto found = request.query.find(name);
  return found == request.query.end() ? "" : found->second;
}

double Wanted(HeatQuery::What what, double reads, double writes) {
  return (what == HeatQuery::What::kWrites ? 0 : reads) +
         (what == HeatQuery::What::kReads ? 0 : writes);
}

// The stored column's heat goes to the shown ones that it overlaps, in proportion.
void AddColumn(const HeatColumn& column, const std::vector<HeatCell>& cells, int64_t begin_ms,
               int64_t now_ms, HeatMap* map) {
  const double width_ms = static_cast<double>(map->column_us) / 1'000;
  const auto from = static_cast<double>(std::max(column.begin_ms, begin_ms) - begin_ms);
  const auto to =
      static_cast<double>(std::min(column.begin_ms + column.length_ms, now_ms) - begin_ms);
  const auto lasted = static_cast<double>(
      std::max<int64_t>(1, std::min(column.begin_ms + column.length_ms, now_ms) - column.begin_ms));
  for (double at = from; at < to;) {
    const auto shown = std::min(HeatMap::kColumns - 1, static_cast<size_t>(at / width_ms));
    const double end = std::min(to, static_cast<double>(shown + 1) * width_ms);
    const double part = std::max(0.0, end - at) / lasted / (width_ms / 1'000);
    for (size_t slice = 0; slice < cells.size(); ++slice) {
      map->reads[slice][shown] += cells[slice].reads * part;
      map->writes[slice][shown] += cells[slice].writes * part;
    }
    if (end <= at) break;  // the last one takes what rounding leaves
    at = end;
  }
}

// Neighbours that are hot together, from the hottest slice outwards.
HeatRange RangeAround(const std::vector<HeatCell>& now, const std::vector<std::string>& cuts,
                      size_t hottest, double all, std::vector<bool>* taken) {
  auto heat = [&](size_t i) { return static_cast<double>(now[i].reads + now[i].writes); };
  const double least = heat(hottest) * kRestOfHottest;
  size_t first = hottest, last = hottest;
  // A few cooler ones between hot ones do not end the range.
  for (size_t i = first, gap = 0; i > 0 && !(*taken)[i - 1] && gap <= kMaxGap; --i, ++gap) {
    if (heat(i - 1) < least) continue;
    first = i - 1;
    gap = 0;
  }
  for (size_t i = last + 1, gap = 0; i < now.size() && !(*taken)[i] && gap <= kMaxGap; ++i, ++gap) {
    if (heat(i) < least) continue;
    last = i;
    gap = 0;
  }
  HeatRange range;
  range.after = first == 0 ? "" : cuts[first - 1];
  range.up_to = last < cuts.size() ? cuts[last] : "";
  for (size_t i = first; i <= last; ++i) {
    (*taken)[i] = true;
    range.reads_per_s += now[i].reads;
    range.writes_per_s += now[i].writes;
  }
  range.share = (range.reads_per_s + range.writes_per_s) / all;
  return range;
}

void FindHottest(const std::vector<HeatCell>& now, HeatMap* map) {
  double all = 0;
  for (const HeatCell& cell : now) all += cell.reads + cell.writes;
  if (all <= 0) return;
  std::vector<bool> taken(now.size());
  while (map->hottest.size() < kMaxHottest) {
    size_t best = now.size();
    for (size_t i = 0; i < now.size(); ++i) {
      if (taken[i]) continue;
      if (best == now.size() || now[i].reads + now[i].writes > now[best].reads + now[best].writes) {
        best = i;
      }
    }
    if (best == now.size()) break;
    const double share = (now[best].reads + now[best].writes) / all;
    if (now.size() > 1 && share * static_cast<double>(now.size()) < kHotterThanMean) break;
    map->hottest.push_back(RangeAround(now, map->cuts, best, all, &taken));
  }
  std::sort(map->hottest.begin(), map->hottest.end(),
            [](const HeatRange& a, const HeatRange& b) { return a.share > b.share; });
}

std::string KeyLabel(const std::string& row) { return obs::Printable(row, kLabelBytes); }

}  // namespace

StatusOr<HeatQuery> HeatQueryOf(const net::HttpRequest& request) {
  HeatQuery query;
  const std::string what = ParameterOf(request, "what"), span = ParameterOf(request, "span");
  if (what == "reads") {
    query.what = HeatQuery::What::kReads;
  } else if (what == "writes") {
    query.what = HeatQuery::What::kWrites;
  } else if (!what.empty() && what != "all") {
    return absl::InvalidArgumentError("?what= is one of all, reads, writes");
  }
  if (span.empty()) return query;
  for (const Span& known : kSpans) {
    if (span != known.name) continue;
    query.span_ms = known.ms;
    return query;
  }
  return absl::InvalidArgumentError("?span= is one of 10m, 1h, 6h, 1d");
}

const char* NameOf(HeatQuery::What what) {
  constexpr const char* kNames[] = {"all", "reads", "writes"};
  return kNames[static_cast<size_t>(what)];
}

std::string SpanText(int64_t span_ms) {
  for (const Span& known : kSpans) {
    if (known.ms == span_ms) return known.name;
  }
  return absl::StrCat(span_ms / 1'000, "s");
}

HeatMap MakeHeatMap(const master::HeatPicture& picture, const HeatQuery& query) {
  HeatMap map;
  map.query = query;
  map.since_us = picture.since_us;
  const int64_t now_ms = picture.now_us / 1'000 - picture.wall_minus_boot_ms;
  const int64_t begin_ms = now_ms - query.span_ms;
  map.begin_us = (begin_ms + picture.wall_minus_boot_ms) * 1'000;
  map.column_us = query.span_ms * 1'000 / static_cast<int64_t>(HeatMap::kColumns);
  map.hot_rows = picture.hot_rows;
  if (picture.columns.empty()) return map;
  map.cuts = *picture.columns.back().cuts;
  map.reads.assign(map.cuts.size() + 1, std::vector<double>(HeatMap::kColumns));
  map.writes = map.reads;
  std::vector<HeatCell> now(map.cuts.size() + 1);
  double now_s = 0;
  for (const HeatColumn& column : picture.columns) {
    const int64_t end_ms = column.begin_ms + column.length_ms;
    if (end_ms <= begin_ms) continue;
    const std::vector<HeatCell> cells = master::Recut(*column.cuts, column.slices, map.cuts);
    AddColumn(column, cells, begin_ms, now_ms, &map);
    if (end_ms <= now_ms - kNowMs) continue;
    now_s += static_cast<double>(std::min(end_ms, now_ms) - column.begin_ms) / 1'000;
    for (size_t i = 0; i < cells.size(); ++i) now[i] += cells[i];
  }
  const auto seconds = static_cast<float>(std::max(1.0, now_s));
  for (HeatCell& cell : now) {
    cell.reads /= seconds;
    cell.writes /= seconds;
    map.all_reads_per_s += cell.reads;
    map.all_writes_per_s += cell.writes;
  }
  FindHottest(now, &map);
  return map;
}

obs::HeatGrid DrawHeatMap(const HeatMap& map) {
  obs::HeatGrid grid;
  grid.title = absl::StrCat("heat of keys, ", NameOf(map.query.what));
  grid.columns = HeatMap::kColumns;
  double most = 0;
  for (size_t slice = 0; slice < map.reads.size(); ++slice) {
    for (size_t i = 0; i < HeatMap::kColumns; ++i) {
      most = std::max(most, Wanted(map.query.what, map.reads[slice][i], map.writes[slice][i]));
    }
  }
  for (size_t slice = 0; slice < map.reads.size(); ++slice) {
    std::vector<uint8_t>& row = grid.rows.emplace_back(HeatMap::kColumns);
    double last = 0;
    for (size_t i = 0; i < HeatMap::kColumns; ++i) {
      const double heat = Wanted(map.query.what, map.reads[slice][i], map.writes[slice][i]);
      if (heat > 0) last = heat;
      // The square root: a tenth of the most is still told from nothing.
      const double level = most > 0 ? std::sqrt(heat / most) * obs::HeatGrid::kLevels : 0;
      row[i] = static_cast<uint8_t>(std::min<double>(obs::HeatGrid::kLevels, std::ceil(level)));
    }
    const std::string after =
        slice == 0 ? "the first row" : absl::StrCat("after ", KeyLabel(map.cuts[slice - 1]));
    const std::string up_to = slice < map.cuts.size()
                                  ? absl::StrCat("up to ", KeyLabel(map.cuts[slice]))
                                  : "to the last row";
    grid.row_titles.push_back(absl::StrCat(
        after, " ", up_to, ", last ", obs::FormatCount(static_cast<uint64_t>(last)), " a second"));
  }
  const size_t slices = map.reads.size();
  for (size_t i = 0; slices > 0 && i < kRowLabels; ++i) {
    const size_t cut = i * slices / (kRowLabels - 1);
    grid.row_labels.push_back(cut == 0                    ? "(first)"
                              : cut - 1 < map.cuts.size() ? KeyLabel(map.cuts[cut - 1])
                                                          : "(last)");
  }
  const int64_t now_us = map.begin_us + map.column_us * static_cast<int64_t>(HeatMap::kColumns);
  for (size_t i = 0; i < kColumnLabels; ++i) {
    const int64_t at_us = map.begin_us + (now_us - map.begin_us) * static_cast<int64_t>(i) /
                                             static_cast<int64_t>(kColumnLabels - 1);
    std::string text = FormatTimeUs(at_us);  // "2024-01-31T12:00:00Z": the time is enough
    grid.column_labels.push_back(i + 1 == kColumnLabels ? "now" : text.substr(11, 5));
  }
  return grid;
}

}  // namespace stele::deploy
