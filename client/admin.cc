#include "stele/admin.h"

#include <iterator>

#include "client/routing/master_call.h"
#include "client/routing/wait.h"
#include "client/session.h"

namespace stele {
namespace {

template <typename Response, typename Request>
StatusOr<Response> Ask(internal::Session* session, wire::Method method, Request request,
                       bool repeatable) {
  internal::CallRecorder::Call call = session->calls()->Start(internal::CallKind::kAdmin);
  routing::Core* core = session->core();
  const int64_t deadline_ns = core->DeadlineAfterMs(session->options().admin_timeout_ms);
  auto waiter = std::make_shared<routing::Waiter<StatusOr<Response>>>();
  routing::MasterCall<Response, Request>::Start(
      core, session->locator(), method, std::move(request), repeatable, deadline_ns,
      [waiter](StatusOr<Response> answer) { waiter->Set(std::move(answer)); });
  std::optional<StatusOr<Response>> answer = waiter->Wait(core, deadline_ns);
  if (!answer.has_value()) answer = absl::UnknownError("no answer came by the deadline");
  call.End(answer->status());
  return *std::move(answer);
}

// From what the wire carries to what the SDK shows.
TabletInfo Shown(TabletLocation location) {
  TabletInfo info;
  info.id = location.tablet.id;
  info.table = location.tablet.table;
  info.start_row = std::move(location.tablet.start_row);
  info.end_row = std::move(location.tablet.end_row);
  info.epoch = location.epoch;
  info.assignment = TabletAssignmentName(location.assignment);
  info.server_id = std::move(location.server_id);
  info.address = std::move(location.address);
  return info;
}

TableSummary Shown(wire::TableSummary table) {
  return {std::move(table.schema), std::move(table.state), table.tablets, table.tablets_serving,
          table.bytes};
}

ServerSummary Shown(wire::ServerSummary server) {
  return {std::move(server.server_id),
          server.incarnation,
          std::move(server.address),
          std::move(server.http_address),
          std::move(server.state),
          server.tablets,
          server.bytes,
          server.last_report_age_ms,
          server.draining,
          std::move(server.note)};
}

TabletSummary Shown(wire::TabletSummary tablet) {
  return {Shown(std::move(tablet.location)),
          std::move(tablet.state),
          std::move(tablet.reason),
          std::move(tablet.next_step),
          tablet.state_age_ms,
          tablet.counters.bytes,
          tablet.counters.files,
          tablet.counters.memtable_bytes,
          tablet.counters.reads,
          tablet.counters.writes};
}

NamedNumber Shown(wire::NamedNumber number) { return {std::move(number.name), number.value}; }

RingStatus Shown(wire::RingStatus ring) {
  return {ring.epoch,        ring.segments,     ring.max_segments,      ring.segment_bytes,
          ring.head_segment, ring.tail_segment, ring.head_offset,       ring.live_bytes,
          ring.next_lsn,     ring.wraps,        std::move(ring.pinning)};
}

template <typename Wire>
auto ShownList(std::vector<Wire> from) {
  std::vector<decltype(Shown(std::declval<Wire>()))> to;
  to.reserve(from.size());
  for (Wire& one : from) to.push_back(Shown(std::move(one)));
  return to;
}

wire::AlterTableRequest Wired(const TableChange& change) {
  wire::AlterTableRequest request;
  request.table = change.table;
  for (const FamilyChange& one : change.changes) {
    request.changes.push_back({static_cast<wire::FamilyChange::Kind>(one.kind), one.family});
  }
  request.groups = change.groups;
  request.split_bytes = change.split_bytes;
  request.deletion_protection = change.deletion_protection;
  return request;
}

wire::TabletOrderRequest Wired(const TabletOrder& order) {
  return {order.table, order.tablets, order.at, order.server, order.dry_run};
}

}  // namespace

std::vector<std::string> FindTroubles(const CellStatus& status) {
  std::vector<std::string> troubles;
  if (!status.ready) troubles.push_back("the master does not know all tablets yet");
  if (!status.trouble.empty()) troubles.push_back(absl::StrCat("the master: ", status.trouble));
  for (const ServerSummary& server : status.servers) {
    if (server.state == "live" || server.state == "dead") continue;
    troubles.push_back(
        absl::StrCat("server ", server.server_id, " is ", server.state, ": ", server.note));
  }
  for (const TabletSummary& tablet : status.tablets) {
    if (tablet.state == "serving" || tablet.state == "closing") continue;
    troubles.push_back(absl::StrCat("tablet ", tablet.tablet.id, " is ", tablet.state, " for ",
                                    tablet.state_age_ms, " ms: ", tablet.reason,
                                    "; next: ", tablet.next_step));
  }
  for (const TableSummary& table : status.tables) {
    if (table.state == "creating") {
      troubles.push_back(absl::StrCat("table ", table.schema.name, " is being created"));
    }
  }
  return troubles;
}

StatusOr<TableSchema> Admin::CreateTable(const TableSchema& schema,
                                         const std::vector<std::string>& split_keys) {
  RETURN_IF_ERROR(ValidateTableName(schema.name));
  wire::CreateTableRequest request{schema, split_keys};
  ASSIGN_OR_RETURN(auto answer, Ask<wire::TableResponse>(session_.get(), wire::Method::kCreateTable,
                                                         std::move(request), false));
  return std::move(answer.schema);
}

StatusOr<TableSchema> Admin::AlterTable(const TableChange& change) {
  ASSIGN_OR_RETURN(auto answer, Ask<wire::TableResponse>(session_.get(), wire::Method::kAlterTable,
                                                         Wired(change), false));
  return std::move(answer.schema);
}

Status Admin::DropTable(std::string_view table) {
  return Ask<wire::Empty>(session_.get(), wire::Method::kDropTable,
                          wire::TableNameRequest{std::string(table)}, false)
      .status();
}

Status Admin::DropRowRange(std::string_view table, std::string_view prefix) {
  wire::DropRowRangeRequest request{std::string(table), std::string(prefix), false};
  return Ask<wire::Empty>(session_.get(), wire::Method::kDropRowRange, std::move(request), false)
      .status();
}

Status Admin::TruncateTable(std::string_view table) {
  wire::DropRowRangeRequest request{std::string(table), "", true};
  return Ask<wire::Empty>(session_.get(), wire::Method::kDropRowRange, std::move(request), false)
      .status();
}

StatusOr<std::vector<TableSummary>> Admin::ListTables() {
  ASSIGN_OR_RETURN(auto answer,
                   Ask<wire::ListTablesResponse>(session_.get(), wire::Method::kListTables,
                                                 wire::Empty{}, true));
  return ShownList(std::move(answer.tables));
}

StatusOr<TableDescription> Admin::DescribeTable(std::string_view table) {
  ASSIGN_OR_RETURN(auto answer,
                   Ask<wire::GetTableResponse>(session_.get(), wire::Method::kGetTable,
                                               wire::TableNameRequest{std::string(table)}, true));
  return TableDescription{std::move(answer.schema), ShownList(std::move(answer.tablets))};
}

Status Admin::FlushTable(std::string_view table) {
  return Ask<wire::Empty>(session_.get(), wire::Method::kFlushTable,
                          wire::TableNameRequest{std::string(table)}, true)
      .status();
}

Status Admin::CompactTable(std::string_view table) {
  return Ask<wire::Empty>(session_.get(), wire::Method::kCompactTable,
                          wire::TableNameRequest{std::string(table)}, true)
      .status();
}

namespace {

StatusOr<std::vector<std::string>> Order(internal::Session* session, wire::Method method,
                                         const TabletOrder& order) {
  const wire::TabletOrderRequest request = Wired(order);
  ASSIGN_OR_RETURN(auto answer, Ask<wire::TabletOrderResponse>(session, method, request,
                                                               /*repeatable=*/order.dry_run));
  return std::move(answer.steps);
}

}  // namespace

StatusOr<std::vector<std::string>> Admin::Split(const TabletOrder& order) {
  return Order(session_.get(), wire::Method::kSplit, order);
}

StatusOr<std::vector<std::string>> Admin::Move(const TabletOrder& order) {
  return Order(session_.get(), wire::Method::kMove, order);
}

StatusOr<std::vector<std::string>> Admin::Merge(const TabletOrder& order) {
  return Order(session_.get(), wire::Method::kMerge, order);
}

namespace {

// Each may be asked for twice: what is done is not done again.
StatusOr<std::vector<std::string>> AskAgain(internal::Session* session, wire::Method method,
                                            const wire::TabletOrderRequest& request) {
  ASSIGN_OR_RETURN(auto answer, Ask<wire::TabletOrderResponse>(session, method, request,
                                                               /*repeatable=*/true));
  return std::move(answer.steps);
}

wire::TabletOrderRequest OfServer(std::string_view server_id, bool dry_run) {
  wire::TabletOrderRequest request;
  request.server = std::string(server_id);
  request.dry_run = dry_run;
  return request;
}

// One question to one server, without retry.
template <typename Response, typename Request>
StatusOr<Response> AskServer(internal::Session* session, std::string_view address,
                             wire::Method method, const Request& request) {
  routing::Core* core = session->core();
  routing::Gate::Pass pass;
  RETURN_IF_ERROR(core->gate()->Enter(&pass));
  return wire::CallSync<Response>(core->rpc(), std::string(address), method, request,
                                  session->options().admin_timeout_ms);
}

}  // namespace

StatusOr<std::vector<std::string>> Admin::Flush(const TabletOrder& order) {
  return AskAgain(session_.get(), wire::Method::kFlushTablets, Wired(order));
}

StatusOr<std::vector<std::string>> Admin::Compact(const TabletOrder& order) {
  return AskAgain(session_.get(), wire::Method::kCompactTablets, Wired(order));
}

StatusOr<std::vector<std::string>> Admin::Drain(std::string_view server_id, bool dry_run) {
  return AskAgain(session_.get(), wire::Method::kDrain, OfServer(server_id, dry_run));
}

StatusOr<std::vector<std::string>> Admin::Undrain(std::string_view server_id, bool dry_run) {
  return AskAgain(session_.get(), wire::Method::kUndrain, OfServer(server_id, dry_run));
}

StatusOr<std::vector<std::string>> Admin::Balance(bool dry_run) {
  return AskAgain(session_.get(), wire::Method::kBalance, OfServer("", dry_run));
}

Status Admin::RestartServer(std::string_view address) {
  return AskServer<wire::Empty>(session_.get(), address, wire::Method::kRestartServer,
                                wire::Empty{})
      .status();
}

StatusOr<TabletVerification> Admin::VerifyTablet(const TabletInfo& tablet) {
  ASSIGN_OR_RETURN(auto answer, AskServer<wire::VerifyTabletResponse>(
                                    session_.get(), tablet.address, wire::Method::kVerifyTablet,
                                    wire::TabletRequest{tablet.id, /*epoch: any*/ 0}));
  return TabletVerification{answer.files, answer.bytes, std::move(answer.damage)};
}

StatusOr<CellStatus> Admin::GetCellStatus() {
  ASSIGN_OR_RETURN(auto answer,
                   Ask<wire::CellStatusResponse>(session_.get(), wire::Method::kCellStatus,
                                                 wire::Empty{}, true));
  CellStatus status;
  status.cell_name = std::move(answer.cell_name);
  status.master_address = std::move(answer.master_address);
  status.master_http_address = std::move(answer.master_http_address);
  status.master_epoch = answer.master_epoch;
  status.servers = ShownList(std::move(answer.servers));
  status.tables = ShownList(std::move(answer.tables));
  status.tablets = ShownList(std::move(answer.tablets));
  status.ready = answer.ready;
  status.trouble = std::move(answer.trouble);
  status.work = std::move(answer.work);
  return status;
}

StatusOr<ServerStatus> Admin::GetServerStatus(std::string_view address) {
  ASSIGN_OR_RETURN(auto answer,
                   AskServer<wire::ServerStatusResponse>(
                       session_.get(), address, wire::Method::kServerStatus, wire::Empty{}));
  ServerStatus status;
  status.server_id = std::move(answer.server_id);
  status.incarnation = answer.incarnation;
  status.address = std::move(answer.address);
  status.http_address = std::move(answer.http_address);
  status.state = std::move(answer.state);
  status.tablets = answer.tablets;
  status.ring = Shown(std::move(answer.ring));
  status.numbers = ShownList(std::move(answer.numbers));
  return status;
}

}  // namespace stele
