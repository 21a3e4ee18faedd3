// TcpProxy: stands between a client and one server of this machine, and can cut the client off,
// lose what one side sends, or break the connections at a chosen moment. The server may be away:
// connections to it then end at once. One thread of its own. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>

#include "common/base/mutex.h"

namespace stele {

class TcpProxy {
 public:
  explicit TcpProxy(int server_port);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  std::string address() const;  // "127.0.0.1:port"

  // Connections stay, nothing passes in either direction; new ones are taken and nothing passes.
  void Cut(bool cut) { Hold(cut ? Way::kBoth : Way::kNone); }
  // The same of one direction: what is sent meanwhile comes when the way is free again. With
  // `some`, every second connection is spared.
  enum class Way : uint8_t { kNone = 0, kToServer = 1, kToClient = 2, kBoth = 3 };
  void Hold(Way way, bool some = false) {
    some_ = some;
    held_ = way;
  }
  // Ends all connections.
  void Break();
  // The next bytes that a client sends reach the server; its answers reach nobody, and the
  // connection is broken when the server has sent some. Once.
  void LoseNextAnswer() { lose_next_ = true; }
  uint64_t lost_answers() const { return lost_; }
  // What has come through, in bytes; and how often something was seen to wait on a held connection:
  // so that a test knows that it stood between, and did part somebody.
  uint64_t passed_bytes() const { return passed_; }
  uint64_t held_back() const { return held_back_; }

 private:
  struct Pair {
    int client = -1, server = -1;
    bool losing = false;
    bool spared = false;  // where some are held
  };
  void Run();
  void Accept();
  bool Holds(const Pair& pair, bool from_client) const;
  bool Pass(Pair* pair, bool from_client);
  void Close(const Pair& pair);

  const int server_port_;
  int listener_ = -1;
  int port_ = 0;
  int wake_[2] = {-1, -1};
  std::atomic<Way> held_{Way::kNone};
  std::atomic<bool> some_{false}, lose_next_{false}, break_{false}, stop_{false};
  std::atomic<uint64_t> lost_{0}, passed_{0}, held_back_{0};
  std::map<int, Pair> pairs_;  // bound to the thread
  uint64_t accepted_ = 0;      // likewise
  std::thread thread_;
};

}  // namespace stele
