// What every procedure works on. A procedure is a pure consequence of what is written: its function
// looks at the table's record, at the directory and at the servers, takes the next step that they
// allow and returns; the master calls it again on every pass until it says that it is done. So a
// master that begins in the middle of one goes on with it, and each step must be harmless when it
// is taken twice (STATES.md).
#pragma once

#include "common/fault/fault.h"
#include "master/catalog/catalog.h"
#include "master/catalog/tablet_directory.h"
#include "master/servers/server_list.h"
#include "master/servers/tablet_control.h"

namespace stele::master {

struct ProcedureContext {
  Catalog* catalog = nullptr;
  TabletDirectory* tablets = nullptr;
  const ServerList* servers = nullptr;
  TabletControl* control = nullptr;
  TabletControl* reshapes = nullptr;  // splits, merges, moves
  FaultInjector* faults = nullptr;
};

}  // namespace stele::master
