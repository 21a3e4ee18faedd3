#include "stele/filter_text.h"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "schema/model/filter.h"
#include "schema/model/time_text.h"

namespace stele {
namespace {

using Kind = Filter::Kind;

// Deeper than any valid filter is printed, with room for parentheses that say nothing.
constexpr int kMaxNesting = 2 * static_cast<int>(kMaxFilterDepth) + 10;
// Every byte of a filter as an escape, and its words.
constexpr size_t kMaxTextBytes = 32 * kMaxFilterBytes;

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string QuoteMeta(Slice bytes) {
  return re2::RE2::QuoteMeta(re2::StringPiece(bytes.data(), bytes.size()));
}

// Whether QuoteMeta(*bytes) is the pattern.
bool IsQuoted(const std::string& pattern, std::string* bytes) {
  bytes->clear();
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '\\') {
      *bytes += pattern[i];
    } else if (pattern.compare(i, 4, "\\x00") == 0) {
      *bytes += '\0';
      i += 3;
    } else if (i + 1 < pattern.size()) {
      *bytes += pattern[++i];
    }
  }
  return QuoteMeta(*bytes) == pattern;
}

class Parser {
 public:
  explicit Parser(Slice text) : text_(text) {}

  StatusOr<Filter> ParseAll() {
    ASSIGN_OR_RETURN(Filter filter, Interleave());
    SkipSpace();
    if (at_ < text_.size()) return Expected("&, | or the end");
    return filter;
  }

 private:
  StatusOr<Filter> Interleave();
  StatusOr<Filter> Chain();
  StatusOr<Filter> Primary();
  StatusOr<Filter> Named(Slice word);
  StatusOr<Filter> OfRegex(Slice word);
  StatusOr<Filter> OfArguments(Slice word);
  StatusOr<Filter> If();
  StatusOr<Filter> Branch();
  StatusOr<Filter> Column();
  StatusOr<Filter> Time();
  Status Range(Bound* start, Bound* end);
  StatusOr<int64_t> TimePoint();
  StatusOr<int32_t> Number();
  StatusOr<double> Probability();
  StatusOr<std::string> String();
  StatusOr<std::string> RegexString();
  StatusOr<std::string> NameOrString(const char* what);
  Status Escape(std::string* out);

  void SkipSpace() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
  }
  bool Take(Slice token) {
    SkipSpace();
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }
  Slice Word() {
    SkipSpace();
    size_t end = at_;
    while (end < text_.size() && IsWordByte(text_[end]) && text_.substr(end, 2) != "..") ++end;
    const Slice word = text_.substr(at_, end - at_);
    at_ = end;
    return word;
  }
  Status Need(Slice token) {
    return Take(token) ? OkStatus() : Expected(absl::StrCat("\"", token, "\""));
  }
  Status ErrorAt(size_t at, Slice what) const {
    return absl::InvalidArgumentError(absl::StrCat("filter, column ", at + 1, ": ", what));
  }
  Status Expected(Slice what) {
    SkipSpace();
    const Slice rest = text_.substr(at_, 20);
    return ErrorAt(at_,
                   absl::StrCat("expected ", what, ", found ",
                                rest.empty() ? std::string("the end")
                                             : absl::StrCat("\"", absl::CHexEscape(rest), "\"")));
  }

  const Slice text_;
  size_t at_ = 0;
  int nesting_ = 0;
};

StatusOr<Filter> Parser::Interleave() {
  std::vector<Filter> branches;
  do {
    ASSIGN_OR_RETURN(Filter branch, Chain());
    branches.push_back(std::move(branch));
  } while (Take("|"));
  return branches.size() == 1 ? std::move(branches[0]) : Filter::Interleave(std::move(branches));
}

StatusOr<Filter> Parser::Chain() {
  std::vector<Filter> parts;
  do {
    ASSIGN_OR_RETURN(Filter part, Primary());
    parts.push_back(std::move(part));
  } while (Take("&"));
  return parts.size() == 1 ? std::move(parts[0]) : Filter::Chain(std::move(parts));
}

StatusOr<Filter> Parser::Primary() {
  SkipSpace();
  const size_t start = at_;
  if (++nesting_ > kMaxNesting) return ErrorAt(start, "nested too deep");
  StatusOr<Filter> filter;
  if (Take("(")) {
    filter = Interleave();
    if (filter.ok()) RETURN_IF_ERROR(Need(")"));
  } else {
    const Slice word = Word();
    if (word.empty()) return Expected("a filter");
    filter = word == "if" ? If() : Named(word);
    if (filter.ok() && filter->empty()) {
      return ErrorAt(start, absl::StrCat("expected a filter, found \"", word, "\""));
    }
    // What is wrong with this part alone is told with its place.
    if (filter.ok() && filter->children.empty()) {
      if (Status status = ValidateFilter(*filter); !status.ok()) {
        return ErrorAt(start, status.message());
      }
    }
  }
  --nesting_;
  return filter;
}

// kNone: no filter has this name.
StatusOr<Filter> Parser::Named(Slice word) {
  if (word == "pass") return Filter::PassAll();
  if (word == "block") return Filter::BlockAll();
  if (word == "sink") return Filter::Sink();
  if (word == "strip") return Filter::StripValue();
  if (word == "family" || word == "row" || word == "qualifier" || word == "value") {
    if (Take("~")) return OfRegex(word);
  }
  static constexpr const char* kWithArguments[] = {"family", "row",    "qualifier", "value",
                                                   "column", "time",   "versions",  "limit",
                                                   "offset", "sample", "label",     "mask"};
  for (const char* known : kWithArguments) {
    if (word != known) continue;
    RETURN_IF_ERROR(Need("("));
    ASSIGN_OR_RETURN(Filter filter, OfArguments(word));
    RETURN_IF_ERROR(Need(")"));
    return filter;
  }
  return Filter{};
}

StatusOr<Filter> Parser::OfRegex(Slice word) {
  ASSIGN_OR_RETURN(const std::string regex, RegexString());
  if (word == "family") return Filter::FamilyNameRegex(regex);
  if (word == "row") return Filter::RowKeyRegex(regex);
  if (word == "qualifier") return Filter::QualifierRegex(regex);
  return Filter::ValueRegex(regex);
}

StatusOr<Filter> Parser::OfArguments(Slice word) {
  if (word == "column") return Column();
  if (word == "time") return Time();
  if (word == "family") {
    ASSIGN_OR_RETURN(const std::string name, NameOrString("a family name"));
    return Filter::FamilyNameRegex(QuoteMeta(name));
  }
  if (word == "label") {
    ASSIGN_OR_RETURN(const std::string label, NameOrString("a label"));
    return Filter::ApplyLabel(label);
  }
  if (word == "sample") {
    ASSIGN_OR_RETURN(const double probability, Probability());
    return Filter::RowSample(probability);
  }
  if (word == "value") {
    Filter range = Filter::ValueRange({}, {});
    RETURN_IF_ERROR(Range(&range.start, &range.end));
    return range;
  }
  if (word == "mask") {
    ASSIGN_OR_RETURN(const std::string mask, String());
    return Filter::ValueBitmask(mask);
  }
  if (word == "row" || word == "qualifier") {
    ASSIGN_OR_RETURN(const std::string bytes, NameOrString("a name or a string"));
    if (word == "qualifier") return Filter::QualifierRegex(QuoteMeta(bytes));
    return Filter::RowKeyRegex(QuoteMeta(bytes));
  }
  ASSIGN_OR_RETURN(const int32_t n, Number());
  if (word == "versions") return Filter::CellsPerColumnLimit(n);
  if (word == "limit") return Filter::CellsPerRowLimit(n);
  return Filter::CellsPerRowOffset(n);
}

StatusOr<Filter> Parser::If() {
  RETURN_IF_ERROR(Need("("));
  ASSIGN_OR_RETURN(Filter predicate, Interleave());
  RETURN_IF_ERROR(Need(","));
  ASSIGN_OR_RETURN(Filter on_true, Branch());
  Filter on_false;
  if (Take(",")) {
    ASSIGN_OR_RETURN(on_false, Branch());
  }
  RETURN_IF_ERROR(Need(")"));
  return Filter::Condition(std::move(predicate), std::move(on_true), std::move(on_false));
}

StatusOr<Filter> Parser::Branch() {
  const size_t start = at_;
  if (Word() == "none") return Filter{};
  at_ = start;
  return Interleave();
}

StatusOr<Filter> Parser::Column() {
  ASSIGN_OR_RETURN(const std::string family, NameOrString("a family name"));
  Filter range = Filter::ColumnRange(family, {}, {});
  RETURN_IF_ERROR(Need(","));
  RETURN_IF_ERROR(Range(&range.start, &range.end));
  return range;
}

Status Parser::Range(Bound* start, Bound* end) {
  SkipSpace();
  const Slice rest = text_.substr(at_);
  if (!rest.empty() && rest[0] == '"') {
    ASSIGN_OR_RETURN(*start, [&]() -> StatusOr<Bound> {
      ASSIGN_OR_RETURN(const std::string bytes, String());
      return Bound::Closed(bytes);
    }());
    if (Take("<..")) {
      start->kind = Bound::Kind::kOpen;
    } else if (!Take("..")) {  // exactly that
      *end = *start;
      return OkStatus();
    }
  } else if (!Take("..")) {
    return Expected("a string or \"..\"");
  }
  const bool closed = Take("=");
  SkipSpace();
  if (!closed && text_.substr(at_, 1) != "\"") return OkStatus();
  ASSIGN_OR_RETURN(const std::string bytes, String());
  *end = closed ? Bound::Closed(bytes) : Bound::Open(bytes);
  return OkStatus();
}

StatusOr<Filter> Parser::Time() {
  int64_t start_us = 0, end_us = 0;
  if (!Take("..")) {
    ASSIGN_OR_RETURN(start_us, TimePoint());
    RETURN_IF_ERROR(Need(".."));
  }
  SkipSpace();
  if (text_.substr(at_, 1) != ")") {
    ASSIGN_OR_RETURN(end_us, TimePoint());
  }
  return Filter::TimestampRange(start_us, end_us);
}

StatusOr<int64_t> Parser::TimePoint() {
  SkipSpace();
  size_t end = at_;
  while (end < text_.size() && (IsWordByte(text_[end]) || text_[end] == ':' || text_[end] == '+') &&
         text_.substr(end, 2) != "..") {
    ++end;
  }
  StatusOr<int64_t> us = ParseTimeUs(text_.substr(at_, end - at_));
  if (!us.ok()) return Expected("a time (RFC 3339, or microseconds)");
  at_ = end;
  return us;
}

StatusOr<int32_t> Parser::Number() {
  SkipSpace();
  int32_t number = 0;
  const char* begin = text_.data() + at_;
  const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), number);
  if (error != std::errc()) return Expected("a number");
  at_ += static_cast<size_t>(end - begin);
  return number;
}

StatusOr<double> Parser::Probability() {
  SkipSpace();
  double number = 0;
  const char* begin = text_.data() + at_;
  const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), number);
  if (error != std::errc()) return Expected("a number between 0 and 1");
  at_ += static_cast<size_t>(end - begin);
  return number;
}

StatusOr<std::string> Parser::NameOrString(const char* what) {
  SkipSpace();
  if (text_.substr(at_, 1) == "\"") return String();
  const Slice word = Word();
  if (word.empty()) return Expected(what);
  return std::string(word);
}

Status Parser::Escape(std::string* out) {
  static constexpr char kLetters[] = "ntr0\\\"'";
  static constexpr char kBytes[] = "\n\t\r\0\\\"'";
  const size_t start = at_ - 1;
  const char kind = at_ < text_.size() ? text_[at_++] : '?';
  if (const size_t i = Slice(kLetters).find(kind); i != Slice::npos) {
    *out += kBytes[i];
    return OkStatus();
  }
  if (kind == 'x' && at_ + 1 < text_.size() && HexValue(text_[at_]) >= 0 &&
      HexValue(text_[at_ + 1]) >= 0) {
    *out += static_cast<char>(HexValue(text_[at_]) * 16 + HexValue(text_[at_ + 1]));
    at_ += 2;
    return OkStatus();
  }
  return ErrorAt(start, "expected one of the escapes \\n \\t \\r \\0 \\\\ \\\" \\xNN");
}

StatusOr<std::string> Parser::String() {
  SkipSpace();
  const size_t start = at_;
  if (!Take("\"")) return Expected("a string in quotes");
  std::string out;
  while (at_ < text_.size()) {
    const char c = text_[at_++];
    if (c == '"') return out;
    if (c == '\\') {
      RETURN_IF_ERROR(Escape(&out));
    } else {
      out += c;
    }
  }
  return ErrorAt(start, "the string is not closed");
}

StatusOr<std::string> Parser::RegexString() {
  if (Take("b\"")) {
    --at_;
    return String();
  }
  SkipSpace();
  const size_t start = at_;
  if (!Take("\"")) return Expected("a regex in quotes");
  std::string out;
  while (at_ < text_.size()) {
    const char c = text_[at_++];
    if (c == '"') return out;
    if (c == '\\' && at_ < text_.size()) {
      if (text_[at_] != '"') out += c;
      out += text_[at_++];
    } else {
      out += c;
    }
  }
  return ErrorAt(start, "the regex is not closed");
}

// Printing.

std::string Quote(Slice bytes) {
  std::string out = "\"";
  for (const char c : bytes) {
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c >= 0x20 && c < 0x7F) {
      out += c;
    } else {
      constexpr char kHex[] = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(c);
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out + "\"";
}

bool IsWord(const std::string& s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), IsWordByte) &&
         s.find("..") == std::string::npos;
}
std::string NameText(const std::string& name) { return IsWord(name) ? name : Quote(name); }

std::string RegexText(const std::string& regex) {
  const bool plain = std::all_of(regex.begin(), regex.end(),
                                 [](char c) { return c >= 0x20 && c < 0x7F && c != '"'; });
  // A backslash that nothing follows would take the closing quote.
  size_t backslashes = 0;
  while (backslashes < regex.size() && regex[regex.size() - 1 - backslashes] == '\\') ++backslashes;
  if (plain && backslashes % 2 == 0) return absl::StrCat("\"", regex, "\"");
  return absl::StrCat("b", Quote(regex));
}

std::string PrintRegex(const char* word, const std::string& regex) {
  std::string bytes;
  if (!IsQuoted(regex, &bytes)) return absl::StrCat(word, "~", RegexText(regex));
  const bool name = Slice(word) == "family";
  return absl::StrCat(word, "(", name ? NameText(bytes) : Quote(bytes), ")");
}

std::string RangeText(const Bound& start, const Bound& end) {
  if (start.kind == Bound::Kind::kClosed && start == end) return Quote(start.bytes);
  std::string out;
  if (start.kind != Bound::Kind::kUnbounded) out = Quote(start.bytes);
  out += start.kind == Bound::Kind::kOpen ? "<.." : "..";
  if (end.kind == Bound::Kind::kClosed) out += "=";
  if (end.kind != Bound::Kind::kUnbounded) out += Quote(end.bytes);
  return out;
}

std::string ProbabilityText(double probability) {
  char text[32];
  const auto result = std::to_chars(text, text + sizeof text, probability);
  return std::string(text, result.ptr);
}

// Where a part stands: what binds less tightly gets parentheses.
enum class Place { kAlone, kInInterleave, kInChain };

std::string Print(const Filter& filter, Place place);

std::string PrintList(const Filter& filter, Place place) {
  const bool chain = filter.kind == Kind::kChain;
  std::string out;
  for (const Filter& child : filter.children) {
    if (!out.empty()) out += chain ? " & " : " | ";
    out += Print(child, chain ? Place::kInChain : Place::kInInterleave);
  }
  const bool parentheses = place == Place::kInChain || (place == Place::kInInterleave && !chain);
  return parentheses ? absl::StrCat("(", out, ")") : out;
}

std::string PrintIf(const Filter& filter) {
  auto branch = [&](size_t i) {
    const Filter& child = filter.children[i];
    return child.empty() ? "none" : Print(child, Place::kAlone);
  };
  std::string out = absl::StrCat("if(", branch(0), ", ", branch(1));
  if (!filter.children[2].empty()) absl::StrAppend(&out, ", ", branch(2));
  return out + ")";
}

std::string Print(const Filter& filter, Place place) {
  switch (filter.kind) {
    case Kind::kNone:
      return "";
    case Kind::kPassAll:
      return "pass";
    case Kind::kBlockAll:
      return "block";
    case Kind::kSink:
      return "sink";
    case Kind::kStripValue:
      return "strip";
    case Kind::kChain:
    case Kind::kInterleave:
      return PrintList(filter, place);
    case Kind::kCondition:
      return PrintIf(filter);
    case Kind::kRowKeyRegex:
      return PrintRegex("row", filter.bytes);
    case Kind::kRowSample:
      return absl::StrCat("sample(", ProbabilityText(filter.probability), ")");
    case Kind::kFamilyNameRegex:
      return PrintRegex("family", filter.bytes);
    case Kind::kColumnQualifierRegex:
      return PrintRegex("qualifier", filter.bytes);
    case Kind::kValueRegex:
      return absl::StrCat("value~", RegexText(filter.bytes));
    case Kind::kColumnRange:
      return absl::StrCat("column(", NameText(filter.family), ", ",
                          RangeText(filter.start, filter.end), ")");
    case Kind::kValueRange:
      return absl::StrCat("value(", RangeText(filter.start, filter.end), ")");
    case Kind::kTimestampRange:
      return absl::StrCat("time(", filter.start_us == 0 ? "" : FormatTimeUs(filter.start_us), "..",
                          filter.end_us == 0 ? "" : FormatTimeUs(filter.end_us), ")");
    case Kind::kCellsPerRowOffset:
      return absl::StrCat("offset(", filter.count, ")");
    case Kind::kCellsPerRowLimit:
      return absl::StrCat("limit(", filter.count, ")");
    case Kind::kCellsPerColumnLimit:
      return absl::StrCat("versions(", filter.count, ")");
    case Kind::kApplyLabel:
      return absl::StrCat("label(", NameText(filter.bytes), ")");
    case Kind::kValueBitmask:
      return absl::StrCat("mask(", Quote(filter.bytes), ")");
  }
  return "";
}

}  // namespace

StatusOr<Filter> ParseFilter(std::string_view text) {
  if (text.size() > kMaxTextBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("filter text of ", text.size(), " bytes; the limit is ", kMaxTextBytes));
  }
  ASSIGN_OR_RETURN(Filter filter, Parser(FromStd(text)).ParseAll());
  RETURN_IF_ERROR(ValidateFilter(filter));
  return filter;
}

std::string PrintFilter(const Filter& filter) { return Print(filter, Place::kAlone); }

}  // namespace stele
