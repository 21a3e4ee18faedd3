#include "master/cell_view.h"

#include <algorithm>
#include <set>
#include <utility>

namespace stele::master {
namespace {

constexpr int64_t kNanosPerMilli = 1'000'000;

wire::ServerSummary DescribeServer(const LiveServer& server, int64_t now_boot_ns) {
  wire::ServerSummary summary;
  summary.server_id = server.node.server_id;
  summary.incarnation = server.node.incarnation;
  summary.address = server.node.address;
  summary.http_address = server.node.http_address;
  summary.state = server.report_status.ok() ? "live" : "suspect";
  summary.tablets = server.tablets.size();
  for (const auto& [id, report] : server.tablets) summary.bytes += report.counters.bytes;
  summary.last_report_age_ms =
      server.reported_boot_ns == 0 ? 0 : (now_boot_ns - server.reported_boot_ns) / kNanosPerMilli;
  return summary;
}

// Servers that are not there any more: whose logs are not recovered, and those that are drained.
void AddGoneServers(const CellViewParts& parts, std::vector<wire::ServerSummary>* servers) {
  std::set<std::string> away = parts.catalog->drained();
  for (const wire::ServerSummary& server : *servers) away.erase(server.server_id);
  if (parts.recoveries != nullptr) {
    for (const auto& [owner, why] : parts.recoveries->gone()) {
      wire::ServerSummary& summary = servers->emplace_back();
      summary.server_id = owner.server_id;
      summary.incarnation = owner.incarnation;
      summary.state = "recovering";
      summary.note = why;
      summary.recovery = parts.recoveries->ProgressOf(owner);
      summary.draining = away.erase(owner.server_id) != 0;
    }
  }
  for (const std::string& id : away) {
    wire::ServerSummary& summary = servers->emplace_back();
    summary.server_id = id;
    summary.state = "dead";
    summary.draining = true;
    summary.note = "its drain is remembered";
  }
}

// What is under way and not told by the states of tablets and servers.
std::vector<std::string> DescribeWork(const CellViewParts& parts) {
  std::vector<std::string> work;
  for (const auto& [name, record] : parts.catalog->tables()) {
    if (record.state != TableState::kServing) {
      work.push_back(absl::StrCat("table ", name, " is ", TableStateName(record.state)));
    } else if (record.dropping) {
      work.push_back(absl::StrCat("rows of table ", name, " are dropped"));
    }
  }
  for (const PlannedMove& move : parts.moves->moves()) work.push_back(DescribeMove(move));
  return work;
}

// What keeps a tablet whole that should be split, or apart from the one it should be merged with.
std::string WhyNotReshaped(TabletId tablet, const CellViewParts& parts) {
  std::string hot = parts.reshaper->WhyHot(tablet);
  if (!hot.empty()) return hot;
  const auto failure = parts.reshapes->LastFailure(tablet);
  if (!failure.has_value() || !absl::IsFailedPrecondition(failure->error)) return "";
  return absl::StrCat("not split or merged: ", failure->error.message());
}

wire::TabletSummary DescribeTablet(const TabletLocation& location, const CellViewParts& parts) {
  wire::TabletSummary summary;
  summary.location = location;
  summary.state = "unassigned";
  const auto& progress = parts.reconciler->progress();
  if (auto it = progress.find(location.tablet.id); it != progress.end()) {
    summary.state = it->second.state;
    summary.reason = it->second.reason;
    summary.next_step = it->second.next_step;
    summary.state_age_ms = (parts.now_boot_ns - it->second.since_boot_ns) / kNanosPerMilli;
  }
  if (summary.state == "serving") summary.reason = WhyNotReshaped(location.tablet.id, parts);
  for (const ServerList::Holder& holder : parts.servers->HoldersOf(location.tablet.id)) {
    if (holder.server->node.server_id == location.server_id) {
      summary.counters = holder.report->counters;
    }
  }
  return summary;
}

// What the tablets of each table come to together; without the schemas.
std::map<TableId, wire::TableSummary> SumUp(const std::vector<wire::TabletSummary>& tablets) {
  std::map<TableId, wire::TableSummary> sums;
  for (const wire::TabletSummary& tablet : tablets) {
    wire::TableSummary& sum = sums[tablet.location.tablet.table];
    ++sum.tablets;
    sum.tablets_serving += tablet.state == "serving";
    sum.bytes += tablet.counters.bytes;
  }
  return sums;
}

wire::TableSummary DescribeTable(const TableSchema& schema, const char* state,
                                 const std::map<TableId, wire::TableSummary>& sums) {
  auto sum = sums.find(schema.id);
  wire::TableSummary summary = sum == sums.end() ? wire::TableSummary() : sum->second;
  summary.schema = schema;
  summary.state = state;
  return summary;
}

}  // namespace

CellView DescribeCell(const CellViewParts& parts) {
  CellView view;
  view.status.cell_name = parts.cell_name;
  view.status.master_address = parts.master_address;
  view.status.master_http_address = parts.master_http_address;
  view.status.master_epoch = parts.master_epoch;
  for (const auto& [id, server] : parts.servers->servers()) {
    wire::ServerSummary& summary =
        view.status.servers.emplace_back(DescribeServer(server, parts.now_boot_ns));
    summary.draining = IsDraining(*parts.catalog, server);
    if (server.leaving) summary.note = "it is leaving";
    if (!server.report_status.ok()) summary.note = std::string(server.report_status.message());
  }
  AddGoneServers(parts, &view.status.servers);
  view.status.work = DescribeWork(parts);
  if (parts.recoveries != nullptr) {
    view.status.recovery_bytes_per_second = parts.recoveries->bytes_per_second();
  }
  for (const auto& [id, location] : parts.tablets->all()) {
    view.status.tablets.push_back(DescribeTablet(location, parts));
  }
  const std::map<TableId, wire::TableSummary> sums = SumUp(view.status.tablets);
  view.root.cell_name = parts.cell_name;
  view.root.master_address = parts.master_address;
  if (const auto* root = parts.tablets->Find(kRootTablet)) view.root.root = *root;
  if (const auto* catalog = parts.tablets->Find(kCatalogTablet)) view.root.catalog = *catalog;
  view.ready = parts.catalog->loaded() && parts.tablets->tablets_loaded();
  view.status.ready = view.ready;
  for (const TableSchema& schema : {MetadataSchema(), CatalogSchema()}) {
    view.status.tables.push_back(DescribeTable(schema, "serving", sums));
    view.tables[schema.name] = {schema, parts.tablets->TabletsOf(schema.id)};
  }
  if (!view.ready) return view;
  view.settled = std::all_of(view.status.tablets.begin(), view.status.tablets.end(),
                             [](const wire::TabletSummary& tablet) {
                               return tablet.state == "serving" || tablet.state == "broken" ||
                                      tablet.state == "closing";
                             });
  for (const auto& [name, record] : parts.catalog->tables()) {
    const char* state = TableStateName(record.state);
    view.table_states[name] = state;
    view.status.tables.push_back(DescribeTable(record.schema, state, sums));
    if (record.state != TableState::kServing) continue;
    view.tables[name] = {record.schema, parts.tablets->TabletsOf(record.schema.id)};
  }
  return view;
}

}  // namespace stele::master
