#include "client/cli/shell_completion.h"

#include <algorithm>

#include "client/cli/word_split.h"

namespace stele::cli {
namespace {

bool StartsWith(std::string_view text, std::string_view begin) {
  return text.substr(0, begin.size()) == begin;
}

const Verb* FindVerb(const std::vector<Verb>& verbs, const std::vector<std::string>& words,
                     size_t* used) {
  for (size_t n = std::min<size_t>(2, words.size()); n > 0; --n) {
    const std::string name = n == 2 ? words[0] + " " + words[1] : words[0];
    for (const Verb& verb : verbs) {
      if (verb.name != name) continue;
      *used = n;
      return &verb;
    }
  }
  return nullptr;
}

std::vector<std::string> VerbWords(const std::vector<Verb>& verbs,
                                   const std::vector<std::string>& before) {
  std::vector<std::string> out;
  for (const Verb& verb : verbs) {
    const size_t blank = verb.name.find(' ');
    if (before.empty()) {
      out.push_back(verb.name.substr(0, blank));
    } else if (before.size() == 1 && blank != verb.name.npos &&
               verb.name.substr(0, blank) == before[0]) {
      out.push_back(verb.name.substr(blank + 1));
    }
  }
  return out;
}

// The place of the word among the verb's arguments, as its usage names it; "" behind a flag that
// takes a value is that flag.
std::string PlaceOf(const Verb& verb, const std::vector<std::string>& words) {
  const po::options_description options = OptionsOf(verb);
  std::string place = verb.arguments;
  const auto next = [&place] {
    const size_t blank = place.find(' ');
    place = blank == place.npos ? "" : place.substr(blank + 1);
  };
  for (size_t i = 0; i < words.size(); ++i) {
    if (!StartsWith(words[i], "--")) {
      next();
      continue;
    }
    const auto* option = options.find_nothrow(words[i].substr(2), false);
    if (option == nullptr || option->semantic()->max_tokens() == 0) continue;
    if (i + 1 == words.size()) return words[i];
    ++i;
  }
  return place.substr(0, place.find(' '));
}

std::vector<std::string> ArgumentWords(const Verb& verb, const std::vector<std::string>& words,
                                       std::string_view last, const ShellNames& names) {
  std::vector<std::string> out;
  if (StartsWith(last, "-")) {
    const po::options_description options = OptionsOf(verb);
    for (const auto& option : options.options()) {
      out.push_back("--" + option->long_name());
    }
    return out;
  }
  const std::string place = PlaceOf(verb, words);
  const auto begins = [&place](std::string_view what) {
    return StartsWith(place, what) || StartsWith(place, "[" + std::string(what));
  };
  if (begins("TABLE") || begins("FROM") || begins("TO") || place == "--table")
    return names.tables();
  const bool column = begins("FAMILY:") || place == "--column";
  if (!column && !begins("FAMILY") && place != "--family") return out;
  for (const std::string& word : words) {
    if (StartsWith(word, "-")) continue;
    for (const std::string& family : names.families(word)) {
      out.push_back(column ? family + ":" : family);
    }
    break;
  }
  return out;
}

}  // namespace

std::string CommonPrefix(const std::vector<std::string>& words) {
  if (words.empty()) return {};
  std::string prefix = words.front();
  for (const std::string& word : words) {
    const auto end = std::mismatch(prefix.begin(), prefix.end(), word.begin(), word.end()).first;
    prefix.erase(end, prefix.end());
  }
  return prefix;
}

Completion CompleteLine(std::string_view line, const std::vector<Verb>& verbs,
                        const std::vector<std::string>& own, const ShellNames& names) {
  TypedWords typed = SplitTyped(line);
  if (!typed.before.empty() && typed.before[0] == "help") typed.before.erase(typed.before.begin());
  size_t used = 0;
  std::vector<std::string> words = VerbWords(verbs, typed.before);
  if (typed.before.empty()) words.insert(words.end(), own.begin(), own.end());
  if (const Verb* verb = FindVerb(verbs, typed.before, &used); verb != nullptr) {
    const auto first = typed.before.begin() + static_cast<ptrdiff_t>(used);
    words = ArgumentWords(*verb, {first, typed.before.end()}, typed.last, names);
  }
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  Completion completion;
  completion.typed = typed.last.size();
  for (std::string& word : words) {
    if (StartsWith(word, typed.last)) completion.words.push_back(std::move(word));
  }
  return completion;
}

}  // namespace stele::cli
