// CellView: the cell as the master saw it after a pass, for everyone who only asks: GetRoot,
// GetTable, ListTables, CellStatus and the status pages. Immutable; published by shared_ptr.
#pragma once

#include <map>
#include <string>

#include "master/reconciler.h"
#include "master/reshaper.h"
#include "master/tablet_moves.h"
#include "schema/convert/messages.h"

namespace stele::master {

// The master's hold on its lock.
struct LockerView {
  std::string lock_path;
  int64_t session_timeout_ms = 0;
  int64_t lease_left_ms = 0;  // when the view was made
  int64_t made_boot_ns = 0;
};

struct CellView {
  wire::GetRootResponse root;
  wire::CellStatusResponse status;
  std::map<std::string, wire::GetTableResponse> tables;  // those that serve
  std::map<std::string, std::string> table_states;       // all
  bool ready = false;                                    // catalog and directory are loaded
  bool all_serving = false;
  // Every tablet serves, or is broken: it was tried several times and will be tried again, but
  // nobody should wait for it (PROMISES P21).
  bool settled = false;
  LockerView locker;
  std::string trouble;  // why the last pass ended early; empty: it did not
};

struct CellViewParts {
  std::string cell_name;
  std::string master_address, master_http_address;
  Epoch master_epoch = 0;
  const ServerList* servers = nullptr;
  const TabletDirectory* tablets = nullptr;
  const Catalog* catalog = nullptr;
  const Reconciler* reconciler = nullptr;
  const LogRecoveries* recoveries = nullptr;  // null: of a cell in one process
  const TabletMoves* moves = nullptr;
  const Reshaper* reshaper = nullptr;
  const TabletControl* reshapes = nullptr;
  int64_t now_boot_ns = 0;
};

CellView DescribeCell(const CellViewParts& parts);

}  // namespace stele::master
