// EmbeddedLocker: the Locker of a cell that runs in one process. Values live in one cell of the
// store ("locker/state"), replaced as a whole by compare-and-swap; sessions, ephemerals and locks
// live in memory only, so they end with the process.
//
// Crash rule: a change of a value that returned OK survives any crash. Versions and epochs come
// from one counter that is raised durably before a number of it is used, so neither repeats after a
// crash. One process at a time: the exclusive log "locker" is held as long as the Locker lives.
//
// A session that is not renewed for session_timeout_ns of Clock::BootNanos ends, whoever looks
// first. Thread-safe; watches run on a thread of its own. Sessions may outlive the Locker object.
#pragma once

#include <memory>

#include "common/store/blob_store.h"
#include "common/time/clock.h"
#include "locker/locker.h"

namespace stele {

struct EmbeddedLockerOptions {
  int64_t session_timeout_ns = 10'000'000'000;  // 100 ms ..
};

// `store` and `clock` outlive the Locker and its sessions. Unavailable when another process uses
// the same store, DataLoss when the state is damaged, FailedPrecondition when it is of a newer
// format.
StatusOr<std::unique_ptr<Locker>> OpenEmbeddedLocker(BlobStore* store, Clock* clock,
                                                     const EmbeddedLockerOptions& options);

}  // namespace stele
