#include "master/procedures/table_view.h"

#include <utility>

namespace stele::master {

namespace {

TabletView View(const ProcedureContext& context, TabletLocation location,
                std::string expected_start) {
  TabletView view;
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
  view.expected_start = std::move(expected_start);
  view.location = std::move(location);
  return view;
}

}  // namespace

std::vector<TabletView> ViewTable(const ProcedureContext& context, TableId table) {
  std::vector<TabletView> views;
  std::vector<TabletLocation> tablets = context.tablets->TabletsOf(table);
  views.reserve(tablets.size());
  std::string end;
  for (TabletLocation& location : tablets) {
    std::string start = std::exchange(end, location.tablet.end_row);
    views.push_back(View(context, std::move(location), std::move(start)));
  }
  return views;
}

StatusOr<TabletView> ViewTablet(const ProcedureContext& context, TabletId tablet) {
  const TabletLocation* location = context.tablets->Find(tablet);
  if (location != nullptr) {
    auto start = context.tablets->StartOf(location->tablet);
    if (start.has_value()) return View(context, *location, *std::move(start));
  }
  return absl::NotFoundError(absl::StrCat("there is no tablet ", tablet));
}

bool MayReshape(TabletId tablet) { return tablet != kRootTablet && tablet != kCatalogTablet; }

std::vector<TableId> UserTables(const ProcedureContext& context) {
  std::vector<TableId> tables = context.tablets->Tables();
  std::erase_if(tables, [](TableId table) { return table < kFirstUserTable; });
  return tables;
}

}  // namespace stele::master
