#include "tests/process/tcp_proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace stele {
namespace {

constexpr int kPollMs = 20;
constexpr int kTakesNothingMs = 1'000;

sockaddr_in Loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// False also when the receiver, which may be stopped, takes nothing for a while: nobody else is to
// wait for it.
bool SendAll(int fd, const char* data, size_t n) {
  while (n > 0) {
    const ssize_t sent = send(fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      pollfd writable = {fd, POLLOUT, 0};
      if (poll(&writable, 1, kTakesNothingMs) <= 0) return false;
      continue;
    }
    if (sent <= 0) return false;
    data += sent;
    n -= static_cast<size_t>(sent);
  }
  return true;
}

}  // namespace

TcpProxy::TcpProxy(int server_port) : server_port_(server_port) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  CHECK_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
  CHECK_EQ(listen(listener_, 64), 0);
  CHECK_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
  port_ = ntohs(address.sin_port);
  CHECK_EQ(pipe2(wake_, O_CLOEXEC | O_NONBLOCK), 0);
  thread_ = std::thread([this] { Run(); });
}

TcpProxy::~TcpProxy() {
  stop_ = true;
  Break();
  thread_.join();
  for (const auto& [client, pair] : pairs_) Close(pair);
  for (const int fd : {listener_, wake_[0], wake_[1]}) close(fd);
}

std::string TcpProxy::address() const { return absl::StrCat("127.0.0.1:", port_); }

void TcpProxy::Break() {
  break_ = true;
  const char byte = 0;
  [[maybe_unused]] const ssize_t written = write(wake_[1], &byte, 1);  // full: it wakes anyway
}

void TcpProxy::Close(const Pair& pair) {
  close(pair.client);
  close(pair.server);
}

void TcpProxy::Accept() {
  Pair pair;
  pair.client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (pair.client < 0) return;
  pair.server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in to = Loopback(server_port_);
  if (connect(pair.server, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) {
    return Close(pair);
  }
  const int on = 1;
  for (const int fd : {pair.client, pair.server}) {
    CHECK_EQ(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
  }
  pair.spared = ++accepted_ % 2 == 0;
  pairs_[pair.client] = pair;
}

bool TcpProxy::Holds(const Pair& pair, bool from_client) const {
  if (some_ && pair.spared) return false;
  const Way held = held_;
  return held == Way::kBoth || held == (from_client ? Way::kToServer : Way::kToClient);
}

// False when the connection is to end.
bool TcpProxy::Pass(Pair* pair, bool from_client) {
  char buffer[16 * 1024];
  const ssize_t n =
      recv(from_client ? pair->client : pair->server, buffer, sizeof(buffer), MSG_DONTWAIT);
  if (n <= 0) return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  if (from_client && lose_next_.exchange(false)) pair->losing = true;
  if (!from_client && pair->losing) {
    ++lost_;
    return false;
  }
  passed_ += static_cast<uint64_t>(n);
  return SendAll(from_client ? pair->server : pair->client, buffer, static_cast<size_t>(n));
}

void TcpProxy::Run() {
  while (!stop_) {
    std::vector<pollfd> waits = {{wake_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
    std::vector<std::pair<int, bool>> whose = {{}, {}};
    for (const auto& [client, pair] : pairs_) {
      for (const bool from_client : {true, false}) {
        pollfd from = {from_client ? pair.client : pair.server, POLLIN, 0};
        if (Holds(pair, from_client)) {
          if (poll(&from, 1, 0) > 0 && (from.revents & POLLIN) != 0) ++held_back_;
          continue;
        }
        waits.push_back(from);
        whose.emplace_back(client, from_client);
      }
    }
    poll(waits.data(), waits.size(), kPollMs);
    char drained[64];
    while (read(wake_[0], drained, sizeof(drained)) > 0) {
    }
    if (break_.exchange(false)) {
      for (const auto& [client, pair] : pairs_) Close(pair);
      pairs_.clear();
      continue;
    }
    if ((waits[1].revents & POLLIN) != 0) Accept();
    for (size_t i = 2; i < waits.size(); ++i) {
      if (waits[i].revents == 0) continue;
      auto found = pairs_.find(whose[i].first);
      if (found == pairs_.end() || Holds(found->second, whose[i].second)) continue;
      if (Pass(&found->second, whose[i].second)) continue;
      Close(found->second);
      pairs_.erase(found);
    }
  }
}

}  // namespace stele
