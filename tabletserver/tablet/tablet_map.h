// TabletMap: the tablets of this server and the state of each.
//
//   absent -> opening -> open -> closing -> absent
//                \-> failed (reason kept until the next attempt)     [close of a failed: absent]
//
// Open, Close and Drop block on the disk and run on a pool; only one of them works on a tablet at a
// time, the others answer Unavailable at once. Each carries the epoch under which the master gave
// the tablet: one that is older than the entry's is Aborted, so a delayed request of a past
// assignment does nothing. Find is for the data path and never waits for the disk.
//
// Owned by the tablet server. Thread-safe. The engine outlives it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/store/blob_store.h"
#include "schema/convert/messages.h"
#include "tabletserver/storage/engine.h"

namespace stele::tabletserver {

class TabletMap {
 public:
  TabletMap(storage::Engine* engine, BlobStore* store);

  // Idempotent for the same epoch. `create` makes a tablet that has no manifest yet.
  Status Open(const wire::OpenTabletRequest& request);
  // Not serving it is success.
  Status Close(TabletId tablet, Epoch epoch, bool flush);
  // Deletes the manifest of a tablet that is not open here; without one: success. The files are
  // left to file GC.
  Status Drop(TabletId tablet, Epoch epoch);
  // An older or equal version is success; Unavailable when it is not open.
  Status Alter(TabletId tablet, Epoch epoch, const TableSchema& schema);

  // Unavailable with kNotServedPayload when the tablet is not open here.
  StatusOr<std::shared_ptr<storage::TabletStore>> Find(TabletId tablet, Epoch epoch = 0) const;

  std::vector<wire::TabletReport> Report() const;
  size_t size() const;

 private:
  struct Entry {
    TabletDescriptor descriptor;  // only the id is known until it was open once
    Epoch epoch = 0;
    wire::TabletState state = wire::TabletState::kOpening;
    Status error;
    std::shared_ptr<storage::TabletStore> store;
  };

  // Moves the tablet to opening, or says why not. True: there is something to do.
  StatusOr<bool> BeginOpen(const wire::OpenTabletRequest& request, bool* reopen);
  StatusOr<std::shared_ptr<storage::TabletStore>> OpenInEngine(
      const wire::OpenTabletRequest& request, bool reopen);

  storage::Engine* const engine_;
  BlobStore* const store_;

  mutable Mutex mu_;
  std::map<TabletId, Entry> entries_ GUARDED_BY(mu_);
};

}  // namespace stele::tabletserver
