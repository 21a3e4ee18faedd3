#include "stele/admin.h"

#include <iterator>

#include "client/routing/master_call.h"
#include "client/session.h"
#include "client/table_state.h"

namespace stele {
namespace {

// Asks the master; what comes is turned into what the SDK shows. A repeatable question may be asked
// again after an unknown outcome.
template <typename Response, typename T, typename Request, typename Shape>
void Ask(internal::Session* session, wire::Method method, Request request, bool repeatable,
         Shape shape, std::function<void(T)> done) {
  routing::Core* core = session->core();
  routing::MasterCall<Response, Request>::Start(
      core, session->locator(), method, std::move(request), repeatable,
      core->DeadlineAfterMs(session->options().admin_timeout_ms),
      [recorded = internal::Record(session, internal::CallKind::kAdmin), shape,
       done = std::move(done)](StatusOr<Response> answer) {
        recorded->End(answer.status());
        if (!answer.ok()) return done(answer.status());
        done(shape(*std::move(answer)));
      });
}

// One question to one server, without retry.
template <typename Response, typename T, typename Request, typename Shape>
void AskServer(internal::Session* session, std::string_view address, wire::Method method,
               const Request& request, Shape shape, std::function<void(T)> done) {
  auto recorded = internal::Record(session, internal::CallKind::kAdmin);
  auto pass = std::make_shared<routing::Gate::Pass>();
  if (Status s = session->core()->gate()->Enter(pass.get()); !s.ok()) {
    recorded->End(s);
    return done(s);
  }
  routing::Call<Response>(
      session->core(), std::string(address), method, request, session->options().admin_timeout_ms,
      [recorded, pass, shape, done = std::move(done)](StatusOr<Response> answer) {
        recorded->End(answer.status());
        if (!answer.ok()) return done(answer.status());
        done(shape(*std::move(answer)));
      });
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

ProcessInfo Shown(wire::DescribeProcessResponse process) {
  ProcessInfo info;
  info.role = std::move(process.role);
  info.id = std::move(process.id);
  info.version = std::move(process.version);
  info.state = std::move(process.state);
  info.wall_us = process.wall_us;
  info.started_us = process.started_us;
  info.lease_left_ms = process.lease_left_ms;
  info.session_timeout_ms = process.session_timeout_ms;
  for (wire::OptionValue& option : process.options) {
    info.options.push_back({std::move(option.name), std::move(option.value),
                            std::move(option.source), std::move(option.place),
                            std::move(option.by_default), std::move(option.range),
                            std::move(option.unit), option.live, std::move(option.meaning)});
  }
  return info;
}

ServerSummary Shown(wire::ServerSummary server) {
  std::optional<RecoveryProgress> recovery;
  if (server.recovery.has_value()) {
    wire::RecoveryProgress& from = *server.recovery;
    recovery = {std::move(from.by), from.bytes_done,    from.bytes_total,
                from.tablets_done,  from.tablets_total, from.left_ms};
  }
  return {std::move(server.server_id),
          server.incarnation,
          std::move(server.address),
          std::move(server.http_address),
          std::move(server.state),
          server.tablets,
          server.bytes,
          server.last_report_age_ms,
          server.draining,
          std::move(server.note),
          std::move(recovery)};
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

Event Shown(wire::Event event) {
  return {event.number,           event.time_us,          std::move(event.kind),
          event.tablet,           std::move(event.table), std::move(event.server),
          std::move(event.actor), std::move(event.text)};
}

template <typename Wire>
auto ShownList(std::vector<Wire> from) {
  std::vector<decltype(Shown(std::declval<Wire>()))> to;
  to.reserve(from.size());
  for (Wire& one : from) to.push_back(Shown(std::move(one)));
  return to;
}

CellStatus Shown(wire::CellStatusResponse answer) {
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
  status.recovery_bytes_per_second = answer.recovery_bytes_per_second;
  return status;
}

ServerStatus Shown(wire::ServerStatusResponse answer) {
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

TableSchema SchemaOf(wire::TableResponse answer) { return std::move(answer.schema); }

Status Nothing(const wire::Empty&) { return OkStatus(); }

wire::TableNameRequest Named(std::string_view table) { return {std::string(table)}; }

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

wire::TabletOrderRequest OfServer(std::string_view server_id, bool dry_run) {
  wire::TabletOrderRequest request;
  request.server = std::string(server_id);
  request.dry_run = dry_run;
  return request;
}

void Order(internal::Session* session, wire::Method method, wire::TabletOrderRequest order,
           bool repeatable, Admin::Done<StatusOr<Admin::Steps>> done) {
  auto shape = [](wire::TabletOrderResponse answer) { return std::move(answer.steps); };
  Ask<wire::TabletOrderResponse>(session, method, std::move(order), repeatable, shape,
                                 std::move(done));
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

void Admin::CreateTableAsync(const TableSchema& schema, const std::vector<std::string>& split_keys,
                             Done<StatusOr<TableSchema>> done) {
  if (Status s = ValidateTableName(schema.name); !s.ok()) return done(s);
  Ask<wire::TableResponse>(session_.get(), wire::Method::kCreateTable,
                           wire::CreateTableRequest{schema, split_keys}, false, SchemaOf,
                           std::move(done));
}

void Admin::AlterTableAsync(const TableChange& change, Done<StatusOr<TableSchema>> done) {
  Ask<wire::TableResponse>(session_.get(), wire::Method::kAlterTable, Wired(change), false,
                           SchemaOf, std::move(done));
}

void Admin::DropTableAsync(std::string_view table, Done<Status> done) {
  Ask<wire::Empty>(session_.get(), wire::Method::kDropTable, Named(table), false, Nothing,
                   std::move(done));
}

void Admin::DropRowRangeAsync(std::string_view table, std::string_view prefix, Done<Status> done) {
  Ask<wire::Empty>(session_.get(), wire::Method::kDropRowRange,
                   wire::DropRowRangeRequest{std::string(table), std::string(prefix), false}, false,
                   Nothing, std::move(done));
}

void Admin::TruncateTableAsync(std::string_view table, Done<Status> done) {
  Ask<wire::Empty>(session_.get(), wire::Method::kDropRowRange,
                   wire::DropRowRangeRequest{std::string(table), "", true}, false, Nothing,
                   std::move(done));
}

void Admin::ListTablesAsync(Done<StatusOr<std::vector<TableSummary>>> done) {
  auto shape = [](wire::ListTablesResponse answer) { return ShownList(std::move(answer.tables)); };
  Ask<wire::ListTablesResponse>(session_.get(), wire::Method::kListTables, wire::Empty{}, true,
                                shape, std::move(done));
}

void Admin::DescribeTableAsync(std::string_view table, Done<StatusOr<TableDescription>> done) {
  auto shape = [](wire::GetTableResponse answer) {
    return TableDescription{std::move(answer.schema), ShownList(std::move(answer.tablets))};
  };
  Ask<wire::GetTableResponse>(session_.get(), wire::Method::kGetTable, Named(table), true, shape,
                              std::move(done));
}

void Admin::FlushTableAsync(std::string_view table, Done<Status> done) {
  Ask<wire::Empty>(session_.get(), wire::Method::kFlushTable, Named(table), true, Nothing,
                   std::move(done));
}

void Admin::CompactTableAsync(std::string_view table, Done<Status> done) {
  Ask<wire::Empty>(session_.get(), wire::Method::kCompactTable, Named(table), true, Nothing,
                   std::move(done));
}

void Admin::SplitAsync(const TabletOrder& order, Done<StatusOr<Steps>> done) {
  Order(session_.get(), wire::Method::kSplit, Wired(order), order.dry_run, std::move(done));
}

void Admin::MoveAsync(const TabletOrder& order, Done<StatusOr<Steps>> done) {
  Order(session_.get(), wire::Method::kMove, Wired(order), order.dry_run, std::move(done));
}

void Admin::MergeAsync(const TabletOrder& order, Done<StatusOr<Steps>> done) {
  Order(session_.get(), wire::Method::kMerge, Wired(order), order.dry_run, std::move(done));
}

// The others may be asked for twice: what is done is not done again.
void Admin::FlushAsync(const TabletOrder& order, Done<StatusOr<Steps>> done) {
  Order(session_.get(), wire::Method::kFlushTablets, Wired(order), true, std::move(done));
}

void Admin::CompactAsync(const TabletOrder& order, Done<StatusOr<Steps>> done) {
  Order(session_.get(), wire::Method::kCompactTablets, Wired(order), true, std::move(done));
}

void Admin::DrainAsync(std::string_view server_id, bool dry_run, Done<StatusOr<Steps>> done) {
  Order(session_.get(), wire::Method::kDrain, OfServer(server_id, dry_run), true, std::move(done));
}

void Admin::UndrainAsync(std::string_view server_id, bool dry_run, Done<StatusOr<Steps>> done) {
  Order(session_.get(), wire::Method::kUndrain, OfServer(server_id, dry_run), true,
        std::move(done));
}

void Admin::BalanceAsync(bool dry_run, Done<StatusOr<Steps>> done) {
  Order(session_.get(), wire::Method::kBalance, OfServer("", dry_run), true, std::move(done));
}

void Admin::RestartServerAsync(std::string_view address, Done<Status> done) {
  AskServer<wire::Empty>(session_.get(), address, wire::Method::kRestartServer, wire::Empty{},
                         Nothing, std::move(done));
}

void Admin::SetOptionAsync(const OptionChange& change, Done<StatusOr<Steps>> done) {
  auto shape = [](wire::TabletOrderResponse answer) { return std::move(answer.steps); };
  Ask<wire::TabletOrderResponse>(
      session_.get(), wire::Method::kSetOption,
      wire::SetOptionRequest{change.target, change.name, change.value, /*actor=*/""},
      /*repeatable=*/true, shape, std::move(done));
}

void Admin::DescribeProcessAsync(std::string_view address, Done<StatusOr<ProcessInfo>> done) {
  auto shape = [](wire::DescribeProcessResponse answer) { return Shown(std::move(answer)); };
  AskServer<wire::DescribeProcessResponse>(session_.get(), address, wire::Method::kDescribeProcess,
                                           wire::Empty{}, shape, std::move(done));
}

void Admin::VerifyTabletAsync(const TabletInfo& tablet, Done<StatusOr<TabletVerification>> done) {
  auto shape = [](wire::VerifyTabletResponse answer) {
    return TabletVerification{answer.files, answer.bytes, std::move(answer.damage)};
  };
  AskServer<wire::VerifyTabletResponse>(session_.get(), tablet.address, wire::Method::kVerifyTablet,
                                        wire::TabletRequest{tablet.id, /*epoch: any*/ 0}, shape,
                                        std::move(done));
}

void Admin::GetCellStatusAsync(Done<StatusOr<CellStatus>> done) {
  auto shape = [](wire::CellStatusResponse answer) { return Shown(std::move(answer)); };
  Ask<wire::CellStatusResponse>(session_.get(), wire::Method::kCellStatus, wire::Empty{}, true,
                                shape, std::move(done));
}

void Admin::ListEventsAsync(const EventQuery& query, Done<StatusOr<EventList>> done) {
  auto shape = [](wire::ListEventsResponse answer) {
    return EventList{ShownList(std::move(answer.events)), answer.last};
  };
  Ask<wire::ListEventsResponse>(
      session_.get(), wire::Method::kListEvents,
      wire::ListEventsRequest{query.after, query.since_us, query.kind, query.tablet, query.table,
                              query.server, query.limit},
      true, shape, std::move(done));
}

void Admin::GetServerStatusAsync(std::string_view address, Done<StatusOr<ServerStatus>> done) {
  auto shape = [](wire::ServerStatusResponse answer) { return Shown(std::move(answer)); };
  AskServer<wire::ServerStatusResponse>(session_.get(), address, wire::Method::kServerStatus,
                                        wire::Empty{}, shape, std::move(done));
}

}  // namespace stele
