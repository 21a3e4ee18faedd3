// ServerList: the tablet servers that hold a /servers node now, and what each serves by its own
// report: the actual state that the reconciler compares with the desired one. Refreshed as a whole,
// reports asked for in parallel. Bound to the master thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/net/rpc.h"
#include "common/time/clock.h"
#include "locker/locker.h"
#include "locker/server_node.h"
#include "schema/convert/messages.h"

namespace stele::master {

struct LiveServer {
  ServerNode node;
  Status report_status;  // of the last report; not OK: what follows is old or empty
  int64_t reported_boot_ns = 0;
  bool leaving = false;  // it says so, for as long as it lives
  std::map<TabletId, wire::TabletReport> tablets;
  std::vector<wire::LogSorting> sortings;            // of others' logs, under way
  uint64_t sorted_log_bytes = 0, sorted_log_ms = 0;  // of all it has recovered
};

class ServerList {
 public:
  // All outlive the list.
  ServerList(LockerSession* locker, net::RpcClient* client, Clock* clock, int64_t report_timeout_ms)
      : locker_(locker), client_(client), clock_(clock), report_timeout_ms_(report_timeout_ms) {}

  // An error leaves the list as it was: nothing may be concluded from a Locker that is silent.
  Status Refresh();

  const std::map<std::string, LiveServer>& servers() const { return servers_; }
  // Null unless the server lives in exactly this incarnation.
  const LiveServer* Find(const std::string& server_id, uint64_t incarnation) const;

  struct Holder {
    const LiveServer* server = nullptr;
    const wire::TabletReport* report = nullptr;
  };
  // All servers that report the tablet, in whatever state.
  const std::vector<Holder>& HoldersOf(TabletId tablet) const;
  // The tablet is open at its desired owner under its desired epoch.
  bool IsServing(const TabletLocation& location) const;

 private:
  Status ReadNodes(std::map<std::string, LiveServer>* next);
  void AskForReports();

  LockerSession* const locker_;
  net::RpcClient* const client_;
  Clock* const clock_;
  const int64_t report_timeout_ms_;
  void IndexHolders();
  std::map<std::string, LiveServer> servers_;
  std::map<TabletId, std::vector<Holder>> holders_;  // of servers_
  const std::vector<Holder> nobody_;
};

}  // namespace stele::master
