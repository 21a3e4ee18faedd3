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
          server.last_report_age_ms};
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

}  // namespace

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
  const wire::TabletOrderRequest request{order.table, order.tablets, order.at, order.server,
                                         order.dry_run};
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
  return status;
}

StatusOr<ServerStatus> Admin::GetServerStatus(std::string_view address) {
  routing::Core* core = session_->core();
  routing::Gate::Pass pass;
  RETURN_IF_ERROR(core->gate()->Enter(&pass));
  ASSIGN_OR_RETURN(auto answer, wire::CallSync<wire::ServerStatusResponse>(
                                    core->rpc(), std::string(address), wire::Method::kServerStatus,
                                    wire::Empty{}, session_->options().admin_timeout_ms));
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
