// DataService: reading and changing rows of one tablet server.
//
// The walk of a write (numbers name the steps, STELE design section 4):
//   1 the io thread decodes, admits the bytes, finds the tablet       a crash here: no effect
//   2 each row is validated and queued in the commit log              may or may not survive
//   3 the log thread writes, syncs, checks the lease, applies         durable from the sync on
//   4 the last row's completion sends the one answer of the batch     acknowledged
// A row whose outcome is not known is marked so; every row gets exactly one result.
//
// A read is tried on the io thread without blocking (point_read.h: the blocks of a plain read of
// one row also from the page cache); when a block is missing it is handed, with what it has, to the
// disk pool. The lease is checked after
// the data was read and before the answer leaves (PROMISES P13). It is given up when its client
// cancels it, its connection ends, or its time is over. Thread-safe; outlives the engine's
// callbacks.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "common/net/rpc.h"
#include "common/pool/work_pool.h"
#include "schema/convert/messages.h"
#include "tabletserver/rpc/admission.h"
#include "tabletserver/rpc/parked_reads.h"
#include "tabletserver/rpc/point_read.h"
#include "tabletserver/rpc/request_times.h"
#include "tabletserver/rpc/slow_requests.h"
#include "tabletserver/tablet/progress_watch.h"
#include "tabletserver/tablet/tablet_map.h"

namespace stele::tabletserver {

class DataService {
 public:
  // All outlive the service.
  struct Parts {
    TabletMap* tablets = nullptr;
    Admission* admission = nullptr;
    ParkedReads* parked = nullptr;
    WorkPool* disk_pool = nullptr;
    WorkPool* system_disk_pool =
        nullptr;  // reads of the system's tablets that have to wait for a disk
    ProgressWatch* progress = nullptr;
    Clock* clock = nullptr;
    RequestTimes* times = nullptr;
    SlowRequests* slow = nullptr;
    std::function<Status()> lease_check;
  };
  explicit DataService(Parts parts) : parts_(std::move(parts)) {}

  void MutateRows(net::RpcRequest&& request, net::RpcReply&& reply);
  void ReadRows(net::RpcRequest&& request, net::RpcReply&& reply);
  void ReadModifyWriteRow(net::RpcRequest&& request, net::RpcReply&& reply);
  void CheckAndMutateRow(net::RpcRequest&& request, net::RpcReply&& reply);

  // That were begun and given up.
  uint64_t dropped_reads() const { return dropped_reads_.load(std::memory_order_relaxed); }

 private:
  struct PendingChange;
  template <typename Message>
  std::shared_ptr<PendingChange> BeginChange(net::RpcRequest* request, net::RpcReply reply,
                                             Message* message,
                                             std::shared_ptr<storage::TabletStore>* store);
  static wire::RowResult ResultOf(const Status& status);
  static void CountRead(const wire::ReadRowsRequest& read, storage::TabletStore* store);
  static Status CheckTable(const storage::TabletStore& store, TableId table);

  struct WriteBatch;
  struct PendingRead;
  // kRead: it was answered.
  PointTry ReadPoint(const net::RpcRequest& request, int64_t begun_ns, net::RpcReply* reply);
  void NotePoint(const wire::PointRequest& point, const wire::ReadStats& stats, int64_t begun_ns);
  Status Begin(net::RpcRequest* request, PendingRead* read);
  // Counts the time of an answer that is about to leave; the slowest are kept.
  void NoteRead(const PendingRead& read, const Status& status, int64_t now_ns);
  template <typename Message>
  void NoteChange(SlowRequest::Kind kind, TableId table, const net::Buffer& request,
                  int64_t begun_ns, int64_t queued_ns, const Status& status);
  // To a change that the log, mostly, has done with, on whatever thread.
  void AnswerChange(net::RpcReply* reply, StatusOr<net::Buffer> answer);
  void FinishRow(const std::shared_ptr<WriteBatch>& batch, size_t index, const Status& status);
  void FinishRead(PendingRead* read, const StatusOr<bool>& outcome);
  static Status CheckDeadline(int64_t deadline_boot_ns, int64_t now_ns);

  const Parts parts_;
  std::atomic<uint64_t> dropped_reads_{0};
};

}  // namespace stele::tabletserver
