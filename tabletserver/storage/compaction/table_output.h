// TableOutput: one SSTable in the making, by a flush or a compaction. The blob is created with the
// first cell, so an output without cells leaves no file. Finish makes it durable, opens it and
// compares what the file says with what was added, before anybody may depend on it.
//
// Crash rule: until a manifest names the file it is garbage, which file GC removes. Bound to one
// thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/fault/fault.h"
#include "common/store/blob_store.h"
#include "tabletserver/storage/compaction/rate_limiter.h"
#include "tabletserver/storage/manifest/manifest.h"
#include "tabletserver/storage/sstable/sstable.h"

namespace stele::storage {

struct TableFileName {
  std::string blob;
  uint64_t file_id = 0;
};

// What a job needs of its engine. Everything pointed at outlives the job.
struct TableOutputEnv {
  BlobStore* store = nullptr;
  FaultInjector* faults = nullptr;
  RateLimiter* limiter = nullptr;  // null: not paced
  BlockCache* block_cache = nullptr;
  BlockCache* filter_cache = nullptr;
  std::function<TableFileName()> new_name;  // never the same name or id again
  std::string fault_prefix;                 // "flush", "compaction"; empty: no fault points
  bool verify = false;                      // read the whole file back
  uint32_t page_bytes = 0;                  // as in SSTableOptions
  const DroppedRows* drops = nullptr;       // the job leaves out what they hide; null: none
};

// A finished file: what the manifest will say of it, and its reader.
struct NewTable {
  ManifestFile file;
  std::shared_ptr<SSTable> table;
};

class TableOutput {
 public:
  // `env` and `group` must outlive the output.
  TableOutput(const TableOutputEnv* env, const LocalityGroupSchema* group);

  // Keys strictly ascending.
  Status Add(Slice key, Slice value);
  uint64_t cells() const { return cells_; }
  uint64_t bytes() const { return builder_ == nullptr ? 0 : builder_->estimated_bytes(); }
  // Once, after the last Add. nullopt when there was no cell.
  StatusOr<std::optional<NewTable>> Finish();

 private:
  Status Open();
  Status Point(const char* step) const;
  Status Verify(const SSTableProperties& properties, const SSTable& table) const;

  const TableOutputEnv* const env_;
  const LocalityGroupSchema* const group_;
  TableFileName name_;
  std::unique_ptr<SSTableBuilder> builder_;
  uint64_t cells_ = 0;
  uint64_t content_hash_ = 0;
  uint64_t unpaid_bytes_ = 0;  // written, not yet taken from the limiter
};

// Options of a new file of the group.
SSTableOptions TableOptionsOf(const LocalityGroupSchema& group, uint32_t page_bytes);
// Options to read one.
SSTable::OpenOptions TableOpenOptionsOf(const LocalityGroupSchema& group, BlockCache* block_cache,
                                        BlockCache* filter_cache);

}  // namespace stele::storage
