#include "deploy/cell/cell_pages.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/schema_expression.h"
#include "common/obs/page.h"
#include "deploy/cell/insight_pages.h"
#include "deploy/cell/load_pages.h"
#include "deploy/cell/page_parts.h"
#include "deploy/cell/server_pages.h"

namespace stele::deploy {
namespace {

using obs::FormatBytes;
using obs::FormatCount;
using obs::FormatDurationMs;
using obs::PageCell;
using obs::Printable;

constexpr uint64_t kEventsShown = 100, kEventsOfOne = 50, kEventsOfCell = 15;
constexpr size_t kTroublesShown = 20, kBarParts = 200, kTablesOfCell = 50, kServersOfCell = 50;

template <typename T>
std::vector<const T*> PointersTo(const std::vector<T>& list, size_t most) {
  std::vector<const T*> pointers;
  for (size_t i = 0; i < list.size() && i < most; ++i) pointers.push_back(&list[i]);
  return pointers;
}

template <typename T>
std::vector<const T*> Cut(const std::vector<const T*>& list, const ListPart& part) {
  return {list.begin() + static_cast<ptrdiff_t>(part.first),
          list.begin() + static_cast<ptrdiff_t>(part.end)};
}

void AddTables(const std::vector<const wire::TableSummary*>& tables, obs::Page* page) {
  page->BeginTable({"Table", "Id", "State", "Version", "Families", "Tablets", "Serving", "Bytes"});
  for (const wire::TableSummary* table : tables) {
    std::string families;
    for (const FamilySchema& family : table->schema.families) {
      absl::StrAppend(&families, families.empty() ? "" : ", ", family.name);
    }
    page->Row({TableLink(table->schema.name), absl::StrCat(table->schema.id), table->state,
               absl::StrCat(table->schema.version), families, FormatCount(table->tablets),
               FormatCount(table->tablets_serving), FormatBytes(table->bytes)});
  }
  page->EndTable();
}

void AddServers(const std::vector<const wire::ServerSummary*>& servers, obs::Page* page) {
  page->BeginTable({"Server", "Incarnation", "Address", "Pages", "State", "Tablets", "Bytes",
                    "Report age", "Note"});
  for (const wire::ServerSummary* server : servers) {
    page->Row({ServerLink(server->server_id), absl::StrCat(server->incarnation), server->address,
               server->http_address,
               absl::StrCat(server->state, server->draining ? ", draining" : ""),
               FormatCount(server->tablets), FormatBytes(server->bytes),
               FormatDurationMs(server->last_report_age_ms), server->note});
  }
  page->EndTable();
}

void AddTablets(const CellSnapshot& snapshot,
                const std::vector<const wire::TabletSummary*>& tablets, obs::Page* page) {
  const std::map<TableId, std::string> names = NamesOf(snapshot);
  page->BeginTable({"Tablet", "Table", "After row", "Up to row", "Server", "Epoch", "State",
                    "Since", "Reason", "Next step", "Files", "Bytes", "Memory", "Reads", "Writes"});
  for (const wire::TabletSummary* tablet : tablets) {
    const TabletLocation& location = tablet->location;
    auto name = names.find(location.tablet.table);
    page->Row({TabletLink(location.tablet.id),
               name == names.end() ? PageCell(absl::StrCat("id ", location.tablet.table))
                                   : TableLink(name->second),
               RowText(location.tablet.start_row, "(first)"),
               RowText(location.tablet.end_row, "(last)"),
               location.server_id.empty() ? PageCell("") : ServerLink(location.server_id),
               absl::StrCat(location.epoch), tablet->state, FormatDurationMs(tablet->state_age_ms),
               tablet->reason, tablet->next_step, FormatCount(tablet->counters.files),
               FormatBytes(tablet->counters.bytes), FormatBytes(tablet->counters.memtable_bytes),
               FormatCount(tablet->counters.reads), FormatCount(tablet->counters.writes)});
  }
  page->EndTable();
}

// One that is closing is no more of any table.
bool DoesNotServe(const wire::TabletSummary& tablet) {
  return tablet.state != "serving" && tablet.state != "closing";
}

void AddTroubles(const CellSnapshot& snapshot, obs::Page* page) {
  std::vector<const wire::TabletSummary*> away;
  for (const wire::TabletSummary& tablet : snapshot.view->status.tablets) {
    if (DoesNotServe(tablet) && away.size() < kTroublesShown) away.push_back(&tablet);
  }
  if (away.empty()) return;
  page->Heading(absl::StrCat("Tablets that do not serve",
                             CountNotServing(snapshot) > away.size() ? ", the first of them" : ""));
  AddTablets(snapshot, away, page);
}

// "healthy: 17 tablets of 4 tables served by 3 servers", or what is not as it should be.
std::string HealthLine(const CellSnapshot& snapshot) {
  const wire::CellStatusResponse& status = snapshot.view->status;
  std::vector<std::string> troubles;
  if (!status.ready) troubles.push_back("the master does not know all tablets yet");
  if (!snapshot.view->trouble.empty()) troubles.push_back(snapshot.view->trouble);
  if (const uint64_t away = CountNotServing(snapshot); away > 0) {
    troubles.push_back(
        absl::StrCat(away, away == 1 ? " tablet does" : " tablets do", " not serve"));
  }
  size_t live = 0;
  for (const wire::ServerSummary& server : status.servers) {
    live += server.state == "live";
    if (server.state == "live" || server.state == "dead") continue;
    troubles.push_back(absl::StrCat(server.server_id, " is ", server.state));
  }
  if (troubles.empty()) {
    return absl::StrCat("healthy: ", status.tablets.size(), " tablets of ", status.tables.size(),
                        " tables served by ", live, live == 1 ? " server" : " servers");
  }
  std::string line = "NOT healthy: ";
  for (size_t i = 0; i < troubles.size(); ++i) {
    absl::StrAppend(&line, i == 0 ? "" : "; ", troubles[i]);
  }
  return line;
}

// Why no tablet is moved by itself now; empty: nothing keeps the balance from it.
std::string BalanceWaitsFor(const wire::CellStatusResponse& status) {
  std::string waits;
  for (const wire::ServerSummary& server : status.servers) {
    const bool leaves = server.draining && server.tablets > 0;
    if (server.state != "suspect" && !leaves) continue;
    absl::StrAppend(&waits, waits.empty() ? "waits: " : "; ", server.server_id,
                    leaves ? " drains and still has tablets" : " does not report");
  }
  return waits;
}

// The tablets of a table side by side in the order of their keys, each as wide as its bytes, the
// busiest the reddest; of many, neighbours together.
void AddKeyBar(const std::vector<const wire::TabletSummary*>& tablets, obs::Page* page) {
  struct Part {
    const wire::TabletSummary* last = nullptr;
    size_t tablets = 0;
    uint64_t bytes = 0, operations = 0;
  };
  std::vector<Part> joined(std::min(tablets.size(), kBarParts));
  uint64_t bytes = 0, busiest = 1;
  for (size_t i = 0; i < tablets.size(); ++i) {
    Part& part = joined[i * joined.size() / tablets.size()];
    part.last = tablets[i];
    ++part.tablets;
    part.bytes += tablets[i]->counters.bytes;
    part.operations += tablets[i]->counters.reads + tablets[i]->counters.writes;
    bytes += tablets[i]->counters.bytes;
    busiest = std::max(busiest, part.operations);
  }
  std::vector<obs::BarPart> parts;
  // None is too thin to be seen.
  const double least = 0.1 * static_cast<double>(bytes + 1) / static_cast<double>(joined.size());
  for (const Part& part : joined) {
    const TabletLocation& last = part.last->location;
    const std::string what =
        part.tablets == 1 ? absl::StrCat("tablet ", last.tablet.id, " at ", last.server_id)
                          : absl::StrCat(part.tablets, " tablets, the last ", last.tablet.id);
    parts.push_back(
        {std::max(least, static_cast<double>(part.bytes)),
         std::log1p(static_cast<double>(part.operations)) /
             std::log1p(static_cast<double>(busiest)),
         absl::StrCat(what, ", up to row ", RowText(last.tablet.end_row, "(last)"), ", ",
                      FormatBytes(part.bytes), ", ", FormatCount(part.operations), " operations"),
         absl::StrCat("/tablet?id=", last.tablet.id)});
  }
  page->Bar("Key range", parts);
}

void AddSchema(const TableSchema& schema, obs::Page* page) {
  page->Heading("Families");
  page->BeginTable({"Family", "Locality group", "What of it goes", "Aggregate"});
  for (const FamilySchema& family : schema.families) {
    const std::string gc = cli::FormatGcRule(family.gc);
    const char* aggregates[] = {"", "sum", "min", "max"};
    page->Row({family.name, family.locality_group, gc.empty() ? "nothing" : gc,
               aggregates[static_cast<size_t>(family.aggregate) % 4]});
  }
  page->EndTable();
}

}  // namespace

std::vector<const wire::TabletSummary*> TabletsInOrder(const CellSnapshot& snapshot, TableId table,
                                                       const std::string& server) {
  std::vector<const wire::TabletSummary*> tablets;
  for (const wire::TabletSummary& tablet : snapshot.view->status.tablets) {
    if (table != 0 && tablet.location.tablet.table != table) continue;
    if (server.empty() || tablet.location.server_id == server) tablets.push_back(&tablet);
  }
  std::sort(tablets.begin(), tablets.end(), [](const auto* x, const auto* y) {
    const TabletDescriptor &a = x->location.tablet, &b = y->location.tablet;
    if (a.table != b.table) return a.table < b.table;
    if (a.end_row.empty() || b.end_row.empty()) return !a.end_row.empty() && b.end_row.empty();
    return a.end_row < b.end_row;
  });
  return tablets;
}

StatusOr<ListPart> PartOfTablets(const std::vector<const wire::TabletSummary*>& tablets,
                                 const net::HttpRequest& request, TableId table) {
  ASSIGN_OR_RETURN(ListWindow window, WindowOf(request));
  if (table != 0 && !window.after.empty()) window.after = TabletKeyOf(table, window.after);
  ListPart part = PartOf(window, tablets.size(),
                         [&](size_t i) { return TabletKey(tablets[i]->location.tablet); });
  if (table != 0 && !part.next.empty()) part.next = tablets[part.end - 1]->location.tablet.end_row;
  return part;
}

StatusOr<ListPart> PartOfTables(const CellSnapshot& snapshot, const net::HttpRequest& request,
                                std::vector<const wire::TableSummary*>* tables) {
  ASSIGN_OR_RETURN(const ListWindow window, WindowOf(request));
  *tables = PointersTo(snapshot.view->status.tables, SIZE_MAX);
  std::sort(tables->begin(), tables->end(),
            [](const auto* a, const auto* b) { return a->schema.name < b->schema.name; });
  return PartOf(window, tables->size(), [&](size_t i) { return (*tables)[i]->schema.name; });
}

StatusOr<ListPart> PartOfServers(const CellSnapshot& snapshot, const net::HttpRequest& request,
                                 std::vector<const wire::ServerSummary*>* servers) {
  ASSIGN_OR_RETURN(const ListWindow window, WindowOf(request));
  *servers = PointersTo(snapshot.view->status.servers, SIZE_MAX);
  std::sort(servers->begin(), servers->end(),
            [](const auto* a, const auto* b) { return a->server_id < b->server_id; });
  return PartOf(window, servers->size(), [&](size_t i) { return (*servers)[i]->server_id; });
}

uint64_t CountNotServing(const CellSnapshot& snapshot) {
  const auto& tablets = snapshot.view->status.tablets;
  return static_cast<uint64_t>(
      std::count_if(tablets.begin(), tablets.end(),
                    [](const wire::TabletSummary& tablet) { return DoesNotServe(tablet); }));
}

StatusOr<const wire::TableSummary*> FindTable(const CellSnapshot& snapshot,
                                              const net::HttpRequest& request) {
  const std::string name = ParameterOf(request, "name");
  for (const wire::TableSummary& table : snapshot.view->status.tables) {
    if (table.schema.name == name) return &table;
  }
  return absl::NotFoundError(absl::StrCat("there is no table \"", Printable(name), "\""));
}

StatusOr<const wire::TabletSummary*> FindTablet(const CellSnapshot& snapshot,
                                                const net::HttpRequest& request) {
  ASSIGN_OR_RETURN(const uint64_t id, NumberOf(request, "id", 0));
  for (const wire::TabletSummary& tablet : snapshot.view->status.tablets) {
    if (tablet.location.tablet.id == id) return &tablet;
  }
  return absl::NotFoundError(absl::StrCat("there is no tablet ", id, " (any more)"));
}

StatusOr<wire::ListEventsRequest> EventQueryOf(const net::HttpRequest& request) {
  wire::ListEventsRequest query;
  query.kind = ParameterOf(request, "kind");
  query.table = ParameterOf(request, "table");
  query.server = ParameterOf(request, "server");
  ASSIGN_OR_RETURN(query.tablet, NumberOf(request, "tablet", 0));
  ASSIGN_OR_RETURN(query.after, NumberOf(request, "after", 0));
  ASSIGN_OR_RETURN(query.before, NumberOf(request, "before", 0));
  ASSIGN_OR_RETURN(query.limit, NumberOf(request, "limit", kEventsShown));
  return query;
}

StatusOr<std::string> CellPage(const CellSnapshot& snapshot, const net::HttpRequest&) {
  obs::Page page = NewPage(snapshot, "Overview");
  const wire::CellStatusResponse& status = snapshot.view->status;
  page.Fact("Health", HealthLine(snapshot));
  page.Fact("Address", status.master_address);
  page.Fact("Master epoch", absl::StrCat(status.master_epoch));
  if (const std::string waits = BalanceWaitsFor(status); !waits.empty()) {
    page.Fact("Balance", waits);
  }
  AddWork(snapshot, &page);
  AddTroubles(snapshot, &page);
  AddHistory(snapshot, master::LoadHistory::OfCell(), &page);
  page.Heading("Tables");
  AddTables(PointersTo(status.tables, kTablesOfCell), &page);
  if (status.tables.size() > kTablesOfCell) page.Navigation({{"All tables", "/tables"}});
  page.Heading("Tablet servers");
  AddServers(PointersTo(status.servers, kServersOfCell), &page);
  if (status.servers.size() > kServersOfCell) page.Navigation({{"All servers", "/servers"}});
  for (const wire::ServerStatusResponse& server : snapshot.servers) {
    page.Heading(absl::StrCat("Log and memory of ", server.server_id));
    AddServerLevels(server, &page);
  }
  AddEvents(snapshot, {}, kEventsOfCell, &page);
  return page.Finish();
}

StatusOr<std::string> TablesPage(const CellSnapshot& snapshot, const net::HttpRequest& request) {
  std::vector<const wire::TableSummary*> tables;
  ASSIGN_OR_RETURN(const ListPart part, PartOfTables(snapshot, request, &tables));
  obs::Page page = NewPage(snapshot, "Tables");
  AddPartLinks(request, part, &page);
  AddTables(Cut(tables, part), &page);
  return page.Finish();
}

StatusOr<std::string> TablePage(const CellSnapshot& snapshot, const net::HttpRequest& request) {
  ASSIGN_OR_RETURN(const wire::TableSummary* table, FindTable(snapshot, request));
  const TableSchema& schema = table->schema;
  obs::Page page = NewPage(snapshot, absl::StrCat("Table ", schema.name));
  page.Fact("State", table->state);
  page.Fact("Id", absl::StrCat(schema.id));
  page.Fact("Schema version", absl::StrCat(schema.version));
  page.Fact("Bytes", FormatBytes(table->bytes));
  page.Fact("Splits at", schema.split_bytes == 0 ? "never" : FormatBytes(schema.split_bytes));
  page.Fact("Deletion", schema.deletion_protection ? "protected" : "not protected");
  const auto tablets = TabletsInOrder(snapshot, schema.id, "");
  ASSIGN_OR_RETURN(const ListPart part, PartOfTablets(tablets, request, schema.id));
  if (!tablets.empty()) AddKeyBar(tablets, &page);
  page.Navigation({{"Heat of its keys", absl::StrCat("/heat?table=", schema.name)}});
  AddHistory(snapshot, master::LoadHistory::OfTable(schema.id), &page);
  AddSchema(schema, &page);
  AddEvents(snapshot, {.table = schema.name}, kEventsOfOne, &page);
  page.Heading("Tablets");
  AddPartLinks(request, part, &page);
  AddTablets(snapshot, Cut(tablets, part), &page);
  return page.Finish();
}

StatusOr<std::string> TabletsPage(const CellSnapshot& snapshot, const net::HttpRequest& request) {
  const auto tablets = TabletsInOrder(snapshot, 0, "");
  ASSIGN_OR_RETURN(const ListPart part, PartOfTablets(tablets, request, 0));
  obs::Page page = NewPage(snapshot, "Tablets");
  AddPartLinks(request, part, &page);
  AddTablets(snapshot, Cut(tablets, part), &page);
  return page.Finish();
}

StatusOr<std::string> TabletPage(const CellSnapshot& snapshot, const net::HttpRequest& request) {
  ASSIGN_OR_RETURN(const wire::TabletSummary* tablet, FindTablet(snapshot, request));
  const TabletDescriptor& range = tablet->location.tablet;
  obs::Page page = NewPage(snapshot, absl::StrCat("Tablet ", range.id));
  page.Fact("After row", RowText(range.start_row, "(first)"));
  page.Fact("Up to row", RowText(range.end_row, "(last)"));
  page.Fact("State", absl::StrCat(tablet->state, " for ", FormatDurationMs(tablet->state_age_ms)));
  if (!tablet->reason.empty()) page.Fact("Reason", tablet->reason);
  if (!tablet->next_step.empty()) page.Fact("Next step", tablet->next_step);
  page.Fact("Owner", absl::StrCat(tablet->location.server_id, " at ", tablet->location.address,
                                  ", epoch ", tablet->location.epoch));
  AddInside(tablet->counters, &page);
  const std::map<TableId, std::string> names = NamesOf(snapshot);
  if (auto name = names.find(range.table); name != names.end()) {
    page.Heading("Table");
    page.Navigation({TableLink(name->second)});
  }
  AddEvents(snapshot, {.tablet = range.id}, kEventsOfOne, &page);
  return page.Finish();
}

StatusOr<std::string> ServersPage(const CellSnapshot& snapshot, const net::HttpRequest& request) {
  std::vector<const wire::ServerSummary*> servers;
  ASSIGN_OR_RETURN(const ListPart part, PartOfServers(snapshot, request, &servers));
  obs::Page page = NewPage(snapshot, "Servers");
  AddPartLinks(request, part, &page);
  AddServers(Cut(servers, part), &page);
  for (const wire::ServerStatusResponse& server : snapshot.servers) {
    AddServerDetails(server, &page);
  }
  return page.Finish();
}

StatusOr<const wire::ServerSummary*> FindServer(const CellSnapshot& snapshot,
                                                const net::HttpRequest& request) {
  const std::string id = ParameterOf(request, "id");
  for (const wire::ServerSummary& server : snapshot.view->status.servers) {
    if (server.server_id == id) return &server;
  }
  return absl::NotFoundError(absl::StrCat("there is no server \"", Printable(id), "\""));
}

StatusOr<std::string> OneServerPage(const CellSnapshot& snapshot, const net::HttpRequest& request) {
  ASSIGN_OR_RETURN(const wire::ServerSummary* server, FindServer(snapshot, request));
  const auto tablets = TabletsInOrder(snapshot, 0, server->server_id);
  ASSIGN_OR_RETURN(const ListPart part, PartOfTablets(tablets, request, 0));
  obs::Page page = NewPage(snapshot, absl::StrCat("Server ", server->server_id));
  for (const wire::ServerStatusResponse& own : snapshot.servers) {
    if (own.server_id == server->server_id) {
      AddInsightLinks(own.server_id, ServerLink(own.server_id).link, &page);
    }
  }
  page.Fact("State", absl::StrCat(server->state, server->draining ? ", draining" : ""));
  if (!server->note.empty()) page.Fact("Note", server->note);
  if (server->recovery.has_value()) AddRecovery(*server->recovery, &page);
  page.Fact("Address", server->address);
  if (!server->http_address.empty()) page.Fact("Its own pages", server->http_address);
  page.Fact("Incarnation", absl::StrCat(server->incarnation));
  page.Fact("Last report", FormatDurationMs(server->last_report_age_ms) + " ago");
  page.Fact("Bytes", FormatBytes(server->bytes));
  AddHistory(snapshot, master::LoadHistory::OfServer(server->server_id), &page);
  AddEvents(snapshot, {.server = server->server_id}, kEventsOfOne, &page);
  page.Heading(absl::StrCat("Its tablets: ", tablets.size()));
  AddPartLinks(request, part, &page);
  AddTablets(snapshot, Cut(tablets, part), &page);
  return page.Finish();
}

StatusOr<std::string> EventsPage(const CellSnapshot& snapshot, const net::HttpRequest& request) {
  ASSIGN_OR_RETURN(const wire::ListEventsRequest query, EventQueryOf(request));
  obs::Page page = NewPage(snapshot, "Events");
  std::vector<PageCell> kinds = {{"all", "/events"}};
  for (const char* kind : {"master", "server", "recovery", "table", "tablet", "assign", "split",
                           "merge", "order", "refused"}) {
    kinds.emplace_back(kind, absl::StrCat("/events?kind=", kind));
  }
  page.Navigation(kinds);
  const uint64_t oldest = AddEvents(snapshot, query, query.limit, &page);
  std::vector<PageCell> links;
  if (query.before != 0) links.emplace_back("Newest", LinkWith(request, {{"before", ""}}));
  if (oldest != 0) {
    links.emplace_back("Older", LinkWith(request, {{"before", absl::StrCat(oldest)}}));
  }
  page.Navigation(links);
  return page.Finish();
}

}  // namespace stele::deploy
