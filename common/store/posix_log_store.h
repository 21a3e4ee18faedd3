// The log directory of the POSIX store, `logs/<name>@log/`:
//
//   LOCK            OS lock of the holder
//   EPOCH           a cell file whose version is the epoch of the last holder
//   <index>.seg     a segment, 20 decimal digits; its size is its capacity
//   <index>.new     a segment that is still being written; whoever next takes the lock removes it
//   SEALED          a cell file: version 1 sealed for ever, 2 and dropped; then only it stays
//
// Thread class: LogStore is thread-compatible, a LogSegment bound to one thread. The lock is held
// until the LogStore and every segment that it handed out are gone. A segment whose write or sync
// failed is poisoned: neither this handle nor a later Open of the same LogStore writes to it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/store/blob_store.h"
#include "common/store/store_directory.h"

namespace stele {

// `name` was checked.
StatusOr<std::unique_ptr<LogStore>> OpenPosixLog(std::shared_ptr<StoreDirectory> directory,
                                                 Slice name);

// See BlobStore.
Status SealPosixLog(StoreDirectory* directory, Slice name);
StatusOr<std::unique_ptr<LogStore>> OpenSealedPosixLog(std::shared_ptr<StoreDirectory> directory,
                                                       Slice name);
Status DropSealedPosixLog(StoreDirectory* directory, Slice name);

// The names of all logs of the store in `root`, sorted, whether sealed, dropped or neither.
StatusOr<std::vector<std::string>> ListPosixLogs(Fs* fs, const std::string& root);

}  // namespace stele
