// Settings: what each option of a role is worth, and who said so. The first of these that has a
// value wins: the flag, the file's section of the role, the file's part for all roles, the
// environment, the default. A live change stands above all of them until the process ends.
//
// Made once at the start of a process and outliving its servers, which list and change it from
// their threads. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "deploy/config/config_file.h"
#include "deploy/config/option_table.h"

namespace stele::config {

// In one sentence, for people and programs; the order in which they win is said here and in
// `--help`.
inline constexpr char kPrecedence[] =
    "An option comes from its flag, else from the file of --config (or of STELE_CONFIG; there the\n"
    "role's [section] before the part above the sections), else from its variable of the\n"
    "environment (--memory-limit is STELE_MEMORY_LIMIT), else it has its default.";

enum class Source : uint8_t { kDefault, kEnvironment, kFile, kFlag, kLive };
const char* NameOf(Source source);  // "default", "environment", "file", "flag", "live"

struct Setting {
  const Option* option = nullptr;
  std::string value;  // "": none was given, and the option has no default
  Source source = Source::kDefault;
  std::string
      place;  // "STELE_ID", "/etc/stele/ts.conf:12", "--id", who changed it; "": the default
};

// What a process was started with. Variables are those that begin with STELE_.
struct SettingsInput {
  std::map<std::string, std::string> flags;  // by the option's name
  const ConfigFile* file = nullptr;          // may be null
  std::map<std::string, std::string> variables;
};

// The settings of all options of the role, and everything that is wrong, each with its place.
struct ResolvedSettings {
  std::vector<Setting> settings;
  std::vector<std::string> problems;
  std::vector<std::string> warnings;  // variables that look like an option's, but are none
};
ResolvedSettings Resolve(Role role, const SettingsInput& input);

class Settings {
 public:
  // REQUIRES: the settings are of the role, without problems.
  Settings(Role role, std::vector<Setting> settings);

  Role role() const { return role_; }
  std::vector<Setting> List() const EXCLUDES(mu_);

  // REQUIRES: the role has the option.
  bool Has(std::string_view name) const EXCLUDES(mu_);  // a value or a default
  std::string Text(std::string_view name) const EXCLUDES(mu_);
  // Bytes, milliseconds or the count. REQUIRES: Has.
  uint64_t Number(std::string_view name) const EXCLUDES(mu_);
  int64_t Millis(std::string_view name) const;  // of a duration, or of a count of milliseconds

  // InvalidArgument says how the option can be given.
  StatusOr<std::string> Required(std::string_view name) const;
  // "--id ts 1", "STELE_ID ts 1", "/etc/stele.conf:3: id ts 1", for a sentence that says what is
  // wrong with it.
  std::string Describe(std::string_view name) const EXCLUDES(mu_);

  // A live change. REQUIRES: CheckValue.
  void Change(std::string_view name, const std::string& value, const std::string& who)
      EXCLUDES(mu_);

 private:
  const Setting& Find(std::string_view name) const REQUIRES(mu_);

  const Role role_;
  mutable Mutex mu_;
  std::vector<Setting> settings_ GUARDED_BY(mu_);
};

}  // namespace stele::config
