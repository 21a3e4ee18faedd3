#include "deploy/cell/status_pages.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/types/span.h"
#include "common/obs/metrics.h"
#include "common/obs/page.h"
#include "deploy/cell/cell_pages.h"
#include "deploy/cell/config_page.h"
#include "deploy/cell/insight_pages.h"
#include "deploy/cell/load_pages.h"
#include "deploy/cell/metrics_text.h"
#include "deploy/cell/operation_pages.h"
#include "deploy/cell/server_pages.h"

namespace stele::deploy {
namespace {

using nlohmann::json;
using obs::Printable;

using Query = net::HttpRequest;

constexpr char kPlainText[] = "text/plain; charset=utf-8";
constexpr char kJson[] = "application/json";
constexpr uint64_t kOrdersListed = 1'000;

json TableJson(const wire::TableSummary& table) {
  json families = json::array();
  for (const FamilySchema& family : table.schema.families) families.push_back(family.name);
  return {{"name", table.schema.name},
          {"id", table.schema.id},
          {"state", table.state},
          {"version", table.schema.version},
          {"families", families},
          {"tablets", table.tablets},
          {"tablets_serving", table.tablets_serving},
          {"bytes", table.bytes}};
}

json TableList(const CellSnapshot& snapshot) {
  json tables = json::array();
  for (const wire::TableSummary& table : snapshot.view->status.tables) {
    if (tables.size() < kMaxListed) tables.push_back(TableJson(table));
  }
  return tables;
}

StatusOr<json> TablesJson(const CellSnapshot& snapshot, const Query& request) {
  std::vector<const wire::TableSummary*> tables;
  ASSIGN_OR_RETURN(const ListPart part, PartOfTables(snapshot, request, &tables));
  json list = json::array();
  for (size_t i = part.first; i < part.end; ++i) list.push_back(TableJson(*tables[i]));
  return json({{"tables", list}, {"part", PartJson(request, part)}});
}

json TabletJson(const wire::TabletSummary& tablet) {
  const TabletLocation& location = tablet.location;
  return {{"id", location.tablet.id},
          {"table", location.tablet.table},
          {"start_row", Printable(location.tablet.start_row)},
          {"end_row", Printable(location.tablet.end_row)},
          {"server", location.server_id},
          {"address", location.address},
          {"epoch", location.epoch},
          {"state", tablet.state},
          {"state_age_ms", tablet.state_age_ms},
          {"reason", tablet.reason},
          {"next_step", tablet.next_step},
          {"files", tablet.counters.files},
          {"bytes", tablet.counters.bytes},
          {"memtable_bytes", tablet.counters.memtable_bytes},
          {"index_bytes", tablet.counters.index_bytes},
          {"index_blocks", tablet.counters.index_blocks},
          {"compaction_debt_bytes", tablet.counters.compaction_debt_bytes},
          {"reads", tablet.counters.reads},
          {"writes", tablet.counters.writes}};
}

// The part that is asked for of all, or of those of one table (0: all) and server ("": all).
Status PutTablets(const CellSnapshot& snapshot, const Query& request, TableId table,
                  const std::string& server, const char* name, json* out) {
  const auto tablets = TabletsInOrder(snapshot, table, server);
  ASSIGN_OR_RETURN(const ListPart part, PartOfTablets(tablets, request, table));
  json& list = (*out)[name] = json::array();
  for (size_t i = part.first; i < part.end; ++i) list.push_back(TabletJson(*tablets[i]));
  (*out)["part"] = PartJson(request, part);
  return OkStatus();
}

StatusOr<json> TabletsJson(const CellSnapshot& snapshot, const Query& request) {
  json answer;
  RETURN_IF_ERROR(PutTablets(snapshot, request, 0, "", "tablets", &answer));
  return answer;
}

json EventList(const CellSnapshot& snapshot, const wire::ListEventsRequest& query) {
  json events = json::array();
  if (snapshot.events == nullptr) return events;
  const auto list = snapshot.events(query);
  if (!list.ok()) return events;
  for (const wire::Event& event : list->events) {
    events.push_back({{"number", event.number},
                      {"time_us", event.time_us},
                      {"kind", event.kind},
                      {"tablet", event.tablet},
                      {"table", event.table},
                      {"server", event.server},
                      {"actor", event.actor},
                      {"text", event.text}});
  }
  return events;
}

StatusOr<json> EventsJson(const CellSnapshot& snapshot, const Query& request) {
  ASSIGN_OR_RETURN(const wire::ListEventsRequest query, EventQueryOf(request));
  json answer = {{"events", EventList(snapshot, query)}};
  const json& events = answer["events"];
  if (events.empty() || events.size() < query.limit) return answer;
  const uint64_t oldest = events.front()["number"].get<uint64_t>();
  answer["older"] =
      LinkWith(request, {{"before", absl::StrCat(oldest)}, {"after", ""}}) + "&format=json";
  return answer;
}

StatusOr<json> OneTableJson(const CellSnapshot& snapshot, const Query& request) {
  ASSIGN_OR_RETURN(const wire::TableSummary* table, FindTable(snapshot, request));
  json answer = TableJson(*table);
  answer["history"] = HistoryJson(snapshot, master::LoadHistory::OfTable(table->schema.id));
  RETURN_IF_ERROR(PutTablets(snapshot, request, table->schema.id, "", "tablet_list", &answer));
  return answer;
}

StatusOr<json> OneTabletJson(const CellSnapshot& snapshot, const Query& request) {
  ASSIGN_OR_RETURN(const wire::TabletSummary* tablet, FindTablet(snapshot, request));
  json answer = TabletJson(*tablet);
  answer["events"] = EventList(snapshot, {.tablet = tablet->location.tablet.id});
  return answer;
}

json ServerJson(const wire::ServerStatusResponse& server) {
  json numbers = json::object();
  for (const wire::NamedNumber& number : server.numbers) numbers[number.name] = number.value;
  return {{"id", server.server_id},
          {"incarnation", server.incarnation},
          {"address", server.address},
          {"state", server.state},
          {"tablets", server.tablets},
          {"ring",
           {{"segments", server.ring.segments},
            {"max_segments", server.ring.max_segments},
            {"segment_bytes", server.ring.segment_bytes},
            {"live_bytes", server.ring.live_bytes},
            {"next_lsn", server.ring.next_lsn},
            {"wraps", server.ring.wraps},
            {"epoch", server.ring.epoch}}},
          {"numbers", numbers}};
}

json OwnServers(const CellSnapshot& snapshot) {
  json servers = json::array();
  for (const wire::ServerStatusResponse& server : snapshot.servers) {
    servers.push_back(ServerJson(server));
  }
  return servers;
}

json SummaryJson(const wire::ServerSummary& server) {
  json answer = {{"id", server.server_id},
                 {"incarnation", server.incarnation},
                 {"address", server.address},
                 {"http_address", server.http_address},
                 {"state", server.state},
                 {"draining", server.draining},
                 {"tablets", server.tablets},
                 {"bytes", server.bytes},
                 {"last_report_age_ms", server.last_report_age_ms},
                 {"note", server.note}};
  if (server.recovery.has_value()) {
    const wire::RecoveryProgress& recovery = *server.recovery;
    answer["recovery"] = {{"by", recovery.by},
                          {"bytes_done", recovery.bytes_done},
                          {"bytes_total", recovery.bytes_total},
                          {"tablets_done", recovery.tablets_done},
                          {"tablets_total", recovery.tablets_total},
                          {"left_ms", recovery.left_ms}};
  }
  return answer;
}

StatusOr<json> OneServerJson(const CellSnapshot& snapshot, const Query& request) {
  ASSIGN_OR_RETURN(const wire::ServerSummary* server, FindServer(snapshot, request));
  json answer = SummaryJson(*server);
  answer["history"] = HistoryJson(snapshot, master::LoadHistory::OfServer(server->server_id));
  answer["events"] = EventList(snapshot, {.server = server->server_id});
  RETURN_IF_ERROR(PutTablets(snapshot, request, 0, server->server_id, "tablet_list", &answer));
  return answer;
}

// As the master sees them; and, of those in this process, in their own words.
StatusOr<json> ServersJson(const CellSnapshot& snapshot, const Query& request) {
  std::vector<const wire::ServerSummary*> servers;
  ASSIGN_OR_RETURN(const ListPart part, PartOfServers(snapshot, request, &servers));
  json seen = json::array();
  for (size_t i = part.first; i < part.end; ++i) seen.push_back(SummaryJson(*servers[i]));
  return json(
      {{"servers", seen}, {"part", PartJson(request, part)}, {"own", OwnServers(snapshot)}});
}

StatusOr<json> OperationsJson(const CellSnapshot& snapshot, const Query&) {
  json recoveries = json::array();
  for (const wire::ServerSummary& server : snapshot.view->status.servers) {
    if (server.state == "recovering" || server.draining) recoveries.push_back(SummaryJson(server));
  }
  return json({{"work", snapshot.view->status.work},
               {"servers", recoveries},
               {"orders", EventList(snapshot, {.kind = "order", .limit = kOrdersListed})},
               {"refused", EventList(snapshot, {.kind = "refused", .limit = kOrdersListed})}});
}

StatusOr<json> CellJson(const CellSnapshot& snapshot, const Query&) {
  const wire::CellStatusResponse& status = snapshot.view->status;
  return json({{"cell", status.cell_name},
               {"address", status.master_address},
               {"master_epoch", status.master_epoch},
               {"tablets", status.tablets.size()},
               {"tablets_not_serving", CountNotServing(snapshot)},
               {"trouble", snapshot.view->trouble},
               {"work", status.work},
               {"tables", TableList(snapshot)},
               {"history", HistoryJson(snapshot, master::LoadHistory::OfCell())},
               {"servers", OwnServers(snapshot)}});
}

// Ready is who takes calls: an active master that knows the tables, a tablet server. Whether all
// tablets serve is no matter of one process: the overview says it.
net::HttpResponse Readiness(const CellSnapshot& snapshot) {
  if (snapshot.view == nullptr && snapshot.servers.empty()) {
    return {503, kPlainText, snapshot.waiting + "\n"};
  }
  if (snapshot.view == nullptr || snapshot.view->ready) return {200, kPlainText, "ok\n"};
  return {503, kPlainText, "the master does not know all tables yet\n"};
}

// Keys may hold any bytes; what is not UTF-8 was made printable before.
std::string Dump(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

net::HttpResponse Failure(const Status& status) {
  const unsigned code = absl::IsNotFound(status) ? 404 : absl::IsUnavailable(status) ? 503 : 400;
  return {code, kPlainText, absl::StrCat(status.message(), "\n")};
}

bool WantsJson(const Query& request) {
  auto format = request.query.find("format");
  return format != request.query.end() && format->second == "json";
}

struct Entry {
  const char* path;
  StatusOr<std::string> (*page)(const CellSnapshot&, const Query&);
  StatusOr<json> (*data)(const CellSnapshot&, const Query&);
};
// Of a process with servers.
constexpr Entry kInsightPages[] = {{"/memory", MemoryPage, MemoryJson},
                                   {"/compactions", CompactionsPage, CompactionsJson},
                                   {"/requests", RequestsPage, RequestsJson},
                                   {"/own-tablets", OwnTabletsPage, OwnTabletsJson},
                                   {"/own-tablet", OwnTabletPage, OwnTabletJson}};
// Of one with an active master.
constexpr Entry kCellPages[] = {{"/", CellPage, CellJson},
                                {"/tables", TablesPage, TablesJson},
                                {"/table", TablePage, OneTableJson},
                                {"/tablets", TabletsPage, TabletsJson},
                                {"/tablet", TabletPage, OneTabletJson},
                                {"/servers", ServersPage, ServersJson},
                                {"/server", OneServerPage, OneServerJson},
                                {"/heat", HeatPage, HeatJson},
                                {"/operations", OperationsPage, OperationsJson},
                                {"/locker", LockerPage, LockerJson},
                                {"/events", EventsPage, EventsJson}};

net::HttpResponse RenderPage(absl::Span<const Entry> pages, const Query& request,
                             const CellSnapshot& snapshot) {
  for (const Entry& entry : pages) {
    if (request.path != entry.path) continue;
    if (WantsJson(request)) {
      const StatusOr<json> data = entry.data(snapshot, request);
      return data.ok() ? net::HttpResponse{200, kJson, Dump(*data)} : Failure(data.status());
    }
    StatusOr<std::string> page = entry.page(snapshot, request);
    return page.ok() ? net::HttpResponse{200, obs::Page::kContentType, *std::move(page)}
                     : Failure(page.status());
  }
  return {404, kPlainText, "no such page\n"};
}

// Of a process with servers and no master.
net::HttpResponse RenderServer(const Query& request, const CellSnapshot& snapshot) {
  if (request.path != "/") return RenderPage(kInsightPages, request, snapshot);
  if (WantsJson(request)) return {200, kJson, Dump(ServerJson(snapshot.servers[0]))};
  return {200, obs::Page::kContentType, ServerPage(snapshot.servers[0])};
}

}  // namespace

net::HttpResponse RenderStatusPage(const net::HttpRequest& request, const CellSnapshot& snapshot) {
  // Alive is who answers: what should not go on ends by itself.
  if (request.path == "/healthz") return {200, kPlainText, "ok\n"};
  if (request.path == "/readyz") return Readiness(snapshot);
  if (request.path == "/config") return RenderConfigPage(request, snapshot);
  if (request.path == "/metrics") {
    return {200, obs::MetricRegistry::kContentType, MetricsText(snapshot)};
  }
  if (snapshot.view == nullptr && snapshot.servers.empty()) {
    return {503, kPlainText, snapshot.waiting + "\n"};
  }
  if (snapshot.view == nullptr) return RenderServer(request, snapshot);
  if (!snapshot.servers.empty()) {
    for (const Entry& entry : kInsightPages) {
      if (request.path == entry.path) return RenderPage({&entry, 1}, request, snapshot);
    }
  }
  return RenderPage(kCellPages, request, snapshot);
}

}  // namespace stele::deploy
