// Text for people: escaping, keys of any bytes, numbers; and HTML pages made of headings, facts and
// tables, in which everything is escaped by construction. Pure functions; Page is
// thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/base/slice.h"

namespace stele::obs {

// & < > " ' become entities; the rest is unchanged. Fit for text and quoted attributes.
std::string HtmlEscape(Slice text);

// Printable ASCII as it is, backslash doubled, other bytes as \xNN. Of more than `max_bytes` input
// bytes the rest is only counted: "abc... (+17 bytes)".
inline constexpr size_t kShownKeyBytes = 64;
std::string Printable(Slice bytes, size_t max_bytes = kShownKeyBytes);

std::string FormatBytes(uint64_t bytes);             // "1.5 MiB"
std::string FormatCount(uint64_t n);                 // "1,234,567"
std::string FormatDurationMs(int64_t milliseconds);  // "1.50 s", "2 h 5 min"

// One cell of a table: text, and where it leads when `link` is not empty (a path of this server,
// "/tablet?id=7"; another one is shown as text only).
struct PageCell {
  std::string text;
  std::string link;
  PageCell(std::string text) : text(std::move(text)) {}  // NOLINT: a cell is mostly its text
  PageCell(const char* text) : text(text) {}             // NOLINT
  PageCell(std::string text, std::string link) : text(std::move(text)), link(std::move(link)) {}
};

// A part of a bar: its share of the whole, how hot it is (0 .. 1), what the pointer is told of it.
struct BarPart {
  double share = 0;
  double heat = 0;
  std::string title;
  std::string link;  // as that of a PageCell
};

// A part of a ring, all of one size.
struct RingPart {
  enum class Kind { kFree, kLive, kHead };
  Kind kind = Kind::kFree;
  std::string title;
};

// A line over time: points (x, y), x ascending in 0 .. 1. Where `gap` lies between two, it is
// broken.
struct ChartLine {
  std::string name;
  std::string now;  // its value now, for people
  std::vector<std::pair<double, double>> points;
};
struct LineChart {
  static constexpr size_t kMaxLines = 4;
  std::string title;
  double top = 1;        // the y of the upper edge; the lower is 0
  std::string top_text;  // what it is, for people
  std::string from_text, to_text;
  double gap = 1;  // an x distance that no line crosses
  std::vector<ChartLine> lines;
};

// Heat over keys (rows, downwards) and time (columns, to the right).
struct HeatGrid {
  static constexpr uint8_t kLevels = 8;
  std::string title;
  size_t columns = 0;
  std::vector<std::vector<uint8_t>> rows;  // of `columns` levels each: 0: none, 1 .. kLevels
  std::vector<std::string> row_titles;     // what the pointer is told of each
  std::vector<std::string> row_labels, column_labels;  // spread evenly
};

// A page of at most about kMaxBytes: what would go beyond is counted and left out.
class Page {
 public:
  static constexpr size_t kMaxBytes = 1u << 20;
  static constexpr char kContentType[] = "text/html; charset=utf-8";

  explicit Page(Slice title);
  void Navigation(const std::vector<PageCell>& links);
  void Heading(Slice text);
  void Text(Slice text);
  void Fact(Slice name, Slice value);  // one line "name: value"
  // The same with a bar that shows `used` of `limit`.
  void Level(Slice name, Slice value, uint64_t used, uint64_t limit);
  // Parts side by side, the hotter the redder.
  void Bar(Slice name, const std::vector<BarPart>& parts);
  // Parts around a circle, clockwise from the top, with a line of text in its middle.
  void Ring(Slice name, Slice middle, const std::vector<RingPart>& parts);
  // What stands between them is side by side where there is room.
  void BeginCharts();
  void Lines(const LineChart& chart);
  void EndCharts();
  void Heat(const HeatGrid& grid);
  void BeginTable(const std::vector<std::string>& columns);
  void Row(const std::vector<PageCell>& cells);  // REQUIRES: between BeginTable and EndTable
  void EndTable();
  std::string Finish();  // once, at the end

 private:
  bool HasRoom(size_t bytes);
  void Append(const std::string& line);
  static std::string RenderCell(const PageCell& cell);

  std::string out_;
  bool in_table_ = false;
  std::vector<std::string> columns_;  // of the table, escaped
  uint64_t left_out_ = 0;
};

}  // namespace stele::obs
