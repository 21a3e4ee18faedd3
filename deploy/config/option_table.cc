#include "deploy/config/option_table.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "client/cli/bytes_text.h"
#include "common/base/check.h"

namespace stele::config {
namespace {

constexpr Role kRoles[] = {Role::kLocal, Role::kMaster, Role::kTabletServer};
constexpr size_t kMaxServerIdBytes = 64;
constexpr int64_t kMicrosPerMilli = 1'000;

StatusOr<uint64_t> Parse(const Option& option, const std::string& text) {
  if (option.kind == OptionKind::kBytes) return cli::ParseBytes(text);
  if (option.kind == OptionKind::kDuration) {
    ASSIGN_OR_RETURN(const int64_t us, cli::ParseDurationUs(text));
    // What is not 0 is not taken for it.
    return static_cast<uint64_t>((us + kMicrosPerMilli - 1) / kMicrosPerMilli);
  }
  uint64_t number = 0;
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(),
                                                   [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || !absl::SimpleAtoi(text, &number)) {
    return absl::InvalidArgumentError("is not a number");
  }
  return number;
}

bool IsNumeric(OptionKind kind) {
  return kind == OptionKind::kBytes || kind == OptionKind::kDuration || kind == OptionKind::kCount;
}

std::string LimitText(const Option& option, uint64_t value) {
  if (option.kind == OptionKind::kDuration) {
    if (value == 0) return "0s";
    return cli::FormatDurationUs(static_cast<int64_t>(value) * kMicrosPerMilli);
  }
  if (option.kind != OptionKind::kBytes || value == 0) return absl::StrCat(value);
  constexpr std::string_view kUnits = "kmgt";
  size_t unit = 0;
  while (unit < kUnits.size() && value % 1024 == 0) {
    value /= 1024;
    ++unit;
  }
  return absl::StrCat(value, unit == 0 ? "" : std::string(1, kUnits[unit - 1]));
}

Status CheckNumber(const Option& option, const std::string& text) {
  StatusOr<uint64_t> number = Parse(option, text);
  if (!number.ok()) {
    return absl::InvalidArgumentError(
        option.kind == OptionKind::kBytes      ? "is not a size (such as 4096, 64k, 200m, 1g)"
        : option.kind == OptionKind::kDuration ? "is not a duration (such as 500ms, 30s, 10m, 12h, "
                                                 "7d)"
                                               : "is not a number");
  }
  if (*number == 0 && *option.zero != '\0') return OkStatus();
  if (*number >= option.min && *number <= option.max) return OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("is out of range, which is ", RangeText(option)));
}

bool IsServerId(const std::string& text) {
  return !text.empty() && text.size() <= kMaxServerIdBytes &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
         });
}

bool IsLocker(std::string_view text) {
  constexpr std::string_view kBegin = "zk://";
  if (text.substr(0, kBegin.size()) != kBegin) return false;
  text.remove_prefix(kBegin.size());
  std::string_view hosts = text.substr(0, text.find('/'));
  while (true) {
    const size_t comma = hosts.find(',');
    if (!IsHostPort(hosts.substr(0, comma), /*zero_port=*/false)) return false;
    if (comma == hosts.npos) return true;
    hosts.remove_prefix(comma + 1);
  }
}

// The changes of a letter that make one of the other.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row[b.size()];
}

}  // namespace

const char* NameOf(Role role) {
  switch (role) {
    case Role::kLocal:
      return "local";
    case Role::kMaster:
      return "master";
    case Role::kTabletServer:
      break;
  }
  return "tabletserver";
}

StatusOr<Role> RoleOf(std::string_view name) {
  for (Role role : kRoles) {
    if (name == NameOf(role)) return role;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", cli::Escape(name), "\" is no role; it is one of local, master, tabletserver"));
}

std::vector<Role> RolesOf(RoleSet roles) {
  std::vector<Role> list;
  for (Role role : kRoles) {
    if ((roles & Only(role)) != 0) list.push_back(role);
  }
  return list;
}

std::vector<const Option*> OptionsOf(Role role) {
  std::vector<const Option*> list;
  for (const Option& option : AllOptions()) {
    if ((option.roles & Only(role)) != 0) list.push_back(&option);
  }
  return list;
}

const Option* FindOption(Role role, std::string_view name) {
  for (const Option& option : AllOptions()) {
    if ((option.roles & Only(role)) != 0 && name == option.name) return &option;
  }
  return nullptr;
}

bool IsOptionOf(RoleSet roles, std::string_view name) {
  for (Role role : RolesOf(roles)) {
    if (FindOption(role, name) != nullptr) return true;
  }
  return false;
}

std::string NearestOption(RoleSet roles, std::string_view name) {
  std::string best;
  size_t least = std::max<size_t>(1, std::min<size_t>(3, name.size() / 3)) + 1;
  for (const Option& option : AllOptions()) {
    if ((option.roles & roles) == 0) continue;
    const size_t distance = Distance(name, option.name);
    if (distance >= least) continue;
    least = distance;
    best = option.name;
  }
  return best;
}

std::string VariableOf(std::string_view name) {
  return absl::StrCat("STELE_",
                      absl::AsciiStrToUpper(absl::StrReplaceAll(FromStd(name), {{"-", "_"}})));
}

bool IsHostPort(std::string_view text, bool zero_port) {
  const size_t colon = text.rfind(':');
  if (colon == text.npos) return false;
  const std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  const bool in_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (host.empty() || host.find('/') != host.npos) return false;
  if (host.find(':') != host.npos && !in_brackets) return false;
  uint32_t port = 0;
  const bool is_number = !digits.empty() && digits.find_first_not_of("0123456789") == digits.npos &&
                         absl::SimpleAtoi(FromStd(digits), &port);
  return is_number && port <= 65'535 && (port != 0 || zero_port);
}

bool IsWildcard(const std::string& text) {
  std::string host = text.substr(0, text.rfind(':'));
  if (host.front() == '[') host = host.substr(1, host.size() - 2);
  in_addr v4{};
  if (inet_aton(host.c_str(), &v4) != 0) return v4.s_addr == INADDR_ANY;
  in6_addr v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6) != 1) return false;
  in_addr_t mapped = 0;
  std::memcpy(&mapped, &v6.s6_addr[12], sizeof mapped);
  return mapped == INADDR_ANY && (IN6_IS_ADDR_UNSPECIFIED(&v6) || IN6_IS_ADDR_V4MAPPED(&v6));
}

Status CheckValue(const Option& option, const std::string& text) {
  const auto unless = [](bool good, const char* what) {
    return good ? OkStatus() : absl::InvalidArgumentError(what);
  };
  switch (option.kind) {
    case OptionKind::kText:
    case OptionKind::kPath:
    case OptionKind::kSecretFile:
      return unless(!text.empty() && text.find('\0') == text.npos, "is empty");
    case OptionKind::kServerId:
      RETURN_IF_ERROR(unless(IsServerId(text), "is not of [A-Za-z0-9._-]{1,64}"));
      return unless(text != "all" && text != "master",
                    "is no name for a server: `stele admin set` takes it for others");
    case OptionKind::kListenOrNone:
      if (text == "none") return OkStatus();
      [[fallthrough]];
    case OptionKind::kListen:
      return unless(IsHostPort(text, /*zero_port=*/true), "is not of the form host:port");
    case OptionKind::kReachable:
      RETURN_IF_ERROR(
          unless(IsHostPort(text, /*zero_port=*/false), "is not of the form host:port"));
      return unless(!IsWildcard(text), "is every address of a machine, which nobody can reach");
    case OptionKind::kLocker:
      return unless(IsLocker(text), "is not of the form zk://host:port[,host:port]*[/chroot]");
    case OptionKind::kBytes:
    case OptionKind::kDuration:
    case OptionKind::kCount:
      break;
  }
  return CheckNumber(option, text);
}

uint64_t NumberOf(const Option& option, const std::string& text) {
  CHECK(IsNumeric(option.kind)) << option.name;
  StatusOr<uint64_t> number = Parse(option, text);
  CHECK(number.ok()) << option.name << " " << text;
  return *number;
}

std::string RangeText(const Option& option) {
  switch (option.kind) {
    case OptionKind::kText:
      return "any text";
    case OptionKind::kPath:
    case OptionKind::kSecretFile:
      return "a path";
    case OptionKind::kServerId:
      return "[A-Za-z0-9._-]{1,64}";
    case OptionKind::kListen:
    case OptionKind::kReachable:
      return "host:port";
    case OptionKind::kListenOrNone:
      return "host:port or none";
    case OptionKind::kLocker:
      return "zk://host:port[,host:port]*[/chroot]";
    case OptionKind::kBytes:
    case OptionKind::kDuration:
    case OptionKind::kCount:
      break;
  }
  const bool or_zero = *option.zero != '\0' && option.min > 0;
  std::string text = or_zero ? "0 or " : "";
  absl::StrAppend(&text, LimitText(option, option.min), " ..");
  if (option.max != UINT64_MAX) absl::StrAppend(&text, " ", LimitText(option, option.max));
  return text;
}

std::string UnitText(const Option& option) {
  if (option.kind == OptionKind::kBytes) return "bytes";
  return option.kind == OptionKind::kDuration ? "time" : option.unit;
}

std::string DefaultText(const Option& option) {
  return *option.by_default != '\0' ? option.by_default
         : option.required          ? "none: must be given"
                                    : option.otherwise;
}

std::string HelpText(const Option& option) {
  std::string text = absl::StrCat(option.meaning, "; ", RangeText(option));
  const std::string unit = UnitText(option);
  if (option.kind == OptionKind::kCount && !unit.empty()) absl::StrAppend(&text, " ", unit);
  if (*option.zero != '\0') absl::StrAppend(&text, ", 0: ", option.zero);
  absl::StrAppend(&text, option.required ? "; required" : "; default: ",
                  option.required ? "" : DefaultText(option));
  if (option.live) absl::StrAppend(&text, "; live");
  return text;
}

}  // namespace stele::config
