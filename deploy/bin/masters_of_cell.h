// MastersOfCell: from the address of a cell on ZooKeeper, zk://host:port,…/chroot, to the addresses
// of its masters, "host:port,host:port", the active one first: what a client connects to. Blocks.
#pragma once

#include <string>

#include "common/base/status.h"

namespace stele::bin {

// Anything else than a zk:// address is returned as it is. NotFound when no master is there.
StatusOr<std::string> MastersOfCell(const std::string& cell);

}  // namespace stele::bin
