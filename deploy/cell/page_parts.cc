#include "deploy/cell/page_parts.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "schema/model/time_text.h"

namespace stele::deploy {

using obs::PageCell;
using obs::Printable;

std::string ParameterOf(const net::HttpRequest& request, const char* name) {
  auto found = request.query.find(name);
  return found == request.query.end() ? "" : found->second;
}

StatusOr<uint64_t> NumberOf(const net::HttpRequest& request, const char* name, uint64_t missing) {
  const std::string text = ParameterOf(request, name);
  uint64_t number = missing;
  if (text.empty() || absl::SimpleAtoi(text, &number)) return number;
  return absl::InvalidArgumentError(absl::StrCat("?", name, "= is not a number"));
}

obs::Page NewPage(const CellSnapshot& snapshot, const std::string& title) {
  obs::Page page(absl::StrCat(title, " of cell ", snapshot.view->status.cell_name));
  page.Navigation({{"Cell", "/"},
                   {"Tables", "/tables"},
                   {"Tablets", "/tablets"},
                   {"Servers", "/servers"},
                   {"Heat", "/heat"},
                   {"Operations", "/operations"},
                   {"Locker", "/locker"},
                   {"Events", "/events"},
                   {"Options", "/config"},
                   {"Metrics", "/metrics"}});
  return page;
}

std::string RowText(const std::string& row, const char* infinity) {
  return row.empty() ? infinity : Printable(row);
}

std::map<TableId, std::string> NamesOf(const CellSnapshot& snapshot) {
  std::map<TableId, std::string> names;
  for (const wire::TableSummary& table : snapshot.view->status.tables) {
    names[table.schema.id] = table.schema.name;
  }
  return names;
}

// Names of tables need no escapes in an address: the model lets no others in.
PageCell TableLink(const std::string& name) { return {name, absl::StrCat("/table?name=", name)}; }
PageCell TabletLink(TabletId id) { return {absl::StrCat(id), absl::StrCat("/tablet?id=", id)}; }
// Ids of servers are of [A-Za-z0-9._-].
PageCell ServerLink(const std::string& id) { return {id, absl::StrCat("/server?id=", id)}; }

std::string TimeText(int64_t time_us) {
  std::string text = FormatTimeUs(time_us / 1000 * 1000);
  std::replace(text.begin(), text.end(), 'T', ' ');
  if (text.ends_with('Z')) text.pop_back();
  return text;
}

void AddInside(const wire::TabletCounters& counters, obs::Page* page) {
  page->Fact("SSTables", absl::StrCat(obs::FormatCount(counters.files), ", ",
                                      obs::FormatBytes(counters.bytes)));
  page->Fact("In memory", obs::FormatBytes(counters.memtable_bytes));
  // The levels that a search goes down.
  constexpr uint64_t kBlocksOfAnchor = 32;
  const uint64_t anchors = (counters.index_blocks + kBlocksOfAnchor - 1) / kBlocksOfAnchor;
  page->Fact("Index",
             counters.index_blocks == 0
                 ? "no block"
                 : absl::StrCat("about ", obs::FormatCount(anchors), " anchors, then ",
                                obs::FormatCount(counters.index_blocks), " blocks of ",
                                obs::FormatCount(counters.files), " files, then their pages; ",
                                obs::FormatBytes(counters.index_bytes), " in memory"));
  page->Fact("Compaction debt",
             counters.compaction_debt_bytes == 0
                 ? "none"
                 : obs::FormatBytes(counters.compaction_debt_bytes) + " are due to be read");
  page->Fact("Since opened", absl::StrCat(obs::FormatCount(counters.reads), " reads, ",
                                          obs::FormatCount(counters.writes), " writes"));
}

uint64_t AddEvents(const CellSnapshot& snapshot, wire::ListEventsRequest query, uint64_t limit,
                   obs::Page* page, const char* heading) {
  if (snapshot.events == nullptr) return 0;
  query.limit = limit;
  const auto list = snapshot.events(query);
  page->Heading(heading);
  if (!list.ok() || list->events.empty()) {
    page->Text(list.ok() ? "Nothing that is remembered." : list.status().message());
    return 0;
  }
  const std::vector<wire::Event>& events = list->events;
  std::set<std::string> tables;  // what is gone has no page
  std::set<TabletId> tablets;
  std::set<std::string> servers;
  for (const wire::ServerSummary& server : snapshot.view->status.servers) {
    servers.insert(server.server_id);
  }
  for (const auto& [id, name] : NamesOf(snapshot)) tables.insert(name);
  for (const wire::TabletSummary& tablet : snapshot.view->status.tablets) {
    tablets.insert(tablet.location.tablet.id);
  }
  page->BeginTable({"Time (UTC)", "Kind", "What", "Tablet", "Table", "Server", "Asked for by"});
  for (auto event = events.rbegin(); event != events.rend(); ++event) {
    page->Row(
        {TimeText(event->time_us), event->kind, event->text,
         tablets.contains(event->tablet)
             ? TabletLink(event->tablet)
             : PageCell(event->tablet == 0 ? "" : absl::StrCat(event->tablet)),
         tables.contains(event->table) ? TableLink(event->table)
                                       : PageCell(Printable(event->table)),
         servers.contains(event->server) ? ServerLink(event->server) : PageCell(event->server),
         event->actor});
  }
  page->EndTable();
  return events.size() < limit ? 0 : events.front().number;
}

void AddRecovery(const wire::RecoveryProgress& recovery, obs::Page* page) {
  page->Level("Recovery of its log",
              absl::StrCat("by ", recovery.by, ": ", obs::FormatBytes(recovery.bytes_done), " of ",
                           obs::FormatBytes(recovery.bytes_total), " read, ", recovery.tablets_done,
                           " of ", recovery.tablets_total, " tablets written, about ",
                           obs::FormatDurationMs(recovery.left_ms), " left"),
              recovery.bytes_done, recovery.bytes_total);
}

// What is under way: recoveries with how far they are, and what the master is busy with.
void AddWork(const CellSnapshot& snapshot, obs::Page* page) {
  const wire::CellStatusResponse& status = snapshot.view->status;
  for (const std::string& work : status.work) page->Fact("Under way", work);
  for (const wire::ServerSummary& server : status.servers) {
    if (server.state != "recovering") continue;
    page->Fact("Recovering", absl::StrCat(server.server_id, ": ", server.note));
    if (server.recovery.has_value()) AddRecovery(*server.recovery, page);
  }
}

}  // namespace stele::deploy
