// LogRecovery: what the commit log of an earlier life holds, sorted straight into SSTables, tablet
// by tablet, and added to the manifests. Used once, between CommitLog::Open and Start.
//
// Promise: when Run returns OK, all of it is durable in files that manifests name; nothing was
// visible before. It may be cut off at any point and run again: what a manifest says it has flushed
// is skipped, files of an earlier try are garbage. Memory is bounded: over its limit the largest
// tablet's cells are written out early. A tablet whose manifest is damaged is set aside, with its
// records in a rescue file, and the others go on. Thread-compatible.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "tabletserver/storage/engine_core.h"
#include "tabletserver/storage/memtable/memtable.h"
#include "tabletserver/storage/published_manifest.h"
#include "tabletserver/storage/rescue_file.h"
#include "tabletserver/storage/write_record.h"

namespace stele::storage {

class LogRecovery {
 public:
  // `core`, whose log is open and not started, outlives the object.
  explicit LogRecovery(EngineCore* core) : core_(core) {}

  Status Run();
  uint64_t records() const { return records_; }
  uint64_t skipped() const { return skipped_; }

 private:
  struct Tablet {
    explicit Tablet(EngineCore* core) : making(core) {}
    std::optional<PublishedManifest> manifest;  // none: dropped, its records are skipped
    std::unique_ptr<Memtable> cells;
    std::vector<NewTable> made;
    Sequence last_sequence = 0;
    int64_t max_server_timestamp_us = 0;
    Status damage;  // of the manifest: the records go to a rescue file
    std::unique_ptr<RescueFile> rescue;
    EngineCore::Making making;
  };

  Status Add(const RecoveredRecord& record);
  StatusOr<Tablet*> Find(TabletId id);
  bool Skips(const Tablet& tablet, const WriteHeader& header) const;
  Status Rescue(const RecoveredRecord& record, Tablet* tablet);
  Status SpillLargest();
  Status Spill(Tablet* tablet);
  Status Install(TabletId id, Tablet* tablet);

  EngineCore* const core_;
  std::map<TabletId, std::unique_ptr<Tablet>> tablets_;
  uint64_t memory_bytes_ = 0;
  uint64_t records_ = 0, skipped_ = 0;
};

}  // namespace stele::storage
