// The cell's key: 16 random bytes in the Locker, by which servers of one cell know each other's
// requests (net::RpcOptions::cell_key). Whoever can read the Locker is of the cell. It keeps
// hand-made clients from the cell's inner methods; it is no protection against who can read the
// network: that is what TLS is for, whose certificates will take its place.
#pragma once

#include <string>

#include "locker/locker.h"

namespace stele {

inline constexpr char kCellKeyPath[] = "/cell/key";

// The key, made by the first who asks. DataLoss when what is there is none.
StatusOr<std::string> CellKey(LockerSession* session);

}  // namespace stele
