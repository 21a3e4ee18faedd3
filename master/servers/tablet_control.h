// TabletControl: the orders that the master gives to tablet servers. One instance has those that
// make a tablet serve, another those that split, merge and move it. At most one order a tablet is
// under way; what it came to is remembered until the next: failures are counted and put off, longer
// each time. Thread-safe; answers arrive on io threads and wake the master by `kick`.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/net/rpc.h"
#include "common/time/clock.h"
#include "locker/server_node.h"
#include "schema/convert/messages.h"
#include "schema/convert/reshape_messages.h"
#include "schema/wire/method.h"

namespace stele::master {

class TabletControl {
 public:
  struct Failure {
    Status error;
    int count = 0;                   // in a row
    int64_t not_before_boot_ns = 0;  // the next attempt
  };

  // `client` and `clock` outlive it; kick may be called for as long as calls are under way.
  TabletControl(net::RpcClient* client, Clock* clock, std::function<void()> kick);

  // Each does nothing when an order for the tablet (of a merge: for either) is under way or put
  // off.
  void Open(const ServerNode& server, const wire::OpenTabletRequest& request);
  void Close(const ServerNode& server, const wire::CloseTabletRequest& request);
  void Alter(const ServerNode& server, const wire::AlterTabletRequest& request);
  void DropRows(const ServerNode& server, const wire::DropTabletRowsRequest& request);

  void Flush(const ServerNode& server, TabletId tablet);
  void Split(const ServerNode& server, const wire::SplitTabletRequest& request);
  void Merge(const ServerNode& server, const wire::MergeTabletsRequest& request);  // of the right

  // Orders to servers that are not among `alive` (addresses) are under way no more and failed,
  // Unavailable, without a delay for the next; what they may still answer is not listened to.
  void AbandonOrdersToOthers(const std::set<std::string>& alive);

  // Whether an order would be given now, and what the last one did is in the reports (Seen). Of a
  // merge that is so of both tablets.
  bool Ready(TabletId tablet) const;
  bool UnderWay(TabletId tablet) const;
  // How many orders have ended. All reports were asked for after that many had: what they did is
  // seen.
  uint64_t Ended() const;
  void Seen(uint64_t ended);
  std::optional<Failure> LastFailure(TabletId tablet) const;
  void ForgetFailure(TabletId tablet);

  // Deletes the manifest of a tablet that was merged; waits.
  Status ForgetMerged(const ServerNode& server, const wire::MergeTabletsRequest& request);
  // Deletes the tablets' manifests through one server; waits.
  Status DropAll(const ServerNode& server, const std::vector<TabletLocation>& tablets);

 private:
  struct Shared {
    Mutex mu;
    struct Call {
      uint64_t number = 0;
      std::string address;
      TabletId left = 0;     // that is merged into the tablet
      bool is_left = false;  // of such an order
    };
    std::map<TabletId, Call> under_way GUARDED_BY(mu);
    uint64_t next_number GUARDED_BY(mu) = 1, ended GUARDED_BY(mu) = 0;
    std::map<TabletId, uint64_t> unseen GUARDED_BY(mu);  // as which its last order ended
    std::map<TabletId, Failure> failures GUARDED_BY(mu);
  };
  void Order(const ServerNode& server, wire::Method method, TabletId tablet,
             StatusOr<net::Buffer> body, TabletId left = 0);
  static void Finish(Shared* shared, Clock* clock, TabletId tablet, uint64_t number,
                     const Status& status);

  net::RpcClient* const client_;
  Clock* const clock_;
  const std::function<void()> kick_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace stele::master
