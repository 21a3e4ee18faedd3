// Reconciler: makes the actual state (what servers report) agree with the desired one (the location
// tree), in passes. Level-triggered: a pass looks at everything and remembers nothing that matters,
// so nothing is lost with a message or a master. Order: root, METADATA tablets, catalog, users: no
// tablet needs one that comes later in order to open.
//
// A tablet changes its owner only when the old one holds it no more: it reported so, or its
// incarnation is gone and its log is recovered (PROMISES P14). A tablet is opened only while every
// other server reports and no log of a gone one is left: whoever had it last has then flushed it.
// The location is written before the server is told. Bound to the master thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/fault/fault.h"
#include "master/catalog/catalog.h"
#include "master/catalog/tablet_directory.h"
#include "master/placement/placement.h"
#include "master/procedures/procedure.h"
#include "master/servers/log_recoveries.h"
#include "master/servers/server_list.h"
#include "master/servers/tablet_control.h"

namespace stele::master {

// Why a tablet does not serve and what comes next, for the status pages.
struct TabletProgress {
  std::string state;  // "serving", "opening", "closing", "unassigned", "broken"
  std::string reason;
  std::string next_step;
  int64_t since_boot_ns = 0;  // of the state
};

class Reconciler {
 public:
  struct Parts {  // all outlive it
    ServerList* servers = nullptr;
    TabletDirectory* tablets = nullptr;
    Catalog* catalog = nullptr;
    TabletControl* control = nullptr;
    TabletControl* reshapes = nullptr;  // splits, merges, moves
    Clock* clock = nullptr;
    FaultInjector* faults = nullptr;
    // Null: of a cell in one process, where a server recovers its log itself before it appears;
    // log_recovered then tells of those that do not come again.
    LogRecoveries* recoveries = nullptr;
    std::function<bool(const std::string& server_id)> log_recovered;
  };
  explicit Reconciler(Parts parts) : parts_(std::move(parts)) {}

  // One pass. True: everything that should serve does. An error ends the pass; the next begins
  // anew.
  StatusOr<bool> RunPass();

  const std::map<TabletId, TabletProgress>& progress() const { return progress_; }

 private:
  // Assigns and opens those of `tablets` that do not serve; true when all do.
  StatusOr<bool> Bring(const std::vector<TabletLocation>& tablets);
  bool NeedsOwner(const TabletLocation& location);
  // What keeps the log of a gone owner from being recovered; "": nothing.
  std::string WhyLogIsNotRecovered(const TabletLocation& location) const;
  Status RefreshServers();
  bool SystemServes() const;
  std::string ServerToAvoid(const TabletLocation& location) const;
  std::vector<const ServerNode*> ServersForTablets() const;
  Status AssignAll(const std::vector<TabletLocation>& homeless);
  bool CheckOpen(const TabletLocation& location);
  // True when nobody but the owner has it; else tells the others to close it.
  bool OthersLetGo(const TabletLocation& location);
  void OrderOpen(const TabletLocation& location, const LiveServer& owner);
  void CheckSchema(const TabletLocation& location, const LiveServer& owner);
  ProcedureContext Context() const;
  Status BringSystem(bool* all_serving);
  Status MakeFirstMetadataTablet();
  Status MarkMade(const std::vector<TabletLocation>& tablets);
  void CloseStrays();
  bool IsMerged(const TabletLocation& location);
  void Note(TabletId tablet, const char* state, std::string reason, std::string next_step);

  const Parts parts_;
  std::map<TabletId, TabletProgress> progress_;
};

}  // namespace stele::master
