#include "deploy/cell/load_pages.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "deploy/cell/heat_map.h"
#include "deploy/cell/page_parts.h"

namespace stele::deploy {
namespace {

using master::HistoryPicture;
using master::LoadHistory;
using master::LoadStep;
using nlohmann::json;
using obs::FormatCount;
using obs::PageCell;
using obs::Printable;

constexpr int64_t kHourMs = 3'600'000;
constexpr size_t kMaxOtherTables = 50;
constexpr double kHotRowShare = 100;  // a row with less than one part in so many is not shown

std::string Rate(double per_s) {
  char text[32];
  if (per_s > 0 && per_s < 10) {
    std::snprintf(text, sizeof(text), "%.1f", per_s);
    return absl::StrCat(text, " /s");
  }
  return absl::StrCat(FormatCount(static_cast<uint64_t>(per_s + 0.5)), " /s");
}

std::string Millis(double ms) {
  char text[32];
  std::snprintf(text, sizeof(text), ms < 10 ? "%.2f" : "%.0f", ms);
  return absl::StrCat(text, " ms");
}

std::string ClockTime(int64_t time_us) { return TimeText(time_us).substr(11, 5); }

struct ChartedValue {
  const char* name;
  float LoadStep::*value;
};

obs::LineChart Draw(const HistoryPicture& picture, const std::string& title,
                    const std::vector<ChartedValue>& values, std::string (*text)(double)) {
  obs::LineChart chart;
  chart.title = title;
  const int64_t now_ms = picture.now_us / 1'000 - picture.wall_minus_boot_ms;
  chart.from_text = ClockTime(picture.now_us - kHourMs * 1'000);
  chart.to_text = "now";
  chart.gap = 1.5 * LoadHistory::kStepMs / kHourMs;
  double most = 0;
  for (const ChartedValue& value : values) {
    obs::ChartLine& line = chart.lines.emplace_back();
    line.name = value.name;
    for (const LoadStep& step : picture.steps) {
      const double x = 1 - static_cast<double>(now_ms - step.begin_ms - LoadHistory::kStepMs) /
                               static_cast<double>(kHourMs);
      line.points.emplace_back(x, step.*value.value);
      most = std::max<double>(most, step.*value.value);
    }
    const bool fresh = !picture.steps.empty() &&
                       now_ms - picture.steps.back().begin_ms <= 3 * LoadHistory::kStepMs;
    line.now = fresh ? text(line.points.back().second) : "-";
  }
  chart.top = most > 0 ? most : 1;
  chart.top_text = most > 0 ? text(most) : "";
  return chart;
}

// Which table the request is about. Null: there is none with load.
StatusOr<const wire::TableSummary*> TableOf(const CellSnapshot& snapshot,
                                            const net::HttpRequest& request) {
  const std::string name = ParameterOf(request, "table");
  const auto& tables = snapshot.view->status.tables;
  if (!name.empty()) {
    auto found = std::find_if(tables.begin(), tables.end(),
                              [&](const auto& table) { return table.schema.name == name; });
    if (found != tables.end()) return &*found;
    return absl::NotFoundError(absl::StrCat("there is no table \"", Printable(name), "\""));
  }
  const wire::TableSummary* busiest = nullptr;
  double most = -1;
  for (const wire::TableSummary& table : tables) {
    if (snapshot.load == nullptr) break;
    const HeatMap map = MakeHeatMap(snapshot.load->Heat(table.schema.id), {});
    // The system's tables come behind those of users.
    const double heat = (map.all_reads_per_s + map.all_writes_per_s) *
                        (table.schema.id < kFirstUserTable ? 1e-9 : 1);
    if (map.cuts.empty() && heat == 0) continue;
    if (heat <= most) continue;
    most = heat;
    busiest = &table;
  }
  return busiest;
}

void AddChoices(const CellSnapshot& snapshot, const std::string& table, const HeatQuery& query,
                obs::Page* page) {
  auto address = [&](const std::string& of, HeatQuery::What what, const std::string& span) {
    return absl::StrCat("/heat?table=", of, "&what=", NameOf(what), "&span=", span);
  };
  std::vector<PageCell> choices;
  for (const char* span : {"10m", "1h", "6h", "1d"}) {
    choices.emplace_back(span, address(table, query.what, span));
  }
  for (auto what : {HeatQuery::What::kAll, HeatQuery::What::kReads, HeatQuery::What::kWrites}) {
    choices.emplace_back(what == HeatQuery::What::kAll ? "reads and writes" : NameOf(what),
                         address(table, what, SpanText(query.span_ms)));
  }
  page->Navigation(choices);
  std::vector<PageCell> others;
  const auto names = NamesOf(snapshot);
  for (TableId id : snapshot.load->HeatTables()) {
    auto name = names.find(id);
    if (name == names.end() || name->second == table || others.size() == kMaxOtherTables) continue;
    others.emplace_back(name->second, address(name->second, query.what, SpanText(query.span_ms)));
  }
  if (others.empty()) return;
  page->Heading("Other tables with load");
  page->Navigation(others);
}

const wire::TabletSummary* TabletOfRow(const CellSnapshot& snapshot, TableId table,
                                       const std::string& row) {
  for (const wire::TabletSummary& tablet : snapshot.view->status.tablets) {
    const TabletDescriptor& range = tablet.location.tablet;
    if (range.table != table || tablet.state == "closing") continue;
    const bool last = row.empty() && range.end_row.empty();
    if (last || (!row.empty() && range.Contains(row))) return &tablet;
  }
  return nullptr;
}

PageCell TabletCell(const wire::TabletSummary* tablet) {
  return tablet == nullptr ? PageCell("") : TabletLink(tablet->location.tablet.id);
}

void AddHottest(const CellSnapshot& snapshot, TableId table, const HeatMap& map, obs::Page* page) {
  page->Heading("Hottest ranges of the last minute");
  if (map.hottest.empty()) {
    page->Text(map.all_reads_per_s + map.all_writes_per_s > 0
                   ? "None: the load is spread evenly over the keys."
                   : "None: there was no load.");
  } else {
    page->BeginTable({"After row", "Up to row", "Share of the load", "Reads", "Writes", "Tablet"});
    for (const HeatRange& range : map.hottest) {
      page->Row({RowText(range.after, "(first)"), RowText(range.up_to, "(last)"),
                 absl::StrCat(static_cast<int>(range.share * 100 + 0.5), " %"),
                 Rate(range.reads_per_s), Rate(range.writes_per_s),
                 TabletCell(TabletOfRow(snapshot, table, range.up_to))});
    }
    page->EndTable();
  }
  if (map.hot_rows.empty()) return;
  page->Heading("Hottest rows, by a sample of about one request in eight");
  const double all = (map.all_reads_per_s + map.all_writes_per_s) * 60;
  if (map.hot_rows[0].reads + map.hot_rows[0].writes < all / kHotRowShare) {
    return page->Text("None: no row has a hundredth of the load.");
  }
  page->BeginTable({"Row", "Reads of the last minute, about", "Writes, about", "Tablet"});
  for (const master::HotRow& row : map.hot_rows) {
    if (row.reads + row.writes < all / kHotRowShare) break;
    page->Row({Printable(row.row), FormatCount(static_cast<uint64_t>(row.reads)),
               FormatCount(static_cast<uint64_t>(row.writes)),
               TabletCell(TabletOfRow(snapshot, table, row.row))});
  }
  page->EndTable();
}

}  // namespace

void AddHistory(const CellSnapshot& snapshot, const std::string& series, obs::Page* page) {
  if (snapshot.load == nullptr) return;
  const HistoryPicture picture = snapshot.load->History(series);
  page->Heading("The last hour");
  if (picture.now_us - picture.since_us < kHourMs * 1'000) {
    page->Text(absl::StrCat("As the servers measured it. This master has looked since ",
                            TimeText(picture.since_us / 1'000'000 * 1'000'000),
                            " UTC; what was before it does not know."));
  }
  page->BeginCharts();
  page->Lines(Draw(picture, "Throughput",
                   {{"reads", &LoadStep::reads_per_s}, {"rows written", &LoadStep::writes_per_s}},
                   Rate));
  page->Lines(Draw(picture, "Time of reads",
                   {{"p50", &LoadStep::read_p50_ms}, {"p99", &LoadStep::read_p99_ms}}, Millis));
  page->Lines(Draw(picture, "Time of writes",
                   {{"p50", &LoadStep::write_p50_ms}, {"p99", &LoadStep::write_p99_ms}}, Millis));
  page->EndCharts();
}

json HistoryJson(const CellSnapshot& snapshot, const std::string& series) {
  if (snapshot.load == nullptr) return nullptr;
  const HistoryPicture picture = snapshot.load->History(series);
  json steps = json::array();
  for (const LoadStep& step : picture.steps) {
    steps.push_back({{"begin_us", (step.begin_ms + picture.wall_minus_boot_ms) * 1'000},
                     {"reads_per_s", step.reads_per_s},
                     {"writes_per_s", step.writes_per_s},
                     {"read_p50_ms", step.read_p50_ms},
                     {"read_p99_ms", step.read_p99_ms},
                     {"write_p50_ms", step.write_p50_ms},
                     {"write_p99_ms", step.write_p99_ms}});
  }
  return {{"since_us", picture.since_us},
          {"step_ms", LoadHistory::kStepMs},
          {"steps", std::move(steps)}};
}

StatusOr<std::string> HeatPage(const CellSnapshot& snapshot, const net::HttpRequest& request) {
  ASSIGN_OR_RETURN(const HeatQuery query, HeatQueryOf(request));
  ASSIGN_OR_RETURN(const wire::TableSummary* table, TableOf(snapshot, request));
  if (table == nullptr || snapshot.load == nullptr) {
    obs::Page page = NewPage(snapshot, "Heat of keys");
    page.Text("No table has had any load since this master began to look.");
    return page.Finish();
  }
  const std::string& name = table->schema.name;
  obs::Page page = NewPage(snapshot, absl::StrCat("Heat of the keys of ", name));
  page.Navigation({{absl::StrCat("Table ", name), absl::StrCat("/table?name=", name)}});
  const HeatMap map = MakeHeatMap(snapshot.load->Heat(table->schema.id), query);
  page.Fact("Load now", absl::StrCat(Rate(map.all_reads_per_s), " reads, ",
                                     Rate(map.all_writes_per_s), " rows written"));
  page.Fact("Shown", absl::StrCat(query.what == HeatQuery::What::kAll ? "reads and writes"
                                                                      : NameOf(query.what),
                                  ", keys downwards, the last ", SpanText(query.span_ms),
                                  " to the right; the busier the stronger"));
  if (map.since_us > map.begin_us) {
    page.Fact("Known since", TimeText(map.since_us / 1'000'000 * 1'000'000) +
                                 " UTC, when this master began to look");
  }
  page.Heat(DrawHeatMap(map));
  AddHottest(snapshot, table->schema.id, map, &page);
  page.Heading("Other spans");
  AddChoices(snapshot, name, query, &page);
  return page.Finish();
}

StatusOr<json> HeatJson(const CellSnapshot& snapshot, const net::HttpRequest& request) {
  ASSIGN_OR_RETURN(const HeatQuery query, HeatQueryOf(request));
  ASSIGN_OR_RETURN(const wire::TableSummary* table, TableOf(snapshot, request));
  if (table == nullptr || snapshot.load == nullptr) return json({{"table", nullptr}});
  const HeatMap map = MakeHeatMap(snapshot.load->Heat(table->schema.id), query);
  json slices = json::array(), hottest = json::array(), rows = json::array();
  for (size_t i = 0; i < map.reads.size(); ++i) {
    slices.push_back({{"after", i == 0 ? "" : Printable(map.cuts[i - 1])},
                      {"up_to", i < map.cuts.size() ? Printable(map.cuts[i]) : ""},
                      {"reads_per_s", map.reads[i]},
                      {"writes_per_s", map.writes[i]}});
  }
  for (const HeatRange& range : map.hottest) {
    const wire::TabletSummary* tablet = TabletOfRow(snapshot, table->schema.id, range.up_to);
    hottest.push_back({{"after", Printable(range.after)},
                       {"up_to", Printable(range.up_to)},
                       {"share", range.share},
                       {"reads_per_s", range.reads_per_s},
                       {"writes_per_s", range.writes_per_s},
                       {"tablet", tablet == nullptr ? 0 : tablet->location.tablet.id}});
  }
  for (const master::HotRow& row : map.hot_rows) {
    rows.push_back({{"row", Printable(row.row)}, {"reads", row.reads}, {"writes", row.writes}});
  }
  return json({{"table", table->schema.name},
               {"since_us", map.since_us},
               {"begin_us", map.begin_us},
               {"column_us", map.column_us},
               {"reads_per_s", map.all_reads_per_s},
               {"writes_per_s", map.all_writes_per_s},
               {"slices", slices},
               {"hottest_ranges", hottest},
               {"hottest_rows", rows},
               {"kept_bytes", snapshot.load->heat_bytes()}});
}

}  // namespace stele::deploy
