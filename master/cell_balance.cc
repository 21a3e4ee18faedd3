#include "master/cell_balance.h"

#include <algorithm>

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

void BalanceByItself(const ProcedureContext& context, int64_t now_ns, Balancer* balancer,
                     TabletMoves* moves) {
  const auto& servers = context.servers->servers();
  const bool ready =
      moves->empty() && std::all_of(servers.begin(), servers.end(), [&](auto& one) {
        return one.second.report_status.ok() && !IsDraining(*context.catalog, one.second);
      });
  if (!ready) return balancer->Pause(now_ns);
  const std::vector<PlannedMove> due = balancer->TakeDue(ViewForBalance(context), now_ns);
  balancer->Begin(due);
  for (const PlannedMove& move : due) {
    LOG(INFO) << "balance: " << DescribeMove(move);
    moves->Add(move);
  }
}

}  // namespace stele::master
