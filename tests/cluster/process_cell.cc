#include "tests/cluster/process_cell.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace stele {
namespace {

constexpr int64_t kStartTimeoutMs = 60'000;
constexpr int64_t kLookMs = 50;

}  // namespace

ProcessCell::ProcessCell(std::string binary, int masters, int servers, Tuning tuning)
    : binary_(std::move(binary)), tuning_(std::move(tuning)) {
  auto make = [this](std::vector<std::unique_ptr<Role>>* roles, int count, const char* name) {
    for (int i = 0; i < count; ++i) {
      roles->push_back(std::make_unique<Role>());
      roles->back()->listen = absl::StrCat("127.0.0.1:", FreePort());
      roles->back()->log = absl::StrCat(dir_.path(), "/", name, "-", i + 1, ".log");
    }
  };
  make(&masters_, masters, "master");
  make(&servers_, servers, "ts");
}

Status ProcessCell::Launch(Role* role, std::vector<std::string> words) {
  words.insert(words.begin(), binary_);
  for (const std::string& word :
       {std::string("--listen"), role->listen, std::string("--http"), std::string("127.0.0.1:0"),
        std::string("--locker"), locker(), std::string("--session-timeout-ms"),
        absl::StrCat(tuning_.session_timeout_ms), std::string("--zookeeper-tick-ms"),
        absl::StrCat(ZkEnsemble::kTickMs)}) {
    words.push_back(word);
  }
  return role->process.Start(words, role->log);
}

Status ProcessCell::DidNotStart(const Role& role) const {
  return absl::UnavailableError(absl::StrCat("a process did not come up:\n", TailOf(role.log)));
}

Status ProcessCell::StartMaster(int index) {
  Role* role = masters_[index].get();
  RETURN_IF_ERROR(Launch(role, {"master"}));
  const std::string line = role->process.AwaitLine("", kStartTimeoutMs);
  role->active = line.rfind("READY", 0) == 0;
  return line.empty() ? DidNotStart(*role) : OkStatus();
}

Status ProcessCell::LaunchServer(int index) {
  std::vector<std::string> words = {"tabletserver", "--id", absl::StrCat("ts-", index + 1),
                                    "--data-dir", dir_.path() + "/data"};
  words.insert(words.end(), tuning_.server_words.begin(), tuning_.server_words.end());
  return Launch(servers_[index].get(), std::move(words));
}

Status ProcessCell::AwaitServer(int index) {
  Role* role = servers_[index].get();
  return role->process.AwaitLine("READY", kStartTimeoutMs).empty() ? DidNotStart(*role)
                                                                   : OkStatus();
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

bool ProcessCell::Supervise() {
  bool all = true;
  for (size_t i = 0; i < servers_.size(); ++i) {
    ChildProcess* process = &servers_[i]->process;
    const bool ended = process->running() && process->AwaitExit(0).has_value();
    if (ended) all = LaunchServer(static_cast<int>(i)).ok() && all;
  }
  for (size_t i = 0; i < masters_.size(); ++i) {
    ChildProcess* process = &masters_[i]->process;
    const bool ended = process->running() && process->AwaitExit(0).has_value();
    if (ended) all = StartMaster(static_cast<int>(i)).ok() && all;
  }
  return all;
}

std::string ProcessCell::address() const {
  std::string all;
  for (const auto& master : masters_) {
    absl::StrAppend(&all, all.empty() ? "" : ",", master->listen);
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

}  // namespace stele
