// Nemesis: does to the processes of a cell what happens to machines. It kills and stops them, cuts
// them off from ZooKeeper, loses ZooKeeper's answers, ZooKeeper itself or everything at once, holds
// up what is sent to a process, by it, or both, by all who talk to it or every second one; some
// of it at the same time; each fault ends after a while. Between hosts it drops the packets of two
// of them, in one direction or both: clients and a server, two servers, a server and ZooKeeper, a
// master and a server. Who was stopped or cut off for longer than its session must end by itself,
// soon after (PROMISES P13), with an exit code that says so.
//
// Every fault comes once before any comes again. Owned by one test; bound to its thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/testing/seeded_random.h"
#include "tests/cluster/process_cell.h"

namespace stele {

class Nemesis {
 public:
  Nemesis(ProcessCell* cell, uint64_t seed) : cell_(cell), random_(seed) {}

  // For so long, with about so many session timeouts between the begins of two faults; then all
  // are over, and all processes are launched.
  void Run(int64_t for_ms, double sessions_between);
  // Starts again what ends. Until everything is well, call it again and again.
  void Supervise();

  // How often each was inflicted since this was asked last.
  std::map<std::string, int> TakeInflicted() { return std::exchange(inflicted_, {}); }
  // What the processes did that they must not.
  const std::vector<std::string>& violations() const { return violations_; }
  // Of the faults between hosts: how many packets each kind dropped.
  const std::map<std::string, uint64_t>& dropped() const { return dropped_; }

 private:
  enum class Fault : uint8_t {
    kKillServer,
    kStopServer,
    kPauseServer,
    kCutServer,
    kBreakServer,
    kRestartZooKeeper,
    kLoseZooKeeper,
    kKillServers,
    kPartServer,
    kPartClients,  // this and what follows: between hosts
    kPartServers,
    kPartZooKeeper,
    kPartMasterAndServer,
    kKillMaster,  // this and what follows: of masters
    kStopMaster,
    kCutMaster,
    kPartMaster,
    kEnd,
  };
  struct Victim {
    std::string name;
    ChildProcess* process = nullptr;
    TcpProxy* link = nullptr;  // to ZooKeeper
    TcpProxy* way = nullptr;   // to it
    std::function<Status()> launch;
    bool has_lock = false;  // it ends when its session does
  };
  struct Trouble {
    int64_t until_ns = 0;
    std::function<void(bool in_full)> end;  // not in full: cut short
  };
  struct Doomed {  // has lost its session
    ChildProcess* process = nullptr;
    pid_t pid = 0;
    int64_t by_ns = 0;
    std::string name;
  };

  Victim Server(int index);
  Victim Master();  // the active one, if there is one
  void Inflict(Fault fault);
  void MustEnd(const Victim& victim, pid_t pid, int64_t since_ns);
  void Note(const std::string& fault, const std::string& victim);
  void Kill(const Victim& victim);
  void Stop(const Victim& victim);
  void Pause(const Victim& victim);
  void Cut(const Victim& victim);
  void Break(const Victim& victim);
  void Part(const Victim& victim);
  void PartHosts(Fault fault);
  void DropBetween(const std::string& kind, const std::pair<int, int>& hosts, int64_t for_ns,
                   const std::function<void(bool in_full)>& then);
  bool CanInflict(Fault fault) const;
  void KillServers();
  void LoseZooKeeper(int64_t for_ns);
  void EndTroubles(bool all);
  Fault NextFault();
  int64_t Sessions(double least, double most);  // that many session timeouts, in nanoseconds

  ProcessCell* const cell_;
  SeededRandom random_;
  std::vector<Fault> bag_;
  std::map<std::string, Trouble> troubles_;  // by who has it
  std::vector<Doomed> doomed_;
  int64_t zookeeper_back_ns_ = 0;  // from its last loss
  std::map<std::string, int> inflicted_;
  std::map<std::string, uint64_t> dropped_;
  std::vector<std::string> violations_;
};

}  // namespace stele
