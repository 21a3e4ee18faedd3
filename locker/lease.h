// Lease: this server's right to act for its tablets (PROMISES.md 2.2). It ends at
//
//   deadline = boot time at which the last COMPLETED renewal was sent + session timeout - margin
//
// and the Locker lets nobody else in before the session timeout after that renewal reached it. So
// whoever reads `now < deadline` after a sync knows that no other owner had begun when the sync
// returned. A stopped and resumed process finds `now >= deadline` and must not acknowledge.
//
// A renewer thread renews every session timeout / 5, unless the data path is stuck. When the lease
// is over, or the Locker says that it is another's, on_lost runs once, on the renewer thread.
// Thread-safe; Check is one atomic load and one clock read.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/time/clock.h"
#include "locker/locker.h"

namespace stele {

struct LeaseOptions {
  // Between our deadline and the Locker's: its clock may tick coarser and 1 % faster than ours. At
  // least what the session asks for (LockerSession::lease_margin_ns).
  int64_t margin_ns = 0;
};

class Lease {
 public:
  struct Hooks {
    std::function<Status()> progress;  // not OK: the data path is stuck, do not renew; may be empty
    std::function<void(const Status&)> on_lost;
  };
  // `session` and `clock` outlive the lease. The session holds `path` under `epoch`.
  Lease(LockerSession* session, std::string path, uint64_t epoch, Clock* clock,
        const LeaseOptions& options, Hooks hooks);
  ~Lease();  // Stop()

  // The first renewal, then the thread. Until it returned OK, Check fails.
  Status Start();
  void Stop();  // ends the thread; the lease runs out by itself

  // OK while the lease holds, else Aborted.
  Status Check() const {
    if (clock_->BootNanos() < deadline_boot_ns_.load(std::memory_order_acquire)) return OkStatus();
    return Over();
  }

  // One renewal. Returns the reason when there was none; Aborted when the lease is lost for good.
  Status Renew();

  int64_t deadline_boot_ns() const { return deadline_boot_ns_.load(std::memory_order_acquire); }

 private:
  Status Over() const;
  void Run();
  bool StopRequested(int64_t wait_ns);

  LockerSession* const session_;
  const std::string path_;
  const uint64_t epoch_;
  Clock* const clock_;
  const LeaseOptions options_;
  const Hooks hooks_;
  std::atomic<int64_t> deadline_boot_ns_{0};
  std::thread thread_;

  Mutex mu_;
  CondVar wake_;
  bool stopping_ GUARDED_BY(mu_) = false;
};

}  // namespace stele
