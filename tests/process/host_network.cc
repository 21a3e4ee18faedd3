#include "tests/process/host_network.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include "tests/process/child_process.h"

namespace stele {
namespace {

constexpr int64_t kCommandTimeoutMs = 30'000;
constexpr char kNamePrefix[] = "stele-test-";
constexpr char kDevicePrefix[] = "stlt";  // a device's name has 15 bytes at most

// What the command prints; Internal with what it complains of.
StatusOr<std::vector<std::string>> RunCommand(const std::vector<std::string>& words) {
  TempDir dir;
  ChildProcess process;
  const std::string complaints = dir.path() + "/stderr";
  RETURN_IF_ERROR(process.Start(words, complaints));
  std::vector<std::string> lines;
  for (std::string line = process.AwaitLine("", kCommandTimeoutMs); !line.empty();
       line = process.AwaitLine("", kCommandTimeoutMs)) {
    lines.push_back(line);
  }
  const int code = process.AwaitExit(kCommandTimeoutMs).value_or(-1);
  if (code == 0) return lines;
  return absl::InternalError(absl::StrCat("`", absl::StrJoin(words, " "), "` ended with ", code,
                                          ": ", TailOf(complaints)));
}

Status Ip(std::vector<std::string> words) {
  words.insert(words.begin(), "ip");
  return RunCommand(words).status();
}

std::vector<std::string> On(const std::string& name, std::vector<std::string> words) {
  words.insert(words.begin(), {"ip", "netns", "exec", name});
  return words;
}

// Rules as nft reads them, from a file.
Status Nft(const std::string& name, const std::string& rules) {
  TempDir dir;
  const std::string file = dir.path() + "/rules";
  std::ofstream(file) << rules;
  return RunCommand(On(name, {"nft", "-f", file})).status();
}

std::string BridgeOf(pid_t pid) { return absl::StrCat(kDevicePrefix, pid, "b"); }
std::string DeviceOf(int host) { return absl::StrCat(kDevicePrefix, getpid(), "h", host); }

// The process id after the prefix when after it comes `mark` and, with_host, a number, and nothing
// else; 0: it is no such name.
pid_t PidIn(const std::string& name, const std::string& prefix, char mark, bool with_host) {
  constexpr char kDigits[] = "0123456789";
  if (name.rfind(prefix, 0) != 0) return 0;
  const size_t marked = name.find_first_not_of(kDigits, prefix.size());
  if (marked == std::string::npos || name[marked] != mark) return 0;
  const std::string host = name.substr(marked + 1);
  if (host.empty() == with_host || host.find_first_not_of(kDigits) != std::string::npos) return 0;
  pid_t pid = 0;
  const bool read = absl::SimpleAtoi(name.substr(prefix.size(), marked - prefix.size()), &pid);
  return read && pid > 1 ? pid : 0;
}

bool IsGone(pid_t pid) { return pid != 0 && kill(pid, 0) != 0 && errno == ESRCH; }

// A name may be removed while what runs in the namespace lives on, and keeps it.
void KillAllIn(const std::string& name) {
  auto pids = RunCommand({"ip", "netns", "pids", name});
  if (!pids.ok()) {
    LOG(WARNING) << "what runs in " << name << " is not known: " << pids.status().ToString();
    return;
  }
  for (const std::string& line : *pids) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(line, &pid) || pid <= 1 || pid == getpid()) continue;
    if (kill(pid, SIGKILL) == 0 || errno == ESRCH) continue;
    LOG(WARNING) << "cannot kill process " << pid << " in " << name << ": " << strerror(errno);
  }
}

// The kernel, or another test, may be faster.
bool Removes(const std::vector<std::string>& words) {
  const Status done = Ip(words);
  if (!done.ok()) {
    LOG(WARNING) << "cannot be removed: " << done.ToString();
  }
  return done.ok();
}

// Whether the machine allows what Make needs, tried by itself: what is wrong with Make is no reason
// to pass it over.
Status ProbeMachine() {
  const std::string space = absl::StrCat(kNamePrefix, getpid(), "-0");
  const std::string bridge = BridgeOf(getpid());
  RETURN_IF_ERROR(Ip({"netns", "add", space}));
  Status all = Ip({"link", "add", bridge, "type", "bridge"});
  if (all.ok()) {
    all = Ip({"link", "add", DeviceOf(0), "type", "veth", "peer", "name", "eth0", "netns", space});
    all.Update(Nft(space,
                   "table inet probe {\n"
                   "chain in { type filter hook input priority 0; }\n"
                   "counter seen { }\n"
                   "}\n"
                   "add rule inet probe in ip saddr 10.0.0.1 counter name seen drop\n"));
    all.Update(Ip({"link", "del", bridge}));
  }
  Ip({"link", "del", DeviceOf(0)}).IgnoreError();  // the namespace may take a while to go
  all.Update(Ip({"netns", "del", space}));
  return all;
}

std::string CounterOf(const char* chain, int other) {
  return absl::StrCat(chain, "_", other + 1);  // the outside is 0
}

}  // namespace

std::string HostNetwork::WhyNot() {
  if (geteuid() != 0) return "network namespaces need root";
  for (const auto& [words, package] :
       {std::pair(std::vector<std::string>{"ip", "-V"}, "iproute2"),
        std::pair(std::vector<std::string>{"nft", "-v"}, "nftables")}) {
    if (RunCommand(words).ok()) continue;
    return absl::StrCat("`", words[0], "` does not run; Debian has it in ", package);
  }
  return std::string(ProbeMachine().message());
}

StatusOr<int> HostNetwork::RemoveStale() {
  int removed = 0;
  ASSIGN_OR_RETURN(const auto names, RunCommand({"ip", "netns", "list"}));
  for (const std::string& line : names) {
    const std::string name = line.substr(0, line.find(' '));
    if (!IsGone(PidIn(name, kNamePrefix, '-', /*with_host=*/true))) continue;
    KillAllIn(name);
    removed += Removes({"netns", "del", name});
  }
  std::error_code error;
  for (std::filesystem::directory_iterator it("/sys/class/net", error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename();
    const pid_t end_of = PidIn(name, kDevicePrefix, 'h', /*with_host=*/true);
    const pid_t bridge_of = PidIn(name, kDevicePrefix, 'b', /*with_host=*/false);
    if (IsGone(end_of) || IsGone(bridge_of)) removed += Removes({"link", "del", name});
  }
  return removed;
}

StatusOr<std::unique_ptr<HostNetwork>> HostNetwork::Create(int hosts) {
  ASSIGN_OR_RETURN(const int stale, RemoveStale());
  if (stale != 0) {
    LOG(INFO) << "removed " << stale << " things that killed tests left";
  }
  auto network = std::unique_ptr<HostNetwork>(new HostNetwork(hosts));
  RETURN_IF_ERROR(network->Make());
  return network;
}

HostNetwork::HostNetwork(int hosts) : hosts_(hosts) { CHECK(hosts > 0 && hosts < 200); }

// What was not made is not there to be removed.
HostNetwork::~HostNetwork() {
  for (int host = 0; host < hosts_; ++host) Ip({"netns", "del", NameOf(host)}).IgnoreError();
  Ip({"link", "del", BridgeOf(getpid())}).IgnoreError();
}

std::string HostNetwork::NameOf(int host) const {
  return absl::StrCat(kNamePrefix, getpid(), "-", host);
}

std::string HostNetwork::address(int host) const {
  const int pid = getpid();
  return absl::StrCat("10.", 128 + pid / 256 % 64, ".", pid % 256, ".", host + 2);
}

std::vector<std::string> HostNetwork::WordsOn(int host) const { return On(NameOf(host), {}); }

Status HostNetwork::Make() {
  const std::string bridge = BridgeOf(getpid());
  RETURN_IF_ERROR(Ip({"link", "add", bridge, "type", "bridge"}));
  RETURN_IF_ERROR(Ip({"addr", "add", address(kOutside) + "/24", "dev", bridge}));
  RETURN_IF_ERROR(Ip({"link", "set", bridge, "up"}));
  for (int host = 0; host < hosts_; ++host) RETURN_IF_ERROR(MakeHost(host));
  return OkStatus();
}

Status HostNetwork::MakeHost(int host) {
  const std::string name = NameOf(host), device = DeviceOf(host);
  RETURN_IF_ERROR(Ip({"netns", "add", name}));
  RETURN_IF_ERROR(
      Ip({"link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", name}));
  RETURN_IF_ERROR(Ip({"link", "set", device, "master", BridgeOf(getpid()), "up"}));
  RETURN_IF_ERROR(Ip({"-n", name, "addr", "add", address(host) + "/24", "dev", "eth0"}));
  RETURN_IF_ERROR(Ip({"-n", name, "link", "set", "eth0", "up"}));
  RETURN_IF_ERROR(Ip({"-n", name, "link", "set", "lo", "up"}));
  std::string table =
      "table inet stele {\n"
      "chain in { type filter hook input priority 0; }\n"
      "chain out { type filter hook output priority 0; }\n";
  for (int other = kOutside; other < hosts_; ++other) {
    for (const char* chain : {"in", "out"}) {
      absl::StrAppend(&table, "counter ", CounterOf(chain, other), " { }\n");
    }
  }
  return Nft(name, table + "}\n");
}

HostNetwork::Place HostNetwork::PlaceOf(int from, int to) {
  CHECK(from != to);
  return to == kOutside ? Place{from, "out", to} : Place{to, "in", from};
}

Status HostNetwork::WriteRules(int host) {
  std::string rules = "flush chain inet stele in\nflush chain inet stele out\n";
  for (const auto& [from, to] : dropped_) {
    const Place place = PlaceOf(from, to);
    if (place.host != host) continue;
    const bool in = place.other == from;
    absl::StrAppend(&rules, "add rule inet stele ", place.chain, " ip ", in ? "saddr " : "daddr ",
                    address(place.other), " counter name ", CounterOf(place.chain, place.other),
                    " drop\n");
  }
  return Nft(NameOf(host), rules);
}

Status HostNetwork::Drop(int from, int to) {
  dropped_.insert({from, to});
  return WriteRules(PlaceOf(from, to).host);
}

Status HostNetwork::Pass(int from, int to) {
  dropped_.erase({from, to});
  return WriteRules(PlaceOf(from, to).host);
}

StatusOr<uint64_t> HostNetwork::Dropped(int from, int to) const {
  const Place place = PlaceOf(from, to);
  ASSIGN_OR_RETURN(const auto lines,
                   RunCommand(On(NameOf(place.host), {"nft", "list", "counter", "inet", "stele",
                                                      CounterOf(place.chain, place.other)})));
  for (const std::string& line : lines) {  // "packets 3 bytes 180"
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    uint64_t packets = 0;
    if (words.size() > 1 && words[0] == "packets" && absl::SimpleAtoi(words[1], &packets)) {
      return packets;
    }
  }
  return absl::InternalError("nft shows no counter");
}

}  // namespace stele
