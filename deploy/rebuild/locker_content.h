// LockerContent: what the Locker of a cell of several processes has to hold, read back from the
// cell's store: for when ZooKeeper has lost its data. Offline: no master and no server of the cell
// runs. Free functions; ReadLockerContent changes nothing.
//
// Crash rule of WriteLockerContent: the cell's key is written last. Without it no tablet server
// starts, so what was cut off is done again from the beginning, and comes to the same.
#pragma once

#include <string>
#include <vector>

#include "common/store/blob_store.h"
#include "locker/locker.h"
#include "schema/metadata/metadata.h"

namespace stele::deploy {

struct LockerContent {
  std::string cell_key;
  std::vector<TabletLocation> roots;  // of root and catalog, without owners
  std::vector<std::string> logs;      // that are not known to be recovered
  uint64_t master_term = 0;           // above every one that wrote a system row
};

// `logs`: all that the store holds (ListPosixLogs). FailedPrecondition: the store is not of a cell
// of several processes, or has no root tablet.
StatusOr<LockerContent> ReadLockerContent(BlobStore* store, const std::vector<std::string>& logs);

// FailedPrecondition: a process of the cell lives, or its session does.
Status CheckNobodyLives(LockerSession* locker);

// One sentence a node that is missing or other than it has to be, in the order in which they are
// written; empty: nothing is to be done. FailedPrecondition: somebody of the cell lives (a session
// of a process that has just died lasts for its timeout), or the Locker is of another cell.
StatusOr<std::vector<std::string>> PlanLockerContent(LockerSession* locker,
                                                     const LockerContent& content);
// Carries the plan out. Logs are sealed first: the numbers of incarnations may begin anew with the
// Locker, and none may take an old log for its own.
Status WriteLockerContent(BlobStore* store, LockerSession* locker, const LockerContent& content);

}  // namespace stele::deploy
