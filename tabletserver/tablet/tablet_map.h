// TabletMap: the tablets of this server and the state of each.
//
//   absent -> opening -> open -> closing -> absent
//                \-> failed (reason kept until the next attempt)     [close of a failed: absent]
//
// Open, Close, Drop, Split and Merge block on the disk and run on a pool; only one of them works on
// a tablet at a time, the others answer Unavailable at once. A tablet that is being split, merged
// or flushed before it is closed stays open all the while. Each carries the epoch under which the
// master gave the tablet: one that is older than the entry's is Aborted, so a delayed request of a
// past assignment does nothing. Find is for the data path and never waits for the disk.
//
// Owned by the tablet server. Thread-safe. The engine outlives it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/store/blob_store.h"
#include "schema/convert/load_messages.h"
#include "schema/convert/messages.h"
#include "schema/convert/reshape_messages.h"
#include "tabletserver/storage/engine.h"

namespace stele::tabletserver {

class TabletMap {
 public:
  TabletMap(storage::Engine* engine, BlobStore* store);

  // Idempotent for the same epoch. `create` makes a tablet that has no manifest yet.
  Status Open(const wire::OpenTabletRequest& request);
  // Not serving it is success.
  Status Close(const wire::CloseTabletRequest& request);
  // See storage::Engine. FailedPrecondition when the tablet's range is not the one that the request
  // says, or the epoch is not its own: it was made from old knowledge.
  Status Split(const wire::SplitTabletRequest& request);
  Status Merge(const wire::MergeTabletsRequest& request);
  Status ForgetMerged(const wire::MergeTabletsRequest& request);
  // Deletes the manifest of a tablet that is not open here; without one: success. The files are
  // left to file GC.
  Status Drop(TabletId tablet, Epoch epoch);
  // An older or equal version is success; Unavailable when it is not open.
  Status Alter(TabletId tablet, Epoch epoch, const TableSchema& schema);

  // An order that was carried out is success; Unavailable when it is not open.
  Status DropRows(const wire::DropTabletRowsRequest& request);

  // Unavailable with kNotServedPayload when the tablet is not open here.
  StatusOr<std::shared_ptr<storage::TabletStore>> Find(TabletId tablet, Epoch epoch = 0) const;
  // Unavailable with kNotServedPayload: the row is not in the tablet that was asked. Names the one
  // here that has it.
  Status WrongTablet(TableId table, Slice row) const;
  // Where this server is found: what WrongTablet tells. Before the first request.
  void SetSelf(TabletLocation self) { self_ = std::move(self); }

  std::vector<wire::TabletReport> Report() const;
  // Of open tablets that were asked for something; the more there are the fewer rows of each.
  std::vector<wire::TabletLoad> ReportLoad() const;
  size_t size() const;

 private:
  struct Entry {
    TabletDescriptor descriptor;  // only the id is known until it was open once
    Epoch epoch = 0;
    wire::TabletState state = wire::TabletState::kOpening;
    Status error;
    TabletId merged_into = 0;  // failed for that reason
    bool busy = false;         // open, and being split, merged or made ready to close
    std::shared_ptr<storage::TabletStore> store;
  };

  // Moves the tablet to opening, or says why not. True: there is something to do.
  StatusOr<bool> BeginOpen(const wire::OpenTabletRequest& request, bool* reopen);
  StatusOr<std::shared_ptr<storage::TabletStore>> OpenInEngine(
      const wire::OpenTabletRequest& request, bool reopen);

  StatusOr<std::string> SplitRow(const wire::SplitTabletRequest& request) const;
  // Claims an open tablet for a split or merge, or says why not.
  Status Claim(TabletId tablet, Epoch epoch, const std::string* start_row) REQUIRES(mu_);
  // Takes over what the engine has of the tablets after a split or merge, in one step for readers.
  void TakeOver(const std::vector<std::pair<TabletId, Epoch>>& tablets, const Status& outcome);
  TabletLocation Here(const Entry& entry) const REQUIRES(mu_);
  void NoteMoved(const wire::CloseTabletRequest& request) REQUIRES(mu_);

  storage::Engine* const engine_;
  BlobStore* const store_;
  TabletLocation self_;

  mutable Mutex mu_;
  std::map<TabletId, Entry> entries_ GUARDED_BY(mu_);
  // Where tablets went that were closed here; bounded.
  std::map<TabletId, TabletLocation> moved_ GUARDED_BY(mu_);
};

}  // namespace stele::tabletserver
