// TabletVersion: everything a read of a tablet looks at, immutable but for the cells that the log
// thread adds to the active memtable. Replaced as a whole; a reader pins one with a shared_ptr and
// takes the visible sequence after it, so it sees a prefix of the tablet's history.
//
// Invariant: each cell up to the visible sequence that no later one has made garbage is in exactly
// one of files, frozen memtables and the active one (after a failed step also in two: equal keys
// have equal values, and merge into one).
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "tabletserver/storage/cache/cache.h"
#include "tabletserver/storage/index/tablet_index.h"
#include "tabletserver/storage/iterator/dropped_rows.h"
#include "tabletserver/storage/iterator/visible_families.h"
#include "tabletserver/storage/log/commit_log.h"
#include "tabletserver/storage/manifest/manifest.h"
#include "tabletserver/storage/memtable/memtable.h"
#include "tabletserver/storage/sstable/sstable.h"

namespace stele::storage {

// A memtable with what a flush needs to know of it. Written by who has the log's turn only.
class TabletMemtable {
 public:
  explicit TabletMemtable(MemoryTracker* memory) : memory_(memory) {}
  ~TabletMemtable() { memory_->Release(charged_); }
  TabletMemtable(const TabletMemtable&) = delete;
  TabletMemtable& operator=(const TabletMemtable&) = delete;

  Memtable cells;
  std::atomic<Sequence> last_sequence{0};
  std::atomic<Lsn> first_lsn{0}, last_lsn{0};
  std::atomic<int64_t> max_server_timestamp_us{0};

  void ChargeGrowth() {
    const auto now = static_cast<int64_t>(cells.memory_bytes());
    if (now > charged_) memory_->Charge(now - charged_);
    charged_ = now;
  }

 private:
  MemoryTracker* const memory_;
  int64_t charged_ = 0;
};

struct OpenTable {
  ManifestFile file;
  std::shared_ptr<SSTable> table;  // null: it cannot be opened, `damage` says why
  bool settled = false;            // out of a major compaction
  Status damage;  // DataLoss for reads that reach into its rows, and only for those
};

struct TabletGroup {
  std::string name;
  std::vector<std::shared_ptr<const OpenTable>> tables;
  std::shared_ptr<const TabletIndex> index;  // over the tables
  std::vector<uint64_t> bytes_of;            // of each table, without what its clip leaves out
  uint64_t bytes = 0;                        // of all
};

struct TabletVersion {
  std::shared_ptr<const TableSchema> schema;
  std::shared_ptr<const VisibleFamilies> families;  // of the schema
  std::shared_ptr<const DroppedRows> drops;         // of the manifest; never null
  std::shared_ptr<TabletMemtable> active;
  std::vector<std::shared_ptr<TabletMemtable>> frozen;  // oldest first
  std::vector<TabletGroup> groups;                      // those with files, by name

  const TabletGroup* FindGroup(Slice name) const {
    for (const TabletGroup& group : groups) {
      if (group.name == name) return &group;
    }
    return nullptr;
  }
};

}  // namespace stele::storage
