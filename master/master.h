// Master: the one process of a cell that decides which server has which tablet, and that creates,
// changes and drops tables. It serves Cell.GetRoot and the Master methods. It keeps nothing that is
// not in the Locker, in METADATA or in the catalog, so another may go on at any moment; when it is
// gone, reads and writes go on without it.
//
// One thread does all work, in passes: the servers' reports, the reconciler, one step of each
// unfinished procedure, the answers to who waits. Requests that change something are queued for it;
// the others are answered on the io thread from the view of the last pass.
//
// The master's lock is leased like a server's (locker/lease.h); when the lease is over, on_fatal
// runs once and no pass begins any more.
//
// Of several masters of a cell one is active, who has the lock; the others stand by: they listen,
// refuse everything, and wait for it. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/fault/fault.h"
#include "common/net/rpc.h"
#include "locker/lease.h"
#include "locker/locker.h"
#include "master/cell_view.h"
#include "master/events/event_log.h"
#include "master/load/load_watch.h"
#include "master/placement/balancer.h"
#include "master/reshaper.h"
#include "schema/convert/process_messages.h"

namespace stele::master {

struct MasterOptions {
  std::string cell_name = "stele";
  std::string rpc_address = "127.0.0.1:0";
  std::string advertised_address;  // told to others instead of the one above; empty: that one
  std::string http_address;        // only told to others
  net::RpcOptions rpc;
  LeaseOptions lease;
  int64_t pass_interval_ms = 1'000;    // when all is well; 10 ..
  int64_t busy_pass_interval_ms = 20;  // when something is to be done; 1 ..
  int64_t call_timeout_ms = 5'000;     // reads and writes of system tablets
  int64_t report_timeout_ms = 2'000;
  int64_t garbage_collection_interval_ms = 60'000;  // 0: never
  ReshapeOptions reshape;
  BalanceOptions balance;
  size_t max_events = EventLog::kMaxEvents;  // kept of those that happened
  // Wait for the lock, as a standby; else Start fails when another has it.
  bool stand_by = false;
};

struct MasterEnv {  // all outlive the master
  Locker* locker = nullptr;
  Clock* clock = nullptr;
  FaultInjector* faults = nullptr;
  // See Reconciler::Parts. Null: the servers' logs are of incarnations, and recovered by others.
  std::function<bool(const std::string& server_id)> log_recovered;
  std::function<void(const Status&)> on_fatal;
  std::function<void(const std::string& address)> on_standby;  // once, when it begins to wait
  const wire::ProcessOptions* options = nullptr;               // of the process; null: it has none
  std::function<bool()> stop_waiting;  // true: Start gives up with Cancelled; may be null
};

class Master {
 public:
  // Listens, takes the master lock (Unavailable when another has it), begins its passes.
  static StatusOr<std::unique_ptr<Master>> Start(const MasterOptions& options,
                                                 const MasterEnv& env);
  virtual ~Master() = default;  // Stop()

  virtual std::string address() const = 0;
  virtual std::shared_ptr<const CellView> view() const = 0;
  virtual StatusOr<wire::ListEventsResponse> events(const wire::ListEventsRequest& query) const = 0;
  // What the servers are asked for; while this is the active master.
  virtual std::shared_ptr<const LoadWatch> load() const = 0;
  // Other rules from the next pass on. Does not wait for it.
  virtual void Retune(const ReshapeOptions& reshape, const BalanceOptions& balance) = 0;

  // Waits until every tablet serves or is known to be broken; DeadlineExceeded naming one that is
  // not there yet.
  virtual Status WaitUntilSettled(int64_t timeout_ms) = 0;
  virtual void Stop() = 0;  // once; not from one of its own threads
};

}  // namespace stele::master
