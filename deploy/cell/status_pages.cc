#include "deploy/cell/status_pages.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "common/obs/metrics.h"
#include "common/obs/page.h"
#include "deploy/cell/server_numbers.h"

namespace stele::deploy {
namespace {

using nlohmann::json;
using obs::FormatBytes;
using obs::FormatCount;
using obs::FormatDurationMs;
using obs::Printable;

constexpr char kPlainText[] = "text/plain; charset=utf-8";
constexpr char kJson[] = "application/json";

obs::Page NewPage(const CellSnapshot& snapshot, const char* title) {
  obs::Page page(absl::StrCat(title, " of cell ", snapshot.view->status.cell_name));
  page.Navigation({{"Cell", "/"},
                   {"Tables", "/tables"},
                   {"Tablets", "/tablets"},
                   {"Servers", "/servers"},
                   {"Metrics", "/metrics"}});
  return page;
}

std::string RowText(const std::string& row, const char* infinity) {
  return row.empty() ? infinity : Printable(row);
}

void AddTables(const CellSnapshot& snapshot, obs::Page* page) {
  page->Heading("Tables");
  page->BeginTable({"Table", "Id", "State", "Version", "Families", "Tablets", "Serving", "Bytes"});
  for (const wire::TableSummary& table : snapshot.view->status.tables) {
    std::string families;
    for (const FamilySchema& family : table.schema.families) {
      absl::StrAppend(&families, families.empty() ? "" : ", ", family.name);
    }
    page->Row({table.schema.name, absl::StrCat(table.schema.id), table.state,
               absl::StrCat(table.schema.version), families, FormatCount(table.tablets),
               FormatCount(table.tablets_serving), FormatBytes(table.bytes)});
  }
  page->EndTable();
}

void AddServers(const CellSnapshot& snapshot, obs::Page* page) {
  page->Heading("Tablet servers");
  page->BeginTable({"Server", "Incarnation", "Address", "State", "Tablets", "Bytes", "Report age"});
  for (const wire::ServerSummary& server : snapshot.view->status.servers) {
    page->Row({server.server_id, absl::StrCat(server.incarnation), server.address, server.state,
               FormatCount(server.tablets), FormatBytes(server.bytes),
               FormatDurationMs(server.last_report_age_ms)});
  }
  page->EndTable();
}

uint64_t CountNotServing(const CellSnapshot& snapshot) {
  uint64_t count = 0;
  for (const wire::TabletSummary& tablet : snapshot.view->status.tablets) {
    count += tablet.state != "serving";
  }
  return count;
}

std::string TablesPage(const CellSnapshot& snapshot) {
  obs::Page page = NewPage(snapshot, "Tables");
  AddTables(snapshot, &page);
  return page.Finish();
}

std::string TabletsPage(const CellSnapshot& snapshot) {
  obs::Page page = NewPage(snapshot, "Tablets");
  std::map<TableId, std::string> names;
  for (const wire::TableSummary& table : snapshot.view->status.tables) {
    names[table.schema.id] = table.schema.name;
  }
  page.BeginTable({"Tablet", "Table", "After row", "Up to row", "Server", "Epoch", "State", "Since",
                   "Reason", "Next step", "Files", "Bytes", "Memory", "Reads", "Writes"});
  for (const wire::TabletSummary& tablet : snapshot.view->status.tablets) {
    const TabletLocation& location = tablet.location;
    auto name = names.find(location.tablet.table);
    page.Row({absl::StrCat(location.tablet.id),
              name == names.end() ? absl::StrCat("id ", location.tablet.table) : name->second,
              RowText(location.tablet.start_row, "(first)"),
              RowText(location.tablet.end_row, "(last)"), location.server_id,
              absl::StrCat(location.epoch), tablet.state, FormatDurationMs(tablet.state_age_ms),
              tablet.reason, tablet.next_step, FormatCount(tablet.counters.files),
              FormatBytes(tablet.counters.bytes), FormatBytes(tablet.counters.memtable_bytes),
              FormatCount(tablet.counters.reads), FormatCount(tablet.counters.writes)});
  }
  page.EndTable();
  return page.Finish();
}

int64_t NumberOf(const wire::ServerStatusResponse& server, const char* name) {
  for (const wire::NamedNumber& number : server.numbers) {
    if (number.name == name) return std::max<int64_t>(number.value, 0);
  }
  return 0;
}

std::string DiskText(const wire::ServerStatusResponse& server) {
  const auto free = static_cast<uint64_t>(NumberOf(server, "disk.free_bytes"));
  const auto reserve = static_cast<uint64_t>(NumberOf(server, "disk.reserve_bytes"));
  std::string text =
      absl::StrCat(FormatBytes(free), " free, ", FormatBytes(reserve), " kept in reserve");
  if (NumberOf(server, "disk.full") == 0) return text;
  return absl::StrCat("FULL: writes are refused until there is room; ", text);
}

// The things of a server that can become full.
void AddLevels(const wire::ServerStatusResponse& server, obs::Page* page) {
  const wire::RingStatus& ring = server.ring;
  const uint64_t most = ring.max_segments * ring.segment_bytes;
  page->Level("Commit log ring",
              absl::StrCat(FormatBytes(ring.live_bytes), " needed for recovery, of at most ",
                           FormatBytes(most)),
              ring.live_bytes, most);
  const auto used = static_cast<uint64_t>(NumberOf(server, "memory.used"));
  const auto limit = static_cast<uint64_t>(NumberOf(server, "memory.limit"));
  page->Level("Memory", absl::StrCat(FormatBytes(used), " of ", FormatBytes(limit)), used, limit);
  page->Fact("Disk", DiskText(server));
}

void AddServerDetails(const wire::ServerStatusResponse& server, obs::Page* page) {
  page->Heading(server.server_id);
  page->Fact("State", server.state);
  page->Fact("Address", server.address);
  page->Fact("Incarnation", absl::StrCat(server.incarnation));
  AddLevels(server, page);
  const wire::RingStatus& ring = server.ring;
  page->Fact("Log segments",
             absl::StrCat(ring.segments, " of at most ", ring.max_segments, ", ",
                          FormatBytes(ring.segment_bytes), " each, reused ", ring.wraps, " times"));
  page->Fact("Log head", absl::StrCat("segment ", ring.head_segment, ", offset ", ring.head_offset,
                                      ", next LSN ", ring.next_lsn, ", epoch ", ring.epoch));
  page->Fact("Log tail", absl::StrCat("segment ", ring.tail_segment));
  std::string pinning;
  for (TabletId tablet : ring.pinning) {
    absl::StrAppend(&pinning, pinning.empty() ? "tablets " : ", ", tablet);
  }
  page->Fact("Tail kept by", pinning.empty() ? "nothing" : pinning);
  page->BeginTable({"Name", "Value", "Meaning"});
  for (const wire::NamedNumber& number : server.numbers) {
    const ServerNumber meaning = DescribeServerNumber(number.name);
    page->Row({number.name, FormatServerNumber(meaning, number.value), meaning.help});
  }
  page->EndTable();
}

std::string CellPage(const CellSnapshot& snapshot) {
  obs::Page page = NewPage(snapshot, "Overview");
  const wire::CellStatusResponse& status = snapshot.view->status;
  page.Fact("Address", status.master_address);
  page.Fact("Master epoch", absl::StrCat(status.master_epoch));
  page.Fact("Tablets", FormatCount(status.tablets.size()));
  page.Fact("Not serving", FormatCount(CountNotServing(snapshot)));
  if (!snapshot.view->trouble.empty()) page.Fact("Trouble", snapshot.view->trouble);
  AddTables(snapshot, &page);
  AddServers(snapshot, &page);
  for (const wire::ServerStatusResponse& server : snapshot.servers) {
    page.Heading(absl::StrCat("Log and memory of ", server.server_id));
    AddLevels(server, &page);
  }
  return page.Finish();
}

std::string ServersPage(const CellSnapshot& snapshot) {
  obs::Page page = NewPage(snapshot, "Servers");
  AddServers(snapshot, &page);
  for (const wire::ServerStatusResponse& server : snapshot.servers) {
    AddServerDetails(server, &page);
  }
  return page.Finish();
}

json TablesJson(const CellSnapshot& snapshot) {
  json tables = json::array();
  for (const wire::TableSummary& table : snapshot.view->status.tables) {
    json families = json::array();
    for (const FamilySchema& family : table.schema.families) families.push_back(family.name);
    tables.push_back({{"name", table.schema.name},
                      {"id", table.schema.id},
                      {"state", table.state},
                      {"version", table.schema.version},
                      {"families", families},
                      {"tablets", table.tablets},
                      {"tablets_serving", table.tablets_serving},
                      {"bytes", table.bytes}});
  }
  return tables;
}

json TabletsJson(const CellSnapshot& snapshot) {
  json tablets = json::array();
  for (const wire::TabletSummary& tablet : snapshot.view->status.tablets) {
    const TabletLocation& location = tablet.location;
    tablets.push_back({{"id", location.tablet.id},
                       {"table", location.tablet.table},
                       {"start_row", Printable(location.tablet.start_row)},
                       {"end_row", Printable(location.tablet.end_row)},
                       {"server", location.server_id},
                       {"epoch", location.epoch},
                       {"state", tablet.state},
                       {"state_age_ms", tablet.state_age_ms},
                       {"reason", tablet.reason},
                       {"next_step", tablet.next_step},
                       {"files", tablet.counters.files},
                       {"bytes", tablet.counters.bytes},
                       {"memtable_bytes", tablet.counters.memtable_bytes},
                       {"reads", tablet.counters.reads},
                       {"writes", tablet.counters.writes}});
  }
  return tablets;
}

json ServersJson(const CellSnapshot& snapshot) {
  json servers = json::array();
  for (const wire::ServerStatusResponse& server : snapshot.servers) {
    json numbers = json::object();
    for (const wire::NamedNumber& number : server.numbers) numbers[number.name] = number.value;
    servers.push_back({{"id", server.server_id},
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
                       {"numbers", numbers}});
  }
  return servers;
}

json CellJson(const CellSnapshot& snapshot) {
  const wire::CellStatusResponse& status = snapshot.view->status;
  return {{"cell", status.cell_name},
          {"address", status.master_address},
          {"master_epoch", status.master_epoch},
          {"tablets", status.tablets.size()},
          {"tablets_not_serving", CountNotServing(snapshot)},
          {"trouble", snapshot.view->trouble},
          {"tables", TablesJson(snapshot)},
          {"servers", ServersJson(snapshot)}};
}

void AddServerMetrics(const wire::ServerStatusResponse& server, obs::MetricRegistry* registry) {
  const obs::Labels labels = {{"server", server.server_id}};
  auto set = [&](const char* name, const char* help, const char* unit, uint64_t value) {
    registry->AddGauge({name, help, unit}, labels)->Set(static_cast<int64_t>(value));
  };
  const wire::RingStatus& ring = server.ring;
  set("stele_tablets", "Tablets that the server holds.", "", server.tablets);
  set("stele_log_live", "Commit log that recovery would read.", "bytes", ring.live_bytes);
  set("stele_log_limit", "Commit log at most.", "bytes", ring.max_segments * ring.segment_bytes);
  set("stele_log_segments", "Segments of the commit log's ring.", "", ring.segments);
  set("stele_log_next_lsn", "Sequence number of the commit log's next record.", "", ring.next_lsn);
  registry
      ->AddCounter({"stele_log_segments_reused", "Segments of the ring used again.", ""}, labels)
      ->Add(ring.wraps);
  for (const wire::NamedNumber& number : server.numbers) {
    const ServerNumber meaning = DescribeServerNumber(number.name);
    const obs::MetricInfo info = {meaning.metric, meaning.help, meaning.unit};
    obs::Labels all = labels;
    all.insert(all.end(), meaning.labels.begin(), meaning.labels.end());
    if (meaning.counter) {
      registry->AddCounter(info, all)->Add(
          static_cast<uint64_t>(std::max<int64_t>(number.value, 0)));
    } else {
      registry->AddGauge(info, all)->Set(number.value);
    }
  }
}

std::string MetricsText(const CellSnapshot& snapshot) {
  obs::MetricRegistry registry;
  for (const wire::ServerStatusResponse& server : snapshot.servers) {
    AddServerMetrics(server, &registry);
  }
  registry.AddGauge({"stele_tablets_not_serving", "Tablets that do not serve.", ""})
      ->Set(static_cast<int64_t>(CountNotServing(snapshot)));
  for (const wire::TableSummary& table : snapshot.view->status.tables) {
    registry
        .AddGauge({"stele_table", "What a table holds in SSTables.", "bytes"},
                  {{"table", table.schema.name}})
        ->Set(static_cast<int64_t>(table.bytes));
  }
  return registry.Render();
}

net::HttpResponse Health(const CellSnapshot& snapshot) {
  if (snapshot.view != nullptr && snapshot.view->all_serving) return {200, kPlainText, "ok\n"};
  return {503, kPlainText, "not every tablet serves\n"};
}

// Keys may hold any bytes; what is not UTF-8 was made printable before.
std::string Dump(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace

net::HttpResponse RenderStatusPage(const net::HttpRequest& request, const CellSnapshot& snapshot) {
  if (request.path == "/healthz") return Health(snapshot);
  if (snapshot.view == nullptr) return {503, kPlainText, "the cell is starting\n"};
  if (request.path == "/metrics") {
    return {200, obs::MetricRegistry::kContentType, MetricsText(snapshot)};
  }
  struct Entry {
    const char* path;
    std::string (*page)(const CellSnapshot&);
    json (*data)(const CellSnapshot&);
  };
  static constexpr Entry kPages[] = {{"/", CellPage, CellJson},
                                     {"/tables", TablesPage, TablesJson},
                                     {"/tablets", TabletsPage, TabletsJson},
                                     {"/servers", ServersPage, ServersJson}};
  auto format = request.query.find("format");
  const bool as_json = format != request.query.end() && format->second == "json";
  for (const Entry& entry : kPages) {
    if (request.path != entry.path) continue;
    if (as_json) return {200, kJson, Dump(entry.data(snapshot))};
    return {200, obs::Page::kContentType, entry.page(snapshot)};
  }
  return {404, kPlainText, "no such page\n"};
}

}  // namespace stele::deploy
