// LineEditor: lines from a terminal, edited with libedit, with a history file and completion by
// the tab key. Ctrl-C drops the line, Ctrl-D on an empty one ends the input. Used by one thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "client/cli/shell_completion.h"

namespace stele::cli {

class LineEditor {
 public:
  using Completer = std::function<Completion(std::string_view line)>;

  // An empty path keeps no history.
  LineEditor(std::string prompt, std::string history_path, Completer completer);
  ~LineEditor();  // writes the history

  std::optional<std::string> Next();  // without its end

 private:
  struct Parts;
  const std::unique_ptr<Parts> parts_;
};

}  // namespace stele::cli
