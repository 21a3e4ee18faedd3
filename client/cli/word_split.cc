#include "client/cli/word_split.h"

namespace stele::cli {
namespace {

// Cuts a line into words and knows how it ended.
class Splitter {
 public:
  void Run(std::string_view line) {
    for (char c : line) {
      if (comment_) return;
      Step(c);
    }
  }
  void EndWord() {
    if (in_word_) words_.push_back(std::move(word_));
    word_.clear();
    in_word_ = false;
  }
  bool open() const { return quote_ != 0 || escaped_; }
  bool in_word() const { return in_word_; }
  std::vector<std::string>& words() { return words_; }

 private:
  void Step(char c) {
    if (escaped_) {
      constexpr std::string_view kTakenInQuotes = "$`\"\\";
      if (quote_ == '"' && kTakenInQuotes.find(c) == kTakenInQuotes.npos) word_ += '\\';
      word_ += c;
      escaped_ = false;
    } else if (c == '\\' && quote_ != '\'') {
      escaped_ = in_word_ = true;
    } else if (quote_ != 0) {
      if (c == quote_) {
        quote_ = 0;
      } else {
        word_ += c;
      }
    } else if (c == '\'' || c == '"') {
      quote_ = c;
      in_word_ = true;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      EndWord();
    } else if (c == '#' && !in_word_) {
      comment_ = true;
    } else {
      word_ += c;
      in_word_ = true;
    }
  }

  std::vector<std::string> words_;
  std::string word_;
  bool in_word_ = false;
  bool escaped_ = false;
  bool comment_ = false;
  char quote_ = 0;
};

}  // namespace

StatusOr<std::vector<std::string>> SplitWords(std::string_view line) {
  Splitter splitter;
  splitter.Run(line);
  if (splitter.open()) return absl::InvalidArgumentError("a quote or backslash is not finished");
  splitter.EndWord();
  return std::move(splitter.words());
}

TypedWords SplitTyped(std::string_view line) {
  Splitter splitter;
  splitter.Run(line);
  TypedWords typed;
  const bool last = splitter.in_word();
  splitter.EndWord();
  typed.before = std::move(splitter.words());
  if (last) {
    typed.last = std::move(typed.before.back());
    typed.before.pop_back();
  }
  return typed;
}

std::string QuoteWord(std::string_view word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:/=,@%+";
  if (!word.empty() && word.find_first_not_of(kPlain) == word.npos) return std::string(word);
  std::string out = "'";
  for (char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace stele::cli
