#include "common/obs/page.h"

#include <cstdio>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace stele::obs {
namespace {

constexpr char kStyle[] =
    "body{font:14px sans-serif;margin:1.5em;color:#222}h1{font-size:20px}h2{font-size:16px}"
    "table{border-collapse:collapse;margin:.5em 0}th,td{border:1px solid #ccc;padding:2px 8px;"
    "text-align:left;font-variant-numeric:tabular-nums}th{background:#eee}nav a{margin-right:1em}";

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
  out_ = absl::StrCat("<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>", escaped,
                      "</title><style>", kStyle, "</style></head><body><h1>", escaped, "</h1>\n");
}

bool Page::HasRoom(size_t bytes) {
  if (out_.size() + bytes <= kMaxBytes) return true;
  left_out_++;
  return false;
}

// Only paths of this server become links: neither another site nor a script can be reached.
std::string Page::RenderCell(const PageCell& cell) {
  const std::string text = HtmlEscape(cell.text);
  if (!absl::StartsWith(cell.link, "/") || absl::StartsWith(cell.link, "//") ||
      absl::StartsWith(cell.link, "/\\")) {
    return text;
  }
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
  const std::string line =
      absl::StrCat("<div><b>", HtmlEscape(name), "</b>: ", HtmlEscape(value), "</div>\n");
  if (HasRoom(line.size())) out_ += line;
}

void Page::BeginTable(const std::vector<std::string>& columns) {
  CHECK(!in_table_);
  in_table_ = true;
  out_ += "<table><tr>";
  for (const std::string& column : columns) {
    absl::StrAppend(&out_, "<th>", HtmlEscape(column), "</th>");
  }
  out_ += "</tr>\n";
}

void Page::Row(const std::vector<PageCell>& cells) {
  CHECK(in_table_);
  std::string line = "<tr>";
  for (const PageCell& cell : cells) absl::StrAppend(&line, "<td>", RenderCell(cell), "</td>");
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
