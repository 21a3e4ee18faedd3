// TabletDirectory: where every tablet of the cell belongs: the master's copy of the location tree
// and the one place that writes it. Each location is kept where clients find it: root and catalog
// in the Locker, METADATA tablets in the root tablet, all others in METADATA tablets.
//
// The copy is right because the one active master is the only writer (conditional mutations will
// make that a check; until then Revision orders the writes of different masters). After a failed
// write the level it belongs to is in doubt: its loaded flag turns false, and it is read again
// before it is used. Bound to the master thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "locker/locker.h"
#include "master/catalog/revision.h"
#include "master/catalog/tablet_access.h"
#include "schema/metadata/metadata.h"

namespace stele::master {

class TabletDirectory {
 public:
  // All outlive the directory.
  TabletDirectory(LockerSession* locker, TabletAccess* access, Revision* revision)
      : locker_(locker), access_(access), revision_(revision) {}

  // Reads root and catalog locations from the Locker, creating them, without owner, in a new cell.
  Status LoadFromLocker();
  // Reads the METADATA tablets' rows. REQUIRES: the root tablet serves.
  Status LoadMetadataTablets();
  // Reads all other rows. REQUIRES: all METADATA tablets serve.
  Status LoadTablets();
  bool locker_loaded() const { return locker_loaded_; }
  bool metadata_loaded() const { return metadata_loaded_; }
  bool tablets_loaded() const { return tablets_loaded_; }

  const std::map<TabletId, TabletLocation>& all() const { return locations_; }
  const TabletLocation* Find(TabletId tablet) const;
  // In key order; looks at no other table's.
  std::vector<TabletLocation> TabletsOf(TableId table) const;
  // The end of the tablet before it in its table, where it must start; "" for the first. Nothing:
  // another one has its place.
  std::optional<std::string> StartOf(const TabletDescriptor& tablet) const;
  // Those that have tablets, ascending.
  std::vector<TableId> Tables() const;
  // Every tablet's location as it was when its level was read first, before anything was written:
  // what the master before left. Until it is forgotten.
  const std::map<TabletId, TabletLocation>& found() const { return found_; }
  void ForgetFound();
  // How many locations TabletsOf has given away so far: what work done in passes costs.
  uint64_t given() const { return given_; }

  // Writes the locations (new or changed) where they belong.
  Status Put(const std::vector<TabletLocation>& locations);
  Status Remove(const std::vector<TabletLocation>& locations);

 private:
  struct LockerNode {
    const char* path;
    uint64_t version = 0;
  };
  // By the end: it never changes, and a start may be written later than a split. The last has none.
  using End = std::pair<bool, std::string>;
  static End EndOf(const TabletDescriptor& tablet) {
    return {tablet.end_row.empty(), tablet.end_row};
  }
  void Keep(TabletLocation location);
  void Forget(TabletId tablet);
  // In place of those that `replaces` is true of.
  void KeepInstead(std::map<TabletId, TabletLocation> found,
                   const std::function<bool(const TabletLocation&)>& replaces);
  Status LoadLockerNode(TabletId tablet, const char* path, const TabletDescriptor& descriptor);
  Status PutInLocker(const TabletLocation& location);
  // Groups the rows by the tablet that holds them and writes each group.
  Status WriteRows(const std::vector<TabletLocation>& locations, bool remove);
  Status TakeIn(const std::vector<Row>& rows, std::map<TabletId, TabletLocation>* into) const;

  LockerSession* const locker_;
  TabletAccess* const access_;
  Revision* const revision_;
  bool locker_loaded_ = false, metadata_loaded_ = false, tablets_loaded_ = false;
  std::map<TabletId, LockerNode> nodes_;
  std::map<TabletId, TabletLocation> locations_;
  std::map<TableId, std::map<End, TabletId>> by_table_;  // the same
  std::map<TabletId, TabletLocation> found_;
  bool finds_ = true;
  mutable uint64_t given_ = 0;
};

}  // namespace stele::master
