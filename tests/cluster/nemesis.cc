#include "tests/cluster/nemesis.h"

#include <signal.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/time/clock.h"

namespace stele {
namespace {

constexpr int64_t kNanosPerMilli = 1'000'000;
constexpr std::chrono::milliseconds kLook{20};
// How long a process without a session may take to notice, on a machine that has much to do.
constexpr int64_t kEndsWithinNs = 5'000'000'000;
constexpr size_t kMaxTroubles = 2;
constexpr char kZooKeeper[] = "zookeeper";

int64_t Now() { return SystemClock()->BootNanos(); }

}  // namespace

int64_t Nemesis::Sessions(double least, double most) {
  const double share = static_cast<double>(random_.Below(1000)) / 1000;
  return static_cast<int64_t>((least + (most - least) * share) *
                              static_cast<double>(cell_->session_timeout_ms() * kNanosPerMilli));
}

// What is held up by links where all is on one host is dropped between hosts.
bool Nemesis::CanInflict(Fault fault) const {
  switch (fault) {
    case Fault::kCutServer:
    case Fault::kBreakServer:
    case Fault::kPartServer:
    case Fault::kCutMaster:
    case Fault::kPartMaster:
      return cell_->hosts() == nullptr;
    case Fault::kPartClients:
    case Fault::kPartServers:
    case Fault::kPartZooKeeper:
    case Fault::kPartMasterAndServer:
      return cell_->hosts() != nullptr;
    default:
      return true;
  }
}

Nemesis::Fault Nemesis::NextFault() {
  if (bag_.empty()) {
    for (int i = 0; i < static_cast<int>(Fault::kEnd); ++i) {
      if (CanInflict(static_cast<Fault>(i))) bag_.push_back(static_cast<Fault>(i));
    }
    for (size_t i = bag_.size() - 1; i > 0; --i) std::swap(bag_[i], bag_[random_.Below(i + 1)]);
  }
  const Fault next = bag_.back();
  bag_.pop_back();
  return next;
}

void Nemesis::Run(int64_t for_ms, double sessions_between) {
  const int64_t end_ns = Now() + for_ms * kNanosPerMilli;
  int64_t next_ns = Now();
  Mutex mu;
  CondVar nobody_signals;
  MutexLock lock(&mu);
  while (Now() < end_ns) {
    EndTroubles(/*all=*/false);
    Supervise();
    if (Now() >= next_ns && troubles_.size() < kMaxTroubles) {
      Inflict(NextFault());
      next_ns = Now() + Sessions(0, 2 * sessions_between);
    }
    nobody_signals.WaitFor(&mu, kLook);
  }
  EndTroubles(/*all=*/true);
}

void Nemesis::EndTroubles(bool all) {
  for (auto it = troubles_.begin(); it != troubles_.end();) {
    if (!all && Now() < it->second.until_ns) {
      ++it;
      continue;
    }
    it->second.end(/*in_full=*/Now() >= it->second.until_ns);
    it = troubles_.erase(it);
  }
}

void Nemesis::Supervise() {
  if (!cell_->Supervise()) violations_.push_back("a process ended as none may, see the log");
  // What has ended is started again by now, as another process.
  std::erase_if(doomed_, [this](const Doomed& doomed) {
    if (!doomed.process->running() || doomed.process->pid() != doomed.pid) return true;
    if (Now() < doomed.by_ns) return false;
    violations_.push_back(absl::StrCat(doomed.name, " goes on without a session"));
    return true;
  });
}

void Nemesis::Note(const std::string& fault, const std::string& victim) {
  LOG(INFO) << "nemesis: " << fault << " " << victim;
  ++inflicted_[fault];
}

void Nemesis::Kill(const Victim& victim) {
  Note("kill", victim.name);
  victim.process->Kill();
  troubles_[victim.name] = {Now() + Sessions(0, 1), [this, launch = victim.launch](bool) {
                              if (launch().ok()) return;
                              violations_.push_back("a process does not start");
                            }};
}

// Of a trouble that lasted for longer than its session, now. A ZooKeeper that was away keeps the
// sessions until their timeout after it is back: then it may still have its lock, and go on.
void Nemesis::MustEnd(const Victim& victim, pid_t pid, int64_t since_ns) {
  if (!victim.has_lock || troubles_.contains(kZooKeeper) || zookeeper_back_ns_ > since_ns) return;
  doomed_.push_back({victim.process, pid, Now() + kEndsWithinNs, victim.name});
}

void Nemesis::Stop(const Victim& victim) {
  Note("stop", victim.name);
  victim.process->Signal(SIGSTOP);
  troubles_[victim.name] = {Now() + Sessions(1.3, 2),
                            [this, victim, pid = victim.process->pid(), now = Now()](bool in_full) {
                              victim.process->Signal(SIGCONT);
                              if (in_full) MustEnd(victim, pid, now);
                            }};
}

void Nemesis::Pause(const Victim& victim) {
  Note("pause", victim.name);
  victim.process->Signal(SIGSTOP);
  troubles_[victim.name] = {Now() + Sessions(0.1, 0.5),
                            [process = victim.process](bool) { process->Signal(SIGCONT); }};
}

void Nemesis::Cut(const Victim& victim) {
  if (troubles_.contains(kZooKeeper)) return;
  Note("cut", victim.name);
  victim.link->Cut(true);
  troubles_[victim.name] = {Now() + Sessions(1.3, 2),
                            [this, victim, pid = victim.process->pid(), now = Now()](bool in_full) {
                              victim.link->Cut(false);
                              if (in_full) MustEnd(victim, pid, now);
                            }};
}

void Nemesis::Break(const Victim& victim) {
  Note("break", victim.name);
  if (random_.OneIn(2)) victim.link->LoseNextAnswer();
  victim.link->Break();
}

// From clients, masters and other servers; ZooKeeper it still reaches, so it need not end.
void Nemesis::Part(const Victim& victim) {
  CHECK(victim.way != nullptr) << victim.name << " cannot be parted from others";
  const auto way = static_cast<TcpProxy::Way>(1 + random_.Below(3));
  const bool some = random_.OneIn(2);
  constexpr const char* kNames[] = {"", "part-to", "part-from", "part"};
  Note(absl::StrCat(kNames[static_cast<int>(way)], some ? "-some" : ""), victim.name);
  victim.way->Hold(way, some);
  troubles_[victim.name] = {Now() + Sessions(0.5, 3),
                            [way = victim.way](bool) { way->Hold(TcpProxy::Way::kNone); }};
}

// One direction, the other, or both.
void Nemesis::DropBetween(const std::string& kind, const std::pair<int, int>& hosts, int64_t for_ns,
                          const std::function<void(bool in_full)>& then) {
  const std::string key = absl::StrCat("hosts ", hosts.first, " and ", hosts.second);
  if (troubles_.contains(key)) return;
  HostNetwork* network = cell_->hosts();
  const uint64_t way = random_.Below(3);
  std::vector<std::pair<int, int>> ways;
  if (way != 1) ways.push_back(hosts);
  if (way != 0) ways.emplace_back(hosts.second, hosts.first);
  constexpr const char* kWays[] = {"-to", "-from", ""};
  Note(absl::StrCat("part-", kind, kWays[way]), key);
  uint64_t before = 0;
  for (const auto& [from, to] : ways) {
    before += network->Dropped(from, to).value_or(0);
    CHECK_OK(network->Drop(from, to));
  }
  troubles_[key] = {Now() + for_ns, [this, network, ways, kind, before, then](bool in_full) {
                      uint64_t after = 0;
                      for (const auto& [from, to] : ways) {
                        after += network->Dropped(from, to).value_or(0);
                        CHECK_OK(network->Pass(from, to));
                      }
                      dropped_[kind] += after - before;
                      then(in_full);
                    }};
}

void Nemesis::PartHosts(Fault fault) {
  const int index = static_cast<int>(random_.Below(static_cast<uint64_t>(cell_->servers())));
  const int server = cell_->host_of_server(index);
  const auto nothing = [](bool) {};
  if (fault == Fault::kPartClients) {
    DropBetween("clients", {HostNetwork::kOutside, server}, Sessions(0.5, 3), nothing);
  } else if (fault == Fault::kPartServers) {
    const int other = cell_->host_of_server((index + 1) % cell_->servers());
    DropBetween("servers", {server, other}, Sessions(0.5, 3), nothing);
  } else if (fault == Fault::kPartMasterAndServer) {
    const int active = std::max(0, cell_->AwaitActiveMaster(/*timeout_ms=*/0));
    DropBetween("master", {cell_->host_of_master(active), server}, Sessions(0.5, 3), nothing);
  } else if (const Victim victim = Server(index);
             victim.process->running() && !troubles_.contains(victim.name)) {
    // Whichever direction: it knows of no session any more, and must not go on.
    DropBetween("zookeeper", {server, cell_->host_of_zookeeper()}, Sessions(1.3, 2),
                [this, victim, pid = victim.process->pid(), now = Now()](bool in_full) {
                  if (in_full) MustEnd(victim, pid, now);
                });
  }
}

void Nemesis::LoseZooKeeper(int64_t for_ns) {
  if (troubles_.contains(kZooKeeper)) return;
  Note(for_ns == 0 ? "restart" : "lose", kZooKeeper);
  cell_->zookeeper()->process(0)->Kill();
  troubles_[kZooKeeper] = {Now() + for_ns, [this](bool) {
                             const Status back = cell_->zookeeper()->StartServer(0);
                             if (!back.ok()) violations_.push_back(back.ToString());
                             zookeeper_back_ns_ = Now();
                           }};
}

void Nemesis::KillServers() {
  if (!troubles_.empty()) return;
  for (int i = 0; i < cell_->servers(); ++i) {
    if (const Victim server = Server(i); server.process->running()) Kill(server);
  }
}

Nemesis::Victim Nemesis::Server(int index) {
  return {absl::StrCat("ts-", index + 1),
          cell_->server(index),
          cell_->link_of_server(index),
          cell_->way_to_server(index),
          [this, index] { return cell_->LaunchServer(index); },
          cell_->IsReady(index)};
}

Nemesis::Victim Nemesis::Master() {
  const int active = cell_->AwaitActiveMaster(/*timeout_ms=*/0);
  const int index = active < 0 ? 0 : active;
  return {absl::StrCat("master-", index + 1),
          cell_->master(index),
          cell_->link_of_master(index),
          cell_->way_to_master(index),
          [this, index] { return cell_->LaunchMaster(index); },
          active >= 0};
}

void Nemesis::Inflict(Fault fault) {
  if (fault == Fault::kRestartZooKeeper) return LoseZooKeeper(0);
  if (fault == Fault::kLoseZooKeeper) return LoseZooKeeper(Sessions(1.2, 2));
  if (fault == Fault::kKillServers) return KillServers();
  if (fault >= Fault::kPartClients && fault < Fault::kKillMaster) return PartHosts(fault);
  const bool of_master = fault >= Fault::kKillMaster;
  const Victim victim =
      of_master ? Master()
                : Server(static_cast<int>(random_.Below(static_cast<uint64_t>(cell_->servers()))));
  if (!victim.process->running() || troubles_.contains(victim.name)) return;
  switch (fault) {
    case Fault::kKillServer:
    case Fault::kKillMaster:
      return Kill(victim);
    case Fault::kStopServer:
    case Fault::kStopMaster:
      return Stop(victim);
    case Fault::kCutServer:
    case Fault::kCutMaster:
      return Cut(victim);
    case Fault::kPartServer:
    case Fault::kPartMaster:
      return Part(victim);
    case Fault::kPauseServer:
      return Pause(victim);
    default:
      return Break(victim);
  }
}

}  // namespace stele
