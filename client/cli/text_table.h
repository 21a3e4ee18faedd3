// TextTable: a table for people: columns as wide as their widest cell, a heading above, numbers to
// the right. On a terminal the heading is bold and states that are good or bad have a colour;
// elsewhere there is nothing but text, so a file or a pipe gets no control codes. Value type, used
// by one thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/cli/verb.h"

namespace stele::cli {

enum class Tone : uint8_t { kPlain, kGood, kWarning, kBad, kBold };
// The text in the colour of the tone, where colours are wanted (Environment::colour).
std::string InTone(const Environment& env, Tone tone, const std::string& text);

struct Column {
  std::string name;
  bool number = false;  // to the right
  bool state = false;   // coloured by ToneOfState
};
// "live", "serving", "ok" are good; "suspect", "recovering", "opening" .. are warnings; "dead",
// "broken", "bad" are bad; all else is plain.
Tone ToneOfState(std::string_view state);

class TextTable {
 public:
  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // REQUIRES: a cell for each column. Cells are printable text of one line: escaped before. An
  // empty one is shown as "-".
  void Row(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  // The heading stands there without rows too.
  void Print(const Environment& env) const;

 private:
  const std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace stele::cli
