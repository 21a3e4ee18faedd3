#include "tests/cluster/process_cell.h"

#include <algorithm>
#include <filesystem>
#include <functional>

#include "absl/strings/str_cat.h"
#include "common/base/log.h"

namespace stele {
namespace {

constexpr int64_t kStartTimeoutMs = 60'000;
constexpr int64_t kCheckTimeoutMs = 90'000;
constexpr int64_t kLookMs = 50;

}  // namespace

ProcessCell::ProcessCell(std::string binary, int masters, int servers, Tuning tuning)
    : binary_(std::move(binary)),
      tuning_(std::move(tuning)),
      zookeeper_(
          1, tuning_.hosts == nullptr ? "127.0.0.1" : tuning_.hosts->address(0),
          tuning_.hosts == nullptr ? std::vector<std::string>() : tuning_.hosts->WordsOn(0)) {
  int host = host_of_zookeeper();
  auto make = [&](std::vector<std::unique_ptr<Role>>* roles, int count, const char* name) {
    for (int i = 0; i < count; ++i) {
      roles->push_back(std::make_unique<Role>());
      Role* role = roles->back().get();
      role->name = absl::StrCat(name, "-", i + 1);
      const int port = FreePort();
      role->log = absl::StrCat(dir_.path(), "/", role->name, ".log");
      if (HostNetwork* hosts = tuning_.hosts; hosts != nullptr) {
        role->listen = absl::StrCat(hosts->address(++host), ":", port);
        role->on_host = hosts->WordsOn(host);
        continue;
      }
      role->listen = absl::StrCat("127.0.0.1:", port);
      if (tuning_.links_between) role->way = std::make_unique<TcpProxy>(port);
      role->link = std::make_unique<TcpProxy>(zookeeper_.client_port(0));
    }
  };
  make(&masters_, masters, "master");
  make(&servers_, servers, "ts");
}

Status ProcessCell::Launch(Role* role, std::vector<std::string> words, int64_t session_timeout_ms) {
  words.insert(words.begin(), binary_);
  words.insert(words.begin(), role->on_host.begin(), role->on_host.end());
  const std::string zookeeper =
      role->link == nullptr ? zookeeper_.server(0) : role->link->address();
  for (const std::string& word :
       {std::string("--listen"), role->listen, std::string("--http"), std::string("127.0.0.1:0"),
        std::string("--locker"), absl::StrCat("zk://", zookeeper, "/test/cell"),
        std::string("--session-timeout-ms"), absl::StrCat(session_timeout_ms),
        std::string("--zookeeper-tick-ms"), absl::StrCat(ZkEnsemble::kTickMs)}) {
    words.push_back(word);
  }
  if (role->way != nullptr) words.insert(words.end(), {"--advertise", role->way->address()});
  return role->process.Start(words, role->log);
}

Status ProcessCell::DidNotStart(const Role& role) const {
  return absl::UnavailableError(absl::StrCat("a process did not come up:\n", TailOf(role.log)));
}

Status ProcessCell::LaunchMaster(int index) {
  masters_[index]->active = false;
  const int64_t own_ms = tuning_.master_session_timeout_ms;
  std::vector<std::string> words = {"master"};
  words.insert(words.end(), tuning_.master_words.begin(), tuning_.master_words.end());
  return Launch(masters_[index].get(), std::move(words),
                own_ms != 0 ? own_ms : session_timeout_ms());
}

Status ProcessCell::StartMaster(int index) {
  Role* role = masters_[index].get();
  RETURN_IF_ERROR(LaunchMaster(index));
  const std::string line = role->process.AwaitLine("", kStartTimeoutMs);
  role->active = line.rfind("READY", 0) == 0;
  return line.empty() ? DidNotStart(*role) : OkStatus();
}

Status ProcessCell::LaunchServer(int index) {
  servers_[index]->active = false;
  std::vector<std::string> words = {"tabletserver", "--id", absl::StrCat("ts-", index + 1),
                                    "--data-dir", data_dir()};
  words.insert(words.end(), tuning_.server_words.begin(), tuning_.server_words.end());
  return Launch(servers_[index].get(), std::move(words), session_timeout_ms());
}

Status ProcessCell::AwaitServer(int index) {
  Role* role = servers_[index].get();
  role->active = !role->process.AwaitLine("READY", kStartTimeoutMs).empty();
  return role->active ? OkStatus() : DidNotStart(*role);
}

bool ProcessCell::IsReady(int index) {
  Role* role = servers_[index].get();
  if (!role->process.running()) return false;
  if (!role->active) role->active = !role->process.AwaitLine("READY", /*timeout_ms=*/1).empty();
  return role->active;
}

Status ProcessCell::StartServer(int index) {
  RETURN_IF_ERROR(LaunchServer(index));
  return AwaitServer(index);
}

Status ProcessCell::Start() {
  RETURN_IF_ERROR(zookeeper_.Start());
  for (size_t i = 0; i < masters_.size(); ++i) RETURN_IF_ERROR(StartMaster(static_cast<int>(i)));
  for (size_t i = 0; i < servers_.size(); ++i) RETURN_IF_ERROR(LaunchServer(static_cast<int>(i)));
  for (size_t i = 0; i < servers_.size(); ++i) RETURN_IF_ERROR(AwaitServer(static_cast<int>(i)));
  return OkStatus();
}

bool ProcessCell::EndedAsItMay(Role* role, int code) {
  constexpr int kMay[] = {kExitFenced, kExitStalled, kExitLockerAway, kExitRestart};
  if (std::find(std::begin(kMay), std::end(kMay), code) != std::end(kMay)) return true;
  LOG(ERROR) << role->name << " has ended with " << code << ":\n" << TailOf(role->log);
  return false;
}

bool ProcessCell::Supervise() {
  bool all = true;
  auto look = [&](Role* role, const std::function<Status()>& launch) {
    if (!role->process.running()) return;  // the test has ended it
    const std::optional<int> code = role->process.AwaitExit(0);
    if (!code.has_value()) return;
    all = EndedAsItMay(role, *code) && launch().ok() && all;
  };
  for (int i = 0; i < servers(); ++i) look(servers_[i].get(), [&] { return LaunchServer(i); });
  for (int i = 0; i < masters(); ++i) look(masters_[i].get(), [&] { return LaunchMaster(i); });
  return all;
}

Status ProcessCell::Check() {
  ChildProcess check;
  const std::string out = dir_.path() + "/check.log";
  RETURN_IF_ERROR(check.Start({binary_, "admin", "check", "--verify", "--data", data_dir(),
                               "--cell", address(), "--timeout-ms", absl::StrCat(kCheckTimeoutMs)},
                              out));
  const int code = check.AwaitExit(kCheckTimeoutMs).value_or(-1);
  if (code == 0) return OkStatus();
  return absl::InternalError(absl::StrCat("the check ended with ", code, ":\n", TailOf(out)));
}

std::string ProcessCell::address() const {
  std::string all;
  for (const auto& master : masters_) {
    absl::StrAppend(&all, all.empty() ? "" : ",",
                    master->way == nullptr ? master->listen : master->way->address());
  }
  return all;
}

int ProcessCell::AwaitActiveMaster(int64_t timeout_ms) {
  int found = -1;
  Eventually(
      [&] {
        for (size_t i = 0; i < masters_.size() && found < 0; ++i) {
          Role* role = masters_[i].get();
          if (!role->process.running()) {
            role->active = false;
            continue;
          }
          if (!role->active) role->active = !role->process.AwaitLine("READY", kLookMs).empty();
          if (role->active) found = static_cast<int>(i);
        }
        return found >= 0;
      },
      timeout_ms);
  return found;
}

TableSchema RowsTable() {
  TableSchema schema;
  schema.name = "rows";
  schema.groups = {LocalityGroupSchema{.name = "default"}};
  schema.families = {FamilySchema{.name = "f"}};
  return schema;
}

}  // namespace stele
