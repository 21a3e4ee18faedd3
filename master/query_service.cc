#include "master/query_service.h"

#include <atomic>
#include <memory>
#include <utility>

#include "common/base/mutex.h"
#include "schema/convert/codec.h"
#include "schema/wire/method.h"

namespace stele::master {
namespace {

constexpr int64_t kMaintenanceTimeoutMs = 3'600'000;

StatusOr<wire::GetTableResponse> FindTable(const CellView& view, const net::RpcRequest& request) {
  wire::TableNameRequest message;
  RETURN_IF_ERROR(wire::Decode(request.body, &message));
  if (auto it = view.tables.find(message.table); it != view.tables.end()) return it->second;
  if (!view.ready) return absl::UnavailableError("the master is not ready yet");
  auto state = view.table_states.find(message.table);
  if (state != view.table_states.end() && state->second == "creating") {
    return absl::UnavailableError(absl::StrCat("table \"", message.table, "\" is being created"));
  }
  return absl::NotFoundError(absl::StrCat("table \"", message.table, "\" does not exist"));
}

// Counts the answers of all tablets down; the first error is the answer.
struct Gathered {
  Gathered(net::RpcReply r, size_t n) : reply(std::move(r)), missing(n) {}
  net::RpcReply reply;
  Mutex mu;
  size_t missing GUARDED_BY(mu);
  Status first_error GUARDED_BY(mu);

  void Take(const Status& status) {
    {
      MutexLock lock(&mu);
      if (first_error.ok()) first_error = status;
      if (--missing != 0) return;
    }
    Answer();
  }
  void Answer() NO_THREAD_SAFETY_ANALYSIS {  // the last one is alone
    if (!first_error.ok()) return reply.Error(first_error);
    reply.Send(wire::Encode(wire::Empty()));
  }
};

}  // namespace

void QueryService::Handle(const CellView& view, const net::RpcRequest& request,
                          net::RpcReply reply) {
  switch (static_cast<wire::Method>(request.method)) {
    case wire::Method::kGetRoot:
      return reply.Send(wire::Encode(view.root));
    case wire::Method::kGetTable:
      return GetTable(view, request, std::move(reply));
    case wire::Method::kListTables:
      return ListTables(view, std::move(reply));
    case wire::Method::kCellStatus:
      return reply.Send(wire::Encode(view.status));
    case wire::Method::kFlushTable:
    case wire::Method::kCompactTable:
      return ForEachTablet(view, request, std::move(reply));
    default:
      return reply.Error(absl::UnimplementedError("not a method of the master"));
  }
}

void QueryService::GetTable(const CellView& view, const net::RpcRequest& request,
                            net::RpcReply reply) {
  auto table = FindTable(view, request);
  if (!table.ok()) return reply.Error(table.status());
  reply.Send(wire::Encode(*table));
}

void QueryService::ListTables(const CellView& view, net::RpcReply reply) {
  if (!view.ready) return reply.Error(absl::UnavailableError("the master is not ready yet"));
  wire::ListTablesResponse response;
  for (const wire::TableSummary& table : view.status.tables) {
    if (table.schema.id >= kFirstUserTable) response.tables.push_back(table);
  }
  reply.Send(wire::Encode(response));
}

void QueryService::ForEachTablet(const CellView& view, const net::RpcRequest& request,
                                 net::RpcReply reply) {
  auto table = FindTable(view, request);
  if (!table.ok()) return reply.Error(table.status());
  const bool flush = request.method == static_cast<uint16_t>(wire::Method::kFlushTable);
  const auto method = flush ? wire::Method::kFlushTablet : wire::Method::kCompactTablet;
  auto gathered = std::make_shared<Gathered>(std::move(reply), table->tablets.size());
  for (const TabletLocation& tablet : table->tablets) {
    auto body = wire::Encode(wire::TabletRequest{tablet.tablet.id, 0});
    if (!body.ok()) {
      gathered->Take(body.status());
      continue;
    }
    client_->Call(tablet.address, static_cast<uint16_t>(method), *std::move(body),
                  kMaintenanceTimeoutMs,
                  [gathered, id = tablet.tablet.id](StatusOr<net::Buffer> answer) {
                    gathered->Take(WithContext(answer.status(), absl::StrCat("tablet ", id)));
                  });
  }
}

}  // namespace stele::master
