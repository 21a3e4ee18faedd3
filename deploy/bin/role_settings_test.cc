// What the roles make of their options: defaults, values that do not go together, and the verbs
// `config check` and `config print` with their exit codes.
#include "deploy/bin/role_settings.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

#include "absl/strings/str_split.h"
#include "client/cli/testing/command_line.h"
#include "common/testing/temp_dir.h"
#include "deploy/bin/server_verbs.h"

namespace stele::bin {
namespace {

using config::Role;

config::Settings Make(Role role, std::map<std::string, std::string> flags) {
  config::SettingsInput input;
  input.flags = std::move(flags);
  config::ResolvedSettings resolved = config::Resolve(role, input);
  EXPECT_TRUE(resolved.problems.empty()) << resolved.problems[0];
  return config::Settings(role, std::move(resolved.settings));
}

TEST(RoleSettings, OptionsArriveWhereTheyAreMeant) {
  TempDir dir;
  const config::Settings local = Make(Role::kLocal, {{"data", dir.path()},
                                                     {"tablet-servers", "2"},
                                                     {"http", "none"},
                                                     {"ring-segment", "4m"},
                                                     {"ring-limit", "64m"},
                                                     {"compaction-rate", "8m"},
                                                     {"block-cache", "32m"},
                                                     {"disk-threads", "3"},
                                                     {"io-threads", "5"},
                                                     {"trash-keep", "1h"},
                                                     {"balance-after", "0s"},
                                                     {"split-load", "7"}});
  deploy::CellOptions cell;
  ASSERT_TRUE(ReadLocal(local, &cell).ok());
  EXPECT_EQ(cell.data_dir, dir.path());
  EXPECT_EQ(cell.http_address, "");
  EXPECT_EQ(cell.rpc_address, "127.0.0.1:7600");
  EXPECT_EQ(cell.tablet_servers, 2u);
  EXPECT_EQ(cell.engine.log.segment_bytes, 4u << 20);
  EXPECT_EQ(cell.engine.log.max_segments, 16u);
  EXPECT_EQ(cell.engine.compaction_bytes_per_second, 8u << 20);
  EXPECT_EQ(cell.engine.block_cache_bytes, 32u << 20);
  EXPECT_EQ(cell.engine.trash_keep_ms, 3'600'000u);
  EXPECT_EQ(cell.disk_threads, 3u);
  EXPECT_EQ(cell.io_threads, 5u);
  EXPECT_EQ(cell.balance.after_ms, 0);
  EXPECT_EQ(cell.reshape.split_load_per_s, 7u);

  master::MasterOptions master;
  ASSERT_TRUE(ReadMaster(Make(Role::kMaster, {{"name", "c"}, {"advertise", "h:1"}}), &master).ok());
  EXPECT_EQ(master.cell_name, "c");
  EXPECT_EQ(master.advertised_address, "h:1");

  tabletserver::TabletServerOptions server;
  ASSERT_TRUE(
      ReadTabletServer(Make(Role::kTabletServer, {{"id", "ts-1"}, {"session-timeout-ms", "4000"}}),
                       &server)
          .ok());
  EXPECT_EQ(server.server_id, "ts-1");
  EXPECT_EQ(server.disk_stall_timeout_ms, 2'000);
  EXPECT_EQ(server.lock_wait_ms, 16'000);
  EXPECT_GE(server.rpc.io_threads, 1u);
  EXPECT_LE(server.rpc.io_threads, 8u);
  if (const uint32_t processors = std::thread::hardware_concurrency(); processors <= 8) {
    EXPECT_EQ(server.rpc.io_threads, std::max(1u, processors));
  }
  ASSERT_TRUE(
      ReadTabletServer(Make(Role::kTabletServer, {{"id", "ts-1"}, {"io-threads", "64"}}), &server)
          .ok());
  EXPECT_EQ(server.rpc.io_threads, 64u);
}

// The table's defaults are those of the code below it, so that neither changes alone.
TEST(RoleSettings, DefaultsAreThoseOfTheParts) {
  deploy::CellOptions cell;
  ASSERT_TRUE(ReadLocal(Make(Role::kLocal, {{"data", "/nowhere"}}), &cell).ok());
  const deploy::CellOptions bare;
  EXPECT_EQ(cell.session_timeout_ms, bare.session_timeout_ms);
  EXPECT_EQ(cell.disk_threads, bare.disk_threads);
  EXPECT_EQ(cell.tablet_servers, bare.tablet_servers);
  EXPECT_EQ(cell.engine.maintenance_threads, bare.engine.maintenance_threads);
  EXPECT_EQ(cell.engine.trash_keep_ms, bare.engine.trash_keep_ms);
  EXPECT_EQ(cell.engine.compaction_bytes_per_second, bare.engine.compaction_bytes_per_second);
  EXPECT_EQ(cell.engine.disk_reserve_bytes, bare.engine.disk_reserve_bytes);
  EXPECT_EQ(cell.reshape.metadata_split_bytes, bare.reshape.metadata_split_bytes);
  EXPECT_EQ(cell.reshape.merge_small_after_ms, bare.reshape.merge_small_after_ms);
  EXPECT_EQ(cell.reshape.split_load_per_s, bare.reshape.split_load_per_s);
  EXPECT_EQ(cell.reshape.split_load_after_ms, bare.reshape.split_load_after_ms);
  EXPECT_EQ(cell.balance.after_ms, bare.balance.after_ms);
  EXPECT_EQ(cell.balance.tolerance_percent, bare.balance.tolerance_percent);
  EXPECT_EQ(cell.balance.min_load_per_s, bare.balance.min_load_per_s);
}

TEST(RoleSettings, WhatDoesNotGoTogether) {
  struct Case {
    Role role;
    std::map<std::string, std::string> flags;
    const char* wrong;
  };
  const Case cases[] = {
      {Role::kLocal,
       {{"ring-limit", "100m"}},
       "--ring-limit 100m is 104857600 bytes; with segments"},
      {Role::kLocal, {{"ring-segment", "1k"}, {"ring-limit", "1g"}}, "--ring-limit 1g is"},
      {Role::kLocal,
       {{"memory-limit", "200m"}, {"tablet-servers", "8"}},
       "--memory-limit 200m leaves"},
      {Role::kTabletServer,
       {{"memory-limit", "256m"}, {"block-cache", "1g"}},
       "--block-cache 1g is more"},
  };
  for (const Case& c : cases) {
    const Status bad = CheckTogether(Make(c.role, c.flags));
    EXPECT_EQ(std::string(bad.message()).rfind(c.wrong, 0), 0u) << bad;
  }
  for (Role role : {Role::kLocal, Role::kMaster, Role::kTabletServer}) {
    EXPECT_TRUE(CheckTogether(Make(role, {})).ok()) << config::NameOf(role);
  }
  deploy::CellOptions cell;
  EXPECT_FALSE(ReadLocal(Make(Role::kLocal, {}), &cell).ok());
  TempDir dir;
  const std::string file = dir.path() + "/file";
  std::ofstream(file) << "x";
  const Status not_dir = ReadLocal(Make(Role::kLocal, {{"data", file}}), &cell);
  EXPECT_NE(std::string(not_dir.message()).find("is not a directory"), std::string::npos);
}

cli::Outcome Stele(std::vector<std::string> words,
                   std::map<std::string, std::string> variables = {}) {
  cli::Environment env{};
  env.variables = std::move(variables);
  return cli::CommandLine(ServerVerbs(), std::move(words), std::move(env));
}

TEST(ConfigVerbs, Check) {
  TempDir dir;
  const std::string path = dir.path() + "/stele.conf", secret = dir.path() + "/secret";
  const auto check = [&](const std::string& text, std::vector<std::string> more = {}) {
    std::ofstream(path) << text;
    more.insert(more.begin(), {"config", "check", path});
    return Stele(more);
  };
  EXPECT_EQ(check("id = ts-1\n").out, path + ": ok, 1 options\n");
  cli::Outcome bad = check("id = ts-1\nmemry-limit = 1g\n\n[master]\nname\n");
  EXPECT_EQ(bad.code, 13);
  EXPECT_EQ(bad.out, path + ":2: \"memry-limit\" is no option; is memory-limit meant?\n" + path +
                         ":5: \"name\" is not of the form name = value\n");
  const std::string of_server = "locker = zk://a:1\n[tabletserver]\ndata-dir = /d\n";
  bad = check(of_server + "ring-limit = 5m\n");
  EXPECT_EQ(bad.code, 13);
  EXPECT_EQ(bad.out.rfind(path + ": for tabletserver: " + path + ":4: ring-limit 5m", 0), 0u);
  EXPECT_EQ(check(of_server + "ring-limit = 5m\n", {"--role", "master"}).code, 0);
  EXPECT_EQ(check(of_server + "id = all\n").code, 13);
  EXPECT_EQ(check("", {"--role", "servant"}).code, 2);
  bad = check("[master]\nname\n", {"--json"});
  EXPECT_EQ(bad.code, 13);
  EXPECT_NE(bad.out.find("\"ok\":false,\"problems\":[{\"line\":2"), std::string::npos) << bad.out;
  EXPECT_EQ(Stele({"config", "check", path + "x"}).code, 13);

  std::ofstream(secret) << "u:p";
  cli::Outcome warned;
  for (const auto& [mode, mend] : {std::pair(0644, "chmod o-rwx"), std::pair(0604, "chmod o-rwx"),
                                   std::pair(0660, "chmod g-wx,o-rwx")}) {
    chmod(secret.c_str(), static_cast<mode_t>(mode));
    warned = check("locker-auth = " + secret + "\n");
    EXPECT_EQ(warned.code, 0);
    EXPECT_NE(warned.out.find(std::string(" is open to others: ") + mend + "\n"), std::string::npos)
        << mode << warned.out;
  }
  // A service reads it by its group.
  for (const mode_t mode : {0600, 0640, 0400}) {
    chmod(secret.c_str(), mode);
    EXPECT_EQ(check("locker-auth = " + secret + "\n").out, path + ": ok, 1 options\n") << mode;
  }
  warned = check("locker-auth = " + secret + "x\n");
  EXPECT_NE(warned.out.find("is not there"), std::string::npos) << warned.out;
}

TEST(ConfigVerbs, WhatMustBeGiven) {
  TempDir dir;
  const std::string path = dir.path() + "/stele.conf";
  struct Case {
    const char *text, *role;            // "": none named
    std::vector<std::string> problems;  // each a part of a line of its own
  };
  const std::string of_master = "for master: ", of_server = "for tabletserver: ";
  const std::string no_locker = "--locker is missing";
  const Case cases[] = {
      {"memory-limit = 1g\n", "", {}},
      {"memory-limit = 1g\n", "local", {"for local: --data is missing"}},
      {"[local]\n", "", {"for local: --data is missing"}},
      {"[local]\ndata = /d\n", "", {}},
      {"[master]\nname = c\n", "", {of_master + no_locker}},
      {"[master]\nname = c\n", "tabletserver", {of_server + "--data-dir is missing", no_locker}},
      {"locker = zk://a:1\n[master]\n[tabletserver]\n", "", {of_server + "--data-dir is missing"}},
      {"locker = zk://a:1\n[master]\n[tabletserver]\ndata-dir = /d\n", "", {}},
  };
  for (const Case& c : cases) {
    std::ofstream(path) << c.text;
    std::vector<std::string> words = {"config", "check", path};
    if (*c.role != '\0') words.insert(words.end(), {"--role", c.role});
    const cli::Outcome outcome = Stele(words);
    EXPECT_EQ(outcome.code, c.problems.empty() ? 0 : 13) << c.text << c.role;
    const std::vector<std::string> lines = absl::StrSplit(outcome.out, '\n', absl::SkipEmpty());
    ASSERT_EQ(lines.size(), std::max<size_t>(c.problems.size(), 1)) << c.text << outcome.out;
    for (size_t i = 0; i < c.problems.size(); ++i) {
      EXPECT_NE(lines[i].find(c.problems[i]), std::string::npos) << lines[i];
    }
  }
  const cli::Outcome print = Stele({"config", "print", "tabletserver", "--id", "ts-1"});
  EXPECT_EQ(print.code, 13);
  EXPECT_NE(print.err.find("--locker is missing"), std::string::npos) << print.err;
  EXPECT_NE(print.err.find("--data-dir is missing"), std::string::npos) << print.err;
}

TEST(ConfigVerbs, AWildcardIsNoAddressForOthers) {
  TempDir dir;
  const std::string path = dir.path() + "/stele.conf";
  std::ofstream(path) << "locker = zk://127.0.0.1:1\nlisten = 0.0.0.0:0\nid = ts-1\n"
                      << "data-dir = " << dir.path() << "/d\n";
  const std::string why = "is every address of the machine, so --advertise must say";
  const cli::Outcome check = Stele({"config", "check", path});
  EXPECT_EQ(check.code, 0) << "a flag may say it";
  for (const std::string role : {"master", "tabletserver"}) {
    EXPECT_NE(check.out.find(" warning: for " + role + ": " + path + ":2: listen 0.0.0.0:0 " + why),
              std::string::npos)
        << check.out;
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{role}, std::vector<std::string>{"config", "print", role}}) {
      std::vector<std::string> all = words;
      all.insert(all.end(), {"--config", path});
      const cli::Outcome bad = Stele(all);
      EXPECT_EQ(bad.code, 13) << words[0];
      EXPECT_NE(bad.err.find(why), std::string::npos) << bad.err;
    }
    EXPECT_EQ(
        Stele({"config", "print", role, "--config", path, "--advertise", "10.0.0.1:7600"}).code, 0);
  }
}

TEST(ConfigVerbs, PrintSaysWhereEachComesFrom) {
  TempDir dir;
  const std::string path = dir.path() + "/stele.conf";
  std::ofstream(path) << "memory-limit = 2g\nlocker = zk://a:1\n[tabletserver]\nid = from-file\n"
                      << "data-dir = /d\n";
  cli::Outcome print =
      Stele({"config", "print", "tabletserver", "--id", "from-flag"},
            {{"STELE_CONFIG", path}, {"STELE_HTTP", "none"}, {"STELE_MEMORY_LIMIT", "3g"}});
  EXPECT_EQ(print.code, 0) << print.err;
  const auto line_of = [&](const std::string& name) {
    const size_t at = print.out.find("\n" + name + " ");
    const std::string line = print.out.substr(at + 1, print.out.find('\n', at + 1) - at - 1);
    std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    words.resize(3);
    return words;
  };
  using Words = std::vector<std::string>;
  EXPECT_EQ(line_of("id"), (Words{"id", "from-flag", "--id"}));
  EXPECT_EQ(line_of("http"), (Words{"http", "none", "STELE_HTTP"}));
  EXPECT_EQ(line_of("memory-limit"), (Words{"memory-limit", "2g", path + ":1"}));
  EXPECT_EQ(line_of("ring-segment"), (Words{"ring-segment", "64m", "default"}));
  EXPECT_EQ(print.out.find("from-file"), std::string::npos) << print.out;
  const cli::Outcome json = Stele({"config", "print", "master", "--config", path, "--json"});
  EXPECT_EQ(json.code, 0) << json.err;
  EXPECT_NE(json.out.find("{\"name\":\"name\",\"value\":\"stele\",\"source\":\"default\""),
            std::string::npos)
      << json.out;
  EXPECT_EQ(Stele({"config", "print", "servant"}).code, 2);
  EXPECT_EQ(Stele({"config", "print", "master", "--memory-limit", "1g"}).code, 2);
  EXPECT_EQ(Stele({"config", "print", "master", "--config", path + "x"}).code, 13);
  const cli::Outcome bad = Stele({"config", "print", "tabletserver", "--id", "a b"});
  EXPECT_EQ(bad.code, 13);
  EXPECT_NE(bad.err.find("--id a b is not of"), std::string::npos) << bad.err;
  EXPECT_EQ(Stele({"config", "print", "local", "--ring-limit", "1m"}).code, 13);
}

TEST(ServerVerbs, RefuseWhatTheirFileGetsWrong) {
  TempDir dir;
  const std::string path = dir.path() + "/stele.conf";
  std::ofstream(path) << "session-timeout-ms = 5\nhttp = none\nhttp = none\n";
  for (const char* role : {"local", "master", "tabletserver"}) {
    const cli::Outcome bad = Stele({role, "--config", path});
    EXPECT_EQ(bad.code, 13) << role;
    EXPECT_NE(bad.err.find(path + ":1: session-timeout-ms 5 is out of range"), std::string::npos)
        << bad.err;
    EXPECT_NE(bad.err.find("(and 1 more"), std::string::npos) << bad.err;
  }
  EXPECT_EQ(Stele({"local", "--config", path + "x"}).code, 13);
  EXPECT_EQ(Stele({"local"}).code, 13);
  // What one role is given by the environment is not looked at by another.
  const cli::Outcome missing = Stele({"tabletserver"}, {{"STELE_NAME", ""}});
  EXPECT_EQ(missing.code, 13);
  EXPECT_NE(missing.err.find("--id is missing"), std::string::npos) << missing.err;
}

}  // namespace
}  // namespace stele::bin
