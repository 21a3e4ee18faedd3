// Cell: a whole cell in one process: embedded Locker, tablet servers, master, status pages, over
// one data directory, through the real RPC and the real three-level tree. What `stele local` runs
// and what tests use.
//
// Start returns when every tablet serves or is known to be broken. A data directory is used by one
// process at a time. With fewer tablet servers than the last time, the logs of those that are gone
// are first recovered, so that the others may have their tablets.
//
// on_fatal runs once, on any thread, when a role must not go on; from then on nothing is
// acknowledged. The owner ends the process with ExitCodeForFatal(status), or destroys the cell.
// Thread-safe but for Stop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/fault/fault.h"
#include "common/net/rpc.h"
#include "common/store/blob_store.h"
#include "common/store/fs.h"
#include "common/time/clock.h"
#include "master/cell_view.h"
#include "master/events/event_log.h"
#include "master/placement/balancer.h"
#include "master/reshaper.h"
#include "schema/convert/messages.h"
#include "schema/convert/process_messages.h"
#include "tabletserver/storage/engine.h"
#include "tabletserver/tablet/exit_code.h"

namespace stele::deploy {

struct CellOptions {
  std::string data_dir;
  bool create = true;          // make the data directory when it is not there
  Fs* fs = nullptr;            // null: the machine's; for data_dir
  BlobStore* store = nullptr;  // instead of fs and data_dir; outlives the cell
  Clock* clock = nullptr;      // null: the machine's
  FaultInjector* faults = nullptr;

  std::string name = "local";
  std::string rpc_address = "127.0.0.1:0";   // the cell's address: the master's
  std::string http_address = "127.0.0.1:0";  // status pages; empty: none
  uint32_t tablet_servers = 1;               // 1 .. 64; on free ports of rpc_address' host
  net::RpcOptions rpc;
  storage::EngineOptions engine;        // of each tablet server
  uint32_t disk_threads = 8;            // of each tablet server
  uint32_t io_threads = 1;              // likewise
  int64_t session_timeout_ms = 10'000;  // 500 ..
  int64_t start_timeout_ms = 120'000;
  int64_t garbage_collection_interval_ms = 60'000;  // 0: never
  master::ReshapeOptions reshape;
  master::BalanceOptions balance;
  size_t max_events = master::EventLog::kMaxEvents;
  std::function<void(const Status&)> on_fatal;
  const wire::ProcessOptions* options = nullptr;  // of the process; outlives the cell; null: none
};

class Cell {
 public:
  // InvalidArgument (an option), FailedPrecondition (not a data directory, or of a newer format),
  // Unavailable (in use by another process; address in use), DataLoss, I/O errors: each is one
  // sentence. ExitCodeForStart tells the process's exit code.
  static StatusOr<std::unique_ptr<Cell>> Start(const CellOptions& options);
  virtual ~Cell() = default;  // Stop(false)

  virtual std::string address() const = 0;       // rpc
  virtual std::string http_address() const = 0;  // empty: none
  virtual std::shared_ptr<const master::CellView> view() const = 0;
  virtual std::vector<wire::ServerStatusResponse> server_status() const = 0;

  // Options that change while it runs.
  virtual void Retune(const master::ReshapeOptions& reshape,
                      const master::BalanceOptions& balance) = 0;
  virtual void Retune(const storage::EngineTuning& tuning) = 0;

  // With drain: answers what is in flight, flushes everything, closes the logs cleanly. Without: as
  // a crash would leave it. Once.
  virtual Status Stop(bool drain) = 0;
};

using tabletserver::ExitCode;
using tabletserver::ExitCodeForFatal;
using tabletserver::ExitCodeForStart;

}  // namespace stele::deploy
