// TabletService: the methods by which the master runs this server's tablets: open, close, alter,
// drop, split, merge, flush, compact, verify, report; and the samples of its keys. What blocks goes
// to pools of its own, so that a long compaction keeps no tablet from opening, and a thousand
// tablets of users none of the system's. Thread-safe.
#pragma once

#include <functional>
#include <string>

#include "common/net/rpc.h"
#include "common/pool/work_pool.h"
#include "schema/convert/messages.h"
#include "schema/wire/method.h"
#include "tabletserver/rpc/request_times.h"
#include "tabletserver/tablet/tablet_map.h"

namespace stele::tabletserver {

class TabletService {
 public:
  // All outlive the service.
  struct Parts {
    TabletMap* tablets = nullptr;
    storage::Engine* engine = nullptr;
    BlobStore* store = nullptr;
    WorkPool* tablet_pool = nullptr;       // opens, closes
    WorkPool* system_pool = nullptr;       // the same of the system's tablets, which come first
    WorkPool* flush_pool = nullptr;        // a drain waits for them
    WorkPool* maintenance_pool = nullptr;  // compactions, verifications, file GC
    WorkPool* recovery_pool = nullptr;     // of other servers' logs
    std::string server_id;
    uint64_t incarnation = 0;
    const RequestTimes* times = nullptr;
    std::function<wire::ServerStatusResponse()> status;
    std::function<bool()> leaving;
    std::function<Status(const std::string& server_id, uint64_t incarnation, bool system_only)>
        recover_log;
  };
  explicit TabletService(Parts parts) : parts_(std::move(parts)) {}

  // REQUIRES: the method is one of the tablet server's, not of the data service.
  void Handle(wire::Method method, net::RpcRequest request, net::RpcReply reply);

 private:
  void Open(const net::RpcRequest& request, net::RpcReply reply);
  void Close(const net::RpcRequest& request, net::RpcReply reply);
  void Alter(const net::RpcRequest& request, net::RpcReply reply);
  void Split(const net::RpcRequest& request, net::RpcReply reply);
  void Merge(wire::Method method, const net::RpcRequest& request, net::RpcReply reply);
  void DropRows(const net::RpcRequest& request, net::RpcReply reply);
  void SampleRowKeys(const net::RpcRequest& request, net::RpcReply reply);
  void RecoverLog(const net::RpcRequest& request, net::RpcReply reply);
  void OneTablet(wire::Method method, const net::RpcRequest& request, net::RpcReply reply);
  void Verify(const net::RpcRequest& request, net::RpcReply reply);
  void Report(net::RpcReply reply);
  void ReportLoad(net::RpcReply reply);
  // Of the opens, closes and splits of the tablet.
  WorkPool* PoolOf(TabletId tablet) const;
  // Runs `work` on the pool and answers with its status.
  static void RunOn(WorkPool* pool, net::RpcReply reply, std::function<Status()> work);

  const Parts parts_;
};

}  // namespace stele::tabletserver
