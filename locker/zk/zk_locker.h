// ZkLocker: the Locker of a cell on many machines, kept by ZooKeeper (3.5 or later). A
// LockerSession is a session of ZooKeeper; the client keeps it alive by itself, so what a hung
// process loses is not its session but its lease (locker/lease.h). An epoch is the zxid that
// created the node.
//
// A lost connection is not a lost session: calls wait for the next one until their deadline, and a
// request whose answer was lost is looked for, by a token in the node, before it is made again.
// What cannot be found out is Unknown. After each reconnection all watches fire, since they may
// have missed something. A session that ended answers Aborted, for ever, and its watches have
// fired.
//
// On disk of ZooKeeper: see README.md. With credentials, only who has them may read or change what
// this Locker makes; what is there already keeps its rights. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/time/clock.h"
#include "locker/locker.h"

namespace stele {

struct ZkLockerOptions {
  std::string address;      // zk://host:port[,host:port]*[/chroot]; the chroot is made when missing
  std::string credentials;  // "user:password" (digest); empty: none
  int64_t session_timeout_ns = 10'000'000'000;  // asked for, 100 ms ..; ZooKeeper may decide else
  int64_t call_timeout_ns = 10'000'000'000;     // of each call, and of opening a session
  // The ensemble's tickTime, by which lease_margin_ns is reckoned. 0: not known; half of the
  // session timeout then, since ZooKeeper grants at least two ticks unless it is told to.
  int64_t tick_ns = 0;
};

// InvalidArgument for an address or an option. Connects to nothing yet. `clock` outlives the Locker
// and its sessions; a session may outlive the Locker.
StatusOr<std::unique_ptr<Locker>> OpenZkLocker(const ZkLockerOptions& options, Clock* clock);

}  // namespace stele
