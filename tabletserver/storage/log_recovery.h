// LogRecovery: what the commit log of an earlier life, or of another server, holds, sorted straight
// into SSTables, tablet by tablet, and added to the manifests. Used once, between CommitLog::Open
// and Start (or the log's drop).
//
// Promise: when Run returns OK, all of it is durable in files that manifests name; nothing was
// visible before. It may be cut off at any point and run again: what a manifest says it has flushed
// is skipped, files of an earlier try are garbage. Memory is bounded: over its limit the largest
// tablet's cells are written out early.
//
// A tablet that damage may concern (of the log, of its manifest, of a record of its own) is set
// aside: the records of it that read go to a rescue file, and a damage mark says why; both are
// durable before Run returns, as is a copy of the log's damaged bytes. The others go on.
// Thread-compatible; Run writes several tablets at once when the engine has threads of its own.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tabletserver/storage/engine_core.h"
#include "tabletserver/storage/memtable/memtable.h"
#include "tabletserver/storage/published_manifest.h"
#include "tabletserver/storage/request_memory.h"
#include "tabletserver/storage/rescue_file.h"
#include "tabletserver/storage/write_record.h"

namespace stele::storage {

// Of a Run, for others to look at meanwhile.
struct LogRecoveryProgress {
  std::atomic<uint64_t> bytes_done{0}, bytes_total{0}, tablets_done{0}, tablets_total{0};
};

class LogRecovery {
 public:
  // Of the engine's own log, which is open and not started. `core` outlives the object.
  explicit LogRecovery(EngineCore* core);
  // Of another's, sealed and never to be started, in the midst of the engine's life. Its tablets
  // have no owner: one whose manifest changes meanwhile makes Run fail with Unavailable. The name
  // is for evidence of damage. All outlive the object.
  LogRecovery(EngineCore* core, CommitLog* log, std::string log_name,
              LogRecoveryProgress* progress);

  Status Run();
  // Instead of Run: the same for the system's tablets alone, so that they may be opened while the
  // rest is sorted. DataLoss when the log or one of them is damaged; then nothing was changed.
  Status RunSystem();
  // Instead of Run: puts the records of rescue files into their tablet's files and manifest, as far
  // as they are not in it. In the order of calls; Install makes them durable.
  Status AddRescued(TabletId tablet, Slice rescue_file);
  Status InstallRescued();
  uint64_t records() const { return records_; }
  uint64_t skipped() const { return skipped_; }
  uint64_t unreadable() const { return unreadable_; }  // in rescue files

 private:
  struct Tablet {
    explicit Tablet(EngineCore* core) : making(core) {}
    std::optional<PublishedManifest> manifest;  // none: dropped, its records are skipped
    std::unique_ptr<Memtable> cells;
    std::unique_ptr<RequestMemory> requests;  // what the manifest and the records say was done
    std::vector<NewTable> made;
    Sequence last_sequence = 0;
    Epoch newest_epoch = 0;
    int64_t max_server_timestamp_us = 0;
    Status damage;  // set aside: the records go to a rescue file
    std::unique_ptr<RescueFile> rescue;
    EngineCore::Making making;
  };

  using Marked = std::map<TabletId, std::string>;  // with the report

  // Which tablets the log's damage may concern.
  Status Survey();
  Status ReplayOnce();
  Status Add(const RecoveredRecord& record);
  Status AddWhole(const RecoveredRecord& record, Tablet* tablet);
  Status AddCells(const RecoveredRecord& record, Tablet* tablet);
  // Damage in a record, or in what it says: the tablet is set aside, and replay begins again.
  Status SetAside(TabletId tablet, const Status& damage);
  Status KeepEvidence();
  Status Mark();
  StatusOr<Tablet*> Find(TabletId id);
  bool Skips(const Tablet& tablet, const WriteHeader& header) const;
  Status RememberRequest(const WriteHeader& header, Slice payload, Tablet* tablet);
  Status Rescue(const RecoveredRecord& record, Tablet* tablet);
  Status SpillLargest();
  Status Spill(Tablet* tablet);
  Status InstallAll();
  Status Install(TabletId id, Tablet* tablet);

  EngineCore* const core_;
  CommitLog* const log_;
  const std::string log_name_;
  const bool of_another_;
  LogRecoveryProgress own_progress_;  // of a log of the engine's own nobody asks
  LogRecoveryProgress* const progress_;
  bool rescuing_ = false;
  bool system_only_ = false;
  bool again_ = false;  // a tablet was set aside in the middle of a replay
  Marked set_aside_;
  std::map<TabletId, std::unique_ptr<Tablet>> tablets_;
  uint64_t memory_bytes_ = 0;
  uint64_t records_ = 0, skipped_ = 0, unreadable_ = 0;
};

}  // namespace stele::storage
