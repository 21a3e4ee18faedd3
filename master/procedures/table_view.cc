#include "master/procedures/table_view.h"

#include <utility>

namespace stele::master {

std::vector<TabletView> ViewTable(const ProcedureContext& context, TableId table) {
  std::vector<TabletView> views;
  std::string end;
  for (TabletLocation& location : context.tablets->TabletsOf(table)) {
    TabletView& view = views.emplace_back();
    for (const ServerList::Holder& holder : context.servers->HoldersOf(location.tablet.id)) {
      if (!holder.server->report_status.ok()) continue;
      const bool known =
          holder.report->state == wire::TabletState::kOpen || holder.report->merged_into != 0;
      if (!known || (view.report != nullptr && view.report->epoch > holder.report->epoch)) continue;
      view.server = holder.server;
      view.report = holder.report;
    }
    // What a server that does not report now said last is not acted on.
    view.serving = view.report != nullptr && context.servers->IsServing(location);
    view.expected_start = std::exchange(end, location.tablet.end_row);
    view.location = std::move(location);
  }
  return views;
}

bool MayReshape(TabletId tablet) { return tablet != kRootTablet && tablet != kCatalogTablet; }

std::vector<TableId> UserTables(const ProcedureContext& context) {
  std::vector<TableId> tables = context.tablets->Tables();
  std::erase_if(tables, [](TableId table) { return table < kFirstUserTable; });
  return tables;
}

}  // namespace stele::master
