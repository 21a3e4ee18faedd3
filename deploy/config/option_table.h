// The options of the servers' roles, in one table: flags, `--help`, the manual, the check of a
// file, the status page and live changes are all made of it. An option is a flag `--memory-limit`,
// a line `memory-limit = 2g` of a file and a variable STELE_MEMORY_LIMIT of the environment.
//
// No value is a secret: what is secret stands in a file that an option names, so that it shows up
// in no list of processes, page or log. Immutable; pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"

namespace stele::config {

enum class Role : uint8_t { kLocal = 1, kMaster = 2, kTabletServer = 4 };
using RoleSet = uint8_t;  // of Role's bits
inline constexpr RoleSet kAllRoles = 7;
constexpr RoleSet Only(Role role) { return static_cast<RoleSet>(role); }
const char* NameOf(Role role);                 // "local", "master", "tabletserver": the verbs
StatusOr<Role> RoleOf(std::string_view name);  // InvalidArgument
std::vector<Role> RolesOf(RoleSet roles);

enum class OptionKind : uint8_t {
  kText,
  kServerId,      // [A-Za-z0-9._-]{1,64}, but no other target of `stele admin set`
  kPath,          // a directory or a file
  kSecretFile,    // a file that is not for everybody: its owner, and a group that may read
  kListen,        // host:port; port 0 takes a free one
  kListenOrNone,  // the same, or `none`
  kReachable,     // host:port at which others reach it
  kLocker,        // zk://host:port[,host:port]*[/chroot]
  kBytes,         // "64m"
  kDuration,      // "30s"
  kCount,         // a number of the option's unit
};

struct Option {
  const char* name;
  OptionKind kind;
  RoleSet roles;
  const char* by_default;  // as one would write it; "": none, `otherwise` says what then holds
  const char* meaning;     // for people
  // Of sizes in bytes, of durations in milliseconds, of counts; 0 besides, where zero says so.
  uint64_t min = 0, max = UINT64_MAX;
  const char* zero = "";       // what 0 means; "": 0 is as legal as the limits say
  const char* unit = "";       // of counts
  const char* otherwise = "";  // without a value and a default
  bool required = false;
  bool live = false;  // `stele admin set` changes it while the server runs
};

const std::vector<Option>& AllOptions();
std::vector<const Option*> OptionsOf(Role role);
// Null when the role has none of that name.
const Option* FindOption(Role role, std::string_view name);
bool IsOptionOf(RoleSet roles, std::string_view name);
// The option of one of the roles that looks like `name`; "" when none does.
std::string NearestOption(RoleSet roles, std::string_view name);

// STELE_MEMORY_LIMIT
std::string VariableOf(std::string_view name);

// "host:port" and "[v6]:port" with a host; port 0 only where it says so.
bool IsHostPort(std::string_view text, bool zero_port);
// Its host is all addresses of a machine (0.0.0.0, [::]), which is good to listen on, and no place
// that others reach. REQUIRES: IsHostPort.
bool IsWildcard(const std::string& text);

// What is wrong with the text, as the end of a sentence that begins with name and text: "is out of
// range, which is 1 .. 64". OK: it may be used.
Status CheckValue(const Option& option, const std::string& text);
// Bytes, milliseconds or the count. REQUIRES: CheckValue, and one of these kinds.
uint64_t NumberOf(const Option& option, const std::string& text);

// How it is told: "1 .. 64", "0 or 1s ..", "host:port"; "bytes", "time", "percent"; "1g" or what
// holds otherwise.
std::string RangeText(const Option& option);
std::string UnitText(const Option& option);
std::string DefaultText(const Option& option);
// Meaning, range, unit, default and whether it can be changed live, for `--help` and the manual.
std::string HelpText(const Option& option);

}  // namespace stele::config
