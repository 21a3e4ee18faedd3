// MasterTerms: which master this server listens to. A master speaks under the number of its term;
// after a request of a later term none of an earlier one is carried out here any more, and the
// later master is not answered until the system rows that an earlier one is writing here are
// written. So a master that has read a tablet of the location tree or of the catalog has seen all
// that an earlier one will ever write to it, however long that one was stopped (PROMISES P15, P16).
//
// Kept in memory: whoever opens a tablet is told to by the latest master. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>

#include "common/base/mutex.h"
#include "common/base/status.h"

namespace stele::tabletserver {

class MasterTerms {
 public:
  // A write of system rows that was let in; goes when it is answered.
  using Write = std::shared_ptr<void>;

  // Aborted: the term is past. Unavailable: writes of a past term are under way; ask again. Term 0:
  // no master's, always OK.
  Status Check(uint64_t term);
  // The same of a request that writes; null of term 0. The terms outlive it.
  StatusOr<Write> BeginWrite(uint64_t term);

 private:
  Status CheckLocked(uint64_t term) REQUIRES(mu_);
  void EndWrite(uint64_t term);

  Mutex mu_;
  uint64_t latest_ GUARDED_BY(mu_) = 0;
  uint64_t writes_ GUARDED_BY(mu_) = 0;       // under way, of the latest term
  uint64_t past_writes_ GUARDED_BY(mu_) = 0;  // of earlier ones
};

}  // namespace stele::tabletserver
