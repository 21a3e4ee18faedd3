// ProcessCell: a cell as several processes of this machine: masters and tablet servers of the stele
// program over one directory, and ZooKeeper, which each reaches by a link of its own that can be
// cut; or each a process on a host of its own. Addresses stay over restarts. Owned by one test;
// thread-compatible.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/testing/temp_dir.h"
#include "stele/schema.h"
#include "tests/process/child_process.h"
#include "tests/process/host_network.h"
#include "tests/process/tcp_proxy.h"
#include "tests/process/zk_ensemble.h"

namespace stele {

class ProcessCell {
 public:
  static constexpr int64_t kSessionTimeoutMs = 5'000;
  // How a process may end by itself.
  static constexpr int kExitFenced = 10;
  static constexpr int kExitStalled = 12;
  static constexpr int kExitBadConfiguration = 13;
  static constexpr int kExitRestart = 14;
  static constexpr int kExitLockerAway = 15;
  struct Tuning {
    int64_t session_timeout_ms = kSessionTimeoutMs;
    // Of the tablet servers: a small ring and little memory.
    std::vector<std::string> server_words = {"--ring-segment", "1m",   "--ring-limit",   "16m",
                                             "--memory-limit", "256m", "--disk-reserve", "1m"};
    std::vector<std::string> master_words = {};
    int64_t master_session_timeout_ms = 0;  // 0: the same
    // Clients and processes reach each process by a link that can be cut, in one direction too.
    bool links_between = false;
    // Not null: each process is on a host of its own (host_of_...), and there are no links.
    // Outlives the cell; has HostsOf(masters, servers) hosts.
    HostNetwork* hosts = nullptr;
  };
  static int HostsOf(int masters, int servers) { return 1 + masters + servers; }
  ProcessCell(std::string binary, int masters, int servers)
      : ProcessCell(std::move(binary), masters, servers, Tuning()) {}
  ProcessCell(std::string binary, int masters, int servers, Tuning tuning);

  Status Start();                 // all; returns when a master is active
  Status StartMaster(int index);  // returns when it is active or stands by
  Status StartServer(int index);  // returns when it serves
  // Return at once; AwaitActiveMaster and AwaitServer wait.
  Status LaunchMaster(int index);
  Status LaunchServer(int index);
  Status AwaitServer(int index);
  // Whether this server has said that it serves.
  bool IsReady(int index);

  // As a supervisor does: starts again what has ended by itself, waits for nobody. False when one
  // cannot be started, or has ended otherwise than fenced, stalled, without a ZooKeeper or because
  // an operator wants it to be started again.
  bool Supervise();

  int masters() const { return static_cast<int>(masters_.size()); }
  int servers() const { return static_cast<int>(servers_.size()); }
  ChildProcess* master(int index) { return &masters_[index]->process; }
  ChildProcess* server(int index) { return &servers_[index]->process; }
  ZkEnsemble* zookeeper() { return &zookeeper_; }
  TcpProxy* link_of_master(int index) { return masters_[index]->link.get(); }
  TcpProxy* link_of_server(int index) { return servers_[index]->link.get(); }
  HostNetwork* hosts() { return tuning_.hosts; }
  int host_of_zookeeper() const { return 0; }
  int host_of_master(int index) const { return 1 + index; }
  int host_of_server(int index) const { return 1 + masters() + index; }
  // By which all others reach it; null without Tuning::links_between.
  TcpProxy* way_to_master(int index) { return masters_[index]->way.get(); }
  TcpProxy* way_to_server(int index) { return servers_[index]->way.get(); }
  int64_t session_timeout_ms() const { return tuning_.session_timeout_ms; }
  std::string data_dir() const { return dir_.path() + "/data"; }
  const std::string& binary() const { return binary_; }
  // For clients: all masters.
  std::string address() const;
  // `stele admin check --verify` of all of it; Internal with what it found.
  Status Check();
  // Which master prints READY next, of those that run; -1 after the timeout.
  int AwaitActiveMaster(int64_t timeout_ms);

 private:
  struct Role {
    ChildProcess process;
    std::string name, listen, log;
    std::vector<std::string> on_host;  // words before its own
    std::unique_ptr<TcpProxy> link;    // to ZooKeeper
    std::unique_ptr<TcpProxy> way;     // to it
    bool active = false;
  };
  Status Launch(Role* role, std::vector<std::string> words, int64_t session_timeout_ms);
  Status DidNotStart(const Role& role) const;
  static bool EndedAsItMay(Role* role, int code);

  const std::string binary_;
  const Tuning tuning_;
  TempDir dir_;
  ZkEnsemble zookeeper_;
  std::vector<std::unique_ptr<Role>> masters_, servers_;
};

// What most tests fill: table `rows` with the family `f`, which keeps everything.
TableSchema RowsTable();

}  // namespace stele
