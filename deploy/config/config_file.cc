#include "deploy/config/config_file.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>
#include <utility>

#include "client/cli/bytes_text.h"

namespace stele::config {
namespace {

constexpr std::string_view kBlank = " \t";

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

bool BeginsComment(std::string_view text, size_t at) {
  const bool mark = text[at] == '#' || text[at] == ';';
  return mark && (at == 0 || kBlank.find(text[at - 1]) != kBlank.npos);
}

std::string_view WithoutComment(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (BeginsComment(text, i)) return text.substr(0, i);
  }
  return text;
}

class Parser {
 public:
  explicit Parser(ConfigFile* file) : file_(file) {}

  void Line(std::string_view text) {
    ++line_;
    if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
    text = Trim(text);
    if (text.empty() || BeginsComment(text, 0)) return;
    if (text.front() == '[') return Section(Trim(WithoutComment(text)));
    const size_t equals = text.find('=');
    const std::string_view name = Trim(text.substr(0, equals));
    if (equals == text.npos || name.empty()) {
      return Say(absl::StrCat("\"", cli::Escape(text.substr(0, kShown)),
                              "\" is not of the form name = value"));
    }
    std::string value;
    if (Value(Trim(text.substr(equals + 1)), &value) && known_section_) {
      file_->lines.push_back({roles_, std::string(name), std::move(value), line_});
    }
  }

 private:
  static constexpr size_t kShown = 100;

  void Say(std::string what) { file_->problems.push_back({line_, std::move(what)}); }

  void Section(std::string_view text) {
    const bool closed = text.size() > 1 && text.back() == ']';
    const auto role = RoleOf(closed ? Trim(text.substr(1, text.size() - 2)) : std::string_view());
    known_section_ = role.ok();
    if (role.ok()) {
      roles_ = Only(*role);
      file_->sections |= roles_;
      return;
    }
    // What follows belongs to nobody: it is not looked at.
    Say(absl::StrCat("\"", cli::Escape(text.substr(0, kShown)),
                     "\" is no section; these are [local], [master], [tabletserver]"));
  }

  bool Value(std::string_view text, std::string* value) {
    if (text.empty() || text.front() != '"') {
      *value = std::string(Trim(WithoutComment(text)));
      return true;
    }
    const size_t end = text.find('"', 1);
    if (end == text.npos) {
      Say("the quote is not closed");
      return false;
    }
    if (!Trim(WithoutComment(text.substr(end + 1))).empty()) {
      Say("something follows the closing quote");
      return false;
    }
    *value = std::string(text.substr(1, end - 1));
    return true;
  }

  ConfigFile* const file_;
  int line_ = 0;
  RoleSet roles_ = kAllRoles;
  bool known_section_ = true;
};

std::string UnknownName(const ConfigLine& line, RoleSet roles) {
  std::string text = absl::StrCat("\"", cli::Escape(line.name), "\" is no option");
  if (line.roles != kAllRoles) absl::StrAppend(&text, " of ", NameOf(RolesOf(line.roles)[0]));
  const std::string near = NearestOption(roles, line.name);
  if (!near.empty()) return absl::StrCat(text, "; is ", near, " meant?");
  if (IsOptionOf(kAllRoles, line.name)) absl::StrAppend(&text, ", but of another role");
  return text;
}

// Roles may have limits of their own; one finding a line will do.
void CheckLine(const ConfigLine& line, RoleSet roles, std::vector<ConfigProblem>* problems) {
  if (!IsOptionOf(line.roles, line.name)) {
    problems->push_back({line.line, UnknownName(line, line.roles)});
    return;
  }
  for (Role role : RolesOf(line.roles & roles)) {
    const Option* option = FindOption(role, line.name);
    if (option == nullptr) continue;
    Status bad = CheckValue(*option, line.value);
    if (bad.ok()) continue;
    problems->push_back(
        {line.line, absl::StrCat(line.name, " ", cli::Escape(line.value), " ", bad.message())});
    return;
  }
}

}  // namespace

ConfigFile ParseConfig(const std::string& path, std::string_view text) {
  ConfigFile file;
  file.path = path;
  Parser parser(&file);
  while (!text.empty()) {
    const size_t end = text.find('\n');
    parser.Line(text.substr(0, end));
    if (end == text.npos) break;
    text.remove_prefix(end + 1);
  }
  return file;
}

StatusOr<ConfigFile> ReadConfigFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(kMaxConfigFileBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  if (!in.eof()) {
    const bool large = in.good() && text.size() > kMaxConfigFileBytes;
    return absl::InvalidArgumentError(
        absl::StrCat("the configuration file ", cli::Escape(path),
                     large ? " is larger than 1 MiB" : " cannot be read"));
  }
  return ParseConfig(path, text);
}

std::vector<ConfigProblem> CheckConfig(const ConfigFile& file, RoleSet roles) {
  std::vector<ConfigProblem> problems = file.problems;
  std::map<std::pair<RoleSet, std::string>, int> first;
  for (const ConfigLine& line : file.lines) {
    if ((line.roles & roles) == 0) continue;
    const auto [before, is_new] = first.try_emplace({line.roles, line.name}, line.line);
    if (!is_new) {
      problems.push_back(
          {line.line, absl::StrCat(cli::Escape(line.name), " stands here again; first at line ",
                                   before->second)});
      continue;
    }
    CheckLine(line, roles, &problems);
  }
  std::stable_sort(problems.begin(), problems.end(),
                   [](const auto& a, const auto& b) { return a.line < b.line; });
  return problems;
}

const ConfigLine* FindLine(const ConfigFile& file, Role role, std::string_view name) {
  const ConfigLine* found = nullptr;
  for (const ConfigLine& line : file.lines) {
    if ((line.roles & Only(role)) == 0 || line.name != name) continue;
    // A section of the role alone stands above what is for all.
    if (found == nullptr || line.roles != kAllRoles) found = &line;
  }
  return found;
}

}  // namespace stele::config
