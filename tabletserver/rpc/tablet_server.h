// TabletServer: one tablet server whole: session, lease, engine, tablet map, services, RPC.
//
// Start: take the server's lock (its epoch is the incarnation), hold the lease, open the engine
// (which recovers its log, if it has one from earlier), listen, and only then appear in /servers:
// whoever sees the node may give tablets. End: on_fatal runs once, on any thread, when the server
// must not go on (lease over, storage failed or stalled); from then on every request is answered
// Unavailable. The owner then ends the process with ExitCodeForFatal(status), or destroys the
// server. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/fault/fault.h"
#include "common/net/rpc.h"
#include "locker/lease.h"
#include "locker/locker.h"
#include "schema/convert/load_messages.h"
#include "schema/convert/messages.h"
#include "schema/convert/process_messages.h"
#include "tabletserver/rpc/server_insight.h"
#include "tabletserver/storage/engine.h"

namespace stele::tabletserver {

struct TabletServerOptions {
  std::string server_id;  // [A-Za-z0-9._-]{1,64}; names the log
  std::string rpc_address = "127.0.0.1:0";
  std::string advertised_address;  // told to others instead of the one above; empty: that one
  std::string http_address;        // only told to others
  net::RpcOptions rpc;
  storage::EngineOptions engine;
  LeaseOptions lease;
  uint32_t disk_threads = 8;                  // 1 .. 256
  uint32_t max_queued_reads = 4096;           // waiting for a disk thread
  uint64_t max_in_flight_bytes = 256u << 20;  // of requests
  // Reads that wait inside a row larger than a page, and what only they keep in memory.
  uint32_t max_parked_reads_per_connection = 1'000;
  uint64_t max_parked_read_bytes = 64u << 20;
  int64_t parked_read_ttl_ms = 60'000;
  int64_t disk_stall_timeout_ms = 5'000;  // below the session timeout
  // In a cell of several processes each incarnation has a log of its own, "<server
  // id>.<incarnation>", which another server recovers when the master says so; else the server
  // recovers its one log itself when it starts.
  bool log_of_incarnation = false;
  // How long Start waits for the lock that an earlier process of this server still has.
  int64_t lock_wait_ms = 0;
};

struct TabletServerEnv {  // all outlive the server
  BlobStore* store = nullptr;
  Clock* clock = nullptr;
  Locker* locker = nullptr;
  FaultInjector* faults = nullptr;
  std::function<void(const Status&)> on_fatal;
  std::function<bool()> stop_waiting;  // true: Start gives up waiting for the lock; may be null
  const wire::ProcessOptions* options = nullptr;  // of the process; null: it has none
  // An operator asks it to end for its supervisor to start it again; on an io thread, must not
  // block. Null: refused.
  std::function<void()> on_restart;
};

class TabletServer {
 public:
  static StatusOr<std::unique_ptr<TabletServer>> Start(const TabletServerOptions& options,
                                                       const TabletServerEnv& env);
  virtual ~TabletServer() = default;  // Stop(false)

  virtual const std::string& server_id() const = 0;
  virtual std::string address() const = 0;
  virtual uint64_t incarnation() const = 0;

  // For status pages.
  virtual wire::ServerStatusResponse status() const = 0;
  virtual ServerInsight insight() const = 0;  // looks at every tablet
  virtual std::vector<wire::TabletReport> tablets() const = 0;
  virtual std::vector<wire::TableTimes> times() const = 0;  // of all requests since its start

  // Options that change while it runs.
  virtual void Retune(const storage::EngineTuning& tuning) = 0;

  // Asks the cell to give its tablets to others, while it serves on, and waits until they have
  // them. Gives up after timeout_ms, when for a while no tablet has gone (there is no master, or no
  // room), and at once when no other server is there; what is left is then served until Stop, and
  // by others after it. Once, before Stop.
  virtual void Leave(int64_t timeout_ms) = 0;

  // With drain: answers what is in flight, flushes and closes the log cleanly. Without: as a crash
  // would leave it. Once; not from a server thread.
  virtual Status Stop(bool drain) = 0;
};

}  // namespace stele::tabletserver
