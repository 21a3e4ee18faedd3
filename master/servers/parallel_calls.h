// ParallelCalls: many RPCs at once and one wait for all answers. Bound to one thread; not an io
// thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/net/rpc.h"
#include "schema/wire/method.h"

namespace stele::master {

class ParallelCalls {
 public:
  // `client` outlives it.
  explicit ParallelCalls(net::RpcClient* client) : client_(client) {}

  void Add(const std::string& address, wire::Method method, net::Buffer body, int64_t timeout_ms);
  // The answers in the order of Add. Ends because every call does, by its timeout.
  std::vector<StatusOr<net::Buffer>> Wait();

 private:
  struct Shared {
    Mutex mu;
    CondVar changed;
    size_t missing GUARDED_BY(mu) = 0;
    std::vector<StatusOr<net::Buffer>> answers GUARDED_BY(mu);
  };
  net::RpcClient* const client_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace stele::master
