#include "deploy/config/settings.h"

#include <algorithm>

#include "client/cli/bytes_text.h"
#include "common/base/check.h"

namespace stele::config {
namespace {

constexpr std::string_view kPrefix = "STELE_";

// What there may be besides the options' variables.
bool IsOtherVariable(std::string_view name) {
  return name == "STELE_CELL" || name == "STELE_CONFIG";
}

Setting FindSetting(Role role, const Option& option, const SettingsInput& input) {
  Setting setting;
  setting.option = &option;
  const auto flag = input.flags.find(option.name);
  if (flag != input.flags.end()) {
    return {&option, flag->second, Source::kFlag, absl::StrCat("--", option.name)};
  }
  const ConfigLine* line =
      input.file == nullptr ? nullptr : FindLine(*input.file, role, option.name);
  if (line != nullptr) {
    return {&option, line->value, Source::kFile, absl::StrCat(input.file->path, ":", line->line)};
  }
  const std::string variable = VariableOf(option.name);
  const auto found = input.variables.find(variable);
  if (found != input.variables.end()) {
    return {&option, found->second, Source::kEnvironment, variable};
  }
  setting.value = option.by_default;
  return setting;
}

std::string DescribeSetting(const Setting& setting) {
  const std::string value = absl::StrCat(" ", cli::Escape(setting.value));
  switch (setting.source) {
    case Source::kFlag:
    case Source::kEnvironment:
      return absl::StrCat(setting.place, value);
    case Source::kFile:
      return absl::StrCat(cli::Escape(setting.place), ": ", setting.option->name, value);
    case Source::kDefault:
    case Source::kLive:
      break;
  }
  return absl::StrCat("--", setting.option->name, value);
}

// A variable that is misspelt would be passed over in silence.
void WarnOfVariables(const SettingsInput& input, std::vector<std::string>* warnings) {
  std::vector<std::string> known;
  for (const Option& option : AllOptions()) known.push_back(VariableOf(option.name));
  for (const auto& [name, value] : input.variables) {
    if (IsOtherVariable(name) || std::find(known.begin(), known.end(), name) != known.end()) {
      continue;
    }
    std::string as_option;
    for (char c : name.substr(std::min(kPrefix.size(), name.size()))) {
      as_option += c == '_' ? '-' : static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    const std::string near = NearestOption(kAllRoles, as_option);
    if (near.empty()) continue;
    warnings->push_back(absl::StrCat(cli::Escape(name), " of the environment is no option; is ",
                                     VariableOf(near), " meant?"));
  }
}

}  // namespace

const char* NameOf(Source source) {
  switch (source) {
    case Source::kEnvironment:
      return "environment";
    case Source::kFile:
      return "file";
    case Source::kFlag:
      return "flag";
    case Source::kLive:
      return "live";
    case Source::kDefault:
      break;
  }
  return "default";
}

ResolvedSettings Resolve(Role role, const SettingsInput& input) {
  ResolvedSettings resolved;
  if (input.file != nullptr) {
    for (const ConfigProblem& problem : CheckConfig(*input.file, Only(role))) {
      resolved.problems.push_back(
          absl::StrCat(cli::Escape(input.file->path), ":", problem.line, ": ", problem.text));
    }
  }
  for (const Option* option : OptionsOf(role)) {
    Setting setting = FindSetting(role, *option, input);
    // What the file says was looked at above, whole.
    if (setting.source == Source::kFlag || setting.source == Source::kEnvironment) {
      Status bad = CheckValue(*option, setting.value);
      if (!bad.ok()) {
        resolved.problems.push_back(absl::StrCat(DescribeSetting(setting), " ", bad.message()));
      }
    }
    resolved.settings.push_back(std::move(setting));
  }
  WarnOfVariables(input, &resolved.warnings);
  return resolved;
}

Settings::Settings(Role role, std::vector<Setting> settings)
    : role_(role), settings_(std::move(settings)) {}

std::vector<Setting> Settings::List() const {
  MutexLock lock(&mu_);
  return settings_;
}

const Setting& Settings::Find(std::string_view name) const {
  for (const Setting& setting : settings_) {
    if (name == setting.option->name) return setting;
  }
  CHECK(false) << NameOf(role_) << " has no option " << std::string(name);
  return settings_[0];
}

bool Settings::Has(std::string_view name) const { return !Text(name).empty(); }

std::string Settings::Text(std::string_view name) const {
  MutexLock lock(&mu_);
  return Find(name).value;
}

uint64_t Settings::Number(std::string_view name) const {
  MutexLock lock(&mu_);
  const Setting& setting = Find(name);
  return NumberOf(*setting.option, setting.value);
}

int64_t Settings::Millis(std::string_view name) const { return static_cast<int64_t>(Number(name)); }

StatusOr<std::string> Settings::Required(std::string_view name) const {
  std::string text = Text(name);
  if (!text.empty()) return text;
  return absl::InvalidArgumentError(absl::StrCat("--", FromStd(name), " is missing (or ",
                                                 FromStd(name), " = in the file of --config, or ",
                                                 VariableOf(name), ")"));
}

std::string Settings::Describe(std::string_view name) const {
  MutexLock lock(&mu_);
  return DescribeSetting(Find(name));
}

void Settings::Change(std::string_view name, const std::string& value, const std::string& who) {
  MutexLock lock(&mu_);
  for (Setting& setting : settings_) {
    if (name != setting.option->name) continue;
    setting.value = value;
    setting.source = Source::kLive;
    setting.place = who;
  }
}

}  // namespace stele::config
