// ConfigFile: the file of --config as it was written, line by line, and what of it is wrong.
//
//   # comes before the first section: for every role that has the option
//   locker = zk://zk1:2181,zk2:2181/cell
//   [tabletserver]                 # this role alone; stands above what comes before the sections
//   memory-limit = 2g
//   data-dir = "/srv/a cell"       # quotes are taken off; they keep spaces and #
//
// One `name = value` a line; # or ; begins a comment at the start of a line or behind a space. A
// name stands once in a section, a section may come in several parts. Value type; all of it pure
// but ReadConfigFile.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"
#include "deploy/config/option_table.h"

namespace stele::config {

inline constexpr size_t kMaxConfigFileBytes = 1u << 20;

struct ConfigLine {
  RoleSet roles = kAllRoles;  // of its section
  std::string name, value;
  int line = 0;
};

struct ConfigProblem {
  int line = 0;  // 0: of the whole
  std::string text;
};

struct ConfigFile {
  std::string path;      // as it was given
  RoleSet sections = 0;  // that it has
  std::vector<ConfigLine> lines;
  std::vector<ConfigProblem> problems;  // of its form
};

ConfigFile ParseConfig(const std::string& path, std::string_view text);
// InvalidArgument naming the file: it cannot be read, or is larger than kMaxConfigFileBytes.
StatusOr<ConfigFile> ReadConfigFile(const std::string& path);

// All that is wrong for these roles, by line: form, unknown and repeated names, values. What stands
// in the sections of other roles is left to them.
std::vector<ConfigProblem> CheckConfig(const ConfigFile& file, RoleSet roles);

// The line that counts for the role; null: none.
const ConfigLine* FindLine(const ConfigFile& file, Role role, std::string_view name);

}  // namespace stele::config
