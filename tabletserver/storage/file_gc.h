// FileCollector: mark and sweep over all SSTables of the store. A file is live while any manifest
// names it. A dead one goes to the trash list first and is deleted a day later: two steps, each
// after reading all manifests anew, so that a mistake has time to be seen. On any doubt (a manifest
// or the list cannot be read, the lease is over) nothing is deleted.
//
// A file that somebody is about to publish is protected by its age (grace), and on this server by
// name. The wall clock may jump: besides its age by that clock, a file must have been seen dead by
// this collector for as long by the boot clock before it is deleted. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "common/base/mutex.h"
#include "tabletserver/storage/engine_core.h"
#include "tabletserver/storage/trash_list.h"

namespace stele::storage {

class FileCollector {
 public:
  // `core` outlives the collector.
  explicit FileCollector(EngineCore* core) : core_(core) {}

  // The number of files newly moved to the trash.
  StatusOr<uint64_t> Collect() EXCLUDES(mu_);

 private:
  // Names of all blobs that any manifest names.
  StatusOr<std::set<std::string>> Mark();
  StatusOr<std::set<std::string>> FindDead(const std::set<std::string>& live);
  Status Unlink(const std::set<std::string>& live, StoredTrash* trash) REQUIRES(mu_);
  bool OldEnough(const std::string& blob, int64_t trashed_at_us) REQUIRES(mu_);
  Status Point(const char* point) { return FaultPoint(core_->env.faults, point); }

  EngineCore* const core_;
  Mutex mu_;
  std::map<std::string, int64_t> seen_dead_ns_ GUARDED_BY(mu_);  // by the boot clock
};

}  // namespace stele::storage
