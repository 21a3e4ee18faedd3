// A listening socket whose accepted connections are spread over IoThreads in turn. Internal to this
// folder; only .cc files include it.
//
// Lives on the first thread of `threads`; `accepted` runs there, too, with a socket that belongs to
// the given thread's context. When accepting fails (no descriptors left) it tries again after a
// pause. Close ends it; asynchronous operations share its ownership.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/net/io_thread.h"

namespace stele::net {

class Listener : public std::enable_shared_from_this<Listener> {
 public:
  using Accepted = std::function<void(size_t thread, asio::ip::tcp::socket socket)>;
  // Binds and listens; `address` may be a name. Unavailable when it is in use.
  static StatusOr<std::shared_ptr<Listener>> Create(
      const std::vector<std::shared_ptr<IoThread>>& threads, const std::string& address,
      Accepted accepted);
  Listener(const std::vector<std::shared_ptr<IoThread>>& threads, Accepted accepted);

  const std::string& address() const { return address_; }  // with the real port
  void Accept();                                           // on its thread, once
  void Close();                                            // on its thread

 private:
  Status Bind(const std::string& address);

  const std::vector<std::shared_ptr<IoThread>> threads_;
  const Accepted accepted_;
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  std::string address_;
  size_t next_thread_ = 0;
  bool closed_ = false;
};

}  // namespace stele::net
