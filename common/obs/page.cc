#include "common/obs/page.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace stele::obs {
namespace {

// One sheet for light and dark. On a narrow screen a table's row becomes a card with the column's
// name before each value, so no page scrolls sideways.
constexpr char kStyle[] = R"(
:root{color-scheme:light dark;--fg:#1d2530;--dim:#5c6773;--bg:#fff;--soft:#f3f5f8;--line:#d5dbe3;
--link:#0b57b0}
@media(prefers-color-scheme:dark){:root{--fg:#dde3ea;--dim:#95a1af;--bg:#14181d;--soft:#1e242c;
--line:#343d48;--link:#7db4ff}}
*{box-sizing:border-box}
body{font:14px/1.45 system-ui,sans-serif;margin:0 auto;padding:1rem 1.5rem;max-width:110rem;
color:var(--fg);background:var(--bg);overflow-wrap:anywhere}
h1{font-size:1.35rem;margin:.3rem 0}h2{font-size:1.1rem;margin:1.6rem 0 .4rem}
a{color:var(--link)}p{margin:.4rem 0}
nav{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;padding:.4rem 0 .6rem;margin-bottom:.8rem;
border-bottom:1px solid var(--line)}
.fact{display:flex;gap:1rem;padding:.1rem 0}.fact b{flex:0 0 9rem;font-weight:400;color:var(--dim)}
.fact span{flex:1;min-width:0;font-variant-numeric:tabular-nums}
meter{width:24rem;max-width:100%;height:.8rem;display:block}
svg.bar{width:100%;height:1.8rem;display:block;border-radius:.3rem}
figure{margin:0;flex:1 1 24rem;min-width:0;max-width:44rem}
.charts{display:flex;flex-wrap:wrap;gap:.6rem 2rem;margin:.5rem 0}
figcaption{display:flex;flex-wrap:wrap;gap:0 1rem;color:var(--dim)}
figcaption b{color:var(--fg);font-weight:600}
.box{position:relative}.box>i{position:absolute;top:0;left:.3rem;font-style:normal;font-size:.8rem;
color:var(--dim)}
svg.lines{width:100%;height:7rem;display:block;background:var(--soft);border-radius:.3rem}
.lines polyline{fill:none;stroke-width:1.6;vector-effect:non-scaling-stroke;stroke-linejoin:round}
.l0{stroke:var(--link);--c:var(--link)}.l1{stroke:#e08a00;--c:#e08a00}
.l2{stroke:#2f9e63;--c:#2f9e63}.l3{stroke:#c2457e;--c:#c2457e}
.key::before{content:"";display:inline-block;width:.7rem;height:.2rem;margin-right:.35rem;
vertical-align:middle;background:var(--c)}
.ends{display:flex;justify-content:space-between;color:var(--dim);font-size:.8rem}
.heat{display:flex;gap:.6rem;margin:.5rem 0}.heat>div{flex:1;min-width:0}
.keys{flex:0 0 11rem!important;display:flex;flex-direction:column;justify-content:space-between;
font-size:.78rem;color:var(--dim);height:27rem;text-align:right;overflow:hidden}
svg.grid{width:100%;height:27rem;display:block;background:var(--soft);border-radius:.3rem}
.grid .row{fill:transparent}.grid .row:hover{fill:var(--fg);fill-opacity:.12}
.h1{fill:#fdf0c9}.h2{fill:#fede92}.h3{fill:#fdc163}.h4{fill:#fb9a46}.h5{fill:#f26d35}
.h6{fill:#db4029}.h7{fill:#b3202c}.h8{fill:#7c0c2b}
@media(prefers-color-scheme:dark){
.h1{fill:#33271c}.h2{fill:#523219}.h3{fill:#7b4315}.h4{fill:#a65511}
.h5{fill:#d16c14}.h6{fill:#ee8f30}.h7{fill:#fab963}.h8{fill:#ffe7b3}}
svg.ring{width:13rem;max-width:100%;display:block}
.ring circle{fill:none;stroke-width:26}.ring .free{stroke:var(--line)}
.ring .live{stroke:var(--link)}
.ring .head{stroke:#e08a00}.ring text{text-anchor:middle;dominant-baseline:middle;fill:var(--fg);
font-size:15px}
table{border-collapse:collapse;margin:.5rem 0;max-width:100%}
th,td{border-bottom:1px solid var(--line);padding:.3rem .9rem .3rem 0;text-align:left;
vertical-align:top;font-variant-numeric:tabular-nums}
th{font-weight:600;color:var(--dim);overflow-wrap:normal}.short{white-space:nowrap}
@media(max-width:40rem){.keys{flex-basis:5.5rem!important;height:18rem}svg.grid{height:18rem}}
@media(max-width:70rem){body{padding:.8rem}.fact{gap:.6rem}.fact b{flex-basis:7rem}
table,tbody,tr,td{display:block;width:100%}tr:first-child{display:none}
tr{background:var(--soft);border-radius:.4rem;padding:.4rem .7rem;margin:.5rem 0}
td{display:flex;gap:.6rem;border:0;padding:.1rem 0}td:empty{display:none}
td::before{content:attr(data-column);flex:0 0 7rem;color:var(--dim)}}
)";

constexpr size_t kShortBytes = 24;  // a cell that is never broken into lines

std::string Fixed(double value, int decimals, Slice unit) {
  char buffer[48];
  std::snprintf(buffer, sizeof(buffer), "%.*f ", decimals, value);
  return absl::StrCat(buffer, unit);
}

}  // namespace

std::string HtmlEscape(Slice text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

std::string Printable(Slice bytes, size_t max_bytes) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes.substr(0, max_bytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\') {
      out += "\\\\";
    } else if (byte >= 0x20 && byte < 0x7f) {
      out.push_back(c);
    } else {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  if (bytes.size() > max_bytes) {
    absl::StrAppend(&out, "... (+", bytes.size() - max_bytes, " bytes)");
  }
  return out;
}

std::string FormatBytes(uint64_t bytes) {
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  // 1023.95 would be shown as 1024.0 of the smaller unit.
  for (; value >= 1023.95 && unit + 1 < std::size(kUnits); unit++) value /= 1024;
  return Fixed(value, 1, kUnits[unit]);
}

std::string FormatCount(uint64_t n) {
  std::string digits = absl::StrCat(n);
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string FormatDurationMs(int64_t milliseconds) {
  if (milliseconds < 0) return absl::StrCat("-", FormatDurationMs(-(milliseconds + 1)));
  if (milliseconds < 1'000) return absl::StrCat(milliseconds, " ms");
  const int64_t seconds = milliseconds / 1'000;
  if (seconds < 60) return Fixed(static_cast<double>(milliseconds) / 1'000, 2, "s");
  if (seconds < 3'600) return absl::StrCat(seconds / 60, " min ", seconds % 60, " s");
  if (seconds < 86'400) return absl::StrCat(seconds / 3'600, " h ", seconds / 60 % 60, " min");
  return absl::StrCat(seconds / 86'400, " d ", seconds / 3'600 % 24, " h");
}

Page::Page(Slice title) {
  const std::string escaped = HtmlEscape(title);
  out_ = absl::StrCat(
      "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>",
      escaped, "</title><style>", kStyle, "</style></head><body><h1>", escaped, "</h1>\n");
}

bool Page::HasRoom(size_t bytes) {
  if (out_.size() + bytes <= kMaxBytes) return true;
  left_out_++;
  return false;
}

namespace {

bool IsOwnPath(Slice link) {
  return absl::StartsWith(link, "/") && !absl::StartsWith(link, "//") &&
         !absl::StartsWith(link, "/\\");
}

}  // namespace

// Only paths of this server become links: neither another site nor a script can be reached.
std::string Page::RenderCell(const PageCell& cell) {
  const std::string text = HtmlEscape(cell.text);
  if (!IsOwnPath(cell.link)) return text;
  return absl::StrCat("<a href=\"", HtmlEscape(cell.link), "\">", text, "</a>");
}

void Page::Navigation(const std::vector<PageCell>& links) {
  std::string line = "<nav>";
  for (const PageCell& link : links) line += RenderCell(link);
  line += "</nav>\n";
  if (HasRoom(line.size())) out_ += line;
}

void Page::Heading(Slice text) {
  const std::string line = absl::StrCat("<h2>", HtmlEscape(text), "</h2>\n");
  if (HasRoom(line.size())) out_ += line;
}

void Page::Text(Slice text) {
  const std::string line = absl::StrCat("<p>", HtmlEscape(text), "</p>\n");
  if (HasRoom(line.size())) out_ += line;
}

void Page::Fact(Slice name, Slice value) {
  const std::string line = absl::StrCat("<div class=\"fact\"><b>", HtmlEscape(name), "</b><span>",
                                        HtmlEscape(value), "</span></div>\n");
  if (HasRoom(line.size())) out_ += line;
}

void Page::Level(Slice name, Slice value, uint64_t used, uint64_t limit) {
  const std::string line =
      absl::StrCat("<div class=\"fact\"><b>", HtmlEscape(name), "</b><span>", HtmlEscape(value),
                   "<meter min=\"0\" max=\"", std::max<uint64_t>(limit, 1), "\" value=\"", used,
                   "\"></meter></span></div>\n");
  if (HasRoom(line.size())) out_ += line;
}

void Page::Bar(Slice name, const std::vector<BarPart>& parts) {
  constexpr double kWidth = 1000, kHeight = 28, kColdHue = 210;
  std::string line = absl::StrCat(
      "<div class=\"fact\"><b>", HtmlEscape(name), "</b><span><svg class=\"bar\" viewBox=\"0 0 ",
      kWidth, " ", kHeight, "\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"",
      HtmlEscape(name), "\">");
  double whole = 0, at = 0;
  for (const BarPart& part : parts) whole += part.share;
  for (const BarPart& part : parts) {
    const double width = whole > 0 ? part.share / whole * kWidth : 0;
    const int hue = static_cast<int>(kColdHue * (1 - std::clamp(part.heat, 0.0, 1.0)));
    std::string rect = absl::StrCat("<rect x=\"", at, "\" y=\"0\" width=\"", width, "\" height=\"",
                                    kHeight, "\" fill=\"hsl(", hue, " 65% 50%)\"><title>",
                                    HtmlEscape(part.title), "</title></rect>");
    if (IsOwnPath(part.link)) {
      rect = absl::StrCat("<a href=\"", HtmlEscape(part.link), "\">", rect, "</a>");
    }
    line += rect;
    at += width;
  }
  line += "</svg></span></div>\n";
  if (HasRoom(line.size())) out_ += line;
}

void Page::Ring(Slice name, Slice middle, const std::vector<RingPart>& parts) {
  // A circle whose length is as many units as there are parts, of which each is a dash.
  constexpr double kRadius = 80, kSize = 200, kTurn = 2 * 3.14159265358979 * kRadius;
  const double part = parts.empty() ? kTurn : kTurn / static_cast<double>(parts.size());
  const double gap = parts.size() > 1 && parts.size() <= 64 ? 2 : 0;
  std::string line = absl::StrCat("<div class=\"fact\"><b>", HtmlEscape(name),
                                  "</b><span><svg class=\"ring\" viewBox=\"0 0 ", kSize, " ", kSize,
                                  "\" role=\"img\" aria-label=\"", HtmlEscape(name), "\">");
  for (size_t i = 0; i < parts.size(); ++i) {
    const char* kind = parts[i].kind == RingPart::Kind::kFree   ? "free"
                       : parts[i].kind == RingPart::Kind::kLive ? "live"
                                                                : "head";
    absl::StrAppend(&line, "<circle class=\"", kind, "\" cx=\"", kSize / 2, "\" cy=\"", kSize / 2,
                    "\" r=\"", kRadius, "\" stroke-dasharray=\"", part - gap, " ",
                    kTurn - part + gap, "\" stroke-dashoffset=\"",
                    kTurn / 4 - static_cast<double>(i) * part, "\"><title>",
                    HtmlEscape(parts[i].title), "</title></circle>");
  }
  absl::StrAppend(&line, "<text x=\"50%\" y=\"50%\">", HtmlEscape(middle),
                  "</text></svg></span></div>\n");
  if (HasRoom(line.size())) out_ += line;
}

void Page::Append(const std::string& line) {
  if (HasRoom(line.size())) out_ += line;
}

void Page::BeginTable(const std::vector<std::string>& columns) {
  CHECK(!in_table_);
  in_table_ = true;
  columns_.clear();
  out_ += "<table><tr>";
  for (const std::string& column : columns) {
    columns_.push_back(HtmlEscape(column));
    absl::StrAppend(&out_, "<th>", columns_.back(), "</th>");
  }
  out_ += "</tr>\n";
}

void Page::Row(const std::vector<PageCell>& cells) {
  CHECK(in_table_);
  std::string line = "<tr>";
  for (size_t i = 0; i < cells.size(); i++) {
    absl::StrAppend(&line, "<td", cells[i].text.size() <= kShortBytes ? " class=\"short\"" : "",
                    " data-column=\"", i < columns_.size() ? columns_[i] : "", "\">",
                    RenderCell(cells[i]), "</td>");
  }
  line += "</tr>\n";
  if (HasRoom(line.size())) out_ += line;
}

void Page::EndTable() {
  CHECK(in_table_);
  in_table_ = false;
  out_ += "</table>\n";
}

std::string Page::Finish() {
  CHECK(!in_table_);
  if (left_out_ > 0) {
    absl::StrAppend(&out_, "<p>", left_out_, " lines left out: the page is full.</p>\n");
  }
  out_ += "</body></html>\n";
  return std::move(out_);
}

}  // namespace stele::obs
