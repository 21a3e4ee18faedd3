// RequestIds: gives the changes of one client their sequences, and knows the first that is not
// answered yet: servers may forget what is below it. Owned by the core, thread-safe.
//
// Invariant: a sequence is sent for one change only, and never after End.
#pragma once

#include <cstdint>
#include <deque>

#include "common/base/check.h"
#include "common/base/mutex.h"
#include "schema/model/conditional.h"

namespace stele::routing {

class RequestIds {
 public:
  // client_id 0: no ids are given, so nothing is repeated after an unknown outcome.
  explicit RequestIds(uint64_t client_id) : client_id_(client_id) {}

  bool enabled() const { return client_id_ != 0; }
  uint64_t client_id() const { return client_id_; }

  // 0 when not enabled.
  uint64_t Begin() EXCLUDES(mu_) {
    if (!enabled()) return 0;
    MutexLock lock(&mu_);
    ended_.push_back(false);
    return first_ + ended_.size() - 1;
  }
  // The change was answered or given up.
  void End(uint64_t sequence) EXCLUDES(mu_) {
    if (sequence == 0) return;
    MutexLock lock(&mu_);
    CHECK(sequence >= first_ && sequence - first_ < ended_.size() && !ended_[sequence - first_])
        << " request " << sequence << " ended twice";
    ended_[sequence - first_] = true;
    while (!ended_.empty() && ended_.front()) {
      ended_.pop_front();
      ++first_;
    }
  }
  uint64_t first_incomplete() const EXCLUDES(mu_) {
    MutexLock lock(&mu_);
    return first_;
  }
  RequestId Id(uint64_t sequence) const EXCLUDES(mu_) {
    return sequence == 0 ? RequestId{} : RequestId{client_id_, sequence, first_incomplete()};
  }

 private:
  const uint64_t client_id_;
  mutable Mutex mu_;
  uint64_t first_ GUARDED_BY(mu_) = 1;      // the first that has not ended
  std::deque<bool> ended_ GUARDED_BY(mu_);  // from first_ on
};

}  // namespace stele::routing
