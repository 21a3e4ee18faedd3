// TableView: the tablets of a table in key order, each with what the server that has it says of it:
// what splits, merges and moves are decided on. Pure; lives for one pass.
#pragma once

#include <string>
#include <vector>

#include "master/procedures/procedure.h"

namespace stele::master {

struct TabletView {
  TabletLocation location;
  // Of a live server that has it open, under the highest epoch; null: none has. A tablet that could
  // not be opened because it was merged counts here too.
  const LiveServer* server = nullptr;
  const wire::TabletReport* report = nullptr;
  // The end row of the tablet before it: where it must start.
  std::string expected_start;
  // By the owner, under the location's epoch; then there is a report.
  bool serving = false;

  bool is_open() const { return report != nullptr && report->state == wire::TabletState::kOpen; }
  bool starts_right() const { return is_open() && report->tablet.start_row == expected_start; }
};

std::vector<TabletView> ViewTable(const ProcedureContext& context, TableId table);
// One of them, without a look at the others. NotFound.
StatusOr<TabletView> ViewTablet(const ProcedureContext& context, TabletId tablet);

// Whether it may split, and be merged with a neighbour that may. The root never does, nor does the
// catalog: each is one tablet, which the Locker names.
bool MayReshape(TabletId tablet);

// The ids of all tables of users that have tablets.
std::vector<TableId> UserTables(const ProcedureContext& context);

}  // namespace stele::master
