// Whose a store is: of a cell in one process, whose Locker is in it, or of one of several
// processes, whose Locker is ZooKeeper. The latter leaves the cell's key in the store: a ZooKeeper
// that has lost its content, or a wrong chroot, is noticed before a server does anything. Functions
// over the store.
#pragma once

#include <string>

#include "common/store/blob_store.h"

namespace stele::deploy {

// FailedPrecondition when the store is of a cell in one process, or of one with another key, or of
// none though the cell has its data somewhere: then the shared directory is not mounted here, and a
// server without it would find nothing in the logs of others.
Status ClaimForProcesses(BlobStore* store, const std::string& cell_key, bool cell_has_data);
// The key that is left in the store. FailedPrecondition when the store is of no cell of several
// processes.
StatusOr<std::string> ReadClaim(BlobStore* store);
// FailedPrecondition when the store is of a cell of several processes.
Status CheckForOneProcess(BlobStore* store);

}  // namespace stele::deploy
