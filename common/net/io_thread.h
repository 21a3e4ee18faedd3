// One io_context and the one thread that runs it. Internal to this folder; only .cc files include
// it. Post is thread-safe; everything else that lives on the context belongs to its thread.
//
// Whatever has a socket or a timer of the context shares its ownership, so the context outlives
// them all. Stop: close these on the thread, then Join, which returns when no handler is left.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <thread>
#include <utility>

#include "common/base/check.h"

namespace stele::net {

namespace asio = boost::asio;

class IoThread {
 public:
  IoThread() : context_(1), work_(context_.get_executor()), thread_([this] { context_.run(); }) {}
  ~IoThread() { CHECK(!thread_.joinable()); }

  asio::io_context& context() { return context_; }
  template <typename Fn>
  void Post(Fn&& fn) {
    asio::post(context_, std::forward<Fn>(fn));
  }
  bool IsCurrent() const { return thread_.get_id() == std::this_thread::get_id(); }
  void Join() {
    CHECK(!IsCurrent());
    work_.reset();
    if (thread_.joinable()) thread_.join();
  }

 private:
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::thread thread_;  // last: starts when the rest is there
};

}  // namespace stele::net
