// PendingAnswers: the callers of table procedures who wait for the end of theirs. An answer is sent
// when its condition holds, or when the caller's deadline passes; the procedure goes on
// nevertheless. Bound to the master thread.
#pragma once

#include <functional>
#include <vector>

#include "common/net/rpc.h"
#include "common/time/clock.h"

namespace stele::master {

class PendingAnswers {
 public:
  explicit PendingAnswers(Clock* clock) : clock_(clock) {}

  // `poll` returns the answer, or nothing to say: go on waiting.
  using Poll = std::function<bool(net::RpcReply*)>;  // true: it has answered
  void Add(net::RpcReply reply, int64_t deadline_boot_ns, Poll poll);
  void PollAll();
  bool empty() const { return waiting_.empty(); }

 private:
  struct Waiting {
    net::RpcReply reply;
    int64_t deadline_boot_ns;
    Poll poll;
  };
  Clock* const clock_;
  std::vector<Waiting> waiting_;
};

}  // namespace stele::master
