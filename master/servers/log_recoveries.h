// LogRecoveries: the logs of tablet servers that are gone. Each stands in the Locker (kLogsPath)
// from before its first record until all of it is in SSTables; until then none of its server's
// tablets may go to others, nor any tablet that it may have had without the location tree's knowing
// (PROMISES P14, R10). Orders the recovery of each, once at a time, from some live server, when its
// incarnation is fenced:
//
//   - its lock is gone, read through the leader of the Locker; and
//   - its lease is over. The Locker frees a lock only after that, if the lock was ever in it: who
//     was seen alive in this master's term had one. For others (the Locker may have been wiped)
//     the session timeout is waited out from the beginning of the term.
//
// While the system's own tablets do not serve, what a log holds of them is sorted first, alone, so
// that they may be opened while the rest is sorted. A log of which that fails is sorted as a whole.
//
// What is done is taken out of the Locker, so the next master goes on with what is left. Bound to
// the master thread; answers arrive on io threads and wake the master by `kick`.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "common/base/mutex.h"
#include "common/fault/fault.h"
#include "common/net/rpc.h"
#include "common/time/clock.h"
#include "locker/locker.h"
#include "locker/server_node.h"
#include "master/servers/server_list.h"

namespace stele::master {

// What one is expected to do in a second when none was measured.
inline constexpr uint64_t kGuessedBytesPerSecond = 40'000'000;
// About how long it takes yet: by its own pace once that shows, else by that of past ones.
int64_t EstimateLeftMs(const wire::LogSorting& sorting, uint64_t bytes_per_second);

class LogRecoveries {
 public:
  // All outlive it; kick may be called for as long as calls are under way.
  LogRecoveries(LockerSession* locker, net::RpcClient* client, const ServerList* servers,
                Clock* clock, std::function<void()> kick, FaultInjector* faults = nullptr);

  // After each refresh of the list of servers: reads which logs there are, orders what is due;
  // `system_first`: what they hold of the system's tablets is waited for. After an error nothing
  // may be concluded.
  Status Refresh(bool system_first);

  // Of which tablets a log is recovered.
  enum class Part { kSystem, kAll };
  // What the recovery of this past incarnation's log waits for; "": it is recovered.
  std::string WhyNotRecovered(const std::string& server_id, uint64_t incarnation, Part part) const;
  // All past incarnations whose logs are not recovered, with what each waits for.
  const std::map<LogOwner, std::string>& gone() const { return gone_; }
  // The same of any log whose server is gone; "": there is none.
  std::string WhyNotAllRecovered(Part part) const;
  // How far the recovery of this log is by its server's report; nothing: none has begun.
  std::optional<wire::RecoveryProgress> ProgressOf(const LogOwner& gone) const;
  // As measured by the servers that live, or else kept in the Locker from earlier ones; 0: never.
  uint64_t bytes_per_second() const { return bytes_per_second_; }

 private:
  struct Order {
    bool under_way = false;
    bool done = false;
    bool system_only = false;  // what is under way
    bool system_tried = false, system_done = false;
    LogOwner by;  // who has it
    uint64_t number = 0;
    int failures = 0;
    std::string error;  // of the last attempt
    int64_t not_before_boot_ns = 0;
  };
  struct Shared {
    Mutex mu;
    std::map<LogOwner, Order> orders GUARDED_BY(mu);
  };
  enum class Fence { kStarting, kWait, kFenced };
  StatusOr<Fence> LookAtLock(const LogOwner& gone);
  Status Forget(const LogOwner& gone);
  Status KeepRate();
  // Orders it, if that can be; what it waits for.
  StatusOr<std::string> Advance(const LogOwner& gone, bool system_first);
  const LiveServer* Choose(int failures) const;
  static void Finish(Shared* shared, Clock* clock, const LogOwner& gone, uint64_t number,
                     const Status& status);
  void Send(const LogOwner& gone, const LiveServer& server, uint64_t number, bool system_only);

  LockerSession* const locker_;
  net::RpcClient* const client_;
  const ServerList* const servers_;
  Clock* const clock_;
  const std::function<void()> kick_;
  FaultInjector* const faults_;
  const int64_t begun_boot_ns_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::set<LogOwner> seen_alive_;
  std::map<LogOwner, std::string> gone_;  // why not recovered
  std::set<LogOwner> system_recovered_;   // of those
  std::set<LogOwner> starting_;           // they hold their locks and have not appeared
  uint64_t next_number_ = 1;
  uint64_t bytes_per_second_ = 0;
  std::optional<LockerValue> kept_rate_;  // version 0: there is none
};

}  // namespace stele::master
