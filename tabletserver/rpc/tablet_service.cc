#include "tabletserver/rpc/tablet_service.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "locker/server_node.h"
#include "schema/convert/codec.h"
#include "schema/convert/error_payload.h"
#include "tabletserver/storage/verify_file.h"

namespace stele::tabletserver {
namespace {

constexpr int64_t kRetryDelayMs = 200;
constexpr uint64_t kDefaultSampleStepBytes = 4u << 20;

}  // namespace

void TabletService::RunOn(WorkPool* pool, net::RpcReply reply, std::function<Status()> work) {
  auto shared = std::make_shared<net::RpcReply>(std::move(reply));
  Status handed = pool->Submit([shared, work = std::move(work)] {
    Status done = work();
    if (!done.ok()) return shared->Error(done);
    shared->Send(wire::Encode(wire::Empty()));
  });
  if (!handed.ok()) shared->Error(wire::OverloadedError(handed.message(), kRetryDelayMs));
}

void TabletService::Handle(wire::Method method, net::RpcRequest request, net::RpcReply reply) {
  switch (method) {
    case wire::Method::kOpenTablet:
      return Open(request, std::move(reply));
    case wire::Method::kCloseTablet:
      return Close(request, std::move(reply));
    case wire::Method::kAlterTablet:
      return Alter(request, std::move(reply));
    case wire::Method::kDropTabletRows:
      return DropRows(request, std::move(reply));
    case wire::Method::kSampleRowKeys:
      return SampleRowKeys(request, std::move(reply));
    case wire::Method::kFlushTablet:
    case wire::Method::kCompactTablet:
    case wire::Method::kDropTablet:
      return OneTablet(method, request, std::move(reply));
    case wire::Method::kSplitTablet:
      return Split(request, std::move(reply));
    case wire::Method::kMergeTablets:
    case wire::Method::kForgetMerged:
      return Merge(method, request, std::move(reply));
    case wire::Method::kRecoverLog:
      return RecoverLog(request, std::move(reply));
    case wire::Method::kReportTablets:
      return Report(std::move(reply));
    case wire::Method::kReportLoad:
      return ReportLoad(std::move(reply));
    case wire::Method::kVerifyTablet:
      return Verify(request, std::move(reply));
    case wire::Method::kServerStatus:
      return reply.Send(wire::Encode(parts_.status()));
    case wire::Method::kCollectGarbage:
      return RunOn(parts_.maintenance_pool, std::move(reply),
                   [this] { return parts_.engine->CollectGarbage().status(); });
    default:
      return reply.Error(absl::UnimplementedError("not a method of a tablet server"));
  }
}

WorkPool* TabletService::PoolOf(TabletId tablet) const {
  return IsSystemTablet(tablet) ? parts_.system_pool : parts_.tablet_pool;
}

void TabletService::Open(const net::RpcRequest& request, net::RpcReply reply) {
  wire::OpenTabletRequest message;
  if (Status bad = wire::Decode(request.body, &message); !bad.ok()) return reply.Error(bad);
  RunOn(PoolOf(message.tablet), std::move(reply),
        [this, message] { return parts_.tablets->Open(message); });
}

void TabletService::Close(const net::RpcRequest& request, net::RpcReply reply) {
  wire::CloseTabletRequest message;
  if (Status bad = wire::Decode(request.body, &message); !bad.ok()) return reply.Error(bad);
  RunOn(PoolOf(message.tablet), std::move(reply),
        [this, message] { return parts_.tablets->Close(message); });
}

void TabletService::Alter(const net::RpcRequest& request, net::RpcReply reply) {
  wire::AlterTabletRequest message;
  if (Status bad = wire::Decode(request.body, &message); !bad.ok()) return reply.Error(bad);
  if (Status bad = ValidateSchema(message.schema); !bad.ok()) return reply.Error(bad);
  RunOn(parts_.tablet_pool, std::move(reply), [this, message = std::move(message)] {
    return parts_.tablets->Alter(message.tablet, message.epoch, message.schema);
  });
}

void TabletService::Split(const net::RpcRequest& request, net::RpcReply reply) {
  wire::SplitTabletRequest message;
  if (Status bad = wire::Decode(request.body, &message); !bad.ok()) return reply.Error(bad);
  RunOn(PoolOf(message.tablet), std::move(reply),
        [this, message] { return parts_.tablets->Split(message); });
}

void TabletService::Merge(wire::Method method, const net::RpcRequest& request,
                          net::RpcReply reply) {
  wire::MergeTabletsRequest message;
  if (Status bad = wire::Decode(request.body, &message); !bad.ok()) return reply.Error(bad);
  RunOn(PoolOf(message.right), std::move(reply), [this, method, message] {
    return method == wire::Method::kMergeTablets ? parts_.tablets->Merge(message)
                                                 : parts_.tablets->ForgetMerged(message);
  });
}

void TabletService::DropRows(const net::RpcRequest& request, net::RpcReply reply) {
  wire::DropTabletRowsRequest message;
  if (Status bad = wire::Decode(request.body, &message); !bad.ok()) return reply.Error(bad);
  if (message.order == 0) {
    return reply.Error(absl::InvalidArgumentError("an order to drop rows has number 0"));
  }
  RunOn(parts_.tablet_pool, std::move(reply),
        [this, message = std::move(message)] { return parts_.tablets->DropRows(message); });
}

void TabletService::SampleRowKeys(const net::RpcRequest& request, net::RpcReply reply) {
  wire::SampleRowKeysRequest message;
  if (Status bad = wire::Decode(request.body, &message); !bad.ok()) return reply.Error(bad);
  auto store = parts_.tablets->Find(message.tablet);
  if (!store.ok()) return reply.Error(store.status());
  const TabletDescriptor& tablet = (*store)->descriptor();
  if (tablet.table != message.table || !tablet.Contains(message.after + '\0')) {
    return reply.Error(wire::NotServedError(
        absl::StrCat("tablet ", message.tablet, " does not hold these rows"), nullptr));
  }
  const uint64_t step = message.step_bytes == 0 ? kDefaultSampleStepBytes : message.step_bytes;
  auto shared = std::make_shared<net::RpcReply>(std::move(reply));
  Status handed = parts_.tablet_pool->Submit([shared, step, store = *store] {
    auto samples = store->SampleRowKeys(step);
    if (!samples.ok()) return shared->Error(samples.status());
    wire::SampleRowKeysResponse response;
    for (storage::RowKeySample& sample : *samples) {
      response.samples.push_back({std::move(sample.row), sample.bytes, sample.rows});
    }
    shared->Send(wire::Encode(response));
  });
  if (!handed.ok()) shared->Error(wire::OverloadedError(handed.message(), kRetryDelayMs));
}

void TabletService::RecoverLog(const net::RpcRequest& request, net::RpcReply reply) {
  wire::RecoverLogRequest message;
  if (Status bad = wire::Decode(request.body, &message); !bad.ok()) return reply.Error(bad);
  // What the system waits for does not stand behind the sort of a whole log.
  WorkPool* const pool = message.system_only ? parts_.system_pool : parts_.recovery_pool;
  RunOn(pool, std::move(reply), [this, message = std::move(message)] {
    return parts_.recover_log(message.server_id, message.incarnation, message.system_only);
  });
}

void TabletService::OneTablet(wire::Method method, const net::RpcRequest& request,
                              net::RpcReply reply) {
  wire::TabletRequest message;
  if (Status bad = wire::Decode(request.body, &message); !bad.ok()) return reply.Error(bad);
  if (method == wire::Method::kDropTablet) {
    return RunOn(PoolOf(message.tablet), std::move(reply),
                 [this, message] { return parts_.tablets->Drop(message.tablet, message.epoch); });
  }
  const bool flush = method == wire::Method::kFlushTablet;
  WorkPool* const pool = flush ? parts_.flush_pool : parts_.maintenance_pool;
  RunOn(pool, std::move(reply), [this, flush, message]() -> Status {
    ASSIGN_OR_RETURN(auto store, parts_.tablets->Find(message.tablet, message.epoch));
    return flush ? store->Flush() : store->CompactMajor();
  });
}

namespace {

// Of the tablet as it is now. A file that is gone by the time it is looked at was compacted away,
// if the tablet does not name it any more.
StatusOr<wire::VerifyTabletResponse> VerifyFiles(BlobStore* blobs,
                                                 const storage::TabletStore& tablet) {
  wire::VerifyTabletResponse response;
  for (const storage::ManifestFile& file : tablet.files()) {
    Status status = storage::VerifyFile(blobs, file);
    if (status.ok()) {
      ++response.files;
      response.bytes += file.bytes;
      continue;
    }
    const std::vector<storage::ManifestFile> now = tablet.files();
    const bool named =
        std::any_of(now.begin(), now.end(), [&](const auto& one) { return one.blob == file.blob; });
    if (!named) continue;
    if (!IsCorrupt(status) && !IsNotFound(status)) return status;
    if (response.damage.size() == wire::kMaxDamageReports) break;
    response.damage.push_back(std::string(status.message()));
  }
  return response;
}

}  // namespace

void TabletService::Verify(const net::RpcRequest& request, net::RpcReply reply) {
  wire::TabletRequest message;
  if (Status bad = wire::Decode(request.body, &message); !bad.ok()) return reply.Error(bad);
  auto store = parts_.tablets->Find(message.tablet, message.epoch);
  if (!store.ok()) return reply.Error(store.status());
  auto shared = std::make_shared<net::RpcReply>(std::move(reply));
  Status handed =
      parts_.maintenance_pool->Submit([shared, blobs = parts_.store, store = *std::move(store)] {
        auto verified = VerifyFiles(blobs, *store);
        if (!verified.ok()) return shared->Error(verified.status());
        shared->Send(wire::Encode(*verified));
      });
  if (!handed.ok()) shared->Error(wire::OverloadedError(handed.message(), kRetryDelayMs));
}

void TabletService::Report(net::RpcReply reply) {
  wire::ReportTabletsResponse response;
  response.server_id = parts_.server_id;
  response.incarnation = parts_.incarnation;
  response.leaving = parts_.leaving();
  response.tablets = parts_.tablets->Report();
  const storage::EngineStats stats = parts_.engine->stats();
  for (const storage::LogSorting& sorting : stats.sortings) {
    StatusOr<LogOwner> owner = ParseLogName(sorting.log);
    if (!owner.ok()) continue;  // of a test's own naming
    response.sortings.push_back({owner->server_id, owner->incarnation, sorting.bytes_done,
                                 sorting.bytes_total, sorting.tablets_done, sorting.tablets_total,
                                 sorting.running_ms});
  }
  response.sorted_log_bytes = stats.sorted_log_bytes;
  response.sorted_log_ms = stats.sorted_log_ms;
  reply.Send(wire::Encode(response));
}

void TabletService::ReportLoad(net::RpcReply reply) {
  reply.Send(wire::Encode(wire::ReportLoadResponse{
      parts_.server_id, parts_.incarnation, parts_.tablets->ReportLoad(), parts_.times->Report()}));
}

}  // namespace stele::tabletserver
