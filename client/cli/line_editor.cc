#include "client/cli/line_editor.h"

#include <histedit.h>

#include <cstdio>
#include <cstring>
#include <cwchar>

namespace stele::cli {
namespace {

constexpr int kHistoryLines = 1000;

}  // namespace

struct LineEditor::Parts {
  std::string prompt;
  std::string history_path;
  Completer completer;
  EditLine* edit = nullptr;
  History* history = nullptr;

  static Parts* Of(EditLine* edit) {
    void* parts = nullptr;
    el_get(edit, EL_CLIENTDATA, &parts);
    return static_cast<Parts*>(parts);
  }
  static char* Prompt(EditLine* edit) { return Of(edit)->prompt.data(); }

  static unsigned char DropLine(EditLine* edit, wint_t) {
    const LineInfo* line = el_line(edit);
    const auto length = static_cast<int>(line->lastchar - line->buffer);
    el_cursor(edit, length);
    el_deletestr(edit, length);
    std::fputs("^C\n", stdout);
    return CC_REDISPLAY;
  }

  static unsigned char Complete(EditLine* edit, wint_t) {
    const LineInfo* line = el_line(edit);
    const std::string_view typed(line->buffer, static_cast<size_t>(line->cursor - line->buffer));
    const Completion found = Of(edit)->completer(typed);
    if (found.words.empty()) return CC_ERROR;
    std::string rest = CommonPrefix(found.words).substr(found.typed);
    const bool whole = found.words.size() == 1;
    if (whole && found.words.front().back() != ':') rest += ' ';
    if (!rest.empty()) return el_insertstr(edit, rest.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
    if (whole) return CC_NORM;
    std::fputc('\n', stdout);
    for (const std::string& word : found.words) std::printf("%s  ", word.c_str());
    std::fputc('\n', stdout);
    std::fflush(stdout);
    return CC_REDISPLAY;
  }
};

LineEditor::LineEditor(std::string prompt, std::string history_path, Completer completer)
    : parts_(new Parts{std::move(prompt), std::move(history_path), std::move(completer)}) {
  EditLine* edit = parts_->edit = el_init("stele", stdin, stdout, stderr);
  parts_->history = history_init();
  HistEvent event;
  history(parts_->history, &event, H_SETSIZE, kHistoryLines);
  history(parts_->history, &event, H_SETUNIQUE, 1);
  if (!parts_->history_path.empty()) {
    history(parts_->history, &event, H_LOAD, parts_->history_path.c_str());
  }
  el_set(edit, EL_CLIENTDATA, parts_.get());
  el_set(edit, EL_EDITOR, "emacs");
  el_set(edit, EL_PROMPT, &Parts::Prompt);
  el_set(edit, EL_HIST, history, parts_->history);
  // The wide form: the other one copies the names and never frees them.
  el_wset(edit, EL_ADDFN, L"stele-complete", L"complete the word", &Parts::Complete);
  el_wset(edit, EL_ADDFN, L"stele-drop-line", L"drop the line", &Parts::DropLine);
  el_set(edit, EL_BIND, "^I", "stele-complete", nullptr);
  // The editor itself takes Ctrl-C while a line is typed; during a command it is a signal.
  el_set(edit, EL_SETTY, "-d", "-isig", nullptr);
  el_set(edit, EL_BIND, "^C", "stele-drop-line", nullptr);
}

LineEditor::~LineEditor() {
  HistEvent event;
  if (!parts_->history_path.empty()) {
    history(parts_->history, &event, H_SAVE, parts_->history_path.c_str());
  }
  history_end(parts_->history);
  el_end(parts_->edit);
}

std::optional<std::string> LineEditor::Next() {
  int count = 0;
  const char* text = el_gets(parts_->edit, &count);
  if (text == nullptr || count <= 0) return std::nullopt;
  std::string line(text, static_cast<size_t>(count));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  HistEvent event;
  if (line.find_first_not_of(" \t") != line.npos) {
    history(parts_->history, &event, H_ENTER, line.c_str());
  }
  return line;
}

}  // namespace stele::cli
