// What the engine and its tablets tell of themselves: parts of engine.h. Value types.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "schema/model/model.h"
#include "tabletserver/storage/cache/cache.h"
#include "tabletserver/storage/disk_watch.h"
#include "tabletserver/storage/log/commit_log.h"
#include "tabletserver/storage/log_sorting.h"
#include "tabletserver/storage/maintenance_jobs.h"

namespace stele::storage {

struct TabletStats {
  uint64_t memtable_bytes = 0, frozen_bytes = 0, sstable_bytes = 0;
  uint32_t files = 0;
  uint64_t index_bytes = 0;
  // The tablet index, of all its locality groups: fences of blocks, and the anchors above them.
  uint64_t index_blocks = 0, index_anchors = 0;
  // What the next compaction would read; 0: none is due.
  uint64_t compaction_debt_bytes = 0;
  uint32_t compaction_debt_files = 0;
  uint64_t reads = 0, writes = 0, rows_read = 0, bytes_read = 0, bytes_written = 0;
  Lsn oldest_unflushed_lsn = 0;  // 0: none
  Sequence last_sequence = 0;
  uint64_t last_drop_order = 0;  // the highest order of DropRows that was carried out
  uint32_t row_drops = 0;        // dropped runs of rows that compactions have not worked off yet
  std::string state;             // "open", "flushing", "compacting", "failed: ..."
};

struct MemoryUse {
  std::string name;
  uint32_t depth = 0;                     // in the tree: 0 is the root, whose limit binds all
  int64_t used = 0, limit = 0, peak = 0;  // limit 0: none of its own
};

// A flush or a compaction that is due and does not run.
struct WaitingJob {
  TabletId tablet = 0;
  std::string kind;  // "flush", "merge", "major"
  std::string why;   // "the log's tail", "memory is short", "a full memtable", ...
};

struct EngineStats {
  LogRingStatus ring;
  CacheStats block_cache, filter_cache;
  int64_t memory_used = 0, memory_limit = 0;
  std::vector<MemoryUse> memory;  // each node before its children
  std::vector<RunningJob> running;
  uint64_t flushes = 0, merges = 0, majors = 0, compaction_bytes_written = 0;
  uint64_t write_stalls_ms = 0;
  uint64_t files_deleted = 0;
  DiskStats disk;
  std::vector<LogSorting> sortings;  // under way
  // Of those that are done, without short ones, which tell nothing about long ones.
  uint64_t sorted_log_bytes = 0, sorted_log_ms = 0;
};

}  // namespace stele::storage
