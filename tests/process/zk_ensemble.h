// ZkEnsemble: real ZooKeeper servers (Debian's package) as child processes of a test, one or
// several, on free ports of one host, in a directory of their own. They keep ports and data over
// restarts.
// Waiting is polling with a deadline. Owned by one test; thread-compatible.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/testing/temp_dir.h"
#include "tests/process/child_process.h"

namespace stele {

class ZkEnsemble {
 public:
  static constexpr int kTickMs = 100;
  explicit ZkEnsemble(int servers) : ZkEnsemble(servers, "127.0.0.1", {}) {}
  // On the host of the address, by the words that come before theirs.
  ZkEnsemble(int servers, std::string address, std::vector<std::string> on_host);

  // All of them; returns when they serve (a leader is elected).
  Status Start();
  // One of them, and waits until it serves.
  Status StartServer(int server);
  // "127.0.0.1:1,127.0.0.1:2"
  std::string servers() const;
  std::string server(int index) const;  // "127.0.0.1:1"
  int client_port(int index) const { return nodes_[index]->client_port; }
  int size() const { return static_cast<int>(nodes_.size()); }
  ChildProcess* process(int server) { return &nodes_[server]->process; }
  // "standalone", "leader", "follower"; "" when it does not serve.
  std::string Mode(int server) const;
  int Leader() const;     // -1: none
  void Wipe(int server);  // a killed one: it forgets everything

 private:
  struct Node {
    std::string directory;
    int client_port = 0, quorum_port = 0, election_port = 0;
    ChildProcess process;
  };
  void WriteFiles(int server) const;
  Status Launch(int server);
  Status AwaitServing(int server);

  const std::string address_;
  const std::vector<std::string> on_host_;
  TempDir dir_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace stele
