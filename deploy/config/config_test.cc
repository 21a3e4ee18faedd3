// The options' table holds together; what of a file, a flag or a variable is refused, with its
// place; and which of them wins.
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "absl/strings/str_split.h"
#include "common/testing/temp_dir.h"
#include "deploy/config/settings.h"

namespace stele::config {
namespace {

constexpr Role kEveryRole[] = {Role::kLocal, Role::kMaster, Role::kTabletServer};

TEST(OptionTable, IsWhole) {
  for (Role role : kEveryRole) {
    std::set<std::string> names;
    EXPECT_LE(OptionsOf(role).size(), 40u);
    for (const Option* option : OptionsOf(role)) {
      const std::string name = option->name;
      EXPECT_TRUE(names.insert(name).second) << name << " stands there twice";
      EXPECT_EQ(FindOption(role, name), option);
      EXPECT_LE(option->min, option->max) << name;
      EXPECT_FALSE(RangeText(*option).empty()) << name;
      EXPECT_FALSE(DefaultText(*option).empty()) << name;
      if (option->kind == OptionKind::kCount) EXPECT_NE(UnitText(*option), "") << name;
      if (*option->by_default != '\0') {
        EXPECT_TRUE(CheckValue(*option, option->by_default).ok()) << name;
        EXPECT_FALSE(option->required) << name;
      }
      EXPECT_NE(HelpText(*option).find(RangeText(*option)), std::string::npos) << name;
      EXPECT_NE(HelpText(*option).find(option->required ? "required" : DefaultText(*option)),
                std::string::npos)
          << name;
    }
    EXPECT_EQ(*RoleOf(NameOf(role)), role);
  }
  EXPECT_FALSE(RoleOf("tablet-server").ok());
}

TEST(OptionTable, Values) {
  struct Case {
    Role role;
    const char *name, *value, *wrong;  // "": it is right
  };
  const Case cases[] = {
      {Role::kLocal, "tablet-servers", "64", ""},
      {Role::kLocal, "tablet-servers", "65", "is out of range, which is 1 .. 64"},
      {Role::kLocal, "tablet-servers", "0", "is out of range, which is 1 .. 64"},
      {Role::kLocal, "tablet-servers", "-1", "is not a number"},
      {Role::kLocal, "tablet-servers", "1 ", "is not a number"},
      {Role::kLocal, "tablet-servers", "", "is not a number"},
      {Role::kLocal, "tablet-servers", "99999999999999999999", "is not a number"},
      {Role::kLocal, "memory-limit", "1x", "is not a size"},
      {Role::kLocal, "memory-limit", "127m", "is out of range, which is 128m .."},
      {Role::kLocal, "memory-limit", "128m", ""},
      {Role::kLocal, "ring-segment", "2g", "is out of range, which is 1k .. 1g"},
      {Role::kLocal, "compaction-rate", "0", ""},
      {Role::kTabletServer, "disk-reserve", "0", ""},
      {Role::kLocal, "compaction-rate", "1k", "is out of range, which is 0 or 1m .."},
      {Role::kMaster, "balance-after", "0s", ""},
      {Role::kMaster, "balance-after", "500ms", "is out of range, which is 0 or 1s .. 365d"},
      {Role::kMaster, "balance-after", "1us", "is out of range"},
      {Role::kMaster, "balance-after", "5", "is not a duration"},
      {Role::kMaster, "balance-tolerance", "4", "is out of range, which is 5 .. 1000"},
      {Role::kMaster, "name", "", "is empty"},
      {Role::kMaster, "listen", "10.0.0.1:0", ""},
      {Role::kMaster, "listen", "none", "is not of the form host:port"},
      {Role::kMaster, "listen", "h:65536", "is not of the form host:port"},
      {Role::kMaster, "http", "none", ""},
      {Role::kMaster, "http", "7601", "is not of the form host:port"},
      {Role::kMaster, "advertise", "[::1]:80", ""},
      {Role::kMaster, "advertise", "::1:80", "is not of the form host:port"},
      {Role::kMaster, "advertise", "0.0.0.0:80", "is every address of a machine"},
      {Role::kMaster, "advertise", "[::]:80", "is every address of a machine"},
      {Role::kMaster, "advertise", "h:0", "is not of the form host:port"},
      {Role::kMaster, "advertise", "http://h:80", "is not of the form host:port"},
      {Role::kMaster, "locker", "zk://a:1,b:2/cell", ""},
      {Role::kMaster, "locker", "zk://a:1", ""},
      {Role::kMaster, "locker", "a:1", "is not of the form zk://"},
      {Role::kMaster, "locker", "zk://a:1,/cell", "is not of the form zk://"},
      {Role::kTabletServer, "id", "ts-1_A.b", ""},
      {Role::kTabletServer, "id", "ts 1", "is not of [A-Za-z0-9._-]{1,64}"},
      {Role::kTabletServer, "id", "all", "is no name for a server"},
      {Role::kTabletServer, "id", "master", "is no name for a server"},
      {Role::kTabletServer, "id", "master-1", ""},
      {Role::kTabletServer, "id", "", "is not of [A-Za-z0-9._-]{1,64}"},
      {Role::kTabletServer, "data-dir", "/srv/a cell", ""},
      {Role::kTabletServer, "session-timeout-ms", "499",
       "is out of range, which is 500 .. 3600000"},
  };
  for (const Case& c : cases) {
    const Option* option = FindOption(c.role, c.name);
    ASSERT_NE(option, nullptr) << c.name;
    const Status status = CheckValue(*option, c.value);
    EXPECT_EQ(status.ok(), *c.wrong == '\0') << c.name << " " << c.value << ": " << status;
    EXPECT_EQ(std::string(status.message()).rfind(c.wrong, 0), 0u) << c.name << ": " << status;
  }
  EXPECT_EQ(NumberOf(*FindOption(Role::kLocal, "memory-limit"), "2g"), uint64_t{2} << 30);
  EXPECT_EQ(NumberOf(*FindOption(Role::kLocal, "balance-after"), "5m"), 300'000u);
  EXPECT_EQ(NumberOf(*FindOption(Role::kLocal, "balance-after"), "1us"), 1u);
}

TEST(OptionTable, Wildcards) {
  for (const char* text : {"0.0.0.0:7600", "0:1", "[::]:0", "[0:0::0]:80", "[::ffff:0.0.0.0]:80"}) {
    EXPECT_TRUE(IsWildcard(text)) << text;
  }
  for (const char* text : {"127.0.0.1:0", "10.0.0.0:7600", "[::1]:7600", "[::ffff:10.0.0.0]:1",
                           "[fe80::]:1", "host:7600", "0.example.org:1"}) {
    EXPECT_FALSE(IsWildcard(text)) << text;
  }
}

TEST(ConfigFile, WhatIsWrongAndWhere) {
  struct Case {
    const char* text;
    RoleSet roles;
    const char* problems;  // "line text|" ..., each a part
  };
  const RoleSet server = Only(Role::kTabletServer), master = Only(Role::kMaster);
  const Case cases[] = {
      {"", kAllRoles, ""},
      {"# a\n; b\n\n  \nlisten = h:1 # c\r\n", kAllRoles, ""},
      {"[tabletserver]\nid=\"ts-1\"   # quoted\n", kAllRoles, ""},
      {"id = ts#1\n", kAllRoles, "1 id ts#1 is not of"},
      {"id = \"ts-1\n", kAllRoles, "1 the quote is not closed"},
      {"id = \"ts\" 1\n", kAllRoles, "1 something follows the closing quote"},
      {"id\n", kAllRoles, "1 \"id\" is not of the form name = value"},
      {"= 3\n", kAllRoles, "1 \"= 3\" is not of the form"},
      {"[servers]\nnonsense = 1\n[master]\nname = a\n", kAllRoles, "1 \"[servers]\" is no section"},
      {"[master\nname = a\n", kAllRoles, "1 \"[master\" is no section"},
      {"\nmemory_limit = 1g\n", kAllRoles,
       "2 \"memory_limit\" is no option; is memory-limit meant?"},
      {"frobnicate = 1\n", kAllRoles, "1 \"frobnicate\" is no option"},
      {"[master]\nmemory-limit = 1g\n", kAllRoles,
       "2 \"memory-limit\" is no option of master, but of another role"},
      {"name = a\nname = b\n", kAllRoles, "2 name stands here again; first at line 1"},
      {"name = a\n[master]\nname = b\n", kAllRoles, ""},
      {"[master]\nname = a\n[tabletserver]\nid = x\n[master]\nname = b\n", kAllRoles,
       "6 name stands here again; first at line 2"},
      {"memory-limit = 1k\nid = a b\n", kAllRoles,
       "1 memory-limit 1k is out of range|2 id a b is not of"},
      {"[master]\nbalance-after = 1\n[tabletserver]\nid = a b\n", server, "4 id a b is not of"},
      {"[master]\nbalance-after = 1\n[tabletserver]\nid = a b\n", master,
       "2 balance-after 1 is not a duration"},
      {"name = \x01\xff\n[x\x01]\n", kAllRoles, "2 \"[x\\x01]\" is no section"},
  };
  for (const Case& c : cases) {
    std::string found;
    for (const ConfigProblem& p : CheckConfig(ParseConfig("f", c.text), c.roles)) {
      found += absl::StrCat(found.empty() ? "" : "|", p.line, " ", p.text);
    }
    EXPECT_EQ(found.empty(), *c.problems == '\0') << c.text << ": " << found;
    size_t at = 0;
    const std::vector<std::string> parts = absl::StrSplit(c.problems, '|');
    for (const std::string& one : parts) {
      at = found.find(one, at);
      EXPECT_NE(at, std::string::npos) << c.text << ": " << found << " has not: " << one;
    }
  }
}

TEST(ConfigFile, FilesThatCannotBeRead) {
  TempDir dir;
  EXPECT_EQ(ReadConfigFile(dir.path() + "/none").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(ReadConfigFile(dir.path()).ok());
  const std::string path = dir.path() + "/large";
  std::ofstream(path) << std::string(kMaxConfigFileBytes + 1, '#');
  const Status large = ReadConfigFile(path).status();
  EXPECT_NE(std::string(large.message()).find("larger than 1 MiB"), std::string::npos) << large;
  std::ofstream(path) << "name = a";
  const StatusOr<ConfigFile> small = ReadConfigFile(path);
  ASSERT_TRUE(small.ok()) << small.status();
  ASSERT_EQ(small->lines.size(), 1u);
  EXPECT_EQ(small->lines[0].value, "a");
}

Setting SettingOf(const ResolvedSettings& resolved, std::string_view name) {
  for (const Setting& setting : resolved.settings) {
    if (name == setting.option->name) return setting;
  }
  return {};
}

TEST(Settings, FlagBeforeFileBeforeEnvironmentBeforeDefault) {
  const ConfigFile both = ParseConfig("f", "name = all\n[master]\nname = section\n");
  const ConfigFile all = ParseConfig("f", "name = all\n[tabletserver]\nid = x\n");
  SettingsInput input;
  const auto expect = [&](const char* value, Source source, const char* place) {
    const ResolvedSettings resolved = Resolve(Role::kMaster, input);
    EXPECT_TRUE(resolved.problems.empty());
    const Setting found = SettingOf(resolved, "name");
    EXPECT_EQ(found.value, value);
    EXPECT_EQ(found.source, source) << NameOf(found.source);
    EXPECT_EQ(found.place, place);
  };
  expect("stele", Source::kDefault, "");
  input.variables["STELE_NAME"] = "variable";
  expect("variable", Source::kEnvironment, "STELE_NAME");
  input.file = &all;
  expect("all", Source::kFile, "f:1");
  input.file = &both;
  expect("section", Source::kFile, "f:3");
  input.flags["name"] = "flag";
  expect("flag", Source::kFlag, "--name");
}

TEST(Settings, ProblemsNameTheirPlace) {
  const ConfigFile file = ParseConfig("a.conf", "\nring-limit = x\n");
  SettingsInput input;
  input.file = &file;
  input.flags["id"] = "a b";
  input.variables["STELE_HTTP"] = "7601";
  // The environment of a machine is for all its roles.
  input.variables["STELE_BALANCE_AFTER"] = "rubbish, but the master's";
  const ResolvedSettings resolved = Resolve(Role::kTabletServer, input);
  const std::vector<std::string> expected = {
      "a.conf:2: ring-limit x is not a size (such as 4096, 64k, 200m, 1g)",
      "--id a b is not of [A-Za-z0-9._-]{1,64}", "STELE_HTTP 7601 is not of the form host:port"};
  EXPECT_EQ(resolved.problems, expected);
}

TEST(Settings, MisspeltVariablesAreTold) {
  SettingsInput input;
  input.variables = {{"STELE_MEMRY_LIMIT", "1g"}, {"STELE_CELL", "x"},  {"STELE_CONFIG", "x"},
                     {"STELE_SEED", "7"},         {"STELE_DATA", "/x"}, {"STELE_", ""}};
  const ResolvedSettings resolved = Resolve(Role::kMaster, input);
  ASSERT_EQ(resolved.warnings.size(), 1u);
  EXPECT_EQ(resolved.warnings[0],
            "STELE_MEMRY_LIMIT of the environment is no option; is STELE_MEMORY_LIMIT meant?");
}

TEST(Settings, AreReadDescribedAndChanged) {
  SettingsInput input;
  input.flags = {{"balance-after", "90s"}, {"session-timeout-ms", "700"}};
  Settings settings(Role::kMaster, Resolve(Role::kMaster, input).settings);
  EXPECT_EQ(settings.Millis("balance-after"), 90'000);
  EXPECT_EQ(settings.Millis("session-timeout-ms"), 700);
  EXPECT_FALSE(settings.Has("advertise"));
  EXPECT_TRUE(settings.Has("name"));
  EXPECT_EQ(settings.Describe("balance-after"), "--balance-after 90s");
  const Status missing = settings.Required("locker").status();
  EXPECT_EQ(missing.message(),
            "--locker is missing (or locker = in the file of --config, or STELE_LOCKER)");
  settings.Change("balance-after", "2m", "10.0.0.9:1");
  EXPECT_EQ(settings.Millis("balance-after"), 120'000);
  for (const Setting& setting : settings.List()) {
    if (std::string_view("balance-after") != setting.option->name) continue;
    EXPECT_EQ(setting.source, Source::kLive);
    EXPECT_EQ(setting.place, "10.0.0.9:1");
  }
}

}  // namespace
}  // namespace stele::config
