#include "master/servers/parallel_calls.h"

#include <utility>

namespace stele::master {

void ParallelCalls::Add(const std::string& address, wire::Method method, net::Buffer body,
                        int64_t timeout_ms) {
  size_t index = 0;
  {
    MutexLock lock(&shared_->mu);
    index = shared_->answers.size();
    shared_->answers.emplace_back(absl::UnavailableError("not answered"));
    ++shared_->missing;
  }
  client_->Call(address, static_cast<uint16_t>(method), std::move(body), timeout_ms,
                [shared = shared_, index](StatusOr<net::Buffer> answer) {
                  MutexLock lock(&shared->mu);
                  shared->answers[index] = std::move(answer);
                  if (--shared->missing == 0) shared->changed.SignalAll();
                });
}

std::vector<StatusOr<net::Buffer>> ParallelCalls::Wait() {
  MutexLock lock(&shared_->mu);
  while (shared_->missing != 0) shared_->changed.Wait(&shared_->mu);
  return std::move(shared_->answers);
}

}  // namespace stele::master
