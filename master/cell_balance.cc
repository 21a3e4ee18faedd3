#include "master/cell_balance.h"

#include <algorithm>
#include <set>
#include <string>

#include "common/base/log.h"

namespace stele::master {

void MeasureLoads(const ProcedureContext& context, LoadMeter* meter) {
  for (const auto& [id, server] : context.servers->servers()) {
    if (!server.report_status.ok()) continue;
    for (const auto& [tablet, report] : server.tablets) {
      const TabletLocation* location = context.tablets->Find(tablet);
      if (location == nullptr || location->server_id != id) continue;
      const wire::TabletCounters& counters = report.counters;
      meter->Look(tablet, {report.epoch, counters.reads + counters.writes, counters.request_bytes},
                  server.reported_boot_ns);
    }
  }
  meter->Keep(context.tablets->all());
}

namespace {

// One that drains does not count once it has no tablet left: it takes none, and none of its moves
// comes between. One that is silent may have any.
bool IsReady(const ProcedureContext& context, const TabletMoves& moves) {
  if (!moves.empty()) return false;
  std::set<std::string> draining;
  for (const auto& [id, server] : context.servers->servers()) {
    if (IsDraining(*context.catalog, server)) {
      draining.insert(id);
    } else if (!server.report_status.ok()) {
      return false;
    }
  }
  if (draining.empty()) return true;
  const auto& tablets = context.tablets->all();
  return std::none_of(tablets.begin(), tablets.end(),
                      [&](const auto& one) { return draining.contains(one.second.server_id); });
}

}  // namespace

void BalanceByItself(const ProcedureContext& context, int64_t now_ns, Balancer* balancer,
                     TabletMoves* moves) {
  if (!IsReady(context, *moves)) return balancer->Pause(now_ns);
  const std::vector<PlannedMove> due = balancer->TakeDue(ViewForBalance(context), now_ns);
  balancer->Begin(due);
  for (const PlannedMove& move : due) {
    LOG(INFO) << "balance: " << DescribeMove(move);
    moves->Add(move);
  }
}

}  // namespace stele::master
