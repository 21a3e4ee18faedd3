#include "master/query_service.h"

#include <map>
#include <memory>
#include <utility>

#include "common/base/mutex.h"
#include "schema/convert/codec.h"
#include "schema/wire/method.h"

namespace stele::master {
namespace {

constexpr int64_t kMaintenanceTimeoutMs = 3'600'000;

StatusOr<wire::GetTableResponse> FindTable(const CellView& view, const std::string& name) {
  if (auto it = view.tables.find(name); it != view.tables.end()) return it->second;
  if (!view.ready) return absl::UnavailableError("the master is not ready yet");
  auto state = view.table_states.find(name);
  if (state != view.table_states.end() && state->second == "creating") {
    return absl::UnavailableError(absl::StrCat("table \"", name, "\" is being created"));
  }
  return absl::NotFoundError(absl::StrCat("table \"", name, "\" does not exist"));
}

StatusOr<wire::GetTableResponse> FindTable(const CellView& view, const net::RpcRequest& request) {
  wire::TableNameRequest message;
  RETURN_IF_ERROR(wire::Decode(request.body, &message));
  return FindTable(view, message.table);
}

// Those of a table, or those that are named, in that order.
StatusOr<std::vector<TabletLocation>> FindTablets(const CellView& view,
                                                  const wire::TabletOrderRequest& message) {
  if (message.table.empty() == message.tablets.empty()) {
    return absl::InvalidArgumentError("name either a table or tablets");
  }
  if (!message.table.empty()) {
    ASSIGN_OR_RETURN(wire::GetTableResponse table, FindTable(view, message.table));
    return std::move(table.tablets);
  }
  std::map<TabletId, const TabletLocation*> known;
  for (const wire::TabletSummary& tablet : view.status.tablets) {
    known[tablet.location.tablet.id] = &tablet.location;
  }
  std::vector<TabletLocation> found;
  for (TabletId id : message.tablets) {
    auto it = known.find(id);
    if (it != known.end()) {
      found.push_back(*it->second);
    } else if (!view.ready) {
      return absl::UnavailableError("the master is not ready yet");
    } else {
      return absl::NotFoundError(absl::StrCat("there is no tablet ", id));
    }
  }
  return found;
}

// Counts the answers of all tablets down; the first error is the answer.
struct Gathered {
  Gathered(net::RpcReply r, size_t n, StatusOr<net::Buffer> d)
      : reply(std::move(r)), done(std::move(d)), missing(n) {}
  net::RpcReply reply;
  const StatusOr<net::Buffer> done;  // the answer when all are
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
    reply.Send(done);
  }
};

void ForEachTablet(net::RpcClient* client, bool flush, const std::vector<TabletLocation>& tablets,
                   const std::shared_ptr<Gathered>& gathered) {
  const auto method = flush ? wire::Method::kFlushTablet : wire::Method::kCompactTablet;
  for (const TabletLocation& tablet : tablets) {
    auto body = wire::Encode(wire::TabletRequest{tablet.tablet.id, 0});
    if (!body.ok()) {
      gathered->Take(body.status());
      continue;
    }
    client->Call(tablet.address, static_cast<uint16_t>(method), *std::move(body),
                 kMaintenanceTimeoutMs,
                 [gathered, id = tablet.tablet.id](StatusOr<net::Buffer> answer) {
                   gathered->Take(WithContext(answer.status(), absl::StrCat("tablet ", id)));
                 });
  }
}

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
      return KeepTable(view, request, std::move(reply));
    case wire::Method::kFlushTablets:
    case wire::Method::kCompactTablets:
      return KeepTablets(view, request, std::move(reply));
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

void QueryService::KeepTable(const CellView& view, const net::RpcRequest& request,
                             net::RpcReply reply) {
  auto table = FindTable(view, request);
  if (!table.ok()) return reply.Error(table.status());
  const bool flush = request.method == static_cast<uint16_t>(wire::Method::kFlushTable);
  ForEachTablet(client_, flush, table->tablets,
                std::make_shared<Gathered>(std::move(reply), table->tablets.size(),
                                           wire::Encode(wire::Empty())));
}

void QueryService::KeepTablets(const CellView& view, const net::RpcRequest& request,
                               net::RpcReply reply) {
  wire::TabletOrderRequest message;
  if (Status bad = wire::Decode(request.body, &message); !bad.ok()) return reply.Error(bad);
  auto tablets = FindTablets(view, message);
  if (!tablets.ok()) return reply.Error(tablets.status());
  const bool flush = request.method == static_cast<uint16_t>(wire::Method::kFlushTablets);
  wire::TabletOrderResponse response;
  for (const TabletLocation& tablet : *tablets) {
    response.steps.push_back(absl::StrCat(flush ? "flush tablet " : "compact tablet ",
                                          tablet.tablet.id, " at ", tablet.server_id));
  }
  if (message.dry_run || tablets->empty()) return reply.Send(wire::Encode(response));
  ForEachTablet(
      client_, flush, *tablets,
      std::make_shared<Gathered>(std::move(reply), tablets->size(), wire::Encode(response)));
}

}  // namespace stele::master
