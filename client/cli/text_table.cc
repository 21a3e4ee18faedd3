#include "client/cli/text_table.h"

#include <algorithm>
#include <iostream>

#include "common/base/check.h"

namespace stele::cli {
namespace {

constexpr std::string_view kGoodStates[] = {"live", "serving", "ok", "healthy", "active", "yes"};
constexpr std::string_view kBadStates[] = {"dead", "broken", "bad", "failed"};
constexpr std::string_view kWarningStates[] = {"suspect",  "recovering", "opening",
                                               "closing",  "warn",       "creating",
                                               "dropping", "unassigned", "draining"};

template <size_t N>
bool IsOne(const std::string_view (&words)[N], std::string_view word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

const char* Code(Tone tone) {
  switch (tone) {
    case Tone::kGood:
      return "\x1b[32m";
    case Tone::kWarning:
      return "\x1b[33m";
    case Tone::kBad:
      return "\x1b[31m";
    case Tone::kBold:
      return "\x1b[1m";
    case Tone::kPlain:
      break;
  }
  return "";
}

// Places on the screen: the bytes that begin a character of UTF-8.
size_t Width(const std::string& text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; }));
}

}  // namespace

std::string InTone(const Environment& env, Tone tone, const std::string& text) {
  if (!env.colour || tone == Tone::kPlain) return text;
  return Code(tone) + text + "\x1b[0m";
}

Tone ToneOfState(std::string_view state) {
  const std::string_view first = state.substr(0, state.find(' '));
  const bool one = first.size() == state.size();
  if (IsOne(kBadStates, first)) return Tone::kBad;
  if (IsOne(kWarningStates, first) || (!one && IsOne(kGoodStates, first))) return Tone::kWarning;
  return IsOne(kGoodStates, first) ? Tone::kGood : Tone::kPlain;
}

void TextTable::Row(std::vector<std::string> cells) {
  CHECK_EQ(cells.size(), columns_.size());
  for (std::string& cell : cells) {
    if (cell.empty()) cell = "-";
  }
  rows_.push_back(std::move(cells));
}

void TextTable::Print(const Environment& env) const {
  std::vector<size_t> widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t width = columns_[i].name.size();
    for (const auto& row : rows_) width = std::max(width, Width(row[i]));
    widths.push_back(width);
  }
  const auto print = [&](const std::vector<std::string>& cells, bool heading) {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
      const std::string blanks(widths[i] - Width(cells[i]), ' ');
      const Tone tone = heading             ? Tone::kBold
                        : columns_[i].state ? ToneOfState(cells[i])
                                            : Tone::kPlain;
      const std::string shown = InTone(env, tone, cells[i]);
      const bool last = i + 1 == cells.size();
      line += columns_[i].number ? blanks + shown : last ? shown : shown + blanks;
      if (!last) line += "  ";
    }
    *env.out << line << '\n';
  };
  std::vector<std::string> names;
  for (const Column& column : columns_) names.push_back(column.name);
  print(names, /*heading=*/true);
  for (const auto& row : rows_) print(row, /*heading=*/false);
}

}  // namespace stele::cli
