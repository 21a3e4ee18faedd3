// Lines over time and heat over keys and time, as inline SVG. Text stands beside the drawing, in
// HTML: it keeps its size when the drawing is stretched.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "common/obs/page.h"

namespace stele::obs {
namespace {

constexpr double kWidth = 1000, kHeight = 100;

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f", value);
  return text;
}

void AddPolyline(size_t index, const std::string& points, std::string* out) {
  if (points.empty()) return;
  absl::StrAppend(out, "<polyline class=\"l", index, "\" points=\"", points, "\"/>");
}

// One polyline for each run without a gap; a point alone is a short dash.
void AddLine(const LineChart& chart, size_t index, std::string* out) {
  const auto& points = chart.lines[index].points;
  std::string run;
  for (size_t i = 0; i < points.size(); ++i) {
    if (i > 0 && points[i].first - points[i - 1].first >= chart.gap) {
      AddPolyline(index, run, out);
      run.clear();
    }
    const double x = std::clamp(points[i].first, 0.0, 1.0) * kWidth;
    const double share = chart.top > 0 ? std::clamp(points[i].second / chart.top, 0.0, 1.0) : 0;
    const std::string y = Number((1 - share) * (kHeight - 2) + 1);
    absl::StrAppend(&run, run.empty() ? absl::StrCat(Number(std::max(0.0, x - 2)), ",", y) : "",
                    " ", Number(x), ",", y);
  }
  AddPolyline(index, run, out);
}

std::string Spread(const std::vector<std::string>& labels, const char* css_class) {
  std::string out = absl::StrCat("<div class=\"", css_class, "\">");
  for (const std::string& label : labels) {
    absl::StrAppend(&out, "<span>", HtmlEscape(label), "</span>");
  }
  return out + "</div>";
}

// All cells of a level in one path; neighbours in a row together.
std::string LevelPath(const HeatGrid& grid, uint8_t level) {
  std::string path;
  for (size_t y = 0; y < grid.rows.size(); ++y) {
    const std::vector<uint8_t>& row = grid.rows[y];
    for (size_t x = 0, end = 0; x < row.size(); x = std::max(x + 1, end)) {
      if (row[x] != level) continue;
      for (end = x; end < row.size() && row[end] == level;) ++end;
      absl::StrAppend(&path, "M", x, " ", y, "h", end - x, "v1h-", end - x, "z");
    }
  }
  return path;
}

}  // namespace

void Page::BeginCharts() { Append("<div class=\"charts\">\n"); }
void Page::EndCharts() { out_ += "</div>\n"; }

void Page::Lines(const LineChart& chart) {
  const std::string title = HtmlEscape(chart.title);
  std::string out = absl::StrCat("<figure><figcaption><b>", title, "</b>");
  const size_t lines = std::min(chart.lines.size(), LineChart::kMaxLines);
  for (size_t i = 0; i < lines; ++i) {
    absl::StrAppend(&out, "<span class=\"key l", i, "\">", HtmlEscape(chart.lines[i].name), " ",
                    HtmlEscape(chart.lines[i].now), "</span>");
  }
  absl::StrAppend(&out, "</figcaption><div class=\"box\"><i>", HtmlEscape(chart.top_text),
                  "</i><svg class=\"lines\" viewBox=\"0 0 ", kWidth, " ", kHeight,
                  "\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"", title, "\">");
  for (size_t i = 0; i < lines; ++i) AddLine(chart, i, &out);
  absl::StrAppend(&out, "</svg></div>", Spread({chart.from_text, chart.to_text}, "ends"),
                  "</figure>\n");
  Append(out);
}

void Page::Heat(const HeatGrid& grid) {
  std::string out = absl::StrCat(
      "<div class=\"heat\">", Spread(grid.row_labels, "keys"),
      "<div><svg class=\"grid\" viewBox=\"0 0 ", std::max<size_t>(1, grid.columns), " ",
      std::max<size_t>(1, grid.rows.size()),
      "\" preserveAspectRatio=\"none\" shape-rendering=\"crispEdges\" role=\"img\" aria-label=\"",
      HtmlEscape(grid.title), "\">");
  for (uint8_t level = 1; level <= HeatGrid::kLevels; ++level) {
    const std::string path = LevelPath(grid, level);
    if (!path.empty()) absl::StrAppend(&out, "<path class=\"h", level, "\" d=\"", path, "\"/>");
  }
  for (size_t y = 0; y < grid.row_titles.size(); ++y) {
    absl::StrAppend(&out, "<rect class=\"row\" x=\"0\" y=\"", y, "\" width=\"", grid.columns,
                    "\" height=\"1\"><title>", HtmlEscape(grid.row_titles[y]), "</title></rect>");
  }
  absl::StrAppend(&out, "</svg>", Spread(grid.column_labels, "ends"), "</div></div>\n");
  Append(out);
}

}  // namespace stele::obs
